"""
One post of a formwork bay under a pour, and what goes wrong with it.

Rule: force, settlement and tilt are functions of time and of what was told to happen; nothing is stepped. Formulas
after domain reference 5.5:

- force: nothing until the concrete front passes at `t0`, then `N_f (1 - exp(-(t - t0) / tau))`, tau 5-15 min;
- settlement: elastic shortening `N H / (E A)` plus 1-4 mm of joints and base that close in proportion to `N / N_f`;
  70 % of it at once, 30 % as creep that follows with a time constant of 1-2 h;
- vibrators add 10-20 % for seconds, workers and pump surges less.

Precursors of failure: a settlement whose rate doubles, a tilt that grows under constant load, a force that
drops on one post and rises on its neighbours.
"""

import math
from dataclasses import dataclass

STEEL_KN_MM2 = 206.0  # E of steel
AT_ONCE = 0.7


@dataclass(frozen=True, slots=True)
class Pour:
    """Concrete reaching one post."""

    at: float
    force_kn: float
    tau_s: float = 600.0
    creep_s: float = 5400.0
    joints_mm: float = 2.0

    def share(self, t: float) -> float:
        """Force over final force at time t in s."""
        return 0.0 if t <= self.at else 1 - math.exp(-(t - self.at) / self.tau_s)

    def creep(self, t: float) -> float:
        """The share, delayed by a first-order lag of `creep_s`: the exact answer to an exponential rise."""
        if t <= self.at:
            return 0.0
        age, tau, lag = t - self.at, self.tau_s, self.creep_s
        if abs(lag - tau) < 1e-6 * lag:
            return 1 - math.exp(-age / lag) * (1 + age / lag)
        return 1 - (lag * math.exp(-age / lag) - tau * math.exp(-age / tau)) / (lag - tau)


@dataclass(frozen=True, slots=True)
class Sink:
    """The base gives way: `depth_mm` over `over_s`, ever faster (the rate doubles four times on the way)."""

    at: float
    depth_mm: float
    over_s: float

    def depth(self, t: float) -> float:
        """Settlement added at time t, in mm."""
        x = min(max((t - self.at) / self.over_s, 0.0), 1.0)
        return self.depth_mm * (2 ** (4 * x) - 1) / 15


@dataclass(frozen=True, slots=True)
class Lean:
    """A tie works loose: tilt and shift grow under constant load."""

    at: float
    tilt_deg: float
    over_s: float
    direction_deg: float = 0.0

    def tilt(self, t: float) -> float:
        """Tilt added at time t, in degrees, along `direction_deg`."""
        return self.tilt_deg * min(max((t - self.at) / self.over_s, 0.0), 1.0) ** 2


@dataclass(frozen=True, slots=True)
class Shed:
    """The load goes to other posts: `share` of this one's force is lost (below zero: gained) over `over_s`."""

    at: float
    share: float
    over_s: float

    def lost(self, t: float) -> float:
        """Share of the force that is gone at time t."""
        return self.share * min(max((t - self.at) / self.over_s, 0.0), 1.0)


@dataclass(frozen=True, slots=True)
class Shake:
    """A vibrator or a pump surge nearby: `share` of the force on top, for `for_s`, at a few hertz."""

    at: float
    share: float
    for_s: float

    def more(self, t: float) -> float:
        """Share of the force that is added at time t; never negative, a vibrator does not lift the slab."""
        age = t - self.at
        if not 0 <= age < self.for_s:
            return 0.0
        return self.share * (0.6 + 0.4 * math.sin(2 * math.pi * 0.37 * age))


Effect = Pour | Sink | Lean | Shed | Shake


@dataclass(frozen=True, slots=True)
class PostState:
    """What perfect sensors would read."""

    force_kn: float
    settle_mm: float
    shift_x_mm: float
    shift_y_mm: float
    tilt_x_deg: float
    tilt_y_deg: float
    pouring: bool


class Post:
    """A post and everything that has been done to it."""

    def __init__(self, height_m: float, area_mm2: float) -> None:
        self._height_mm = height_m * 1000
        self._axial_kn_mm = STEEL_KN_MM2 * area_mm2 / self._height_mm
        self._effects: list[Effect] = []
        self._zero = PostState(0, 0, 0, 0, 0, 0, False)

    def add(self, effect: Effect) -> None:
        """Let something happen to it. Shakes that are over are dropped, so that the list stays short."""
        self._effects = [e for e in self._effects if not isinstance(e, Shake) or e.at + e.for_s > effect.at]
        self._effects.append(effect)

    def rezero(self, t: float) -> None:
        """The post is replaced or shimmed and its sensors zeroed: what went wrong is over, the poured load stays."""
        self._effects = [effect for effect in self._effects if isinstance(effect, Pour)]
        raw = self._raw(t)
        self._zero = PostState(
            0, raw.settle_mm, raw.shift_x_mm, raw.shift_y_mm, raw.tilt_x_deg, raw.tilt_y_deg, raw.pouring
        )

    def strip(self) -> None:
        """The slab carries itself: formwork is struck and set for the next pour, everything back to zero."""
        self._effects = []
        self._zero = PostState(0, 0, 0, 0, 0, 0, False)

    def at(self, t: float) -> PostState:
        """The state at time t in s."""
        raw, zero = self._raw(t), self._zero
        return PostState(
            raw.force_kn,
            raw.settle_mm - zero.settle_mm,
            raw.shift_x_mm - zero.shift_x_mm,
            raw.shift_y_mm - zero.shift_y_mm,
            raw.tilt_x_deg - zero.tilt_x_deg,
            raw.tilt_y_deg - zero.tilt_y_deg,
            raw.pouring,
        )

    def shortening_mm(self, force_kn: float) -> float:
        """Elastic shortening `N H / (E A)` in mm."""
        return force_kn / self._axial_kn_mm

    def _raw(self, t: float) -> PostState:
        force, settle, lost, more, tilt_x, tilt_y, pouring = 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, False
        for effect in self._effects:
            match effect:
                case Pour():
                    share = effect.share(t)
                    force += effect.force_kn * share
                    final = self.shortening_mm(effect.force_kn) + effect.joints_mm
                    settle += final * (AT_ONCE * share + (1 - AT_ONCE) * effect.creep(t))
                    pouring = pouring or 0 < t - effect.at < 4 * effect.tau_s
                case Sink():
                    settle += effect.depth(t)
                case Lean():
                    tilt = effect.tilt(t)
                    tilt_x += tilt * math.cos(math.radians(effect.direction_deg))
                    tilt_y += tilt * math.sin(math.radians(effect.direction_deg))
                case Shed():
                    lost += effect.lost(t)
                case Shake():
                    more += effect.more(t)
        return PostState(
            force * max(0.0, 1 - lost) * (1 + more),
            settle,
            self._height_mm * math.tan(math.radians(tilt_x)),
            self._height_mm * math.tan(math.radians(tilt_y)),
            tilt_x,
            tilt_y,
            pouring,
        )
