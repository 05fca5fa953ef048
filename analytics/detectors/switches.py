"""
Limit switches: lamps by routine, and an alarm when a motion goes on beyond its limit or a limit does not come.

Operators drive into limits every day, so a limit that is on is a lamp and no alarm (product review 2.1 no. 6). Where
each switch came on is remembered; a hook that is well beyond that place with its switch off has lost its limit. That is
seen at the moment, and not a day later: "seen yesterday, not today" would alarm for a crane that never went there.

Rule 1: a changed geometry (mast, jib, hook height) forgets the places.
"""

from typing import ClassVar, Final

import numpy as np

from analytics.channels import COLUMN
from analytics.detectors.base import Detector, Look
from analytics.table import Array, Field, Table, field
from telemetry.kinds import LIMIT_BITS
from telemetry.wire.payloads import DeviceConfig, SiteRules

_D: Final = COLUMN["crane"]
# Each switch: its bit, the axis (0 hook, 1 radius, 2 slew), and which way it lies.
SWITCHES: Final = (
    ("hook_up_limit", 0, 1), ("hook_down_limit", 0, -1), ("radius_out_limit", 1, 1), ("radius_in_limit", 1, -1),
    ("slew_right_limit", 2, 1), ("slew_left_limit", 2, -1),
)  # fmt: skip
NAMES: Final = (
    ("起升上限位", "hook up"), ("下降限位", "hook down"), ("外变幅限位", "trolley out"), ("内变幅限位", "trolley in"),
    ("右回转限位", "slew right"), ("左回转限位", "slew left"),
)  # fmt: skip
_BITS: Final = np.array([1 << LIMIT_BITS.index(name) for name, _, _ in SWITCHES])
_AXIS: Final = np.array([axis for _, axis, _ in SWITCHES])
_SIGN: Final = np.array([sign for _, _, sign in SWITCHES], np.float64)
_FULL_TURN: Final = 360.0  # a slew limit closer than this would be of a device that does not count turns


class Switches(Detector):
    """The limit switches of a crane."""

    gives = ("run_out_pct", "limit_missing_pct")
    fields: ClassVar[dict[str, Field]] = {
        "limit_from": field(np.float64, np.nan, len(SWITCHES)),  # where the motion was when its switch came on
        "limit_seen": field(np.float64, np.nan, len(SWITCHES)),  # the innermost place where it came on, signed
        "limit_worst": field(np.int8, 0, 2),  # which switch is passed furthest, and which is missing furthest
        "geometry": field(np.float64, np.nan, 3),
    }
    figures: ClassVar[tuple[str, ...]] = ("run_out_hook_m", "run_out_radius_m", "run_out_slew_deg")

    def configured(self, table: Table, row: int, config: DeviceConfig) -> None:
        parts = (config.mast_m, config.hook_max_m, config.jib_m)
        geometry = np.array([np.nan if part is None else part for part in parts])
        if not np.array_equal(geometry, table["geometry"][row], equal_nan=True):
            table["limit_seen"][row] = np.nan
            table["geometry"][row] = geometry

    def detail(self, table: Table, row: int, rule: str, site: SiteRules | None) -> tuple[str, str] | None:
        if rule not in ("limit_passed", "limit_unseen"):
            return None
        return NAMES[table["limit_worst"][row, 0 if rule == "limit_passed" else 1]]

    def derive(self, look: Look) -> None:
        table, rows = look.table, look.rows
        bits = look.wave.cols.bits["limits"][look.wave.places]
        told = bits >= 0
        if not told.any():
            return
        on = told[:, None] & ((bits[:, None] & _BITS) != 0)
        where = np.stack([look.hook, look.radius, look.slew], axis=1)[:, _AXIS] * _SIGN
        allowed = np.stack([look.figure(name) for name in self.figures], axis=1)[:, _AXIS]
        start = table["limit_from"][rows]
        start = np.where(on, np.where(np.isnan(start), where, np.fmin(start, where)), np.nan)
        table["limit_from"][rows] = np.where(told[:, None], start, table["limit_from"][rows])
        seen = table["limit_seen"][rows]
        passed = np.where(on, where - start, 0.0) / allowed
        look.value[:, _D["run_out_pct"]] = _worst(passed, told)
        counts = (_AXIS < 2) | (np.abs(seen) > _FULL_TURN)
        missing = np.where(told[:, None] & ~on & counts, where - seen, 0.0) / allowed
        look.value[:, _D["limit_missing_pct"]] = _worst(missing, told)
        for k, share in enumerate((passed, missing)):
            worst = np.where(np.isnan(share), -np.inf, share).argmax(axis=1)
            table["limit_worst"][rows, k] = np.where(told, worst, table["limit_worst"][rows, k])
        table["limit_seen"][rows] = np.where(on, np.fmin(seen, where), seen)


def _worst(share: Array, told: Array) -> Array:
    """The largest share in %, not below 0; NaN where no limits are sent."""
    most = np.fmax(np.where(np.isnan(share), 0.0, share).max(axis=1), 0.0) * 100.0
    return np.where(told, most, np.nan)
