"""What one profile says otherwise than another, and whether that loosens a life-safety limit."""

import pytest

from telemetry import profiles
from telemetry.limit_profile import Step
from telemetry.profile_diff import LIFE, Verdict, differences, shown, source
from tests.helpers.limits import BASE, number

CN = profiles.load("cn")


def changed(body: str) -> dict[str, tuple[str, str, Verdict, bool]]:
    """By path: old, new, verdict, and whether it loosens a life-safety limit."""
    found = differences(CN, profiles.parse(BASE.format(name="works", version=1) + body))
    return {".".join(one.path): (shown(one.old), shown(one.new), one.verdict, one.alarming) for one in found}


LOOSE, TIGHT, JUDGE = Verdict.LOOSENED, Verdict.TIGHTENED, Verdict.JUDGE
ALARM = "[crane.moment.steps.alarm]\n"


@pytest.mark.parametrize(
    ("body", "path", "found"),
    [
        (f"{ALARM}set = {number(101)}", "crane.moment.steps.alarm.set", ("100", "101", LOOSE, True)),
        (f"{ALARM}set = {number(99)}", "crane.moment.steps.alarm.set", ("100", "99", TIGHT, False)),
        (f"{ALARM}clear = {number(99)}", "crane.moment.steps.alarm.clear", ("98", "99", LOOSE, True)),
        (f"{ALARM}on_s = {number(2)}", "crane.moment.steps.alarm.on_s", ("0.5", "2", LOOSE, True)),
        (f"{ALARM}off_s = {number(0)}", "crane.moment.steps.alarm.off_s", ("1", "0", LOOSE, True)),
        (f"{ALARM}off_s = {number(9)}", "crane.moment.steps.alarm.off_s", ("1", "9", TIGHT, False)),
        (f"{ALARM}cab = 'pulse'", "crane.moment.steps.alarm.cab", ("continuous", "pulse", LOOSE, True)),
        (f"{ALARM}desk = false", "crane.moment.steps.alarm.desk", ("true", "false", LOOSE, True)),
        (f"{ALARM}latch = true", "crane.moment.steps.alarm.latch", ("false", "true", TIGHT, False)),
        (f"{ALARM}sound_s = {number(9)}", "crane.moment.steps.alarm.sound_s", ("-", "9", LOOSE, True)),
        ("[crane.moment.steps.critical]\nhold = false", "crane.moment.steps.critical.hold",
         ("true", "false", LOOSE, True)),
        (f"[crane.moment.steps.peak]\nsamples = {number(3)}", "crane.moment.steps.peak.samples",
         ("1", "3", LOOSE, True)),
        (f"[crane.moment.steps.prewarning]\nsound_s = {number(1)}", "crane.moment.steps.prewarning.sound_s",
         ("1.5", "1", LOOSE, True)),
        ("[crane.moment.steps.peak]\nremove = true", "crane.moment.steps.peak", ("120", "-", LOOSE, True)),
        ("[crane.moment]\nremove = true", "crane.moment", ("watched", "-", LOOSE, True)),
        ("[crane.rated_load]\nremove = true", "crane.rated_load", ("watched", "-", LOOSE, False)),
        ("[crane.moment]\nlife_safety = false", "crane.moment.life_safety", ("true", "false", LOOSE, True)),
        ("[crane.moment]\nsuppressed_in = ['parked']", "crane.moment.suppressed_in", ("-", "parked", LOOSE, True)),
        ("[crane.wind]\nsuppressed_in = []", "crane.wind.suppressed_in", ("parked", "-", TIGHT, False)),
        (f"[crane.moment]\nsilence_rise = {number(5)}", "crane.moment.silence_rise", ("2", "5", LOOSE, True)),
        ("[crane.moment]\nchannel = 'load_pct'", "crane.moment.channel", ("moment_pct", "load_pct", JUDGE, False)),
        (f"[crane.wind.modes.climbing.alarm]\nset = {number(9.5)}", "crane.wind.modes.climbing.alarm.set",
         ("9", "9.5", LOOSE, True)),
        ("[crane.wind.modes.climbing]\nremove = true", "crane.wind.modes.climbing.alarm.set", ("9", "12", LOOSE, True)),
        (f"[crane.figures]\nsilence_timeout_s = {number(60)}", "crane.figures.silence_timeout_s",
         ("10", "60", LOOSE, True)),
        (f"[crane.figures]\ngust_s = {number(5)}", "crane.figures.gust_s", ("3", "5", JUDGE, False)),
        (f"{ALARM}set = {number(100)}", "crane.moment.steps.alarm.set", ("100", "100", Verdict.SOURCE, False)),
    ],
)  # fmt: skip
def test_a_change_is_called_what_it_is(body: str, path: str, found: tuple[str, str, Verdict, bool]) -> None:
    assert changed(body)[path] == found


def test_a_limit_that_a_mode_takes_from_its_step_changes_with_it() -> None:
    found = changed(f"[crane.wind.steps.alarm]\nset = {number(13)}")
    assert list(found) == ["crane.wind.steps.alarm.set"], "climbing has its own"


def test_nothing_differs_from_itself() -> None:
    assert differences(CN, CN) == []


def test_both_sources_are_shown_and_a_loosened_life_safety_limit_is_called_that() -> None:
    one = differences(profiles.load("uk"), profiles.load("eu"))
    wind = next(found for found in one if found.path == ("crane", "wind", "steps", "alarm", "set"))
    assert (wind.old.value, wind.new.value) == (16.5, 20.0)
    assert "CPA and HSE" in source(wind.old)
    assert "maker practice" in source(wind.new)
    assert wind.words() == LIFE
    assert "LIFE-SAFETY" in " ".join(LIFE)
    assert "生命安全" in " ".join(LIFE)


def test_every_field_of_a_step_is_compared() -> None:
    fields = set(Step.__struct_fields__)
    body = ALARM + "".join(f"{name} = {number(1)}\n" for name in ("on_s", "off_s", "samples", "sound_s"))
    body = body.replace(f"off_s = {number(1)}", f"off_s = {number(2)}").replace(
        f"on_s = {number(1)}", f"on_s = {number(2)}", 1
    )
    body += f"set = {number(101)}\nclear = {number(90)}\ncab = 'none'\ndesk = false\nhold = true\nlatch = true\n"
    found = {path.rpartition(".")[2] for path in changed(body) if path.startswith("crane.moment.steps.alarm.")}
    assert found == fields
