"""
Weathervaning: a parked crane must turn with the wind. Three London collapses of 2013-14 were put down to a slew brake
that was not released or a jib at the wrong radius (HSE FOD 2-2014, domain reference 1.6).

In ten minutes the jib has moved less than `vane_slew_deg` while the wind blew and swung, or gusted: it is held. Where
a plan restrains the jib on purpose the rule is not monitored, and says so.
"""

from typing import ClassVar, Final

import numpy as np

from analytics import windows
from analytics.channels import COLUMN
from analytics.detectors.base import Detector, Look
from analytics.table import NEVER, Array, Field, Table, field
from telemetry.model import Mode
from telemetry.wire.payloads import DeviceConfig

_D: Final = COLUMN["crane"]
_RESTING: Final = np.array([mode in (Mode.PARKED, Mode.STORM) for mode in Mode])
FULL: Final = 0.9  # of the buckets of 10 s that a device of its rate can fill, with both wind and slew


class Vane(Detector):
    """Whether a parked jib turns with the wind."""

    gives = ("held_wind_mps",)
    slow = True
    fields: ClassVar[dict[str, Field]] = {
        "vane_id": field(np.int64, NEVER, windows.BUCKETS),
        "vane_low": field(np.float32, 0, windows.BUCKETS),
        "vane_high": field(np.float32, 0, windows.BUCKETS),
        "vane_sin": field(np.float64, 0, windows.BUCKETS),
        "vane_cos": field(np.float64, 0, windows.BUCKETS),
        "vane_now": field(np.int64, NEVER),
        "vane": field(np.float32, np.nan),
        "vane_free": field(np.bool_, True),
    }
    figures: ClassVar[tuple[str, ...]] = ("vane_slew_deg", "vane_swing_deg", "vane_gust_ratio")

    def configured(self, table: Table, row: int, config: DeviceConfig) -> None:
        table["vane_free"][row] = config.weathervane == "free"

    def derive(self, look: Look) -> None:
        parked = _RESTING[look.mode]
        look.value[:, _D["held_wind_mps"]] = np.where(parked, np.float32(np.nan), np.float32(0))
        resting = np.flatnonzero(parked & look.table["vane_free"][look.rows])
        if not len(resting):
            return
        table, rows = look.table, look.rows[resting]
        line, turn = look.line[resting], look.motion.turn[resting]
        number = line // windows.BUCKET_MS
        fresh = number > table["vane_now"][rows]
        if fresh.any():
            table["vane_now"][rows] = np.where(fresh, number, table["vane_now"][rows])
            self._judge(look, resting[fresh], number[fresh])
        self._note(table, rows, number, turn, look.wave.channel("wind_deg")[resting].astype(np.float64))
        look.value[resting, _D["held_wind_mps"]] = table["vane"][rows]

    def _note(self, table: Table, rows: Array, number: Array, turn: Array, direction: Array) -> None:
        known = ~np.isnan(turn)
        if not known.all():
            rows, number, turn, direction = rows[known], number[known], turn[known], direction[known]
        slot = number % windows.BUCKETS
        old = table["vane_id"][rows, slot] != number
        table["vane_id"][rows, slot] = number
        for name, least in (("vane_low", np.minimum), ("vane_high", np.maximum)):
            before = table[name][rows, slot]
            table[name][rows, slot] = np.where(old, turn, least(before, turn))
        bearing = np.radians(direction)
        for name, part in (("vane_sin", np.sin(bearing)), ("vane_cos", np.cos(bearing))):
            before = np.where(old, 0.0, table[name][rows, slot])
            table[name][rows, slot] = before + np.where(np.isnan(part), 0.0, part)

    def _judge(self, look: Look, places: Array, number: Array) -> None:
        """At a new bucket: the mean wind of the closed ten minutes if the jib was held in it, 0 if it was not."""
        table, rows = look.table, look.rows[places]
        first = (number - windows.BUCKETS)[:, None]
        last = number[:, None]
        inside = (table["vane_id"][rows] >= first) & (table["vane_id"][rows] < last)
        blown = (table["bucket_id"][rows] >= first) & (table["bucket_id"][rows] < last)
        low = np.where(inside, table["vane_low"][rows], np.inf).min(axis=1)
        high = np.where(inside, table["vane_high"][rows], -np.inf).max(axis=1)
        count = np.where(blown, table["bucket_n"][rows], 0).sum(axis=1)
        total = np.where(blown, table["bucket_sum"][rows], 0.0).sum(axis=1)
        mean = total / np.maximum(count, 1)
        gust = np.where(blown, table["bucket_gust"][rows], 0).max(axis=1)
        held = high - low < look.figure("vane_slew_deg")[places]
        stirred = (gust >= look.figure("vane_gust_ratio")[places] * mean) | (
            self._swing(table, rows, inside) >= look.figure("vane_swing_deg")[places]
        )
        share = np.minimum(1.0, windows.BUCKET_MS / np.maximum(look.interval[places], 1))
        least = FULL * windows.BUCKETS * share - 1.0
        known = (inside.sum(axis=1) >= least) & (blown.sum(axis=1) >= least)
        table["vane"][rows] = np.where(known, np.where(held & stirred, mean, 0.0), np.nan)

    @staticmethod
    def _swing(table: Table, rows: Array, inside: Array) -> Array:
        """By how many degrees the direction of the buckets swung, (n,); 0 where none is known."""
        east = np.where(inside, table["vane_sin"][rows], 0.0)
        north = np.where(inside, table["vane_cos"][rows], 0.0)
        told = (east != 0) | (north != 0)
        middle = np.arctan2(east.sum(axis=1), north.sum(axis=1))[:, None]
        off = np.degrees(np.angle(np.exp(1j * (np.arctan2(east, north) - middle))))
        swing: Array = np.where(told, off, -np.inf).max(axis=1) - np.where(told, off, np.inf).min(axis=1)
        return np.where(told.any(axis=1), swing, 0.0)
