"""
The plant of the labelled scenarios: one crane of a public data sheet, watched by boxes of several rates.

Rule: what is true is read here, off the machine itself: load over rated load, the 3 s gust, where hook and jib are.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from functools import cache
from typing import Any, Final, NamedTuple

import numpy as np
import numpy.typing as npt
from msgspec import structs

from simulators import site as sites
from simulators.crane import Crane, Lift, Place
from simulators.labelled.boxes import START_MS, Box, Recording, all_rates, devices, record
from simulators.labelled.truth import Allowance, Event, Truth, spread
from simulators.rope import PickUp
from simulators.scenario import AnyEvent, Scenario, Title, WindTable
from simulators.station import CraneStation
from simulators.wind import at_height
from telemetry.model import Severity
from telemetry.wire.payloads import DeviceConfig, Hoist, Zone

Floats = npt.NDArray[np.float64]
Flags = npt.NDArray[np.bool_]

CRANE: Final = "crane-1"
LIFT_T: Final = 0.4  # 5 % of the largest rated load of the machine, 8 t: below it the hook is empty
WIND_LIMIT: Final = 12.0  # JGJ 33-2012 4.1.15, secondary transcription
WIND_STORM: Final = 20.0  # in-service limit of most makers; whatever the mode, it is inspected afterwards
WIND_FIRST: Final = 10.8  # force 6 begins


class Seen(NamedTuple):
    """The machine at one instant, without noise."""

    t: float
    load_t: float
    ratio: float
    hook_m: float
    radius_m: float
    slew_deg: float
    wind_mps: float
    wind_deg: float
    cut: bool


@dataclass(slots=True)
class Act:
    """Something that is done to the crane: once, at or after `at`, as soon as `when` holds."""

    at: float
    do: Callable[["Stage"], object]
    when: Callable[[Crane], bool] = lambda crane: True


@dataclass(slots=True)
class Stage:
    """A crane on its way through a scenario: what an act may reach for."""

    station: CraneStation
    free: bool = False  # the slew brake is open: the jib follows the wind
    done: dict[str, float] = field(default_factory=dict)

    @property
    def crane(self) -> Crane:
        """The machine."""
        return self.station.crane

    def mark(self, name: str) -> None:
        """Remember when this happened."""
        self.done.setdefault(name, self.station.now)


@dataclass(frozen=True, slots=True)
class Run:
    """A crane's run: what its boxes sent, what was true, and when what was done."""

    recording: Recording
    boxes: Sequence[Box]
    seen: dict[str, Floats]
    marks: dict[str, float]

    def with_truth(self, events: Sequence[Event] = (), allowances: Sequence[Allowance] = ()) -> Recording:
        """The recording with these labels, given in the plant's time, spread to all boxes."""
        places = devices(self.boxes, self.recording.duration_s)
        truth = Truth(spread(tuple(events), places), spread((*allowances, *self.lawful()), places))
        return replace(self.recording, truth=truth)

    def lawful(self) -> list[Allowance]:
        """Where load, moment and wind rules speak rightly: near and above their limits, by the machine itself."""
        t, ratio = self.seen["t"], self.seen["ratio"]
        found = [_allow({"load", "moment"}, span, Severity.PREWARNING, 8.0) for span in spans(t, ratio >= 0.88, 2.0)]
        wind = gust(t, self.seen["wind_mps"])
        # An anemometer has 2 % of noise, and the limit is one of the whole episode of ten minutes.
        found += [_allow({"wind"}, s, Severity.PREWARNING, 60.0) for s in spans(t, wind >= 0.96 * WIND_FIRST, 600.0)]
        found += [_allow({"wind"}, s, Severity.ALARM, 660.0) for s in spans(t, wind >= 0.98 * WIND_LIMIT, 600.0)]
        found += [_allow({"storm"}, s, Severity.CRITICAL, 660.0) for s in spans(t, wind >= 0.98 * WIND_STORM, 600.0)]
        return found


def _allow(rules: set[str], span: tuple[float, float], most: Severity, late_s: float) -> Allowance:
    return Allowance(CRANE, frozenset(rules), span[0] - 5.0, span[1] + late_s, most)


@cache
def site() -> sites.Site:
    """The demo site: its first crane is a R135-8 of four falls, whose chart is public."""
    return sites.load(sites.builtin("demo"), crane_interval_ms=100)


def config(**more: Any) -> DeviceConfig:
    """The crane's configuration, with what a surveyor and the crane's papers say of it."""
    made = site().devices["crane", CRANE]
    speed = site().cranes[0].model.motions.hoist_mps
    hoists = [Hoist(falls=falls, mps=speed * 2 / falls) for falls in (2, 4)]
    return structs.replace(made, slew_zero_deg=0.0, hoists=hoists, params="approved", **more)


def run(
    seed: int,
    duration_s: float,
    events: Sequence[AnyEvent] = (),
    *,
    acts: Sequence[Act] = (),
    boxes: Sequence[Box] = (),
    wind_mps: float = 3.0,
    free: bool = False,
    zones: Sequence[Zone] = (),
    **settings: Any,
) -> Run:
    """
    Run one crane; the mean wind is that at its anemometer, in m/s.

    `zones` are of the site, `settings` fields of the device's configuration. Without boxes there is one of each rate.
    """
    plant = site().cranes[0]
    low = 1.0 / at_height(1.0, plant.mast_m, 0.3)
    scenario = Scenario(title=Title("", ""), wind=WindTable(mean_mps=wind_mps * low), event=list(events))
    station = CraneStation(plant, scenario, START_MS, seed)
    stage = Stage(station, free=free)
    boxes = list(boxes) or all_rates()
    waiting = list(acts)
    rows: list[Seen] = []

    def look(t: float) -> None:
        crane = station.crane
        wind, bearing = station.box.wind_mps, station.box.wind_deg
        rows.append(Seen(t, crane.load_t, crane.ratio(), crane.hook.position, crane.trolley.position,
                         crane.slew.position, wind, bearing, crane.cut))  # fmt: skip
        if stage.free and not crane.busy:
            _follow(crane, bearing)
        for act in waiting:
            if t >= act.at and act.when(crane):
                act.do(stage)
                waiting.remove(act)
                break

    traces = record(station, boxes, config(**settings), duration_s, look)
    columns = np.array(rows, np.float64).T
    seen = {name: columns[k] for k, name in enumerate(Seen._fields)}
    return Run(Recording(traces, Truth(), duration_s, tuple(zones)), boxes, seen, dict(stage.done))


def order(at: float, percent: float, pick: Place, place: Place, position_s: float = 20.0) -> Act:
    """A lift between two places at their own heights; `percent` of the rated load at the larger radius."""

    def do(stage: Stage) -> None:
        crane = stage.crane
        load = percent / 100 * crane.chart.rated(max(pick.radius_m, place.radius_m), crane.falls)
        crane.order(Lift(load, pick, place, attach_s=20.0, position_s=position_s, pick_up=PickUp(overshoot=0.1)))

    return Act(at, do)


def _follow(crane: Crane, wind_deg: float) -> None:
    """The jib turns to the lee, as slowly as its drive would: only once the wind has moved away from it for good."""
    lee = 270.0 - wind_deg
    turn = (lee - crane.slew.position + 180.0) % 360.0 - 180.0
    if abs(turn) > 15.0:
        crane.slew.target = crane.slew.position + turn


def gust(t: Floats, wind: Floats, over_s: float = 3.0) -> Floats:
    """The running mean over the last `over_s`, at unevenly spaced times."""
    total = np.concatenate([[0.0], np.cumsum(wind)])
    first = np.searchsorted(t, t - over_s, side="right")
    place = np.arange(len(t))
    return np.asarray((total[place + 1] - total[first]) / (place + 1 - first))


def spans(t: Floats, on: Flags, join_s: float = 0.0, least_s: float = 0.0) -> list[tuple[float, float]]:
    """From when until when a condition held; pauses up to `join_s` are bridged, spans below `least_s` dropped."""
    edges = np.flatnonzero(np.diff(np.concatenate([[False], on, [False]]).astype(np.int8)))
    found: list[tuple[float, float]] = []
    for first, behind in zip(edges[::2], edges[1::2], strict=True):
        start, end = float(t[first]), float(t[behind - 1])
        if found and start - found[-1][1] <= join_s:
            found[-1] = (found[-1][0], end)
        else:
            found.append((start, end))
    return [(start, end) for start, end in found if end - start >= least_s]


def whole(run_: Run, mask: Flags, join_s: float = 2.0) -> tuple[float, float]:
    """The longest span of a condition. Raises ValueError when there is none: a label without its event is a lie."""
    found = spans(run_.seen["t"], mask, join_s)
    if not found:
        raise ValueError("the scenario does not do what its label says")
    return max(found, key=lambda span: span[1] - span[0])


def danger(what: str, rules: set[str], onset_s: float, end_s: float, **more: Any) -> Event:
    """An event of the crane, in the plant's time."""
    return Event(CRANE, what, frozenset(rules), onset_s, end_s, **more)
