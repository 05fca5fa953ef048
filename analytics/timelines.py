"""
Line time: what durations of one device are measured in.

Order is (boot, seq, i); `ts` only measures. While a device's clock behaves, line time advances as `ts` does. When `ts`
goes back, or does not advance three times, each sample advances line time by one nominal interval instead, until
three samples agree again: so open delays are carried over to the new clock, and nothing waits for the old one.

Rule 1: line time depends on readings and declarations alone, never on when they arrived.
Rule 2: it never goes back.
"""

from dataclasses import dataclass
from typing import Final

import numpy as np

from analytics.table import NEVER, Array, Field, Table, field

AGREE: Final = 3
JUMP_MS: Final = 5_000
GAPS: Final = 5
DEFAULT_INTERVAL_MS: Final = 1_000

FIELDS: Final[dict[str, Field]] = {
    "ts": field(np.int64, NEVER),
    "rx": field(np.int64, NEVER),
    "seq": field(np.int64),
    "boot_no": field(np.int32, -1),
    "line": field(np.int64),
    "clock_bad": field(np.bool_),
    "agree": field(np.int8),
    "repeats": field(np.int8),
    "clock_mark": field(np.int64, NEVER),  # line time of the last disagreement
    "gaps": field(np.int32, 0, GAPS),
    "gap_at": field(np.int8),
    "declared": field(np.int32),  # declared interval in ms; 0 is not declared
    "interval": field(np.int64, DEFAULT_INTERVAL_MS),
}


@dataclass(frozen=True, slots=True)
class Wave:
    """One sample each of distinct rows."""

    rows: Array
    ts: Array
    rx: Array
    seq: Array
    boot_no: Array  # -1 for a frame made by hand


@dataclass(frozen=True, slots=True)
class Disagreement:
    """Which samples of a wave show a clock that cannot be right, bool (n,) each; empty when all of them behave."""

    back: Array
    repeats: Array
    forward: Array

    def any(self) -> bool:
        """Whether there is one at all."""
        return bool(self.back.any() or self.repeats.any() or self.forward.any())


_NONE: Final = np.zeros(0, np.bool_)
_NOTHING: Final = Disagreement(_NONE, _NONE, _NONE)


def advance(table: Table, wave: Wave) -> tuple[Array, Array, Disagreement]:
    """
    Line time (ms, int64 (n,)) and interval (ms, int64 (n,)) of these samples, and which clocks disagree.

    A forward jump counts as disagreement only when the arrival does not explain it; the jump itself is measured as
    it is, so that delays start over as after any gap.
    """
    rows = wave.rows
    before = table["ts"][rows]
    interval = _interval(table, rows)
    dt = wave.ts - before
    if (
        ((dt > 0) & (dt <= JUMP_MS) & (wave.boot_no >= 0) & (table["agree"][rows] == AGREE)).all()
        and not table["clock_bad"][rows].any()
    ):  # fmt: skip
        # Nearly always: every clock behaves, as it did before. The rest of this function would say the same.
        return _steady(table, rows, wave, dt), interval, _NOTHING
    first = before == NEVER
    dt = np.where(first, 0, dt)
    by_hand = wave.boot_no < 0
    # A hand-made sample on a device that also counts its frames takes no part in the device's time.
    guest = by_hand & (table["boot_no"][rows] >= 0)
    same_boot = wave.boot_no == table["boot_no"][rows]
    frames = np.where(same_boot, np.maximum(wave.seq - table["seq"][rows], 1), 1)
    bound = 1.5 * frames * interval + JUMP_MS
    back = ~first & ~guest & (dt < 0)
    same = ~first & ~guest & (dt == 0)
    forward = ~first & ~guest & same_boot & ~by_hand & (dt > bound)
    agrees = ~first & ~back & ~same & ~forward
    agree = np.where(agrees, np.minimum(table["agree"][rows] + 1, AGREE), np.where(first, AGREE, 0)).astype(np.int8)
    repeats = np.where(agree >= AGREE, 0, np.minimum(table["repeats"][rows] + same, 100)).astype(np.int8)
    stuck = same & (repeats >= AGREE)
    bad = back | stuck | (table["clock_bad"][rows] & (agree < AGREE))
    step = np.where(guest, 0, np.where(bad, interval, dt))
    line = np.where(first, wave.ts, table["line"][rows] + step)
    table["line"][rows] = line
    unexplained = forward & (dt > wave.rx - table["rx"][rows] + JUMP_MS)
    if guest.any():
        own = ~guest
        _remember(table, rows[own], Wave(*(part[own] for part in (rows, wave.ts, wave.rx, wave.seq, wave.boot_no))),
                  bad[own], agree[own], repeats[own])  # fmt: skip
        measured = agrees & own
    else:
        _remember(table, rows, wave, bad, agree, repeats)
        measured = agrees
    if measured.all():
        _note_gap(table, rows, dt)
    elif measured.any():
        _note_gap(table, rows[measured], dt[measured])
    return line, interval, Disagreement(back, stuck, unexplained)


def _steady(table: Table, rows: Array, wave: Wave, dt: Array) -> Array:
    line: Array = table["line"][rows] + dt
    table["line"][rows] = line
    table["ts"][rows] = wave.ts
    table["rx"][rows] = wave.rx
    table["seq"][rows] = wave.seq
    table["boot_no"][rows] = wave.boot_no
    _note_gap(table, rows, dt)
    return line


def _remember(table: Table, rows: Array, wave: Wave, bad: Array, agree: Array, repeats: Array) -> None:
    table["ts"][rows] = wave.ts
    table["rx"][rows] = wave.rx
    table["seq"][rows] = wave.seq
    table["boot_no"][rows] = wave.boot_no
    table["clock_bad"][rows] = bad
    table["agree"][rows] = agree
    table["repeats"][rows] = repeats


def _note_gap(table: Table, rows: Array, dt: Array) -> None:
    place = table["gap_at"][rows]
    table["gaps"][rows, place] = np.minimum(dt, 3_600_000)
    table["gap_at"][rows] = (place + 1) % GAPS


def _interval(table: Table, rows: Array) -> Array:
    """
    The declared interval, or the median of the last five gaps when that is longer, or nothing was declared.

    A device that samples more slowly than it says would otherwise never fulfil a delay.
    """
    gaps = np.sort(table["gaps"][rows], axis=1)
    median = gaps[:, GAPS // 2].astype(np.int64)
    declared = table["declared"][rows]
    undeclared = np.where(gaps[:, 0] > 0, median, DEFAULT_INTERVAL_MS)
    interval: Array = np.where(declared > 0, np.maximum(declared, median), undeclared)
    table["interval"][rows] = interval
    return interval
