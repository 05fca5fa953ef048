"""What is given up, and when: only what has been open and untouched for long enough."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from telemetry.storage.holdings import Holdings
from telemetry.storage.losses import MANY, MOST, cut, given_up
from telemetry.storage.multirange import Ranges
from telemetry.storage.retention import horizon

NOW = datetime(2027, 3, 10, 12, tzinfo=UTC)
BEFORE = NOW - timedelta(days=7)


def held(stored: Ranges, **more: Any) -> Holdings:
    empty: dict[str, Any] = {key: [] for key in ("quarantined", "evaluated", "reviewed", "refused", "lost")}
    fields = {**empty, "ended": None, "ended_at": None, "archived": 0, "first_seen": ago(30), "stored": stored, **more}
    return Holdings(**fields)


def ago(days: float) -> datetime:
    return NOW - timedelta(days=days)


@pytest.mark.parametrize(
    ("marks", "lost"),
    [
        ([(1, ago(9)), (21, ago(8))], [(11, 20)]),  # nothing came beside it for a week
        ([(1, ago(9)), (21, ago(6))], []),  # it opened six days ago
        ([(1, ago(9)), (7, ago(1)), (21, ago(8))], []),  # it is being filled from below
        ([(1, ago(9)), (21, ago(1)), (30, ago(8))], []),  # or from above
    ],
)
def test_a_hole_is_given_up_when_it_was_open_and_untouched(marks: list[tuple[int, datetime]], lost: Ranges) -> None:
    assert given_up(held([(1, 10), (21, 40)]), marks, BEFORE) == lost


def test_the_end_of_a_boot_is_given_up_as_long_after_it_was_declared() -> None:
    marks = [(1, ago(20))]
    assert given_up(held([(1, 10)], ended=15, ended_at=ago(8)), marks, BEFORE) == [(11, 15)]
    assert given_up(held([(1, 10)], ended=15, ended_at=ago(6)), marks, BEFORE) == []


def test_a_boot_of_which_nothing_ever_came_is_given_up_too() -> None:
    assert given_up(held([], ended=5, ended_at=ago(8)), [], BEFORE) == [(1, 5)]


def broken(pieces: int, first: int = 1) -> Ranges:
    return [(first + 2 * k, first + 2 * k) for k in range(pieces)]


def test_a_boot_in_few_pieces_stays_in_the_ledger() -> None:
    assert cut(held(broken(MANY), evaluated=broken(MANY))) == 0


def test_a_boot_in_many_pieces_is_archived_as_far_as_it_is_settled() -> None:
    pieces = broken(MANY + 1)
    holes = [(low + 1, low + 1) for low, _ in pieces[:-1]]
    assert cut(held(pieces, evaluated=pieces)) == 0, "the first hole is still awaited"
    assert cut(held(pieces, evaluated=pieces, lost=holes[:500])) == 1001, "up to the first hole that is not lost"
    assert cut(held(pieces, evaluated=pieces, lost=holes)) == pieces[-1][1]
    assert cut(held(pieces, lost=holes)) == 0, "what waits for its review is not settled"
    assert cut(held([(1, pieces[-1][1]), *broken(MANY + 1, pieces[-1][1] + 2)], archived=pieces[-1][1])) == 0


def test_in_far_too_many_pieces_it_is_archived_whether_settled_or_not() -> None:
    pieces = broken(MOST + 1)
    found = cut(held(pieces, evaluated=pieces))
    assert sum(1 for low, _ in pieces if low > found) == MOST // 2


@pytest.mark.parametrize(
    ("waiting", "days", "is_held"),
    [(None, 400, False), (ago(100), 400, False), (ago(410), 413, True), (ago(900), 431, True)],
)
def test_what_waits_for_its_review_is_kept_longer_but_not_for_ever(
    waiting: datetime | None, days: int, is_held: bool
) -> None:
    ms = None if waiting is None else int(waiting.timestamp() * 1000)
    before, was_held = horizon(NOW, 400, 30, ms)
    assert (NOW - before).days in (days - 1, days)
    assert before.hour == before.minute == 0
    assert was_held is is_held
