"""
Where a boot's seq stood at what time of the device: `seq_mark`, a thin index from seq to time.

Readings are indexed by device and time; a frame that is known by its number alone (late, missing) would have to be
looked for in all that its device ever sent.

The first frame of each quarter of an hour gets a mark, and each frame that was not stored by this writer right after
the one before it: so the time of every stored frame is, to a quarter of an hour, that of the greatest mark up to it,
and the frame behind a hole has its own mark, with the moment of its receipt: the moment since which the hole is open.

Rule 1: marks are written in the transaction of their frames, and what was remembered of a batch that was rolled back
is not believed.
Rule 2: at most MAX_MARKS a boot in a quarter of an hour of receiving: a box that jumps with every frame must not make
an index of everything. Beyond them a frame stands behind the mark before it.
Rule 3: a frame without a usable time is marked with the time of its receipt; a quarantined one, whose samples could
not be read, stands behind the mark before it.
"""

from typing import Any, Final, LiteralString

import numpy as np
import psycopg
from numpy.typing import NDArray

SLOT_MS: Final = 900_000  # midnight is on a quarter of an hour in every zone in use
APART_MS: Final = 3_600_000  # what a frame's time may be from its mark's: a slot, and what many samples span
MAX_MARKS: Final = 200
MAX_CACHED: Final = 200_000

_INSERT: Final[LiteralString] = (
    "INSERT INTO seq_mark (device_id, boot_no, seq, ts_ms, received_at)"
    " SELECT device_id, boot_no, seq, ts_ms, to_timestamp(%s / 1000.0)"
    " FROM unnest(%s::integer[], %s::integer[], %s::bigint[], %s::bigint[]) AS m (device_id, boot_no, seq, ts_ms)"
    " ON CONFLICT DO NOTHING"
)

Integers = NDArray[np.int64]


class Marks:
    """What one writer stored last of each boot. Bounded: beyond MAX_CACHED boots it begins anew, with a mark each."""

    def __init__(self) -> None:
        # Device and boot in one number → last seq, its slot of device time, slot of receiving, marks made in that one.
        self._last: dict[int, tuple[int, int, int, int]] = {}
        self._new: dict[int, tuple[int, int, int, int]] = {}

    def write(
        self, connection: psycopg.Connection[Any], device: Integers, boot: Integers, seq: Integers, ts: Integers,
        received_ms: int,
    ) -> None:  # fmt: skip
        """
        Mark frames, one element each, in the caller's transaction; `ts` is the time that each is dated by.

        Raises psycopg errors.
        """
        if not len(seq):
            return
        if len(self._last) > MAX_CACHED:
            self._last.clear()
        found = self.plan(device, boot, seq, ts, received_ms)
        if len(found):
            connection.execute(
                _INSERT,
                (received_ms, device[found].tolist(), boot[found].tolist(), seq[found].tolist(), ts[found].tolist()),
            )

    def begin(self) -> None:
        """A transaction begins: what an earlier one planned and did not commit is forgotten."""
        self._new.clear()

    def committed(self) -> None:
        """The transaction is in."""
        self._last.update(self._new)
        self._new.clear()

    def plan(self, device: Integers, boot: Integers, seq: Integers, ts: Integers, received_ms: int) -> Integers:
        """Which of these frames get a mark, as indexes in order of (device, boot, seq)."""
        order = np.lexsort((seq, boot, device))
        device, boot, seq, slot = device[order], boot[order], seq[order], ts[order] // SLOT_MS
        now = received_ms // SLOT_MS
        fresh = np.ones(len(seq), np.bool_)  # the first of its boot in this batch
        fresh[1:] = (device[1:] != device[:-1]) | (boot[1:] != boot[:-1])
        jumps = fresh.copy()
        jumps[1:] |= (seq[1:] - seq[:-1] > 1) | (slot[1:] != slot[:-1])
        starts = np.flatnonzero(fresh)
        ends = np.append(starts[1:], len(seq))
        # By columns and not boot by boot: in most batches no boot has anything to mark.
        keys = (device[starts] << 32 | boot[starts]).tolist()
        nothing = (-1, -1, now, 0)
        before = [self._new.get(key) or self._last.get(key, nothing) for key in keys]
        last, last_slot, window, made = np.array(before, np.int64).T
        made = np.where(window == now, made, 0)
        jumps[starts[(seq[starts] == last + 1) & (slot[starts] == last_slot)]] = False
        counts = np.add.reduceat(jumps, starts, dtype=np.int64)
        for k in np.flatnonzero(counts > np.maximum(MAX_MARKS - made, 0)).tolist():
            places = starts[k] + np.flatnonzero(jumps[starts[k] : ends[k]])
            jumps[places[max(MAX_MARKS - int(made[k]), 0) :]] = False
            counts[k] = max(MAX_MARKS - int(made[k]), 0)
        states = zip(
            seq[ends - 1].tolist(), slot[ends - 1].tolist(), [now] * len(keys), (made + counts).tolist(), strict=True
        )
        self._new.update(zip(keys, states, strict=True))
        return order[np.flatnonzero(jumps)].astype(np.int64)
