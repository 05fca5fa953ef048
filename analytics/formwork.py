"""High formwork: post force as a share of its design value, settlement and its trend, shift, tilt."""

from typing import Final

import numpy as np

from analytics import trends
from analytics.channels import COLUMN, DERIVED
from analytics.fleet import NEVER, Fleet, Samples
from analytics.limits import COLUMNS
from analytics.table import Array, Field
from analytics.table import field as array
from telemetry.errors import ConfigError
from telemetry.wire.payloads import DeviceConfig

_D: Final = COLUMN["formwork"]
ESSENTIAL: Final = ("force_kn", "settle_mm", "shift_x_mm", "shift_y_mm", "tilt_x_deg", "tilt_y_deg")
POINTS: Final = 40  # buckets of the trend window: 20 min of 30 s


class Formworks(Fleet):
    """The fleet of formwork nodes."""

    kind = "formwork"
    tracked = ESSENTIAL
    figure_names = ("silence_timeout_s", "trend_bucket_s", "trend_points", "trend_z", "trend_rise_pct")

    def __init__(self) -> None:
        super().__init__()
        self.refusals: dict[int, str] = {}
        self._settlement = COLUMNS["formwork"].index(("settlement", "alarm"))

    @staticmethod
    def fields() -> dict[str, Field]:
        return {
            "design": array(np.float64, np.nan),
            "trend_id": array(np.int64, NEVER, POINTS),
            "trend_sum": array(np.float64, 0, POINTS),
            "trend_n": array(np.int32, 0, POINTS),
            "trend_now": array(np.int64, NEVER),
            "trend_bad": array(np.int32, 0, POINTS),
            "score": array(np.float32, np.nan),
            "trend": array(np.float64, np.nan, 5),
        }

    def check(self, config: DeviceConfig) -> None:
        if config.design_force_kn is not None and not (np.isfinite(config.design_force_kn) and config.design_force_kn > 0):
            raise ConfigError("design_force_kn must be positive")

    def configured(self, row: int, config: DeviceConfig) -> None:
        self.table["design"][row] = np.nan if config.design_force_kn is None else np.float32(config.design_force_kn)

    def eta(self, row: int, rule: str, limit: float | None) -> tuple[float, float] | None:
        slope, low, high, level, rise = (float(x) for x in self.table["trend"][row])
        if rule not in ("settlement", "settlement_trend") or np.isnan(slope):
            return None
        at = float(self.table["set"][row, self._settlement])
        return trends.Trend(slope, low, high, level, rise).eta_s(at)

    def derive(self, wave: Samples) -> tuple[Array, Array | None]:
        rows = wave.rows
        value = np.full((len(rows), len(DERIVED["formwork"])), np.nan, np.float32)
        settle = wave.channel("settle_mm")
        value[:, _D["force_pct"]] = wave.channel("force_kn").astype(np.float64) / self.table["design"][rows] * 100.0
        value[:, _D["settle_mm"]] = settle
        value[:, _D["shift_mm"]] = _resultant(wave.channel("shift_x_mm"), wave.channel("shift_y_mm"))
        lean = _resultant(wave.channel("tilt_x_deg"), wave.channel("tilt_y_deg"))
        # Beyond 45 degrees the tangent is of no use, and the answer is the same.
        value[:, _D["tilt_permille"]] = np.tan(np.radians(np.minimum(lean, 45.0))) * 1000.0
        value[:, _D["sensor_fault"]] = wave.bad(ESSENTIAL)
        self._bucket(wave, settle)
        value[:, _D["settle_rate_score"]] = self.table["score"][rows]
        return value, None

    def _bucket(self, wave: Samples, settle: Array) -> None:
        """Settlement into buckets; when a new one begins, the trend of the closed ones."""
        table, rows = self.table, wave.rows
        width = (self.figure(rows, "trend_bucket_s") * 1000.0).astype(np.int64)
        number = wave.line // width
        fresh = number > table["trend_now"][rows]
        if fresh.any():
            table["trend_now"][rows] = np.where(fresh, number, table["trend_now"][rows])
            for k in np.flatnonzero(fresh):
                self._trend(int(rows[k]), int(number[k]), float(width[k]) / 1000, wave.flag("pouring", int(k)))
        slot = number % POINTS
        known = ~np.isnan(settle)
        old = table["trend_id"][rows, slot] != number
        table["trend_id"][rows, slot] = number
        total = np.where(old, 0.0, table["trend_sum"][rows, slot])
        table["trend_sum"][rows, slot] = total + np.where(known, settle, 0.0)
        table["trend_n"][rows, slot] = np.where(old, 0, table["trend_n"][rows, slot]) + known
        table["trend_bad"][rows, slot] = np.where(old, 0, table["trend_bad"][rows, slot]) + ~known

    def _trend(self, row: int, current: int, width_s: float, pouring: int) -> None:
        table = self.table
        profile = self.limits[row].profile
        ids = table["trend_id"][row]
        inside = (ids >= current - POINTS) & (ids < current) & (table["trend_n"][row] > 0)
        places = np.flatnonzero(inside)
        places = places[np.argsort(ids[places])]
        table["trend"][row] = np.nan
        seen, bad = int(table["trend_n"][row, inside].sum()), int(table["trend_bad"][row, inside].sum())
        found: trends.Trend | trends.Refused
        if seen and bad > 0.2 * (seen + bad):
            found = trends.Refused.POOR
        elif table["clock_bad"][row]:
            found = trends.Refused.CLOCK
        else:
            found = trends.trend(
                (ids[places] - current + 0.5) * width_s,
                table["trend_sum"][row, places] / table["trend_n"][row, places],
                least=int(profile.figure("formwork", "trend_points")),
                z=profile.figure("formwork", "trend_z"),
            )
        if isinstance(found, trends.Refused):
            self.refusals[row] = str(found)
            # Noise is an answer: nothing rises. The others are no answer, and neither set nor clear anything.
            table["score"][row] = 0.0 if found is trends.Refused.NOISE else np.nan
            return
        self.refusals.pop(row, None)
        table["trend"][row] = (found.slope, found.low, found.high, found.level, found.rise)
        limit = float(table["set"][row, self._settlement])
        eta = found.eta_s(limit)
        least = profile.figure("formwork", "trend_rise_pct") / 100 * limit
        if eta is None or found.rise < least or pouring == 0 or not np.isfinite(limit):
            table["score"][row] = 0.0
            return
        middle = max(1.0, max(0.0, limit - found.level) / found.slope)
        table["score"][row] = np.float32(3600.0 / middle)


def _resultant(x: Array, y: Array) -> Array:
    """Length of two components, float64 (n,); of one when the other is unknown, which is a lower bound."""
    known_x, known_y = ~np.isnan(x), ~np.isnan(y)
    length = np.hypot(np.where(known_x, x, 0.0).astype(np.float64), np.where(known_y, y, 0.0).astype(np.float64))
    return np.where(known_x | known_y, length, np.nan)
