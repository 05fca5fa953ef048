"""High formwork: post force as a share of its design value, settlement and its trend, shift, tilt."""

from collections.abc import Callable
from functools import partial
from typing import Final

import numpy as np

from analytics import trends
from analytics.channels import COLUMN, DERIVED
from analytics.detectors.base import Sight
from analytics.detectors.drift import Drift
from analytics.detectors.pour import Pour
from analytics.detectors.props import Props
from analytics.fleet import Fleet
from analytics.limits import COLUMNS
from analytics.rulebook.entry import flagged
from analytics.samples import Samples
from analytics.table import NEVER, Array, Field
from analytics.table import field as array
from analytics.timelines import GAPS
from telemetry.errors import ConfigError
from telemetry.wire.payloads import DeviceConfig, Words

_D: Final = COLUMN["formwork"]
ESSENTIAL: Final = ("force_kn", "settle_mm", "shift_x_mm", "shift_y_mm", "tilt_x_deg", "tilt_y_deg")
POINTS: Final = 40  # buckets of the trend window: 20 min of 30 s
RECENT: Final = 12  # the latest of them, 6 min
POOR: Final = 0.2  # more of the samples without a value than this, and there is no trend


class Formworks(Fleet):
    """The fleet of formwork nodes."""

    kind = "formwork"
    tracked = ESSENTIAL
    figure_names = (
        "silence_timeout_s",
        "trend_bucket_s",
        "trend_points",
        "trend_z",
        "trend_rise_pct",
        "bay_age_s",
        "neighbour_gain_pct",
        *Pour.figures,
        Pour.after,
        *Drift.figures,
    )

    def __init__(self) -> None:
        super().__init__()
        self.permitted: Callable[[str], frozenset[str]] = lambda site: frozenset()  # bays with a pour permit
        self.pour = Pour()
        self.drift = Drift()
        self.configurations = 0  # how many have come: who is in which bay may have changed
        self.refusals: dict[int, trends.Refused] = {}
        self._settlement = COLUMNS["formwork"].index(("settlement", "alarm"))
        self._sampling = COLUMNS["formwork"].index(("sampling", "advisory"))

    @staticmethod
    def fields() -> dict[str, Field]:
        return {
            **Pour.fields,
            **Props.fields,
            **Drift.fields,
            "faulty": array(np.int16),  # which essential channels are known bad, a bit each
            "lonely": array(np.bool_),  # a neighbour is silent in a pour: set at ticks
            "undersampled": array(np.bool_),  # less than twice a minute in a pour
            "design": array(np.float64, np.nan),
            "trend_id": array(np.int64, NEVER, POINTS),
            "trend_sum": array(np.float64, 0, POINTS),
            "trend_n": array(np.int32, 0, POINTS),
            "trend_now": array(np.int64, NEVER),
            "trend_bad": array(np.int32, 0, POINTS),
            "score": array(np.float32, np.nan),
            "trend": array(np.float64, np.nan, 5),
        }

    def check(self, config: DeviceConfig) -> None:
        if config.design_force_kn is not None and not (
            np.isfinite(config.design_force_kn) and config.design_force_kn > 0
        ):
            raise ConfigError("design_force_kn must be positive")

    def configured(self, row: int, config: DeviceConfig) -> None:
        self.configurations += 1
        self.table["design"][row] = np.nan if config.design_force_kn is None else np.float32(config.design_force_kn)

    def eta(self, row: int, rule: str) -> tuple[float, float] | None:
        slope, low, high, level, rise = (float(x) for x in self.table["trend"][row])
        if rule not in ("settlement", "settlement_trend") or np.isnan(slope):
            return None
        at = float(self.table["set"][row, self._settlement])
        return trends.Trend(slope, low, high, level, rise).eta_s(at)

    def derive(self, wave: Samples) -> tuple[Array, Array | None]:
        rows = wave.rows
        value = np.full((len(rows), len(DERIVED["formwork"])), np.nan, np.float32)
        settle = wave.channel("settle_mm")
        value[:, _D["force_pct"]] = wave.channel("force_kn").astype(np.float64) / self.table["design"][rows] * 100.0
        value[:, _D["settle_mm"]] = settle
        value[:, _D["shift_mm"]] = _resultant(wave.channel("shift_x_mm"), wave.channel("shift_y_mm"))
        lean = _resultant(wave.channel("tilt_x_deg"), wave.channel("tilt_y_deg"))
        # Beyond 45 degrees the tangent is of no use, and the answer is the same.
        value[:, _D["tilt_permille"]] = np.tan(np.radians(np.minimum(lean, 45.0))) * 1000.0
        fault = wave.bad(ESSENTIAL)
        value[:, _D["sensor_fault"]] = fault
        if fault.any():
            which = sum(wave.bad((name,)).astype(np.int16) << k for k, name in enumerate(ESSENTIAL))
            self.table["faulty"][rows] = np.where(fault, which, self.table["faulty"][rows])
        sight = Sight(
            wave=wave, table=self.table, rows=rows, line=wave.line, interval=wave.interval, value=value,
            figure=partial(self.figure, rows),
        )  # fmt: skip
        # Unknown is NaN, and a comparison with it is no: that is meant, in all detectors.
        with np.errstate(invalid="ignore", divide="ignore"):
            self._detect(sight, settle)
        return value, None

    def _detect(self, sight: Sight, settle: Array) -> None:
        table, rows, value = self.table, sight.rows, sight.value
        limit = np.stack([table["design"][rows], table["set"][rows, self._settlement].astype(np.float64)], axis=1)
        width_ms = (self.figure(rows, "trend_bucket_s") * 1000.0).astype(np.int64)
        self.pour.derive(sight, width_ms, limit)
        Props.derive(sight, value[:, _D["force_pct"]].astype(np.float64))
        self.drift.derive(sight)
        self._sampled(sight)
        self._bucket(sight.wave, settle)
        value[:, _D["settle_rate_score"]] = table["score"][rows]

    def _sampled(self, sight: Sight) -> None:
        """How often there is a sample in a pour: the middle one of the last five gaps."""
        table, rows = self.table, sight.rows
        gap_s = np.sort(table["gaps"][rows], axis=1)[:, GAPS // 2] / 1000.0
        gap_s = np.where(table["pouring"][rows], gap_s, 0.0)
        sight.value[:, _D["sample_gap_s"]] = gap_s
        slow = gap_s >= table["set"][rows, self._sampling]
        changed = rows[slow != table["undersampled"][rows]]
        table["undersampled"][rows] = slow
        self.dirty.update(changed.tolist())

    def equipped(self, row: int) -> tuple[frozenset[str], frozenset[str]]:
        device = self.devices[row]
        config = device.config or DeviceConfig(version=0)
        have = {
            "bay": config.bay is not None, "neighbours": bool(config.neighbours), "span_m": config.span_m is not None,
            "design_force_kn": config.design_force_kn is not None,
            "pours": config.bay is not None and config.bay in self.permitted(device.key[0]),
        }  # fmt: skip
        return frozenset(name for name, there in have.items() if there), frozenset()

    def weakness(self, row: int) -> str | None:
        if self.table["undersampled"][row]:
            return "undersampled"
        return "lonely" if self.table["lonely"][row] else None

    def detail(self, row: int, rule: str) -> Words | None:
        if rule == "sensor":
            found = flagged(ESSENTIAL, int(self.table["faulty"][row]), self.kind)
        else:
            found = Props.detail(self.table, row, rule) or Drift.detail(self.table, row, rule)
        return Words(zh=found[0], en=found[1]) if found is not None else None

    def _bucket(self, wave: Samples, settle: Array) -> None:
        """Settlement into buckets; when a new one begins, the trend of the closed ones."""
        table, rows = self.table, wave.rows
        width = (self.figure(rows, "trend_bucket_s") * 1000.0).astype(np.int64)
        number = wave.line // width
        fresh = number > table["trend_now"][rows]
        if fresh.any():
            table["trend_now"][rows] = np.where(fresh, number, table["trend_now"][rows])
            for k in np.flatnonzero(fresh):
                self._trend(int(rows[k]), int(number[k]), float(width[k]) / 1000, self._idle(wave, int(k)))
        slot = number % POINTS
        known = ~np.isnan(settle)
        old = table["trend_id"][rows, slot] != number
        table["trend_id"][rows, slot] = number
        total = np.where(old, 0.0, table["trend_sum"][rows, slot])
        table["trend_sum"][rows, slot] = total + np.where(known, settle, 0.0)
        table["trend_n"][rows, slot] = np.where(old, 0, table["trend_n"][rows, slot]) + known
        table["trend_bad"][rows, slot] = np.where(old, 0, table["trend_bad"][rows, slot]) + ~known

    def _idle(self, wave: Samples, k: int) -> bool:
        """Whether the device says that nothing is poured, and its force agrees."""
        return wave.flag("pouring", k) == 0 and not self.table["pouring"][wave.rows[k]]

    def _trend(self, row: int, current: int, width_s: float, idle: bool) -> None:
        table = self.table
        table["trend"][row] = np.nan
        found = self._judge(row, current, width_s)
        if isinstance(found, trends.Refused):
            self.refusals[row] = found
            # Noise, and up and down, are answers: nothing rises. The others are none: they neither set nor clear.
            flat = found in (trends.Refused.NOISE, trends.Refused.NOT_MONOTONE)
            table["score"][row] = 0.0 if flat else np.nan
            return
        self.refusals.pop(row, None)
        table["trend"][row] = (found.slope, found.low, found.high, found.level, found.rise)
        limit = float(table["set"][row, self._settlement])
        least = float(self.figure(np.array([row]), "trend_rise_pct")[0]) / 100 * limit
        if found.low <= 0 or found.rise < least or idle or not np.isfinite(limit):
            table["score"][row] = 0.0
            return
        table["score"][row] = np.float32(3600.0 / max(1.0, found.middle_s(limit)))

    def _judge(self, row: int, current: int, width_s: float) -> trends.Trend | trends.Refused:
        """
        The trend of the closed buckets: over the whole window or over its latest points, whichever ends sooner.

        A settlement that speeds up is hidden in a long window, and a slow one is lost in a short one.
        """
        table = self.table
        ids = table["trend_id"][row]
        window = (ids >= current - POINTS) & (ids < current)
        seen, bad = int(table["trend_n"][row, window].sum()), int(table["trend_bad"][row, window].sum())
        if bad > POOR * (seen + bad):
            return trends.Refused.POOR
        if table["clock_bad"][row]:
            return trends.Refused.CLOCK
        places = np.flatnonzero(window & (table["trend_n"][row] > 0))
        places = places[np.argsort(ids[places])]
        t = (ids[places] - current + 0.5) * width_s
        y = table["trend_sum"][row, places] / np.maximum(table["trend_n"][row, places], 1)
        least = int(self.figure(np.array([row]), "trend_points")[0])
        z = float(self.figure(np.array([row]), "trend_z")[0])
        whole, lately = (trends.trend(t[-n:], y[-n:], least=least, z=z) for n in (POINTS, RECENT))
        return trends.sooner(whole, lately, float(table["set"][row, self._settlement]))


def _resultant(x: Array, y: Array) -> Array:
    """Length of two components, float64 (n,); of one when the other is unknown, which is a lower bound."""
    known_x, known_y = ~np.isnan(x), ~np.isnan(y)
    length = np.hypot(np.where(known_x, x, 0.0).astype(np.float64), np.where(known_y, y, 0.0).astype(np.float64))
    return np.where(known_x | known_y, length, np.nan)
