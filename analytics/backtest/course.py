"""
The course of a device's alarms in a replay: which came, when, how far they rose, how long the cab sounded. Pure.

Rule 1: an alarm is one rule's condition from its rise to its end. What people answered changes none of it, so that two
profiles can be compared although nobody has answered the second; but what is shelved, disabled or suppressed by design
is heard by nobody and counts as over.
Rule 2: times are the device's own, in Unix ms. Nobody presses *silence*: it is the sound that a profile asks for.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Final

from analytics.alarm_record import Record
from analytics.identity import DeviceKey
from analytics.limits import COLUMNS
from telemetry.model import Severity, Signal, State
from telemetry.wire.payloads import Cause

LOUD: Final = ("pulse", "continuous")
UNHEARD: Final = (State.SHELVED, State.DISABLED)
# Answers that take an alarm away from everybody, or bring it back.
HIDING: Final = frozenset(
    {Signal.SHELVE, Signal.UNSHELVE, Signal.DISABLE, Signal.ENABLE, Signal.SUPPRESS, Signal.UNSUPPRESS}
)


@dataclass(slots=True)
class Came:
    """
    An alarm that came.

    steps: when each severity was first reached; until: None while it is on; value and limit: where it was highest;
    standing: it was on before anything here was replayed; sounded: when the cab sounded for it.
    """

    rule: str
    at: int
    cause: Cause
    life_safety: bool
    steps: dict[Severity, int]
    until: int | None = None
    value: float | None = None
    limit: float | None = None
    unit: str | None = None
    profile: str | None = None
    standing: bool = False
    sounded: list[tuple[int, int]] = field(default_factory=list)

    @property
    def severity(self) -> Severity:
        """How far it rose."""
        return max(self.steps)

    def steps_at(self, severity: Severity) -> int | None:
        """When it first reached that severity or a higher one; None when it did not."""
        return min((at for step, at in self.steps.items() if step >= severity), default=None)

    def on(self, severity: Severity, first: int, last: int) -> bool:
        """Whether it had reached that and was not over, at some time between these."""
        reached = self.steps_at(severity)
        return reached is not None and reached <= last and (self.until is None or self.until >= first)


@dataclass(slots=True)
class _Sound:
    alarm: Came
    since: int
    cab: str
    ends: int | None


@dataclass
class Course:
    """What an annunciator's witness saw of one device; `key` is its."""

    key: DeviceKey
    came: list[Came] = field(default_factory=list)
    _open: dict[str, Came] = field(default_factory=dict)
    _level: dict[str, Severity] = field(default_factory=dict)
    _sounds: dict[str, _Sound] = field(default_factory=dict)
    _rules: frozenset[str] = field(init=False)

    def __post_init__(self) -> None:
        self._rules = frozenset(rule for rule, _ in COLUMNS[self.key[1]])

    def begin(self, records: dict[str, Record]) -> None:
        """What stands already when the replay begins."""
        for rule, record in records.items():
            if record.level > Severity.NONE and rule in self._rules:
                self._rise(rule, record, record.since, standing=True)
                self._sound(rule, record.facts.cab, record.facts.sound_s, record.since)

    def saw(self, device: DeviceKey, rule: str, record: Record) -> None:
        """A condition has changed: the annunciator's witness."""
        if device == self.key and rule in self._rules:
            self._note(rule, record, record.facts.at)

    def answered(self, rule: str, record: Record | None, at: int) -> None:
        """An answer of `HIDING` was read back."""
        if record is not None and rule in self._rules:
            self._note(rule, record, at)

    def end(self, at: int) -> None:
        """The replay is over at that time (Unix ms)."""
        for rule in list(self._sounds):
            self._hush(rule, at)

    def sound_s(self, first: int, last: int) -> float:
        """Seconds between these times (Unix ms) in which the cab sounded; two alarms at once are one sound."""
        return sound_s(self.came, first, last)

    def _note(self, rule: str, record: Record, at: int) -> None:
        hidden = record.suppressed or record.state in UNHEARD
        level = Severity.NONE if hidden else record.level
        before = self._level.get(rule, Severity.NONE)
        if level > Severity.NONE:
            self._rise(rule, record, at)
        elif rule in self._open:
            self._open.pop(rule).until = at
        self._level[rule] = level
        cab = record.cab if level > Severity.NONE else "none"
        sound = self._sounds.get(rule)
        if level <= before and sound is not None and cab == sound.cab:
            return
        self._hush(rule, at)
        # A milder step brings no sound of its own back.
        if level > before:
            self._sound(rule, cab, record.facts.sound_s, at)

    def _sound(self, rule: str, cab: str, length_s: float | None, at: int) -> None:
        if cab in LOUD:
            ends = None if length_s is None else at + round(1000 * length_s)
            self._sounds[rule] = _Sound(self._open[rule], at, cab, ends)

    def _rise(self, rule: str, record: Record, at: int, *, standing: bool = False) -> None:
        facts = record.facts
        alarm = self._open.get(rule)
        if alarm is None:
            alarm = Came(rule, at, facts.cause, facts.life_safety, {}, standing=standing)
            self.came.append(alarm)
            self._open[rule] = alarm
        if record.level not in alarm.steps:
            if not alarm.steps or record.level > alarm.severity:
                alarm.value, alarm.limit, alarm.unit, alarm.profile = (
                    facts.value, facts.limit, facts.unit, facts.profile
                )  # fmt: skip
            alarm.steps[record.level] = at
        alarm.life_safety = alarm.life_safety or facts.life_safety
        self._level[rule] = record.level

    def _hush(self, rule: str, at: int) -> None:
        sound = self._sounds.pop(rule, None)
        if sound is not None:
            end = at if sound.ends is None else min(at, sound.ends)
            if end > sound.since:
                sound.alarm.sounded.append((sound.since, end))


def sound_s(came: Iterable[Came], first: int, last: int) -> float:
    """Seconds between these times (Unix ms) in which the cab sounded; two alarms at once are one sound."""
    parts = joined((part for one in came for part in one.sounded), first, last)
    return sum(end - begin for begin, end in parts) / 1000


def joined(parts: Iterable[tuple[int, int]], first: int, last: int) -> list[tuple[int, int]]:
    """The union of intervals, cut to that range."""
    found: list[tuple[int, int]] = []
    for begin, end in sorted(parts):
        begin, end = max(begin, first), min(end, last)
        if begin >= end:
            continue
        if found and begin <= found[-1][1]:
            found[-1] = (found[-1][0], max(end, found[-1][1]))
        else:
            found.append((begin, end))
    return found
