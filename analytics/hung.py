"""
From what was noted while a load hung to the record of a work cycle. Pure.

The load that counts: of the loads in the air every n-th is kept, in order, at most `THIN` of them; n doubles whenever
they are full. The record is cut into four parts; of each the median is taken, and the largest of them counts. So a
swing of the pick-up counts for nothing, and a skip that is emptied in the air counts as full.
"""

from dataclasses import dataclass
from enum import IntEnum
from typing import Any, Final

import numpy as np

from analytics.identity import DeviceKey, cause_key, cycle_id
from analytics.limits import COLUMNS
from analytics.rulebook import LONG
from analytics.samples import Spot
from analytics.table import Array, Table
from telemetry.cycles import Flag
from telemetry.kinds import LIMIT_BITS
from telemetry.limit_profile import STEPS
from telemetry.model import Severity
from telemetry.wire import cycle
from telemetry.wire.cycle import Cycle
from telemetry.wire.payloads import Cause

THIN: Final = 32
PARTS: Final = 4
SLOW_MS: Final = 2_000  # samples so far apart hardly ever meet the swing of a pick-up: each counts
TRAVELLED: Final = (1.0, 2.0)  # m of radius, degrees: a load that went sideways was lifted
_FLAGS: Final = tuple(Flag)


class Phase(IntEnum):
    """Where a crane is in its cycle."""

    NONE = 0
    HUNG = 1
    FREE = 2  # the load is off, and may be lifted again within a moment


@dataclass(frozen=True, slots=True)
class Ended:
    """A cycle that is over, without its device. `spot` is the sample that showed it."""

    spot: Spot
    said: dict[str, Any]

    def of(self, key: DeviceKey, config: int | None) -> Cycle:
        """The record."""
        site, kind, device = key
        name = cycle_id(key, cause_key(self.said["cause"], self.said["start"]))
        return Cycle(id=name, site=site, kind=kind, device=device, config=config, **self.said)


def flag(name: Flag) -> int:
    """Its bit."""
    return 1 << _FLAGS.index(name)


def text(raw: bytes) -> str:
    """A word as it was kept."""
    return bytes(raw).decode(errors="replace")


def steady(thin: Array, n: int, stride: int) -> float | None:
    """The load that counts, in t, of `n` samples of which every `stride`-th was kept."""
    kept = thin[: -(-n // stride)].astype(np.float64)
    if not len(kept):
        return None
    parts = np.array_split(kept, max(1, min(PARTS, len(kept) // PARTS)))
    # Of two the larger: with slow samples one of them is often a load that is being taken up.
    return max(float(np.sort(part)[len(part) // 2]) for part in parts)


def under_way(table: Table, row: int, key: DeviceKey) -> str | None:
    """The id that the cycle of a row will have; None when no load hangs, and none may hang again in a moment."""
    if table["cy_phase"][row] == Phase.NONE:
        return None
    first = table["cy_first"][row]
    return cycle_id(key, cause_key(_cause(text(table["cy_boot"][row]) or None, first), int(first[0])))


def ended(
    table: Table, row: int, spot: Spot, phase: Phase, interval_ms: int, least_s: float, least_m: float
) -> Ended | None:
    """The cycle of a row that is over at `spot`; None when it was none."""
    flags = int(table["cy_flags"][row])
    first, last = table["cy_first"][row], table["cy_last" if phase is Phase.HUNG else "cy_free"][row]
    low, high, pick, down = (table[name][row] for name in ("cy_low", "cy_high", "cy_pick", "cy_down"))
    duration_s = float(last[1] - first[1]) / 1000.0
    lifted, sideways = high[0] - pick[0], high[1:] - low[1:]
    whole = not flags & (flag(Flag.UNSEEN_START) | flag(Flag.UNFINISHED))
    blind = bool(np.isnan(high).all())
    moved = blind or bool(lifted >= least_m) or bool((sideways >= TRAVELLED).any())
    if whole and (duration_s < least_s or not moved):
        return None
    load = steady(table["cy_thin"][row], int(table["cy_n"][row]), int(table["cy_stride"][row]))
    capacity = _known(table["cy_capacity"][row], 3)
    if capacity is None:
        flags |= flag(Flag.UNRATED)
    if int(table["cy_n"][row]) < PARTS:
        flags |= flag(Flag.FEW_SAMPLES)
    boot = text(table["cy_boot"][row]) or None
    peak = table["cy_peak"][row]
    falls, operator = _known(table["cy_falls"][row], 0), text(table["cy_operator"][row])
    limits = int(table["cy_limits"][row])
    return Ended(
        spot,
        {
            "start": int(first[0]), "end": int(last[0]), "cause": _cause(boot, first), "last": _cause(boot, last),
            "decided": (spot.boot, spot.seq), "duration_s": round(duration_s, 3),
            "pick": cycle.Spot() if flags & flag(Flag.UNSEEN_START) else _spot(pick),
            "set_down": cycle.Spot() if flags & flag(Flag.UNFINISHED) else _spot(down),
            "samples": int(table["cy_samples"][row]), "interval_ms": interval_ms,
            "load_t": _known(load, 3),
            "load_pct": round(load / capacity * 100.0, 1) if load is not None and capacity else None,
            "capacity_t": capacity, "max_load_t": _known(peak[0], 3), "max_load_pct": _known(peak[1], 1),
            "max_moment_pct": _known(peak[2], 1), "max_gust_mps": _known(peak[3], 1),
            "hook_m": _span(low[0], high[0]), "radius_m": _span(low[1], high[1]),
            "lifted_m": None if flags & flag(Flag.UNSEEN_START) else _known(lifted, 2),
            "slewed_deg": _known(sideways[1], 1), "falls": int(falls) if falls is not None else None,
            "operator": operator or None,
            "limits": [name for k, name in enumerate(LIMIT_BITS) if limits >> k & 1],
            "alarms": _worst(table["cy_on"][row]), "flags": [str(name) for name in Flag if flags & flag(name)],
        },
    )  # fmt: skip


def _worst(on: Array) -> dict[str, Severity]:
    """By rule the worst step that held; not of rules that remember weeks, which a review cannot judge."""
    found: dict[str, Severity] = {}
    for column in np.flatnonzero(on).tolist():
        rule, step = COLUMNS["crane"][column]
        if rule not in LONG["crane"]:
            found[rule] = max(found.get(rule, Severity.NONE), STEPS[step])
    return dict(sorted(found.items()))


def _cause(boot: str | None, place: Array) -> Cause:
    if boot is None:
        return Cause(i=int(place[3]))
    return Cause(boot=boot, seq=int(place[2]), i=int(place[3]))


def _known(value: float | None, decimals: int) -> float | None:
    return None if value is None or np.isnan(value) else round(float(value), decimals)


def _span(low: float, high: float) -> tuple[float, float] | None:
    return None if np.isnan(high) else (round(float(low), 2), round(float(high), 2))


def _spot(place: Array) -> cycle.Spot:
    return cycle.Spot(slew_deg=_known(place[3], 1), radius_m=_known(place[1], 2), hook_m=_known(place[0], 2))
