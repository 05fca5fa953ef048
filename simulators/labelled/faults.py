"""Faults that only labelled scenarios need, beside those of `simulators.faults`; the same shape, pure transforms."""

import math
from dataclasses import dataclass
from typing import Any

from simulators.faults import Channels, Window


@dataclass(frozen=True, slots=True)
class Says:
    """The box reports this value, whatever is: a key left in the wrong position, an operator who is nobody."""

    window: Window
    channel: str
    value: Any

    def apply(self, t: float, sample: Channels) -> Channels:
        """Put the value in."""
        return {**sample, self.channel: self.value} if t in self.window else sample

    def over(self, t: float) -> bool:
        """After its window."""
        return self.window.over(t)


@dataclass(frozen=True, slots=True)
class Scale:
    """A sensor that reads a share of the truth: a shimmed load cell, an anemometer in the lee of the mast."""

    window: Window
    channel: str
    factor: float

    def apply(self, t: float, sample: Channels) -> Channels:
        """Multiply."""
        value = sample.get(self.channel)
        if t not in self.window or value is None:
            return sample
        return {**sample, self.channel: value * self.factor}

    def over(self, t: float) -> bool:
        """After its window."""
        return self.window.over(t)


@dataclass(frozen=True, slots=True)
class Swing:
    """The day's temperature on a sensor: a sine of this amplitude, zero at `at` of the day."""

    channel: str
    amplitude: float
    at: float = 0.0
    period_s: float = 86_400.0

    def apply(self, t: float, sample: Channels) -> Channels:
        """Add it."""
        value = sample.get(self.channel)
        if value is None:
            return sample
        return {**sample, self.channel: value + self.amplitude * math.sin(2 * math.pi * (t - self.at) / self.period_s)}

    def over(self, t: float) -> bool:
        """Never."""
        return False


@dataclass(frozen=True, slots=True)
class Blind:
    """A limit switch that no longer closes: these bits of a bit set stay zero."""

    window: Window
    channel: str
    mask: int

    def apply(self, t: float, sample: Channels) -> Channels:
        """Take the bits out."""
        return {**sample, self.channel: sample[self.channel] & ~self.mask} if t in self.window else sample

    def over(self, t: float) -> bool:
        """After its window."""
        return self.window.over(t)


@dataclass(frozen=True, slots=True)
class WholeSeconds:
    """A clock of whole seconds, as BCD boxes have: several samples share one `ts`."""

    def apply(self, t: float, sample: Channels) -> Channels:
        """Cut the rest off."""
        return {**sample, "ts": sample["ts"] // 1000 * 1000}

    def over(self, t: float) -> bool:
        """Never."""
        return False
