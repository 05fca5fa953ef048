"""
To which day a frame belongs, also one that never came. Pure.

A boot's marks (`telemetry/storage/marks.py`) say at which seq it was what time. From them every seq has one moment:

Rule 1: a frame that came (stored or quarantined) has the moment of the greatest mark up to it; one before the first
mark has the first mark's.
Rule 2: a frame that did not come has the moment on the straight line from that mark to the next one; a device numbers
its frames at a steady rate, whatever became of them. Behind the last mark it has the last one's, and where the clock
went back between two marks, that of the first of them.
Rule 3: a boot without a mark has the moment at which it was first heard of.

So every seq is in exactly one day, and the days of a run add up to the run.
"""

from bisect import bisect_right
from collections.abc import Sequence

from telemetry.storage.multirange import Ranges, union

Marks = Sequence[tuple[int, int]]  # (seq, Unix ms), rising in seq
END = 2**53


def came_at(marks: Marks, heard_ms: int, seq: int) -> int:
    """The moment, in Unix ms, of a frame that came."""
    if not marks:
        return heard_ms
    return marks[max(0, bisect_right(marks, (seq, END)) - 1)][1]


def missed_at(marks: Marks, heard_ms: int, seq: int) -> int:
    """The moment, in Unix ms, of a frame that did not come."""
    place = bisect_right(marks, (seq, END)) - 1
    if place < 0 or place + 1 == len(marks):
        return came_at(marks, heard_ms, seq)
    (first, begin), (last, end) = marks[place], marks[place + 1]
    return begin + max(0, end - begin) * (seq - first) // (last - first)


def came_between(marks: Marks, heard_ms: int, begin: int, end: int) -> Ranges:
    """The seqs that, if they came, have a moment in [begin, end)."""
    return union(
        (low, high) for low, high, (moment, _, _) in _pieces(marks, heard_ms) if begin <= moment < end and low <= high
    )


def missed_between(marks: Marks, heard_ms: int, begin: int, end: int) -> Ranges:
    """The seqs that, if they did not come, have a moment in [begin, end)."""
    found: Ranges = []
    for low, high, (moment, rise, run) in _pieces(marks, heard_ms):
        if rise <= 0:
            inside = (low, high) if begin <= moment < end else None
        else:
            # The least x with moment + rise * x // run >= t is -(-(t - moment) * run // rise), rounded up.
            first = low if begin <= moment else low - (moment - begin) * run // rise
            after = low if end <= moment else low - (moment - end) * run // rise
            inside = (max(low, first), min(high, after - 1))
        if inside is not None and inside[0] <= inside[1]:
            found.append(inside)
    return union(found)


def _pieces(marks: Marks, heard_ms: int) -> list[tuple[int, int, tuple[int, int, int]]]:
    """(first seq, last seq, (moment of the first, ms to the next mark, seqs to it)) from 1 to END."""
    if not marks:
        return [(1, END, (heard_ms, 0, 1))]
    pieces = [(1, marks[0][0] - 1, (marks[0][1], 0, 1))] if marks[0][0] > 1 else []
    for k, (seq, moment) in enumerate(marks):
        last = k + 1 == len(marks)
        high = END if last else marks[k + 1][0] - 1
        rise, run = (0, 1) if last else (marks[k + 1][1] - moment, marks[k + 1][0] - seq)
        pieces.append((seq, high, (moment, rise, run)))
    return pieces
