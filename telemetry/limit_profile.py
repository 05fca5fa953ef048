"""
What a limit profile is: rules with numbers, per kind and crane mode, each number with its source.

Rule 1: every number carries its source, and says so when that source was not verified.
Rule 2: a profile is named by `name/version@hash`; the hash is of everything that it says, resolved, so that two
profiles with one label judge alike.
"""

import hashlib
from functools import cached_property
from typing import Annotated, Final, Literal

import msgspec
from msgspec import Meta

from telemetry.errors import ConfigError
from telemetry.model import Hazard, Mode, Severity

STEPS: Final[dict[str, Severity]] = {
    "advisory": Severity.ADVISORY,
    "prewarning": Severity.PREWARNING,
    "alarm": Severity.ALARM,
    "critical": Severity.CRITICAL,
    "peak": Severity.CRITICAL,  # one sample is enough
}
SHOWN: Final = 12  # hexadecimal digits of the hash that a label has


class _Strict(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True, omit_defaults=True):
    """
    The base: frozen, and strict about typos.

    Defaults are left out when it is written, so that a field that comes later changes the hash of no older profile.
    """


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
    re_alarm_s: Figure | None = None  # acknowledged for so long, and still at alarm: the desk is told again

    def limits(self, step: str, mode: Mode) -> Limits:
        """The numbers of a step in a mode."""
        return self.modes.get(mode, {}).get(step) or Limits(set=self.steps[step].set, clear=self.steps[step].clear)


class Profile(_Strict, frozen=True, eq=False, dict=True):
    """
    A profile as loaded, with its base resolved: rules and figures by kind.

    `effective` is when it holds from, Unix ms; 0 is from the moment when it is published.
    """

    name: Annotated[str, Meta(pattern=r"^[a-z0-9-]{1,32}\Z")]
    version: Annotated[int, Meta(ge=1, le=1_000_000)]
    zh: Annotated[str, Meta(min_length=1, max_length=64)]
    en: Annotated[str, Meta(min_length=1, max_length=64)]
    effective: Annotated[int, Meta(ge=0, lt=1 << 53)] = 0
    rules: dict[str, dict[str, Rule]] = {}
    figures: dict[str, dict[str, Figure]] = {}

    @cached_property
    def hash(self) -> str:
        """SHA-256 of all that it says, in one order whatever the order in the file; hexadecimal."""
        return hashlib.sha256(msgspec.json.encode(self, order="deterministic")).hexdigest()

    @cached_property
    def label(self) -> str:
        """`name/version@hash`, as transitions carry it."""
        return f"{self.name}/{self.version}@{self.hash[:SHOWN]}"

    def figure(self, kind: str, name: str) -> float:
        """The value of a figure. Raises ConfigError when the profile lacks it."""
        try:
            return self.figures[kind][name].value
        except KeyError as error:
            raise ConfigError(f"profile {self.name}: {kind}.figures.{name} is missing") from error
