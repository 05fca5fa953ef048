"""
Robust slope with a confidence band, and the time to a limit as an interval.

The slope is Theil's and Sen's: the median of the slopes of all pairs; the band is Sen's, from the normal
approximation of Kendall's S. Sources, from memory and to be checked: P. K. Sen, "Estimates of the regression
coefficient based on Kendall's tau", JASA 63 (1968) 1379-1389; R. O. Gilbert, "Statistical Methods for
Environmental Pollution Monitoring" (1987), section 16.5. The band takes points as independent; readings of
one sensor are not quite, so points are means over buckets, and the band is still a little too narrow.

Rule 1: poor data get no answer and a reason, never a guess.
"""

from dataclasses import dataclass
from enum import StrEnum
from typing import Final

import numpy as np

from analytics.table import Array

MAX_GAP: Final = 3.0  # in typical spacings


class Refused(StrEnum):
    """Why there is no trend."""

    FEW_POINTS = "few_points"
    GAP = "gap"
    POOR = "poor"  # more than a fifth of the samples without a value
    CLOCK = "clock"  # the device's clock is not to be trusted
    NOISE = "noise"  # the band is so wide that the slope's sign is open


@dataclass(frozen=True, slots=True)
class Trend:
    """Slope per second with its band, and the level now, all in the channel's unit."""

    slope: float
    low: float
    high: float
    level: float
    rise: float  # over the window, by the slope

    def eta_s(self, limit: float) -> tuple[float, float] | None:
        """Seconds until the level reaches `limit`, earliest and latest; None unless the whole band rises."""
        if self.low <= 0:
            return None
        missing = max(0.0, limit - self.level)
        return missing / self.high, missing / self.low


def trend(t: Array, y: Array, *, least: int, z: float) -> Trend | Refused:
    """
    The trend of `y` over `t` (seconds, rising, 0 is now; float64 (n,)), the level taken at 0.

    `least` points are needed, without a gap of more than three typical spacings; `z` is the normal quantile of
    the band (1.96 for 95 %). A band that contains zero is Refused.NOISE.
    """
    n = len(t)
    if n < max(3, least):
        return Refused.FEW_POINTS
    spacing = np.diff(t)
    if spacing.max() > MAX_GAP * float(np.median(spacing)):
        return Refused.GAP
    slopes = _slopes(t, y)
    slope = float(np.median(slopes))
    half = z * np.sqrt(n * (n - 1) * (2 * n + 5) / 18.0) / 2.0
    centre = len(slopes) / 2.0
    # Sen's limits are the M1-th and (M2 + 1)-th smallest; rounded outwards, which widens the band.
    low = float(slopes[max(0, int(np.floor(centre - half)) - 1)])
    high = float(slopes[min(len(slopes) - 1, int(np.ceil(centre + half)))])
    if low <= 0.0 <= high:
        return Refused.NOISE
    level = float(np.median(y - slope * t))
    return Trend(slope, low, high, level, slope * float(t[-1] - t[0]))


def median_slope(x: Array, y: Array) -> float:
    """The median of the slopes of all pairs (float64 (n,)); pairs of one x say nothing. NaN without any."""
    slopes = _slopes(x, y)
    slopes = slopes[np.isfinite(slopes)]
    return float(np.median(slopes)) if len(slopes) else float("nan")


def _slopes(t: Array, y: Array) -> Array:
    """The slopes of all pairs, rising."""
    first, second = np.triu_indices(len(t), 1)
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.sort((y[second] - y[first]) / (t[second] - t[first]))
