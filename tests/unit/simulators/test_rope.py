"""Pick-up and pendulum."""

import math

import pytest

from simulators.rope import G, Pendulum, PickUp

DT = 0.05


def test_pick_up_rises_overshoots_and_settles_on_the_weight() -> None:
    pick_up = PickUp(rise_s=1.0, overshoot=0.2, ring_hz=2.0, decay_s=0.5)
    assert pick_up.factor(0) == 0
    assert pick_up.factor(0.5) == pytest.approx(0.6)
    assert pick_up.factor(1.0) == pytest.approx(1.2)
    assert pick_up.factor(0.999) == pytest.approx(pick_up.factor(1.001), abs=0.01)
    assert max(pick_up.factor(t / 100) for t in range(1000)) == pytest.approx(1.2)
    assert pick_up.factor(10) == pytest.approx(1.0, abs=1e-6)


def test_pick_up_rings_at_its_frequency() -> None:
    pick_up = PickUp(rise_s=1.0, overshoot=0.2, ring_hz=2.0, decay_s=5.0)
    assert pick_up.factor(1.25) < 1 < pick_up.factor(1.5)


@pytest.mark.parametrize(
    ("rope", "period"), [(5, 4.5), (10, 6.3), (20, 9.0), (30, 11.0), (40, 12.7), (60, 15.5)]
)  # the table of the domain reference, 5.2
def test_the_pendulum_has_the_period_of_its_rope(rope: float, period: float) -> None:
    assert 2 * math.pi * math.sqrt(rope / G) == pytest.approx(period, abs=0.06)
    pendulum = Pendulum()
    pendulum.step(DT, rope, 2.0, 0.0)
    crossings, t, before = [], 0.0, pendulum.along
    while len(crossings) < 5:
        pendulum.step(DT, rope, 0.0, 0.0)
        t += DT
        if before < 0 <= pendulum.along:
            crossings.append(t)
        before = pendulum.along
    measured = (crossings[-1] - crossings[0]) / (len(crossings) - 1)
    assert measured == pytest.approx(2 * math.pi * math.sqrt(rope / G), rel=0.01)


def test_a_steady_pull_hangs_the_load_at_the_angle_of_its_acceleration() -> None:
    pendulum = Pendulum()
    for _ in range(round(600 / DT)):
        pendulum.step(DT, 20.0, 0.5, 0.0)
    assert pendulum.along == pytest.approx(-0.5 / G, rel=0.01)
    assert pendulum.across == 0


def test_swinging_load_pulls_hardest_at_the_bottom() -> None:
    pendulum = Pendulum()
    pendulum.along = 0.2
    assert pendulum.tension(20) == pytest.approx(math.cos(0.2), abs=1e-3)
    most = 0.0
    for _ in range(round(5 / DT)):
        pendulum.step(DT, 20.0, 0.0, 0.0)
        most = max(most, pendulum.tension(20))
    # Energy: m (3 - 2 cos a) at the bottom without damping.
    assert 1.0 < most <= 3 - 2 * math.cos(0.2) + 1e-3
    assert most > 1 + 0.7 * (2 - 2 * math.cos(0.2))


def test_the_step_adds_no_energy() -> None:
    pendulum = Pendulum()
    pendulum.along = 0.1
    for _ in range(round(300 / DT)):
        pendulum.step(DT, 2.0, 0.0, 0.0)
        assert abs(pendulum.along) <= 0.1001
    assert abs(pendulum.along) < 1e-3
