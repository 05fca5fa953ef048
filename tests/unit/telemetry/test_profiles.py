"""Profiles: every number has a source, a mistake is named with its line, and a profile may build on another."""

import re
from typing import Any

import msgspec
import pytest

from analytics.vocabulary import KNOWN
from telemetry import profiles
from telemetry.errors import ConfigError
from telemetry.limit_profile import Figure
from telemetry.model import Mode

TEXT = profiles.text("cn")
OWN = 'name = "acme"\nversion = 3\nbase = "cn"\nzh = "某公司"\nen = "Acme"\n'
SOURCE = 'source = "the works, by hand"'


def test_the_packaged_profiles_are_whole_and_know_the_same_rules() -> None:
    assert profiles.names() == ("cn", "eu", "uk", "us")
    cn = profiles.load("cn")
    for name in profiles.names():
        profile = profiles.parse(profiles.text(name), name, known=KNOWN)
        assert {kind: list(rules) for kind, rules in profile.rules.items()} == {k: list(r) for k, r in cn.rules.items()}
        assert {kind: list(one) for kind, one in profile.figures.items()} == {k: list(f) for k, f in cn.figures.items()}


def test_wind_limits_are_those_of_the_country_and_of_the_mode() -> None:
    wind = {name: profiles.load(name).rules["crane"]["wind"] for name in profiles.names()}
    assert {name: rule.limits("alarm", Mode.WORKING).set.value for name, rule in wind.items()} == {
        "cn": 12.0, "uk": 16.5, "eu": 20.0, "us": 20.0,
    }  # fmt: skip
    assert {rule.limits("alarm", Mode.CLIMBING).set.value for rule in wind.values()} == {9.0}
    for name in ("uk", "eu", "us"):
        assert "unverified" in wind[name].limits("alarm", Mode.CLIMBING).set.source, "nobody said so for this country"


def test_verticality_is_what_the_country_asks_for_where_the_maker_is_silent() -> None:
    alarms = {name: profiles.load(name).rules["crane"]["verticality"].steps["alarm"].set for name in ("cn", "us")}
    assert {name: one.value for name, one in alarms.items()} == {"cn": 4.0, "us": 2.0}
    assert "maker is silent" in alarms["us"].source


def test_unverified_numbers_say_so() -> None:
    lines = [(name, line) for name in profiles.names() for line in profiles.text(name).splitlines()]
    unmarked = [
        line for line in lines
        if "from memory" in line[1] and not line[1].startswith("#") and "unverified" not in line[1]
    ]  # fmt: skip
    assert unmarked == []


# Mistakes

_MISTAKES = [
    (r"value = 12.0, source = \"[^\"]*\"", "value = 12.0", "crane.wind.steps.alarm.set.source", "is missing"),
    (r"value = 12.0, source = \"[^\"]*\"", 'value = 12.0, source = ""', "crane.wind.steps.alarm.set.source", "length"),
    (r"value = 12.0,", 'value = "12",', "crane.wind.steps.alarm.set.value", "Expected `float`"),
    (r"value = 12.0,", "value = inf,", "crane.wind.steps.alarm.set", "not finite"),
    (r"value = 12.0,", "value = nan,", "crane.wind.steps.alarm.set", "not finite"),
    (r"value = 12.0,", "value = 1e39,", "crane.wind.steps.alarm.set", "not finite"),
    (r"\[crane.wind.steps.alarm\]", "[crane.wind.steps.alrm]", "crane.wind.steps.alrm", "there are advisory"),
    (r"hazard = \"wind\"", 'hazard = "wynd"', "crane.wind.hazard", "there are load"),
    (r"life_safety = true", "life_savety = true", "crane.load.life_savety", "there are channel, hazard"),
    (r"life_safety = true", "life_safety = 1", "crane.load.life_safety", "Expected `bool`"),
    (r"clear = \{ value = 98,", "clear = { value = 100,", "crane.load.steps.alarm.clear", "below set 100"),
    (r"clear = \{ value = 98,", "clear = { value = 99.9999999,", "crane.load.steps.alarm.clear", "chatters"),
    (r"set = \{ value = 90,", "set = { value = 101,", "crane.load.steps.alarm.set", "milder step prewarning"),
    (r"on_s = \{ value = 0.5,", "on_s = { value = -0.5,", "crane.load.steps.prewarning.on_s", "negative"),
    (r"off_s = \{ value = 1,", "off_s = { value = 3e6,", "crane.load.steps.prewarning.off_s", "2,000,000"),
    (r"samples = \{ value = 1,", "samples = { value = 1.5,", "crane.load.steps.peak.samples", "whole number"),
    (r"sound_s = \{ value = 1.5,", "sound_s = { value = 0,", "crane.load.steps.prewarning.sound_s", "above 0"),
    (r"silence_rise = \{ value = 2,", "silence_rise = { value = -2,", "crane.load.silence_rise", "above 0"),
    (r"gust_s = \{ value = 3,", "gust_s = { value = 0,", "crane.figures.gust_s", "above 0"),
    (r"gust_s = \{ value", "gusts = { value", "crane.figures.gust_s", "cannot be watched without it"),
    (r"channel = \"gust_mps\"", 'channel = "gust"', "crane.wind.channel", "no channel of a crane"),
    (r"cab = \"pulse\"", 'cab = "loud"', "crane.load.steps.prewarning.cab", "loud"),
    (r"suppressed_in = \[\"parked\"\]", 'suppressed_in = ["idle"]', "crane.wind.suppressed_in", "idle"),
    (r"rated_load.steps.advisory\]", "rated_load.steps.peak]", "crane.rated_load.steps.peak", "there are advisory"),
    (r"modes.climbing.alarm\]", "modes.climbing.peak]", "crane.wind.modes.climbing.peak", "does not have"),
    (r"modes.climbing.alarm\]", "modes.flying.alarm]", "crane.wind.modes.flying", "there are working"),
    (r"set = \{ value = 8, source = \"cr", 'set = { value = 9.5, source = "cr', "crane.wind.modes.climbing.alarm.set",
     "in mode climbing"),
    (r"\[formwork.figures\]", "[boat.figures]", "boat", "no such key"),
    (r"version = 1\n", "version = 0\n", "version", ">= 1"),
    (r"version = 1\n", "version = 1\nstatus = 2\n", "status", "no such key"),
    (r"version = 1\n", 'version = 1\neffective = "soon"\n', "effective", "2027-01-15T06:00:00+08:00"),
    (r"version = 1\n", 'version = 1\nbase = "fr"\n', "base", "there are cn, eu, uk, us"),
    (r"set = \{ value = 90, source[^\n]*", "set = 90", "crane.load.steps.prewarning.set", "{ value = ..., source"),
    (r"\[crane.tilt\]\n", "[crane.tilt]\nremove = true\n", "crane.tilt.remove", "nothing to remove"),
]  # fmt: skip


@pytest.mark.parametrize(("pattern", "replacement", "key", "words"), _MISTAKES)
def test_a_mistake_is_named_with_file_line_and_key(pattern: str, replacement: str, key: str, words: str) -> None:
    wrong, n = re.subn(pattern, lambda _: replacement, TEXT, count=1)
    assert n == 1
    with pytest.raises(ConfigError) as found:
        profiles.parse(wrong, "acme.toml", known=KNOWN)
    first = next(line for line in str(found.value).splitlines() if f": {key}: " in line)
    place = re.fullmatch(rf"acme\.toml, line (\d+): {re.escape(key)}: (.+)", first)
    assert place is not None, first
    assert words in place[2]
    line = wrong.splitlines()[int(place[1]) - 1]
    assert any(part in line for part in (key.split(".")[-1], key.split(".")[-2] if "." in key else key)), line


def test_a_rule_that_this_version_cannot_watch_is_named() -> None:
    with pytest.raises(
        ConfigError, match=r"line \d+: crane\.rated_lod: no rule of a crane is called 'rated_lod'; there"
    ):
        profiles.parse(TEXT.replace("[crane.rated_load", "[crane.rated_lod"), known=KNOWN)


def test_what_is_no_toml_is_named_with_its_line() -> None:
    for wrong, line in (
        (TEXT.replace('name = "cn"', "name = ", 1), 4),
        (f"{TEXT}\n[crane", len(TEXT.splitlines()) + 2),
    ):
        with pytest.raises(ConfigError, match=rf"^cn.toml, line {line}: not TOML: "):
            profiles.parse(wrong, "cn.toml")


def test_all_mistakes_are_told_at_once_in_the_order_of_lines() -> None:
    wrong = (
        OWN + f"[crane.wind]\nchanel = 1\n[crane.nix]\nremove = true\n[crane.load]\nhazard = 3\nx.y = {{ {SOURCE} }}\n"
    )
    with pytest.raises(ConfigError) as found:
        profiles.parse(wrong, "a.toml")
    assert [line.split(": ")[:2] for line in str(found.value).splitlines()] == [
        ["a.toml, line 7", "crane.wind.chanel"], ["a.toml, line 9", "crane.nix.remove"],
        ["a.toml, line 11", "crane.load.hazard"], ["a.toml, line 12", "crane.load.x"],
    ]  # fmt: skip


def test_a_mistake_against_the_base_is_named_where_the_own_text_made_it() -> None:
    wrong = OWN + f"[crane.wind.steps.alarm]\n{'#' * 9}\nset = {{ value = 5, {SOURCE} }}\n"
    with pytest.raises(ConfigError) as found:
        profiles.parse(wrong, "a.toml")
    assert [line.split(":")[0] for line in str(found.value).splitlines()] == ["a.toml, line 8"] * 2


def test_an_unknown_profile_is_refused_with_those_that_there_are() -> None:
    with pytest.raises(ConfigError, match="cn, eu, uk, us"):
        profiles.load("fr")


def test_a_missing_figure_is_named() -> None:
    with pytest.raises(ConfigError, match=r"crane\.figures\.nonsense"):
        profiles.load("cn").figure("crane", "nonsense")


# Inheritance


def test_a_profile_changes_only_what_it_names() -> None:
    mine = profiles.parse(OWN + f"[crane.wind.steps.alarm]\nset = {{ value = 11.5, {SOURCE} }}\n")
    cn = profiles.load("cn")
    was, now = msgspec.to_builtins(cn), msgspec.to_builtins(mine)
    assert now["rules"]["crane"]["wind"]["steps"]["alarm"].pop("set") == {"value": 11.5, "source": "the works, by hand"}
    was["rules"]["crane"]["wind"]["steps"]["alarm"].pop("set")
    assert (now["rules"], now["figures"]) == (was["rules"], was["figures"])
    assert (mine.name, mine.version, mine.en) == ("acme", 3, "Acme")


def test_a_number_of_the_base_cannot_be_changed_under_the_source_of_the_base() -> None:
    with pytest.raises(ConfigError, match=r"line 7: crane\.wind\.steps\.alarm\.set\.source: is missing"):
        profiles.parse(OWN + "[crane.wind.steps.alarm]\nset = { value = 30.0 }\n")


@pytest.mark.parametrize(
    ("table", "gone"),
    [
        ("crane.tilt", lambda p: "tilt" not in p.rules["crane"] and "load" in p.rules["crane"]),
        (
            "crane.load.steps.peak",
            lambda p: list(p.rules["crane"]["load"].steps) == ["prewarning", "alarm", "critical"],
        ),
        ("crane.wind.modes.climbing", lambda p: Mode.CLIMBING not in p.rules["crane"]["wind"].modes),
    ],
)
def test_what_is_to_go_is_named(table: str, gone: Any) -> None:
    assert gone(profiles.parse(OWN + f"[{table}]\nremove = true\n"))


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ("[crane.tilt]\nremove = false\n", "expected `remove = true`"),
        ("[crane.tilt]\nremove = true\nchannel = 'x'\n", "nothing beside it"),
        ("[crane.nothing]\nremove = true\n", "no such table in the base"),
        ("[crane.load.steps]\nprewarning = { remove = true }\nset = { remove = true }\n", "no such table in the base"),
    ],
)
def test_a_removal_that_says_nothing_certain_is_refused(body: str, words: str) -> None:
    with pytest.raises(ConfigError, match=words):
        profiles.parse(OWN + body)


def test_profiles_that_build_on_each_other_are_refused() -> None:
    with pytest.raises(ConfigError, match="more than 4 deep"):
        profiles.parse(OWN, bases=lambda name: OWN)


def test_a_mistake_in_the_base_names_the_base() -> None:
    with pytest.raises(ConfigError, match=r"a.toml, line 3: base: its base cn, line 2: not TOML"):
        profiles.parse(OWN, "a.toml", bases=lambda name: "\nname = ")


# Names


def test_the_hash_is_of_what_is_said_and_not_of_how() -> None:
    mine = profiles.parse(OWN)
    moved = re.sub(r"(\[crane\.load\].*?)(?=\n\[crane\.moment\])", "", TEXT, count=1, flags=re.DOTALL)
    load = re.search(r"\[crane\.load\].*?(?=\n\[crane\.moment\])", TEXT, flags=re.DOTALL)
    assert load is not None
    assert profiles.parse(moved + "\n" + load[0]).hash == profiles.load("cn").hash, "the order in the file"
    assert profiles.parse(OWN + "# why\n").hash == mine.hash, "a comment"
    assert profiles.parse(profiles.written(mine)).hash == mine.hash, "with the base written out"
    assert mine.hash != profiles.load("cn").hash
    assert mine.label == f"acme/3@{mine.hash[:12]}"


def test_the_hash_changes_with_a_change_in_the_base() -> None:
    other = TEXT.replace('value = 12.0, source = "JGJ', 'value = 12.1, source = "JGJ')
    assert other != TEXT
    assert profiles.parse(OWN, bases=lambda name: other).hash != profiles.parse(OWN).hash


@pytest.mark.parametrize("line", ['zh = "别的"', "effective = 2027-01-15", "version = 4"])
def test_the_hash_changes_with_what_is_said_of_the_profile_itself(line: str) -> None:
    key = line.split(" ")[0]
    text = "".join(one + "\n" for one in OWN.splitlines() if not one.startswith(key)) + line
    assert profiles.parse(text).hash != profiles.parse(OWN).hash


@pytest.mark.parametrize(
    ("effective", "ms"),
    [
        ("2027-01-15", 1_799_971_200_000),
        ("2027-01-15T06:00:00", 1_799_992_800_000),
        ("2027-01-15T06:00:00+08:00", 1_799_964_000_000),
        ("2027-01-15 06:00:00.250Z", 1_799_992_800_250),
    ],
)
def test_a_profile_says_from_when_it_holds(effective: str, ms: int) -> None:
    found = profiles.parse(f"{OWN}effective = {effective}\n")
    assert found.effective == ms
    assert profiles.parse(profiles.written(found)).hash == found.hash


def test_what_was_written_out_says_the_same_in_any_characters() -> None:
    odd = Figure(value=1.5, source='a "quoted" \\ line\n\twith \x7f, ü and 限值')
    cn = profiles.load("cn")
    mine = msgspec.structs.replace(cn, figures={**cn.figures, "crane": {**cn.figures["crane"], "odd": odd}})
    assert profiles.parse(profiles.written(mine)).figures["crane"]["odd"] == odd
