"""What goes into a fleet and what comes out: frames, waves of samples, changes of conditions, notices."""

from dataclasses import dataclass, field
from enum import StrEnum
from typing import NamedTuple

import numpy as np

from analytics.limits import Limits
from analytics.table import Array
from telemetry.model import Severity
from telemetry.wire.columns import Columns
from telemetry.wire.cycle import Cycle
from telemetry.wire.frames import Frame
from telemetry.wire.payloads import Words


class Arrived(NamedTuple):
    """A decoded frame and where it came from; `received` is the batch's stamp, Unix ms."""

    site: str
    kind: str
    device: str
    frame: Frame
    received: int


@dataclass(frozen=True, slots=True)
class Spot:
    """A sample, by where it stands: its frame's place in the feed, its own among all samples, its device's row."""

    place: int
    order: int
    row: int
    ts: int
    boot: str | None
    seq: int
    i: int


@dataclass(frozen=True, slots=True)
class Change:
    """A rule's condition changed at a sample."""

    spot: Spot
    rule: str
    level: Severity
    column: int  # of the step that gives the level; -1 when it is clear
    value: float
    lift: int | None
    limits: Limits  # that held at this sample: a later one of the batch may have changed the mode
    eta_s: tuple[float, float] | None
    detail: Words | None = None


class What(StrEnum):
    """What can be noticed about a device at one of its samples."""

    CLOCK = "clock"
    CLOCK_GOOD = "clock_good"
    CONFLICT = "conflict"
    CONFLICT_OVER = "conflict_over"
    SPOKE = "spoke"  # the first valid sample after silence
    POWER = "power"  # the same after a power off with a load
    MODE = "mode"  # its key was turned
    PROOF = "proof"  # its test channel is beyond the limit, with an empty hook
    PROOF_OVER = "proof_over"
    PROOF_REFUSED = "proof_refused"  # the same, and a test may not be: why is in `detail`
    PROOF_REFUSED_OVER = "proof_refused_over"


@dataclass(frozen=True, slots=True)
class Notice:
    """Something about a device itself was noticed at a sample."""

    spot: Spot
    what: What
    detail: str = ""
    limits: Limits | None = None


@dataclass
class Feed:
    """What one call to `feed` found."""

    changes: list[Change | Notice] = field(default_factory=list)
    samples: int = 0
    late: int = 0
    conditions: int = 0
    rows: set[int] = field(default_factory=set)
    cycles: list[tuple[Spot, Cycle]] = field(default_factory=list)


class Samples:
    """One wave of samples: one each of distinct rows."""

    __slots__ = ("cols", "frames", "good", "interval", "line", "numbers", "places", "rows", "ts")

    def __init__(
        self, cols: Columns, good: Array, places: Array, rows: Array, frames: list[Frame], numbers: list[int]
    ) -> None:
        """`places` are the samples' rows in `cols`, `rows` the devices', `numbers` the frames' places in the feed."""
        self.cols = cols
        self.places = places
        self.rows = rows
        self.frames = frames
        self.numbers = numbers
        self.good = good[places]
        self.ts = cols.ts[places]
        self.line = self.ts
        self.interval = self.ts

    def only(self, places: Array) -> "Samples":
        """Some of the samples."""
        part = Samples.__new__(Samples)
        part.cols, part.frames, part.numbers = self.cols, self.frames, self.numbers
        for name in ("places", "rows", "good", "ts", "line", "interval"):
            setattr(part, name, getattr(self, name)[places])
        return part

    def channel(self, name: str) -> Array:
        """The good values of a channel, float32 (n,); NaN where absent or bad."""
        column: Array = self.good[:, self.cols.kind.column[name]]
        return column

    def bad(self, names: tuple[str, ...]) -> Array:
        """Which samples have one of these channels known bad, bool (n,)."""
        mask = sum(self.cols.kind.bit[name] for name in names)
        flags: Array = (self.cols.invalid[self.places] & mask) != 0
        return flags

    def told(self, name: str) -> Array | None:
        """Which samples carry a state channel, bool (n,); None when none of the whole feed does."""
        cols = self.cols
        if name in cols.words:
            words = cols.words[name]
            if words.count(None) == len(words):
                return None
            return np.array([words[place] is not None for place in self.places.tolist()])
        column = cols.flags[name] if name in cols.flags else cols.bits[name]
        told: Array = column[self.places] >= 0
        return told

    def flag(self, name: str, k: int) -> int:
        """A flag channel of one sample: 1, 0, or -1 when absent."""
        return int(self.cols.flags[name][self.places[k]])

    def spot(self, k: int) -> Spot:
        """Where a sample of this wave stands."""
        place = int(self.places[k])
        number = int(self.cols.frame[place])
        frame = self.frames[number]
        return Spot(
            self.numbers[number], place, int(self.rows[k]), int(self.ts[k]), frame.boot, frame.seq or 0,
            int(self.cols.i[place]),
        )  # fmt: skip


def first_ts(frame: Frame) -> int:
    """The device time of a frame's first sample."""
    if frame.ts is not None:
        return frame.ts
    return frame.samples[0].ts if frame.samples else 0
