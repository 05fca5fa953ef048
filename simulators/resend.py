"""
What a device may forget and what it may send again: the resend rule, pure.

Rule 1: a frame is forgotten when a receipt covers it, and for no other reason.
Rule 2: only two things make a frame due again, on the late lane:
  - a reconnect: everything that has no receipt, once;
  - a hole: a frame without a receipt, sent in a lane in which a later one has got its receipt. Lanes keep order and
    receipts follow commits, so what came later and is stored proves that the earlier one was lost.
Rule 3: nothing is due because time has passed. A device that repeats itself by a timer multiplies an outage.

For the live lane a hole is what the contract calls it: a frame below the highest seq that a receipt shows as stored.
For the late lane, in which frames go out of order, `later` is told by a number that each late sending gets.
"""

from collections import deque
from dataclasses import dataclass

from telemetry.wire.payloads import BootReceipt, Receipt


@dataclass(frozen=True, slots=True)
class Run:
    """Frames first to last of one boot, ends included."""

    boot: str
    first: int
    last: int


class Outstanding:
    """The frames of one device that have no receipt yet."""

    def __init__(self) -> None:
        # Per boot: seq → the number of its last sending on the late lane, 0 while it was only sent live.
        self._frames: dict[str, dict[int, int]] = {}
        self._due: deque[tuple[str, int]] = deque()
        self._due_set: set[tuple[str, int]] = set()
        self._late_number = 0
        self._count = 0

    def __len__(self) -> int:
        return self._count

    @property
    def due(self) -> int:
        """How many frames wait to be sent again."""
        return len(self._due_set)

    def add(self, boot: str, seq: int) -> None:
        """A frame was made. Frames of a boot come in the order of seq."""
        frames = self._frames.setdefault(boot, {})
        if seq not in frames:
            frames[seq] = 0
            self._count += 1

    def forget(self, boot: str, seq: int) -> None:
        """The journal had no room for it any longer."""
        if self._frames.get(boot, {}).pop(seq, None) is not None:
            self._count -= 1
            self._due_set.discard((boot, seq))

    def reconnected(self) -> None:
        """The connection is new: all that has no receipt is due once, oldest boot and lowest seq first."""
        self._due.clear()
        self._due_set.clear()
        for boot, frames in self._frames.items():
            for seq in sorted(frames):
                self._make_due(boot, seq)

    def take(self) -> tuple[str, int] | None:
        """The next frame to send again, as (boot, seq); it counts as sent from now on."""
        while self._due:
            key = self._due.popleft()
            if key not in self._due_set:
                continue
            self._due_set.discard(key)
            boot, seq = key
            self._late_number += 1
            self._frames[boot][seq] = self._late_number
            return key
        return None

    def receive(self, receipt: Receipt) -> list[Run]:
        """Take a receipt in; gives what it newly settles, which the journal may forget."""
        settled: list[Run] = []
        newest_late = 0
        for part in receipt.boots:
            frames = self._frames.get(part.boot)
            if not frames:
                continue
            for seq in sorted(seq for seq in frames if covers(part, seq)):
                newest_late = max(newest_late, frames.pop(seq))
                self._count -= 1
                self._due_set.discard((part.boot, seq))
                if settled and settled[-1].boot == part.boot and settled[-1].last == seq - 1:
                    settled[-1] = Run(part.boot, settled[-1].first, seq)
                else:
                    settled.append(Run(part.boot, seq, seq))
        for part in receipt.boots:
            highest = max((part.upto, *(last for _, last in part.ranges)))
            for seq, number in sorted(self._frames.get(part.boot, {}).items()):
                if seq < highest if number == 0 else number < newest_late:
                    self._make_due(part.boot, seq)
        for boot in [boot for boot, frames in self._frames.items() if not frames]:
            del self._frames[boot]
        return settled

    def _make_due(self, boot: str, seq: int) -> None:
        if (boot, seq) not in self._due_set:
            self._due_set.add((boot, seq))
            self._due.append((boot, seq))


def covers(part: BootReceipt, seq: int) -> bool:
    """Whether a receipt shows this seq of its boot as stored."""
    return seq <= part.upto or any(first <= seq <= last for first, last in part.ranges)
