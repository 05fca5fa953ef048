"""A crane and its operator."""

import math
from collections.abc import Callable

import pytest

from simulators import site as sites
from simulators.crane import STEP_S, Crane, Lift, Phase, Place
from simulators.rope import PickUp

SITE = sites.load(sites.builtin("demo")).cranes[0]  # R135-8 at 4 falls
RATED_30 = 4.03


def run(crane: Crane, seconds: float, watch: Callable[[Crane], None] = lambda _: None) -> None:
    for _ in range(round(seconds / STEP_S)):
        crane.step()
        watch(crane)


def standing(radius: float = 30.0) -> Crane:
    crane = Crane(SITE)
    crane.stand(Place(0.0, radius, 3.0))
    return crane


def lift(percent: float, radius: float = 30.0, out_to: float | None = None, overshoot: float = 0.1) -> Lift:
    load = percent / 100 * Crane(SITE).chart.rated(out_to or radius, 4)
    pick, place = Place(0.0, radius, 1.5), Place(40.0, out_to or radius, 10.0)
    return Lift(load, pick, place, attach_s=2, position_s=5, hold_s=6, pick_up=PickUp(overshoot=overshoot, decay_s=0.3))


def test_a_lift_goes_through_its_phases_in_order_and_leaves_a_record() -> None:
    crane, phases = standing(), [Phase.IDLE]
    crane.order(lift(60))

    def watch(crane: Crane) -> None:
        if crane.phase is not phases[-1]:
            phases.append(crane.phase)

    run(crane, 300, watch)
    wanted = [Phase.IDLE, Phase.RETURN, Phase.ATTACH, Phase.HOIST, Phase.TRAVEL, Phase.LOWER, Phase.POSITION]
    assert phases == [*wanted, Phase.RELEASE, Phase.RETURN, Phase.IDLE]
    (cycle,) = crane.cycles
    assert not cycle.cut
    assert cycle.most_t == pytest.approx(0.6 * RATED_30 * 1.1, rel=0.02)
    assert cycle.most_ratio == pytest.approx(0.66, abs=0.02)
    assert cycle.most_hook_m == pytest.approx(18.0, abs=0.1)
    assert cycle.set_down.slew_deg == pytest.approx(40)
    assert crane.load_t == 0
    assert crane.hook.position == pytest.approx(16, abs=0.1)


def test_the_hook_is_empty_before_the_pick_and_after_the_release() -> None:
    crane = standing()
    crane.order(lift(60))

    def watch(crane: Crane) -> None:
        if crane.phase in (Phase.IDLE, Phase.ATTACH, Phase.RETURN):
            assert crane.load_t == 0

    run(crane, 300, watch)


def test_an_overload_at_the_pick_is_cut_held_and_set_down_where_it_stood() -> None:
    crane, seen = standing(), []
    crane.order(lift(105))
    run(crane, 60, lambda crane: seen.append((crane.ratio(), crane.cut, crane.hook.position)))
    over = [hook for ratio, _, hook in seen if ratio > 1]
    assert sum(cut for _, cut, _ in seen) * STEP_S > 6
    assert max(over) < 3.5, "hoisting went on above the rated load"
    assert crane.cycles[0].cut
    assert crane.cycles[0].most_ratio < 1.2
    assert crane.load_t == 0
    assert not crane.cut


def test_trolleying_out_is_cut_and_the_way_back_frees_it() -> None:
    crane, seen = standing(25), []
    crane.order(lift(120, 25, out_to=50))
    run(crane, 200, lambda crane: seen.append((crane.ratio(), crane.trolley.position)))
    assert max(radius for _, radius in seen) < 46, "at 43.4 m it is 100 %, and it goes on to 50"
    ratios = [ratio for ratio, _ in seen]
    assert 1.0 < max(ratios) < 1.1, "the limit value is below 110 %"
    assert crane.cycles[0].cut
    assert crane.load_t == 0


def test_with_the_key_the_limiter_does_not_cut() -> None:
    crane = standing()
    crane.bypass = True
    crane.order(lift(118))
    cuts = []
    run(crane, 60, lambda crane: cuts.append(crane.cut))
    assert not any(cuts)
    assert crane.hook.position > 5


@pytest.mark.parametrize("overshoot", [0.10, 0.18])
def test_a_legal_heavy_lift_is_never_cut(overshoot: float) -> None:
    crane = standing()
    crane.order(lift(97, overshoot=overshoot))
    cuts = []
    run(crane, 300, lambda crane: cuts.append(crane.cut))
    assert not any(cuts)
    assert len(crane.cycles) == 1


def test_the_load_swings_after_the_start_but_not_wildly() -> None:
    crane, angles = standing(50), []
    crane.order(lift(60, 50))
    run(crane, 300, lambda crane: angles.append(max(abs(crane.swing.along), abs(crane.swing.across))))
    assert 0.005 < max(angles) < math.radians(6)


def test_a_lost_load_is_gone_at_once_and_the_operator_stops() -> None:
    crane = standing()
    crane.order(lift(70))
    while crane.phase is not Phase.TRAVEL:
        crane.step()
    run(crane, 2)
    crane.lose_load()
    crane.step()
    assert crane.load_t == 0
    run(crane, 300)
    assert crane.phase is Phase.IDLE


def test_a_locked_crane_begins_no_lift() -> None:
    crane = standing()
    crane.locked = True
    crane.order(lift(50))
    run(crane, 30)
    assert crane.phase is Phase.IDLE
    crane.locked = False
    run(crane, 5)
    assert crane.busy


def test_everything_stays_inside_the_crane() -> None:
    crane = standing()
    for radius, out in ((10, 58), (58, 10), (30, 30)):
        crane.order(lift(50, radius, out_to=out))

    def watch(crane: Crane) -> None:
        assert SITE.model.radius_min_m <= crane.trolley.position <= SITE.model.jib_m
        assert 0 <= crane.hook.position <= SITE.hook_max_m
        assert crane.load_t >= 0

    run(crane, 900, watch)
    assert len(crane.cycles) == 3


def test_a_skip_that_is_emptied_in_the_air_loses_its_weight_over_that_time_and_keeps_the_rest() -> None:
    crane = Crane(SITE)
    crane.order(Lift(4.0, Place(0, 20, 1.5), Place(60, 20, 20.0), attach_s=2.0))
    while crane.phase is not Phase.TRAVEL:
        crane.step()
    crane.drain(0.25, 10.0)
    for _ in range(round(5.0 / STEP_S)):
        crane.step()
    half = crane.load_t
    for _ in range(round(5.5 / STEP_S)):
        crane.step()
    assert half == pytest.approx(2.5, abs=0.2)
    assert crane.load_t == pytest.approx(1.0, abs=0.1)


def test_a_welded_limiter_says_cut_and_the_crane_goes_on() -> None:
    crane = Crane(SITE)
    crane.welded = True
    rated = crane.chart.rated(30.0, crane.falls)
    crane.order(Lift(1.08 * rated, Place(0, 30, 1.5), Place(0, 30, 1.5), attach_s=2.0, travel_hook_m=15.0))
    high = []
    for _ in range(round(120 / STEP_S)):
        crane.step()
        if crane.cut:
            high.append(crane.hook.position)
    assert max(high) > 12.0


def test_a_crane_can_be_moved_without_a_lift() -> None:
    crane = Crane(SITE)
    crane.move(slew_deg=10.0, radius_m=30.0)
    for _ in range(round(60 / STEP_S)):
        crane.step()
    assert (crane.slew.position, crane.trolley.position, crane.busy) == (10.0, 30.0, False)
