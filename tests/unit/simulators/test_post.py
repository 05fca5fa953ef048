"""A formwork post under a pour."""

import math

import pytest

from simulators.post import Lean, Post, Pour, Shake, Shed, Sink


def test_force_follows_the_exponential_after_the_front_has_passed() -> None:
    post = Post(8.0, 424.0)
    post.add(Pour(at=100, force_kn=10, tau_s=600))
    assert post.at(100).force_kn == 0
    assert post.at(700).force_kn == pytest.approx(10 * (1 - math.exp(-1)))
    assert post.at(100 + 6000).force_kn == pytest.approx(10, rel=1e-3)
    assert [post.at(t).pouring for t in (100, 101, 2400, 2600)] == [False, True, True, False]


def test_the_creep_is_the_first_order_lag_of_the_force_step_by_step() -> None:
    pour = Pour(at=0, force_kn=10, tau_s=400, creep_s=5400)
    lag, dt = 0.0, 0.5
    for step in range(20_000):
        t = step * dt
        if step % 4000 == 0:
            assert pour.creep(t) == pytest.approx(lag, abs=2e-4)
        lag += (pour.share(t + dt / 2) - lag) * dt / 5400


def test_settlement_ends_at_shortening_plus_joints_and_seventy_percent_comes_at_once() -> None:
    post = Post(8.0, 506.0)
    assert post.shortening_mm(10) == pytest.approx(0.77, abs=0.005)  # domain reference 5.5
    post.add(Pour(at=0, force_kn=10, tau_s=1.0, creep_s=5400, joints_mm=2.0))
    assert post.at(30).settle_mm == pytest.approx(0.7 * 2.77, abs=0.02)
    assert post.at(100_000).settle_mm == pytest.approx(2.77, abs=0.01)


def test_a_sinking_base_settles_ever_faster() -> None:
    post = Post(8.0, 424.0)
    post.add(Sink(at=0, depth_mm=9, over_s=400))
    steps = [post.at(t + 100).settle_mm - post.at(t).settle_mm for t in (0, 100, 200, 300)]
    assert steps == pytest.approx([steps[0], 2 * steps[0], 4 * steps[0], 8 * steps[0]])
    assert post.at(400).settle_mm == pytest.approx(9)
    assert post.at(4000).settle_mm == pytest.approx(9)


def test_load_shed_by_one_is_taken_by_another() -> None:
    weak, strong = Post(8.0, 424.0), Post(8.0, 424.0)
    for post in (weak, strong):
        post.add(Pour(at=0, force_kn=10, tau_s=10))
    weak.add(Shed(at=500, share=0.4, over_s=100))
    strong.add(Shed(at=500, share=-0.4, over_s=100))
    assert weak.at(550).force_kn == pytest.approx(8)
    assert weak.at(600).force_kn + strong.at(600).force_kn == pytest.approx(20)


def test_a_lean_tilts_and_shifts_under_constant_force() -> None:
    post = Post(8.0, 424.0)
    post.add(Pour(at=-10_000, force_kn=10, tau_s=10))
    post.add(Lean(at=0, tilt_deg=0.2, over_s=100, direction_deg=90))
    state = post.at(100)
    assert (state.tilt_x_deg, state.tilt_y_deg) == pytest.approx((0, 0.2), abs=1e-9)
    assert state.shift_y_mm == pytest.approx(8000 * math.tan(math.radians(0.2)))
    assert state.force_kn == pytest.approx(post.at(0).force_kn)


def test_a_vibrator_adds_ten_to_twenty_percent_for_seconds() -> None:
    post = Post(8.0, 424.0)
    post.add(Pour(at=-10_000, force_kn=10, tau_s=10))
    post.add(Shake(at=0, share=0.2, for_s=5))
    values = [post.at(t / 10).force_kn for t in range(50)]
    assert 11.9 < max(values) <= 12.0
    assert min(values) >= 10
    assert post.at(5.1).force_kn == pytest.approx(10)


def test_rezero_ends_what_went_wrong_and_keeps_the_load() -> None:
    post = Post(8.0, 424.0)
    post.add(Pour(at=0, force_kn=10, tau_s=10, creep_s=100))
    post.add(Sink(at=100, depth_mm=9, over_s=50))
    post.rezero(100_000)
    state = post.at(100_000)
    assert state.settle_mm == pytest.approx(0)
    assert state.force_kn == pytest.approx(10)


def test_old_shakes_are_dropped() -> None:
    post = Post(8.0, 424.0)
    for at in range(1000):
        post.add(Shake(at=float(at), share=0.1, for_s=3))
    assert len(post._effects) <= 5
