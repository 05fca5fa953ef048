"""
Wind windows: the 3 s running mean (a gust), and buckets of 10 s over 10 minutes.

Rule 1: windows are rows of a C-contiguous array, summed along the last axis in float64. A sum of at most 200
float32 values of 0.01 to 100 is exact in float64, so neither order nor batch cut can change a bit of it.
Rule 2: nothing is subtracted from a running sum, ever.
"""

from typing import Final

import numpy as np

from analytics.table import NEVER, Array, Field, Table, field

SLOTS: Final = 64  # 3 s at the fastest declared interval, 50 ms, is 60 samples; faster ones shorten the window
BUCKET_MS: Final = 10_000
BUCKETS: Final = 60
RISE_MPS2: Final = 5.0  # no anemometer on a mast shows more in a second, beyond one jump of this:
JUMP_MPS: Final = 15.0

FIELDS: Final[dict[str, Field]] = {
    "gust_v": field(np.float32, 0, SLOTS),
    "gust_t": field(np.int64, NEVER, SLOTS),
    "gust_at": field(np.int32),
    "wind_last": field(np.float32, np.nan),
    "wind_line": field(np.int64, NEVER),
    "wind_odd": field(np.bool_),
    "bucket_id": field(np.int64, NEVER, BUCKETS),
    "bucket_sum": field(np.float64, 0, BUCKETS),
    "bucket_n": field(np.int32, 0, BUCKETS),
    "bucket_gust": field(np.float32, 0, BUCKETS),
}


def believed(table: Table, rows: Array, now: Array, interval: Array, wind: Array) -> Array:
    """
    The wind (m/s, float32 (n,)) without a single sample that stands out as no wind can: NaN there.

    The next sample decides: a storm goes on, a bad contact does not. `now` and `interval` are in ms.
    """
    last, line = table["wind_last"][rows], table["wind_line"][rows]
    known = ~np.isnan(wind)
    dt = now - line
    with np.errstate(invalid="ignore"):
        jump = np.abs(wind - last) > JUMP_MPS + RISE_MPS2 * dt / 1000.0
    odd = jump & (line != NEVER) & (dt <= 3 * interval) & ~table["wind_odd"][rows]
    table["wind_odd"][rows] = np.where(known, odd, table["wind_odd"][rows])
    table["wind_last"][rows] = np.where(known & ~odd, wind, last)
    table["wind_line"][rows] = np.where(known, now, line)
    return np.where(odd, np.float32(np.nan), wind)


def gust(table: Table, rows: Array, now: Array, wind: Array, span_ms: Array) -> Array:
    """
    The running mean of `wind` (m/s, float32 (n,)) over the last `span_ms` of line time `now` (ms, (n,) each).

    NaN where wind is NaN: an absent value is not held. Rows are distinct.
    """
    known = ~np.isnan(wind)
    if not known.all():
        result = np.full(len(rows), np.nan, np.float32)
        some = np.flatnonzero(known)
        if len(some):
            result[some] = gust(table, rows[some], now[some], wind[some], span_ms[some])
        return result
    place = table["gust_at"][rows]
    table["gust_v"][rows, place] = wind
    table["gust_t"][rows, place] = now
    table["gust_at"][rows] = (place + 1) % SLOTS
    inside = table["gust_t"][rows] > (now - span_ms)[:, None]
    total = np.where(inside, table["gust_v"][rows], np.float32(0)).sum(axis=1, dtype=np.float64)
    mean: Array = (total / inside.sum(axis=1)).astype(np.float32)
    _bucket(table, rows, now, wind, mean)
    return mean


def _bucket(table: Table, rows: Array, now: Array, wind: Array, mean: Array) -> None:
    number = now // BUCKET_MS
    slot = number % BUCKETS
    fresh = table["bucket_id"][rows, slot] != number
    table["bucket_id"][rows, slot] = number
    table["bucket_sum"][rows, slot] = np.where(fresh, 0.0, table["bucket_sum"][rows, slot]) + wind
    table["bucket_n"][rows, slot] = np.where(fresh, 0, table["bucket_n"][rows, slot]) + 1
    before = np.where(fresh, np.float32(0), table["bucket_gust"][rows, slot])
    table["bucket_gust"][rows, slot] = np.maximum(before, mean)


def mean(table: Table, rows: Array, now: Array) -> Array:
    """The 10 min mean (m/s, float32 (n,)), to the bucket; NaN when there is nothing in it."""
    inside = table["bucket_id"][rows] > (now // BUCKET_MS - BUCKETS)[:, None]
    count = np.where(inside, table["bucket_n"][rows], 0).sum(axis=1)
    total = np.where(inside, table["bucket_sum"][rows], 0.0).sum(axis=1)
    result = np.full(len(rows), np.nan)
    np.divide(total, count, out=result, where=count > 0)
    return result.astype(np.float32)


def gust_history(table: Table, row: int, now: int, last: int) -> tuple[Array, Array]:
    """The highest gusts of the `last` closed buckets that have one: (middle in seconds from now, m/s), in order."""
    current = now // BUCKET_MS
    ids = table["bucket_id"][row]
    inside = np.flatnonzero((ids >= current - last) & (ids < current))
    inside = inside[np.argsort(ids[inside])]
    return (ids[inside] * BUCKET_MS + BUCKET_MS // 2 - now) / 1000.0, table["bucket_gust"][row, inside].astype(
        np.float64
    )
