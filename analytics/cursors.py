"""
Where each device is in its own order, and which frames were evaluated.

Rule 1: a frame beyond the cursor of its boot is live, whatever its `ts`; one at or behind it is late or a duplicate,
and the live engine does not evaluate it.
Rule 2: a new boot is beyond the cursor. A return to an earlier boot is an identity conflict (two boxes, one id); its
frames are evaluated all the same, because one of the two hangs over people.
Rule 3: a frame made by hand is ordered by `ts`, apart from (boot, seq). Three in a row that are behind but agree
with each other are a hand that set its clock back, and move the cursor.
"""

from collections.abc import Sequence
from typing import Final

import msgspec

from telemetry.wire.payloads import Evaluated

MAX_BOOTS: Final = 16
MAX_RANGES: Final = 256
MAX_REPORTED: Final = 1_000  # ranges of all boots in one report, which must fit a message
FAR_MS: Final = 60_000


class Cursor(msgspec.Struct, omit_defaults=True):
    """The slow half of a device's order; the present boot and seq are kept in lists by `Fleet`."""

    earlier: dict[str, int] = {}  # boots before the present one, and the last seq of each
    boot_no: int = -1
    hand_ts: int = -1
    hand_back: int = 0
    hand_back_ts: int = -1
    run: int = 0  # first seq of the present run that was not reported; 0 is none
    ranges: dict[str, list[tuple[int, int]]] = {}  # evaluated, closed, not reported
    dropped_ranges: int = 0

    def hand(self, ts: int, received: int) -> bool:
        """Whether a hand-made frame is beyond the cursor; moves it."""
        if ts > self.hand_ts:
            # One frame from 2099 must not make its successors late for ever.
            if ts <= received + FAR_MS:
                self.hand_ts = ts
            self.hand_back = 0
            return True
        if ts == self.hand_ts:
            return False
        self.hand_back = self.hand_back + 1 if ts > self.hand_back_ts else 1
        self.hand_back_ts = ts
        if self.hand_back < 3:
            return False
        self.hand_ts, self.hand_back = ts, 0
        return True

    def close_run(self, boot: str | None, last: int) -> None:
        """The run of evaluated frames ends at `last`."""
        if boot is None or not self.run:
            return
        if len(self.ranges.get(boot, ())) < MAX_RANGES and sum(map(len, self.ranges.values())) < MAX_REPORTED:
            self.ranges.setdefault(boot, []).append((self.run, last))
        else:
            # What is not reported as evaluated is reviewed again, which is safe; memory stays bounded.
            self.dropped_ranges += 1
        self.run = 0

    def switch(self, boot: str, present: str | None, last: int, seq: int) -> tuple[bool, bool]:
        """
        A frame of another boot than the present one: (whether it is live, whether boots interleave).

        The caller makes it the present one when it is live.
        """
        conflict = boot in self.earlier
        if conflict and seq <= self.earlier[boot]:
            return False, False
        self.close_run(present, last)
        if present is not None:
            self.earlier[present] = last
        self.earlier.pop(boot, None)
        while len(self.earlier) > MAX_BOOTS:
            del self.earlier[next(iter(self.earlier))]
        self.boot_no += 1
        self.run = seq
        return True, conflict

    def withdraw(self, boot: str, present: str | None, last: int, seqs: Sequence[int]) -> None:
        """These frames of a boot, rising, were not evaluated after all; `last` is the last one of the present boot."""
        self.close_run(present, last)
        kept: list[tuple[int, int]] = []
        for low, high in self.ranges.pop(boot, ()):
            begin = low
            for seq in seqs:
                if begin <= seq <= high:
                    if begin < seq:
                        kept.append((begin, seq - 1))
                    begin = seq + 1
            if begin <= high:
                kept.append((begin, high))
        if kept:
            self.ranges[boot] = kept

    def evaluated(self, boot: str | None, last: int) -> Evaluated | None:
        """The ranges since the last report; None when there are none."""
        if boot is not None and self.run:
            self.ranges.setdefault(boot, []).append((self.run, last))
            self.run = 0
        if not self.ranges:
            return None
        report = Evaluated(boots=self.ranges)
        self.ranges = {}
        return report
