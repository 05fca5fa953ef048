"""
Level conditions for many devices at once: set and clear values, on-delay, off-delay, samples that must hold.

Rule 1: a delay completes only at a sample: between samples the value is unknown, not held.
Rule 2: it needs two samples that hold, three below 2 Hz, however long the delay is (one sample of a dynamic
pick-up reaches 1.3 x the load: measured, half of all legal lifts at 98 % would alarm otherwise).
Rule 3: it starts over after a gap of three intervals.
Rule 4: an unknown value (NaN) neither sets nor clears nor counts.
Rule 5: what is on keeps the clear value that it was set with, until it has cleared.
"""

import numpy as np

from analytics.table import NEVER, Array, Field, Table, field


def fields(columns: int) -> dict[str, Field]:
    """The arrays of `columns` conditions a device."""
    return {
        "on": field(np.bool_, 0, columns),
        "held": field(np.int32, 0, columns),
        "since": field(np.int64, 0, columns),
        "known_at": field(np.int64, NEVER, columns),
        "set": field(np.float32, np.inf, columns),
        "clear": field(np.float32, np.inf, columns),
        "on_ms": field(np.int32, 0, columns),
        "off_ms": field(np.int32, 0, columns),
        "samples": field(np.int32, 0, columns),  # 0: two or three by the rate
    }


def advance(table: Table, rows: Array, now: Array, interval: Array, value: Array, may: Array | None) -> Array:
    """
    Apply one sample to each of these rows; returns which conditions changed, bool (n, columns).

    rows: (n,), distinct; now: line time in ms, int64 (n,); interval: ms, int64 (n,); value: float32 (n, columns);
    may: bool (n, columns), where False a condition cannot newly be set (it can clear).
    """
    on = table["on"][rows]
    held = table["held"][rows]
    at = now[:, None]
    known = ~np.isnan(value)
    rises = value >= table["set"][rows]
    if may is not None:
        rises &= may
    holds = np.where(on, value < table["clear"][rows], rises)
    if not holds.any() and not held.any():
        # The quiet case, nearly always: nothing pends and nothing begins to.
        _note_known(table, rows, at, known)
        return np.zeros(holds.shape, np.bool_)
    stale = at - table["known_at"][rows] > 3 * interval[:, None]
    held = np.where(known, np.where(holds, np.where(stale, 1, held + 1), 0), held)
    since = np.where(holds & (held == 1), at, table["since"][rows])
    samples = table["samples"][rows]
    need = np.where(samples > 0, samples, np.where(interval > 500, 3, 2)[:, None])
    delay = np.where(on, table["off_ms"][rows], table["on_ms"][rows])
    need = np.where(on & (delay > 0), np.maximum(need, 2), need)
    done = holds & (held >= need) & (at - since >= delay)
    table["on"][rows] = on ^ done
    table["held"][rows] = np.where(done, 0, held)
    table["since"][rows] = since
    _note_known(table, rows, at, known)
    return done


def _note_known(table: Table, rows: Array, at: Array, known: Array) -> None:
    if known.all():
        table["known_at"][rows] = at
    else:
        table["known_at"][rows] = np.where(known, at, table["known_at"][rows])
