"""
Sets of seq as rising ranges, ends included, with what a ledger needs of set arithmetic. Pure.

Every function takes and gives lists of (low, high) that rise and neither touch nor overlap.
"""

from collections.abc import Iterable, Sequence
from typing import TypeAlias

Ranges: TypeAlias = list[tuple[int, int]]


def union(*sets: Iterable[tuple[int, int]]) -> Ranges:
    """What is in any of them; the arguments need not be in order."""
    found: Ranges = []
    for low, high in sorted(one for ranges in sets for one in ranges):
        if found and low <= found[-1][1] + 1:
            if high > found[-1][1]:
                found[-1] = (found[-1][0], high)
        else:
            found.append((low, high))
    return found


def minus(ranges: Sequence[tuple[int, int]], taken: Sequence[tuple[int, int]]) -> Ranges:
    """What is in the first and not in the second."""
    found: Ranges = []
    k = 0
    for low, high in ranges:
        while k < len(taken) and taken[k][1] < low:
            k += 1
        j = k
        while j < len(taken) and taken[j][0] <= high:
            if taken[j][0] > low:
                found.append((low, taken[j][0] - 1))
            low = taken[j][1] + 1
            j += 1
        if low <= high:
            found.append((low, high))
    return found


def within(ranges: Sequence[tuple[int, int]], low: int, high: int) -> Ranges:
    """The part from low to high, ends included."""
    return [(max(a, low), min(b, high)) for a, b in ranges if b >= low and a <= high]


def common(one: Sequence[tuple[int, int]], other: Sequence[tuple[int, int]]) -> Ranges:
    """What is in both."""
    return minus(one, minus(one, other))


def size(ranges: Iterable[tuple[int, int]]) -> int:
    """How many numbers."""
    return sum(high - low + 1 for low, high in ranges)
