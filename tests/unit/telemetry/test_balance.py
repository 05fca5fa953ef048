"""The statement's numbers against a slow, obvious count of every seq; and days that add up to the whole."""

from datetime import UTC, datetime, timedelta
from itertools import pairwise
from random import Random

from hypothesis import given
from hypothesis import strategies as st

from telemetry.storage.balance import UNNAMED, Boot, Frames, count, holes, total
from telemetry.storage.dating import came_at, missed_at
from telemetry.storage.holdings import Holdings
from telemetry.storage.ledger import ranges_of
from telemetry.storage.multirange import Ranges, within

START = datetime(2027, 3, 1, tzinfo=UTC)
OVERDUE = START + timedelta(hours=30)
TOP = 60
REASONS = ("invalid", "malformed")


def boots(seed: int) -> Boot:
    """A boot as it might be: some came, some were refused, some lost; marks anywhere, clocks not always forward."""
    random = Random(seed)  # noqa: S311 - a test's dice

    def some(share: float) -> Ranges:
        return ranges_of(seq for seq in range(1, TOP + 1) if random.random() < share)

    stored, quarantined = some(0.7), some(0.1)
    ended = random.choice([None, TOP // 2, TOP + 9])
    top = max(ended or 0, *(ranges[-1][1] for ranges in (stored, quarantined) if ranges), 0)
    came = sorted(members(stored) | members(quarantined))  # only what came is marked
    marks = sorted(random.sample(came, min(len(came), random.randrange(0, 8))))
    held = Holdings(
        stored=stored, quarantined=quarantined, evaluated=some(0.5), reviewed=some(0.2), refused=some(0.1),
        lost=within(some(0.1), 1, top), ended=ended, ended_at=START + timedelta(hours=29),
        archived=0, first_seen=START,
    )  # fmt: skip
    hour = 3_600_000
    return Boot(
        boot="boot-0001", held=held, heard_ms=50 * hour,
        marks=[
            (seq, random.randrange(100) * hour, START + timedelta(hours=random.randrange(60))) for seq in marks
        ],
        misdated=some(0.1), refused={reason: some(0.3) for reason in REASONS},
        losses={"journal": some(0.5), "fragmented": some(0.2)},
    )  # fmt: skip


def members(ranges: Ranges) -> set[int]:
    return {n for low, high in ranges for n in range(low, high + 1)}


def slowly(boot: Boot, begin: int, end: int) -> Frames:
    """One seq after the other."""
    held = boot.held
    sets = {
        name: members(getattr(held, name)) for name in ("stored", "quarantined", "evaluated", "reviewed", "refused")
    }
    numbers = dict.fromkeys(
        ("sent", "stored", "misdated", "quarantined", "missing", "overdue", "tail", "lost", "evaluated", "reviewed",
         "refused", "unreviewed"), 0,
    )  # fmt: skip
    quarantined_by: dict[str, int] = {}
    lost_by: dict[str, int] = {}
    came = sets["stored"] | sets["quarantined"]
    for seq in range(1, max(came | {held.ended or 0}, default=0) + 1):
        moment = (came_at if seq in came else missed_at)(boot.times, boot.heard_ms, seq)
        if not begin <= moment < end:
            continue
        numbers["sent"] += 1
        if seq in sets["stored"]:
            numbers["stored"] += 1
            numbers["misdated"] += seq in members(boot.misdated)
            place = next((name for name in ("evaluated", "reviewed", "refused") if seq in sets[name]), "unreviewed")
            numbers[place] += 1
        elif seq in sets["quarantined"]:
            numbers["quarantined"] += 1
            reason = next((name for name in sorted(boot.refused) if seq in members(boot.refused[name])), UNNAMED)
            quarantined_by[reason] = quarantined_by.get(reason, 0) + 1
        elif seq in members(held.lost):
            numbers["lost"] += 1
            reason = next((name for name in sorted(boot.losses) if seq in members(boot.losses[name])), UNNAMED)
            lost_by[reason] = lost_by.get(reason, 0) + 1
        else:
            numbers["missing"] += 1
            above = [received for mark, _, received in boot.marks if mark > seq]
            tail = seq > max(came, default=0)
            numbers["tail"] += tail
            since = held.ended_at if tail or not above else min(above)
            numbers["overdue"] += (since or held.first_seen) < OVERDUE
    return Frames(**numbers, quarantined_by=quarantined_by, lost_by=lost_by)


@given(st.integers(0, 2**32), st.integers(-5, 105), st.integers(-5, 105))
def test_the_numbers_of_a_span_are_those_of_its_frames_one_by_one(seed: int, begin: int, end: int) -> None:
    boot = boots(seed)
    begin, end = begin * 3_600_000, end * 3_600_000
    assert count(boot, begin, end, OVERDUE) == slowly(boot, begin, end)


@given(st.integers(0, 2**32), st.lists(st.integers(0, 100), max_size=5))
def test_the_days_of_a_run_add_up_to_the_run(seed: int, borders: list[int]) -> None:
    boot = boots(seed)
    edges = [-(2**60), *(edge * 3_600_000 for edge in sorted(borders)), 2**60]
    days = [count(boot, begin, end, OVERDUE) for begin, end in pairwise(edges)]
    whole = count(boot, edges[0], edges[-1], OVERDUE)
    assert total(days) == whole
    assert whole.sent == boot.held.top, "every seq of the boot is somewhere"
    assert whole.sent == whole.stored + whole.quarantined + whole.missing + whole.lost
    assert whole.stored == whole.evaluated + whole.late
    assert whole.late == whole.reviewed + whole.refused + whole.unreviewed
    assert sum(whole.quarantined_by.values()) == whole.quarantined
    assert sum(whole.lost_by.values()) == whole.lost
    assert sum(hole.frames for hole in holes(boot)) == whole.missing
