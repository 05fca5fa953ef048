"""Work cycles, as scripts of what a crane's box reads."""

from typing import Any

import numpy as np
import pytest

from analytics.engine import Engine
from analytics.hung import THIN, steady
from telemetry.model import Severity
from telemetry.wire.cycle import Cycle, Spot
from telemetry.wire.payloads import Chart, Design, encode
from tests.helpers.lifting import EMPTY, Crane
from tests.helpers.site import BOOT, START


def only(crane: Crane) -> Cycle:
    """The one cycle that came of it."""
    (cycle,) = crane.cycles
    return cycle


@pytest.mark.parametrize("interval_ms", [100, 1000, 5000, 15_000])
def test_a_lift_is_one_cycle_with_its_points_its_load_and_its_motions(interval_ms: int) -> None:
    crane = Crane(interval_ms)
    crane.lift(load_t=2.0, height=20.0, slew=100.0, radius=20.0)
    crane.waits(60)
    cycle = only(crane)
    assert cycle.flags == []
    assert cycle.pick == Spot(slew_deg=10.0, radius_m=30.0, hook_m=1.5)
    assert cycle.set_down == Spot(slew_deg=100.0, radius_m=20.0, hook_m=5.5)
    assert (cycle.load_t, cycle.load_pct, cycle.capacity_t) == (2.0, 50.0, 4.0)
    assert (cycle.lifted_m, cycle.slewed_deg, cycle.hook_m, cycle.radius_m) == (20.0, 90.0, (1.5, 21.5), (20.0, 30.0))
    assert (cycle.falls, cycle.operator, cycle.config, cycle.max_gust_mps) == (2, "op-1", 7, 4.0)
    # 100 s hang, and a sample falls where it falls.
    assert cycle.duration_s == pytest.approx(100, abs=1.5 * interval_ms / 1000)
    assert cycle.end - cycle.start == round(cycle.duration_s * 1000)


def test_the_swing_of_the_pick_up_is_in_the_maximum_and_not_in_the_load_that_counts() -> None:
    crane = Crane(100)
    crane.waits(10)
    for load in (0.6, 1.4, 2.2, 2.6, 2.4, 1.7, 2.2, 1.9):
        crane.goes(load, 0.1, hook_m=1.6)
    crane.goes(2.0, 20, hook_m=12.0)
    crane.goes(2.0, 20, hook_m=2.0)
    crane.waits(30)
    assert (only(crane).load_t, only(crane).max_load_t) == (2.0, 2.6)
    assert only(crane).max_moment_pct == pytest.approx(65.0)


def test_a_long_pull_on_what_sticks_to_the_ground_is_not_the_load_that_counts() -> None:
    crane = Crane(100)
    crane.waits(10)
    crane.reads(2.6, 40)
    crane.goes(2.0, 6, hook_m=5.0)
    crane.goes(2.0, 6, hook_m=1.5)
    crane.waits(30)
    assert (only(crane).load_t, only(crane).max_load_t) == (2.0, 2.6)


def test_between_slow_samples_the_set_down_is_where_the_hook_was_lower() -> None:
    for last, free, wanted in ((6.0, 2.0, 2.0), (2.0, 6.0, 2.0)):
        crane = Crane(15_000)
        crane.waits(60)
        crane.goes(2.0, 60, hook_m=20.0)
        crane.place["hook_m"] = last
        crane.reads(2.0)
        crane.place["hook_m"] = free
        crane.waits(60)
        assert only(crane).set_down.hook_m == wanted


def test_a_skip_that_is_emptied_in_the_air_counts_as_full() -> None:
    crane = Crane()
    crane.waits(20)
    crane.goes(3.0, 60, hook_m=30.0)
    for k in range(60):
        crane.reads(3.0 - 2.4 * k / 60)
    crane.reads(0.6, 120)
    crane.goes(0.6, 60, hook_m=1.5)
    crane.waits(30)
    assert only(crane).load_t == pytest.approx(3.0, abs=0.01)


def test_a_load_that_touches_down_and_is_lifted_again_within_ten_seconds_is_one_cycle() -> None:
    crane = Crane()
    crane.waits(20)
    crane.goes(2.0, 20, hook_m=10.0)
    crane.goes(2.0, 20, hook_m=1.5)
    crane.waits(8)
    crane.goes(2.0, 10, hook_m=3.0)
    crane.goes(2.0, 10, hook_m=1.0)
    crane.waits(20)
    assert only(crane).flags == ["put_down_between"]
    assert only(crane).set_down.hook_m == 1.0


def test_a_load_that_comes_ten_seconds_later_is_another_cycle() -> None:
    crane = Crane()
    crane.waits(20)
    for _ in range(2):
        crane.goes(2.0, 20, hook_m=10.0)
        crane.goes(2.0, 20, hook_m=1.5)
        crane.waits(11)
    assert len(crane.cycles) == 2
    assert crane.cycles[0].id != crane.cycles[1].id


@pytest.mark.parametrize(
    ("seconds", "to"), [(4, {"hook_m": 9.0}), (60, {"hook_m": 2.3}), (60, {"radius_m": 30.8}), (60, {"slew_deg": 11})]
)
def test_a_moment_or_a_pull_in_place_is_no_cycle(seconds: float, to: dict[str, float]) -> None:
    crane = Crane()
    crane.waits(20)
    crane.goes(2.0, seconds, **to)
    crane.waits(60)
    assert crane.cycles == []


@pytest.mark.parametrize("to", [{"radius_m": 40.0}, {"slew_deg": 60.0}])
def test_a_load_that_only_goes_sideways_is_a_cycle(to: dict[str, float]) -> None:
    crane = Crane()
    crane.waits(20)
    crane.goes(1.0, 60, **to)
    crane.waits(60)
    assert only(crane).lifted_m == 0.0


def test_a_short_gap_is_said_and_a_long_one_ends_the_cycle_as_unfinished() -> None:
    crane = Crane()
    crane.waits(20)
    crane.goes(2.0, 20, hook_m=10.0)
    crane.reads(2.0, step=30_000)
    crane.goes(2.0, 20, hook_m=15.0)
    crane.reads(2.0, step=300_000)
    crane.goes(2.0, 20, hook_m=1.5)
    crane.waits(30)
    first, second = crane.cycles
    assert first.flags == ["unfinished", "gap"]
    assert (first.set_down, first.pick.hook_m) == (Spot(), 1.5)
    assert first.decided == (BOOT, 62)
    assert first.last.seq == 61
    assert second.flags == ["unseen_start"]
    assert (second.pick, second.lifted_m, second.set_down.hook_m) == (Spot(), None, 1.5)


def test_a_new_boot_in_mid_air_ends_the_cycle_and_the_load_begins_another_one() -> None:
    crane = Crane()
    crane.waits(20)
    crane.goes(2.0, 20, hook_m=10.0)
    crane.reboot()
    crane.goes(2.0, 20, hook_m=1.5)
    crane.waits(30)
    assert [cycle.flags for cycle in crane.cycles] == [["unfinished"], ["unseen_start"]]
    assert [cycle.cause.boot for cycle in crane.cycles] == [BOOT, crane.boot]


def test_a_new_boot_behind_a_set_down_takes_nothing_from_the_cycle() -> None:
    crane = Crane()
    crane.lift()
    crane.goes(2.0, 20, hook_m=30.0)
    crane.goes(2.0, 20, hook_m=1.5)
    crane.reads(EMPTY)
    crane.reboot()
    crane.waits(1)
    assert [cycle.flags for cycle in crane.cycles] == [[], []]


def test_a_load_that_is_left_hanging_for_long_is_one_cycle_and_one_load() -> None:
    crane = Crane(15_000)
    crane.waits(60)
    crane.goes(2.0, 60, hook_m=20.0)
    crane.waits(3600, load_t=2.0)
    crane.goes(2.0, 60, hook_m=1.5)
    crane.waits(60)
    assert (only(crane).load_t, only(crane).samples) == (2.0, 248)


def test_what_a_box_does_not_send_is_null_and_said() -> None:
    crane = Crane()
    crane.place |= {"hook_m": None, "slew_deg": None, "falls": None}
    crane.say |= {"operator": None, "wind_mps": None}
    crane.waits(20)
    crane.goes(2.0, 60, radius_m=40.0)
    crane.waits(30)
    cycle = only(crane)
    assert cycle.flags == ["no_hook", "no_slew", "falls_unknown"]
    assert cycle.set_down == Spot(radius_m=40.0)
    assert (cycle.hook_m, cycle.lifted_m, cycle.slewed_deg, cycle.falls) == (None, None, None, None)
    assert (cycle.operator, cycle.max_gust_mps) == (None, None)


def test_a_load_without_any_position_is_kept() -> None:
    crane = Crane()
    crane.place = dict.fromkeys(crane.place)
    crane.waits(20)
    crane.reads(2.0, 60)
    crane.waits(30)
    assert only(crane).flags == ["no_hook", "no_radius", "no_slew", "falls_unknown"]
    assert only(crane).load_t == 2.0


def test_samples_without_a_load_do_not_end_a_lift_and_are_said() -> None:
    crane = Crane()
    crane.waits(20)
    crane.goes(2.0, 20, hook_m=10.0)
    crane.reads(9.9, 15, invalid=["load_t"])
    crane.goes(2.0, 20, hook_m=1.5)
    crane.waits(30)
    assert only(crane).flags == ["load_invalid"]
    assert only(crane).max_load_t == 2.0


def test_a_cycle_is_of_the_operator_who_picked_it_up_and_a_change_is_said() -> None:
    crane = Crane()
    crane.waits(20)
    crane.goes(2.0, 20, hook_m=10.0)
    crane.say["operator"] = "op-2"
    crane.goes(2.0, 20, hook_m=1.5)
    crane.waits(30)
    assert (only(crane).operator, only(crane).flags) == ("op-1", ["operator_changed"])


def test_limit_switches_and_alarms_of_the_lift_are_in_its_record() -> None:
    crane = Crane()
    crane.lift()
    crane.waits(20)
    crane.goes(4.6, 40, hook_m=40.0)
    crane.say["limits"] = 1 << 5
    crane.reads(4.6, 5)
    crane.say["limits"] = 0
    crane.goes(4.6, 40, hook_m=1.5)
    crane.waits(60)
    first, second = crane.cycles
    assert (first.limits, first.alarms) == ([], {})
    assert second.limits == ["hook_up_limit"]
    assert second.alarms["load"] is Severity.CRITICAL
    assert second.load_pct == 115.0


def test_the_largest_load_is_the_charts_of_any_reeving_unless_the_design_says_another() -> None:
    four = [Chart(falls=4, points=[(2.5, 8.0), (30.0, 4.0)]), Chart(falls=2, points=[(2.5, 4.0), (60.0, 1.7)])]
    for design, wanted in ((None, 25.0), (Design(stated_by="li", cycles=1000, capacity_t=5.0), 40.0)):
        crane = Crane(design=design)
        crane.outcomes.append(
            crane.engine.configure(
                "site", "crane", "c1", type(crane.engine.fleets["crane"].devices[0].config)(  # type: ignore[misc]
                    version=8, charts=four, interval_ms=1000, design=design
                ), START,
            )
        )  # fmt: skip
        crane.lift(load_t=2.0)
        crane.waits(20)
        assert only(crane).load_pct == wanted


def test_a_crane_without_a_chart_has_a_load_and_no_percentage() -> None:
    crane = Crane()
    crane.engine = Engine()
    crane.lift(load_t=2.0)
    crane.waits(20)
    assert only(crane).flags == ["unrated"]
    assert (only(crane).load_t, only(crane).load_pct) == (2.0, None)


def test_a_wrong_clock_is_said_and_the_duration_is_measured_along_the_line() -> None:
    crane = Crane()
    crane.waits(20)
    crane.goes(2.0, 20, hook_m=10.0)
    crane.reads(2.0, step=-3_600_000)
    crane.goes(2.0, 20, hook_m=1.5)
    crane.waits(30)
    assert only(crane).flags == ["clock"]
    assert only(crane).duration_s == pytest.approx(41, abs=1)
    assert only(crane).end < only(crane).start


def test_the_same_readings_give_the_same_id_and_each_cycle_its_own() -> None:
    told: list[list[bytes]] = []
    for _ in range(2):
        crane = Crane(5000)
        for _ in range(3):
            crane.lift()
        crane.waits(30)
        told.append([encode(cycle) for cycle in crane.cycles])
    assert told[0] == told[1]
    assert len({cycle.id for cycle in crane.cycles}) == 3
    assert crane.cycles[0].cause.seq == 7


def test_a_cycle_survives_a_snapshot_at_any_of_its_moments() -> None:
    whole = Crane(5000)
    whole.lift()
    whole.waits(20)
    for cut in (5, 7, 12, 25, 27, 33):
        crane = Crane(5000)

        def read(*, crane: Crane = crane, cut: int = cut, **how: Any) -> Any:
            if crane.seq == cut:
                crane.engine = Engine.restore(crane.engine.snapshot())
            return Crane.read(crane, **how)

        crane.read = read  # type: ignore[method-assign]
        crane.lift()
        crane.waits(20)
        assert [encode(cycle) for cycle in crane.cycles] == [encode(cycle) for cycle in whole.cycles]


@pytest.mark.parametrize("n", [1, 5, THIN, THIN + 1, 4 * THIN + 7, 3000])
def test_the_thinned_record_gives_the_median_of_a_noisy_load(n: int) -> None:
    noise = np.random.default_rng(n)
    crane = Crane()
    table = crane.engine.fleets["crane"].table
    detector = crane.engine.fleets["crane"]._cycles  # type: ignore[attr-defined]
    row = np.array([0])
    for load in (2.0 + 0.012 * noise.standard_normal(n)).tolist():
        detector._weigh(table, row, np.array([load]), np.array([False]))
    kept = int(table["cy_n"][0])
    found = steady(table["cy_thin"][0], kept, int(table["cy_stride"][0]))
    assert found == pytest.approx(2.0, abs=0.012 * (3.0 if n < THIN else 2.0))
    assert -(-kept // int(table["cy_stride"][0])) <= THIN
