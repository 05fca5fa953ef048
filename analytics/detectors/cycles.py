"""
Work cycles: from when a load hangs until the hook is free again.

What a lift is, is one notion: load above `lift_on_pct`, until it is below `lift_off_pct` (`Cranes._lifts`). Here it
becomes a record.

Rule 1: a load that hangs again within `lift_again_s` (or two intervals) was never unhooked: one cycle. Nobody takes a
load off and another one up so soon.
Rule 2: less than `lift_least_s`, or nothing but a pull in place, is no cycle. What was not seen whole is kept, flagged.
Rule 3: a gap of more than `lift_gap_s`, or a new boot, ends a cycle as `unfinished`; a load that hangs behind it begins
one with `unseen_start`. That counts one lift twice rather than not at all, until the review has read what was late.
Rule 4: a place that was not seen is null. Of the last sample without the load and the first with it, the pick point is
the one with the lower hook; so it is with the set-down: between slow samples a hook has risen by tens of metres.
"""

from typing import Any, ClassVar, Final

import numpy as np

from analytics.channels import COLUMN
from analytics.detectors.base import Detector, Look
from analytics.detectors.motion import SLOTS
from analytics.hung import SLOW_MS, THIN, Ended, Phase, ended, flag, text
from analytics.limits import COLUMNS
from analytics.table import NEVER, Array, Field, Table, field
from telemetry.cycles import Flag
from telemetry.wire.payloads import DeviceConfig

_D: Final = COLUMN["crane"]
_UNKNOWN: Final = (Flag.NO_HOOK, Flag.NO_RADIUS, Flag.NO_SLEW)


class Cycles(Detector):
    """The lift that each crane is in."""

    gives = ()
    fields: ClassVar[dict[str, Field]] = {
        "cy_phase": field(np.int8),
        "cy_boot": field("S32"),
        "cy_boot_no": field(np.int32, -1),
        "cy_first": field(np.int64, 0, 4),  # ts, line, seq, i of the first sample with the load
        "cy_last": field(np.int64, 0, 4),  # of the last one
        "cy_free": field(np.int64, 0, 4),  # of the first one without it
        "cy_seen": field(np.int64, NEVER),  # line time of the last sample of any sort
        "cy_pick": field(np.float64, np.nan, 4),  # hook, radius, turn, slew
        "cy_hung": field(np.float64, np.nan, 4),
        "cy_down": field(np.float64, np.nan, 4),
        "cy_low": field(np.float64, np.nan, 3),  # hook, radius, turn
        "cy_high": field(np.float64, np.nan, 3),
        "cy_peak": field(np.float64, np.nan, 4),  # load, load %, moment %, gust
        "cy_thin": field(np.float32, np.nan, THIN),  # the load, thinned: see `hung`
        "cy_n": field(np.int32),
        "cy_stride": field(np.int32, 1),
        "cy_aired": field(np.bool_),
        "cy_samples": field(np.int32),
        "cy_flags": field(np.int32),
        "cy_falls": field(np.float64, np.nan),
        "cy_on": field(np.bool_, False, len(COLUMNS["crane"])),
        "cy_limits": field(np.int64),
        "cy_operator": field("S32"),
        "cy_capacity": field(np.float64, np.nan),
    }
    figures: ClassVar[tuple[str, ...]] = ("lift_least_s", "lift_least_m", "lift_again_s", "lift_gap_s")

    def __init__(self) -> None:
        self.ended: list[Ended] = []  # of this wave

    def configured(self, table: Table, row: int, config: DeviceConfig) -> None:
        stated = config.design.capacity_t if config.design is not None else None
        chart = max((load for chart in config.charts for _, load in chart.points), default=np.nan)
        table["cy_capacity"][row] = chart if stated is None else stated

    def derive(self, look: Look) -> None:
        self.ended = []
        busy = np.flatnonzero((look.table["cy_phase"][look.rows] > 0) | look.lifting)
        if len(busy):
            self._follow(look, busy)

    def _follow(self, look: Look, at: Array) -> None:
        """Go on with the cranes that have, or had, a load; `at` are their places in the wave."""
        table, rows = look.table, look.rows[at]
        line, interval, lifting = look.line[at], look.interval[at], look.lifting[at]
        places = look.wave.places[at]
        now = np.stack([look.wave.ts[at], line, look.wave.cols.seq[places], look.wave.cols.i[places]], axis=1)
        where = np.stack([look.hook[at], look.radius[at], look.motion.turn[at], look.slew[at]], axis=1)
        phase = table["cy_phase"][rows]
        phase = self._close(look, at, phase, line, interval)
        begins = lifting & (phase == Phase.NONE)
        if begins.any():
            self._open(look, at[begins], now[begins], where[begins])
        hung = phase == Phase.HUNG
        if hung.any():
            # What the rules said at the sample before; at the first one they speak of what was before the lift.
            table["cy_on"][rows[hung]] |= table["on"][rows[hung]]
        again = lifting & (phase == Phase.FREE)
        if again.any():
            table["cy_flags"][rows[again]] |= flag(Flag.PUT_DOWN_BETWEEN)
        down = hung & ~lifting
        if down.any():
            self._put_down(look, at[down], now[down], where[down])
        if lifting.any():
            self._hang(look, at[lifting], now[lifting], where[lifting])
        table["cy_seen"][rows] = line
        table["cy_phase"][rows] = np.where(lifting, Phase.HUNG, np.where(down, Phase.FREE, phase))

    def _close(self, look: Look, at: Array, phase: Array, line: Array, interval: Array) -> Array:
        """End what is over; the phases behind that."""
        table, rows = look.table, look.rows[at]
        gap, again = (self._ms(look, name)[at] for name in ("lift_gap_s", "lift_again_s"))
        lost = line - table["cy_seen"][rows] > np.maximum(gap, 3 * interval)
        lost |= table["boot_no"][rows] != table["cy_boot_no"][rows]
        free_ms = line - table["cy_free"][rows, 1]
        torn = (phase == Phase.HUNG) & lost
        over = (phase == Phase.FREE) & (lost | (free_ms >= np.maximum(again, 2 * interval)))
        for k in np.flatnonzero(torn | over):
            row, place = int(rows[k]), int(at[k])
            if torn[k]:
                table["cy_flags"][row] |= flag(Flag.UNFINISHED)
            least = tuple(float(look.figure(name)[place]) for name in ("lift_least_s", "lift_least_m"))
            found = ended(table, row, look.wave.spot(place), Phase(int(phase[k])), int(interval[k]), *least)
            if found is not None:
                self.ended.append(found)
        return np.where(torn | over, Phase.NONE, phase)

    def _open(self, look: Look, at: Array, now: Array, where: Array) -> None:
        table, rows = look.table, look.rows[at]
        # The sample before this one: `Motion` has just put this one into its track.
        before = (table["track_at"][rows] - 2) % SLOTS
        age = look.line[at] - table["track_t"][rows, before]
        past = table["track"][rows, 1:, before].astype(np.float64)  # hook, radius, turn
        past = np.concatenate([past, past[:, 2:] + (where[:, 3:] - where[:, 2:3])], axis=1)
        seen = look.began[at] & (age > 0) & (age <= 3 * look.interval[at])
        pick = np.where((seen & (past[:, 0] < where[:, 0]))[:, None], past, where)
        for name, declared in self.fields.items():
            if name != "cy_capacity":
                table[name][rows] = declared.fill if declared.dtype != "|S32" else b""
        table["cy_boot_no"][rows] = table["boot_no"][rows]
        table["cy_first"][rows] = now
        table["cy_pick"][rows] = pick
        table["cy_low"][rows] = table["cy_high"][rows] = pick[:, :3]
        falls = look.falls[at]
        table["cy_falls"][rows] = falls
        table["cy_flags"][rows] = np.where(seen, 0, flag(Flag.UNSEEN_START)) | np.where(
            np.isnan(falls), flag(Flag.FALLS_UNKNOWN), 0
        )
        words = look.wave.cols.words["operator"]
        for row, place in zip(rows.tolist(), at.tolist(), strict=True):
            table["cy_boot"][row] = (look.wave.spot(place).boot or "").encode()
            table["cy_operator"][row] = (words[int(look.wave.places[place])] or "").encode()

    def _hang(self, look: Look, at: Array, now: Array, where: Array) -> None:
        """A sample with the load on the hook."""
        table, rows, value = look.table, look.rows[at], look.value[at]
        load, interval = look.load[at], look.interval[at]
        table["cy_last"][rows] = now
        table["cy_hung"][rows] = where
        table["cy_samples"][rows] += 1
        for name, least in (("cy_low", np.fmin), ("cy_high", np.fmax)):
            table[name][rows] = least(table[name][rows], where[:, :3])
        peak = np.stack([load, value[:, _D["load_pct"]], value[:, _D["moment_pct"]], look.gust[at]], axis=1)
        table["cy_peak"][rows] = np.fmax(table["cy_peak"][rows], peak)
        bits = look.wave.cols.bits["limits"][look.wave.places[at]]
        table["cy_limits"][rows] |= np.maximum(bits, 0)
        falls, first = look.falls[at], table["cy_falls"][rows]
        seen = table["cy_seen"][rows]
        found = (
            (np.isnan(load), Flag.LOAD_INVALID),
            ((falls != first) & ~np.isnan(falls) & ~np.isnan(first), Flag.FALLS_CHANGED),
            ((seen != NEVER) & (now[:, 1] - seen > 3 * interval), Flag.GAP),
            (table["clock_bad"][rows], Flag.CLOCK),
            *((np.isnan(where[:, k]), name) for k, name in enumerate(_UNKNOWN)),
        )
        table["cy_flags"][rows] |= sum(np.where(is_so, flag(name), 0) for is_so, name in found)
        table["cy_falls"][rows] = np.where(np.isnan(first), falls, first)
        self._weigh(table, rows, load, table["air"][rows] & (interval < SLOW_MS))

    def _weigh(self, table: Table, rows: Array, load: Array, air: Array) -> None:
        """Take the load into the thinned record: what hung before it was in the air, only until it is."""
        fresh = air & ~table["cy_aired"][rows]
        if fresh.any():
            table["cy_aired"][rows[fresh]] = True
            table["cy_n"][rows[fresh]], table["cy_stride"][rows[fresh]] = 0, 1
        known = ~np.isnan(load)
        rows, load = rows[known], load[known]
        n, stride = table["cy_n"][rows], table["cy_stride"][rows]
        due = n % stride == 0
        full = due & (n // stride == THIN)
        if full.any():
            # Every second one goes, and from here on half as many come.
            table["cy_thin"][rows[full], : THIN // 2] = table["cy_thin"][rows[full], ::2]
            table["cy_stride"][rows[full]] *= 2
            stride = table["cy_stride"][rows]
        table["cy_thin"][rows[due], n[due] // stride[due]] = load[due]
        table["cy_n"][rows] = n + 1

    def _put_down(self, look: Look, at: Array, now: Array, where: Array) -> None:
        """The first sample without the load."""
        table, rows = look.table, look.rows[at]
        hung = table["cy_hung"][rows]
        table["cy_free"][rows] = now
        table["cy_down"][rows] = np.where((where[:, 0] < hung[:, 0])[:, None], where, hung)
        words: Any = look.wave.cols.words["operator"]
        for row, place in zip(rows.tolist(), at.tolist(), strict=True):
            said, known = (words[int(look.wave.places[place])] or "").encode(), table["cy_operator"][row]
            if said and text(known) and said != known:
                table["cy_flags"][row] |= flag(Flag.OPERATOR_CHANGED)
            elif said:
                table["cy_operator"][row] = said

    def _ms(self, look: Look, name: str) -> Array:
        """A figure given in seconds, in ms, int64 (n,)."""
        return (look.figure(name) * 1000.0).astype(np.int64)
