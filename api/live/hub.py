"""
Fan-out to live clients through bounded mailboxes.

Rule 1: nothing here waits. A client that reads slowly costs itself, never its neighbours or the broker's link.
Rule 2: a state (reading, coverage, presence, heartbeat) is conflated: a slow client gets the latest and no more.
Rule 3: an event (alarm, transition) is never dropped silently. When more than `limit` of them wait, the mailbox is
closed with a reason, its content is gone, and the client has to connect again and start from a snapshot.
"""

from collections import deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from enum import StrEnum
from typing import Final


class Type(StrEnum):
    """What a live message is about."""

    SNAPSHOT = "snapshot"
    READING = "reading"
    PRESENCE = "presence"
    COVERAGE = "coverage"
    HEARTBEAT = "heartbeat"
    ALARM = "alarm"
    TRANSITION = "transition"
    LINK = "link"
    RECORDED = "recorded"  # the number to resume from
    RESUMED = "resumed"  # what was missed has been sent


CONFLATED: Final = frozenset({Type.READING, Type.PRESENCE, Type.COVERAGE, Type.HEARTBEAT, Type.RECORDED})


@dataclass(frozen=True, slots=True)
class Message:
    """One message, encoded once for all who get it. `site` and `device` are empty where they do not apply."""

    type: Type
    site: str
    kind: str
    device: str
    text: str


@dataclass(frozen=True, slots=True)
class Interest:
    """What a client asked for; an empty set means everything."""

    sites: frozenset[str] = frozenset()
    devices: frozenset[str] = frozenset()

    def covers(self, site: str, device: str) -> bool:
        """Whether a message of that site and device concerns this client; one of a whole site or of all does."""
        if site and self.sites and site not in self.sites:
            return False
        return not (device and self.devices and device not in self.devices)


class Mailbox:
    """What waits for one client."""

    def __init__(
        self, interest: Interest, limit: int, wake: Callable[[bool], None], *, opened: int = 0, since: int | None = None
    ) -> None:
        """
        `wake` is called when something has come to wait: with True for what must not wait longer, with False for a
        state. It must not block.
        """
        self.interest = interest
        self.opened = opened  # the hub's publications before it
        self.since = since  # position in the record from which its client resumes
        self.behind: tuple[int, int] | None = None  # what its client has to read back from the record: (after, upto)
        self.covered = 0  # up to here it reads back, or has
        self.closed: str | None = None  # the reason, once it is closed
        self._limit = limit
        self._wake = wake
        self._events: deque[Message] = deque()
        self._states: dict[tuple[Type, str, str, str], Message] = {}

    def __len__(self) -> int:
        return len(self._events) + len(self._states)

    def put(self, message: Message) -> None:
        """Keep a message, replace an older state, or close the mailbox."""
        if self.closed is not None:
            return
        if message.type in CONFLATED:
            self._states[(message.type, message.site, message.kind, message.device)] = message
            self._wake(False)
        elif len(self._events) >= self._limit:
            self.close(f"too slow: more than {self._limit} alarm messages waited; connect again")
        else:
            self._events.append(message)
            self._wake(True)

    def lag(self, after: int, upto: int) -> None:
        """Too much to wait here: its client is to be served from the record, from `after` on."""
        self.behind = (self.behind[0] if self.behind else after, upto)
        self.covered = upto
        self._wake(True)

    @property
    def room(self) -> int:
        """Events that may still come to wait."""
        return self._limit - len(self._events)

    def take(self) -> list[Message]:
        """Everything that waits, events first in their order, then the latest states."""
        taken = [*self._events, *self._states.values()]
        self._events.clear()
        self._states.clear()
        return taken

    def close(self, reason: str) -> None:
        """Take nothing more; what waits is dropped, because the client will start from a snapshot."""
        if self.closed is None:
            self.closed = reason
            self._events.clear()
            self._states.clear()
            self._wake(True)


class HubFull(Exception):
    """No further client is admitted."""


class Hub:
    """All mailboxes of the process."""

    def __init__(self, *, clients_max: int, mailbox: int) -> None:
        self._clients_max = clients_max
        self.mailbox = mailbox
        self._boxes: set[Mailbox] = set()
        self._by_site: dict[str, set[Mailbox]] = {}
        self._of_all: set[Mailbox] = set()  # those of no site in particular
        self.published = 0
        self.slow = 0  # mailboxes closed because their client was too slow

    def __len__(self) -> int:
        return len(self._boxes)

    def open(self, interest: Interest, wake: Callable[[bool], None], *, since: int | None = None) -> Mailbox:
        """A mailbox that gets everything from now on. Raises HubFull."""
        if len(self._boxes) >= self._clients_max:
            raise HubFull(f"{self._clients_max} live clients are connected already")
        box = Mailbox(interest, self.mailbox, wake, opened=self.published, since=since)
        self._boxes.add(box)
        for group in self._groups(interest):
            group.add(box)
        return box

    def leave(self, box: Mailbox) -> None:
        """Forget a mailbox; doing it twice is no error."""
        self._boxes.discard(box)
        for group in self._groups(box.interest):
            group.discard(box)
        for site in box.interest.sites:
            if not self._by_site[site]:
                del self._by_site[site]

    def _groups(self, interest: Interest) -> list[set[Mailbox]]:
        return [self._by_site.setdefault(site, set()) for site in interest.sites] or [self._of_all]

    def publish(self, message: Message) -> None:
        """Hand a message to everyone whom it concerns."""
        self.published += 1
        if message.site:
            # A message of one site in a hundred is not shown to the clients of the others.
            self.hand(message, (*self._by_site.get(message.site, ()), *self._of_all))
        else:
            self.hand(message, self._boxes)

    def hand(self, message: Message, boxes: Iterable[Mailbox]) -> None:
        """Hand a message to those of these mailboxes whom it concerns."""
        for box in tuple(boxes):
            if box.interest.covers(message.site, message.device):
                box.put(message)
                if box.closed is not None:
                    self.slow += 1
                    self.leave(box)

    def boxes(self) -> frozenset[Mailbox]:
        """All mailboxes that are open now."""
        return frozenset(self._boxes)

    def close(self, reason: str) -> None:
        """Close every mailbox, for example because the service stops."""
        for box in tuple(self._boxes):
            box.close(reason)
            self.leave(box)
