"""The mast as a cantilever."""

import math

import pytest

from simulators.mast import Tilt
from simulators.site import Mast


def mast(stiffness: float = 2.4e9, free: float = 40.0, counter: float = 200.0) -> Mast:
    return Mast(stiffness_nm2=stiffness, free_m=free, counter_knm=counter, plumb_x_deg=0.0, plumb_y_deg=0.0)


@pytest.mark.parametrize(
    ("stiffness", "height", "net_knm", "degrees"),
    [(8.5e8, 40, 200, 0.54), (2.4e9, 40, 400, 0.39), (2.4e9, 50, 600, 0.72), (3.1e9, 55, 200, 0.20)],
)  # the table of the domain reference, 5.4
def test_the_lean_is_moment_times_height_over_stiffness(
    stiffness: float, height: float, net_knm: float, degrees: float
) -> None:
    tilt = Tilt(mast(stiffness, height, 100.0))
    load = (net_knm + 100.0) / 9.81 / 30.0
    assert tilt.still(load, 30.0) == pytest.approx(degrees, abs=0.012)


def test_an_empty_crane_leans_backwards_and_a_loaded_one_through_zero() -> None:
    tilt = Tilt(mast())
    assert tilt.still(0, 30) < 0
    assert tilt.still(200 / 9.81 / 30, 30) == pytest.approx(0, abs=1e-9)
    assert tilt.still(3, 30) > 0


def test_in_the_frame_of_the_mast_the_lean_turns_with_the_slew() -> None:
    tilt = Tilt(mast())
    lean = tilt.lean_deg
    assert tilt.read(0, 0, 0) == pytest.approx((lean, 0))
    assert tilt.read(90, 0, 0) == pytest.approx((0, lean))
    assert tilt.read(180, 0, 0) == pytest.approx((-lean, 0))
    # Whatever the slew, the centre of the circle is how far the mast is out of plumb.
    bent = Tilt(Mast(stiffness_nm2=2.4e9, free_m=40, counter_knm=200, plumb_x_deg=0.1, plumb_y_deg=-0.05))
    points = [bent.read(slew, 0, 0) for slew in range(0, 360, 10)]
    assert sum(x for x, _ in points) / 36 == pytest.approx(0.1)
    assert sum(y for _, y in points) / 36 == pytest.approx(-0.05)


def test_the_wind_pushes_the_head_to_its_lee() -> None:
    tilt = Tilt(mast())
    still = tilt.read(0, 0, 0)
    x, y = tilt.read(0, 10, 270)  # from the west
    assert (x - still[0], y - still[1]) == pytest.approx((0.02, 0), abs=1e-9)
    x, y = tilt.read(0, 20, 0)  # from the north, twice as fast
    assert (x - still[0], y - still[1]) == pytest.approx((0, -0.08), abs=1e-9)


def test_a_load_that_appears_makes_the_mast_ring_at_its_first_mode_and_settle() -> None:
    tilt = Tilt(mast())
    still = tilt.still(4, 30)
    crossings, t, before = [], 0.0, tilt.lean_deg
    most = -math.inf
    for _ in range(round(120 / 0.05)):
        tilt.step(0.05, 4, 30)
        t += 0.05
        most = max(most, tilt.lean_deg)
        if before < still <= tilt.lean_deg:
            crossings.append(t)
        before = tilt.lean_deg
    assert 1 / ((crossings[4] - crossings[0]) / 4) == pytest.approx(0.35, rel=0.03)
    assert most - still > 0.8 * (still - tilt.still(0, 30))
    assert tilt.lean_deg == pytest.approx(still, abs=0.01)
