"""
Robust slope with a confidence band, and the time to a limit as an interval.

The slope is Theil's and Sen's: the median of the slopes of all pairs; the band is Sen's, from the normal
approximation of Kendall's S. Sources, from memory and to be checked: P. K. Sen, "Estimates of the regression
coefficient based on Kendall's tau", JASA 63 (1968) 1379-1389; R. O. Gilbert, "Statistical Methods for
Environmental Pollution Monitoring" (1987), section 16.5. Readings of one sensor are not independent: the variance of S
is multiplied by n over the effective sample size, (1 + r) / (1 - r) of a first-order autoregression (Bayley and
Hammersley 1946; for S: Yue and Wang, Water Resources Management 18 (2004) 201-218; both from memory, unverified), r
being the lag-1 autocorrelation of what a parabola leaves, so that a slope that steepens does not pass for noise.

How often it answers where nothing is, and how often "limit within 20 min", is measured: docs/detection-trends.md.

Rule 1: poor data get no answer and a reason, never a guess.
Rule 2: what does not rise or fall all the way gets none either: Mann's and Kendall's S must be significant at MONOTONE.
"""

from dataclasses import dataclass
from enum import StrEnum
from typing import Final

import numpy as np

from analytics.table import Array

MAX_GAP: Final = 3.0  # in typical spacings
MONOTONE: Final = 2.58  # normal quantile of S: two-sided 1 %
MOST_ALIKE: Final = 0.8  # of the autocorrelation: more cannot be told from so few points


class Refused(StrEnum):
    """Why there is no trend."""

    FEW_POINTS = "few_points"
    GAP = "gap"
    POOR = "poor"  # more than a fifth of the samples without a value
    CLOCK = "clock"  # the device's clock is not to be trusted
    NOISE = "noise"  # the band is so wide that the slope's sign is open
    NOT_MONOTONE = "not_monotone"  # it goes up and down


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
    the band (1.96 for 95 %). A band that contains zero is Refused.NOISE, a rank sum that is no trend NOT_MONOTONE.
    """
    n = len(t)
    if n < max(3, least):
        return Refused.FEW_POINTS
    spacing = np.diff(t)
    if spacing.max() > MAX_GAP * float(np.median(spacing)):
        return Refused.GAP
    slopes = _slopes(t, y)
    slope = float(np.median(slopes))
    spread = float(np.sqrt(_variance(y) * inflation(t, y)))
    half = z * spread / 2.0
    centre = len(slopes) / 2.0
    # Sen's limits are the M1-th and (M2 + 1)-th smallest; rounded outwards, which widens the band.
    low = float(slopes[max(0, int(np.floor(centre - half)) - 1)])
    high = float(slopes[min(len(slopes) - 1, int(np.ceil(centre + half)))])
    if low <= 0.0 <= high:
        return Refused.NOISE
    # S is the rising pairs less the falling ones; pairs of one value count for neither.
    if abs(float(np.sign(slopes).sum())) - 1.0 < MONOTONE * spread:
        return Refused.NOT_MONOTONE
    level = float(np.median(y - slope * t))
    return Trend(slope, low, high, level, slope * float(t[-1] - t[0]))


def inflation(t: Array, y: Array) -> float:
    """
    By how much points that resemble their neighbours spread more than independent ones: n over the effective n, >= 1.

    float64 (n,) each. A fit of three parameters makes the rest look less alike by about 3 / n; that is added back.
    """
    n = len(t)
    x = (t - t.mean()) / max(float(np.abs(t - t.mean()).max()), 1e-12)
    basis = np.stack([np.ones(n), x, x * x - (x * x).mean()], axis=1)
    # Three unknowns by hand: a linear algebra library may add in another order on another machine.
    rest = y - y.mean()
    for k in (1, 2):
        other = basis[:, k] - (basis[:, 1] * _share(basis[:, k], basis[:, 1]) if k == 2 else 0.0)
        rest = rest - other * _share(rest, other)
    power = float((rest * rest).sum())
    if power <= 1e-12 * max(1.0, float((y * y).sum())):
        return 1.0
    alike = float((rest[1:] * rest[:-1]).sum()) / power + 3.0 / n
    alike = min(max(alike, 0.0), MOST_ALIKE)
    return (1.0 + alike) / (1.0 - alike)


def _share(y: Array, of: Array) -> float:
    """How much of one vector is in another."""
    power = float((of * of).sum())
    return float((y * of).sum()) / power if power > 0 else 0.0


def _variance(y: Array) -> float:
    """The variance of Kendall's S without a trend, values that are equal taken into account."""
    n = len(y)
    _, ties = np.unique(y, return_counts=True)
    tied = float((ties * (ties - 1) * (2 * ties + 5)).sum())
    return (n * (n - 1) * (2 * n + 5) - tied) / 18.0


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
