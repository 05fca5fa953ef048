"""Wind, held against the check values of the domain reference, 5.3."""

import math

import numpy as np
import pytest

from simulators.wind import Front, Turbulence, Weather, Wind, at_height, intensity, length, spectrum


def test_the_spectrum_is_von_karmans() -> None:
    f = np.array([0.01, 0.03, 0.1, 0.3, 1, 3, 10])
    assert spectrum(f) == pytest.approx([0.040, 0.114, 0.256, 0.227, 0.114, 0.055, 0.025], abs=0.0006)


def test_the_spectrum_integrates_to_the_variance() -> None:
    f = np.geomspace(1e-6, 1e6, 200_001)
    assert np.trapezoid(spectrum(f), np.log(f)) == pytest.approx(1.0, abs=0.002)


@pytest.mark.parametrize(
    ("rough", "height", "share", "scale"),
    [(0.3, 30, 0.217, 94), (0.3, 50, 0.195, 129), (0.3, 80, 0.179, 172), (1.0, 50, 0.256, 119)],
)
def test_intensity_and_length_are_those_of_the_eurocode(
    rough: float, height: float, share: float, scale: float
) -> None:
    assert intensity(height, rough) == pytest.approx(share, abs=0.001)
    assert length(height, rough) == pytest.approx(scale, abs=1)


def series(seed: int, seconds: int, rate: float, mean: float, scale: float) -> np.ndarray:
    times = np.arange(0, seconds, 1 / rate)
    return Turbulence(np.random.default_rng(seed), mean, scale).along(times)


def test_what_comes_out_has_the_spectrum_that_went_in() -> None:
    mean, scale, rate, n = 10.0, 129.0, 4.0, 8192
    measured = np.zeros(n // 2)
    window = np.hanning(n)
    count = 0
    for seed in range(12):
        u = series(seed, round(n / rate) * 2, rate, mean, scale)
        for start in (0, n // 2, n):
            piece = u[start : start + n]
            measured += 2 * np.abs(np.fft.rfft(piece * window)[1 : n // 2 + 1]) ** 2 / (rate * (window**2).sum())
            count += 1
    measured /= count
    frequency = np.fft.rfftfreq(n, 1 / rate)[1 : n // 2 + 1]
    for low, high in ((0.005, 0.02), (0.02, 0.08), (0.08, 0.3), (0.3, 1.0)):
        band = (frequency >= low) & (frequency < high)
        expected = np.trapezoid(spectrum(frequency[band] * scale / mean) / frequency[band], frequency[band])
        assert np.trapezoid(measured[band], frequency[band]) == pytest.approx(expected, rel=0.15)


def test_turbulence_has_nearly_unit_variance_and_no_mean() -> None:
    values = np.concatenate([series(seed, 7200, 1.0, 8.0, 129.0) for seed in range(12)])
    assert values.std() == pytest.approx(1.0, abs=0.05)
    assert abs(values.mean()) < 0.05


def test_one_instant_is_the_same_alone_and_in_a_series() -> None:
    turbulence = Turbulence(np.random.default_rng(1), 8.0, 100.0)
    along = turbulence.along(np.array([3.0, 1000.0]))
    assert [turbulence.at(3.0), turbulence.at(1000.0)] == pytest.approx(along.tolist(), abs=1e-12)


def davenport(height: float, rough: float, mean: float) -> float:
    """
    The gust of 3 s over the mean of 10 min that theory expects: `1 + g I sigma_3s / sigma`, Davenport's peak factor.

    The 3 s mean takes the high frequencies out of the spectrum, the 10 min mean the low ones.
    """
    n = np.geomspace(1e-5, 10, 20_001)
    scale = length(height, rough)
    density = spectrum(n * scale / mean) / n * np.sinc(3 * n) ** 2 * (1 - np.sinc(600 * n) ** 2)
    variance, second = np.trapezoid(density, n), np.trapezoid(density * n**2, n)
    root = math.sqrt(2 * math.log(math.sqrt(second / variance) * 600))
    return 1 + (root + 0.5772 / root) * intensity(height, rough) * math.sqrt(variance)


def test_the_gust_of_three_seconds_over_the_mean_of_ten_minutes() -> None:
    weather = Weather(8.0, 200.0, swing=0.0)
    ratios = []
    for seed in range(8):
        wind = Wind(weather, np.random.default_rng(seed), 50.0, (0.0, 0.0))
        speed = np.array([wind.at(t / 4)[0] for t in range(4 * 2400)])
        for part in np.split(speed, 4):
            gust = np.convolve(part, np.ones(12) / 12, "valid").max()
            ratios.append(gust / part.mean())
    expected = davenport(50.0, 0.3, at_height(8.0, 50.0, 0.3))
    assert 1.4 < expected < 1.6
    assert np.mean(ratios) == pytest.approx(expected, abs=0.04)


def test_wind_at_a_height_follows_the_logarithmic_profile_and_its_intensity() -> None:
    weather = Weather(5.0, 270.0, swing=0.0)
    speeds, directions = [], []
    for seed in range(4):
        wind = Wind(weather, np.random.default_rng(seed), 50.0, (0.0, 0.0))
        for t in range(3600):
            speed, direction = wind.at(float(t))
            speeds.append(speed)
            directions.append(direction)
    mean = at_height(5.0, 50.0, 0.3)
    assert mean == pytest.approx(5.0 * math.log(50 / 0.3) / math.log(10 / 0.3))
    assert np.mean(speeds) == pytest.approx(mean, rel=0.05)
    assert np.std(speeds) / np.mean(speeds) == pytest.approx(intensity(50, 0.3), rel=0.15)
    assert np.mean(directions) == pytest.approx(270, abs=4)


def test_a_front_rises_stays_falls_and_comes_again() -> None:
    front = Front(at=100, rise_mps=8, ramp_s=30, hold_s=60, fall_s=30, repeat_s=1000)
    shares = [front.share(t) for t in (99, 100, 115, 130, 190, 205, 220, 1099, 1115, 1150)]
    assert shares == pytest.approx([0, 0, 0.5, 1, 1, 0.5, 0, 0, 0.5, 1])


def test_a_front_meets_the_windward_crane_first() -> None:
    weather = Weather(5.0, 270.0, swing=0.0, fronts=(Front(100, 10, 10, 300, 10),))
    east = Wind(weather, np.random.default_rng(1), 50.0, (200.0, 0.0))
    here = Wind(weather, np.random.default_rng(1), 50.0, (0.0, 0.0))
    lag = 200 / at_height(5.0, 50.0, 0.3)
    assert here.at(112)[0] - east.at(112)[0] > 8
    assert east.at(112 + lag)[0] == pytest.approx(here.at(112 + lag)[0])
