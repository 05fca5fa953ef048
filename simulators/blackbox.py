"""
The black box of a crane: sensors with their noise, its own load chart, its own alarms, relays and limit switches.

What it reports beside the measurements is what fielded boxes report (domain reference 3.3, 3.4): the rated load from
its chart, pre-warning and alarm words that exclude each other, limit bits, relays. Its thresholds are the box's own
(90 / 100 % with 0.2 t of hysteresis, wind 10.8 / 12 m/s), and no concern of the platform.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np

from simulators.crane import STEP_S, Crane
from simulators.wind import Wind
from telemetry.kinds import DEVICE_ALARM_BITS, LIMIT_BITS, RELAY_BITS

LOAD_NOISE = 0.0015  # of full scale, one sigma: cells of the class "0.5 % of full scale" stay within three of them
LOAD_WALK = 0.002  # of full scale a day, one sigma: how far the zero walks between two tares
WIND_START = 0.4  # m/s, below it the cups stand still
WIND_PREWARN, WIND_ALARM, WIND_CLEAR = 10.8, 12.0, 1.0
LOAD_CLEAR_T = 0.2
TILT_PREWARN, TILT_ALARM = 0.6, 0.8  # degrees
HOLD_S = 0.8

_LIMIT = {name: 1 << place for place, name in enumerate(LIMIT_BITS)}
_ALARM = {name: 1 << place for place, name in enumerate(DEVICE_ALARM_BITS)}
_RELAY = {name: 1 << place for place, name in enumerate(RELAY_BITS)}


@dataclass(slots=True)
class Latch:
    """On once a value has been at `limit` for `HOLD_S`; off below `limit - gap`."""

    on: bool = False
    _since: float | None = None

    def update(self, t: float, value: float, limit: float, gap: float) -> bool:
        """Feed one value; gives the state after it."""
        if value >= limit:
            if self._since is None:
                self._since = t
            if t - self._since >= HOLD_S:
                self.on = True
        else:
            self._since = None
            if value < limit - gap:
                self.on = False
        return self.on


class BlackBox:
    """Reads one crane. `read` advances the crane to the time it is asked for."""

    def __init__(self, crane: Crane, wind: Wind, generator: np.random.Generator) -> None:
        self.crane = crane
        self._wind = wind
        self._random = generator
        self._full_t = crane.chart.most(max(crane.chart.falls))
        self._walk_t_s = float(generator.normal(0, LOAD_WALK * self._full_t)) / 86_400
        self._wind_mps, self._wind_deg = wind.at(0.0)
        self._latches = {
            name: Latch() for name in ("load_90", "load_100", "moment_80", "moment_90", "moment_100", "wind", "storm")
        }
        self.operator = "op-1"
        self.mode = "working"
        self.power_ok = True
        self.battery_pct = 100.0

    @property
    def wind_mps(self) -> float:
        """The wind of the last sample in m/s."""
        return self._wind_mps

    @property
    def wind_deg(self) -> float:
        """Where the wind of the last sample came from, in degrees."""
        return self._wind_deg

    def reach(self, t: float) -> None:
        """Let the crane move on until t."""
        while self.crane.t + STEP_S / 2 < t:
            self.crane.step()

    def read(self, t: float) -> dict[str, Any]:
        """All channels at time t, which must not go back. Times are seconds of the run."""
        crane = self.crane
        self.reach(t)
        self._wind_mps, self._wind_deg = self._wind.at(t)
        noise = self._random.standard_normal(7).tolist()
        load = crane.load_t + LOAD_NOISE * self._full_t * noise[0] + self._walk_t_s * t
        radius = crane.trolley.position + 0.02 * noise[1]
        hook = crane.hook.position + 0.02 * noise[2]
        slew = crane.slew.position + 0.03 * noise[3]
        wind = max(0.0, self._wind_mps * (1 + 0.02 * noise[4]))
        tilt_x, tilt_y = crane.tilt.read(crane.slew.position, self._wind_mps, self._wind_deg)
        rated = crane.chart.rated(radius, crane.falls)
        values: dict[str, Any] = {
            "load_t": round(load, 2),
            "radius_m": round(radius, 2),
            "hook_m": round(hook, 2),
            "slew_deg": round(slew, 1),
            "falls": float(crane.falls),
            "wind_mps": round(wind, 1) if wind >= WIND_START else 0.0,
            "wind_deg": float(round(self._wind_deg) % 360),
            "tilt_x_deg": round(tilt_x + 0.003 * noise[5], 3),
            "tilt_y_deg": round(tilt_y + 0.003 * noise[6], 3),
            "rated_load_t": round(rated, 2),
            "power_ok": self.power_ok,
            "battery_pct": float(round(self.battery_pct)),
            "bypass": crane.bypass,
            "mode": self.mode,
            "operator": self.operator or None,
        }
        values |= self._judge(t, load, rated, wind, max(abs(tilt_x), abs(tilt_y)))
        values["limits"] = self._limits()
        return values

    def _judge(self, t: float, load: float, rated: float, wind: float, tilt: float) -> dict[str, int]:
        on = self._latches
        most = self.crane.chart.most(self.crane.falls)
        # Load and moment limiter are two: the first knows the rope's limit, the second the chart at this radius.
        for name, limit in (
            ("load_90", 0.9 * most),
            ("load_100", most),
            ("moment_80", 0.8 * rated),
            ("moment_90", 0.9 * rated),
            ("moment_100", rated),
        ):
            on[name].update(t, load, limit, LOAD_CLEAR_T)
        on["wind"].update(t, wind, WIND_PREWARN, WIND_CLEAR)
        on["storm"].update(t, wind, WIND_ALARM, WIND_CLEAR)
        alarm = prewarn = relays = 0
        for name, low, high in (("wind", "wind", "storm"), ("load", "load_90", "load_100")):
            alarm |= _ALARM[name] * on[high].on
            prewarn |= _ALARM[name] * (on[low].on and not on[high].on)
        alarm |= _ALARM["moment"] * on["moment_100"].on
        prewarn |= _ALARM["moment"] * (on["moment_90"].on and not on["moment_100"].on)
        alarm |= _ALARM["tilt"] * (tilt >= TILT_ALARM)
        prewarn |= _ALARM["tilt"] * (TILT_PREWARN <= tilt < TILT_ALARM)
        for name in ("moment_80", "moment_90", "moment_100", "load_90", "load_100"):
            relays |= _RELAY[name] * on[name].on
        if self.crane.cut:
            relays |= _RELAY["hoist_cut"] | _RELAY["trolley_out_cut"]
        return {"device_prewarn": prewarn, "device_alarm": alarm, "relays": relays}

    def _limits(self) -> int:
        crane = self.crane
        site = crane.site
        slew, hook, radius = crane.slew.position, crane.hook.position, crane.trolley.position
        out, near = site.model.jib_m - radius, radius - site.model.radius_min_m
        up = site.hook_max_m - hook
        found = {
            "slew_left_limit": slew <= -540.0,
            "slew_left_slow": slew <= -520.0,
            "slew_right_limit": slew >= 540.0,
            "slew_right_slow": slew >= 520.0,
            "hook_up_slow": up <= 4.0,
            "hook_up_limit": up <= 0.8,
            "hook_down_limit": hook <= -2.0,
            "hook_down_slow": hook <= 2.0,
            "radius_out_slow": out <= 3.0,
            "radius_out_limit": out <= 0.2,
            "radius_in_limit": near <= 0.2,
            "radius_in_slow": near <= 2.0,
            "wind_prewarn": self._latches["wind"].on and not self._latches["storm"].on,
            "wind_alarm": self._latches["storm"].on,
        }
        bits = 0
        for name, is_on in found.items():
            bits |= _LIMIT[name] * is_on
        return bits
