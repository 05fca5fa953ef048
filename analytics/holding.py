"""
What an alarm keeps while its condition is on: everything that it was raised under.

Rule 1: a condition that is on when a profile, a device's configuration or the mode changes keeps its limit, its clear
value, its delays, its channel and its listeners until it has cleared. Only then the new numbers hold for it.
Rule 2: conditions that are not on take the new numbers at once: a stricter next step does not wait for a milder one.
Rule 3: suppression by design can end with a change, and never begin with it; a new mode decides it anew.
Rule 4: figures change what the channels are, and so what every condition sees: they wait until none is on.
"""

from collections.abc import Mapping
from dataclasses import replace
from typing import Final

import msgspec
import numpy as np

from analytics.limits import COLUMNS, Limits, Overrides
from analytics.table import Array
from telemetry.limit_profile import STEPS, Rule
from telemetry.model import Mode

# Of arrival and not of conditions: no alarm of a reading can end by them.
AT_ONCE: Final = ("silence_timeout_s",)


class Under(msgspec.Struct, frozen=True):
    """What numbers come from: the profile's label, the mode, what the device's configuration overrides."""

    profile: str
    mode: Mode
    overrides: Overrides = ()


def kept(kind: str, held: Mapping[str, Under], before: Under | None, today: Under, on: Array) -> dict[str, Under]:
    """
    By condition (`rule.step`) what those that are on (bool (columns,)) were raised under, where that is not `today`.

    `before`: what held until now; None when nobody knows, as after a start without memory.
    """
    found: dict[str, Under] = {}
    for column in np.flatnonzero(on):
        name = ".".join(COLUMNS[kind][column])
        under = held.get(name, before)
        if under is not None and under != today:
            found[name] = under
    return found


def mixed(kind: str, today: Limits, held: Mapping[str, Limits], quiet: Mapping[str, list[Mode]]) -> Limits:
    """
    The limits of today, but for the conditions that are held (`rule.step`) to what they were raised under.

    `quiet`: the modes that could still suppress these rules at the last change.
    """
    columns = {name: COLUMNS[kind].index((rule, step)) for name in held for rule, _, step in [name.rpartition(".")]}
    limits = replace(
        today, set=today.set.copy(), clear=today.clear.copy(), on_ms=today.on_ms.copy(), off_ms=today.off_ms.copy(),
        samples=today.samples.copy(), look=today.look.copy(), rules=dict(today.rules),
    )  # fmt: skip
    sources = list(today.sources)
    labels: dict[int, str] = {}
    for name, was in held.items():
        column = columns[name]
        for array, old in zip(_arrays(limits), _arrays(was), strict=True):
            array[column] = old[column]
        sources[column], labels[column] = was.sources[column], was.label(column)
    by_rule: dict[str, list[tuple[str, Limits]]] = {}
    # From mild to severe, so that what is said of the rule is what the worst of its conditions was raised under.
    for name in sorted(held, key=lambda name: list(STEPS).index(name.rpartition(".")[2])):
        rule, _, step = name.rpartition(".")
        by_rule.setdefault(rule, []).append((step, held[name]))
    for rule, steps in by_rule.items():
        limits.rules[rule] = _rule(rule, today, steps, quiet.get(rule))
    suppressed = frozenset(name for name, rule_ in limits.rules.items() if today.mode in rule_.suppressed_in)
    return replace(limits, sources=tuple(sources), labels=labels, suppressed=suppressed)


def _arrays(limits: Limits) -> tuple[Array, ...]:
    return limits.set, limits.clear, limits.on_ms, limits.off_ms, limits.samples, limits.look


def _rule(name: str, today: Limits, steps: list[tuple[str, Limits]], before: list[Mode] | None) -> Rule:
    now = today.rules.get(name)
    rules = [was.rules[name] for _, was in steps]
    quiet = [set(rule.suppressed_in) for rule in (*rules, *([now] if now else []))]
    quiet += [set(before)] if before is not None else []
    own = {step: was.rules[name].steps[step] for step, was in steps}
    return msgspec.structs.replace(
        rules[-1],
        steps={**(now.steps if now else {}), **own},
        modes=now.modes if now else {},
        suppressed_in=sorted(set.intersection(*quiet)),
        life_safety=any(rule.life_safety for rule in (*rules, *([now] if now else []))),
    )
