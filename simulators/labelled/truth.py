"""
The truth about a labelled scenario: what was dangerous, for which device, from when until when.

Rule 1: truth comes from the plant as it was, without noise, never from what a sensor or an engine said.
Rule 2: a device that samples too slowly to see an event is not asked for it: the event is listed as not monitored,
neither missed nor detected.
Rule 3: an *allowance* is a time in which a rule speaks rightly although nothing is dangerous (90 % of a legal lift):
an alarm in it is not false, and its absence is not a miss.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final, TypeVar

from telemetry.model import Severity

EARLY_S: Final = 5.0  # a label's own uncertainty: an alarm so long before the onset still belongs to it
LATE_S: Final = 30.0
SAMPLES: Final = 4  # an event must last so many samples of a slow device: three that must hold, and one for the phase
FAST_S: Final = 0.5  # devices at least so fast need no count of samples, but `LEAST_S` of the condition
LEAST_S: Final = 1.5


@dataclass(frozen=True, slots=True)
class Event:
    """
    Something dangerous, on one device. Times are seconds of the run.

    `limit_s` is when the physical limit is reached, where there is one: a warning before it has a lead. `rules` are
    those any of which counts as detecting it. `min_hz` is how often a device must sample to be asked at all. Some
    things are over in an instant and leave their trace (`lasting`): their length says nothing about who can see them.
    `also` are devices whose alarm is as good: the other posts of a bay, when it is the bay that is in danger.
    """

    device: str
    what: str
    rules: frozenset[str]
    onset_s: float
    end_s: float
    limit_s: float | None = None
    life_safety: bool = True
    min_hz: float = 0.0
    lasting: bool = False
    late_s: float = LATE_S
    also: frozenset[str] = frozenset()

    def about(self, device: str) -> bool:
        """Whether an alarm of that device can be about it."""
        return device == self.device or device in self.also

    def asked(self, interval_s: float) -> bool:
        """Whether a device with this interval can be asked for it."""
        if self.min_hz and interval_s > 1 / self.min_hz + 1e-9:
            return False
        least = LEAST_S if interval_s <= FAST_S else SAMPLES * interval_s
        return self.lasting or self.end_s - self.onset_s >= least

    def window(self, interval_s: float) -> tuple[float, float]:
        """From when until when an alarm belongs to it."""
        return self.onset_s - EARLY_S, self.end_s + self.late_s + 3 * interval_s


@dataclass(frozen=True, slots=True)
class Allowance:
    """From `onset_s` to `end_s` these rules may speak, up to `most`."""

    device: str
    rules: frozenset[str]
    onset_s: float
    end_s: float
    most: Severity = Severity.PREWARNING


@dataclass(frozen=True, slots=True)
class Truth:
    """All of it for one recording."""

    events: tuple[Event, ...] = ()
    allowances: tuple[Allowance, ...] = ()

    def joined(self, other: "Truth") -> "Truth":
        """Both."""
        return Truth(self.events + other.events, self.allowances + other.allowances)


Label = TypeVar("Label", Event, Allowance)


def moved(label: Label, device: str, by_s: float, last_s: float) -> Label | None:
    """The label on another device's own time, which begins at `by_s` of the plant's; None when it lies outside."""
    onset, end = label.onset_s - by_s, label.end_s - by_s
    if end < 0.0 or onset > last_s:
        return None
    found = replace(label, device=device, onset_s=max(onset, 0.0), end_s=min(end, last_s))
    if isinstance(found, Event) and found.limit_s is not None:
        found = replace(found, limit_s=found.limit_s - by_s)
    return found


def spread(labels: Sequence[Label], devices: Sequence[tuple[str, float, float]]) -> tuple[Label, ...]:
    """The labels of one plant on each of its boxes, given as (device, start in the plant's time, length)."""
    found = (moved(label, device, start, length) for device, start, length in devices for label in labels)
    return tuple(label for label in found if label is not None)
