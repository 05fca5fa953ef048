"""The nearest-rank percentile, against the definition."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from runtime.probe import percentile


def test_without_values_there_is_none() -> None:
    assert percentile([], 0.5) is None


@given(st.lists(st.floats(0, 1000), min_size=1, max_size=60), st.sampled_from([0.01, 0.5, 0.9, 0.99, 1.0]))
def test_it_is_the_smallest_value_that_so_many_do_not_exceed(values: list[float], share: float) -> None:
    rank = max(1, math.ceil(share * len(values)))
    assert percentile(values, share) == sorted(values)[rank - 1]


@pytest.mark.parametrize(("share", "expected"), [(0.5, 50.0), (0.99, 99.0), (1.0, 100.0)])
def test_of_a_hundred(share: float, expected: float) -> None:
    assert percentile([float(n) for n in range(1, 101)], share) == expected
