"""
What a back-test of one device found, as plain values, and the same summed over devices. Pure.

Rule 1: an alarm is what a person is called by: severity pre-warning and up. Advisory lines are counted apart.
Rule 2: it counts in the range in which it came. One that stood already when the range began is shown and not counted.
Rule 3: what nobody has judged is *unknown*: neither true nor false, and never left out of the count.
"""

import statistics
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from analytics.backtest.compare import Became, Pair, missing, pairs
from analytics.backtest.course import Came, sound_s
from analytics.backtest.truth import Verdict
from analytics.identity import DeviceKey
from telemetry.model import Severity

DAY_S: Final = 86_400.0
STEPS: Final = {Severity.ADVISORY: "advisory", Severity.PREWARNING: "prewarning", Severity.ALARM: "alarm",
                Severity.CRITICAL: "critical"}  # fmt: skip
Judge = Callable[[Came], Verdict]


@dataclass(frozen=True, slots=True)
class Range:
    """Device time, Unix ms: the first is in it, the last is not."""

    begin: int
    end: int

    def __contains__(self, at: object) -> bool:
        return isinstance(at, int) and self.begin <= at < self.end

    def touched(self, alarm: Came) -> bool:
        """Whether the alarm was on at some time of it."""
        return alarm.at < self.end and (alarm.until is None or alarm.until >= self.begin)


@dataclass(frozen=True)
class Check:
    """The replay under the recorded profiles, held against the log: a check on ourselves. Ids of transitions."""

    compared: int
    lacking: list[str] = field(default_factory=list)  # in the log, and not in the replay
    extra: list[str] = field(default_factory=list)  # in the replay, and not in the log
    different: list[str] = field(default_factory=list)  # in both, and not the same

    @property
    def equal(self) -> bool:
        """Whether the replay gives the log to the byte."""
        return not (self.lacking or self.extra or self.different)


def check(log: Mapping[str, bytes], again: Mapping[str, bytes]) -> Check:
    """Hold transitions, by id and as bytes, against each other."""
    return Check(
        len(log),
        [number for number in log if number not in again],
        [number for number in again if number not in log],
        [number for number, said in log.items() if number in again and again[number] != said],
    )


def compared(
    key: DeviceKey, range_: Range, then: Sequence[Came], now: Sequence[Came] | None, judge_then: Judge,
    judge_now: Judge | None = None,
) -> dict[str, Any]:  # fmt: skip
    """
    What came of a device, and with `now` what would come.

    judge_now: of an alarm without a counterpart; one that has one is judged as that.
    """
    was = [one for one in then if range_.touched(one)]
    found: dict[str, Any] = {
        "site": key[0], "kind": key[1], "device": key[2],
        "then": _side([(one, judge_then(one)) for one in was if one.at in range_], then, range_),
    }  # fmt: skip
    if now is None:
        found["alarms"] = [_row(Pair(one, None, Became.SAME), range_, judge_then(one), None) for one in was]
        return found
    # Paired over all that was replayed: what stood when the range began has its counterpart before it.
    rows: list[dict[str, Any]] = []
    counted: list[tuple[Came, Verdict]] = []
    for pair in pairs(then, now):
        if not any(range_.touched(one) for one in (pair.then, pair.now) if one is not None):
            continue
        verdict = Verdict.UNKNOWN
        if pair.then is not None:
            verdict = judge_then(pair.then)
        elif judge_now is not None and pair.now is not None:
            verdict = judge_now(pair.now)
        rows.append(_row(pair, range_, verdict, pair.shift_s))
        if pair.now is not None and pair.now.at in range_:
            counted.append((pair.now, verdict if judge_now is None else judge_now(pair.now)))
    lost = [one for one in missing(then, now) if one.steps_at(Severity.ALARM) in range_]
    found |= {
        "now": _side(counted, now, range_), "alarms": rows,
        "missing_life_safety": [_named(key, one) for one in lost],
        "became": {str(name): sum(row["became"] == name and row["counted"] for row in rows) for name in Became},
    }  # fmt: skip
    return found


def _side(came: Sequence[tuple[Came, Verdict]], all_: Sequence[Came], range_: Range) -> dict[str, Any]:
    alarms = [(one, verdict) for one, verdict in came if one.severity >= Severity.PREWARNING]
    by_rule: dict[str, int] = {}
    for one, _ in alarms:
        by_rule[one.rule] = by_rule.get(one.rule, 0) + 1
    return {
        "alarms": len(alarms), "lines": len(came) - len(alarms),
        "verdicts": {str(name): n for name in Verdict if (n := sum(one is name for _, one in alarms))},
        "false": sum(verdict.false for _, verdict in alarms),
        "unknown": sum(verdict is Verdict.UNKNOWN for _, verdict in alarms),
        "rules": dict(sorted(by_rule.items())),
        "cab_sound_s": round(sound_s(all_, range_.begin, range_.end), 1),
    }  # fmt: skip


def _row(pair: Pair, range_: Range, verdict: Verdict, shift_s: float | None) -> dict[str, Any]:
    own = [one for one in (pair.then, pair.now) if one is not None]
    return {
        "rule": pair.rule, "became": str(pair.became), "shift_s": shift_s, "verdict": str(verdict),
        "life_safety": any(one.life_safety for one in own), "rises": pair.rises,
        "counted": any(one.at in range_ and one.severity >= Severity.PREWARNING for one in own),
        "then": _plain(pair.then), "now": _plain(pair.now),
    }  # fmt: skip


def _plain(one: Came | None) -> dict[str, Any] | None:
    if one is None:
        return None
    return {
        "at": one.at, "until": one.until, "standing": one.standing, "severity": STEPS[one.severity],
        "steps": {STEPS[step]: at for step, at in sorted(one.steps.items())}, "value": one.value, "limit": one.limit,
        "unit": one.unit, "profile": one.profile, "boot": one.cause.boot, "seq": one.cause.seq,
    }  # fmt: skip


def _named(key: DeviceKey, one: Came) -> dict[str, Any]:
    return {
        "site": key[0], "kind": key[1], "device": key[2], "rule": one.rule, "at": one.steps_at(Severity.ALARM),
        "severity": STEPS[one.severity], "value": one.value, "limit": one.limit, "unit": one.unit,
    }  # fmt: skip


def summed(devices: Iterable[Mapping[str, Any]]) -> dict[str, Any]:
    """The figures of all devices that could be played."""
    played = [one for one in devices if "then" in one]
    days = sum(one["days"] for one in played)
    found: dict[str, Any] = {"devices": len(played), "days": round(days, 4)}
    for side in ("then", "now"):
        own = [one[side] for one in played if side in one]
        if not own:
            continue
        total = {name: sum(one[name] for one in own) for name in ("alarms", "lines", "false", "unknown")}
        sound = sum(one["cab_sound_s"] for one in own)
        rules: dict[str, int] = {}
        for one in own:
            for rule, n in one["rules"].items():
                rules[rule] = rules.get(rule, 0) + n
        found[side] = {
            **total, "rules": dict(sorted(rules.items())), "cab_sound_s": round(sound, 1),
            "cab_sound_s_per_hour": _rate(sound, days * 24), "alarms_per_crane_day": _rate(total["alarms"], days),
            "false_per_crane_day": _rate(total["false"], days), "unknown_per_crane_day": _rate(total["unknown"], days),
        }  # fmt: skip
    rows = [row for one in played for row in one["alarms"] if row["counted"]]
    if "now" in found:
        found["became"] = {str(name): sum(row["became"] == name for row in rows) for name in Became}
        found["earlier_s"] = _spread([-row["shift_s"] for row in rows if row["became"] == Became.EARLIER])
        found["later_s"] = _spread([row["shift_s"] for row in rows if row["became"] == Became.LATER])
        found["rises_further"] = sum(row["rises"] > 0 for row in rows)
        found["rises_less_far"] = sum(row["rises"] < 0 for row in rows)
    return found


def _rate(count: float, per: float) -> float | None:
    return round(count / per, 3) if per > 0 else None


def _spread(values: Sequence[float]) -> dict[str, float] | None:
    """Of seconds: the least, the median and the most."""
    if not values:
        return None
    return {"least": min(values), "median": round(statistics.median(values), 3), "most": max(values)}
