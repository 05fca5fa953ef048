"""
Slow drift of settlement and tilt when nothing is poured, told apart from the day's warmth.

Means of an hour are compared with what the same hour of the day was on the days before (the median of at least
`drift_days`); the day's value is the middle of its hours' differences. Days go into a two-sided cumulative sum (Page,
Biometrika 41 (1954) 100-115; tabular form with k = 1/2 and h as in Montgomery, "Introduction to Statistical Quality
Control"; both from memory, unverified), in units of the days' own robust spread, never below a floor.

Rule 1: a pour forgets what was learned: what it does to a bay is no drift.
Rule 2: a day with less than 18 hours says nothing; a gap of two days forgets.
Rule 3: a day that is off is not learned from: a drift must not become the new normal.
Measured run length to a false alarm: 1,143 days where days spread by 0.2 mm, none in 14,600 where they spread by 0.1 mm
(simulated, docs/detection-trends.md).
"""

from typing import ClassVar, Final

import numpy as np

from analytics.channels import COLUMN
from analytics.detectors.base import Sight
from analytics.rulebook.entry import flagged
from analytics.table import NEVER, Array, Field, Table, field

_D: Final = COLUMN["formwork"]
CHANNELS: Final = ("settle_mm", "tilt_x_deg", "tilt_y_deg")
HOURS: Final = 24
DAYS: Final = 7  # that are remembered
LEAST_HOURS: Final = 18
HOUR_MS: Final = 3_600_000
SLACK: Final = 0.5  # k: half the shift that is to be found, in spreads


class Drift:
    """The drift of one post's gauges."""

    fields: ClassVar[dict[str, Field]] = {
        "wet": field(np.bool_),  # a pour at its last sample
        "day_now": field(np.int64, NEVER),
        "day_hour": field(np.float64, 0, HOURS, len(CHANNELS)),  # sums of today's hours
        "day_n": field(np.int32, 0, HOURS, len(CHANNELS)),
        "day_mean": field(np.float32, np.nan, DAYS, HOURS, len(CHANNELS)),  # the days that are learned from
        "day_off": field(np.float32, np.nan, DAYS, len(CHANNELS)),  # how far each was off those before it
        "days": field(np.int32),  # learned, ever
        "sum_up": field(np.float64, 0, len(CHANNELS)),
        "sum_down": field(np.float64, 0, len(CHANNELS)),
        "drift": field(np.float32, np.nan),
        "drifted": field(np.int8),  # a bit a channel
    }
    figures: ClassVar[tuple[str, ...]] = ("drift_days", "drift_floor_mm", "drift_floor_deg", "drift_sum")

    @staticmethod
    def detail(table: Table, row: int, rule: str) -> tuple[str, str] | None:
        """Which channel drifts, zh and en."""
        if rule != "drift":
            return None
        flags = int(table["drifted"][row])
        return flagged(CHANNELS, flags, "formwork")

    def derive(self, sight: Sight) -> None:
        """Fill in its channel."""
        table, rows = sight.table, sight.rows
        hour = sight.line // HOUR_MS
        day = hour // HOURS
        fresh = np.flatnonzero(day != table["day_now"][rows])
        if len(fresh):
            figures = np.stack([sight.figure(name)[fresh] for name in self.figures], axis=1)
            for k, place in enumerate(fresh):
                self._close(table, int(rows[place]), int(day[place]), figures[k])
        wet = table["pouring"][rows]
        began = rows[wet & ~table["wet"][rows]]
        table["wet"][rows] = wet
        if len(began):
            _forget(table, began)
        value = np.stack([sight.wave.channel(name) for name in CHANNELS], axis=1).astype(np.float64)
        known = ~np.isnan(value) & ~wet[:, None]
        slot = hour % HOURS
        table["day_hour"][rows, slot] += np.where(known, value, 0.0)
        table["day_n"][rows, slot] += known
        sight.value[:, _D["drift_sigma"]] = table["drift"][rows]

    @staticmethod
    def _close(table: Table, row: int, day: int, figures: Array) -> None:
        """A new day: what yesterday says."""
        before = int(table["day_now"][row])
        table["day_now"][row] = day
        n = table["day_n"][row]
        today = np.where(n > 0, table["day_hour"][row] / np.maximum(n, 1), np.nan)
        table["day_hour"][row], table["day_n"][row] = 0.0, 0
        if before == NEVER:
            return
        if day != before + 1:
            if abs(day - before) > 2:
                _forget(table, np.array([row]))
            return
        _judge(table, row, today, figures)


def _judge(table: Table, row: int, today: Array, figures: Array) -> None:
    """today: means of its hours, float64 (HOURS, channels); figures: days to learn, floors in mm and degrees, h."""
    least, floor_mm, floor_deg, h = (float(one) for one in figures)
    days = int(table["days"][row])
    off = np.full(len(CHANNELS), np.nan)
    spread = np.full(len(CHANNELS), np.nan)
    for k, name in enumerate(CHANNELS):
        learned = table["day_mean"][row, : min(days, DAYS), :, k].astype(np.float64)
        if len(learned) == 0:
            off[k] = 0.0 if (~np.isnan(today[:, k])).sum() >= LEAST_HOURS else np.nan
            continue
        # The middle of a single hour over the days, and of all hours: neither a shower nor a visitor moves it.
        usual = np.array([_median(learned[:, hour]) for hour in range(HOURS)])
        apart = today[:, k] - usual
        if (~np.isnan(apart)).sum() < LEAST_HOURS:
            continue
        off[k] = _median(apart)
        past = table["day_off"][row, : min(days, DAYS), k].astype(np.float64)
        scale = 1.4826 * _median(np.abs(past[1:] if days <= DAYS else past))
        floor = floor_mm if name == "settle_mm" else floor_deg
        # What is compared with is itself the middle of few days.
        spread[k] = max(floor, 0.0 if np.isnan(scale) else scale) * np.sqrt(1.0 + 1.571 / len(learned))
    if np.isnan(off).all():
        return
    if days >= least:
        step = np.where(np.isnan(off), 0.0, off / spread)
        table["sum_up"][row] = np.maximum(0.0, table["sum_up"][row] + np.where(np.isnan(off), 0.0, step - SLACK))
        table["sum_down"][row] = np.maximum(0.0, table["sum_down"][row] + np.where(np.isnan(off), 0.0, -step - SLACK))
        sums = np.maximum(table["sum_up"][row], table["sum_down"][row])
        table["drift"][row] = sums.max()
        table["drifted"][row] = int((sums >= min(h, float(sums.max()))) @ (1 << np.arange(len(CHANNELS))))
        if sums.max() >= h / 2:
            return
    table["day_mean"][row, days % DAYS] = today
    table["day_off"][row, days % DAYS] = off
    table["days"][row] = days + 1


def _median(values: Array) -> float:
    """The middle of what is known; NaN of nothing."""
    known = values[~np.isnan(values)]
    return float(np.median(known)) if len(known) else np.nan


def _forget(table: Table, rows: Array) -> None:
    table["days"][rows] = 0
    table["sum_up"][rows] = table["sum_down"][rows] = 0.0
    table["drift"][rows] = np.nan
    table["day_mean"][rows] = np.nan
    table["day_off"][rows] = np.nan
    table["day_hour"][rows], table["day_n"][rows] = 0.0, 0
