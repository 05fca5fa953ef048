"""What a load chart says, for the desk's pages; the cab terminal has the same in JavaScript. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from api.live.picture import DeviceView
from telemetry.wire import payloads


@dataclass(frozen=True, slots=True)
class Use:
    """How much of the rated load is used. `source` is `box`, `chart`, or None when nobody knows."""

    load_t: float | None
    rated_t: float | None
    source: str | None

    @property
    def percent(self) -> float | None:
        """Load over rated load, in per cent."""
        if self.load_t is None or not self.rated_t:
            return None
        return self.load_t / self.rated_t * 100


def rated_at(points: Sequence[tuple[float, float]], radius_m: float) -> float | None:
    """Rated load in t at a radius in m, straight between the points; None beyond the last one."""
    if radius_m < 0 or radius_m > points[-1][0]:
        return None
    if radius_m <= points[0][0]:
        return points[0][1]
    for (r0, q0), (r1, q1) in pairwise(points):
        if radius_m <= r1:
            return min(q0, q1) if r1 == r0 else q0 + (q1 - q0) * (radius_m - r0) / (r1 - r0)
    return None


def value(view: DeviceView, name: str) -> float | None:
    """A measured channel's latest value, or None when it is absent or marked invalid."""
    if view.reading is None or name in view.reading.invalid:
        return None
    found = view.reading.values.get(name)
    return float(found) if isinstance(found, int | float) and not isinstance(found, bool) else None


def use(view: DeviceView) -> Use:
    """
    The utilisation to show: the box's own rated load when it sends one, the chart's otherwise.

    Never both: two figures for one thing teach people to trust neither.
    """
    load, box = value(view, "load_t"), value(view, "rated_load_t")
    if box is not None and box > 0:
        return Use(load, box, "box")
    radius, falls = value(view, "radius_m"), value(view, "falls")
    charts: list[payloads.Chart] = view.config.charts if view.config else []
    chart = next((one for one in charts if one.falls == falls), None)
    rated = rated_at(chart.points, radius) if chart is not None and radius is not None else None
    return Use(load, rated, "chart" if rated is not None else None)
