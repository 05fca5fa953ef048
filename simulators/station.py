"""
A station: one device with the plant behind it, and what the scenario does to both.

Rule: a station is a function of its seed and of time. It has no connection and no clock: `sample(t)` is what the
box would send, `records()` what it has to tell beside its samples, `powered(t)` and `linked(t)` whether it is alive and
whether its link is. Samples are asked for at rising times.
"""

from abc import ABC, abstractmethod
from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any
from zlib import crc32

import numpy as np

from simulators import faults
from simulators.blackbox import BlackBox
from simulators.crane import Crane, Lift, Place, legal_percent
from simulators.faults import Fault, Window
from simulators.post import Lean, Post, Pour, Shake, Shed, Sink
from simulators.rope import PickUp
from simulators.scenario import (
    AnyEvent,
    Bypass,
    ClockStepEvent,
    CraneEvent,
    DeadEvent,
    DeviceEvent,
    DriftEvent,
    DropoutEvent,
    GustFront,
    LeanEvent,
    LiftEvent,
    LinkLossEvent,
    LoadLost,
    Operator,
    PourEvent,
    Power,
    Reeve,
    Rezero,
    Scenario,
    SetMode,
    SinkEvent,
    Snag,
    SpikeEvent,
    Squall,
    Stand,
    Strip,
    StuckEvent,
    Timeline,
    VibrateEvent,
    Work,
)
from simulators.site import CraneSite, PostSite, Site
from simulators.wind import Front, Weather, Wind

BATTERY_PCT_S = 100 / (4 * 3600)  # a box's battery lasts four hours
WIND_STOP_MPS = 12.0  # JGJ 33-2012 4.1.15: no lifting above
WIND_REST_S = 60.0
ALLOWED = ("working", "testing")


@dataclass(frozen=True, slots=True)
class Record:
    """Something a box tells beside its samples; `type` is one of the wire's event types."""

    type: str
    t: float
    data: dict[str, Any]


def generator(seed: int, device: str, purpose: str) -> np.random.Generator:
    """The random numbers of one purpose of one device: adding a device or a purpose changes no other's."""
    return np.random.default_rng(np.random.SeedSequence([seed, crc32(device.encode()), crc32(purpose.encode())]))


class Station(ABC):
    """The base: faults, power, link and clock, which all kinds of device have."""

    def __init__(self, kind: str, device: str, events: Iterable[AnyEvent], start_ms: int, seed: int) -> None:
        """`start_ms` is the device's clock at time 0 of the run, in Unix ms."""
        self.kind = kind
        self.device = device
        self._start_ms = start_ms
        self._seed = seed
        self._timeline = Timeline(events)
        self._faults: list[Fault] = []
        self._off: list[Window] = []
        self._cut: list[Window] = []
        self._mains: list[Window] = []
        self._records: deque[Record] = deque(maxlen=256)  # the oldest goes first: a box's event memory is finite too
        self.now = 0.0
        self.battery_pct = 100.0
        self.power_ok = True

    def sample(self, t: float) -> dict[str, Any] | None:
        """The channels that the box sends at t, with `ts` and `invalid`; None when it sends nothing."""
        self.advance(t)
        # Measured even when the box is off: the machine moves on without it, and does not jump when it comes back.
        values = {"ts": self.ts(t), **self._measure(t)}
        if not self.powered(t):
            return None
        sent = faults.apply(self._faults, t, values)
        return None if sent is None else dict(sent)

    def add(self, event: AnyEvent) -> None:
        """Let one more event happen at its time: for a visitor who decides as he goes."""
        self._timeline.add(event)

    def advance(self, t: float) -> None:
        """Let everything happen that the scenario has up to t."""
        for at, event in self._timeline.due(t):
            self._reach(at)
            self._happen(at, event)
        self._run_on_battery(t)
        self.now = t

    def ts(self, t: float) -> int:
        """The right time at t, in Unix ms."""
        return self._start_ms + round(t * 1000)

    def powered(self, t: float) -> bool:
        """Whether the box is alive at t."""
        return not any(t in window for window in self._off)

    def linked(self, t: float) -> bool:
        """Whether its link works at t. A dead box has none."""
        return self.powered(t) and not any(t in window for window in self._cut)

    def records(self) -> list[Record]:
        """What it has to tell since it was last asked."""
        found = list(self._records)
        self._records.clear()
        return found

    def tell(self, type_: str, t: float, **data: Any) -> None:
        """Have something told."""
        self._records.append(Record(type_, t, data))

    def _happen(self, at: float, event: AnyEvent) -> None:
        match event:
            case StuckEvent():
                self._faults.append(faults.Stuck(Window(at, event.for_s), event.channel))
            case SpikeEvent():
                window = Window(at, event.for_s)
                self._faults.append(faults.Spike(window, event.channel, event.height, event.chance, self._seed))
            case DriftEvent():
                self._faults.append(faults.Drift(Window(at, event.for_s), event.channel, event.per_hour))
            case DropoutEvent():
                self._faults.append(faults.Dropout(Window(at, event.for_s), event.channel, event.flagged))
            case ClockStepEvent():
                self._faults.append(faults.ClockStep(Window(at, event.for_s), event.step_s))
            case DeadEvent():
                self._off = [w for w in self._off if not w.over(at)] + [Window(at, event.for_s)]
            case LinkLossEvent():
                self._cut = [w for w in self._cut if not w.over(at)] + [Window(at, event.for_s)]
            case Power():
                self._mains = [w for w in self._mains if not w.over(at)] + [Window(at, event.for_s)]
                if event.gasp:
                    self.tell("power_off", at, **self._last_words())
                if event.dies_after_s is not None and event.dies_after_s < event.for_s:
                    gone = Window(at + event.dies_after_s, event.for_s - event.dies_after_s)
                    self._off = [w for w in self._off if not w.over(at)] + [gone]
            case _:
                self._happen_here(at, event)

    def _run_on_battery(self, t: float) -> None:
        was = self.power_ok
        self.power_ok = not any(t in window for window in self._mains)
        change = (t - self.now) * BATTERY_PCT_S
        self.battery_pct = (
            min(100.0, self.battery_pct + change) if self.power_ok else max(0.0, self.battery_pct - change)
        )
        if self.power_ok and not was:
            self.tell("power_on", t)

    @abstractmethod
    def _reach(self, t: float) -> None:
        """Bring what is stepped up to t, so that an event finds it as it is then."""

    @abstractmethod
    def _measure(self, t: float) -> dict[str, Any]:
        """All channels at t as the sensors give them."""

    @abstractmethod
    def _happen_here(self, at: float, event: AnyEvent) -> None:
        """An event of this kind's own."""

    def _last_words(self) -> dict[str, Any]:
        return {}


class CraneStation(Station):
    """A crane's black box, the crane and its operator."""

    def __init__(self, crane: CraneSite, scenario: Scenario, start_ms: int, seed: int) -> None:
        events = [e for e in scenario.event if isinstance(e, DeviceEvent) and crane.id in e.devices]
        super().__init__("crane", crane.id, events, start_ms, seed)
        self.crane = Crane(crane)
        wind = Wind(weather(scenario), generator(seed, crane.id, "wind"), crane.mast_m, crane.position_m)
        self._wind = wind
        self.box = BlackBox(self.crane, wind, generator(seed, crane.id, "sensors"))
        self._random = generator(seed, crane.id, "lifts")
        self._work: Work | None = None
        self._work_until = 0.0
        self._bypass = Window(0.0, 0.0)
        self._snag: tuple[float, Snag] | None = None
        self._windy_until = -1.0
        self._falls: int | None = None

    def _measure(self, t: float) -> dict[str, Any]:
        self._plan(t)
        self.box.power_ok, self.box.battery_pct = self.power_ok, self.battery_pct
        values = self.box.read(t)
        for cycle in self.crane.cycles:
            self.tell(
                "cycle",
                cycle.end,
                number=cycle.number,
                start=self.ts(cycle.start),
                end=self.ts(cycle.end),
                max_load_t=round(cycle.most_t, 2),
                max_pct=round(100 * cycle.most_ratio, 1),
                max_radius_m=round(cycle.most_radius_m, 1),
                max_hook_m=round(cycle.most_hook_m, 1),
                pick=_point(cycle.pick),
                set_down=_point(cycle.set_down),
                falls=self.crane.falls,
                operator=self.box.operator,
                limiter_cut=cycle.cut,
            )
        self.crane.cycles.clear()
        return values

    def _reach(self, t: float) -> None:
        self.box.reach(t)

    def _plan(self, t: float) -> None:
        crane = self.crane
        crane.bypass = t in self._bypass
        if self.box.wind_mps >= WIND_STOP_MPS:
            self._windy_until = t + WIND_REST_S
        crane.locked = self.box.mode not in ALLOWED or not self.power_ok or t < self._windy_until
        if self._falls is not None and not crane.busy:
            crane.falls, self._falls = self._falls, None
        self._pull_snag(t)
        if self._work is not None and t < self._work_until and not crane.busy and not crane.waiting:
            crane.order(self._draw(self._work))

    def _pull_snag(self, t: float) -> None:
        if self._snag is None:
            return
        at, snag = self._snag
        age = t - at
        if age >= snag.for_s:
            self._snag = None
            self.crane.snag(0.0)
            return
        rated = self.crane.chart.rated(self.crane.trolley.position, self.crane.falls)
        self.crane.snag(snag.percent / 100 * rated * min(1.0, age))

    def _draw(self, work: Work) -> Lift:
        random, crane = self._random, self.crane
        low, high = crane.site.model.radius_min_m + 4, crane.site.model.jib_m - 2
        pick_m, place_m = (float(r) for r in random.uniform(low, high, 2))
        percent = legal_percent(random, work.heavy, work.percent)
        slew = float(random.uniform(-180, 180))
        # The slew of the next lift starts from the last one's and stays far inside the limit of 540 degrees.
        to_slew = max(-400.0, min(400.0, slew + float(random.uniform(-120, 120))))
        height = float(random.uniform(4, crane.site.hook_max_m * 0.7))
        return self._lift(
            percent,
            Place(slew, pick_m, 1.5),
            Place(to_slew, place_m, height),
            attach_s=float(random.uniform(*work.attach_s)),
            position_s=float(random.uniform(*work.position_s)),
        )

    def _lift(
        self,
        percent: float,
        pick: Place,
        place: Place,
        *,
        attach_s: float,
        position_s: float,
        hold_s: float = 8.0,
        dynamic: float | None = None,
    ) -> Lift:
        # The falls that will be rigged when this lift begins, not those of now.
        falls = self._falls or self.crane.falls
        load = percent / 100 * self.crane.chart.rated(max(pick.radius_m, place.radius_m), falls)
        # A heavy load is taken up at creep speed: its overshoot stays at the lower end of 1.1-1.3.
        high = 0.18 if percent >= 85 else 0.30
        pick_up = PickUp(
            rise_s=float(self._random.uniform(0.5, 1.5)),
            overshoot=float(self._random.uniform(0.10, high)) if dynamic is None else dynamic,
            ring_hz=float(self._random.uniform(1.0, 3.0)),
            decay_s=float(self._random.uniform(0.3, 1.0)),
        )
        return Lift(load, pick, place, attach_s, position_s, hold_s, pick_up=pick_up)

    def _happen_here(self, at: float, event: AnyEvent) -> None:
        match event:
            case GustFront() | Squall():
                self._wind.add(_front(event, at))
            case Work():
                self._work = event
                self._work_until = at + event.for_s if event.for_s is not None else float("inf")
            case LiftEvent():
                to_slew = event.slew_deg if event.to_slew_deg is None else event.to_slew_deg
                self.crane.order(
                    self._lift(
                        event.percent,
                        Place(event.slew_deg, event.radius_m, 1.5),
                        Place(to_slew, event.out_to_m or event.radius_m, 1.5),
                        attach_s=event.attach_s,
                        position_s=event.position_s,
                        hold_s=event.hold_s,
                        dynamic=event.dynamic,
                    )
                )
            case Stand():
                self.crane.stand(Place(event.slew_deg, event.radius_m, event.hook_m))
            case Reeve():
                self._falls = event.falls
            case Snag():
                self._snag = (at, event)
            case LoadLost():
                self.crane.lose_load()
            case SetMode():
                self.box.mode = event.mode.value
            case Operator():
                self.box.operator = event.operator
                self.tell("identity", at, operator=event.operator or None, verified=bool(event.operator))
            case Bypass():
                self._bypass = Window(at, event.for_s)
            case _:
                raise AssertionError(f"{event} reached {self.device}")

    def _last_words(self) -> dict[str, Any]:
        return {"load_t": round(self.crane.load_t, 2), "mode": self.box.mode}


class PostStation(Station):
    """A sensor node on a formwork post."""

    def __init__(self, post: PostSite, bay: list[PostSite], scenario: Scenario, start_ms: int, seed: int) -> None:
        self._neighbours = {
            other.id for other in bay if abs(other.row - post.row) + abs(other.column - post.column) == 1
        }
        ids = {post.id, *self._neighbours}
        events = [
            e
            for e in scenario.event
            if (isinstance(e, PourEvent | Strip) and e.bay == post.bay)
            or (isinstance(e, SinkEvent) and ids.intersection(e.devices))
            or (isinstance(e, DeviceEvent) and not isinstance(e, CraneEvent) and post.id in e.devices)
        ]
        super().__init__("formwork", post.id, events, start_ms, seed)
        self.site = post
        self._place = [other.id for other in bay].index(post.id)
        self._degree = {other.id: _degree(other, bay) for other in bay}
        self.post = Post(post.post_m, post.post_area_mm2)
        self._random = generator(seed, post.id, "pour")
        self._noise = generator(seed, post.id, "sensors")
        self._shakes_at = float("inf")

    def _reach(self, t: float) -> None:
        """A post is a function of time: nothing to do."""

    def _measure(self, t: float) -> dict[str, Any]:
        state = self.post.at(t)
        if not state.pouring:
            self._shakes_at = float("inf")
        elif self._shakes_at == float("inf"):
            self._shakes_at = t + float(self._random.exponential(90))
        elif t >= self._shakes_at:
            self.post.add(Shake(t, float(self._random.uniform(0.10, 0.20)), float(self._random.uniform(3, 8))))
            self._shakes_at = t + float(self._random.exponential(90))
            state = self.post.at(t)
        noise = self._noise.standard_normal(6).tolist()
        return {
            "force_kn": round(state.force_kn + 0.045 * noise[0], 2),
            "settle_mm": round(state.settle_mm + 0.03 * noise[1], 2),
            "shift_x_mm": round(state.shift_x_mm + 0.10 * noise[2], 2),
            "shift_y_mm": round(state.shift_y_mm + 0.10 * noise[3], 2),
            "tilt_x_deg": round(state.tilt_x_deg + 0.003 * noise[4], 3),
            "tilt_y_deg": round(state.tilt_y_deg + 0.003 * noise[5], 3),
            "battery_pct": float(round(self.battery_pct)),
            "power_ok": self.power_ok,
            "pouring": state.pouring,
        }

    def _happen_here(self, at: float, event: AnyEvent) -> None:
        match event:
            case PourEvent():
                self.post.add(
                    Pour(
                        at + event.front_s * self._place,
                        self.site.pour_force_kn * float(self._random.uniform(0.92, 1.08)),
                        float(self._random.uniform(*event.tau_s)),
                        float(self._random.uniform(3600, 7200)),
                        float(self._random.uniform(1.0, 3.0)),
                    )
                )
            case SinkEvent():
                self._sink(at, event)
            case LeanEvent():
                self.post.add(Lean(at, event.tilt_deg, event.over_s, event.direction_deg))
            case VibrateEvent():
                self.post.add(Shake(at, event.share, event.for_s))
            case Rezero():
                self.post.rezero(at)
            case Strip():
                self.post.strip()
            case _:
                raise AssertionError(f"{event} reached {self.device}")

    def _sink(self, at: float, event: SinkEvent) -> None:
        for device in event.devices:
            if device == self.device:
                self.post.add(Sink(at, event.depth_mm, event.over_s))
                self.post.add(Shed(at, event.shed, event.over_s))
            elif device in self._neighbours:
                self.post.add(Shed(at, -event.shed / self._degree[device], event.over_s))


def weather(scenario: Scenario) -> Weather:
    """The weather of a scenario, with everything that will pass through."""
    wind = scenario.wind
    fronts = tuple(_front(e, e.at) for e in scenario.event if isinstance(e, GustFront | Squall))
    return Weather(wind.mean_mps, wind.direction_deg, wind.roughness_m, wind.swing, fronts=fronts)


def _front(event: GustFront | Squall, at: float) -> Front:
    return Front(at, event.rise_mps, event.ramp_s, event.hold_s, event.fall_s, event.veer_deg, event.repeat_s)


def stations(site: Site, scenario: Scenario, start_ms: int, seed: int) -> list[Station]:
    """All devices of a site under a scenario that was held against it (`scenario.check`)."""
    bays: dict[str, list[PostSite]] = {}
    for post in site.posts:
        bays.setdefault(post.bay, []).append(post)
    return [
        *(CraneStation(crane, scenario, start_ms, seed) for crane in site.cranes),
        *(PostStation(post, bays[post.bay], scenario, start_ms, seed) for post in site.posts),
    ]


def _degree(post: PostSite, bay: list[PostSite]) -> int:
    return sum(abs(other.row - post.row) + abs(other.column - post.column) == 1 for other in bay)


def _point(place: Place) -> dict[str, float]:
    return {
        "slew_deg": round(place.slew_deg, 1),
        "radius_m": round(place.radius_m, 1),
        "hook_m": round(place.hook_m, 1),
    }
