"""Set arithmetic on ranges, against Python's own sets."""

import itertools

from hypothesis import given
from hypothesis import strategies as st

from telemetry.storage import multirange
from telemetry.storage.ledger import ranges_of
from telemetry.storage.multirange import Ranges

numbers = st.sets(st.integers(1, 60), max_size=40)


def members(ranges: Ranges) -> set[int]:
    assert all(a[1] + 1 < b[0] for a, b in itertools.pairwise(ranges)), "they rise and do not touch"
    return {n for low, high in ranges for n in range(low, high + 1)}


@given(numbers, numbers, numbers, st.integers(0, 61), st.integers(0, 61))
def test_ranges_are_sets(one: set[int], other: set[int], third: set[int], low: int, high: int) -> None:
    a, b, c = ranges_of(one), ranges_of(other), ranges_of(third)
    assert members(multirange.union(a, b, c)) == one | other | third
    assert members(multirange.minus(a, b)) == one - other
    assert members(multirange.common(a, b)) == one & other
    assert members(multirange.within(a, low, high)) == {n for n in one if low <= n <= high}
    assert multirange.size(a) == len(one)
