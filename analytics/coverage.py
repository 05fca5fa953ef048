"""
How well each hazard of a device is watched, and why not better.

Rule 1: coverage is stated for every hazard of the kind; what we do not compute is listed as not monitored.
Rule 2: a hazard sampled less often than once a second is for supervision only, and says so.
"""

from typing import Final

import msgspec

from analytics.texts import HAZARDS, REASONS
from telemetry.model import CoverageLevel, Hazard, State
from telemetry.wire.payloads import Coverage, HazardCoverage, Words

SLOW_MS: Final = 1_050  # a second, and the jitter of a device's timer

NOT_COMPUTED: Final[dict[str, tuple[Hazard, ...]]] = {
    "crane": (Hazard.LIMITS, Hazard.ZONES, Hazard.ANTI_COLLISION, Hazard.IDENTITY),
    "formwork": (),
}
# Each hazard that is watched: its rule, and the channels that it needs (any of, all of).
NEEDS: Final[dict[str, dict[Hazard, tuple[str, tuple[str, ...], tuple[str, ...]]]]] = {
    "crane": {
        Hazard.LOAD: ("load", (), ("load_t",)),
        Hazard.MOMENT: ("moment", (), ("load_t", "radius_m")),
        Hazard.WIND: ("wind", (), ("wind_mps",)),
        Hazard.TILT: ("tilt", ("tilt_x_deg", "tilt_y_deg"), ()),
    },
    "formwork": {
        Hazard.FORCE: ("force", (), ("force_kn",)),
        Hazard.SETTLEMENT: ("settlement", (), ("settle_mm",)),
        Hazard.SHIFT: ("shift", ("shift_x_mm", "shift_y_mm"), ()),
        Hazard.TILT: ("tilt", ("tilt_x_deg", "tilt_y_deg"), ()),
    },
}
_ORDER: Final = (CoverageLevel.MONITORED, CoverageLevel.DEGRADED, CoverageLevel.BLIND)


class Watch(msgspec.Struct, frozen=True, kw_only=True):
    """All that coverage of one device depends on; two equal ones give the same coverage."""

    kind: str
    heard: bool
    silent: bool
    planned_off: bool
    power_off: bool
    clock: bool
    conflict: bool
    interval_ms: int
    channels: frozenset[str]  # with a good value lately
    chart: bool  # any load chart
    rated: bool  # the device sends its own rated load
    design: bool  # a design force is configured
    suppressed: frozenset[str]
    states: tuple[tuple[str, State], ...]  # of rules that are shelved or disabled
    doubt: str | None  # of the analyzer itself: warm_start or journal
    weakness: str | None = None  # of the kind's own, such as too few samples in a pour
    mode: str = "working"
    mode_sent: str | None = None


def coverage(watch: Watch, at: int) -> Coverage:
    """What terminals are told."""
    hazards = {hazard: _hazard(watch, hazard) for hazard in NEEDS[watch.kind]}
    worst = max((one.level for one in hazards.values()), key=_ORDER.index)
    for hazard in NOT_COMPUTED[watch.kind]:
        hazards[hazard] = HazardCoverage(level=CoverageLevel.NOT_MONITORED, reason=REASONS["not_computed"])
    return Coverage(
        at=at, level=worst, hazards=hazards, stale_after_ms=3 * watch.interval_ms, mode=watch.mode,
        mode_sent=watch.mode_sent,
    )  # fmt: skip


def _hazard(watch: Watch, hazard: Hazard) -> HazardCoverage:
    rule, either, every = NEEDS[watch.kind][hazard]
    for gone, why in (
        (watch.planned_off, "planned_off"),
        (watch.power_off, "power_off"),
        (not watch.heard, "never_seen"),
        (watch.silent, "silent"),
    ):
        if gone:
            return _blind(why)
    missing = [name for name in every if name not in watch.channels]
    seen = [name for name in either if name in watch.channels]
    no_rating = hazard is Hazard.MOMENT and not watch.chart and not watch.rated
    # Without a chart the moment rule, on the device's own rated load, watches the load as well.
    by_device = hazard in (Hazard.LOAD, Hazard.MOMENT) and watch.kind == "crane" and not watch.chart
    if hazard is Hazard.MOMENT and by_device and watch.rated:
        missing = [name for name in missing if name != "radius_m"]
    if missing or (either and not seen):
        return _blind("no_channel", hazard)
    if no_rating or (by_device and not watch.rated):
        return _blind("no_rating")
    if hazard is Hazard.FORCE and not watch.design:
        return _blind("no_design")
    for name, state in watch.states:
        if name == rule and state in (State.DISABLED, State.SHELVED):
            return _blind("disabled" if state is State.DISABLED else "shelved")
    for wrong, why in (
        (watch.doubt is not None, watch.doubt or ""),
        (watch.conflict, "conflict"),
        (watch.weakness is not None, watch.weakness or ""),
        (watch.clock, "clock"),
        (bool(either) and len(seen) < len(either), "one_axis"),
        (rule in watch.suppressed, "suppressed"),
        (by_device, "device_rating" if hazard is Hazard.MOMENT else "no_maximum"),
        (watch.kind == "crane" and watch.interval_ms > SLOW_MS, "slow"),
    ):
        if wrong:
            return HazardCoverage(level=CoverageLevel.DEGRADED, reason=REASONS[why])
    return HazardCoverage(level=CoverageLevel.MONITORED)


def _blind(why: str, hazard: Hazard | None = None) -> HazardCoverage:
    reason = REASONS[why]
    if hazard is not None:
        zh, en = HAZARDS[hazard]
        reason = Words(zh=zh + reason.zh, en=f"{en}: {reason.en}")
    return HazardCoverage(level=CoverageLevel.BLIND, reason=reason)
