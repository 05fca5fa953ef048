"""What devices of a site file are held to: limits that the profile has, sensors, and what commissioning measured."""

from collections.abc import Iterable, Iterator, Mapping
from datetime import date
from difflib import get_close_matches
from typing import Final

from telemetry import profiles, vocabulary
from telemetry.kinds import KINDS, Channel
from telemetry.limit_profile import STEPS, Rule
from telemetry.sitefile.configs import CRANE, FORMWORK
from telemetry.sitefile.finding import Findings
from telemetry.sitefile.judging import Judge
from telemetry.sitefile.words import Commissioning, File, Numbers, Sensor, Watched
from telemetry.toml_places import Exact

# What a limit on a derived channel can mean, by the end of the channel's name; a channel of the kind has its own range.
# All cranewatch proposals.
_MEANT: Final[dict[str, tuple[float, float]]] = {
    "_pct": (1, 400), "_mps": (0.5, 80), "_deg": (0.01, 45), "_permille": (0.1, 500), "_mm": (0.1, 2_000),
    "_t": (0.01, 500), "_m": (-50, 500), "_s": (0, 86_400), "_min": (0, 10_000), "_ratio": (0.1, 20),
}  # fmt: skip


def look(file: File, findings: Findings, today: date | None, judge: Judge) -> None:
    """Note all that is wrong with them, or worth a look."""
    _profile(("site", "profile"), file.site.profile, judge, findings)
    for path, kind, own, profile_name in _devices(file):
        if own.profile is not None:
            _profile((*path, "profile"), own.profile, judge, findings)
        _limits((*path, "limits"), kind, own.limits, judge.rules(kind, profile_name), findings)
        _sensors((*path, "sensors"), kind, own.sensors, findings, today)
        commissioned: Commissioning | None = getattr(own, "commissioning", None)
        if commissioned is not None:
            _commissioning((*path, "commissioning"), kind, commissioned, findings)


def _devices(file: File) -> Iterator[tuple[Exact, str, Watched, str]]:
    for n, crane in enumerate(file.cranes):
        yield ("cranes", n), CRANE, crane, crane.profile or file.site.profile
    for n, bay in enumerate(file.bays):
        name = bay.profile or file.site.profile
        yield ("bays", n), FORMWORK, bay, name
        for k, post in enumerate(bay.posts):
            yield ("bays", n, "posts", k), FORMWORK, post, post.profile or name


def _profile(path: Exact, name: str, judge: Judge, findings: Findings) -> None:
    """A profile that neither comes with the package nor holds at the site has to be published there."""
    if judge.profile(name) is None:
        there = ", ".join(profiles.names())
        findings.warn(
            path, f"{name} 不是随程序的限值方案（{there}），须先批准并发布到本工地",
            f"{name} does not come with cranewatch ({there}): it has to be approved and published to the site",
        )  # fmt: skip


def _limits(path: Exact, kind: str, limits: Numbers, own: Mapping[str, Rule] | None, findings: Findings) -> None:
    known = vocabulary.known().steps[kind]
    for rule, steps in limits.items():
        there = known if own is None else own
        if rule not in there:
            near = get_close_matches(rule, list(there), n=1, cutoff=0.5)
            zh = f"，最接近的是 {near[0]}" if near else ""
            en = f"; did you mean {near[0]}?" if near else f"; there are {', '.join(sorted(there))}"
            findings.wrong((*path, rule), f"没有规则 {rule}{zh}", f"no rule {rule}{en}")
            continue
        declared = own[rule] if own is not None else None
        has = declared.steps if declared is not None else known[rule]
        for step, value in steps.items():
            if step not in has:
                in_order = [one for one in STEPS if one in has]
                findings.wrong((*path, rule, step), f"规则 {rule} 没有 {step}，有 {'、'.join(in_order)}",
                               f"{rule} has no step {step}; there are {', '.join(in_order)}")  # fmt: skip
            elif declared is not None:
                _plausible((*path, rule, step), kind, declared, step, value, findings)
        if declared is not None:
            _in_order((*path, rule), declared, steps, findings)


def _plausible(path: Exact, kind: str, rule: Rule, step: str, value: float, findings: Findings) -> None:
    real = {channel.name: channel for channel in KINDS[kind].reals}.get(rule.channel)
    ends = next((ends for end, ends in _MEANT.items() if rule.channel.endswith(end)), None)
    low, high = ends if ends is not None else ((real.low, real.high) if real is not None else (-1e6, 1e6))
    if not low <= value <= high:
        usual = rule.steps[step].set.value
        findings.wrong(path, f"{value:g} 不合理：应在 {low:g} 到 {high:g} 之间，方案为 {usual:g}",
                       f"{value:g} cannot be meant: {low:g} to {high:g}, the profile has {usual:g}")  # fmt: skip


def _in_order(path: Exact, rule: Rule, own: Mapping[str, float], findings: Findings) -> None:
    milder: tuple[str, float] | None = None
    for step in STEPS:
        if step not in rule.steps:
            continue
        value = own.get(step, rule.steps[step].set.value)
        if milder is not None and value < milder[1]:
            where = step if step in own else milder[0]
            findings.wrong((*path, where), f"{step} {value:g} 低于 {milder[0]} {milder[1]:g}",
                           f"{step} {value:g} is below {milder[0]} {milder[1]:g}")  # fmt: skip
        milder = (step, value)


def _sensors(path: Exact, kind: str, sensors: Iterable[Sensor], findings: Findings, today: date | None) -> None:
    channels = {channel.name: channel for channel in KINDS[kind].reals}
    seen: set[tuple[str, str | None]] = set()
    for n, sensor in enumerate(sensors):
        here: Exact = (*path, n)
        if (sensor.channel, sensor.serial) in seen:
            findings.wrong(here, f"{sensor.channel} 的同一传感器出现两次", f"one sensor of {sensor.channel} twice")
        seen.add((sensor.channel, sensor.serial))
        channel = channels.get(sensor.channel)
        if channel is None:
            findings.wrong((*here, "channel"), *_no_channel(sensor.channel, channels))
            continue
        if sensor.unit != channel.unit:
            findings.wrong((*here, "unit"), f"{sensor.unit}：{channel.name} 的单位是 {channel.unit or '无'}",
                           f"{sensor.unit}: the unit of {channel.name} is {channel.unit or 'none'}")  # fmt: skip
        _range((*here, "range"), sensor.range, channel, findings)
        if sensor.calibrated_on is not None and sensor.due_on is not None and sensor.due_on <= sensor.calibrated_on:
            findings.wrong((*here, "due_on"), "不晚于校准日期", "is not after its calibration")
        if today is not None and sensor.calibrated_on is not None and sensor.calibrated_on > today:
            findings.warn((*here, "calibrated_on"), "校准日期在将来", "it was calibrated in the future")
        if today is not None and sensor.due_on is not None and sensor.due_on < today:
            findings.warn(
                (*here, "due_on"), f"校准已于 {sensor.due_on} 到期", f"calibration was due on {sensor.due_on}"
            )


def _no_channel(name: str, channels: Mapping[str, Channel]) -> tuple[str, str]:
    near = get_close_matches(name, list(channels), n=1, cutoff=0.5)
    return (
        f"没有通道 {name}" + (f"，最接近的是 {near[0]}" if near else ""),
        f"no channel {name}" + (f"; did you mean {near[0]}?" if near else f"; there are {', '.join(channels)}"),
    )


def _range(path: Exact, ends: tuple[float, float], channel: Channel, findings: Findings) -> None:
    low, high = ends
    if not low <= high:
        findings.wrong(path, f"下限 {low:g} 高于上限 {high:g}", f"its low end {low:g} is above its high end {high:g}")
    elif low > channel.high or high < channel.low:
        findings.wrong(path, f"与 {channel.name} 的可信范围 {channel.low:g} … {channel.high:g} 不相交",
                       f"lies outside of what {channel.name} can be, {channel.low:g} … {channel.high:g}")  # fmt: skip


def _commissioning(path: Exact, kind: str, found: Commissioning, findings: Findings) -> None:
    channels = {channel.name: channel for channel in KINDS[kind].reals}
    for name, expected in found.envelope.items():
        here: Exact = (*path, "envelope", name)
        channel = channels.get(name)
        if channel is None:
            findings.wrong(here, *_no_channel(name, channels))
            continue
        for key, ends in (("empty", expected.empty), ("loaded", expected.loaded)):
            if ends is not None:
                _range((*here, key), ends, channel, findings)
        if expected.zero is not None and not channel.low <= expected.zero <= channel.high:
            findings.wrong((*here, "zero"), "不在可信范围内", f"is not what {name} can be")
