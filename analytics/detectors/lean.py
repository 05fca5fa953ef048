"""
The mast's lean as a circle: an empty crane leans backwards by design, and its inclinometer draws a circle as it turns.

    tilt = c + a e^(i slew)     x + iy in degrees; c is the verticality of the mast, |a| its elastic lean

fitted to the means of twelve sectors, with an empty hook in quiet wind (product review 2.1 no. 5). The first good fit
after the crane was set up is its *envelope*; later ones are compared with it: a centre that walks is a foundation or a
tie, a radius that grows is a mast that has become soft. A load adds lean along the jib in proportion to its moment; the
proportion is learned from lifts by Theil's and Sen's slope, and shows a load cell that reads low.

Rule 1: what was not learned is not monitored. A changed geometry forgets everything.
Rule 2: an inclinometer is no survey of verticality: its zero is what `tilt_zero_deg` says it is.
"""

from typing import ClassVar, Final

import numpy as np

from analytics import trends
from analytics.channels import COLUMN
from analytics.detectors.base import Detector, Look
from analytics.table import NEVER, Array, Field, Table, field
from telemetry.wire.payloads import DeviceConfig

_D: Final = COLUMN["crane"]
SECTORS: Final = 12
SAMPLES: Final = 5  # a sector, at least
FILLED: Final = 9  # sectors, at least; so the widest hole is a quarter of a turn
LIFTS: Final = 24
_ANGLES: Final = 360.0 / SECTORS


class Lean(Detector):
    """The fitted slew circle, and what it says of the mast and of the load cell."""

    gives = (
        "verticality_permille",
        "centre_drift_deg",
        "lean_growth_deg",
        "lean_off_deg",
        "hidden_moment_pct",
        "load_low_ratio",
    )
    slow = True
    fields: ClassVar[dict[str, Field]] = {
        "lean_n": field(np.int32, 0, SECTORS),
        "lean_z": field(np.complex128, 0, SECTORS),
        "lean_e": field(np.complex128, 0, SECTORS),
        "lean_from": field(np.int64, NEVER),
        "lean_first": field(np.complex128, np.nan, 2),  # centre and circle of the envelope
        "lean_last": field(np.complex128, np.nan, 2),
        "lean_quiet": field(np.int64, NEVER),  # since when the hook is empty
        "lean_sum": field(np.float64, 0, 3),  # of the present lift: samples, moment, lean along the jib
        "lean_lift": field(np.float64, np.nan, LIFTS, 2),
        "lean_lifts": field(np.int32),
        "lean_slope": field(np.float64, np.nan),  # degrees along the jib for each t m
        "lean_most": field(np.float64, np.nan),  # the largest moment that was learned from, t m
        "lean_ratio": field(np.float64, np.nan, 5),
        "lean_zero": field(np.complex128, 0),
        "lean_shape": field(np.float64, np.nan, 2),
    }
    figures: ClassVar[tuple[str, ...]] = (
        "lean_quiet_mps", "lean_settle_s", "lean_every_s", "lean_residual_deg", "lean_lifts_least", "lean_moment_share",
    )  # fmt: skip

    def configured(self, table: Table, row: int, config: DeviceConfig) -> None:
        shape = np.array([np.nan if part is None else part for part in (config.mast_m, config.jib_m)])
        x, y = config.tilt_zero_deg or (0.0, 0.0)
        if not np.array_equal(shape, table["lean_shape"][row], equal_nan=True) or table["lean_zero"][row] != x + 1j * y:
            for name in ("lean_first", "lean_last", "lean_lift", "lean_slope", "lean_most", "lean_ratio"):
                table[name][row] = np.nan
            for name in ("lean_n", "lean_z", "lean_e", "lean_sum", "lean_lifts"):
                table[name][row] = 0
        table["lean_shape"][row], table["lean_zero"][row] = shape, x + 1j * y

    def derive(self, look: Look) -> None:
        table, rows = look.table, look.rows
        self._emptied(look)
        tilt = table["tilt"][rows]
        z = tilt[:, 0] + 1j * tilt[:, 1] - table["lean_zero"][rows]
        unit = np.exp(1j * np.radians(look.slew))
        known = ~np.isnan(z) & ~np.isnan(unit) & (table["tilt_at"][rows].min(axis=1) == look.line)
        if not known.any():
            return
        quiet = look.gust <= look.figure("lean_quiet_mps")
        settle = (look.figure("lean_settle_s") * 1000.0).astype(np.int64)
        since = table["lean_quiet"][rows]
        calm = known & quiet & ~look.lifting & (look.line - since >= settle)
        if calm.any():
            self._collect(look, np.flatnonzero(calm), z, unit)
        if not np.isnan(table["lean_first"][rows, 0]).all():
            self._say(look, z, unit, known, settle)

    @staticmethod
    def _emptied(look: Look) -> None:
        """Since when the hook is empty."""
        since = look.table["lean_quiet"][look.rows]
        since = np.where(look.lifting, NEVER, np.where(since == NEVER, look.line, since))
        look.table["lean_quiet"][look.rows] = since

    def _collect(self, look: Look, places: Array, z: Array, unit: Array) -> None:
        table, rows = look.table, look.rows[places]
        sector = (np.degrees(np.angle(unit[places])) // _ANGLES).astype(np.int64) % SECTORS
        table["lean_n"][rows, sector] += 1
        table["lean_z"][rows, sector] += z[places]
        table["lean_e"][rows, sector] += unit[places]
        started = table["lean_from"][rows]
        table["lean_from"][rows] = started = np.where(started == NEVER, look.line[places], started)
        every = (look.figure("lean_every_s")[places] * 1000.0).astype(np.int64)
        first = np.isnan(table["lean_first"][rows, 0])
        full = (table["lean_n"][rows] >= SAMPLES).sum(axis=1) >= FILLED
        due = full & (first | (look.line[places] - started >= every))
        bound = look.figure("lean_residual_deg")
        for k in np.flatnonzero(due):
            self._fit(table, int(rows[k]), float(bound[places[k]]))
        # What was collected for a day without a whole turn is of another day's mast.
        stale = due | (look.line[places] - started >= 24 * 3_600_000)
        for name in ("lean_n", "lean_z", "lean_e"):
            table[name][rows[stale]] = 0
        table["lean_from"][rows[stale]] = NEVER

    @staticmethod
    def _fit(table: Table, row: int, bound: float) -> None:
        """Least squares over the sectors' means; a fit that leaves more than `bound` degrees is none."""
        n = table["lean_n"][row]
        have = n >= SAMPLES
        z, e = table["lean_z"][row][have] / n[have], table["lean_e"][row][have] / n[have]
        system = np.stack([np.ones_like(e), e], axis=1)
        # The normal equations of two unknowns, solved by hand: no BLAS, so the same bits everywhere.
        s0, s1, s2 = len(e), e.sum(), (e * e.conj()).real.sum()
        b0, b1 = z.sum(), (z * e.conj()).sum()
        determinant = s0 * s2 - abs(s1) ** 2
        if determinant < 1e-6:
            return
        found = np.array([(s2 * b0 - s1 * b1) / determinant, (s0 * b1 - s1.conjugate() * b0) / determinant])
        left = z - (system * found).sum(axis=1)
        if np.sqrt((left * left.conj()).real.mean()) > bound:
            return
        table["lean_last"][row] = found
        if np.isnan(table["lean_first"][row, 0]):
            table["lean_first"][row] = found

    def _say(self, look: Look, z: Array, unit: Array, known: Array, settle: Array) -> None:
        table, rows, value = look.table, look.rows, look.value
        first, last = table["lean_first"][rows], table["lean_last"][rows]
        value[:, _D["verticality_permille"]] = np.tan(np.radians(np.abs(last[:, 0]))) * 1000.0
        value[:, _D["centre_drift_deg"]] = np.abs(last[:, 0] - first[:, 0])
        value[:, _D["lean_growth_deg"]] = np.abs(last[:, 1]) - np.abs(first[:, 1])
        lean = np.abs(first[:, 1])
        along_unit = first[:, 1] / np.where(lean > 0, lean, np.nan) * unit
        along = ((z - first[:, 0]) * along_unit.conj()).real
        moment = look.load * look.radius
        self._lifts(look, along, moment, known, settle)
        slope = table["lean_slope"][rows]
        # What is bent by nobody: the learned lean with this load, at this slew, against what is read.
        expected = first[:, 0] + along_unit * (lean + slope * np.where(look.lifting, moment, 0.0))
        value[:, _D["lean_off_deg"]] = np.where(known, np.abs(z - expected), np.nan)
        implied = (along - lean) / slope
        share = implied / table["lean_most"][rows] * 100.0
        calm = look.gust <= look.figure("lean_quiet_mps")
        settled = look.line - table["lean_quiet"][rows] >= settle
        hidden = np.where(look.lifting, 0.0, np.where(known & calm & settled, np.maximum(share, 0.0), np.nan))
        value[:, _D["hidden_moment_pct"]] = np.where(np.isnan(slope), np.nan, hidden)
        value[:, _D["load_low_ratio"]] = table["lean_ratio"][rows].min(axis=1)

    def _lifts(self, look: Look, along: Array, moment: Array, known: Array, settle: Array) -> None:
        """Means of the present lift; when it is over, a point of the slope."""
        table, rows = look.table, look.rows
        total = table["lean_sum"][rows]
        ended = known & ~look.lifting & (total[:, 0] >= 3)
        for k in np.flatnonzero(ended):
            samples, sum_moment, sum_along = total[k]
            self._point(look, int(k), sum_moment / samples, sum_along / samples)
        hangs = table["air"][rows] & (look.line - table["air_since"][rows] >= settle)
        counts = hangs & known & (look.gust <= look.figure("lean_quiet_mps")) & ~np.isnan(along) & ~np.isnan(moment)
        more = np.stack([np.ones(len(rows)), moment, along], axis=1)
        keep = np.where((look.lifting | ~known)[:, None], total, 0.0)
        table["lean_sum"][rows] = np.where(counts[:, None], keep + np.nan_to_num(more), keep)

    def _point(self, look: Look, k: int, moment: float, along: float) -> None:
        table, row = look.table, int(look.rows[k])
        slope, lean = float(table["lean_slope"][row]), abs(complex(table["lean_first"][row, 1]))
        if not np.isnan(slope):
            if moment >= 0.1 * table["lean_most"][row]:
                table["lean_ratio"][row, :-1] = table["lean_ratio"][row, 1:].copy()
                table["lean_ratio"][row, -1] = (along - lean) / slope / moment
            return
        count = int(table["lean_lifts"][row])
        table["lean_lift"][row, count % LIFTS] = (moment, along)
        table["lean_lifts"][row] = count + 1
        points = table["lean_lift"][row][: min(count + 1, LIFTS)]
        span = points[:, 0].max() - points[:, 0].min()
        if (
            len(points) < look.figure("lean_lifts_least")[k]
            or span < look.figure("lean_moment_share")[k] * points[:, 0].max()
        ):
            return
        table["lean_slope"][row] = trends.median_slope(points[:, 0], points[:, 1])
        table["lean_most"][row] = points[:, 0].max()
