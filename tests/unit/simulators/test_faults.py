"""Faults as pure transforms."""

from typing import Any

import pytest

from simulators.faults import ClockStep, Dead, Drift, Dropout, Fault, Spike, Stuck, Window, apply

SAMPLE = {"ts": 1_000_000, "load_t": 3.0, "hook_m": 20.0}


def played(fault: Fault, values: dict[float, float]) -> list[Any]:
    found = []
    for t, load in values.items():
        sample = fault.apply(t, {**SAMPLE, "load_t": load})
        found.append(sample and sample.get("load_t"))
    return found


def test_stuck_repeats_the_first_value_of_its_window() -> None:
    assert played(Stuck(Window(1, 2), "load_t"), {0: 1.0, 1: 2.0, 2: 3.0, 3: 4.0}) == [1.0, 2.0, 2.0, 4.0]


def test_drift_grows_with_time_and_only_in_its_window() -> None:
    assert played(Drift(Window(0, 7200), "load_t", 0.5), {-1: 1, 0: 1, 3600: 1, 7200: 1}) == [1, 1, 1.5, 1]


def test_dropout_takes_the_channel_out_and_says_so_if_asked() -> None:
    flagged = Dropout(Window(0), "load_t").apply(5, SAMPLE)
    assert flagged == {"ts": 1_000_000, "hook_m": 20.0, "invalid": ["load_t"]}
    silent = Dropout(Window(0), "load_t", flagged=False).apply(5, SAMPLE)
    assert silent == {"ts": 1_000_000, "hook_m": 20.0}


def test_clock_step_moves_only_the_time() -> None:
    assert ClockStep(Window(0, 10), -300).apply(5, SAMPLE) == {**SAMPLE, "ts": 700_000}
    assert ClockStep(Window(0, 10), -300).apply(10, SAMPLE) == SAMPLE


def test_dead_sends_nothing() -> None:
    assert [Dead(Window(1, 1)).apply(t, SAMPLE) for t in (0, 1, 2)] == [SAMPLE, None, SAMPLE]


def test_spikes_come_as_often_as_asked_and_where_the_seed_says() -> None:
    spike = Spike(Window(0), "load_t", 10.0, chance=0.1, seed=4)
    first = played(spike, {t / 5: 1.0 for t in range(5000)})
    assert set(first) == {1.0, 11.0}
    assert first.count(11.0) == pytest.approx(500, abs=80)
    assert played(Spike(Window(0), "load_t", 10.0, chance=0.1, seed=4), {t / 5: 1.0 for t in range(5000)}) == first
    assert played(Spike(Window(0), "load_t", 10.0, chance=0.1, seed=5), {t / 5: 1.0 for t in range(5000)}) != first


def test_a_missing_channel_stays_missing() -> None:
    for fault in (Stuck(Window(0), "wind_mps"), Spike(Window(0), "wind_mps", 5, 1.0), Drift(Window(0), "wind_mps", 1)):
        assert fault.apply(5, SAMPLE) == SAMPLE


def test_the_sample_that_came_in_is_not_touched() -> None:
    sample = dict(SAMPLE)
    apply([Dropout(Window(0), "load_t"), ClockStep(Window(0), 5), Drift(Window(0), "hook_m", 9)], 50, sample)
    assert sample == SAMPLE


def test_faults_apply_in_order_and_are_forgotten_when_over() -> None:
    faults: list[Fault] = [Drift(Window(0, 10), "load_t", 3600), Stuck(Window(0), "load_t"), Dead(Window(100))]
    assert apply(faults, 1, SAMPLE) == {**SAMPLE, "load_t": 4.0}
    assert apply(faults, 50, SAMPLE) == {**SAMPLE, "load_t": 4.0}
    assert len(faults) == 2
    assert apply(faults, 100, SAMPLE) is None
