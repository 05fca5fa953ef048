"""
What goes wrong with ourselves and must be said at the desk: the journal, the broker, the room for devices.

Rule 1: pure. Times come in, in seconds of one clock; `changes` says what began and what is over.
Rule 2: an event (a publish refused, messages dropped, a session lost) is a trouble until it has not come again for
`QUIET_S`; a state (the journal, nobody listening) is one for as long as it lasts.
Rule 3: closed set: a trouble is an alarm rule of the analyzer itself, with its words in `texts.TROUBLES`.
"""

from enum import StrEnum
from typing import Final

QUIET_S: Final = 600.0
UNHEARD_S: Final = 30.0  # at a start the one who records may come a moment later


class Trouble(StrEnum):
    """What can be wrong with us."""

    JOURNAL = "journal"  # it cannot be written
    DROPPED = "dropped"  # the broker dropped messages of a full queue
    REFUSED = "refused"  # the broker refuses what we publish
    UNHEARD = "unheard"  # nobody subscribes to what has to be recorded
    SESSION = "session"  # the broker lost our session
    DEVICES = "devices"  # more devices than we have room for


class Troubles:
    """What was noticed, and what of it was said."""

    def __init__(self) -> None:
        self._details: dict[Trouble, str] = {}
        self._until: dict[Trouble, float] = {}
        self._said: dict[Trouble, str] = {}
        self._unheard: tuple[float, str] | None = None
        self._dropped: int | None = None

    def restore(self, said: dict[str, str], now: float) -> None:
        """What was being said when our memory was written: it goes on until it is found to be over."""
        for rule, detail in said.items():
            if rule in set(Trouble):
                trouble = Trouble(rule)
                self._said[trouble] = self._details[trouble] = detail
                self._until[trouble] = now + QUIET_S

    def happened(self, trouble: Trouble, detail: str, now: float) -> None:
        """An event: it counts for `QUIET_S` from now."""
        self._details.setdefault(trouble, detail)
        self._until[trouble] = now + QUIET_S

    def holds(self, trouble: Trouble, detail: str | None) -> None:
        """A state: with words for as long as it lasts, None when it is over."""
        self._until.pop(trouble, None)
        if detail is None:
            self._details.pop(trouble, None)
        else:
            self._details.setdefault(trouble, detail)

    def answered(self, topic: str, *, heard: bool, now: float) -> None:
        """The broker took a publish that has to be recorded; `heard` is whether anybody subscribes to it."""
        if heard:
            self._unheard = None
            self.holds(Trouble.UNHEARD, None)
        elif self._unheard is None:
            self._unheard = (now, topic)

    def counted(self, dropped: int, now: float) -> None:
        """The broker's own count of dropped messages; what it was before we looked is no news."""
        before, self._dropped = self._dropped, dropped
        if before is not None and dropped > before:
            self.happened(Trouble.DROPPED, str(dropped - before), now)

    def changes(self, now: float) -> list[tuple[Trouble, str | None]]:
        """What began (with words) and what is over (None) since the last call."""
        if self._unheard is not None and now - self._unheard[0] >= UNHEARD_S:
            self.holds(Trouble.UNHEARD, self._unheard[1])
        for trouble in [one for one, until in self._until.items() if now >= until]:
            del self._until[trouble]
            self._details.pop(trouble, None)
        found: list[tuple[Trouble, str | None]] = []
        for trouble in Trouble:
            detail = self._details.get(trouble)
            if (detail is None) != (trouble not in self._said):
                found.append((trouble, detail))
                if detail is None:
                    del self._said[trouble]
                else:
                    self._said[trouble] = detail
        return found
