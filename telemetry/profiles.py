"""
Limit profiles: rules with numbers, per kind and crane mode, as TOML files inside the package.

Rule 1: every number carries its source, and says so when that source was not verified.
Rule 2: a profile is checked whole when it is loaded; a mistake is a ConfigError that names the place.
"""

import tomllib
from functools import cache
from importlib.resources import files
from typing import Annotated, Final, Literal

import msgspec
from msgspec import Meta

from telemetry.errors import ConfigError
from telemetry.kinds import KINDS
from telemetry.model import Hazard, Mode, Severity

STEPS: Final[dict[str, Severity]] = {
    "advisory": Severity.ADVISORY,
    "prewarning": Severity.PREWARNING,
    "alarm": Severity.ALARM,
    "critical": Severity.CRITICAL,
    "peak": Severity.CRITICAL,  # one sample is enough
}


class _Strict(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """The base: frozen, and strict about typos."""


class Figure(_Strict, frozen=True):
    """A number and where it comes from."""

    value: float
    source: Annotated[str, Meta(min_length=8)]


class Step(_Strict, frozen=True):
    """
    One level of a rule: it is set at or above `set` and cleared below `clear`.

    `on_s` and `off_s` are delays in seconds. `samples` is how many samples in a row must hold; without it two, or
    three when the device samples less often than twice a second. `sound_s` is how long the cab sounds at most.
    """

    set: Figure
    clear: Figure
    on_s: Figure
    off_s: Figure
    cab: Literal["none", "pulse", "continuous"]
    desk: bool
    samples: Figure | None = None
    sound_s: Figure | None = None
    hold: bool = False
    latch: bool = False


class Limits(_Strict, frozen=True):
    """What a mode changes in a step."""

    set: Figure
    clear: Figure


class Rule(_Strict, frozen=True):
    """One thing that is watched: a channel, its steps from mild to severe, and what modes change."""

    channel: str
    hazard: Hazard
    life_safety: bool
    steps: dict[str, Step]
    suppressed_in: list[Mode] = []
    modes: dict[Mode, dict[str, Limits]] = {}
    silence_rise: Figure | None = None  # a silenced alarm is back at once when the value rose by this much

    def limits(self, step: str, mode: Mode) -> Limits:
        """The numbers of a step in a mode."""
        return self.modes.get(mode, {}).get(step) or Limits(set=self.steps[step].set, clear=self.steps[step].clear)


class Profile(_Strict, frozen=True):
    """A profile as loaded: rules and figures by kind."""

    name: str
    version: int
    zh: str
    en: str
    rules: dict[str, dict[str, Rule]]
    figures: dict[str, dict[str, Figure]]

    @property
    def label(self) -> str:
        """Name and version, as transitions carry it."""
        return f"{self.name}/{self.version}"

    def figure(self, kind: str, name: str) -> float:
        """The value of a figure. Raises ConfigError when the profile lacks it."""
        try:
            return self.figures[kind][name].value
        except KeyError as error:
            raise ConfigError(f"profile {self.name}: {kind}.figures.{name} is missing") from error


def parse(text: str) -> Profile:
    """A profile from TOML text. Raises ConfigError that says where the mistake is."""
    try:
        raw = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise ConfigError(f"profile: not TOML: {error}") from error
    kinds = {name: raw.pop(name) for name in list(raw) if name in KINDS}
    try:
        figures = {name: table.pop("figures", {}) for name, table in kinds.items()}
        profile = msgspec.convert({**raw, "rules": kinds, "figures": figures}, Profile)
    except (msgspec.ValidationError, AttributeError) as error:
        raise ConfigError(f"profile {raw.get('name', '?')}: {error}") from error
    _check(profile)
    return profile


def _check(profile: Profile) -> None:
    for kind, rules in profile.rules.items():
        for name, rule in rules.items():
            where = f"profile {profile.name}: {kind}.{name}"
            if not rule.steps:
                raise ConfigError(f"{where}: no steps")
            for step in [*rule.steps, *(step for steps in rule.modes.values() for step in steps)]:
                if step not in STEPS:
                    raise ConfigError(f"{where}: no step is called {step!r}; there are {', '.join(STEPS)}")
                if step not in rule.steps:
                    raise ConfigError(f"{where}: a mode changes step {step!r}, which the rule does not have")
            for mode in Mode:
                _check_limits(f"{where} in mode {mode}", rule, mode)


def _check_limits(where: str, rule: Rule, mode: Mode) -> None:
    rising = float("-inf")
    for step in STEPS:
        if step not in rule.steps:
            continue
        limits = rule.limits(step, mode)
        if not limits.clear.value < limits.set.value:
            raise ConfigError(f"{where}, step {step}: clear must be below set, or the alarm chatters")
        if limits.set.value < rising:
            raise ConfigError(f"{where}, step {step}: set is below that of a milder step")
        rising = limits.set.value
        delays = rule.steps[step]
        if min(delays.on_s.value, delays.off_s.value) < 0:
            raise ConfigError(f"{where}, step {step}: a delay is negative")
        if delays.samples is not None and delays.samples.value < 1:
            raise ConfigError(f"{where}, step {step}: at least one sample")


@cache
def names() -> tuple[str, ...]:
    """The profiles that come with the package."""
    folder = files("telemetry").joinpath("profiles")
    return tuple(sorted(entry.name.removesuffix(".toml") for entry in folder.iterdir() if entry.name.endswith(".toml")))


@cache
def load(name: str) -> Profile:
    """A profile that comes with the package. Raises ConfigError when there is none of that name, or it is wrong."""
    if name not in names():
        raise ConfigError(f"no limit profile {name!r}; there are {', '.join(names())}")
    profile = parse(files("telemetry").joinpath("profiles", f"{name}.toml").read_text(encoding="utf-8"))
    if profile.name != name:
        raise ConfigError(f"profile {name}.toml calls itself {profile.name!r}")
    return profile
