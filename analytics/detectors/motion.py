"""
Motion: speeds over about a second, and how long nothing has moved.

A speed is the difference to the oldest known sample within 1.1 s, or to the last one where samples come more slowly,
at most three intervals back.
"""

from typing import ClassVar, Final

import numpy as np

from analytics.detectors.base import Moves
from analytics.table import NEVER, Array, Field, Table, field

SLOTS: Final = 24  # 1.1 s at the fastest declared interval, 50 ms
SPAN_MS: Final = 1_100
STIR: Final = np.array([0.2, 0.2, 1.0])  # m, m, degrees: less is noise of an encoder or the swing of a resting jib


class Motion:
    """Remembers the last second of each crane."""

    fields: ClassVar[dict[str, Field]] = {
        "track_t": field(np.int64, NEVER, SLOTS),
        "track": field(np.float32, np.nan, 4, SLOTS),  # load, hook, radius, turn
        "track_at": field(np.int8),
        "slew_raw": field(np.float64, np.nan),
        "turn": field(np.float64, np.nan),
        "rest": field(np.float64, np.nan, 3),  # hook, radius, turn where it came to rest
        "rest_since": field(np.int64, NEVER),
    }

    def follow(self, table: Table, rows: Array, line: Array, interval: Array, now: tuple[Array, ...]) -> Moves:
        """Take in load, hook, radius and slew of these samples (float64 (n,) each, NaN unknown)."""
        load, hook, radius, slew = now
        turn = self._turn(table, rows, slew)
        values = np.stack([load, hook, radius, turn], axis=1)
        before_t, before = table["track_t"][rows], table["track"][rows]
        ages = line[:, None] - before_t
        span = np.maximum(SPAN_MS, np.minimum(3 * interval, interval + interval // 2))
        inside = (ages > 0) & (ages <= span[:, None])
        speeds = self._speeds(values, before, ages, inside)
        place = table["track_at"][rows]
        table["track_t"][rows, place] = line
        table["track"][rows, :, place] = values
        table["track_at"][rows] = (place + 1) % SLOTS
        still = self._rest(table, rows, line, values[:, 1:])
        return Moves(speeds[:, 0], speeds[:, 1], speeds[:, 2], turn, still, ages, before[:, 0], before[:, 1])

    def _turn(self, table: Table, rows: Array, slew: Array) -> Array:
        """The slew angle counted on through full turns, whether the device counts them or not."""
        last, turn = table["slew_raw"][rows], table["turn"][rows]
        step = (slew - last + 180.0) % 360.0 - 180.0
        known = ~np.isnan(slew)
        counted = np.where(np.isnan(turn), slew, turn + step)
        table["slew_raw"][rows] = np.where(known, slew, last)
        table["turn"][rows] = np.where(known, counted, turn)
        return np.where(known, counted, np.nan)

    def _speeds(self, values: Array, before: Array, ages: Array, inside: Array) -> Array:
        """Per second, of hook, radius and turn, float64 (n, 3)."""
        past = before[:, 1:]
        usable = inside[:, None, :] & ~np.isnan(past)
        age = np.where(usable, ages[:, None, :], -1)
        oldest = age.argmax(axis=2)[:, :, None]
        span = np.take_along_axis(age, oldest, axis=2)[:, :, 0]
        start = np.take_along_axis(past, oldest, axis=2)[:, :, 0]
        return np.where(span > 0, (values[:, 1:] - start) * 1000.0 / np.maximum(span, 1), np.nan)

    def _rest(self, table: Table, rows: Array, line: Array, position: Array) -> Array:
        rest, since = table["rest"][rows], table["rest_since"][rows]
        known = ~np.isnan(position)
        stirred = (np.abs(position - rest) > STIR).any(axis=1) | (since == NEVER)
        stirred &= known.any(axis=1)
        fresh = known & (np.isnan(rest) | stirred[:, None])
        if fresh.any():
            table["rest"][rows] = np.where(fresh, position, rest)
        since = np.where(stirred, line, since)
        table["rest_since"][rows] = since
        return np.where(since == NEVER, 0, line - since)
