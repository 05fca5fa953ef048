"""Line time: what happens to durations when a device's clock does not behave."""

import numpy as np

from analytics import timelines
from analytics.table import Table


class Line:
    """One device, a second a sample."""

    def __init__(self, declared: int = 1000) -> None:
        self.table = Table(timelines.FIELDS)
        self.table.add()
        self.table["declared"][0] = declared
        self.seq = 0
        self.rx = 1_000_000

    def sample(self, ts: int, *, boot: int = 0, rx: int | None = None) -> tuple[int, str]:
        self.seq += 1
        self.rx += 1000
        wave = timelines.Wave(
            np.array([0]),
            np.array([ts]),
            np.array([self.rx if rx is None else rx]),
            np.array([self.seq]),
            np.array([boot]),
        )
        line, _, wrong = timelines.advance(self.table, wave)
        said = [name for name in ("back", "repeats", "forward") if getattr(wrong, name).any()]
        return int(line[0]), " ".join(said)


def test_while_the_clock_behaves_line_time_is_device_time() -> None:
    line = Line()
    assert [line.sample(ts) for ts in (5000, 6000, 7010, 7990)] == [(ts, "") for ts in (5000, 6000, 7010, 7990)]


def test_a_clock_set_back_costs_no_time() -> None:
    line = Line()
    for ts in (500_000, 501_000, 502_000):
        line.sample(ts)
    # Back five minutes: a nominal interval each, until three agree, and then the new clock measures.
    assert [line.sample(ts)[0] for ts in (203_000, 204_000, 205_000, 206_000, 207_500)] == [
        503_000, 504_000, 505_000, 506_000, 507_500,
    ]  # fmt: skip
    assert not line.table["clock_bad"][0]


def test_a_step_back_is_said_once_and_a_repeated_time_at_the_third() -> None:
    line = Line()
    assert [line.sample(ts)[1] for ts in (9000, 10_000, 4000, 5000, 6000)] == ["", "", "back", "", ""]
    line = Line()
    assert [line.sample(ts)[1] for ts in (9000, 9000, 9000, 9000, 9000)] == ["", "", "", "repeats", "repeats"]


def test_a_clock_that_stands_still_does_not_stop_time() -> None:
    line = Line()
    seen = [line.sample(9000)[0] for _ in range(8)]
    assert seen == [9000, 9000, 9000, 10_000, 11_000, 12_000, 13_000, 14_000]


def test_a_forward_jump_is_a_clock_alarm_only_when_arrival_does_not_explain_it() -> None:
    line = Line()
    for ts in (1000, 2000, 3000):
        line.sample(ts)
    assert line.sample(63_000)[1] == "forward"
    line = Line()
    for ts in (1000, 2000, 3000):
        line.sample(ts)
    assert line.sample(63_000, rx=line.rx + 61_000)[1] == ""


def test_missing_frames_explain_a_jump() -> None:
    line = Line()
    line.sample(1000)
    line.sample(2000)
    line.seq += 60
    assert line.sample(63_000)[1] == ""


def test_line_time_never_goes_back_whatever_the_clock_does() -> None:
    random = np.random.default_rng(4)
    line = Line()
    before = -(2**62)
    for _ in range(500):
        at, _ = line.sample(int(random.integers(0, 2**40)))
        assert at >= before
        before = at


def test_a_device_slower_than_it_says_is_taken_at_its_true_pace() -> None:
    line = Line(declared=1000)
    for k in range(8):
        line.sample(k * 5000)
    assert line.table["interval"][0] == 5000


def test_a_hand_made_sample_takes_no_part_in_the_time_of_a_device_that_counts() -> None:
    line = Line()
    line.sample(5000)
    line.sample(6000)
    assert line.sample(99_000_000, boot=-1) == (6000, "")
    assert line.sample(7000) == (7000, "")


def test_a_steady_wave_and_a_mixed_one_give_each_device_the_same() -> None:
    """One device with a bad clock in the wave takes the long way for all; nobody else may notice."""

    def run(steps: list[int], *, beside_a_bad_clock: bool) -> list[int]:
        table = Table(timelines.FIELDS)
        rows = [table.add(), table.add()]
        table["declared"][:2] = 1000
        seen, ts = [], 1_000_000
        for k, step in enumerate(steps):
            ts += step
            other = 5_000_000 - 60_000 * k
            both = rows if beside_a_bad_clock else rows[:1]
            wave = timelines.Wave(*(np.array(values[: len(both)]) for values in
                                    (rows, [ts, other], [ts, ts], [k + 1, k + 1], [0, 0])))  # fmt: skip
            seen.append(int(timelines.advance(table, wave)[0][0]))
        return [*seen, *(int(table[name][0]) for name in ("agree", "repeats", "clock_bad", "interval"))]

    steps = [0, 1000, 1000, 900, 4000, 0, 1000, 1000, -60_000, 1000, 1000, 1000, 1000, 20_000, 1000]
    assert run(steps, beside_a_bad_clock=True) == run(steps, beside_a_bad_clock=False)
