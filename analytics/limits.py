"""
The numbers that hold for one device: its profile, its mode, and what its configuration overrides.

Rule 1: limits are rounded to IEEE single, as readings are, so that "at the limit" is the same everywhere.
Rule 2: an override moves `set`, and `clear` with it: the deadband stays.
"""

from dataclasses import dataclass, field
from functools import lru_cache
from typing import Final

import numpy as np

from analytics.channels import COLUMN
from analytics.table import Array
from telemetry import profiles
from telemetry.errors import ConfigError
from telemetry.limit_profile import STEPS, Profile, Rule, Step
from telemetry.model import Mode, Severity

Overrides = tuple[tuple[str, str, float], ...]  # rule, step, set


def _columns(kind: str) -> tuple[tuple[str, str], ...]:
    """Every (rule, step) of a kind in any profile, in order."""
    rules: dict[str, set[str]] = {}
    for name in profiles.names():
        for rule, declared in profiles.load(name).rules.get(kind, {}).items():
            rules.setdefault(rule, set()).update(declared.steps)
    return tuple((rule, step) for rule, steps in rules.items() for step in STEPS if step in steps)


COLUMNS: Final[dict[str, tuple[tuple[str, str], ...]]] = {kind: _columns(kind) for kind in ("crane", "formwork")}


def _usual(kind: str) -> Array:
    """The derived channel of every condition column as the first packaged profile that has the rule declares it."""
    rules = [profiles.load(name).rules.get(kind, {}) for name in profiles.names()]
    channels = [next(own[rule].channel for own in rules if rule in own) for rule, _ in COLUMNS[kind]]
    return np.array([COLUMN[kind][channel] for channel in channels], np.int64)


USUAL: Final[dict[str, Array]] = {kind: _usual(kind) for kind in COLUMNS}


@dataclass(frozen=True, eq=False)
class Limits:
    """
    What one device is held to. The arrays have one entry a condition column, `inf` where there is no step.

    `look`: the derived channel that each condition looks at. `labels`: of columns that are held to another profile than
    `profile`, because they were on when that came.
    """

    profile: Profile
    mode: Mode
    rules: dict[str, Rule]
    suppressed: frozenset[str]
    set: Array
    clear: Array
    on_ms: Array
    off_ms: Array
    samples: Array
    sources: tuple[str, ...]
    look: Array
    labels: dict[int, str] = field(default_factory=dict)

    def step(self, kind: str, column: int) -> tuple[str, Step]:
        """The rule's name and the step of a condition column."""
        rule, step = COLUMNS[kind][column]
        return rule, self.rules[rule].steps[step]

    def label(self, column: int) -> str:
        """Name, version and hash of the profile that a condition column is judged by."""
        return self.labels.get(column, self.profile.label)

    def shown(self, kind: str, column: int) -> float:
        """The limit that a person is told: beyond the alarm step it is still the alarm's."""
        alarm = (COLUMNS[kind][column][0], "alarm")
        if alarm in COLUMNS[kind] and np.isfinite(self.set[COLUMNS[kind].index(alarm)]):
            column = min(column, COLUMNS[kind].index(alarm))
        return float(self.set[column])


@lru_cache(maxsize=4096)
def resolve(kind: str, profile: Profile, mode: Mode, overrides: Overrides) -> Limits:
    """The limits of a device. Raises ConfigError for an unknown rule or step, or limits out of order."""
    rules = profile.rules.get(kind, {})
    for rule, step, value in overrides:
        if rule not in rules or step not in rules[rule].steps:
            raise ConfigError(f"limits: {kind} has no {rule}.{step}")
        if not np.isfinite(np.float32(value)):
            raise ConfigError(f"limits: {rule}.{step} is not finite")
    own = {(rule, step): value for rule, step, value in overrides}
    count = len(COLUMNS[kind])
    set_, clear = np.full(count, np.inf, np.float32), np.full(count, np.inf, np.float32)
    on_ms, off_ms, samples = (np.zeros(count, np.int32) for _ in range(3))
    look = USUAL[kind].copy()
    sources: list[str] = []
    previous = ("", float("-inf"))
    for column, (rule, step) in enumerate(COLUMNS[kind]):
        if rule not in rules or step not in rules[rule].steps:
            sources.append("")
            continue
        limits = rules[rule].limits(step, mode)
        at = own.get((rule, step), limits.set.value)
        set_[column] = at
        clear[column] = at - (limits.set.value - limits.clear.value)
        declared = rules[rule].steps[step]
        on_ms[column] = round(1000 * declared.on_s.value)
        off_ms[column] = round(1000 * declared.off_s.value)
        samples[column] = declared.samples.value if declared.samples else 0
        look[column] = COLUMN[kind][rules[rule].channel]
        sources.append("device configuration" if (rule, step) in own else limits.set.source)
        if previous[0] == rule and at < previous[1]:
            raise ConfigError(f"limits: {rule}.{step} is below the milder step")
        previous = (rule, at)
    suppressed = frozenset(name for name, rule_ in rules.items() if mode in rule_.suppressed_in)
    return Limits(profile, mode, rules, suppressed, set_, clear, on_ms, off_ms, samples, tuple(sources), look)


def overrides(limits: dict[str, dict[str, float]]) -> Overrides:
    """A configuration's limits in a form that can be a key."""
    return tuple(sorted((rule, step, value) for rule, steps in limits.items() for step, value in steps.items()))


def level(kind: str, on: Array, columns: list[int]) -> tuple[Severity, int]:
    """The severity of a rule from its conditions (bool (columns,)), and the column that gives it; NONE and -1."""
    worst, where = Severity.NONE, -1
    for column in columns:
        severity = STEPS[COLUMNS[kind][column][1]]
        if on[column] and severity >= worst:
            worst, where = severity, column
    return worst, where
