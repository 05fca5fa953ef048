"""
Days of a mast: what it learns, how its foundation settles, how a tie works loose.

Four days of a crane are too long to be stepped; here it is a function of time: lifts as trapezoids of load, slew and
radius, the mast at rest under them (`simulators.mast`), wind, the sun on the mast, and sensor noise.
"""

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from simulators.chart import LoadChart
from simulators.labelled.boxes import START_MS, Box, Recording, Trace, record
from simulators.labelled.case import case
from simulators.labelled.faults import Swing
from simulators.labelled.plant import CRANE, config, site
from simulators.labelled.truth import Event, Truth, spread
from simulators.mast import Tilt
from simulators.station import Record, generator
from simulators.wind import Weather, Wind, at_height

DAY = 86_400.0
DAYS = 4
WORK_S = 10 * 3600.0  # the shift: from 07:00, when the run's day begins, to 17:00
LIFT_S = 420.0
COMMISSION_S = 3600.0
SUN_DEG = 0.012  # half of a day's swing of an inclinometer and its mast in the sun (assumed)
PERMILLE_4_DEG = math.degrees(math.atan(0.004))

Centre = Callable[[float], tuple[float, float]]
Factor = Callable[[float], float]


class Mast:
    """A crane over days, as a function of time; it is read like a station."""

    kind = "crane"

    def __init__(self, seed: int, centre: Centre, lean: Factor) -> None:
        """`centre` is how much further out of plumb than at first (degrees x, y), `lean` how much softer, both at t."""
        plant = site().cranes[0]
        self._plant, self._chart = plant, LoadChart(plant.model.charts)
        self._tilt = Tilt(plant.model.mast)
        self._random = generator(seed, CRANE, "days")
        self._noise = generator(seed, CRANE, "noise")
        weather = Weather(4.0 / at_height(1.0, plant.mast_m, 0.3), 225.0, swing=0.35, period_s=DAY)
        self._wind = Wind(weather, generator(seed, CRANE, "wind"), plant.mast_m, plant.position_m)
        self._centre, self._lean = centre, lean
        self._number = -1
        self._from = self._to = (0.0, 20.0)
        self._weight = 0.0

    def records(self) -> list[Record]:
        """Nothing beside the samples."""
        return []

    def ts(self, t: float) -> int:
        """Unix ms at t."""
        return START_MS + round(t * 1000)

    def sample(self, t: float) -> dict[str, Any]:
        """All channels at t, which must not go back."""
        mode, load, slew, radius, hook = self._doing(t)
        wind, bearing = self._wind.at(t)
        # The base class of the mast reads its own centre and stiffness; what changes over days is added here.
        self._tilt.lean_deg = self._tilt.still(load, radius) * self._lean(t)
        x, y = self._tilt.read(slew, wind, bearing)
        moved_x, moved_y = self._centre(t)
        noise = self._noise.standard_normal(4).tolist()
        return {
            "ts": self.ts(t),
            "load_t": round(load + 0.012 * noise[0], 2),
            "radius_m": round(radius + 0.02 * noise[1], 2),
            "hook_m": round(hook, 2),
            "slew_deg": round(slew, 1),
            "falls": float(self._plant.falls),
            "wind_mps": round(wind, 1),
            "wind_deg": float(round(bearing) % 360),
            "tilt_x_deg": round(x + moved_x + 0.003 * noise[2], 3),
            "tilt_y_deg": round(y + moved_y + 0.003 * noise[3], 3),
            "rated_load_t": round(self._chart.rated(radius, self._plant.falls), 2),
            "power_ok": True,
            "bypass": False,
            "mode": mode,
            "operator": "op-1" if mode != "parked" else None,
            "limits": 0,
            "relays": 0,
        }

    def _doing(self, t: float) -> tuple[str, float, float, float, float]:
        """Mode, load, slew, radius, hook."""
        day, clock = divmod(t, DAY)
        if day == 0 and clock < COMMISSION_S:
            # Commissioning: one slow turn empty, one with 85 % of the rated load at 25 m, nothing else moving.
            half = COMMISSION_S / 2
            rated = self._chart.rated(25.0, self._plant.falls)
            return "testing", 0.0 if clock < half else 0.85 * rated, 360.0 * (clock % half) / half - 180.0, 25.0, 12.0
        if clock >= WORK_S:
            return "parked", 0.0, self._to[0], 20.0, 40.0
        number = int(t // LIFT_S)
        if number != self._number:
            self._number = number
            self._from = self._to
            self._to = (float(self._random.uniform(-180, 180)), float(self._random.uniform(12, 45)))
            most = self._chart.rated(max(self._from[1], self._to[1]), self._plant.falls)
            self._weight = most * float(self._random.uniform(0.3, 0.9))
        share = (t % LIFT_S) / LIFT_S
        # A quarter attaching, a quarter under way with the load, a quarter placing it, a quarter on the way back empty.
        load = self._weight if 0.2 <= share < 0.65 else 0.0
        way = min(1.0, max(0.0, (share - 0.25) / 0.3))
        slew = self._from[0] + (self._to[0] - self._from[0]) * way
        radius = self._from[1] + (self._to[1] - self._from[1]) * way
        hook = 2.0 if share < 0.2 else 18.0 if share < 0.6 else 8.0
        return "working", load, slew, radius, hook


def _days(
    seed: int, centre: Centre = lambda t: (0.0, 0.0), lean: Factor = lambda t: 1.0
) -> tuple[list[Trace], list[tuple[str, float, float]]]:
    boxes = [Box("crane-15s", 15.0, (lambda: Swing("tilt_x_deg", SUN_DEG), lambda: Swing("tilt_y_deg", SUN_DEG, 7e3)))]
    found = record(Mast(seed, centre, lean), boxes, config(), DAYS * DAY)
    return found, [part for box in boxes for part in box.parts(DAYS * DAY)]


def _ramp(from_s: float, per_day: float) -> Factor:
    return lambda t: max(0.0, t - from_s) / DAY * per_day


@case("tilt-learned", "tilt", "倾角学习后的四天正常作业", "four ordinary days after tilt was learned", harmless=True)
def tilt_learned(seed: int) -> Recording:
    """A turn empty and a turn loaded, then four days of lifts, wind and sun: the mast is as it was."""
    traces, _ = _days(seed)
    return Recording(traces, Truth(), DAYS * DAY)


@case("foundation-settles", "tilt", "基础缓慢沉降倾斜", "the foundation settles: the centre drifts")
def foundation_settles(seed: int) -> Recording:
    """From the second day on the mast goes out of plumb by 0.1 degrees a day, to 4 per mille and beyond."""
    first = 1.2 * DAY
    drift = _ramp(first, 0.1)
    traces, places = _days(seed, centre=lambda t: (drift(t) * 0.8, drift(t) * 0.6))
    mast = site().cranes[0].model.mast
    times = np.arange(first, DAYS * DAY, 60.0)
    off = np.array([math.hypot(mast.plumb_x_deg + drift(t) * 0.8, mast.plumb_y_deg + drift(t) * 0.6) for t in times])
    limit = float(times[np.argmax(off >= PERMILLE_4_DEG)])
    rules = frozenset({"tilt_drift", "verticality", "tilt"})
    event = Event(CRANE, "foundation settles", rules, first, DAYS * DAY, limit_s=limit)
    return Recording(traces, Truth(spread((event,), places)), DAYS * DAY)


@case("tie-loosens", "tilt", "附着松动，塔身变软", "a tie works loose: the mast leans more under load")
def tie_loosens(seed: int) -> Recording:
    """From the second day on the mast is softer every day; within two days it leans twice as far at equal load."""
    first = 1.2 * DAY
    softer = _ramp(first, 0.6)
    traces, places = _days(seed, lean=lambda t: 1.0 + softer(t))
    rules = frozenset({"lean_growth", "tilt_drift", "tilt"})
    # Twice the lean of commissioning stands for the limit; no standard gives one.
    event = Event(CRANE, "tie works loose", rules, first, DAYS * DAY, limit_s=first + DAY / 0.6)
    return Recording(traces, Truth(spread((event,), places)), DAYS * DAY)
