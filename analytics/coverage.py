"""
How well each hazard of a device is watched, and why not better.

Rule 1: coverage is stated for every hazard of the kind; what we do not compute is listed as not monitored.
Rule 2: a hazard sampled less often than once a second is for supervision only, and says so.
Rule 3: a rule that lacks a channel, a rate, a configuration or what must be learned first is named, with the lack.
"""

from typing import Final

import msgspec

from analytics.rulebook import RULEBOOK, Needs
from analytics.rulebook.entry import ONE_HZ, named
from analytics.texts import CONFIGURED, HAZARDS, REASONS
from telemetry.model import CoverageLevel, Hazard, State
from telemetry.wire.payloads import Coverage, HazardCoverage, Unwatched, Words

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
# What a device may well not have, and is then not monitored; when it has it and it is gone, it is blind.
OPTIONAL: Final[dict[str, dict[Hazard, tuple[str, str]]]] = {
    "crane": {Hazard.LIMITS: ("limit_passed", "limits"), Hazard.IDENTITY: ("unidentified", "operator")},
    "formwork": {},
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
    told: frozenset[str] = frozenset()  # state channels that came lately
    ever: frozenset[str] = frozenset()  # state channels that ever came
    configured: frozenset[str] = frozenset()  # what rules may ask for
    learned: frozenset[str] = frozenset()
    retired: bool = False  # taken off the site, and does not speak
    overlaps: tuple[str, ...] = ()  # cranes whose reach overlaps with this one's
    rules: tuple[str, ...] = ()  # of its profile


def coverage(watch: Watch, at: int) -> Coverage:
    """What terminals are told."""
    if watch.retired:
        none = HazardCoverage(level=CoverageLevel.NOT_MONITORED, reason=REASONS["retired"])
        asked_for = (*NEEDS[watch.kind], *OPTIONAL[watch.kind])
        return Coverage(at=at, level=none.level, hazards=dict.fromkeys(asked_for, none), mode=watch.mode)
    hazards = {hazard: _hazard(watch, hazard) for hazard in NEEDS[watch.kind]}
    for hazard, (rule, channel) in OPTIONAL[watch.kind].items():
        hazards[hazard] = _optional(watch, hazard, rule, channel)
    if watch.kind == "crane":
        hazards[Hazard.ZONES] = _zones(watch)
    asked = [one.level for one in hazards.values() if one.level is not CoverageLevel.NOT_MONITORED]
    if watch.kind == "crane":
        hazards[Hazard.ANTI_COLLISION] = HazardCoverage(level=CoverageLevel.NOT_MONITORED, reason=_collision(watch))
    return Coverage(
        at=at, level=max(asked, key=_ORDER.index), hazards=hazards, stale_after_ms=3 * watch.interval_ms,
        mode=watch.mode, mode_sent=watch.mode_sent, unwatched=unwatched(watch),
    )  # fmt: skip


def unwatched(watch: Watch) -> list[Unwatched]:
    """The rules that are not evaluated although the device speaks, by what they lack."""
    if watch.retired or not watch.heard or watch.silent or watch.planned_off or watch.power_off:
        return []
    found: dict[Words, list[str]] = {}
    for rule, entry in RULEBOOK[watch.kind].items():
        reason = _lacks(watch, entry.needs) if rule in watch.rules else None
        if reason is not None:
            found.setdefault(reason, []).append(rule)
    return [Unwatched(reason=reason, rules=rules) for reason, rules in found.items()]


def _lacks(watch: Watch, needs: Needs) -> Words | None:
    """What a rule needs and does not get; None of nothing."""
    have = watch.channels | watch.told | (watch.ever & {"operator"})
    missing = [name for name in needs.every if name not in have]
    if not missing and needs.either and not have & set(needs.either):
        missing = list(needs.either)
    if missing:
        zh, en = named(missing, watch.kind) or ("", "")
        return Words(zh=f"无{zh}数据", en=f"no data of {en}")
    unset = [name for name in needs.config if name not in watch.configured]
    if unset:
        words = [CONFIGURED[name] for name in unset]
        zh, en = "、".join(word.zh for word in words), ", ".join(word.en for word in words)
        return Words(zh=f"未配置{zh}", en=f"not configured: {en}")
    if needs.slowest_ms is not None and watch.interval_ms > needs.slowest_ms:
        each = needs.slowest_ms / 1000
        return Words(zh=f"采样慢于每 {each:.2g} 秒一次", en=f"sampled less often than every {each:.2g} s")
    if needs.learned and needs.learned not in watch.learned:
        return REASONS["not_learned"]
    return None


def _optional(watch: Watch, hazard: Hazard, rule: str, channel: str) -> HazardCoverage:
    if channel not in watch.ever:
        return HazardCoverage(level=CoverageLevel.NOT_MONITORED, reason=REASONS["not_sent"])
    gone = _gone(watch)
    if gone is not None:
        return _blind(gone)
    if channel not in watch.told and channel != "operator":
        return _blind("no_channel", hazard)
    return _weak(watch, rule) or HazardCoverage(level=CoverageLevel.MONITORED)


def _zones(watch: Watch) -> HazardCoverage:
    if "zones" not in watch.configured:
        return HazardCoverage(level=CoverageLevel.NOT_MONITORED, reason=REASONS["no_zones"])
    gone = _gone(watch)
    if gone is not None:
        return _blind(gone)
    lacks = _lacks(watch, RULEBOOK["crane"]["zone"].needs)
    if lacks is not None:
        return HazardCoverage(level=CoverageLevel.BLIND, reason=lacks)
    return _weak(watch, "zone") or HazardCoverage(level=CoverageLevel.MONITORED)


def _collision(watch: Watch) -> Words:
    if not watch.overlaps:
        return REASONS["not_computed"]
    names = "、".join(watch.overlaps), ", ".join(watch.overlaps)
    return Words(zh=f"未监测 与 {names[0]} 作业范围重叠", en=f"not monitored, its reach overlaps with {names[1]}")


def _gone(watch: Watch) -> str | None:
    """Why nothing at all is seen of the device."""
    for gone, why in (
        (watch.planned_off, "planned_off"),
        (watch.power_off, "power_off"),
        (not watch.heard, "never_seen"),
        (watch.silent, "silent"),
    ):
        if gone:
            return why
    return None


def _weak(watch: Watch, rule: str) -> HazardCoverage | None:
    """What weakens every rule of a device alike, or this one by a person's or a mode's doing."""
    for name, state in watch.states:
        if name == rule:
            return _blind("disabled" if state is State.DISABLED else "shelved")
    for wrong, why in (
        (watch.doubt is not None, watch.doubt or ""),
        (watch.conflict, "conflict"),
        (watch.weakness is not None, watch.weakness or ""),
        (watch.clock, "clock"),
        (rule in watch.suppressed, "suppressed"),
    ):
        if wrong:
            return HazardCoverage(level=CoverageLevel.DEGRADED, reason=REASONS[why])
    return None


def _hazard(watch: Watch, hazard: Hazard) -> HazardCoverage:
    rule, either, every = NEEDS[watch.kind][hazard]
    gone = _gone(watch)
    if gone is not None:
        return _blind(gone)
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
    weak = _weak(watch, rule)
    if weak is not None:
        return weak
    for wrong, why in (
        (bool(either) and len(seen) < len(either), "one_axis"),
        (by_device, "device_rating" if hazard is Hazard.MOMENT else "no_maximum"),
        (watch.kind == "crane" and watch.interval_ms > ONE_HZ, "slow"),
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
