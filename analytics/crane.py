"""Tower cranes: rated load and percentages, gusts, low-passed tilt, lifts, sensor faults; the rest is detectors'."""

from functools import partial
from typing import Final

import numpy as np

from analytics import charts, geometry, trends, windows
from analytics.channels import COLUMN, DERIVED
from analytics.detectors import DETECTORS
from analytics.detectors.base import SLOW_MS, Look
from analytics.detectors.cycles import Cycles
from analytics.detectors.motion import Motion
from analytics.detectors.proof import Proof
from analytics.fleet import Fleet
from analytics.limits import COLUMNS
from analytics.rulebook.entry import flagged
from analytics.samples import Notice, Samples, Spot
from analytics.table import NEVER, Array, Field
from analytics.table import field as array
from telemetry.wire.cycle import Cycle
from telemetry.wire.payloads import DeviceConfig, SiteRules, Words

_D: Final = COLUMN["crane"]
ESSENTIAL: Final = ("load_t", "radius_m", "wind_mps", "tilt_x_deg", "tilt_y_deg")
LOADING: Final = ("load_t", "radius_m")
TREND_BUCKETS: Final = 30  # of 10 s
HELD: Final = ("radius_m", "falls", "rated_load_t")  # sent on change by some boxes: held for three intervals


class Cranes(Fleet):
    """The fleet of tower cranes."""

    kind = "crane"
    tracked = (
        "load_t", "radius_m", "wind_mps", "tilt_x_deg", "tilt_y_deg", "rated_load_t", "hook_m", "slew_deg", "falls",
    )  # fmt: skip
    states = ("power_ok", "bypass", "mode", "operator", "limits", "relays")
    figure_names = (
        "silence_timeout_s", "lift_on_pct", "lift_off_pct", "lift_on_t", "tilt_tau_s", "gust_s",
        "episode_window_s", "episode_strong_mps", "wind_trend_points", "wind_trend_z", "wind_trend_s",
        "neighbours_low_share", "neighbours_wind_mps", "neighbours_min",
        *(name for detector in DETECTORS for name in detector.figures),
    )  # fmt: skip

    def __init__(self) -> None:
        super().__init__()
        self.motion = Motion()
        self._placed: dict[str, dict[int, None]] = {}  # the rows with a place, by site
        self.detectors = [detector() for detector in DETECTORS]
        self._cycles = next(detector for detector in self.detectors if isinstance(detector, Cycles))
        self._proof = next(detector for detector in self.detectors if isinstance(detector, Proof))
        self._fast = [detector for detector in self.detectors if not detector.slow]
        self._slow = [detector for detector in self.detectors if detector.slow]
        self._slow_columns = np.array([_D[name] for detector in self._slow for name in detector.gives])
        names = COLUMNS["crane"]
        self._flat = np.array([rule == "load" for rule, _ in names])
        self._beyond = np.array([rule == "moment" for rule, _ in names])
        self._episode = names.index(("wind", "alarm"))

    @staticmethod
    def fields() -> dict[str, Field]:
        fields = {name: declared for detector in DETECTORS for name, declared in detector.fields.items()}
        return {
            **windows.FIELDS,
            **Motion.fields,
            **fields,
            "held_value": array(np.float32, np.nan, len(HELD)),
            "held_at": array(np.int64, NEVER, len(HELD)),
            "chart": array(np.int32, charts.NONE, charts.MAX_FALLS + 1),  # by falls; entry 0 for falls unknown
            "lifting": array(np.bool_),
            "lift": array(np.int32),
            "tilt": array(np.float64, np.nan, 2),
            "tilt_at": array(np.int64, NEVER, 2),
            "slow_at": array(np.int64, NEVER),  # the second for which the slow detectors have looked
            "faulty": array(np.int16),  # which essential channels are known bad, a bit each
            "gust_hit": array(np.int64, NEVER),  # line time of the last counted gust at or above the limit
        }

    def check(self, config: DeviceConfig) -> None:
        charts.check(config.charts)

    def configured(self, row: int, config: DeviceConfig) -> None:
        own = self.table["chart"][row]
        own[:] = charts.NONE
        for chart in config.charts:
            own[chart.falls] = self.charts.add(chart.points)
        if len(config.charts) == 1:
            own[0] = own[config.charts[0].falls]
        for detector in self.detectors:
            detector.configured(self.table, row, config)
        placed = self._placed.setdefault(self.devices[row].key[0], {})
        placed.pop(row, None)
        if config.position_m is not None and config.jib_m is not None:
            placed[row] = None
        self.dirty.update(placed)  # whose circles may meet another one now

    def sited(self, row: int, site: SiteRules | None) -> None:
        for detector in self.detectors:
            detector.sited(self.table, row, self.devices[row].config, site)

    def equipped(self, row: int) -> tuple[frozenset[str], frozenset[str]]:
        device, table = self.devices[row], self.table
        config, site = device.config or DeviceConfig(version=0), device.site or SiteRules()
        have = {
            "charts": bool(config.charts), "hoists": bool(config.hoists),
            "balance_radius_m": config.balance_radius_m is not None, "position_m": config.position_m is not None,
            "slew_zero_deg": config.slew_zero_deg is not None, "zones": bool(site.zones), "hours": bool(site.hours),
            "weathervane": config.weathervane == "free", "params": config.params is not None,
            "design": config.design is not None,
        }  # fmt: skip
        if "rated_load_t" in self.tracked and table["good_at"][row, self.tracked.index("rated_load_t")] != NEVER:
            have["charts"] = True  # the device's own rated load will do
        learned = {
            "envelope": not np.isnan(table["lean_first"][row, 0]),
            "slope": not np.isnan(table["lean_slope"][row]),
        }
        return frozenset(k for k, v in have.items() if v), frozenset(k for k, v in learned.items() if v)

    def overlaps(self, row: int) -> tuple[str, ...]:
        placed = self._placed.get(self.devices[row].key[0], {})
        return geometry.overlapping(self.devices[row], (self.devices[other] for other in placed))

    def lift(self, row: int) -> int | None:
        return int(self.table["lift"][row])

    def lifting(self, row: int) -> bool:
        return bool(self.table["lifting"][row])

    def cycles(self) -> list[tuple[Spot, Cycle]]:
        found: list[tuple[Spot, Cycle]] = []
        for one in self._cycles.ended:
            device = self.devices[one.spot.row]
            found.append((one.spot, one.of(device.key, device.config.version if device.config else None)))
        return found

    def notices(self) -> list[Notice]:
        return self._proof.noticed

    def eta(self, row: int, rule: str) -> tuple[float, float] | None:
        """Time until the gusts reach the limit, by their trend over the last five minutes: time to land."""
        if rule != "wind":
            return None
        one = np.array([row])
        t, gusts = windows.gust_history(self.table, row, int(self.table["line"][row]), TREND_BUCKETS)
        least, z = int(self.figure(one, "wind_trend_points")[0]), float(self.figure(one, "wind_trend_z")[0])
        found = trends.trend(t, gusts, least=least, z=z)
        limit = float(self.table["set"][row, self._episode])
        if isinstance(found, trends.Refused) or found.level >= limit:
            return None
        eta = found.eta_s(limit)
        return eta if eta is not None and eta[0] <= self.figure(one, "wind_trend_s")[0] else None

    def detail(self, row: int, rule: str) -> Words | None:
        if rule == "sensor":
            found = flagged(ESSENTIAL, int(self.table["faulty"][row]))
        else:
            site = self.devices[row].site
            details = (detector.detail(self.table, row, rule, site) for detector in self.detectors)
            found = next((detail for detail in details if detail is not None), None)
        return Words(zh=found[0], en=found[1]) if found is not None else None

    def derive(self, wave: Samples) -> tuple[Array, Array | None]:
        table, rows = self.table, wave.rows
        value = np.full((len(rows), len(DERIVED["crane"])), np.nan, np.float32)
        load = wave.channel("load_t").astype(np.float64)
        radius, falls, rated = self._held(wave)
        number = self._chart(rows, falls)
        q, qmax = self.charts.rated(number, radius)
        by_chart = number >= 0
        with np.errstate(divide="ignore", invalid="ignore"):
            reference = np.where(by_chart, q, np.where(rated > 0, rated, np.nan))
            moment = load / reference * 100.0
            percent = load / qmax * 100.0
            difference = np.where(by_chart, np.abs(rated - q) / q * 100.0, np.nan)
        value[:, _D["load_pct"]] = percent
        value[:, _D["moment_pct"]] = moment
        value[:, _D["rated_diff_pct"]] = difference
        began = self._lifts(rows, load, np.where(np.isnan(qmax), reference, qmax))
        wind = windows.believed(table, rows, wave.line, wave.interval, wave.channel("wind_mps"))
        gust = windows.gust(table, rows, wave.line, wind, self._ms(rows, "gust_s"))
        value[:, _D["gust_mps"]] = gust
        value[:, _D["wind_mps"]] = wind
        value[:, _D["tilt_deg"]] = self._tilt(wave)
        fault = wave.bad(ESSENTIAL).astype(np.float32)
        if fault.any():
            which = sum(wave.bad((name,)).astype(np.int16) << k for k, name in enumerate(ESSENTIAL))
            table["faulty"][rows] = np.where(fault > 0, which, table["faulty"][rows])
            fault += wave.bad(LOADING) & table["lifting"][rows]
        value[:, _D["sensor_fault"]] = fault
        # In the flat part of the chart load and moment are one percentage: one of them speaks, not both. What is
        # active clears by its own value wherever the trolley goes.
        flat = ~(q < qmax) & by_chart
        may = np.ones((len(rows), len(COLUMNS["crane"])), np.bool_)
        may[:, self._flat] = flat[:, None]
        may[:, self._beyond] = ~flat[:, None]
        may[:, self._episode] = self._episodes(rows, wave.line, gust)
        # Unknown is NaN, and a comparison with it is no: that is meant, everywhere below.
        with np.errstate(divide="ignore", invalid="ignore"):
            self._detect(wave, value, load, radius, falls, gust, wind, reference, qmax, began)
        return value, may

    def _detect(
        self, wave: Samples, value: Array, load: Array, radius: Array, falls: Array, gust: Array, wind: Array,
        reference: Array, qmax: Array, began: Array,
    ) -> None:  # fmt: skip
        table, rows = self.table, wave.rows
        hook, slew = (wave.channel(name).astype(np.float64) for name in ("hook_m", "slew_deg"))
        look = Look(
            wave=wave, table=table, rows=rows, line=wave.line, interval=wave.interval, load=load, radius=radius,
            hook=hook, slew=slew, falls=falls, wind=wind, gust=gust, reference=reference, capacity=qmax,
            lifting=table["lifting"][rows], began=began, windy=table["on"][rows, self._episode],
            mode=table["mode"][rows], value=value,
            figure=partial(self.figure, rows),
            motion=self.motion.follow(table, rows, wave.line, wave.interval, (load, hook, radius, slew)),
        )  # fmt: skip
        for detector in self._fast:
            detector.derive(look)
        second = wave.line // SLOW_MS
        due = np.flatnonzero(second != table["slow_at"][rows])
        if len(due) < len(rows):
            value[:, self._slow_columns] = table["value"][np.ix_(rows, self._slow_columns)]
        if len(due):
            table["slow_at"][rows[due]] = second[due]
            whole = len(due) == len(rows) and bool((look.interval >= SLOW_MS).all())
            part = look if whole else look.only(due)
            for detector in self._slow:
                detector.derive(part)
            if not whole:
                value[np.ix_(due, self._slow_columns)] = part.value[:, self._slow_columns]

    def _ms(self, rows: Array, name: str) -> Array:
        """A figure given in seconds, in ms, int64 (n,)."""
        return (self.figure(rows, name) * 1000.0).astype(np.int64)

    def _held(self, wave: Samples) -> tuple[Array, Array, Array]:
        """Radius, falls and the device's rated load, held while absent for up to three intervals, float64 (n,)."""
        table, rows = self.table, wave.rows
        now = wave.good[:, [wave.cols.kind.column[name] for name in HELD]]
        known = ~np.isnan(now)
        if known.all():
            table["held_value"][rows] = now
            table["held_at"][rows] = wave.line[:, None]
            value = now
        else:
            bad = np.stack([wave.bad((name,)) for name in HELD], axis=1)
            fresh = wave.line[:, None] - table["held_at"][rows] <= 3 * wave.interval[:, None]
            value = np.where(known, now, np.where(fresh & ~bad, table["held_value"][rows], np.float32(np.nan)))
            table["held_at"][rows] = np.where(known, wave.line[:, None], np.where(bad, NEVER, table["held_at"][rows]))
            table["held_value"][rows] = np.where(known, now, table["held_value"][rows])
        wide = value.astype(np.float64)
        return wide[:, 0], wide[:, 1], wide[:, 2]

    def _chart(self, rows: Array, falls: Array) -> Array:
        number: Array = self.table["chart"][rows, charts.entry(falls)]
        return number

    def _lifts(self, rows: Array, load: Array, reference: Array) -> Array:
        """Lifts begin and end; which of these samples begins one, bool (n,)."""
        on_share, off_share = self.figure(rows, "lift_on_pct") / 100, self.figure(rows, "lift_off_pct") / 100
        fixed = self.figure(rows, "lift_on_t")
        unknown = np.isnan(reference)
        lifting = self.table["lifting"][rows]
        begins = ~lifting & (load > np.where(unknown, fixed, on_share * reference))
        ends = lifting & (load < np.where(unknown, fixed * off_share / on_share, off_share * reference))
        if begins.any() or ends.any():
            self.table["lifting"][rows] = (lifting | begins) & ~ends
            self.table["lift"][rows] += begins
        return np.asarray(begins)

    def _tilt(self, wave: Samples) -> Array:
        """Resultant of the low-passed axes, in degrees, float32 (n,); of one axis when the other is unknown."""
        table, rows = self.table, wave.rows
        tau = 1000 * self.figure(rows, "tilt_tau_s")[:, None]
        axes = np.stack([wave.channel("tilt_x_deg"), wave.channel("tilt_y_deg")], axis=1).astype(np.float64)
        known = ~np.isnan(axes)
        before, at = table["tilt"][rows], table["tilt_at"][rows]
        dt = np.where(at == NEVER, 0, wave.line[:, None] - at).astype(np.float64)
        share = 1.0 - np.exp(-dt / tau)
        smooth = np.where(np.isnan(before), axes, before + share * (axes - before))
        table["tilt"][rows] = np.where(known, smooth, before)
        table["tilt_at"][rows] = np.where(known, wave.line[:, None], at)
        zero = table["lean_zero"][rows]
        x, y = smooth[:, 0] - zero.real, smooth[:, 1] - zero.imag
        result = np.hypot(np.where(known[:, 0], x, 0.0), np.where(known[:, 1], y, 0.0))
        tilt: Array = np.where(known.any(axis=1), result, np.nan).astype(np.float32)
        return tilt

    def _episodes(self, rows: Array, now: Array, gust: Array) -> Array:
        """
        Whether a wind episode may open: the second gust at the limit within the window, or one far beyond it.

        Two gusts are two when their windows do not overlap.
        """
        table = self.table
        limit = table["set"][rows, self._episode]
        hit: Array = gust >= limit
        if not hit.any():
            return hit
        strong = gust >= limit + self.figure(rows, "episode_strong_mps").astype(np.float32)
        since = now - table["gust_hit"][rows]
        apart = since >= self._ms(rows, "gust_s")
        second = hit & apart & (since <= self._ms(rows, "episode_window_s"))
        table["gust_hit"][rows] = np.where(hit & apart, now, table["gust_hit"][rows])
        opens: Array = second | strong
        return opens
