"""
A tower crane and its operator: lifts, one after the other, moved by drives, with a load that swings.

The operator is a generator that is resumed once a step and sets targets; the machine follows. Steps are fixed
(`STEP_S`), so what happens does not depend on how often the black box samples.

A lift is: attach, hoist, travel (slew and trolley), lower, position, release, return. The crane's own limiter cuts
hoisting and outward trolley travel above the rated load, as GB 5144 asks: lowering and inward travel stay free. An
operator who is cut off holds for a while, brings the load in if it is under way, and sets it down.
"""

import math
from collections import deque
from collections.abc import Generator
from dataclasses import dataclass, field
from enum import StrEnum

import numpy as np

from simulators.chart import LoadChart
from simulators.mast import Tilt
from simulators.motion import Drive
from simulators.rope import Pendulum, PickUp
from simulators.site import CraneSite

STEP_S = 0.05
CUT_S = 0.8  # the limiter's own filter: a pick-up that rings must not cut a legal lift
CUT_RATIO = 1.0
FREE_RATIO = 0.98
SLIP_FACTOR, SLIP_MPS2 = 2.2, 1.5  # a slipping brake: more than twice the hoist's speed, within a second (assumed)
SOFT_MPS2 = 0.25  # at the hook: what an operator with a load far out allows himself (assumed)

Steps = Generator[None, None, None]


class Phase(StrEnum):
    """What the crane is at."""

    IDLE = "idle"
    ATTACH = "attach"
    HOIST = "hoist"
    TRAVEL = "travel"
    LOWER = "lower"
    POSITION = "position"
    RELEASE = "release"
    RETURN = "return"


@dataclass(frozen=True, slots=True)
class Place:
    """A point on the site in the crane's own coordinates: slew angle, radius, height above ground."""

    slew_deg: float
    radius_m: float
    hook_m: float


@dataclass(frozen=True, slots=True)
class Lift:
    """One lift: this weight from here to there."""

    load_t: float
    pick: Place
    place: Place
    attach_s: float = 30.0
    position_s: float = 30.0
    hold_s: float = 8.0  # how long the operator hesitates once the limiter has cut
    travel_hook_m: float | None = None
    pick_up: PickUp = field(default_factory=PickUp)


@dataclass(frozen=True, slots=True)
class Cycle:
    """The record of a finished lift, as a black box sends it (domain reference 3.4). Times in s of the run."""

    number: int
    start: float
    end: float
    most_t: float
    most_ratio: float
    most_radius_m: float
    most_hook_m: float
    pick: Place
    set_down: Place
    cut: bool


class Crane:
    """The machine. `step` moves it on; the attributes are what perfect sensors would read."""

    def __init__(self, site: CraneSite) -> None:
        self.site = site
        motions = site.model.motions
        self.chart = LoadChart(site.model.charts)
        self.falls = site.falls
        self._reeving = 2 / site.falls  # 4 falls move at half the speed of 2
        self.slew = Drive(0.0, motions.slew_dps, motions.slew_dps / 4)
        self.trolley = Drive(site.model.jib_m / 3, motions.trolley_mps, motions.trolley_mps / 3)
        self.hook = Drive(min(15.0, site.hook_max_m / 2), motions.hoist_empty_mps * self._reeving, 0.4)
        self.swing = Pendulum()
        self.tilt = Tilt(site.model.mast)
        self.phase = Phase.IDLE
        self.load_t = 0.0
        self.cut = False
        self.bypass = False
        self.locked = False  # nobody in the cab, or stopped for wind: no new lift begins
        self.welded = False  # the limiter's contact is welded: it says cut, and the machine goes on
        self.cycles: deque[Cycle] = deque(maxlen=64)  # the oldest goes first; the station takes them every sample
        self.t = 0.0
        self._weight = 0.0
        self._taut_at: float | None = None
        self._pick_up = PickUp()
        self._extra_t = 0.0
        self._over_s = 0.0
        self._run_away_until = 0.0
        self._drain: tuple[float, float, float, float] | None = None  # from, until, weight at its start and end
        self._lifts: deque[Lift] = deque()
        self._count = 0
        self._best = (0.0, 0.0, 0.0, 0.0)
        self._was_cut = False
        self._lost = False
        self._operator = self._work()

    @property
    def waiting(self) -> int:
        """Lifts ordered and not begun."""
        return len(self._lifts)

    @property
    def busy(self) -> bool:
        """Whether a lift is under way."""
        return self.phase is not Phase.IDLE

    def stand(self, where: Place) -> None:
        """Put the idle crane somewhere, before the run."""
        for drive, position in ((self.slew, where.slew_deg), (self.trolley, where.radius_m), (self.hook, where.hook_m)):
            drive.position = drive.target = position

    def order(self, lift: Lift) -> None:
        """Have a lift done after those that wait."""
        self._lifts.append(lift)

    def snag(self, load_t: float) -> None:
        """Add a force to the rope that the hook does not lift: an anchored or caught load. 0 frees it."""
        self._extra_t = load_t

    def lose_load(self) -> None:
        """The sling fails: the load is gone within a step, the operator stops."""
        if self._weight:
            self._lost = True
            self._weight = 0.0
            self._taut_at = None

    def run_away(self, for_s: float) -> None:
        """The hoist brake slips: the hook goes down faster than any drive would let it, until it grips again."""
        self._run_away_until = self.t + for_s

    def drain(self, left: float, over_s: float) -> None:
        """A skip is emptied in the air: `left` is the share of the weight that stays, after `over_s`."""
        if self._weight:
            self._drain = (self.t, self.t + over_s, self._weight, left * self._weight)

    def move(
        self, *, slew_deg: float | None = None, radius_m: float | None = None, hook_m: float | None = None
    ) -> None:
        """Drive without a lift, past the operator's own plans: a crane in climbing, a crane parked into its limits."""
        for drive, target in ((self.slew, slew_deg), (self.trolley, radius_m), (self.hook, hook_m)):
            if target is not None:
                drive.target = target

    def ratio(self) -> float:
        """Load on the rope over rated load at this radius and reeving; infinite beyond the chart."""
        rated = self.chart.rated(self.trolley.position, self.falls)
        return self.load_t / rated if rated else math.inf

    def rope_m(self) -> float:
        """Free length of rope below the trolley in m."""
        return max(2.0, self.site.mast_m - self.hook.position)

    def step(self) -> None:
        """Move on by STEP_S."""
        dt = STEP_S
        self.t += dt
        next(self._operator)
        self._obey_limiter()
        # A load far out is turned gently: the ramp of 4 s holds near the mast, and further out the hook's acceleration.
        gentle = math.degrees(SOFT_MPS2 / max(self.trolley.position, 1.0))
        self.slew.acceleration = min(self.slew.top_speed / 4, gentle)
        was = self.slew.speed
        self.slew.step(dt)
        self.trolley.step(dt)
        if self.t < self._run_away_until:
            self._slip(dt)
        else:
            self.hook.step(dt)
        radius = self.trolley.position
        turn = math.radians(self.slew.speed)
        turned = math.radians(self.slew.speed - was) / dt
        self.swing.step(dt, self.rope_m(), self.trolley.force - turn**2 * radius, turned * radius)
        self._feel()
        self.tilt.step(dt, self.load_t, radius)

    def _slip(self, dt: float) -> None:
        hook, motions = self.hook, self.site.model.motions
        most = SLIP_FACTOR * motions.hoist_mps * self._reeving
        hook.speed = max(-most, hook.speed - SLIP_MPS2 * dt)
        hook.position = max(0.5, hook.position + hook.speed * dt)
        if hook.position == 0.5:
            hook.speed = 0.0

    def _feel(self) -> None:
        if self._drain is not None:
            start, end, full, left = self._drain
            self._weight = full + (left - full) * min(1.0, (self.t - start) / (end - start))
            if self.t >= end:
                self._drain = None
        force = 0.0
        if self._taut_at is not None:
            force = self._weight * self._pick_up.factor(self.t - self._taut_at)
            if self.t - self._taut_at > self._pick_up.rise_s:
                force *= self.swing.tension(self.rope_m())
        # A caught hook pulls the rope up over a second, not at once: the jib and the rope stretch.
        self.load_t = max(0.0, force) + self._extra_t
        ratio = self.ratio()
        if self._taut_at is not None:
            most, best, radius, hook = self._best
            self._best = (
                max(most, self.load_t),
                max(best, ratio),
                max(radius, self.trolley.position),
                max(hook, self.hook.position),
            )
        self._over_s = self._over_s + STEP_S if ratio > CUT_RATIO else 0.0
        if self._over_s >= CUT_S and not self.bypass:
            self.cut = self._was_cut = True
        elif ratio < FREE_RATIO or self.bypass:
            self.cut = False

    def _obey_limiter(self) -> None:
        if not self.cut or self.welded:
            return
        if self.hook.target > self.hook.position or self.hook.speed > 0:
            self.hook.halt()
        if self.trolley.target > self.trolley.position or self.trolley.speed > 0:
            self.trolley.halt()

    # The operator. Each method is resumed once a step.

    def _work(self) -> Steps:
        while True:
            self.phase = Phase.IDLE
            while self.locked or not self._lifts:
                yield
            yield from self._lift(self._lifts.popleft())

    def _lift(self, lift: Lift) -> Steps:
        self.phase = Phase.RETURN
        yield from self._go(lift.pick, via_m=None)
        self.phase = Phase.ATTACH
        start = self.t
        self._best, self._was_cut, self._lost = (0.0, 0.0, 0.0, 0.0), False, False
        yield from self._pause(lift.attach_s)
        self.phase = Phase.HOIST
        yield from self._take_up(lift)
        if self.cut and not self.welded:
            yield from self._pause(lift.hold_s)
        else:
            high = lift.travel_hook_m or max(lift.pick.hook_m, lift.place.hook_m) + 8.0
            yield from self._hoist(min(high, self.site.hook_max_m - 1.5))
            self.phase = Phase.TRAVEL
            yield from self._travel(lift)
        yield from self._set_down(lift)
        self.phase = Phase.RETURN
        self._hoist_speed(empty=True)
        self.hook.target = min(self.hook.position + 6.0, self.site.hook_max_m - 1.5)
        yield from self._until_still()
        self._count += 1
        most, ratio, radius, hook = self._best
        here = Place(self.slew.position, self.trolley.position, lift.place.hook_m)
        self.cycles.append(Cycle(self._count, start, self.t, most, ratio, radius, hook, lift.pick, here, self._was_cut))

    def _take_up(self, lift: Lift) -> Steps:
        self._weight, self._taut_at, self._pick_up = lift.load_t, self.t, lift.pick_up
        self.swing.settle()
        self.hook.top_speed = self.site.model.motions.hoist_creep_mps * self._reeving
        self.hook.target = self.hook.position + 0.6
        yield from self._pause(max(3.0, lift.pick_up.rise_s + 2.0))

    def _hoist(self, height: float) -> Steps:
        self._hoist_speed(empty=False)
        self.hook.target = height
        yield from self._until_still()

    def _travel(self, lift: Lift) -> Steps:
        self.slew.target, self.trolley.target = lift.place.slew_deg, lift.place.radius_m
        while not (self.slew.arrived and self.trolley.arrived):
            if self.cut and not self.welded:
                self.slew.halt()
                yield from self._pause(lift.hold_s)
                # The way back is the way in: radius shrinks, rated load grows, the limiter lets go.
                self.trolley.target = max(self.site.model.radius_min_m, self.trolley.position - 4.0)
                yield from self._until_still()
                return
            if self._lost:
                self.slew.halt()
                self.trolley.halt()
            yield

    def _set_down(self, lift: Lift) -> Steps:
        self.phase = Phase.LOWER
        if self._was_cut:
            ground = min(lift.pick.hook_m, self.hook.position) if self.hook.position < lift.pick.hook_m + 3 else 1.0
        else:
            ground = lift.place.hook_m
        self._hoist_speed(empty=False)
        self.hook.target = min(self.hook.position, ground + 1.5)
        yield from self._until_still()
        self.phase = Phase.POSITION
        yield from self._pause(2.0 if self._was_cut else lift.position_s)
        self.hook.top_speed = self.site.model.motions.hoist_creep_mps * self._reeving
        self.hook.target = min(self.hook.position, ground)
        yield from self._until_still()
        self.phase = Phase.RELEASE
        weight, steps = self._weight, round(1.5 / STEP_S)
        for step in range(steps):
            self._weight = weight * (1 - (step + 1) / steps)
            yield
        self._weight, self._taut_at = 0.0, None
        yield from self._pause(3.0 if self._was_cut else min(10.0, lift.position_s))

    def _go(self, where: Place, *, via_m: float | None) -> Steps:
        self._hoist_speed(empty=True)
        far = abs(where.slew_deg - self.slew.position) > 1 or abs(where.radius_m - self.trolley.position) > 1
        if far:
            self.hook.target = min(max(self.hook.position, via_m or 12.0), self.site.hook_max_m - 1.5)
            yield from self._until_still()
            self.slew.target, self.trolley.target = where.slew_deg, where.radius_m
            yield from self._until_still()
        self.hook.target = where.hook_m
        yield from self._until_still()

    def _hoist_speed(self, *, empty: bool) -> None:
        motions = self.site.model.motions
        self.hook.top_speed = (motions.hoist_empty_mps if empty else motions.hoist_mps) * self._reeving

    def _until_still(self) -> Steps:
        yield
        while not (self.hook.arrived and self.slew.arrived and self.trolley.arrived):
            if self._lost:
                for drive in (self.hook, self.slew, self.trolley):
                    drive.halt()
                self._lost = False
            yield

    def _pause(self, seconds: float) -> Steps:
        for _ in range(round(seconds / STEP_S)):
            yield


def legal_percent(generator: np.random.Generator, heavy: float, light: tuple[float, float]) -> float:
    """Draw how much of the rated load the next lift is: `heavy` is the share of lifts at 92-97 %."""
    if generator.random() < heavy:
        return float(generator.uniform(92.0, 97.0))
    return float(generator.uniform(*light))
