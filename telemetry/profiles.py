"""
Limit profiles: rules with numbers, per kind and crane mode, as TOML; those that come with the package, and others.

Rule 1: a profile is checked whole when it is loaded; a mistake is a ConfigError that names file, line and key.
"""

from functools import cache
from importlib.resources import files

from telemetry.errors import ConfigError
from telemetry.limit_profile import STEPS, Figure, Limits, Profile, Rule, Step
from telemetry.profile_check import Known, check
from telemetry.profile_text import Bases, read, written

__all__ = [
    "STEPS", "Figure", "Known", "Limits", "Profile", "Rule", "Step", "load", "names", "packaged", "parse", "text",
    "written",
]  # fmt: skip


def parse(text: str, of: str = "profile", *, bases: Bases | None = None, known: Known | None = None) -> Profile:
    """
    A profile from TOML text; `of` is its file, for errors. Raises ConfigError with all that is wrong.

    `bases` gives the texts that it may build on, the packaged ones without it; `known` is what the analyzer can watch,
    without which rules, channels and figures are not held against anything.
    """
    profile, wrong = read(text, of, bases or packaged)
    check(profile, wrong, known)
    wrong.tell()
    return profile


@cache
def names() -> tuple[str, ...]:
    """The profiles that come with the package."""
    folder = files("telemetry").joinpath("profiles")
    return tuple(sorted(entry.name.removesuffix(".toml") for entry in folder.iterdir() if entry.name.endswith(".toml")))


def packaged(name: str) -> str:
    """The text of a profile that comes with the package. Raises ConfigError when there is none of that name."""
    if name not in names():
        raise ConfigError(f"no limit profile {name!r}; there are {', '.join(names())}")
    return text(name)


@cache
def text(name: str) -> str:
    """The text of one of `names()`."""
    return files("telemetry").joinpath("profiles", f"{name}.toml").read_text(encoding="utf-8")


@cache
def load(name: str) -> Profile:
    """A profile that comes with the package. Raises ConfigError when there is none of that name, or it is wrong."""
    profile = parse(packaged(name), f"{name}.toml")
    if profile.name != name:
        raise ConfigError(f"profile {name}.toml calls itself {profile.name!r}")
    return profile
