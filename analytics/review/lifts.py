"""
What late frames change in the record of work cycles. Pure.

A lift is named after the sample at which it began: one that a gap had cut is completed (`changed`), and what had begun
behind the gap was a part of it, and is not reproduced.

Rule 1: only cycles that were over between the first frame of the review and its last one are judged.
Rule 2: what began before the history that was read, or is not over at its end, is not judged.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

import msgspec

from analytics.replay import History, Place
from telemetry.model import Origin
from telemetry.wire.cycle import Cycle


class Known(NamedTuple):
    """A recorded cycle, and what the last review said of it."""

    cycle: Cycle
    changed: Cycle | None = None
    denied: bool = False


@dataclass(frozen=True)
class Compared:
    """What a review found, as `seam.Reviewed` has it of transitions."""

    added: list[Cycle] = field(default_factory=list)
    not_reproduced: list[str] = field(default_factory=list)
    changed: list[Cycle] = field(default_factory=list)
    agreed: list[str] = field(default_factory=list)


def compare(
    history: History,
    known: Iterable[Known],
    found: Sequence[Cycle],
    judged: tuple[Place, Place],
    *,
    since: Place | None,
    open_id: str | None,
) -> Compared:
    """
    Hold what the replay found against the record, between the two places of `judged`, both included.

    `since` is the first frame of a history that begins in the middle of a life, and None of a whole one.
    """
    again = {cycle.id: cycle for cycle in found if _begins_behind(history, cycle, since)}
    result = Compared()
    names: set[str] = set()
    for entry in known:
        cycle = entry.cycle
        names.add(cycle.id)
        decided = history.place(*cycle.decided)
        if decided is None or not judged[0] <= decided <= judged[1] or not _begins_behind(history, cycle, since):
            continue
        now = again.get(cycle.id)
        if now is None:
            if not entry.denied and cycle.id != open_id:
                result.not_reproduced.append(cycle.id)
            continue
        # Which frame showed that it was over depends on what was heard; nothing else of it does.
        now = msgspec.structs.replace(now, origin=cycle.origin, decided=cycle.decided)
        if now == cycle:
            if entry.denied or entry.changed is not None:
                result.agreed.append(cycle.id)
        elif entry.denied or now != entry.changed:
            result.changed.append(now)
    result.added.extend(
        msgspec.structs.replace(cycle, origin=Origin.REVIEW) for cycle in again.values() if cycle.id not in names
    )
    return result


def _begins_behind(history: History, cycle: Cycle, since: Place | None) -> bool:
    """Whether a cycle began in what was read; at its very first frame nobody knows since when a load hangs."""
    place = history.place(cycle.cause.boot, cycle.cause.seq)
    return place is not None and (since is None or place > since)
