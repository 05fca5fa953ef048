"""
What became of a device's frames: of each boot every seq from 1 to the highest known one, in exactly one place. Pure.

sent = stored + quarantined + missing + lost. A seq is *known* when it or a higher one came, or when the device said
that its boot went so far. Stored comes first: what was quarantined or declared lost and came all the same is stored.
Of the stored, evaluated + reviewed + refused + unreviewed is all; *late* is what was not evaluated live, whatever the
cause.
To which day a seq belongs: `telemetry/storage/dating.py`.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, fields
from datetime import datetime
from typing import Any

from telemetry.storage.dating import came_between, missed_at, missed_between
from telemetry.storage.holdings import Holdings
from telemetry.storage.multirange import Ranges, common, minus, size, union

UNNAMED = "unnamed"  # quarantined beyond the cap: counted, its reason not kept


@dataclass(frozen=True, slots=True)
class Boot:
    """All that the record has of the frames of one boot; `marks` are (seq, device's Unix ms, received), rising."""

    boot: str
    held: Holdings
    heard_ms: int  # when it was first heard of
    marks: Sequence[tuple[int, int, datetime]] = ()
    misdated: Ranges = field(default_factory=list)
    refused: dict[str, Ranges] = field(default_factory=dict)  # quarantined, by reason
    losses: dict[str, Ranges] = field(default_factory=dict)  # declared lost, by reason

    @property
    def times(self) -> list[tuple[int, int]]:
        """The marks, for dating."""
        return [(seq, ms) for seq, ms, _ in self.marks]


@dataclass(frozen=True, slots=True)
class Frames:
    """Numbers of frames; `+` adds days, boots or devices up."""

    sent: int = 0
    stored: int = 0
    misdated: int = 0  # of the stored: with a time that cannot be, kept apart as sent
    quarantined: int = 0
    missing: int = 0  # still awaited
    overdue: int = 0  # of the missing: awaited for longer than was said
    tail: int = 0  # of the missing: behind the last frame of a boot that came
    lost: int = 0  # nobody waits for them any more
    evaluated: int = 0  # of the stored, and so on: when they came
    reviewed: int = 0  # later
    refused: int = 0  # the review could not use them
    unreviewed: int = 0  # not yet
    quarantined_by: dict[str, int] = field(default_factory=dict)
    lost_by: dict[str, int] = field(default_factory=dict)

    @property
    def late(self) -> int:
        """Of the stored: not evaluated when they came."""
        return self.stored - self.evaluated

    def __add__(self, other: "Frames") -> "Frames":
        sums: dict[str, Any] = {}
        for one in fields(self):
            a, b = getattr(self, one.name), getattr(other, one.name)
            sums[one.name] = {k: a.get(k, 0) + b.get(k, 0) for k in sorted({*a, *b})} if type(a) is dict else a + b
        return Frames(**sums)


@dataclass(frozen=True, slots=True)
class Hole:
    """Frames first to last that are missing; between which times of the device they must have been made."""

    boot: str
    first: int
    last: int
    from_ms: int
    to_ms: int
    since: datetime  # known since then
    tail: bool  # behind the last frame of the boot that came

    @property
    def frames(self) -> int:
        """How many."""
        return self.last - self.first + 1


def holes(boot: Boot) -> list[Hole]:
    """What is missing of a boot now."""
    oldest: list[datetime] = []  # of the marks from each on, the first that was received
    for _, _, received in reversed(boot.marks):
        oldest.append(min(received, oldest[-1]) if oldest else received)
    oldest.reverse()
    held, times = boot.held, boot.times
    found = []
    for low, high in held.missing:
        above = next((k for k, (seq, _) in enumerate(times) if seq > high), None)
        tail = low > held.reached
        since = held.ended_at if tail or above is None else oldest[above]
        moments = missed_at(times, boot.heard_ms, low), missed_at(times, boot.heard_ms, high)
        found.append(Hole(boot.boot, low, high, *moments, since or held.first_seen, tail))
    return found


def count(boot: Boot, begin_ms: int, end_ms: int, overdue_before: datetime) -> Frames:
    """The frames of a boot whose moment is in [begin, end), in Unix ms."""
    held, times = boot.held, boot.times
    came = came_between(times, boot.heard_ms, begin_ms, end_ms)
    missed = missed_between(times, boot.heard_ms, begin_ms, end_ms)
    stored = common(held.stored, came)
    quarantined = minus(common(held.quarantined, came), stored)
    missing = common(held.missing, missed)
    # What was declared lost and came all the same is not lost; a part without a reason has lost it with its row.
    lost = common(minus(held.lost, union(held.stored, held.quarantined)), missed)
    overdue = union((hole.first, hole.last) for hole in holes(boot) if hole.since < overdue_before)
    evaluated = common(stored, held.evaluated)
    reviewed = minus(common(stored, held.reviewed), evaluated)
    refused = minus(common(stored, held.refused), union(evaluated, reviewed))
    return Frames(
        sent=size(stored) + size(quarantined) + size(missing) + size(lost),
        stored=size(stored),
        misdated=size(common(stored, boot.misdated)),
        quarantined=size(quarantined),
        missing=size(missing),
        overdue=size(common(missing, overdue)),
        tail=sum(high - max(low, held.reached + 1) + 1 for low, high in missing if high > held.reached),
        lost=size(lost),
        evaluated=size(evaluated),
        reviewed=size(reviewed),
        refused=size(refused),
        unreviewed=size(stored) - size(evaluated) - size(reviewed) - size(refused),
        quarantined_by=_by(quarantined, boot.refused),
        lost_by=_by(lost, boot.losses),
    )


def total(parts: Iterable[Frames]) -> Frames:
    """All of them together."""
    found = Frames()
    for part in parts:
        found += part
    return found


def _by(whole: Ranges, reasons: dict[str, Ranges]) -> dict[str, int]:
    """How much of the whole has which reason; each seq one, the first of its reasons."""
    found: dict[str, int] = {}
    left = whole
    for reason, ranges in sorted(reasons.items()):
        part = common(left, ranges)
        if part:
            found[reason] = size(part)
            left = minus(left, part)
    if left:
        found[UNNAMED] = size(left)
    return found
