"""How far the trolley may go with this load, from a load chart: what `api/web/terminal/chart.js` computes. Pure."""

from collections.abc import Sequence
from itertools import pairwise

from telemetry.wire.payloads import Chart


def rated(chart: Chart, radius: float) -> float | None:
    """Rated load in t at a radius in m; None beyond the chart. Inside the first point the first value holds."""
    points = chart.points
    if not 0 <= radius <= points[-1][0]:
        return None
    if radius <= points[0][0]:
        return points[0][1]
    for (r0, q0), (r1, q1) in pairwise(points):
        if radius <= r1:
            return min(q0, q1) if r1 == r0 else q0 + (q1 - q0) * (radius - r0) / (r1 - r0)
    return None


def out_to(charts: Sequence[Chart], falls: float | None, load: float | None, box: float | None,
           radius: float | None) -> float | None:  # fmt: skip
    """
    The largest radius in m at which this load in t is within the chart; None when the chart does not say.

    `box` is the rated load that the box sends: where it and the chart differ by more than 5 %, nobody vouches for it.
    """
    chart = next((one for one in charts if one.falls == falls), None)
    if chart is None or load is None or radius is None:
        return None
    ours = rated(chart, radius)
    if ours is None or (box is not None and box > 0 and abs(ours - box) > 0.05 * ours):
        return None
    for n in range(len(chart.points) - 1, -1, -1):
        r1, q1 = chart.points[n]
        if q1 < load:
            continue
        if n == len(chart.points) - 1:
            return r1
        r2, q2 = chart.points[n + 1]
        return r1 if q1 == q2 else r1 + (r2 - r1) * (q1 - load) / (q1 - q2)
    return None
