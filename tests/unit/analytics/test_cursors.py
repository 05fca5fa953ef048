"""Order within a device, and what was evaluated."""

import itertools

from analytics.engine import Engine
from tests.helpers.site import START, arrived

_times = itertools.count(START, 1000)


def feed(engine: Engine, boot: str, *seqs: int) -> list[int]:
    """Samples evaluated for each of these frames, one at a time."""
    return [engine.feed([arrived(boot=boot, seq=seq, ts=next(_times), load_t=1.0)]).samples for seq in seqs]


def report(engine: Engine) -> dict[str, list[tuple[int, int]]]:
    device = engine.fleets["crane"].devices[0]
    found = device.cursor.evaluated(device.boot, device.seq)
    return found.boots if found else {}


def test_a_frame_at_or_behind_the_cursor_is_not_evaluated() -> None:
    assert feed(Engine(), "boot-0001", 1, 2, 2, 1, 3, 5, 4) == [1, 1, 0, 0, 1, 1, 0]


def test_evaluated_ranges_have_a_hole_where_frames_were_missing() -> None:
    engine = Engine()
    feed(engine, "boot-0001", 3, 4, 5, 8, 9, 7)
    assert report(engine) == {"boot-0001": [(3, 5), (8, 9)]}
    assert report(engine) == {}
    feed(engine, "boot-0001", 10, 11)
    feed(engine, "boot-0002", 1, 2)
    assert report(engine) == {"boot-0001": [(10, 11)], "boot-0002": [(1, 2)]}


def test_a_new_boot_is_beyond_the_cursor_and_two_boots_in_turn_are_a_conflict() -> None:
    engine = Engine()
    assert feed(engine, "boot-0001", 7, 8) == [1, 1]
    assert feed(engine, "boot-0002", 1) == [1]
    assert not engine.annunciator.open
    assert feed(engine, "boot-0001", 8) == [0], "a redelivered frame of the old boot is no conflict"
    assert not engine.annunciator.open
    # Two boxes under one name: both are evaluated, because one of them hangs over people.
    assert feed(engine, "boot-0001", 9) == [1]
    assert list(engine.annunciator.open["site", "crane", "c1"]) == ["identity"]


def test_frames_made_by_hand_go_by_their_time_and_leave_the_count_alone() -> None:
    engine = Engine()
    feed(engine, "boot-0001", 5)
    later = next(_times) + 60_000
    assert [engine.feed([arrived(ts=ts, load_t=1.0)]).samples for ts in (later, later, later - 1000)] == [1, 0, 0]
    assert feed(engine, "boot-0001", 5, 6) == [0, 1]
    assert report(engine) == {"boot-0001": [(5, 6)]}


def test_one_hand_made_frame_from_the_future_does_not_make_the_next_ones_late() -> None:
    engine = Engine()
    assert engine.feed([arrived(ts=4_000_000_000_000, received=START, load_t=1.0)]).samples == 1
    assert engine.feed([arrived(ts=START + 1000, load_t=1.0)]).samples == 1


def test_three_hand_made_frames_that_agree_move_the_cursor_back() -> None:
    engine = Engine()
    engine.feed([arrived(ts=START + 600_000, load_t=1.0)])
    assert [engine.feed([arrived(ts=START + k * 1000, load_t=1.0)]).samples for k in range(5)] == [0, 0, 1, 1, 1]
