"""The robust slope: against the definition, against truth, and when it must not answer."""

import itertools

import numpy as np

from analytics.trends import Refused, Trend, inflation, trend


def test_the_slope_is_the_median_of_all_pairs() -> None:
    random = np.random.default_rng(1)
    t = np.cumsum(random.uniform(20, 40, 30))
    y = 0.01 * t + random.normal(0, 0.05, 30)
    found = trend(t, y, least=10, z=1.96)
    assert isinstance(found, Trend)
    pairs = [(y[b] - y[a]) / (t[b] - t[a]) for a, b in itertools.combinations(range(30), 2)]
    assert found.slope == np.median(pairs)
    assert found.low <= found.slope <= found.high


def test_the_band_holds_the_true_slope_about_as_often_as_it_says() -> None:
    random = np.random.default_rng(2)
    t = np.arange(40) * 30.0
    held = 0
    for _ in range(400):
        found = trend(t, 0.01 * t + random.normal(0, 0.3, 40), least=10, z=1.96)
        held += isinstance(found, Trend) and found.low <= 0.01 <= found.high
    assert 0.93 <= held / 400 <= 1.0


def test_three_wild_points_in_thirty_do_not_move_it_much() -> None:
    t = np.arange(30) * 30.0
    y = 0.005 * t
    y[[4, 15, 22]] = 40.0
    found = trend(t, y, least=10, z=1.96)
    assert isinstance(found, Trend)
    assert abs(found.slope - 0.005) < 0.0005


def test_it_refuses_few_points_gaps_and_noise() -> None:
    t = np.arange(20) * 30.0
    rising = 0.01 * t
    assert trend(t[:9], rising[:9], least=10, z=1.96) is Refused.FEW_POINTS
    broken = t.copy()
    broken[10:] += 200
    assert trend(broken, 0.01 * broken, least=10, z=1.96) is Refused.GAP
    flat = np.random.default_rng(3).normal(0, 1, 20)
    assert trend(t, flat, least=10, z=1.96) is Refused.NOISE


def test_time_to_limit_is_an_interval_and_only_given_when_the_whole_band_rises() -> None:
    assert Trend(0.01, 0.005, 0.02, 4.0, 3.0).eta_s(8.0) == (200.0, 800.0)
    assert Trend(0.01, 0.005, 0.02, 9.0, 3.0).eta_s(8.0) == (0.0, 0.0)
    assert Trend(-0.01, -0.02, -0.005, 4.0, -3.0).eta_s(8.0) is None


def test_up_and_down_is_no_trend() -> None:
    t = np.arange(40) * 30.0
    hump = np.concatenate([np.arange(28) * 0.1, 2.7 - np.arange(12) * 0.1])
    assert trend(t, hump, least=10, z=0.5) is Refused.NOT_MONOTONE
    assert isinstance(trend(t[:28], hump[:28], least=10, z=0.5), Trend)


def test_points_that_resemble_their_neighbours_count_for_fewer() -> None:
    random = np.random.default_rng(4)
    t = np.arange(40) * 30.0
    white = [inflation(t, random.normal(0, 1, 40)) for _ in range(200)]
    assert 1.0 <= float(np.median(white)) < 1.5
    alike = []
    for _ in range(200):
        y = np.zeros(90)
        for k in range(1, 90):
            y[k] = 0.6 * y[k - 1] + random.normal()
        alike.append(inflation(t, y[50:]))
    assert 2.5 < float(np.median(alike)) < 4.5, "4 is what a first-order autoregression of 0.6 has"


def test_a_slope_that_steepens_does_not_pass_for_noise() -> None:
    random = np.random.default_rng(5)
    t = np.arange(12) * 30.0
    found = [trend(t, 2.0 ** (t / 90.0) / 15 + random.normal(0, 0.03, 12), least=10, z=1.96) for _ in range(200)]
    assert sum(isinstance(one, Trend) for one in found) >= 140, "68 of them if a straight line were taken off"


def test_alike_noise_gets_an_answer_about_as_seldom_as_white_noise() -> None:
    random = np.random.default_rng(6)
    t = np.arange(40) * 30.0

    def answered(alike: float) -> float:
        found = 0
        for _ in range(600):
            y = np.zeros(90)
            for k in range(1, 90):
                y[k] = alike * y[k - 1] + random.normal()
            found += isinstance(trend(t, y[50:], least=10, z=1.96), Trend)
        return found / 600

    assert answered(0.0) <= 0.02
    assert answered(0.6) <= 0.06, "0.17 and more if the points counted as independent"


def test_what_levels_out_below_the_limit_does_not_reach_it_and_what_is_steady_does() -> None:
    t = np.arange(-12, 0) * 30.0 + 15.0
    levelling = 6.0 * (1 - np.exp(-(t + 400.0) / 600.0))
    found = trend(t, levelling, least=10, z=1.96)
    assert isinstance(found, Trend)
    assert (8.0 - found.level) / found.slope < 1200.0, "a straight line would say: within 20 min"
    assert found.middle_s(8.0) == np.inf
    assert 200.0 < found.middle_s(4.0) < 500.0, "444 s by the curve itself, less what is left to noise"
    steady = trend(t, 0.005 * t, least=10, z=1.96)
    assert isinstance(steady, Trend)
    assert abs(steady.middle_s(3.0) - 600.0) < 1.0


def test_noise_on_a_steady_rise_does_not_put_the_limit_off_for_long() -> None:
    random = np.random.default_rng(7)
    t = np.arange(-12, 0) * 30.0 + 15.0
    found = [trend(t, 4.0 + 0.006 * t + random.normal(0, 0.05, 12), least=10, z=1.96) for _ in range(300)]
    said = np.array([one.middle_s(8.0) for one in found if isinstance(one, Trend)])
    assert len(said) > 250
    assert np.median(said) < 1.1 * 667
    assert (said < 1200.0).mean() > 0.9
