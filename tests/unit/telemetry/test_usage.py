"""The running total against the design life, held against values worked out by hand."""

from typing import Any

import pytest

from telemetry import usage
from telemetry.errors import ConfigError
from telemetry.usage import BINS, Bin, Life
from telemetry.wire.payloads import Design


def bins(loads: dict[float, int]) -> list[Bin]:
    """So many cycles of each load in per cent."""
    found = [[0, 0.0] for _ in range(BINS + 1)]
    for load, n in loads.items():
        found[usage.place(load)][0] += n
        found[usage.place(load)][1] += n * usage.weight(load)
    return [Bin(int(n), weight) for n, weight in found]


def stated(**fields: Any) -> Life:
    life = usage.life(Design(stated_by="li", **fields))
    assert life is not None
    return life


def test_kp_is_the_mean_of_the_cubes() -> None:
    # Half of the cycles at the largest load, half at a half of it: (1 + 1/8) / 2.
    found = usage.usage(bins({100.0: 500, 50.0: 500}), 0, None)
    assert found.kp == pytest.approx(0.5625)
    assert found.duty == pytest.approx(562.5)
    assert (found.u_class, found.q_class, found.group) == ("U0", "Q4", "A2")
    assert found.spectrum == (0, 0, 0, 0, 0, 0.5, 0, 0, 0, 0.5, 0)
    assert (found.used_pct, found.left, found.design_cycles) == (None, None, None)


@pytest.mark.parametrize(
    ("cycles", "name"),
    [(0, "U0"), (16_000, "U0"), (16_001, "U1"), (125_000, "U3"), (125_001, "U4"), (4_000_000, "U8"), (4_000_001, "U9")],
)
def test_the_class_of_use_ends_with_its_last_cycle(cycles: int, name: str) -> None:
    assert usage.u_class(cycles) == name


@pytest.mark.parametrize(
    ("kp", "name"), [(0.01, "Q1"), (0.125, "Q1"), (0.126, "Q2"), (0.5, "Q3"), (1.0, "Q4"), (1.2, "Q4")]
)
def test_the_class_of_load_ends_with_its_factor(kp: float, name: str) -> None:
    assert usage.q_class(kp) == name


def test_the_group_is_the_same_where_number_and_weight_change_places() -> None:
    assert usage.group("U4", "Q2") == usage.group("U5", "Q1") == usage.group("U3", "Q3") == "A4"
    assert (usage.group("U0", "Q1"), usage.group("U9", "Q1"), usage.group("U9", "Q2")) == ("A1", "A8", None)


def test_the_share_is_of_the_designs_duty() -> None:
    # U1 and Q2: 32,000 x 0.25 = 8,000. 1,000 cycles at full load are an eighth of that.
    found = usage.usage(bins({100.0: 1000}), 0, stated(u_class="U1", q_class="Q2"))
    assert (found.used_pct, found.used_by) == (12.5, "duty")
    assert found.left == 7000


def test_without_a_class_of_load_the_share_is_of_the_number() -> None:
    found = usage.usage(bins({30.0: 1000}), 0, stated(cycles=4000, before_cycles=1000))
    assert (found.used_pct, found.used_by, found.left) == (50.0, "cycles", 2000)


def test_cycles_before_monitoring_count_as_heavy_as_the_designs_unless_somebody_says_otherwise() -> None:
    heavy = usage.usage(bins({}), 0, stated(cycles=10_000, kp=0.25, before_cycles=5000))
    light = usage.usage(bins({}), 0, stated(cycles=10_000, kp=0.25, before_cycles=5000, before_kp=0.125))
    assert (heavy.used_pct, light.used_pct) == (50.0, 25.0)
    assert (heavy.total, heavy.cycles, heavy.kp, heavy.q_class) == (5000, 0, None, None)


def test_a_cycle_without_a_load_weighs_as_the_mean_of_the_others() -> None:
    found = usage.usage(bins({50.0: 80}), 20, stated(cycles=1000, kp=0.125))
    assert found.kp == 0.125
    assert found.duty == pytest.approx(12.5)
    assert (found.weighed, found.cycles, found.used_pct) == (80, 100, 10.0)


def test_cycles_of_which_no_load_is_known_are_counted_by_number() -> None:
    found = usage.usage(bins({}), 500, stated(cycles=1000, kp=0.125))
    assert (found.used_pct, found.used_by, found.kp, found.spectrum) == (50.0, "cycles", None, ())


def test_what_is_used_up_leaves_nothing() -> None:
    found = usage.usage(bins({100.0: 2000}), 0, stated(cycles=1000, kp=1.0))
    assert (found.used_pct, found.left) == (200.0, 0)


@pytest.mark.parametrize(
    ("load", "place"), [(-2.0, 0), (0.0, 0), (9.99, 0), (10.0, 1), (99.9, 9), (100.0, 9), (100.1, 10)]
)
def test_a_load_stands_in_its_tenth(load: float, place: int) -> None:
    assert usage.place(load) == place


@pytest.mark.parametrize(
    ("fields", "word"),
    [
        ({}, "u_class or cycles"),
        ({"u_class": "U4", "cycles": 1000}, "u_class or cycles"),
        ({"cycles": 1000, "kp": 0.5, "q_class": "Q2"}, "q_class or kp"),
        ({"cycles": 1000, "before_kp": 0.5}, "before_cycles"),
        ({"cycles": 1000, "stated_by": " "}, "stated_by"),
    ],
)
def test_a_design_that_contradicts_itself_is_refused(fields: dict[str, Any], word: str) -> None:
    with pytest.raises(ConfigError, match=word):
        usage.life(Design(**{"stated_by": "li", **fields}))


def test_nothing_stated_is_no_design() -> None:
    assert usage.life(None) is None
