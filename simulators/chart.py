"""
A crane's load chart as its black box holds it: rated load over radius, one curve per reeving.

Rule: rated load comes from the chart at that radius and reeving, straight between the points. Rated moment is not
constant along a jib, so it is never load times radius over a nominal moment.
"""

from collections.abc import Sequence
from itertools import pairwise

import numpy as np

from telemetry.errors import ConfigError
from telemetry.wire.payloads import Chart


class LoadChart:
    """The curves of one crane, ready to look up."""

    def __init__(self, charts: Sequence[Chart]) -> None:
        """Raises ConfigError unless each curve has rising radii and loads that never rise with them."""
        self._curves: dict[int, tuple[tuple[float, ...], tuple[float, ...]]] = {}
        for chart in charts:
            radii = tuple(radius for radius, _ in chart.points)
            loads = tuple(load for _, load in chart.points)
            if chart.falls in self._curves:
                raise ConfigError(f"two curves for {chart.falls} falls")
            if any(b <= a for a, b in pairwise(radii)):
                raise ConfigError(f"curve of {chart.falls} falls: radii must rise, have {list(radii)}")
            if any(b > a for a, b in pairwise(loads)) or min(loads) <= 0:
                raise ConfigError(f"curve of {chart.falls} falls: loads must be positive and never rise with radius")
            self._curves[chart.falls] = (radii, loads)
        if not self._curves:
            raise ConfigError("a crane needs at least one load curve")

    @property
    def falls(self) -> tuple[int, ...]:
        """The reevings that have a curve, fewest falls first."""
        return tuple(sorted(self._curves))

    def rated(self, radius_m: float, falls: int) -> float:
        """
        Rated load in t at a radius in m.

        Inside the first point it is the first load, which the rope sets; beyond the last point it is 0. Raises
        KeyError for a reeving without a curve.
        """
        radii, loads = self._curves[falls]
        if radius_m > radii[-1]:
            # A trolley against its end stop reads a few centimetres over: that is still the last point.
            return loads[-1] if radius_m <= radii[-1] + 0.5 else 0.0
        return float(np.interp(radius_m, radii, loads))

    def most(self, falls: int) -> float:
        """The largest rated load of a reeving in t: what the load limiter is set to. Raises KeyError."""
        return self._curves[falls][1][0]

    def reach(self, falls: int) -> float:
        """The largest radius of a reeving in m. Raises KeyError."""
        return self._curves[falls][0][-1]
