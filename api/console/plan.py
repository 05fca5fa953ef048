"""
The plan of a site, to scale, north up: cranes, jibs, trolleys, zones, posts, wind. Pure: configuration and picture in,
SVG out.

Rule 1: a jib is drawn as known only where its slew angle and its zero are; what is old is hatched and grey.
Rule 2: where two jibs can meet, the plan says that nobody watches it.
"""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from html import escape
from itertools import combinations
from typing import Final

from api import present
from api.charts import use, value
from api.console.cards import name_of, path_of, silent
from api.console.wording import percent
from api.i18n import Tongue
from api.live.picture import DeviceView, Picture
from telemetry.model import CoverageLevel, Hazard
from telemetry.wire import payloads

MARGIN_M: Final = 8.0
JIB_M: Final = 50.0  # drawn, and said to be unknown, where nobody has given its length
COUNTER_SHARE: Final = 0.25  # of the jib, where the counter jib's length is not given
SCALES_M: Final = (5, 10, 20, 50, 100, 200)


@dataclass(frozen=True, slots=True)
class Standing:
    """A crane on the plan: its place, its reach, and the bearing of its jib in degrees, None where it is not known."""

    view: DeviceView
    x: float
    y: float
    jib_m: float
    bearing: float | None

    def at(self, radius: float, turn: float = 0.0) -> tuple[float, float]:
        """A point along the jib, as (east, north)."""
        bearing = math.radians((self.bearing or 0.0) + turn)
        return self.x + radius * math.sin(bearing), self.y + radius * math.cos(bearing)


def standing(views: Iterable[DeviceView]) -> list[Standing]:
    """The cranes whose place is known."""
    found = []
    for view in views:
        config = view.config
        if view.kind != "crane" or config is None or config.position_m is None:
            continue
        slew = value(view, "slew_deg")
        bearing = None if slew is None or config.slew_zero_deg is None else (config.slew_zero_deg + slew) % 360
        found.append(Standing(view, *config.position_m, config.jib_m or JIB_M, bearing))
    return found


def overlaps(cranes: Sequence[Standing]) -> list[tuple[Standing, Standing]]:
    """The pairs whose jibs can meet in the plan, whatever their heights."""
    return [
        (one, other)
        for one, other in combinations(cranes, 2)
        if math.hypot(one.x - other.x, one.y - other.y) < one.jib_m + other.jib_m
    ]


def plan(t: Tongue, picture: Picture, site: str, views: Sequence[DeviceView], now: int) -> str:
    """The SVG, or a sentence where nothing has a place yet."""
    cranes = standing(views)
    posts = [view for view in views if view.kind == "formwork" and view.config and view.config.position_m]
    view = picture.sites.get(site)
    zones = view.config.zones if view is not None and view.config is not None else []
    box = _box(cranes, zones, posts)
    if box is None:
        return f'<div class="cw-empty">{t.markup("No plan: no crane of this site has a position yet.")}</div>'
    left, top, width, height = box
    unit = max(width, height) / 100  # a hundredth of the plan: letters keep their size whatever the site's
    lost = picture.lost(site, now) is not None
    parts = [_zone(t, zone, unit) for zone in zones]
    parts += [_reach(one, lost or silent(one.view, now) or _blind(one.view)) for one in cranes]
    pairs = [] if _watched(cranes) else overlaps(cranes)
    parts += [_lens(one, other) for one, other in pairs]
    parts += [_post(t, one, unit) for one in posts]
    parts += [_crane(t, one, now, unit, lost=lost) for one in cranes]
    parts += [_compass(left + width - 7 * unit, top + 8 * unit, unit), _scale(left + 3 * unit, top + height, unit)]
    parts.append(_wind(t, views, now, left + 3 * unit, top + 5 * unit, unit))
    label = escape(t.gettext("plan of the site, north up"))
    note = ""
    if pairs:
        names = ", ".join(f"{name_of(one.view)}–{name_of(other.view)}" for one, other in pairs)
        words = t.markup("ANTI-COLLISION NOT MONITORED: {names}", names=names)
        note = f'<figcaption class="cw-plan-note">▨ {words}</figcaption>'
    return (
        f'<figure class="cw-plan"><svg viewBox="{left:.1f} {top:.1f} {width:.1f} {height:.1f}" role="group"'
        f' aria-label="{label}">{_DEFINITIONS}{"".join(parts)}</svg>{note}</figure>'
    )


_DEFINITIONS: Final = (
    '<defs><pattern id="cw-blind" width="3" height="3" patternUnits="userSpaceOnUse" patternTransform="rotate(45)">'
    '<rect width="1.2" height="3" class="hatch"/></pattern>'
    '<pattern id="cw-meet" width="2.4" height="2.4" patternUnits="userSpaceOnUse" patternTransform="rotate(-45)">'
    '<rect width=".7" height="2.4" class="meet"/></pattern>'
    '<pattern id="cw-zone" width="4" height="4" patternUnits="userSpaceOnUse" patternTransform="rotate(45)">'
    '<rect width=".8" height="4" class="zonehatch"/></pattern></defs>'
)


def _box(
    cranes: Sequence[Standing], zones: Sequence[payloads.Zone], posts: Sequence[DeviceView]
) -> tuple[float, float, float, float] | None:
    """Left, top, width and height in the picture's own metres, y downwards; None where nothing has a place."""
    xs = [x for one in cranes for x in (one.x - one.jib_m, one.x + one.jib_m)]
    ys = [y for one in cranes for y in (one.y - one.jib_m, one.y + one.jib_m)]
    for zone in zones:
        xs += [corner[0] for corner in zone.corners]
        ys += [corner[1] for corner in zone.corners]
    for view in posts:
        if view.config is not None and view.config.position_m is not None:
            xs.append(view.config.position_m[0])
            ys.append(view.config.position_m[1])
    if not xs:
        return None
    return (
        min(xs) - MARGIN_M, -max(ys) - MARGIN_M,
        max(xs) - min(xs) + 2 * MARGIN_M, max(ys) - min(ys) + 2 * MARGIN_M,
    )  # fmt: skip


def _watched(cranes: Sequence[Standing]) -> bool:
    """Whether anti-collision is watched on every crane: then nothing has to be said."""
    levels = [
        one.view.coverage.hazards[Hazard.ANTI_COLLISION].level
        for one in cranes
        if one.view.coverage is not None and Hazard.ANTI_COLLISION in one.view.coverage.hazards
    ]
    return len(levels) == len(cranes) and all(level is CoverageLevel.MONITORED for level in levels)


def _blind(view: DeviceView) -> bool:
    return view.coverage is None or view.coverage.level is CoverageLevel.BLIND


def _reach(one: Standing, hatched: bool) -> str:
    fill = ' fill="url(#cw-blind)"' if hatched else ""
    return f'<circle class="reach" cx="{one.x:.1f}" cy="{-one.y:.1f}" r="{one.jib_m:.1f}"{fill}/>'


def _crane(t: Tongue, one: Standing, now: int, unit: float, *, lost: bool) -> str:
    view = one.view
    old = lost or silent(view, now)
    worst = max((int(a.severity) for a in present.alarms([view]) if a.active or a.hold), default=0)
    used = percent(use(view).percent)
    mark = {2: "▲", 3: "■", 4: "■"}.get(worst, "")
    figure = "?" if old else f"{used} %"
    classes = f"crane s{worst}{' old' if old else ''}"
    jib = ""
    if one.bearing is not None:
        tip, tail = one.at(one.jib_m), one.at(_counter(one), 180)
        jib = _line(tail, tip, "jib")
        radius = value(view, "radius_m")
        if radius is not None:
            x, y = one.at(radius)
            jib += f'<circle class="trolley" cx="{x:.2f}" cy="{-y:.2f}" r="{1.1 * unit:.2f}"/>'
    else:
        side = one.jib_m * 0.14
        jib = f'<text class="unknown" x="{one.x:.1f}" y="{-one.y + side + unit:.1f}" font-size="{2.4 * unit:.2f}">'
        jib += f"{escape(t.gettext('jib: direction unknown'))}</text>"
    label = f"{name_of(view)}: {figure}, {t.ago(view.age_ms(now))}"
    return (
        f'<a href="{path_of(view)}" aria-label="{escape(label)}"><g class="{classes}">'
        f"<title>{escape(label)}</title>{jib}"
        f'<rect class="mast" x="{one.x - unit:.2f}" y="{-one.y - unit:.2f}" width="{2 * unit:.2f}"'
        f' height="{2 * unit:.2f}"/><text class="name" x="{one.x:.1f}" y="{-one.y - 2.2 * unit:.1f}"'
        f' font-size="{3 * unit:.2f}">{mark} {escape(name_of(view))} <tspan>{figure}</tspan></text></g></a>'
    )


def _counter(one: Standing) -> float:
    given = one.view.config.counter_jib_m if one.view.config else None
    return given if given is not None else one.jib_m * COUNTER_SHARE


def _line(begin: tuple[float, float], end: tuple[float, float], classes: str) -> str:
    return f'<line class="{classes}" x1="{begin[0]:.2f}" y1="{-begin[1]:.2f}" x2="{end[0]:.2f}" y2="{-end[1]:.2f}"/>'


def _lens(one: Standing, other: Standing) -> str:
    """What both jibs sweep."""
    distance = math.hypot(other.x - one.x, other.y - one.y)
    if distance <= abs(one.jib_m - other.jib_m):
        inner = one if one.jib_m <= other.jib_m else other
        return f'<circle class="lens" cx="{inner.x:.1f}" cy="{-inner.y:.1f}" r="{inner.jib_m:.1f}"/>'
    along = (distance**2 + one.jib_m**2 - other.jib_m**2) / (2 * distance)
    across = math.sqrt(max(0.0, one.jib_m**2 - along**2))
    ux, uy = (other.x - one.x) / distance, (other.y - one.y) / distance
    a = (one.x + along * ux - across * uy, one.y + along * uy + across * ux)
    b = (one.x + along * ux + across * uy, one.y + along * uy - across * ux)
    # The longer way round where a circle's own centre lies beyond the chord.
    r1, r2 = (f"{r:.1f} {r:.1f} 0 {int(far)} 1" for r, far in ((one.jib_m, along < 0), (other.jib_m, along > distance)))
    return (
        f'<path class="lens" d="M{a[0]:.1f} {-a[1]:.1f} A{r1} {b[0]:.1f} {-b[1]:.1f} A{r2} {a[0]:.1f} {-a[1]:.1f}Z"/>'
    )


def _zone(t: Tongue, zone: payloads.Zone, unit: float) -> str:
    points = " ".join(f"{x:.1f},{-y:.1f}" for x, y in zone.corners)
    x = sum(corner[0] for corner in zone.corners) / len(zone.corners)
    y = sum(corner[1] for corner in zone.corners) / len(zone.corners)
    return (
        f'<polygon class="zone" points="{points}"/><text class="zonename" x="{x:.1f}" y="{-y:.1f}"'
        f' font-size="{2.4 * unit:.2f}">{escape(t.pick((zone.zh, zone.en)))}</text>'
    )


def _post(t: Tongue, view: DeviceView, unit: float) -> str:
    if view.config is None or view.config.position_m is None:
        return ""
    x, y = view.config.position_m
    worst = max((int(a.severity) for a in present.alarms([view]) if a.active or a.hold), default=0)
    bay = view.config.bay or ""
    side = max(0.45, 0.45 * unit)
    return (
        f'<a href="/bay/{escape(view.site)}/{escape(bay)}" tabindex="-1"><rect class="post s{worst}"'
        f' x="{x - side / 2:.2f}" y="{-y - side / 2:.2f}" width="{side:.2f}" height="{side:.2f}">'
        f"<title>{escape(name_of(view))}</title></rect></a>"
    )


def _compass(x: float, y: float, unit: float) -> str:
    return (
        f'<g class="compass"><path d="M{x:.1f} {y - 4 * unit:.1f} l{1.6 * unit:.2f} {4.6 * unit:.2f}'
        f' l{-1.6 * unit:.2f} {-unit:.2f} l{-1.6 * unit:.2f} {unit:.2f}Z"/>'
        f'<text x="{x:.1f}" y="{y + 4 * unit:.1f}" font-size="{3 * unit:.2f}">N</text></g>'
    )


def _scale(x: float, bottom: float, unit: float) -> str:
    length = next((one for one in SCALES_M if one >= 12 * unit), SCALES_M[-1])
    y = bottom - 3 * unit
    return (
        f'<g class="scale"><path d="M{x:.1f} {y - unit:.1f} v{unit:.1f} h{length} v{-unit:.1f}"/>'
        f'<text x="{x + length / 2:.1f}" y="{y - unit:.1f}" font-size="{2.6 * unit:.2f}">{length} m</text></g>'
    )


def _wind(t: Tongue, views: Sequence[DeviceView], now: int, x: float, y: float, unit: float) -> str:
    """The strongest wind that is measured now, as an arrow that blows with it."""
    told = [(speed, view) for view in views if not silent(view, now) and (speed := value(view, "wind_mps")) is not None]
    if not told:
        return (
            f'<text class="windname" x="{x:.1f}" y="{y:.1f}" font-size="{2.8 * unit:.2f}">'
            + escape(t.gettext("wind: no data"))
            + "</text>"
        )
    speed, view = max(told, key=lambda one: one[0])
    from_deg = value(view, "wind_deg")
    arrow = ""
    if from_deg is not None:
        # It blows towards the other side of where it comes from.
        place = f"translate({x + 3 * unit:.1f} {y + 6 * unit:.1f}) rotate({from_deg + 180:.0f})"
        arrow = (
            f'<g class="wind" transform="{place}">'
            f'<path d="M0 {3.6 * unit:.2f} V{-2.4 * unit:.2f} M{-1.4 * unit:.2f} {-unit:.2f} L0 {-3.6 * unit:.2f}'
            f' L{1.4 * unit:.2f} {-unit:.2f}"/></g>'
        )
    words = t.gettext("wind {speed} m/s, {name}", speed=f"{speed:.1f}", name=name_of(view))
    return f'<text class="windname" x="{x:.1f}" y="{y:.1f}" font-size="{2.8 * unit:.2f}">{escape(words)}</text>{arrow}'
