"""Level conditions against a slow version of themselves, sample by sample."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from analytics import levels
from analytics.table import Table


class Oracle:
    """One condition, in plain words."""

    def __init__(self, set_: float, clear: float, on_ms: int, off_ms: int, samples: int) -> None:
        self.set, self.clear, self.on_ms, self.off_ms, self.samples = set_, clear, on_ms, off_ms, samples
        self.on = False
        self.run: list[int] = []  # times of the samples in a row that speak for a change
        self.last: int | None = None

    def sample(self, at: int, interval: int, value: float) -> bool:
        if np.isnan(value):
            return False
        gap = self.last is not None and at - self.last > 3 * interval
        self.last = at
        speaks = value < self.clear if self.on else value >= self.set
        if not speaks:
            self.run = []
            return False
        self.run = [at] if gap else [*self.run, at]
        delay = self.off_ms if self.on else self.on_ms
        need = self.samples or (3 if interval > 500 else 2)
        if self.on and delay > 0:
            need = max(need, 2)
        if len(self.run) >= need and at - self.run[0] >= delay:
            self.on, self.run = not self.on, []
            return True
        return False


def table(set_: float, clear: float, on_ms: int, off_ms: int, samples: int) -> Table:
    made = Table(levels.fields(1))
    made.add()
    made["set"][0], made["clear"][0] = set_, clear
    made["on_ms"][0], made["off_ms"][0], made["samples"][0] = on_ms, off_ms, samples
    return made


def feed(made: Table, at: int, interval: int, value: float) -> bool:
    changed = levels.advance(
        made, np.array([0]), np.array([at]), np.array([interval]), np.array([[value]], np.float32), None
    )
    return bool(changed[0, 0])


@given(
    steps=st.lists(
        st.tuples(
            st.sampled_from([0, 100, 400, 1000, 3100, 9000]),
            st.sampled_from([80.0, 97.0, 99.0, 100.0, 130.0, float("nan")]),
        ),
        max_size=60,
    ),
    interval=st.sampled_from([100, 500, 1000, 3000]),
    on_ms=st.sampled_from([0, 500, 2000]),
    off_ms=st.sampled_from([0, 1000, 5000]),
    samples=st.sampled_from([0, 1, 4]),
)
def test_conditions_agree_with_the_slow_version_at_every_sample(
    steps: list[tuple[int, float]], interval: int, on_ms: int, off_ms: int, samples: int
) -> None:
    oracle, made, at = Oracle(100, 98, on_ms, off_ms, samples), table(100, 98, on_ms, off_ms, samples), 1_000_000
    for step, value in steps:
        at += step
        assert feed(made, at, interval, value) == oracle.sample(at, interval, value)
        assert bool(made["on"][0, 0]) == oracle.on


@pytest.mark.parametrize(("interval", "needed"), [(100, 6), (500, 2), (1000, 3), (5000, 3)])
def test_half_a_second_needs_two_samples_that_hold_and_three_below_two_hertz(interval: int, needed: int) -> None:
    made = table(100, 98, 500, 1000, 0)
    results = [feed(made, 1_000_000 + k * interval, interval, 104) for k in range(needed)]
    assert results == [False] * (needed - 1) + [True]


def test_a_single_sample_never_fulfils_a_delay_however_late_the_next_one_comes() -> None:
    made = table(100, 98, 500, 1000, 0)
    assert [feed(made, 1_000_000 + k * 60_000, 1000, 150) for k in range(20)] == [False] * 20


def test_between_set_and_clear_nothing_changes() -> None:
    made = table(100, 98, 0, 0, 1)
    assert [feed(made, 1000 * k, 1000, v) for k, v in enumerate([99.9, 100, 99, 98, 97.99, 99.9])] == [
        False, True, False, False, True, False,
    ]  # fmt: skip


def test_the_limit_itself_alarms_also_when_it_is_no_round_number_in_binary() -> None:
    for limit in np.round(np.arange(0.1, 30, 0.1), 1):
        made = table(float(limit), float(limit) - 1, 0, 0, 1)
        assert feed(made, 1000, 1000, float(np.float32(limit)))
