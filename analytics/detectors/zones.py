"""
No-go zones: how deep the hook is inside one, from the site's polygons and where the crane stands.

The hook is at `position + radius x (sin bearing, cos bearing)`, bearing = slew_zero_deg + slew, clockwise from north.

Rule 1: a zone counts only for a loaded hook, unless it says otherwise, and only below its height, if it has one.
Rule 2: who is `look_ahead` seconds from going in, at the present speeds, is nearly there.
"""

from collections.abc import Sequence
from typing import ClassVar, Final

import numpy as np

from analytics.channels import COLUMN
from analytics.detectors.base import Detector, Look
from analytics.table import Array, Field, Table, field
from telemetry.wire.payloads import DeviceConfig, SiteRules, Zone

_D: Final = COLUMN["crane"]
ZONES: Final = 8
CORNERS: Final = 16
FAR: Final = -100.0  # m: not near any
NEAR: Final = -1.0  # m: on the way in


class Zones(Detector):
    """The hook against the site's no-go zones."""

    fields: ClassVar[dict[str, Field]] = {
        "zone": field(np.float64, np.nan, ZONES, CORNERS, 2),  # corners; a shorter polygon repeats its last
        "zone_any": field(np.bool_, 0, ZONES),
        "zone_below": field(np.float64, np.inf, ZONES),
        "zones": field(np.int8),
        "zone_worst": field(np.int8),
        "stands": field(np.float64, np.nan, 3),  # east, north, bearing at slew 0
    }
    figures: ClassVar[tuple[str, ...]] = ("look_ahead_s",)

    def configured(self, table: Table, row: int, config: DeviceConfig) -> None:
        east, north = config.position_m or (np.nan, np.nan)
        table["stands"][row] = (east, north, np.nan if config.slew_zero_deg is None else config.slew_zero_deg)

    def sited(self, table: Table, row: int, config: DeviceConfig | None, site: SiteRules | None) -> None:
        zones: Sequence[Zone] = site.zones if site is not None else ()
        table["zones"][row] = len(zones)
        table["zone"][row], table["zone_any"][row], table["zone_below"][row] = np.nan, False, np.inf
        for k, zone in enumerate(zones):
            corners = [*zone.corners, *[zone.corners[-1]] * (CORNERS - len(zone.corners))]
            table["zone"][row, k] = corners
            table["zone_any"][row, k] = zone.unloaded
            table["zone_below"][row, k] = np.inf if zone.below_m is None else zone.below_m

    def detail(self, table: Table, row: int, rule: str, site: SiteRules | None) -> tuple[str, str] | None:
        if rule != "zone" or site is None or not site.zones:
            return None
        zone = site.zones[int(table["zone_worst"][row])]
        return zone.zh, zone.en

    def derive(self, look: Look) -> None:
        table, rows = look.table, look.rows
        have = np.flatnonzero((table["zones"][rows] > 0) & ~np.isnan(table["stands"][rows]).any(axis=1))
        if not len(have):
            return
        own = rows[have]
        east, north, zero = table["stands"][own].T
        radius, slew = look.radius[have], look.slew[have]
        counts = (look.lifting[have, None] | table["zone_any"][own]) & (
            np.isnan(look.hook[have])[:, None] | (look.hook[have, None] < table["zone_below"][own])
        )
        counts &= np.arange(ZONES) < table["zones"][own][:, None]
        corners = table["zone"][own]
        depths = np.where(counts, _depth(corners, *_point(east, north, zero, radius, slew)), FAR)
        depth = depths.max(axis=1)
        table["zone_worst"][own] = depths.argmax(axis=1)
        seconds = look.figure("look_ahead_s")[have]
        ahead = _point(
            east, north, zero,
            radius + np.nan_to_num(look.motion.trolley[have]) * seconds,
            slew + np.nan_to_num(look.motion.slew[have]) * seconds,
        )  # fmt: skip
        coming = np.where(counts, _depth(corners, *ahead), FAR).max(axis=1) >= 0
        value = np.where(coming, np.maximum(depth, NEAR), np.maximum(depth, FAR))
        look.value[have, _D["zone_m"]] = np.where(np.isnan(radius) | np.isnan(slew), np.nan, value)


def _point(east: Array, north: Array, zero: Array, radius: Array, slew: Array) -> tuple[Array, Array]:
    bearing = np.radians(zero + slew)
    return east + radius * np.sin(bearing), north + radius * np.cos(bearing)


def _depth(corners: Array, x: Array, y: Array) -> Array:
    """
    How far inside each polygon a point is, in m, float64 (n, zones); negative outside, NaN without a polygon.

    corners: (n, zones, corners, 2), x and y: (n,). By the crossing number and the distance to the nearest edge.
    """
    a = corners
    b = np.roll(corners, -1, axis=2)
    px, py = x[:, None, None], y[:, None, None]
    ax, ay, bx, by = a[..., 0], a[..., 1], b[..., 0], b[..., 1]
    dx, dy = bx - ax, by - ay
    length = dx * dx + dy * dy
    share = np.clip(((px - ax) * dx + (py - ay) * dy) / np.where(length > 0, length, 1.0), 0.0, 1.0)
    distance = np.hypot(px - (ax + share * dx), py - (ay + share * dy)).min(axis=2)
    crosses = ((ay > py) != (by > py)) & (px < ax + dx * (py - ay) / np.where(dy != 0, dy, 1.0))
    inside = crosses.sum(axis=2) % 2 == 1
    depth: Array = np.where(inside, distance, -distance)
    return depth
