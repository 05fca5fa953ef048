"""
Rated load from load charts: straight between the points, per reeving.

Rated moment is not constant along a jib, so a percentage is load / Q(radius, falls), never load x radius / nominal.
"""

from collections.abc import Sequence
from itertools import pairwise
from typing import Final

import numpy as np

from analytics.table import Array
from telemetry.errors import ConfigError
from telemetry.wire.payloads import Chart

MAX_FALLS: Final = 16
NONE: Final = -1


def check(charts: Sequence[Chart]) -> None:
    """Raises ConfigError when the charts of one crane cannot be meant."""
    seen: set[int] = set()
    for chart in charts:
        radii = [radius for radius, _ in chart.points]
        loads = [load for _, load in chart.points]
        if not 1 <= chart.falls <= MAX_FALLS or chart.falls in seen:
            raise ConfigError(f"load chart: falls {chart.falls} is out of range or there twice")
        seen.add(chart.falls)
        if any(b <= a for a, b in pairwise(radii)) or radii[0] < 0:
            raise ConfigError(f"load chart, falls {chart.falls}: radii must rise")
        if any(b > a for a, b in pairwise(loads)) or loads[-1] <= 0:
            raise ConfigError(f"load chart, falls {chart.falls}: rated load must be positive and not rise with radius")
        if not np.isfinite([*radii, *loads]).all():
            raise ConfigError(f"load chart, falls {chart.falls}: not finite")


def entry(falls: Array) -> Array:
    """Where a table by falls has this reeving, int64 (n,); 0 where `falls`, float64 (n,), is unknown or beyond it."""
    with np.errstate(invalid="ignore"):
        known = (falls >= 1) & (falls <= MAX_FALLS)
    return np.where(known, falls, 0).round().astype(np.int64)


class ChartBook:
    """Every chart in use, once, padded to one width. Points are rounded to IEEE single, as readings are."""

    def __init__(self) -> None:
        self._numbers: dict[tuple[tuple[float, float], ...], int] = {}
        self._radius = np.zeros((0, 2), np.float64)
        self._load = np.zeros((0, 2), np.float64)

    def add(self, points: Sequence[tuple[float, float]]) -> int:
        """The number of this chart."""
        key = tuple((float(np.float32(radius)), float(np.float32(load))) for radius, load in points)
        if key in self._numbers:
            return self._numbers[key]
        self._numbers[key] = len(self._numbers)
        width = max(self._radius.shape[1], len(key))
        radius = np.full((len(self._numbers), width), np.inf)
        load = np.zeros((len(self._numbers), width))
        radius[:-1, : self._radius.shape[1]] = self._radius
        load[:-1, : self._load.shape[1]] = self._load
        load[:-1, self._load.shape[1] :] = self._load[:, -1:]
        radius[-1, : len(key)] = [point[0] for point in key]
        load[-1, : len(key)] = [point[1] for point in key]
        load[-1, len(key) :] = key[-1][1]
        self._radius, self._load = radius, load
        return self._numbers[key]

    def rated(self, number: Array, radius: Array) -> tuple[Array, Array]:
        """
        Rated load at a radius and the chart's largest, in t, float64 (n,); NaN where there is no chart or radius.

        Inside the first point the first load holds, beyond the last point the last (the readings, not the
        chart, are wrong there).
        """
        q = np.full(len(number), np.nan)
        qmax = np.full(len(number), np.nan)
        have = np.flatnonzero(number >= 0)
        if not len(have):
            return q, qmax
        radii = self._radius[number[have]]
        loads = self._load[number[have]]
        qmax[have] = loads[:, 0]
        at = radius[have]
        beyond = (at[:, None] >= radii).sum(axis=1)  # points at or inside this radius; NaN counts none
        places = np.arange(len(have))
        low = np.maximum(beyond - 1, 0)
        high = np.minimum(beyond, radii.shape[1] - 1)
        r0, r1 = radii[places, low], radii[places, high]
        q0, q1 = loads[places, low], loads[places, high]
        inside = np.isfinite(r1) & (r1 > r0) & (beyond > 0)
        share = np.zeros(len(have))
        np.divide(at - r0, r1 - r0, out=share, where=inside)
        value = np.where(inside, q0 + (q1 - q0) * share, np.where(beyond > 0, q0, loads[:, 0]))
        q[have] = np.where(np.isnan(at), np.nan, value)
        return q, qmax
