"""
A device's history through the engine once more: the same readings, the same alarms. Pure.

Rule 1: order is (boot, seq, i). Terms and answers stand behind the frame after which they fell.
Rule 2: nothing observed is decided again: answers are read back, arrival is not looked at.
Rule 3: what a replay gives is derived transitions only, and of one device.
"""

from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Final, NamedTuple

from analytics import adoption
from analytics.alarm_record import Record
from analytics.detectors import proof
from analytics.engine import Engine
from analytics.identity import DeviceKey
from analytics.limits import COLUMNS
from analytics.samples import Arrived
from telemetry.limit_profile import Profile
from telemetry.wire.cycle import Cycle
from telemetry.wire.frames import Frame
from telemetry.wire.payloads import Alarm, Terms, Transition

AT_ONCE: Final = 512
Ranges = dict[str, list[tuple[int, int]]]  # boot to ranges of seq, ends included


class Place(NamedTuple):
    """Behind which frame something fell; `boot` is the boot's rank in the device's order, -1 is before all."""

    boot: int
    seq: int


BEFORE: Final = Place(-1, 0)


class Told(NamedTuple):
    """A frame as it is stored, and when it was received (Unix ms)."""

    frame: Frame
    received: int


@dataclass(frozen=True)
class History:
    """
    What is known of a device, or of a stretch of it.

    boots: in the device's order; frames: in order of receipt or any other; terms and answers: in the order in which
    they were recorded; profiles: those that terms may name beside the packaged ones. Frames of other boots than these,
    and answers without a place, are left out.
    """

    key: DeviceKey
    boots: Sequence[str]
    frames: Sequence[Told]
    terms: Sequence[Terms] = ()
    answers: Sequence[Transition] = ()
    profiles: Sequence[Profile] = ()
    rank: dict[str, int] = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "rank", {boot: rank for rank, boot in enumerate(self.boots)})

    def place(self, boot: str | None, seq: int | None) -> Place | None:
        """Where that is; None for a boot that is not ours."""
        rank = self.rank.get(boot or "")
        return None if rank is None or seq is None else Place(rank, seq)

    def under(self) -> Iterator[tuple[Place, Terms]]:
        """
        The terms with their places.

        The first ones hold for what was before them, too: frames of a time when the analyzer did not know the device.
        """
        first = True
        for terms in self.terms:
            place = BEFORE if first else self.place(terms.boot, terms.seq)
            first = False
            if place is not None:
                yield place, terms

    def only(self, ranges: Ranges) -> "History":
        """The same with only those frames."""
        return History(self.key, self.boots, [one for one in self.frames if within(ranges, one.frame)],
                       self.terms, self.answers, self.profiles)  # fmt: skip


Step = Told | Terms | Transition


class Notes:
    """The terms and answers of a history, given out between its frames."""

    def __init__(self, history: History) -> None:
        found: list[tuple[Place, int, int, Terms | Transition]] = []
        for n, (place, terms) in enumerate(history.under()):
            found.append((place, 1, n, terms))
        for n, answer in enumerate(history.answers):
            fell = history.place(*answer.after) if answer.after is not None else None
            if fell is not None:
                found.append((fell, 2, n, answer))
        found.sort(key=lambda one: one[:3])
        self._waiting = deque((place, step) for place, _, _, step in found)

    def before(self, place: Place | None) -> Iterator[tuple[Place, Terms | Transition]]:
        """Those in front of the frame at that place that were not given out yet; all that are left for None."""
        while self._waiting and (place is None or self._waiting[0][0] < place):
            yield self._waiting.popleft()


def steps(history: History) -> Iterator[tuple[Place, Step]]:
    """Everything in order, each with its place. A frame that is there twice is given once, as it came first."""
    found: list[tuple[int, int, int, Told]] = []
    for n, told in enumerate(sorted(history.frames, key=lambda told: told.received)):
        stands = history.place(told.frame.boot, told.frame.seq)
        if stands is not None:
            found.append((*stands, n, told))
    found.sort(key=lambda one: one[:3])
    notes = Notes(history)
    before: Place | None = None
    for boot, seq, _, told in found:
        place = Place(boot, seq)
        if place == before:
            continue
        before = place
        yield from notes.before(place)
        yield place, told
    yield from notes.before(None)


class Replay:
    """An engine with one device, fed from its history."""

    def __init__(self, key: DeviceKey, heard: Iterable[str] | None = None, profiles: Sequence[Profile] = ()) -> None:
        """
        `heard`: the transitions that were annunciated; None when all were.

        What nobody heard waits for nobody to acknowledge it.
        """
        self.key = key
        self.profiles = profiles
        self.engine = Engine()
        self.engine.learn(profiles)
        self.engine.annunciator.heard = None if heard is None else frozenset(heard)
        self.cycles: list[Cycle] = []  # all that were over so far
        self._drift = 0
        self._adopted: list[tuple[Record, Alarm]] = []

    def feed(self, part: Sequence[Told]) -> list[Transition]:
        """The derived transitions of these frames, which are beyond all before."""
        if not part:
            return []
        if self._drift:
            # One frame sets the line, which is then moved: nothing was measured along it yet.
            part, rest = part[:1], part[1:]
            drift, self._drift = self._drift, 0
            found = self.feed(part)
            fleet = self.engine.fleets[self.key[1]]
            fleet.table["line"][fleet.row(self.key[0], self.key[2])] += drift
            return found + self.feed(rest)
        outcome = self.engine.feed([Arrived(*self.key, told.frame, told.received) for told in part])
        self.cycles += outcome.cycles
        return [transition for transition in outcome.transitions if not transition.observed]

    def take(self, step: Terms | Transition) -> None:
        """Terms, or an answer."""
        if isinstance(step, Terms):
            self.engine.under(self.key, step)
            if self._adopted:
                fleet = self.engine.fleets[self.key[1]]
                for record, alarm in self._adopted:
                    adoption.again(fleet, fleet.row(self.key[0], self.key[2]), record, alarm)
                self._adopted = []
        else:
            self.engine.read_back(self.key, step)

    def shift(self, drift_ms: int) -> None:
        """The first frame is in the middle of a life: its line time is its `ts` and so much."""
        self._drift = drift_ms

    def forget(self) -> None:
        """The analyzer lost its memory here: windows begin anew, alarms were taken over as they stood."""
        old = self.engine
        self.engine = Engine()
        self.engine.learn(self.profiles)
        self.engine.annunciator.heard = old.annunciator.heard
        self.engine.annunciator.records = old.annunciator.records
        self.engine.annunciator.rebuild()
        before, after = old.fleets[self.key[1]], self.engine.fleets[self.key[1]]
        was, row = before.row(self.key[0], self.key[2]), after.row(self.key[0], self.key[2])
        columns = range(len(COLUMNS[self.key[1]]))
        for name in ("on", "clear"):
            after.table[name][row, columns] = before.table[name][was, columns]
        if self.key[1] == "crane":
            proof.carry(before.table, was, after.table, row)
        self._adopted = []
        for rule, record in old.annunciator.records.get(self.key, {}).items():
            alarm = old.annunciator.payload(self.key, rule)
            if alarm is not None and alarm.active and rule not in adoption.OBSERVED:
                self._adopted.append((record, alarm))
        # The terms that follow are the first; what was taken over is then held to what was known of its limits.
        after.devices[row].under = None
        after.table["figure"][row] = 0


def replay(history: History, heard: Iterable[str] | None = None, *, forgets: bool = False) -> list[Transition]:
    """
    The derived transitions of a whole history, in order.

    With `forgets` as the analyzer was, which begins anew wherever its terms say `start`; without, as one that never
    lost its memory. Raises ConfigError when terms name a profile or rule that there is no more.
    """
    player = Replay(history.key, heard, history.profiles)
    found: list[Transition] = []
    waiting: list[Told] = []
    begun = False
    for _, step in steps(history):
        if isinstance(step, Told):
            waiting.append(step)
            if len(waiting) >= AT_ONCE:
                found += player.feed(waiting)
                waiting.clear()
            continue
        if waiting:
            found += player.feed(waiting)
            waiting.clear()
            begun = True
        if forgets and isinstance(step, Terms) and step.start and begun:
            player.forget()
        player.take(step)
    if waiting:
        found += player.feed(waiting)
    return found


def within(ranges: Ranges, frame: Frame) -> bool:
    """Whether a frame is in these ranges."""
    if frame.boot is None or frame.seq is None:
        return False
    return any(low <= frame.seq <= high for low, high in ranges.get(frame.boot, ()))
