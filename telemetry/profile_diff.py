"""
What one limit profile says otherwise than another: old and new value with both sources, in both languages.

Rule 1: whatever makes a life-safety alarm come later, end earlier, sound less or reach fewer people is called loosened,
in so many words. Where nobody can say without knowing the rule (a channel, a figure), that is said, too.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final

import msgspec

from telemetry.limit_profile import STEPS, Figure, Profile, Rule, Step
from telemetry.model import Mode
from telemetry.toml_places import Path

_SOUND: Final = ("none", "pulse", "continuous")
_LISTENERS: Final = ("silence_rise", "re_alarm_s")
_LATER: Final = ("set", "clear", "on_s", "samples", *_LISTENERS)  # more of it is less warning
_LESS: Final = ("off_s",)  # less of it is an earlier end


class Verdict(StrEnum):
    """What a change does to a warning."""

    LOOSENED = "loosened"
    TIGHTENED = "tightened"
    SOURCE = "source"  # the same number, from elsewhere
    JUDGE = "judge"  # a person has to say


WORDS: Final[dict[Verdict, tuple[str, str]]] = {
    Verdict.LOOSENED: ("放宽", "LOOSENED"),
    Verdict.TIGHTENED: ("收紧", "tightened"),
    Verdict.SOURCE: ("仅出处不同", "only the source differs"),
    Verdict.JUDGE: ("请人工判断", "judge it yourself"),
}
LIFE: Final = ("放宽了涉及生命安全的限值", "LOOSENS A LIFE-SAFETY LIMIT")


@dataclass(frozen=True, slots=True)
class Difference:
    """One thing that differs; `None` where the one profile does not have it."""

    path: Path
    old: Any
    new: Any
    verdict: Verdict
    life_safety: bool

    @property
    def alarming(self) -> bool:
        """Whether it loosens a life-safety limit."""
        return self.life_safety and self.verdict is Verdict.LOOSENED

    def words(self) -> tuple[str, str]:
        """What it does, in Chinese and English."""
        return LIFE if self.alarming else WORDS[self.verdict]


def differences(old: Profile, new: Profile) -> list[Difference]:
    """All of them, by kind and rule in the old profile's order."""
    found: list[Difference] = []
    for kind in dict.fromkeys((*old.rules, *new.rules)):
        before, after = old.rules.get(kind, {}), new.rules.get(kind, {})
        for name in dict.fromkeys((*before, *after)):
            found += _rules((kind, name), before.get(name), after.get(name))
        figures = old.figures.get(kind, {}), new.figures.get(kind, {})
        for name in dict.fromkeys((*figures[0], *figures[1])):
            one, other = figures[0].get(name), figures[1].get(name)
            if one != other:
                found.append(Difference((kind, "figures", name), one, other, _figure(name, one, other), True))
    return found


def shown(value: Any) -> str:
    """A value for a person, without its source."""
    if value is None:
        return "-"
    if isinstance(value, Figure):
        return f"{value.value:g}"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, list):
        return ", ".join(map(str, value)) or "-"
    return str(value) if isinstance(value, str | int | float) else "…"


def source(value: Any) -> str:
    """Where a number comes from, empty for what is none."""
    return value.source if isinstance(value, Figure) else ""


def _figure(name: str, one: Figure | None, other: Figure | None) -> Verdict:
    if one is not None and other is not None and (one.value == other.value or name == "silence_timeout_s"):
        return _compared("on_s", one, other)
    return Verdict.JUDGE


def _rules(path: Path, old: Rule | None, new: Rule | None) -> Iterator[Difference]:
    if old is None or new is None:
        known = old or new
        verdict = Verdict.LOOSENED if new is None else Verdict.TIGHTENED
        yield Difference(path, old and "watched", new and "watched", verdict, bool(known and known.life_safety))
        return
    life = old.life_safety or new.life_safety
    for field in ("channel", "hazard"):
        one, other = getattr(old, field), getattr(new, field)
        if one != other:
            yield Difference((*path, field), str(one), str(other), Verdict.JUDGE, life)
    if old.life_safety != new.life_safety:
        verdict = Verdict.LOOSENED if old.life_safety else Verdict.TIGHTENED
        yield Difference((*path, "life_safety"), old.life_safety, new.life_safety, verdict, life)
    if set(old.suppressed_in) != set(new.suppressed_in):
        more = set(new.suppressed_in) - set(old.suppressed_in)
        verdict = Verdict.LOOSENED if more else Verdict.TIGHTENED
        yield Difference((*path, "suppressed_in"), list(old.suppressed_in), list(new.suppressed_in), verdict, life)
    for field in _LISTENERS:
        one, other = getattr(old, field), getattr(new, field)
        if one != other:
            yield Difference((*path, field), one, other, _compared(field, one, other), life)
    for step in STEPS:
        yield from _steps((*path, "steps", step), old.steps.get(step), new.steps.get(step), life)
    yield from _modes(path, old, new, life)


def _steps(path: Path, old: Step | None, new: Step | None, life: bool) -> Iterator[Difference]:
    if old is None or new is None:
        if old is not new:
            verdict = Verdict.LOOSENED if new is None else Verdict.TIGHTENED
            yield Difference(path, old and old.set, new and new.set, verdict, life)
        return
    for field in msgspec.structs.fields(Step):
        one, other = getattr(old, field.name), getattr(new, field.name)
        if one != other:
            yield Difference((*path, field.name), one, other, _compared(field.name, one, other), life)


def _modes(path: Path, old: Rule, new: Rule, life: bool) -> Iterator[Difference]:
    """What a mode says of a step, and what it would say if it were silent: the step's own numbers."""
    for mode in Mode:
        for step in STEPS:
            own = [step in rule.modes.get(mode, {}) for rule in (old, new)]
            if step not in old.steps or step not in new.steps or not any(own):
                continue
            one, other = old.limits(step, mode), new.limits(step, mode)
            for field in ("set", "clear"):
                was, now = getattr(one, field), getattr(other, field)
                if was != now:
                    verdict = _compared(field, was, now)
                    yield Difference((*path, "modes", str(mode), step, field), was, now, verdict, life)


def _compared(field: str, old: Any, new: Any) -> Verdict:
    if isinstance(old, Figure) and isinstance(new, Figure):
        if old.value == new.value:
            return Verdict.SOURCE
        more = new.value > old.value
        if field in _LATER:
            return Verdict.LOOSENED if more else Verdict.TIGHTENED
        if field in _LESS or field == "sound_s":
            return Verdict.TIGHTENED if more else Verdict.LOOSENED
        return Verdict.JUDGE
    match field:
        case "sound_s" | "silence_rise" | "re_alarm_s":
            # A sound without an end became one with it; a silence that ended with the value, or an acknowledgement
            # that was asked for again, does not any more.
            loose = (old is None) if field == "sound_s" else (new is None)
        case "cab":
            loose = _SOUND.index(new) < _SOUND.index(old)
        case "desk" | "hold" | "latch":
            loose = bool(old) and not new
        case _:
            return Verdict.JUDGE
    return Verdict.LOOSENED if loose else Verdict.TIGHTENED
