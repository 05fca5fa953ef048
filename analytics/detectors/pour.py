"""
A post under a pour: whether concrete loads it, whether force or settlement grow ever faster, whether it sheds load.

Readings go into buckets (30 s by the profile); what is judged are closed buckets, when a new one begins.

Rule 1: a rate alone is no alarm: every normal pour starts steeply. "Above 1.5 x the mean of the last three" (JGJ 300,
from memory, unverified) alarms at every post (product review 2.1 no. 10). What is asked is growth of the rate itself,
over four rates in a row, a rise that matters, and a pour.
Rule 2: the first rate must be one: concrete that reaches a post makes a kink, and a kink is no acceleration.
Rule 3: a bucket that is missing is missed: there is no answer then, and none is no alarm and no all-clear.
"""

from typing import ClassVar, Final

import numpy as np

from analytics.channels import COLUMN
from analytics.detectors.base import Sight
from analytics.table import NEVER, Array, Field, Table, field

_D: Final = COLUMN["formwork"]
CHANNELS: Final = ("force_kn", "settle_mm")
BINS: Final = 24  # buckets that are looked at: 12 min of 30 s
BLOCK: Final = 2  # buckets in a block
RATES: Final = 4  # rates in a row
_GROWTH: Final = ("force_growth", "settle_growth")


class Pour:
    """The pour as one post's own readings show it."""

    fields: ClassVar[dict[str, Field]] = {
        "pour_id": field(np.int64, NEVER, BINS),
        "pour_sum": field(np.float64, 0, BINS, 2),
        "pour_n": field(np.int32, 0, BINS, 2),
        "pour_now": field(np.int64, NEVER),
        "pour_risen": field(np.bool_),  # the force rises by itself
        "pouring": field(np.bool_),  # so, or the device says so
        "poured_at": field(np.int64, NEVER),  # line time when it last was
        "growth": field(np.float32, np.nan, 2),
        "shed": field(np.float32, np.nan),  # % of design that the force has fallen from its level, in any case
        "gained": field(np.float32, np.nan),  # % of design that it has risen
        "force_rate": field(np.float32, np.nan),  # kN/min over the last minutes
    }
    figures: ClassVar[tuple[str, ...]] = ("pour_rise_pct", "growth_rise_pct", "growth_least_pct", "growth_step_pct")
    after: ClassVar[str] = "unloading_after_h"

    def derive(self, sight: Sight, width_ms: Array, limit: Array) -> None:
        """
        Fill in its channels.

        width_ms: of a bucket, int64 (n,); limit: design force in kN and settlement limit in mm, float64 (n, 2), NaN
        or inf where unknown.
        """
        table, rows = sight.table, sight.rows
        number = sight.line // width_ms
        fresh = np.flatnonzero(number > table["pour_now"][rows])
        if len(fresh):
            table["pour_now"][rows[fresh]] = number[fresh]
            share = np.stack([sight.figure(name)[fresh] for name in self.figures], axis=1) / 100.0
            self._judge(table, rows[fresh], number[fresh], width_ms[fresh], limit[fresh], share)
        self._note(sight, number)
        flag = sight.wave.cols.flags["pouring"][sight.wave.places]
        pouring = (flag > 0) | table["pour_risen"][rows]
        table["pouring"][rows] = pouring
        for k, name in enumerate(_GROWTH):
            growth = table["growth"][rows, k]
            sight.value[:, _D[name]] = np.where(pouring, growth, 0.0)
        # Until the concrete carries itself, a post that lets go is as bad as in the pour.
        poured = np.where(pouring, sight.line, table["poured_at"][rows])
        table["poured_at"][rows] = poured
        green = (poured != NEVER) & (sight.line - poured <= sight.figure(self.after) * 3_600_000)
        sight.value[:, _D["shed_pct"]] = np.where(green, table["shed"][rows], 0.0)

    @staticmethod
    def _note(sight: Sight, number: Array) -> None:
        table, rows = sight.table, sight.rows
        value = np.stack([sight.wave.channel(name) for name in CHANNELS], axis=1).astype(np.float64)
        known = ~np.isnan(value)
        slot = number % BINS
        old = (table["pour_id"][rows, slot] != number)[:, None]
        table["pour_id"][rows, slot] = number
        table["pour_sum"][rows, slot] = np.where(old, 0.0, table["pour_sum"][rows, slot]) + np.where(known, value, 0.0)
        table["pour_n"][rows, slot] = np.where(old, 0, table["pour_n"][rows, slot]) + known

    def _judge(self, table: Table, rows: Array, number: Array, width_ms: Array, limit: Array, share: Array) -> None:
        level = _levels(table, rows, number)
        design = limit[:, 0]
        force = level[:, :, 0]
        smooth = _middle_of_three(force)
        lowest, highest = _least(smooth), -_least(-smooth)
        last = force[:, -3:]
        with np.errstate(invalid="ignore", divide="ignore"):
            table["pour_risen"][rows] = last.min(axis=1) - lowest >= share[:, 0] * design
            # Two buckets must agree: one may be a vibrator.
            table["shed"][rows] = np.maximum(highest - force[:, -2:].max(axis=1), 0.0) / design * 100.0
            table["gained"][rows] = np.maximum(force[:, -2:].min(axis=1) - lowest, 0.0) / design * 100.0
            blocks = level.reshape(len(rows), BINS // BLOCK, BLOCK, 2).mean(axis=2)
            minutes = RATES * BLOCK * width_ms / 60_000.0
            table["force_rate"][rows] = (blocks[:, -1, 0] - blocks[:, -1 - RATES, 0]) / minutes
            for k in range(2):
                rates = np.diff(blocks[:, -1 - RATES :, k], axis=1)
                table["growth"][rows, k] = _growth(rates, limit[:, k], share[:, 1:])


def _levels(table: Table, rows: Array, number: Array) -> Array:
    """The means of the closed buckets, oldest first, float64 (n, BINS, 2); NaN where there is none."""
    ids = number[:, None] - np.arange(BINS, 0, -1)
    slot = ids % BINS
    own = rows[:, None]
    n = table["pour_n"][own, slot]
    there = (table["pour_id"][own, slot] == ids)[:, :, None] & (n > 0)
    return np.where(there, table["pour_sum"][own, slot] / np.maximum(n, 1), np.nan)


def _middle_of_three(level: Array) -> Array:
    """Each bucket as the middle one of itself and its neighbours, (n, BINS - 2): a single spike is gone."""
    a, b, c = level[:, :-2], level[:, 1:-1], level[:, 2:]
    middle: Array = np.maximum(np.minimum(a, b), np.minimum(np.maximum(a, b), c))
    return middle


def _least(level: Array) -> Array:
    """The lowest that is known, (n,); NaN where none is."""
    low = np.where(np.isnan(level), np.inf, level).min(axis=1)
    return np.where(np.isinf(low), np.nan, low)


def _growth(rates: Array, limit: Array, share: Array) -> Array:
    """
    The last rate over the first where every one is faster than the one before it, else 0; NaN where one is unknown.

    rates: change a block, (n, RATES); share of the limit: the rise that matters, the least first rate, the least step
    from rate to rate, (n, 3).
    """
    steps = np.diff(rates, axis=1)
    grows = (steps >= (share[:, 2] * limit)[:, None]).all(axis=1)
    grows &= (rates[:, 0] >= share[:, 1] * limit) & (rates.sum(axis=1) >= share[:, 0] * limit)
    growth = np.where(grows, rates[:, -1] / np.where(rates[:, 0] > 0, rates[:, 0], 1.0), 0.0)
    return np.where(np.isnan(rates).any(axis=1) | ~np.isfinite(limit), np.nan, growth)
