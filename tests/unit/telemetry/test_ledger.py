"""Ranges of seq: what PostgreSQL writes is read, and a receipt never claims what is not there."""

import itertools

from hypothesis import given
from hypothesis import strategies as st

from telemetry.storage import ledger

numbers = st.sets(st.integers(1, 60), max_size=40)


@given(numbers)
def test_ranges_hold_exactly_the_numbers(found: set[int]) -> None:
    ranges = ledger.ranges_of(found)
    assert {n for low, high in ranges for n in range(low, high + 1)} == found
    assert all(a[1] + 1 < b[0] for a, b in itertools.pairwise(ranges))


@given(numbers)
def test_what_postgres_writes_is_read(found: set[int]) -> None:
    ranges = ledger.ranges_of(found)
    canonical = "{" + ",".join(f"[{low},{high + 1})" for low, high in ranges) + "}"
    assert ledger.parse(canonical) == ranges


@given(numbers)
def test_a_receipt_never_claims_what_is_not_there(found: set[int]) -> None:
    receipt = ledger.receipt("boot-0001", ledger.ranges_of(found))
    claimed = set(range(1, receipt.upto + 1)) | {n for low, high in receipt.ranges for n in range(low, high + 1)}
    assert claimed <= found
    assert len(receipt.ranges) <= ledger.MAX_RANGES
    if len(ledger.ranges_of(found)) <= ledger.MAX_RANGES:
        assert claimed == found


def test_an_empty_multirange_is_no_ranges() -> None:
    assert ledger.parse("{}") == []
    assert ledger.literal([]) == "{}"
