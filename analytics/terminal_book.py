"""
What terminals say of themselves every second, condensed to what the engine must know: shown, muted, absent.

Rule 1: pure, and no state of the engine: heartbeats are facts of arrival, and are not journalled. What is journalled is
a *change* of what they come to, as a note, so that recovery decides the same again; a change of one device comes at
most every `MUTED_MS`, however its terminals flap.
Rule 2: time is that of our own ticks, which stand behind what was queued before them: a stall of ours makes nobody
absent. Behind a new link nobody is absent or muted before heartbeats have had their time to come.
Rule 3: bounded: devices that the engine knows, and `TERMINALS_MAX` terminals of each, the longest unheard goes first.
"""

from collections.abc import Callable, Iterable, Mapping
from enum import StrEnum
from typing import Final, NamedTuple

from analytics.identity import DeviceKey
from telemetry.errors import CranewatchError
from telemetry.wire import payloads, topics
from telemetry.wire.topics import Leaf

ABSENT_MS: Final = 10_000
MUTED_MS: Final = 5_000
EVERY_MS: Final = 1_000
TERMINALS_MAX: Final = 8
TOPICS_MAX: Final = 20_000


class Showing(StrEnum):
    """What the terminals of a device come to."""

    SHOWN = "shown"  # one of them is visible and can be heard
    MUTED = "muted"  # they speak, and none is
    ABSENT = "absent"  # none speaks


class Heard(NamedTuple):
    """A terminal's last heartbeat, and the last that said that it can be seen and heard; tick time, Unix ms."""

    at: int
    good: int


class TerminalBook:
    """The terminals of a partition."""

    def __init__(self, known: Callable[[DeviceKey], bool]) -> None:
        """`known`: whether the engine knows a device; what it does not know is not kept."""
        self._known = known
        self._devices: dict[DeviceKey, dict[str, Heard]] = {}
        self._said: dict[DeviceKey, Showing] = {}
        self._topics: dict[str, DeviceKey | None] = {}
        self._fresh = True
        self._from = 0  # nothing is missed before
        self._now = 0
        self._looked = 0

    def restore(self, said: Mapping[DeviceKey, Showing]) -> None:
        """What the engine that came back was told last."""
        self._said = dict(said)

    def linked(self) -> None:
        """A new connection: what was said meanwhile did not reach us."""
        self._fresh = True

    def heard(self, topic: str, payload: bytes) -> None:
        """A message on `up/shown`. What cannot be understood, and receipts, are nothing here: ingest keeps them."""
        key = self._key(topic)
        if key is None or not self._known(key):
            return
        try:
            beat = payloads.decode(payloads.Shown, payload)
        except CranewatchError:
            return
        if beat.transition is not None:
            return
        good = beat.visible is True and beat.audio == "running" and (beat.volume or 0) > 0
        terminals = self._devices.setdefault(key, {})
        before = terminals.pop(beat.terminal, None)
        last = self._now if good else (before.good if before is not None else 0)
        terminals[beat.terminal] = Heard(self._now, last)
        if len(terminals) > TERMINALS_MAX:
            del terminals[next(iter(terminals))]

    def changes(self, now: int) -> dict[DeviceKey, Showing]:
        """At a tick of our own (Unix ms): the devices of which something else is true than was said last."""
        self._now = max(self._now, now)
        if self._fresh:
            self._fresh, self._from = False, self._now
        if self._now - self._looked < EVERY_MS:
            return {}
        self._looked = self._now
        found: dict[DeviceKey, Showing] = {}
        for key in [*self._devices, *(self._said.keys() - self._devices.keys())]:
            showing = self._showing(self._devices.get(key, {}).values())
            if showing is not None and showing is not self._said.get(key):
                found[key] = self._said[key] = showing
            if showing is Showing.ABSENT:
                self._devices.pop(key, None)
        return found

    def _showing(self, terminals: Iterable[Heard]) -> Showing | None:
        """None: nobody can say yet."""
        last = good = self._from
        for one in terminals:
            last, good = max(last, one.at), max(good, one.good)
        if self._now - last > ABSENT_MS:
            return Showing.ABSENT
        if self._now - good > MUTED_MS:
            return Showing.MUTED if last > good else None  # one that stopped is not muted: it is absent, or comes again
        return Showing.SHOWN if good > self._from else None

    def _key(self, topic: str) -> DeviceKey | None:
        if topic not in self._topics:
            if len(self._topics) >= TOPICS_MAX:
                self._topics.clear()
            try:
                found = topics.parse(topic)
            except CranewatchError:
                self._topics[topic] = None
            else:
                ours = found.leaf is Leaf.SHOWN
                self._topics[topic] = (found.site, found.kind, found.device) if ours else None
        return self._topics[topic]
