"""Profiles: every number has a source, and a mistake is named."""

import re
from importlib.resources import files

import pytest

from telemetry import profiles
from telemetry.errors import ConfigError
from telemetry.model import Mode

TEXT = files("telemetry").joinpath("profiles", "cn.toml").read_text(encoding="utf-8")


def test_both_profiles_load_and_know_the_same_rules() -> None:
    assert profiles.names() == ("cn", "uk")
    cn, uk = profiles.load("cn"), profiles.load("uk")
    assert {kind: list(rules) for kind, rules in cn.rules.items()} == {k: list(r) for k, r in uk.rules.items()}
    assert cn.figures.keys() == uk.figures.keys()


def test_wind_limits_are_those_of_the_country_and_of_the_mode() -> None:
    wind = profiles.load("cn").rules["crane"]["wind"]
    assert wind.limits("alarm", Mode.WORKING).set.value == 12.0
    assert wind.limits("alarm", Mode.CLIMBING).set.value == 9.0
    assert profiles.load("uk").rules["crane"]["wind"].limits("alarm", Mode.WORKING).set.value == 16.5


def test_unverified_numbers_say_so() -> None:
    unmarked = [
        line for line in TEXT.splitlines()
        if "from memory" in line and not line.startswith("#") and "unverified" not in line
    ]  # fmt: skip
    assert unmarked == []


@pytest.mark.parametrize(
    ("pattern", "replacement", "words"),
    [
        (r"value = 12.0, source = \"[^\"]*\"", "value = 12.0", "source"),
        (r"value = 12.0, source = \"[^\"]*\"", 'value = 12.0, source = ""', "length"),
        (r"\[crane.wind.steps.alarm\]", "[crane.wind.steps.alrm]", "alrm"),
        (r"hazard = \"wind\"", 'hazard = "wynd"', "wynd"),
        (r"life_safety = true", "life_savety = true", "life_savety"),
        (r"clear = \{ value = 98,", "clear = { value = 100,", "chatters"),
        (r"set = \{ value = 90,", "set = { value = 101,", "milder step"),
        (r"name = \"cn\"", "name = ", "not TOML"),
    ],
)
def test_a_mistake_is_named(pattern: str, replacement: str, words: str) -> None:
    wrong, n = re.subn(pattern, replacement, TEXT, count=1)
    assert n == 1
    with pytest.raises(ConfigError, match=words):
        profiles.parse(wrong)


def test_an_unknown_profile_is_refused_with_those_that_there_are() -> None:
    with pytest.raises(ConfigError, match="cn, uk"):
        profiles.load("fr")


def test_a_missing_figure_is_named() -> None:
    with pytest.raises(ConfigError, match=r"crane\.figures\.nonsense"):
        profiles.load("cn").figure("crane", "nonsense")
