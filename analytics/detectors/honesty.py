"""
Sensors that do not tell the truth: values that stand still while something related moves, and steps nothing can make.

Rule 1: a value that stands still is no fault by itself: an idle crane and a calm night are still (product review 2.1
no. 8). Only with what moved meanwhile is it one.
Rule 2: one odd sample is noise; several within ten minutes are a bad contact.
"""

from typing import ClassVar, Final

import numpy as np

from analytics import windows
from analytics.channels import COLUMN
from analytics.detectors.base import Detector, Look
from analytics.rulebook.entry import named
from analytics.table import Array, Field, Table, field
from telemetry.kinds import CRANE
from telemetry.wire.payloads import SiteRules

_D: Final = COLUMN["crane"]
WATCHED: Final = ("load_t", "radius_m", "hook_m", "slew_deg", "wind_mps", "tilt_x_deg", "tilt_y_deg")
_PLACES: Final = [CRANE.column[name] for name in WATCHED]
_SLEW: Final = WATCHED.index("slew_deg")
# What must have happened since a value last changed: minutes, lifts, metres of hook travel. Wind needs nothing but
# half an hour: no real wind above nought keeps one value so long.
_MINUTES: Final = np.array([10, 30, 10, 30, 30, 30, 30])
_LIFTS: Final = np.array([0, 10, 3, 10, 0, 5, 5])
_TRAVEL: Final = np.array([20.0, 0, 0, 0, 0, 0, 0])
_NONZERO: Final = np.array([True, False, False, False, True, False, False])
# What one second can change, and what any single step can (encoder noise, a filter): a load may go at once.
_RATE: Final = np.array([np.inf, 2.0, 4.0, 8.0, windows.RISE_MPS2, 0.5, 0.5])
_STEP: Final = np.array([np.inf, 1.0, 1.0, 5.0, windows.JUMP_MPS, 0.5, 0.5])
STEPS: Final = 4
LATELY_MS: Final = 600_000
NEVER: Final = -(2**62)


class Honesty(Detector):
    """Stuck values and impossible steps."""

    fields: ClassVar[dict[str, Field]] = {
        "same_value": field(np.float32, np.nan, len(WATCHED)),
        "same_since": field(np.int64, NEVER, len(WATCHED)),
        "same_lift": field(np.int32, 0, len(WATCHED)),
        "same_travel": field(np.float64, 0, len(WATCHED)),
        "travel": field(np.float64),  # metres that the hook went up and down, ever
        "last_line": field(np.int64, NEVER, len(WATCHED)),
        "step_at": field(np.int64, NEVER, STEPS),
        "step_place": field(np.int8),
        "stuck": field(np.int16),  # a bit a channel
        "stepped": field(np.int16),
    }

    def detail(self, table: Table, row: int, rule: str, site: SiteRules | None) -> tuple[str, str] | None:
        if rule not in ("stuck", "implausible_step"):
            return None
        flags = int(table["stuck" if rule == "stuck" else "stepped"][row])
        return named([name for k, name in enumerate(WATCHED) if flags >> k & 1])

    def derive(self, look: Look) -> None:
        table, rows = look.table, look.rows
        now = look.wave.good[:, _PLACES]
        known = ~np.isnan(now)
        last, line = table["same_value"][rows], look.line[:, None]
        change = np.abs(now - last)
        change[:, _SLEW] = np.abs((now[:, _SLEW] - last[:, _SLEW] + 180.0) % 360.0 - 180.0)
        self._steps(look, change, known)
        hook = change[:, 2]
        table["travel"][rows] += np.where(np.isnan(hook), 0.0, hook)
        fresh = known & ~(change == 0)
        lifts, travel = table["lift"][rows][:, None], table["travel"][rows][:, None]
        since = np.where(fresh, line, table["same_since"][rows])
        lift_at = np.where(fresh, lifts, table["same_lift"][rows])
        travel_at = np.where(fresh, travel, table["same_travel"][rows])
        table["same_value"][rows] = np.where(known, now, last)
        table["same_since"][rows], table["same_lift"][rows], table["same_travel"][rows] = since, lift_at, travel_at
        stuck = (
            known
            & ~fresh
            & (line - since >= 60_000 * _MINUTES)
            & (lifts - lift_at >= _LIFTS)
            & (travel - travel_at >= _TRAVEL)
            & (~_NONZERO | (now != 0))
        )
        table["stuck"][rows] = stuck @ (1 << np.arange(len(WATCHED)))
        look.value[:, _D["stuck_channels"]] = np.where(known.any(axis=1), stuck.sum(axis=1), np.nan)

    def _steps(self, look: Look, change: Array, known: Array) -> None:
        table, rows = look.table, look.rows
        before = table["last_line"][rows]
        dt = look.line[:, None] - before
        odd = (change > _RATE * dt / 1000.0 + _STEP) & (before != NEVER) & (dt <= 3 * look.interval[:, None])
        table["last_line"][rows] = np.where(known, look.line[:, None], before)
        any_ = odd.any(axis=1)
        if any_.any():
            own, place = rows[any_], table["step_place"][rows[any_]]
            table["step_at"][own, place] = look.line[any_]
            table["step_place"][own] = (place + 1) % STEPS
            table["stepped"][own] = odd[any_] @ (1 << np.arange(len(WATCHED)))
        lately = (look.line[:, None] - table["step_at"][rows] < LATELY_MS) & (table["step_at"][rows] != NEVER)
        look.value[:, _D["odd_steps"]] = np.where(known.any(axis=1), lately.sum(axis=1), np.nan)
