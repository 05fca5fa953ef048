"""
What can happen to a load on the hook: caught, lost, running away, left hanging, without power, hoisted past a cut.

A load is *in the air* from when the hook has moved since it was taken up: before that a rising load is a pick-up, and
a load that does not come is an overload, which is another rule's. Source of the numbers: product review 2.2.

Rule 1: an overload at a pick-up is never a snag, and a load that is set down is never a lost one. What cannot be told
apart is said in docs/rules.md: a load lost while it is lowered at creep speed looks like one that lands.
"""

from typing import ClassVar, Final

import numpy as np

from analytics.channels import COLUMN
from analytics.charts import MAX_FALLS, entry
from analytics.detectors.base import Detector, Look
from analytics.rulebook.entry import FIVE_HZ
from analytics.table import NEVER, Array, Field, Table, field
from telemetry.kinds import RELAY_BITS
from telemetry.wire.payloads import DeviceConfig

_D: Final = COLUMN["crane"]
_HOIST_CUT: Final = 1 << RELAY_BITS.index("hoist_cut")
_TROLLEY_CUT: Final = 1 << RELAY_BITS.index("trolley_out_cut")
_MOVED: Final = (0.5, 1.0, 2.0)  # m of hook, m of radius, degrees: the load has left where it was taken up
_RECENT_MS: Final = 1_000
TRIAL_M: Final = 1.5  # above where it was taken up


class Hook(Detector):
    """The load on the hook."""

    gives = ("snag_pct", "load_drop_pct", "hook_speed_pct", "hanging_min", "power_lost", "past_cut_m", "untried")
    fields: ClassVar[dict[str, Field]] = {
        "pick": field(np.float64, np.nan, 3),  # hook, radius, turn when the load was taken up
        "air": field(np.bool_),
        "air_since": field(np.int64, NEVER),
        "air_at": field(np.int64, NEVER),  # when it was last in the air
        "borne": field(np.float64, np.nan),  # the most that hung for the whole of a window since it is in the air
        "trial_due": field(np.bool_),
        "paused_from": field(np.int64, NEVER),
        "cut_from": field(np.float64, np.nan, 2),  # hook and radius when the relay cut hoisting and trolleying out
        "hoist_mps": field(np.float64, np.nan, MAX_FALLS + 1),
    }
    figures: ClassVar[tuple[str, ...]] = ("snag_s", "snag_still_m", "loss_s", "loss_height_m", "landing_mps", "trial_s")

    def configured(self, table: Table, row: int, config: DeviceConfig) -> None:
        table["hoist_mps"][row] = np.nan
        for hoist in config.hoists:
            table["hoist_mps"][row, hoist.falls] = hoist.mps

    def derive(self, look: Look) -> None:
        value, table, rows = look.value, look.table, look.rows
        unknown = np.isnan(look.load)
        blind = np.isnan(look.hook) | unknown
        lifting = look.lifting.any()
        if lifting or table["air"][rows].any():
            self._air(look)
        # With no load in the air lately there is nothing to catch or to lose.
        recent = (look.line - table["air_at"][rows] <= _RECENT_MS).any()
        slow = (look.interval > FIVE_HZ) | blind
        value[:, _D["snag_pct"]] = np.where(slow, np.nan, self._snag(look) if recent else 0.0)
        value[:, _D["load_drop_pct"]] = np.where(slow, np.nan, self._drop(look) if recent else 0.0)
        value[:, _D["hook_speed_pct"]] = self._runaway(look)
        hanging = np.where(look.lifting, look.motion.still_ms / 60_000.0, 0.0) if lifting else 0.0
        value[:, _D["hanging_min"]] = np.where(unknown, np.nan, hanging)
        power = look.wave.cols.flags["power_ok"][look.wave.places]
        value[:, _D["power_lost"]] = np.where(power < 0, np.nan, (power == 0) & look.lifting)
        relays = look.wave.cols.bits["relays"][look.wave.places]
        if (relays >= 0).any():
            value[:, _D["past_cut_m"]] = self._past_cut(look, relays)
        due = table["trial_due"][rows] | look.windy
        value[:, _D["untried"]] = np.where(blind, np.nan, self._untried(look, due) if due.any() else 0.0)

    def _air(self, look: Look) -> None:
        table, rows = look.table, look.rows
        where = np.stack([look.hook, look.radius, look.motion.turn], axis=1)
        pick = table["pick"][rows]
        taken = (look.began[:, None] | np.isnan(pick)) & look.lifting[:, None]
        pick = np.where(taken, where, pick)
        table["pick"][rows] = pick
        moved = (np.abs(where - pick) >= _MOVED).any(axis=1)
        was = table["air"][rows] & ~look.began
        air = look.lifting & (was | moved)
        table["air"][rows] = air
        table["air_since"][rows] = np.where(air & ~was, look.line, table["air_since"][rows])
        table["air_at"][rows] = np.where(air, look.line, table["air_at"][rows])
        table["borne"][rows] = np.where(air & ~was, np.nan, table["borne"][rows])

    def _snag(self, look: Look) -> Array:
        """By how much the load exceeds what has hung so far, in % of rated, while the hook stands still."""
        table, rows, motion = look.table, look.rows, look.motion
        window = (look.figure("snag_s") * 1000.0).astype(np.int64)[:, None]
        inside = (motion.ages > 0) & (motion.ages <= window)
        enough = inside.sum(axis=1) >= 3
        loads = np.where(inside & ~np.isnan(motion.loads), motion.loads, np.inf).astype(np.float64)
        least = np.minimum(loads.min(axis=1), look.load)
        high = np.where(inside & ~np.isnan(motion.hooks), motion.hooks, -np.inf).max(axis=1)
        low = np.where(inside & ~np.isnan(motion.hooks), motion.hooks, np.inf).min(axis=1)
        travel = np.maximum(high, look.hook) - np.minimum(low, look.hook)
        borne = table["borne"][rows]
        settled = table["air"][rows] & (look.line - table["air_since"][rows] >= _RECENT_MS) & ~np.isnan(borne)
        rise = (look.load - borne) / look.reference * 100.0
        still = travel <= look.figure("snag_still_m") + 1e-6
        value = np.where(settled & still & enough, np.maximum(rise, 0.0), 0.0)
        # What is borne is known only afterwards: a rise is measured against what hung before it began.
        sustained = np.where(table["air"][rows] & enough & np.isfinite(least), least, np.nan)
        table["borne"][rows] = np.fmax(borne, sustained)
        return np.where(settled & np.isnan(look.reference), np.nan, value)

    def _drop(self, look: Look) -> Array:
        """How much of the load went within a moment, in %, high up and not where it was about to land."""
        table, rows, motion = look.table, look.rows, look.motion
        window = (look.figure("loss_s") * 1000.0).astype(np.int64)[:, None]
        inside = (motion.ages > 0) & (motion.ages <= window) & ~np.isnan(motion.loads)
        most = np.where(inside, motion.loads, -np.inf).max(axis=1).astype(np.float64)
        worth = np.fmax(look.reference, look.capacity) * look.figure("lift_on_pct") / 100.0
        hung = (look.line - table["air_at"][rows] <= _RECENT_MS) & (most > worth)
        high = look.hook > look.figure("loss_height_m")
        landing = (motion.hook < -0.02) & (motion.hook > -look.figure("landing_mps"))
        # In shares of what hung before: the last tenth of a load that is set down slowly goes within a moment, too.
        drop = (most - look.load) / np.fmax(most, table["borne"][rows]) * 100.0
        value = np.where(hung & high & ~landing, np.maximum(drop, 0.0), 0.0)
        return np.where(table["air"][rows] & np.isnan(worth), np.nan, value)

    def _runaway(self, look: Look) -> Array:
        """Lowering speed with a load, in % of the rated one of this reeving."""
        rated = look.table["hoist_mps"][look.rows, entry(look.falls)]
        down = np.where(look.lifting, np.maximum(-look.motion.hook, 0.0), 0.0)
        return np.where(np.isnan(look.motion.hook), np.nan, down / rated * 100.0)

    def _past_cut(self, look: Look, relays: Array) -> Array:
        """How far hoisting or trolleying out went on after the box had cut it, in m."""
        table, rows = look.table, look.rows
        cut = np.stack([(relays & _HOIST_CUT) != 0, (relays & _TROLLEY_CUT) != 0], axis=1) & (relays >= 0)[:, None]
        where = np.stack([look.hook, look.radius], axis=1)
        before = table["cut_from"][rows]
        start = np.where(cut, np.where(np.isnan(before), where, np.fmin(before, where)), np.nan)
        # A frame without relays says nothing of them: what was cut stays cut.
        table["cut_from"][rows] = np.where((relays < 0)[:, None], before, start)
        beyond = np.fmax(np.where(cut, where - start, 0.0), 0.0)
        return np.where(relays < 0, np.nan, np.fmax(beyond[:, 0], beyond[:, 1]))

    def _untried(self, look: Look, due: Array) -> Array:
        """
        Whether a load is hoisted in earnest after wind beyond the limit, and no trial lift was seen.

        A trial lift is a load that is held close above where it was taken up for `trial_s`.
        """
        table, rows = look.table, look.rows
        height = look.hook - table["pick"][rows][:, 0]
        paused = due & look.lifting & (height > 0.1) & (height < TRIAL_M) & (np.abs(look.motion.hook) < 0.05)
        earnest = look.lifting & (height > 2 * TRIAL_M)
        since = np.where(paused, np.fmax(table["paused_from"][rows], 0), NEVER)
        since = np.where(paused & (since <= 0), look.line, since)
        table["paused_from"][rows] = np.where(due, since, table["paused_from"][rows])
        tried = paused & (look.line - since >= look.figure("trial_s") * 1000.0) & ~look.windy
        table["trial_due"][rows] = due & ~tried
        return np.asarray(due & ~tried & ~look.windy & earnest)
