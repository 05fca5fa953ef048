"""
Many frames of one kind as numpy columns.

Rule 1: every measured value is rounded to IEEE single here, before anyone compares or stores it, so that live,
stored and replayed values are the same bits. (Of the one-decimal numbers up to 300, two in five would otherwise
read back from a `real` column below what was sent.)
Rule 2: absent is NaN in `values` with its `invalid` bit clear; known bad has its bit set, and keeps its value
when that is finite. Not finite, or outside the kind's plausible range, is known bad.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from telemetry.kinds import KINDS, Kind, Store
from telemetry.wire.frames import Frame


@dataclass(frozen=True, slots=True)
class Columns:
    """
    `n` samples, in the order of their frames.

    frame: int32 (n,), the index of the frame that each sample came in
    ts: int64 (n,), device time in Unix ms UTC
    seq: int64 (n,), 0 for a frame made by hand
    i: int32 (n,), the sample's place in its frame
    values: float32 (n, len(kind.reals)), C-contiguous; NaN is absent or, with its invalid bit set, not finite
    invalid: int64 (n,), bits of `kind.bit`
    bits: int64 (n,) by channel; -1 is absent
    flags: int8 (n,) by channel; -1 is absent, 0 false, 1 true
    words: list of str or None by channel
    """

    kind: Kind
    frame: NDArray[np.int32]
    ts: NDArray[np.int64]
    seq: NDArray[np.int64]
    i: NDArray[np.int32]
    values: NDArray[np.float32]
    invalid: NDArray[np.int64]
    bits: dict[str, NDArray[np.int64]]
    flags: dict[str, NDArray[np.int8]]
    words: dict[str, Sequence[str | None]]

    def __len__(self) -> int:
        return len(self.ts)

    def good(self) -> NDArray[np.float32]:
        """The values (n, reals) with everything known bad made NaN: what a condition may look at."""
        if not self.invalid.any():
            return self.values
        weights = np.array([self.kind.bit[channel.name] for channel in self.kind.reals], np.int64)
        bad = (self.invalid[:, None] & weights) != 0
        return np.where(bad, np.float32(np.nan), self.values)


# Where the fixed fields stand in a frame struct; the channels follow.
_BOOT, _SEQ, _TS, _INVALID, _SAMPLES, _FIRST_CHANNEL = 0, 1, 2, 3, 4, 5
_as_tuple = msgspec.structs.astuple


def columns(kind_name: str, frames: Sequence[Frame]) -> Columns:
    """The samples of these decoded frames of one kind as columns. Raises KeyError for an undeclared kind."""
    kind = KINDS[kind_name]
    rows: list[tuple[Any, ...]] = [_as_tuple(frame) for frame in frames]  # type: ignore[arg-type]  # a Frame is a struct, made at run time
    if any(row[_SAMPLES] is not None for row in rows):
        rows, index, place = _spread(rows)
    else:
        index = np.arange(len(rows), dtype=np.int32)
        place = np.zeros(len(rows), np.int32)
    fields = list(zip(*rows, strict=True)) or [()] * (_FIRST_CHANNEL + len(kind.channels))
    by_name = {channel.name: fields[_FIRST_CHANNEL + k] for k, channel in enumerate(kind.channels)}
    invalid = _named_invalid(kind, fields[_INVALID])
    values = _values(kind, by_name, invalid)
    return Columns(
        kind=kind,
        frame=index,
        ts=np.array(fields[_TS], np.int64),
        seq=np.array([seq or 0 for seq in fields[_SEQ]], np.int64),
        i=place,
        values=values,
        invalid=invalid,
        bits={
            channel.name: np.array([-1 if v is None else v for v in by_name[channel.name]], np.int64)
            for channel in kind.channels
            if channel.store is Store.BITS
        },
        flags={
            channel.name: np.array([-1 if v is None else v for v in by_name[channel.name]], np.int8)
            for channel in kind.channels
            if channel.store is Store.FLAG
        },
        words={channel.name: by_name[channel.name] for channel in kind.channels if channel.store is Store.WORD},
    )


def _spread(rows: list[tuple[Any, ...]]) -> tuple[list[tuple[Any, ...]], NDArray[np.int32], NDArray[np.int32]]:
    """Frames with samples laid out one row a sample; what the frame carries fills what the sample lacks."""
    spread: list[tuple[Any, ...]] = []
    index: list[int] = []
    place: list[int] = []
    for n, row in enumerate(rows):
        samples = row[_SAMPLES]
        if samples is None:
            spread.append(row)
            index.append(n)
            place.append(0)
            continue
        common = row[_FIRST_CHANNEL:]
        plain = all(value is None for value in common)
        for i, sample in enumerate(samples):
            ts, invalid, *own = _as_tuple(sample)
            if not plain:
                own = [mine if mine is not None else shared for mine, shared in zip(own, common, strict=True)]
            if row[_INVALID]:
                invalid = [*(invalid or ()), *row[_INVALID]]
            spread.append((row[_BOOT], row[_SEQ], ts, invalid, None, *own))
            index.append(n)
            place.append(i)
    return spread, np.array(index, np.int32), np.array(place, np.int32)


def _named_invalid(kind: Kind, names: Sequence[list[str] | None]) -> NDArray[np.int64]:
    invalid = np.zeros(len(names), np.int64)
    if names.count(None) != len(names):
        for n, listed in enumerate(names):
            for name in listed or ():
                invalid[n] |= kind.bit[name]
    return invalid


def _values(kind: Kind, by_name: dict[str, tuple[Any, ...]], invalid: NDArray[np.int64]) -> NDArray[np.float32]:
    """The float matrix; marks in `invalid`, in place, what is not finite or not plausible."""
    n = len(invalid)
    values = np.empty((n, len(kind.reals)), np.float32)
    with np.errstate(over="ignore", invalid="ignore"):
        for k, channel in enumerate(kind.reals):
            column = by_name[channel.name]
            values[:, k] = np.array(column, np.float64)
            finite = np.isfinite(values[:, k])
            if int(finite.sum()) + column.count(None) != n:
                for row in np.flatnonzero(~finite):
                    if column[row] is not None:
                        invalid[row] |= kind.bit[channel.name]
            wrong = (values[:, k] < channel.low) | (values[:, k] > channel.high)
            if wrong.any():
                invalid[wrong] |= kind.bit[channel.name]
    values[~np.isfinite(values)] = np.nan
    return values
