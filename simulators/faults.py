"""
What goes wrong between the machine and the message, as pure transforms of a sample.

A transform takes the sample (channel names to values) and its time and gives the sample that the box sends, or None
when it sends none. It changes a copy. Losing the link is not here: it happens to the connection, not to the sample.
"""

import zlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

import numpy as np

Channels = Mapping[str, Any]


class Fault(Protocol):
    """Something that changes samples between two times."""

    def apply(self, t: float, sample: Channels) -> Channels | None:
        """The sample as sent, or None when nothing is sent."""

    def over(self, t: float) -> bool:
        """Whether it can be forgotten."""


@dataclass(frozen=True, slots=True)
class Window:
    """From `at` for `for_s` seconds; without `for_s`, for good."""

    at: float
    for_s: float | None = None

    def __contains__(self, t: float) -> bool:
        return self.at <= t and not self.over(t)

    def over(self, t: float) -> bool:
        """Whether t is behind it."""
        return self.for_s is not None and t >= self.at + self.for_s


@dataclass(slots=True)
class Stuck:
    """A sensor repeats its last value."""

    window: Window
    channel: str
    _held: Any = field(default=None, init=False)

    def apply(self, t: float, sample: Channels) -> Channels:
        """Hold the first value seen inside the window."""
        if t not in self.window or self.channel not in sample:
            return sample
        if self._held is None:
            self._held = sample[self.channel]
        return {**sample, self.channel: self._held}

    def over(self, t: float) -> bool:
        """After its window."""
        return self.window.over(t)


@dataclass(frozen=True, slots=True)
class Spike:
    """A loose contact: now and then a value that was never there."""

    window: Window
    channel: str
    height: float
    chance: float = 0.05
    seed: int = 0

    def apply(self, t: float, sample: Channels) -> Channels:
        """Add `height` to a share of `chance` of the samples; which ones depends on the seed and the time only."""
        value = sample.get(self.channel)
        if t not in self.window or value is None:
            return sample
        key = zlib.crc32(f"{self.seed}:{self.channel}:{round(t * 1000)}".encode())
        if float(np.random.default_rng(key).random()) >= self.chance:
            return sample
        return {**sample, self.channel: value + self.height}

    def over(self, t: float) -> bool:
        """After its window."""
        return self.window.over(t)


@dataclass(frozen=True, slots=True)
class Drift:
    """A zero that walks: `per_hour` units an hour from the window's start."""

    window: Window
    channel: str
    per_hour: float

    def apply(self, t: float, sample: Channels) -> Channels:
        """Add what has built up so far."""
        value = sample.get(self.channel)
        if t not in self.window or value is None:
            return sample
        return {**sample, self.channel: value + self.per_hour * (t - self.window.at) / 3600}

    def over(self, t: float) -> bool:
        """After its window."""
        return self.window.over(t)


@dataclass(frozen=True, slots=True)
class Dropout:
    """A sensor is gone. With `flagged` the box says so in `invalid`, else the channel is just missing."""

    window: Window
    channel: str
    flagged: bool = True

    def apply(self, t: float, sample: Channels) -> Channels:
        """Take the channel out."""
        if t not in self.window:
            return sample
        rest = {name: value for name, value in sample.items() if name != self.channel}
        if self.flagged:
            rest["invalid"] = [*sample.get("invalid", ()), self.channel]
        return rest

    def over(self, t: float) -> bool:
        """After its window."""
        return self.window.over(t)


@dataclass(frozen=True, slots=True)
class ClockStep:
    """The box's clock is wrong by `step_s` inside the window: `ts` moves, `seq` does not."""

    window: Window
    step_s: float

    def apply(self, t: float, sample: Channels) -> Channels:
        """Move `ts`."""
        if t not in self.window:
            return sample
        return {**sample, "ts": max(0, sample["ts"] + round(self.step_s * 1000))}

    def over(self, t: float) -> bool:
        """After its window."""
        return self.window.over(t)


@dataclass(frozen=True, slots=True)
class Dead:
    """The box is dead: no samples at all."""

    window: Window

    def apply(self, t: float, sample: Channels) -> Channels | None:
        """Nothing, inside the window."""
        return None if t in self.window else sample

    def over(self, t: float) -> bool:
        """After its window."""
        return self.window.over(t)


def apply(faults: list[Fault], t: float, sample: Channels) -> Channels | None:
    """The sample after all faults in order; those that are over are dropped from the list."""
    faults[:] = [fault for fault in faults if not fault.over(t)]
    result: Channels | None = sample
    for fault in faults:
        if result is None:
            return None
        result = fault.apply(t, result)
    return result
