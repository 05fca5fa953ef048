"""
What the crew does, against the crane's mode, its site's hours and its own box: for the desk, never for the cab.

Rule 1: a crane works when a load hangs or something moves faster than a resting jib swings.
Rule 2: what a box never sends (an operator, a bypass flag) is not monitored, and nobody is accused of its absence.
"""

from datetime import UTC, datetime
from functools import lru_cache
from typing import ClassVar, Final
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import numpy as np

from analytics.channels import COLUMN
from analytics.detectors.base import Detector, Look
from analytics.table import NEVER, Array, Field, Table, field
from telemetry.model import Mode
from telemetry.wire.payloads import DeviceConfig, SiteRules

_D: Final = COLUMN["crane"]
_IDLE: Final = np.array([mode in (Mode.PARKED, Mode.STORM, Mode.STOPPED) for mode in Mode])
_CLIMBING: Final = list(Mode).index(Mode.CLIMBING)
_BUILDING: Final = np.array([mode in (Mode.CLIMBING, Mode.ERECTING, Mode.DISMANTLING) for mode in Mode])
MOVES: Final = (0.1, 0.1, 0.3)  # m/s, m/s, degrees/s
SESSION_MS: Final = 900_000  # 15 min with an empty hook and nothing moving end a session (product review 2.1 no. 9)
HOURS: Final = 4
DAY_MIN: Final = 1440
HOUR_MS: Final = 3_600_000
SETTLED_MS: Final = 60_000


class Conduct(Detector):
    """Modes, people and hours."""

    gives = (
        "mode_contradicted",
        "anonymous_min",
        "outside_hours",
        "bypass",
        "climb_motion",
        "unbalance_m",
        "zero_step_m",
    )
    slow = True
    fields: ClassVar[dict[str, Field]] = {
        "operator_ever": field(np.bool_),
        "anonymous_ms": field(np.int64),
        "hours": field(np.int32, -1, HOURS, 2),  # minutes of the local day; -1 is no span
        "zone_name": field(np.int32, -1),
        "balance": field(np.float64, np.nan),
        "zero_last": field(np.float64, np.nan),  # hook height and line time of the sample before
        "zero_line": field(np.int64, NEVER),
        "zero_step": field(np.float64, 0),
        "zero_at": field(np.int64, NEVER),
    }
    figures: ClassVar[tuple[str, ...]] = ("hoist_most_mps",)

    def __init__(self) -> None:
        self._zones: list[str] = []

    def configured(self, table: Table, row: int, config: DeviceConfig) -> None:
        table["balance"][row] = np.nan if config.balance_radius_m is None else config.balance_radius_m

    def sited(self, table: Table, row: int, config: DeviceConfig | None, site: SiteRules | None) -> None:
        table["hours"][row] = -1
        for k, (begin, end) in enumerate(site.hours if site is not None else ()):
            table["hours"][row, k] = (_minutes(begin), _minutes(end))
        name = site.timezone if site is not None else "UTC"
        if name not in self._zones:
            self._zones.append(name)
        table["zone_name"][row] = self._zones.index(name)

    def derive(self, look: Look) -> None:
        motion = look.motion
        speeds = np.stack([motion.hook, motion.trolley, motion.slew], axis=1)
        moving = np.abs(speeds) > MOVES
        moves = moving.any(axis=1)
        known = ~np.isnan(speeds).all(axis=1)
        works = look.lifting | moves
        value = look.value
        value[:, _D["mode_contradicted"]] = look.lifting & _IDLE[look.mode]
        value[:, _D["anonymous_min"]] = self._anonymous(look, works)
        value[:, _D["outside_hours"]] = self._outside(look)
        bypass = look.wave.cols.flags["bypass"][look.wave.places]
        value[:, _D["bypass"]] = np.where(bypass < 0, np.nan, bypass > 0)
        climbing = look.mode == _CLIMBING
        value[:, _D["climb_motion"]] = np.where(known | ~climbing, climbing & moves, np.nan)
        off = np.abs(look.radius - look.table["balance"][look.rows])
        value[:, _D["unbalance_m"]] = np.where(climbing, off, 0.0)
        value[:, _D["zero_step_m"]] = self._zero(look)

    def _anonymous(self, look: Look, works: Array) -> Array:
        """How many minutes of work the crane has done for nobody in particular, in this session."""
        table, rows = look.table, look.rows
        words = look.wave.cols.words["operator"]
        ever = table["operator_ever"][rows]
        told = np.zeros(len(rows), np.bool_)
        if words.count(None) != len(words):
            told = np.array([words[place] is not None for place in look.wave.places.tolist()])
            table["operator_ever"][rows] = ever = ever | told
        # State channels come with every frame: a box that has named somebody before and names nobody now means it.
        nobody = ever & ~told
        over = ~nobody | (~works & (look.motion.still_ms >= SESSION_MS))
        worked = table["anonymous_ms"][rows] + np.where(works, look.interval, 0)
        worked = np.where(over, 0, np.where(ever, worked, 0))
        table["anonymous_ms"][rows] = worked
        return np.where(ever, worked / 60_000.0, np.nan)

    def _outside(self, look: Look) -> Array:
        """Lifting at a local time of day that none of the site's spans holds; NaN where there are none."""
        table, rows = look.table, look.rows
        value = np.full(len(rows), np.nan)
        asked = np.flatnonzero(table["hours"][rows, 0, 0] >= 0)
        if not len(asked):
            return value
        own, ts = rows[asked], look.wave.ts[asked]
        places, which = np.unique(np.stack([table["zone_name"][own], ts // HOUR_MS]), axis=1, return_inverse=True)
        offsets = np.array([_offset(self._zones[zone], hour) for zone, hour in places.T.tolist()])
        minute = (ts // 60_000 + offsets[which.reshape(-1)]) % DAY_MIN
        begin, end = table["hours"][own, :, 0], table["hours"][own, :, 1]
        at = minute[:, None]
        # A span that ends before it begins goes over midnight.
        within = np.where(begin <= end, (at >= begin) & (at < end), (at >= begin) | (at < end)) & (begin >= 0)
        value[asked] = look.lifting[asked] & ~within.any(axis=1)
        return value

    def _zero(self, look: Look) -> Array:
        """
        By how much the zero of the hook height jumped without anybody saying that the crane was climbed, in m.

        A step that no hoist can make, and that stays: a glitch steps back.
        """
        table, rows = look.table, look.rows
        last, at = table["zero_last"][rows], table["zero_line"][rows]
        known = ~np.isnan(look.hook)
        dt = (look.line - at) / 1000.0
        recent = known & (at != NEVER) & (look.line - at <= 3 * look.interval)
        step = np.where(recent, look.hook - last, 0.0)
        jumped = recent & (np.abs(step) > look.figure("hoist_most_mps") * dt + 1.0) & ~_BUILDING[look.mode]
        before, when = table["zero_step"][rows], table["zero_at"][rows]
        lately = look.line - when < SETTLED_MS
        total = np.where(jumped, step + np.where(lately, before, 0.0), np.where(lately, before, 0.0))
        table["zero_step"][rows] = total
        table["zero_at"][rows] = np.where(jumped, look.line, when)
        table["zero_last"][rows] = np.where(known, look.hook, last)
        table["zero_line"][rows] = np.where(known, look.line, at)
        return np.where(np.isnan(look.hook), np.nan, np.abs(total))


def _minutes(clock: str) -> int:
    hours, minutes = clock.split(":")
    return min(60 * int(hours) + int(minutes), DAY_MIN)


@lru_cache(maxsize=1024)
def _offset(name: str, hour: int) -> int:
    """Minutes east of UTC in an hour of the Unix epoch. An unknown zone counts as UTC; it was refused before."""
    try:
        zone = ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError):
        return 0
    offset = datetime.fromtimestamp(hour * 3600, UTC).astimezone(zone).utcoffset()
    return round(offset.total_seconds() / 60) if offset is not None else 0
