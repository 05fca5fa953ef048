"""Marks: from them alone the quarter of an hour of every stored frame is known."""

from random import Random

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from telemetry.storage.marks import MAX_MARKS, SLOT_MS, Marks

NOW = 1_800_000_000_000
Frame = tuple[int, int, int, int]  # device, boot, seq, slot of its time


def plan(marks: Marks, batch: list[Frame], received: int = NOW) -> list[Frame]:
    """The frames of a batch that get a mark."""
    device, boot, seq, slot = (np.array(column, np.int64) for column in zip(*batch, strict=True))
    return [batch[k] for k in marks.plan(device, boot, seq, slot * SLOT_MS, received).tolist()]


@given(st.integers(0, 2**32))
def test_the_greatest_mark_up_to_a_frame_has_its_quarter_of_an_hour(seed: int) -> None:
    random = Random(seed)  # noqa: S311 - a test's dice
    # A frame has one time, however often it comes; clocks go forward, and sometimes anywhere.
    times = {
        (device, boot, seq): seq // 7 if random.random() < 0.9 else random.randrange(4)
        for device in (1, 2)
        for boot in (1, 2)
        for seq in range(1, 31)
    }
    writers = [Marks(), Marks()]  # the live and the late one, each with its own memory
    stored: set[tuple[int, int, int]] = set()
    marked: dict[tuple[int, int], dict[int, int]] = {}
    for _ in range(random.randrange(1, 12)):
        marks = random.choice(writers)
        runs = [(random.choice((1, 2)), random.choice((1, 2)), random.randrange(1, 31)) for _ in range(3)]
        keys = {(d, b, s) for d, b, first in runs for s in range(first, min(31, first + random.randrange(1, 9)))}
        batch = [(*key, times[key]) for key in random.sample(sorted(keys), len(keys))]
        marks.begin()
        found = plan(marks, batch)
        if random.random() < 0.3:
            continue  # rolled back: nothing of it is in
        marks.committed()
        stored |= keys
        for device, boot, seq, slot in found:
            marked.setdefault((device, boot), {}).setdefault(seq, slot)
    for device, boot, seq in stored:
        of_boot = marked[device, boot]
        assert of_boot[max(mark for mark in of_boot if mark <= seq)] == times[device, boot, seq]


def test_an_hour_without_a_hole_has_a_mark_for_each_quarter() -> None:
    marks = Marks()
    found = []
    for minute in range(60):
        marks.begin()
        found += plan(marks, [(1, 1, minute * 60 + s, minute // 15) for s in range(1, 61)])
        marks.committed()
    assert [frame[2] for frame in found] == [1, 901, 1801, 2701]


def test_a_frame_behind_a_hole_has_a_mark_of_its_own() -> None:
    assert [frame[2] for frame in plan(Marks(), [(1, 1, seq, 0) for seq in (1, 2, 5, 6, 9)])] == [1, 5, 9]


def test_a_box_that_always_jumps_makes_no_more_than_so_many_marks_in_a_quarter_of_an_hour() -> None:
    marks = Marks()
    found = []
    for k in range(10):
        marks.begin()
        found += plan(marks, [(1, 1, 2 * (100 * k + n), 0) for n in range(1, 101)])
        marks.committed()
    assert len(found) == MAX_MARKS
    assert len(plan(marks, [(1, 1, 9000, 0)], NOW + SLOT_MS)) == 1
