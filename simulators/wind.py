"""
Wind at a height: a mean, von Karman turbulence about it, gust fronts and squalls.

Rule: every value is a function of time and of the fronts that are known: any instant can be asked for, in any order.

Turbulence is a Shinozuka sum: cosines whose amplitudes follow the von Karman spectrum
`n S(n) / sigma^2 = 4 f / (1 + 70.8 f^2)^(5/6)`, `f = n L / U` (ESDU 85020; domain reference 5.3). Each cosine sits at
a random place in its band, so that the sum never repeats itself. Intensity and length are those of EN 1991-1-4:
`I = 1 / ln(z / z0)` and `L = 300 (z / 200)^(0.67 + 0.05 ln z0)`. Turbulence of two cranes is independent; gust fronts
travel across the site with the wind, so that the windward crane meets them first.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]

BANDS = 240
SIDE = 0.75  # sigma of the lateral component over that of the longitudinal one, near the ground


def spectrum(f: Floats) -> Floats:
    """The von Karman longitudinal spectrum `n S / sigma^2` at reduced frequencies `f = n L / U`, dimensionless."""
    return np.asarray(4 * f / (1 + 70.8 * f**2) ** (5 / 6))


def intensity(height_m: float, roughness_m: float) -> float:
    """Turbulence intensity, sigma over mean (EN 1991-1-4)."""
    return 1 / math.log(height_m / roughness_m)


def length(height_m: float, roughness_m: float) -> float:
    """Length scale of turbulence in m (EN 1991-1-4 annex B)."""
    return float(300 * (height_m / 200) ** (0.67 + 0.05 * math.log(roughness_m)))


def at_height(mean_10_mps: float, height_m: float, roughness_m: float) -> float:
    """Mean speed at a height from the mean at 10 m, by the logarithmic profile."""
    return mean_10_mps * math.log(height_m / roughness_m) / math.log(10 / roughness_m)


class Turbulence:
    """One component of turbulence at a point, of unit standard deviation."""

    def __init__(self, generator: np.random.Generator, mean_mps: float, length_m: float) -> None:
        """The bands run from 0.0005 Hz, a slow swell of half an hour, to 2 Hz, what a cup anemometer still follows."""
        edges = np.geomspace(0.0005, 2.0, BANDS + 1)
        low, high = edges[:-1], edges[1:]
        frequency = low * (high / low) ** generator.random(BANDS)
        reduced = frequency * length_m / max(mean_mps, 0.5)
        # S dn = (n S) d(ln n); the variance between the first and the last band is nearly, not wholly, one.
        variance = spectrum(reduced) * np.log(high / low)
        self._amplitude = np.sqrt(2 * variance)
        self._omega = 2 * np.pi * frequency
        self._phase = generator.uniform(0, 2 * np.pi, BANDS)

    def at(self, t: float) -> float:
        """The value at time t in s."""
        return float(np.sum(self._amplitude * np.cos(self._omega * t + self._phase)))

    def along(self, times: Floats) -> Floats:
        """The values at many times, shape (n,) to (n,)."""
        return np.asarray(self._amplitude @ np.cos(np.multiply.outer(self._omega, times) + self._phase[:, None]))


@dataclass(frozen=True, slots=True)
class Front:
    """A rise of the mean wind: up over `ramp_s`, held, down over `fall_s`; again every `repeat_s` if that is set."""

    at: float
    rise_mps: float
    ramp_s: float
    hold_s: float
    fall_s: float
    veer_deg: float = 0.0
    repeat_s: float | None = None

    def share(self, t: float) -> float:
        """How much of it is here at t, 0 to 1."""
        age = t - self.at
        if age < 0:
            return 0.0
        if self.repeat_s is not None:
            age %= self.repeat_s
        if age < self.ramp_s:
            return 0.5 - 0.5 * math.cos(math.pi * age / self.ramp_s)
        age -= self.ramp_s
        if age < self.hold_s:
            return 1.0
        age -= self.hold_s
        if age < self.fall_s:
            return 0.5 + 0.5 * math.cos(math.pi * age / self.fall_s)
        return 0.0


@dataclass(frozen=True, slots=True)
class Weather:
    """The wind over the whole site: mean at 10 m, direction it comes from, roughness, and what passes through."""

    mean_mps: float
    direction_deg: float
    roughness_m: float = 0.3
    swing: float = 0.1  # share of the mean by which the slow daily curve moves it
    period_s: float = 5400.0
    fronts: Sequence[Front] = ()


class Wind:
    """The wind at one crane's anemometer."""

    def __init__(
        self, weather: Weather, generator: np.random.Generator, height_m: float, position_m: tuple[float, float]
    ) -> None:
        """`height_m` above ground; `position_m` is (east, north) on the site."""
        self._weather = weather
        self._fronts = list(weather.fronts)
        rough = weather.roughness_m
        self._mean = at_height(weather.mean_mps, height_m, rough)
        self._intensity = intensity(height_m, rough)
        scale = length(height_m, rough)
        self._along = Turbulence(generator, self._mean, scale)
        self._across = Turbulence(generator, self._mean, scale / 2)
        # A front moves with the wind: it is late by the distance downwind over its speed (frozen turbulence).
        bearing = math.radians(weather.direction_deg)
        downwind = -(position_m[0] * math.sin(bearing) + position_m[1] * math.cos(bearing))
        self._lag = downwind / max(self._mean, 2.0)
        # The front comes as a mean at this height: no more amplification, its rise is what the anemometer sees.

    def add(self, front: Front) -> None:
        """One more front passes through, which the weather did not foretell."""
        self._fronts.append(front)

    def at(self, t: float) -> tuple[float, float]:
        """Speed in m/s and the direction it comes from in degrees, at time t in s."""
        weather = self._weather
        mean = self._mean * (1 + weather.swing * math.sin(2 * math.pi * t / weather.period_s))
        veer = 0.0
        for front in self._fronts:
            share = front.share(t - self._lag)
            mean += front.rise_mps * share
            veer += front.veer_deg * share
        sigma = self._intensity * mean
        ahead = mean + sigma * self._along.at(t)
        aside = SIDE * sigma * self._across.at(t)
        speed = math.hypot(max(ahead, 0.0), aside)
        turned = math.degrees(math.atan2(aside, max(ahead, 0.1)))
        return speed, (weather.direction_deg + veer + turned) % 360
