"""
Where in time the frames of a boot are: a sparse index from seq to `ts`.

Readings are indexed by device and time; a frame that is known by its number alone (late, missing) would have to be
looked for in all that its device ever sent. So a mark is left whenever `ts` is an hour from the last one.

Rule 1: every frame is within `APART_MS` of the mark that the same writer left before it.
Rule 2: a mark counts as left when its transaction has committed.
"""

from collections.abc import Iterable
from typing import Any, Final, LiteralString

import psycopg

from telemetry.wire.frames import Frame

APART_MS: Final = 3_600_000
MAX_CACHED: Final = 200_000

_INSERT: Final[LiteralString] = (
    "INSERT INTO seq_mark (device_id, boot_no, seq, ts_ms)"
    " SELECT * FROM unnest(%s::integer[], %s::integer[], %s::bigint[], %s::bigint[]) ON CONFLICT DO NOTHING"
)
_SPAN: Final[LiteralString] = (
    "SELECT min(ts_ms), max(ts_ms) FROM seq_mark WHERE device_id = %(device)s AND boot_no = %(boot)s"
    " AND seq >= coalesce((SELECT max(seq) FROM seq_mark"
    "  WHERE device_id = %(device)s AND boot_no = %(boot)s AND seq <= %(low)s), 0)"
    " AND seq <= coalesce((SELECT min(seq) FROM seq_mark"
    "  WHERE device_id = %(device)s AND boot_no = %(boot)s AND seq >= %(high)s), 9223372036854775807)"
)


class Marks:
    """What one writer has marked; one thread."""

    def __init__(self) -> None:
        self._last: dict[tuple[int, int], int] = {}
        self._new: dict[tuple[int, int], int] = {}
        self._rows: list[tuple[int, int, int, int]] = []

    def note(self, device: int, boot_no: int, frames: Iterable[Frame]) -> None:
        """Look at frames of one boot that are about to be stored."""
        key = (device, boot_no)
        last = self._new.get(key, self._last.get(key))
        for frame in frames:
            ts = frame.ts if frame.ts is not None else frame.samples[0].ts if frame.samples else 0
            if frame.seq is not None and (last is None or ts - last > APART_MS or last - ts > APART_MS):
                last = self._new[key] = ts
                self._rows.append((device, boot_no, frame.seq, ts))

    def write(self, connection: psycopg.Connection[Any]) -> None:
        """Write what was noted, in the caller's transaction."""
        if self._rows:
            connection.execute(_INSERT, [list(column) for column in zip(*sorted(self._rows), strict=True)])

    def begin(self) -> None:
        """A transaction begins: what an earlier one noted and did not commit is forgotten."""
        self._new, self._rows = {}, []

    def committed(self) -> None:
        """What was noted is in the database."""
        if len(self._last) + len(self._new) > MAX_CACHED:
            self._last.clear()  # every boot gets one mark more than it needs
        self._last |= self._new
        self.begin()


def span(connection: psycopg.Connection[Any], device: int, boot_no: int, low: int, high: int) -> tuple[int, int] | None:
    """
    Between which device times (Unix ms) the frames low..high of a boot lie; None when nothing was ever marked.

    A frame is at most `APART_MS` from the mark before it, and so is the answer from the truth.
    """
    row = connection.execute(_SPAN, {"device": device, "boot": boot_no, "low": low, "high": high}).fetchone()
    if row is None or row[0] is None:
        return None
    return int(row[0]) - APART_MS, int(row[1]) + APART_MS
