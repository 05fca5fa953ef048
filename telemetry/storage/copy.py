"""
Numpy columns as PostgreSQL's binary COPY format.

A structured array cannot carry NULL, and NaN is not NULL: NaN makes max and avg NaN and counts it. So each row is
laid out at its full width, the length of an absent field is set to -1, and the bytes of its value are dropped by
one boolean mask over the whole array. Text goes the same way: 32 bytes are reserved, the unused ones dropped.
"""

from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from telemetry.kinds import Kind, Store
from telemetry.wire.columns import Columns

HEADER: Final = b"PGCOPY\n\xff\r\n\x00" + bytes(8)
TRAILER: Final = b"\xff\xff"
EPOCH_MS: Final = 946_684_800_000  # 2000-01-01, PostgreSQL's own epoch
WORD_BYTES: Final = 32

_KEY: Final = (
    ("device_id", ">i4"),
    ("ts", ">i8"),
    ("received_at", ">i8"),
    ("boot_no", ">i4"),
    ("seq", ">i8"),
    ("i", ">i4"),
    ("invalid", ">i8"),
)
_FORMATS: Final = {Store.REAL: ">f4", Store.BITS: ">i8", Store.FLAG: "i1", Store.WORD: f"S{WORD_BYTES}"}


@dataclass(frozen=True, slots=True)
class Rows:
    """The readings of one kind, with what the frames do not know: whose they are, and when they were received."""

    columns: Columns
    device_id: NDArray[np.int32]  # (n,)
    boot_no: NDArray[np.int32]  # (n,)
    received_ms: NDArray[np.int64]  # (n,)

    def take(self, rows: NDArray[Any]) -> "Rows":
        """Only these rows: an index array or a boolean mask of shape (n,)."""
        c = self.columns
        index = np.flatnonzero(rows) if rows.dtype == np.bool_ else rows
        return Rows(
            Columns(
                kind=c.kind,
                frame=c.frame[index],
                ts=c.ts[index],
                seq=c.seq[index],
                i=c.i[index],
                values=c.values[index],
                invalid=c.invalid[index],
                bits={name: column[index] for name, column in c.bits.items()},
                flags={name: column[index] for name, column in c.flags.items()},
                words={name: [words[k] for k in index.tolist()] for name, words in c.words.items()},
            ),
            self.device_id[index],
            self.boot_no[index],
            self.received_ms[index],
        )

    def distinct(self) -> NDArray[np.int64]:
        """The index of the first row of each (device, ts, boot, seq, i), in order."""
        c = self.columns
        order = np.lexsort((c.i, c.seq, self.boot_no, c.ts, self.device_id))
        if len(order) < 2:
            return order.astype(np.int64)
        same = np.ones(len(order) - 1, np.bool_)
        for key in (self.device_id, c.ts, self.boot_no, c.seq, c.i):
            ranked = key[order]
            same &= ranked[1:] == ranked[:-1]
        # lexsort is stable, so of equal keys the first in order of receipt comes first.
        return np.sort(order[np.concatenate(([True], ~same))]).astype(np.int64)


def column_names(kind: Kind) -> list[str]:
    """The columns of a reading table, in the order of the encoded fields."""
    return [name for name, _ in _KEY] + [channel.name for channel in kind.channels]


def _layout(kind: Kind) -> np.dtype[Any]:
    fields: list[tuple[str, str]] = [("fields", ">i2")]
    for name, format_ in [*_KEY, *((channel.name, _FORMATS[channel.store]) for channel in kind.channels)]:
        fields += [(f"{name}.length", ">i4"), (name, format_)]
    return np.dtype(fields)


_layouts: dict[str, np.dtype[Any]] = {}


def encode(rows: Rows) -> bytes:
    """The rows as one binary COPY stream, header and trailer included."""
    columns = rows.columns
    kind = columns.kind
    layout = _layouts.get(kind.name)
    if layout is None:
        layout = _layouts[kind.name] = _layout(kind)
    n = len(columns)
    table = np.zeros(n, layout)
    keep = np.ones((n, layout.itemsize), np.bool_)
    table["fields"] = len(_KEY) + len(kind.channels)
    key = {
        "device_id": rows.device_id,
        "ts": (columns.ts - EPOCH_MS) * 1000,
        "received_at": (rows.received_ms - EPOCH_MS) * 1000,
        "boot_no": rows.boot_no,
        "seq": columns.seq,
        "i": columns.i,
        "invalid": columns.invalid,
    }
    offsets = {name: (layout.fields[name][1], layout.fields[name][0].itemsize) for name in layout.names or ()}  # type: ignore[index]  # a structured dtype has fields
    for name, values in key.items():
        table[name] = values
        table[f"{name}.length"] = offsets[name][1]
    for channel in kind.channels:
        name = channel.name
        start, size = offsets[name]
        if channel.store is Store.WORD:
            words = columns.words[name]
            table[name] = np.array([word or "" for word in words], f"S{WORD_BYTES}")
            lengths = np.array([-1 if word is None else len(word) for word in words], np.int32)
            table[f"{name}.length"] = lengths
            keep[:, start : start + size] = np.arange(size) < lengths[:, None]
            continue
        if channel.store is Store.REAL:
            values = columns.values[:, kind.column[name]]
            absent = np.isnan(values)
        else:
            values = columns.bits[name] if channel.store is Store.BITS else columns.flags[name]
            absent = values < 0
        table[name] = values
        table[f"{name}.length"] = np.where(absent, -1, size)
        if absent.any():
            keep[absent, start : start + size] = False
    body = table.view(np.uint8).reshape(n, layout.itemsize)[keep].tobytes() if n else b""
    return HEADER + body + TRAILER
