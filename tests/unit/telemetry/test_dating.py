"""Days add up: every seq has one moment, and what is computed by ranges is what each seq says alone."""

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from telemetry.storage.dating import END, came_at, came_between, missed_at, missed_between
from telemetry.storage.multirange import Ranges, size, union, within

TOP = 60
marks = st.dictionaries(st.integers(1, TOP), st.integers(0, 300), max_size=8).map(lambda found: sorted(found.items()))
times = st.integers(-10, 320)


def members(ranges: Ranges) -> set[int]:
    return {n for low, high in within(ranges, 1, TOP) for n in range(low, high + 1)}


@given(marks, times, times, times)
def test_a_span_holds_the_frames_whose_moment_is_in_it(
    found: list[tuple[int, int]], heard: int, begin: int, end: int
) -> None:
    seqs = range(1, TOP + 1)
    assert members(came_between(found, heard, begin, end)) == {
        seq for seq in seqs if begin <= came_at(found, heard, seq) < end
    }
    assert members(missed_between(found, heard, begin, end)) == {
        seq for seq in seqs if begin <= missed_at(found, heard, seq) < end
    }


@given(marks, times, st.lists(times, max_size=6))
def test_every_seq_is_in_exactly_one_of_a_run_of_spans(
    found: list[tuple[int, int]], heard: int, borders: list[int]
) -> None:
    edges = [-(2**60), *sorted(borders), 2**60]
    for between in (came_between, missed_between):
        spans = [between(found, heard, begin, end) for begin, end in pairwise(edges)]
        assert union(*spans) == [(1, END)]
        assert sum(map(size, spans)) == END


def test_a_weekend_that_never_came_is_spread_over_its_days() -> None:
    day = 86_400_000
    friday_noon, monday_noon = day // 2, 3 * day + day // 2
    found = [(1, 0), (43_201, friday_noon), (302_401, monday_noon)]  # one frame a second
    days = [size(within(missed_between(found, 0, k * day, (k + 1) * day), 43_202, 302_400)) for k in range(4)]
    assert days == [43_199, 86_400, 86_400, 43_200]


def test_where_the_clock_went_back_a_missing_frame_has_the_earlier_mark() -> None:
    assert missed_at([(10, 500), (20, 100)], 0, 15) == 500
