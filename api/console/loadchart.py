"""
A crane's load chart with the working point on it. Pure: configuration and latest sample in, SVG out.

Rule: the curve of the reeving in use is the strong one; where the box does not say which, none is, and the point is
drawn without a verdict.
"""

from html import escape
from itertools import pairwise
from typing import Final

from api.charts import rated_at, use, value
from api.console.wording import number
from api.i18n import Tongue
from api.live.picture import DeviceView
from telemetry.wire import payloads

WIDTH: Final = 560
HEIGHT: Final = 300
LEFT: Final = 46
RIGHT: Final = 14
TOP: Final = 14
BOTTOM: Final = 38
STEPS: Final = (0.5, 1, 2, 5, 10, 20, 50, 100)


class _Axes:
    """From metres and tonnes to the picture."""

    def __init__(self, radius_m: float, load_t: float) -> None:
        self.radius_m, self.load_t = radius_m, load_t

    def x(self, radius: float) -> float:
        return LEFT + min(max(radius, 0.0), self.radius_m) / self.radius_m * (WIDTH - LEFT - RIGHT)

    def y(self, load: float) -> float:
        return HEIGHT - BOTTOM - min(max(load, 0.0), self.load_t) / self.load_t * (HEIGHT - TOP - BOTTOM)


def loadchart(t: Tongue, view: DeviceView, *, stale: bool) -> str:
    """The SVG, or a sentence where there is no chart. `stale`: the point is old, and said to be."""
    charts = view.config.charts if view.config else []
    if not charts:
        return f'<div class="cw-empty">{t.markup("No load chart of this crane is known here.")}</div>'
    falls, load, radius = value(view, "falls"), value(view, "load_t"), value(view, "radius_m")
    current = next((one for one in charts if one.falls == falls), None)
    axes = _Axes(max(one.points[-1][0] for one in charts), max(q for one in charts for _, q in one.points) * 1.1)
    parts = [_grid(axes), *(_curve(t, axes, one, strong=one is current) for one in charts)]
    if current is not None:
        parts.append(_share(axes, current, 0.9))
    said = t.gettext("no working point: load or radius is not known")
    if load is not None and radius is not None:
        used = use(view)
        rated = rated_at(current.points, radius) if current is not None else None
        grade = "" if rated is None or stale else " s3" if load >= rated else " s2" if load >= 0.9 * rated else ""
        parts.append(_point(axes, radius, load, f"point{grade}{' old' if stale else ''}"))
        said = t.gettext(
            "{load} t at {radius} m, rated {rated} t", load=number(load, 2), radius=number(radius, 1),
            rated=number(used.rated_t, 2),
        )  # fmt: skip
        out = reach(current, load) if current is not None else None
        if out is not None and not stale:
            parts.append(_out(axes, load, radius, out))
            said += t.gettext("; with this load out to {out} m", out=number(out, 1))
    if stale:
        said = t.gettext("old: {what}", what=said)
    return (
        f'<svg class="cw-loadchart" viewBox="0 0 {WIDTH} {HEIGHT}" role="img" aria-label="{escape(said)}">'
        f'{"".join(parts)}</svg><p class="cw-note">{escape(said)}</p>'
    )


def reach(chart: payloads.Chart, load_t: float) -> float | None:
    """How far out this load may be trolleyed, in m; None where it is beyond the chart or no load at all."""
    if load_t <= 0:
        return None
    last: float | None = None
    for (r0, q0), (r1, q1) in pairwise(chart.points):
        if load_t <= q1:
            last = r1
        elif load_t <= q0:
            return r0 + (q0 - load_t) / (q0 - q1) * (r1 - r0)
        else:
            break
    return last


def _grid(axes: _Axes) -> str:
    made = []
    step = next((one for one in STEPS if axes.load_t / one <= 6), STEPS[-1])
    n = 0
    while n * step <= axes.load_t:
        y = axes.y(n * step)
        made.append(f'<line class="grid" x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{y:.1f}" y2="{y:.1f}"/>')
        made.append(f'<text class="tick" x="{LEFT - 6}" y="{y + 4:.1f}" text-anchor="end">{n * step:g}</text>')
        n += 1
    for radius in range(0, int(axes.radius_m) + 1, 10):
        x = axes.x(radius)
        made.append(f'<line class="grid" x1="{x:.1f}" x2="{x:.1f}" y1="{TOP}" y2="{HEIGHT - BOTTOM}"/>')
        made.append(f'<text class="tick" x="{x:.1f}" y="{HEIGHT - BOTTOM + 16}" text-anchor="middle">{radius}</text>')
    made.append(f'<text class="tick" x="{WIDTH - RIGHT}" y="{HEIGHT - 6}" text-anchor="end">m</text>')
    made.append(f'<text class="tick" x="8" y="{TOP + 6}">t</text>')
    return "".join(made)


def _path(axes: _Axes, points: list[tuple[float, float]]) -> str:
    return "M" + " L".join(f"{axes.x(r):.1f} {axes.y(q):.1f}" for r, q in points)


def _curve(t: Tongue, axes: _Axes, chart: payloads.Chart, *, strong: bool) -> str:
    points = [(0.0, chart.points[0][1]), *chart.points]
    label = t.gettext("{n} falls", n=chart.falls)
    x, y = axes.x(points[1][0]) + 6, axes.y(points[1][1]) - 6
    return (
        f'<path class="curve{" strong" if strong else ""}" d="{_path(axes, points)}"/>'
        f'<text class="falls{" strong" if strong else ""}" x="{x:.1f}" y="{y:.1f}">{escape(label)}</text>'
    )


def _share(axes: _Axes, chart: payloads.Chart, share: float) -> str:
    points = [(r, q * share) for r, q in [(0.0, chart.points[0][1]), *chart.points]]
    x, y = axes.x(points[0][0]), axes.y(points[0][1])
    return (
        f'<path class="share" d="{_path(axes, points)}"/>'
        f'<text class="tick" x="{x + 5:.1f}" y="{y + 14:.1f}">{share:.0%}</text>'
    )


def _point(axes: _Axes, radius: float, load: float, classes: str) -> str:
    x, y = axes.x(radius), axes.y(load)
    return (
        f'<path class="cross" d="M{LEFT} {y:.1f}H{x:.1f}V{HEIGHT - BOTTOM}"/>'
        f'<circle class="{classes}" cx="{x:.1f}" cy="{y:.1f}" r="7"/>'
    )


def _out(axes: _Axes, load: float, radius: float, out: float) -> str:
    if out <= radius:
        return ""
    y = axes.y(load)
    return f'<path class="out" d="M{axes.x(radius) + 9:.1f} {y:.1f}H{axes.x(out):.1f}"/>'
