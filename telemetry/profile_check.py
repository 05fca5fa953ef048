"""What a limit profile must be beyond its shape: limits in order, deadbands, delays, and rules that there are."""

from dataclasses import dataclass
from typing import Final

import numpy as np

from telemetry.kinds import KINDS
from telemetry.limit_profile import STEPS, Figure, Profile, Rule, Step
from telemetry.model import Mode
from telemetry.profile_text import Wrong
from telemetry.toml_places import Path

RE_ALARM_LEAST_S: Final = 60
MAX_DELAY_S: Final = 2_000_000  # in ms it has to fit 32 bits


@dataclass(frozen=True, slots=True)
class Known:
    """What the analyzer of this version can watch, by kind: channels, the steps of each rule, needed figures."""

    channels: dict[str, frozenset[str]]
    steps: dict[str, dict[str, frozenset[str]]]
    figures: dict[str, tuple[str, ...]]


def check(profile: Profile, wrong: Wrong, known: Known | None) -> None:
    """Note everything that is wrong; rules, channels and figures only where they are `known`."""
    for kind in KINDS:
        figures = profile.figures.get(kind, {})
        for name, figure in figures.items():
            _number(figure, (kind, "figures", name), wrong, above_0=name.endswith("_s"))
        for name in known.figures[kind] if known else ():
            if name not in figures:
                wrong.note((kind, "figures", name), f"is missing, and {kind}s cannot be watched without it")
        for name, rule in profile.rules.get(kind, {}).items():
            _rule(rule, (kind, name), wrong)
            if known is not None:
                _is_known(rule, kind, name, wrong, known)


def _is_known(rule: Rule, kind: str, name: str, wrong: Wrong, known: Known) -> None:
    path: Path = (kind, name)
    if name not in known.steps[kind]:
        wrong.note(path, f"no rule of a {kind} is called {name!r}; there are {', '.join(sorted(known.steps[kind]))}")
        return
    if rule.channel not in known.channels[kind]:
        there = ", ".join(sorted(known.channels[kind]))
        wrong.note((*path, "channel"), f"no channel of a {kind} is called {rule.channel!r}; there are {there}")
    for step in rule.steps:
        if step in STEPS and step not in known.steps[kind][name]:
            there = ", ".join(step for step in STEPS if step in known.steps[kind][name])
            wrong.note((*path, "steps", step), f"this version watches {name} in no such step; there are {there}")


def _rule(rule: Rule, path: Path, wrong: Wrong) -> None:
    if not rule.steps:
        wrong.note(path, "no steps: a rule that shall not watch is removed, with `remove = true`")
    for step, declared in rule.steps.items():
        if step not in STEPS:
            wrong.note((*path, "steps", step), f"no step is called {step!r}; there are {', '.join(STEPS)}")
        _step(declared, (*path, "steps", step), wrong)
    if rule.silence_rise is not None:
        _number(rule.silence_rise, (*path, "silence_rise"), wrong, above_0=True)
    if rule.re_alarm_s is not None:
        _number(rule.re_alarm_s, (*path, "re_alarm_s"), wrong)
        if rule.re_alarm_s.value < RE_ALARM_LEAST_S:
            wrong.note((*path, "re_alarm_s"), f"a re-alarm below {RE_ALARM_LEAST_S} s is no reminder but a flood")
    for mode, steps in rule.modes.items():
        for step, limits in steps.items():
            here = (*path, "modes", str(mode), step)
            if step not in rule.steps:
                wrong.note(here, f"a mode changes step {step!r}, which the rule does not have")
            _number(limits.set, (*here, "set"), wrong)
            _number(limits.clear, (*here, "clear"), wrong)
    for one in (None, *rule.modes):
        _in_order(rule, path, one, wrong)


def _step(step: Step, path: Path, wrong: Wrong) -> None:
    _number(step.set, (*path, "set"), wrong)
    _number(step.clear, (*path, "clear"), wrong)
    for name, delay in (("on_s", step.on_s), ("off_s", step.off_s)):
        _number(delay, (*path, name), wrong)
        if not 0 <= delay.value <= MAX_DELAY_S:
            text = f"a delay of {delay.value:g} s, expected 0 to {MAX_DELAY_S:,}"
            wrong.note((*path, name), f"{text}: a delay is negative" if delay.value < 0 else text)
    if step.sound_s is not None:
        _number(step.sound_s, (*path, "sound_s"), wrong, above_0=True)
    if step.samples is not None and not (step.samples.value >= 1 and step.samples.value % 1 == 0):
        wrong.note((*path, "samples"), f"{step.samples.value:g}, expected at least one sample, and a whole number")


def _number(figure: Figure, path: Path, wrong: Wrong, *, above_0: bool = False) -> None:
    with np.errstate(over="ignore"):
        # As it is compared: readings and limits are IEEE single.
        finite = np.isfinite(np.float32(figure.value))
    if not finite:
        wrong.note(path, f"{figure.value:g} is not finite in IEEE single, expected a number")
    elif above_0 and figure.value <= 0:
        wrong.note(path, f"{figure.value:g}, expected a number above 0")


def _in_order(rule: Rule, path: Path, mode: Mode | None, wrong: Wrong) -> None:
    """Clear below set, and each step not below the milder one; in a mode, or (None) without one."""
    milder: tuple[float, Path] = (float("-inf"), ())
    for step in STEPS:
        if step not in rule.steps:
            continue
        own = (*path, "steps", step)
        limits = rule.limits(step, mode) if mode is not None else rule.steps[step]
        if mode is not None and step in rule.modes.get(mode, {}):
            own = (*path, "modes", str(mode), step)
        at = (*own, "set")
        where = f" in mode {mode}" if mode is not None else ""
        with np.errstate(over="ignore"):
            apart = np.float32(limits.clear.value) < np.float32(limits.set.value)
        if not apart and (mode is None or own[2] == "modes"):
            text = f"clear {limits.clear.value:g} must be below set {limits.set.value:g}, or the alarm chatters"
            wrong.note((*own, "clear"), text + where, at)
        if limits.set.value < milder[0]:
            text = f"set {limits.set.value:g} is below the {milder[0]:g} of the milder step {milder[1][-2]}{where}"
            wrong.note(at, text, milder[1])
        milder = (limits.set.value, at)
