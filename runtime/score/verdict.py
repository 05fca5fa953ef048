"""
How what was heard is held against the truth.

Rule 1: an alarm is *false* outside the windows of all events of its device, when no allowance covers it.
Rule 2: an event is *detected* by the first alarm inside its window of a rule of the event; where nobody's life
hangs on it, an advisory line will do.
Rule 3: a missed event has the lead of its window's end: not to answer is no way to a better median.
Rule 4: an event that a device samples too slowly to see is not asked for, and listed.
"""

import statistics
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from runtime.score.heard import ANY, Heard, Said
from simulators.labelled.boxes import Recording
from simulators.labelled.truth import Allowance, Event

DAY_S = 86_400.0


@dataclass
class Tally:
    """The counts of one detector, over one scenario or many."""

    asked: int = 0
    asked_life_safety: int = 0
    not_monitored: int = 0
    missed_life_safety: int = 0
    missed_other: int = 0
    false_alarms: int = 0
    repeats: int = 0
    lines: int = 0
    crane_days: float = 0.0
    bay_days: float = 0.0
    sound_s: float = 0.0
    tone_s: float = 0.0
    hours: float = 0.0
    delays_s: list[float] = field(default_factory=list)
    leads_s: list[float] = field(default_factory=list)
    missed: list[str] = field(default_factory=list)
    false: list[str] = field(default_factory=list)
    unseen: list[str] = field(default_factory=list)

    def add(self, other: "Tally") -> None:
        """Take over another scenario's counts."""
        for name in self.__dataclass_fields__:
            setattr(self, name, getattr(self, name) + getattr(other, name))

    @property
    def days(self) -> float:
        """Days of cranes and bays watched; a bay counts as one crane, however many posts it has."""
        return self.crane_days + self.bay_days

    def figures(self) -> dict[str, Any]:
        """The figures that `--json` promises, and what they are made of."""
        return {
            "missed_life_safety": self.missed_life_safety,
            "missed_other": self.missed_other,
            "events_life_safety": self.asked_life_safety,
            "events": self.asked,
            "not_monitored": self.not_monitored,
            "false_alarms": self.false_alarms,
            "crane_days": round(self.days, 3),
            "false_alarms_per_crane_day": round(self.false_alarms / self.days, 3) if self.days else None,
            "cab_sound_s_per_hour": round(self.sound_s / self.hours, 2) if self.hours else None,
            "cab_tone_s_per_hour": round(self.tone_s / self.hours, 2) if self.hours else None,
            "median_lead_s": _median(self.leads_s),
            "median_delay_s": _median(self.delays_s),
            "repeats": self.repeats,
            "advisory_lines": self.lines,
        }


def _median(values: list[float]) -> float | None:
    return round(statistics.median(values), 2) if values else None


def judge(recording: Recording, heard: Heard) -> Tally:
    """Count."""
    tally = Tally(lines=len(heard.lines), sound_s=sum(heard.sound_s.values()))
    tally.tone_s = sum(heard.tone_s.values())
    interval = {trace.device: trace.interval_s for trace in recording.traces}
    for trace in recording.traces:
        if trace.kind == "crane":
            tally.crane_days += trace.length_s / DAY_S
            tally.hours += trace.length_s / 3600
    bays = {trace.config.bay for trace in recording.traces if trace.kind == "formwork"}
    tally.bay_days += len(bays) * recording.duration_s / DAY_S
    tally.hours += len(bays) * recording.duration_s / 3600
    by_device: dict[str, list[Event]] = {}
    for event in recording.truth.events:
        for device in {event.device, *event.also}:
            by_device.setdefault(device, []).append(event)
        _detection(tally, event, interval[event.device], heard)
    _false_alarms(tally, recording.truth.allowances, by_device, interval, heard.alarms)
    return tally


def _detection(tally: Tally, event: Event, interval_s: float, heard: Heard) -> None:
    if not event.asked(interval_s):
        tally.not_monitored += 1
        tally.unseen.append(f"{event.device}: {event.what}")
        return
    tally.asked += 1
    tally.asked_life_safety += event.life_safety
    first, last = event.window(interval_s)
    told = heard.alarms if event.life_safety else [*heard.alarms, *heard.lines]
    times = [said.t for said in told if event.about(said.device) and first <= said.t <= last and _right(said, event)]
    if times:
        tally.delays_s.append(max(0.0, min(times) - event.onset_s))
    else:
        tally.missed.append(f"{event.device}: {event.what}")
        tally.missed_life_safety += event.life_safety
        tally.missed_other += not event.life_safety
    if event.limit_s is not None:
        tally.leads_s.append(event.limit_s - (min(times) if times else last))


def _right(said: Said, event: Event) -> bool:
    return said.rule == ANY or said.rule in event.rules


def _false_alarms(
    tally: Tally, allowances: Iterable[Allowance], events: dict[str, list[Event]], interval: dict[str, float],
    alarms: list[Said],
) -> None:  # fmt: skip
    allowed: dict[str, list[Allowance]] = {}
    for allowance in allowances:
        allowed.setdefault(allowance.device, []).append(allowance)
    seen: set[tuple[int, str]] = set()
    for said in alarms:
        mine = [event for event in events.get(said.device, ()) if _inside(said, event, interval[event.device])]
        if mine:
            key = (id(mine[0]), said.rule)
            tally.repeats += key in seen
            seen.add(key)
        elif not any(_covers(allowance, said) for allowance in allowed.get(said.device, ())):
            tally.false_alarms += 1
            tally.false.append(f"{said.device}: {said.rule} at {said.t:.0f} s")


def _inside(said: Said, event: Event, interval_s: float) -> bool:
    first, last = event.window(interval_s)
    return first <= said.t <= last


def _covers(allowance: Allowance, said: Said) -> bool:
    right = said.rule == ANY or said.rule in allowance.rules
    return right and allowance.onset_s <= said.t <= allowance.end_s and said.severity <= allowance.most
