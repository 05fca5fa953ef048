"""A site's limit profile comes to the analyzer: it holds, waits for its time, or is refused and the last one stays."""

from typing import Any

import msgspec
import pytest

from analytics.engine import Engine
from analytics.intake import Intake
from analytics.outcome import Outcome
from telemetry import profiles
from telemetry.model import State
from telemetry.wire import payloads, topics
from telemetry.wire.payloads import DeviceConfig, SiteConfig, SiteProfile
from tests.helpers.limits import number, published
from tests.helpers.site import CHART, START, Rig, arrived, story

DESK = ("site", "analyzer", "p0")
AT_42 = {"radius_m": 42.0, "falls": 2}
ALARM = "[crane.moment.steps.alarm]\nset = {}\n"


def limit(engine: Engine, device: str = "c1", rule: str = "moment") -> float:
    fleet = engine.fleets["crane"]
    return fleet.limits[fleet.index["site", device]].rules[rule].steps["alarm"].set.value


def refused(engine: Engine) -> str | None:
    alarm = engine.annunciator.payload(DESK, "config")
    return alarm.text.zh + alarm.text.en if alarm is not None and alarm.active and alarm.text is not None else None


def take(rig: Rig, sent: SiteProfile, at: int | None = None) -> Outcome:
    outcome = rig.engine.publish_profile("site", sent, rig.rx if at is None else at)
    rig.note(outcome)
    return outcome


def test_a_published_profile_holds_for_devices_of_the_site_new_ones_too() -> None:
    rig = Rig()
    take(rig, published(ALARM.format(number(105))))
    rig.engine.feed([arrived("c2", boot="boot-00000002", seq=1, ts=START, load_t=0.5)])
    assert (limit(rig.engine), limit(rig.engine, "c2")) == (105.0, 105.0)
    other = Rig(engine=Engine())
    other.engine.publish_profile("elsewhere", published(ALARM.format(number(105))), START)
    assert limit(other.engine) == 100.0


def test_a_device_that_names_another_profile_than_the_site_keeps_it() -> None:
    rig = Rig(config=DeviceConfig(version=1, profile="uk", charts=[CHART]))
    take(rig, published(f"[crane.wind.steps.alarm]\nset = {number(12.5)}\n"))
    assert limit(rig.engine, rule="wind") == 16.5
    rig.engine.configure("site", "crane", "c1", DeviceConfig(version=2, profile="works", charts=[CHART]), rig.rx)
    assert limit(rig.engine, rule="wind") == 12.5


def test_what_the_analyzer_reports_names_the_profile_by_its_hash() -> None:
    rig = Rig()
    rig.hold(3, load_t=0.5, **AT_42)
    sent = published(ALARM.format(number(105)))
    terms = take(rig, sent).evaluated["site", "crane", "c1"].terms
    assert [(t.judged, t.seq) for t in terms] == [(f"works/1@{sent.hash[:12]}", 3)]
    said = rig.hold(4, load_t=2.95, **AT_42)
    assert said[-1].profile == f"works/1@{sent.hash[:12]}"


def test_every_transition_of_a_device_names_a_profile() -> None:
    rig = Rig()
    rig.hold(4, load_t=2.8, **AT_42)
    rig.respond("acknowledge", rule="moment")
    rig.tick(60_000)
    rig.read(load_t=0.5, **AT_42)
    assert {t.rule for t in rig.transitions} >= {"moment", "silence"}
    assert {t.profile for t in rig.transitions} == {profiles.load("cn").label}


# Refusals


def _broken(**fields: Any) -> SiteProfile:
    return msgspec.structs.replace(published(ALARM.format(number(99))), **fields)


@pytest.mark.parametrize(
    ("sent", "words"),
    [
        (_broken(approved_by=""), "not let pass by a second person"),
        (_broken(approved_by="li"), "not let pass by a second person"),
        (_broken(approved_by=" ＬＩ"), "not let pass by a second person"),
        (_broken(proposed_by=" "), "not let pass by a second person"),
        (_broken(hash="0" * 64), "was let pass"),
        (_broken(text=_broken().text.replace("99", "109")), "was let pass"),
        (_broken(text="name ="), "works/1, line 1: not TOML"),
        (_broken(text=_broken().text.replace("moment", "momentum")), "momentum"),
        (_broken(text=_broken().text.replace('base = "cn"', 'base = "fr"')), "line 3: base: no limit profile 'fr'"),
        (_broken(name="other"), "another name, version or effective time"),
        (_broken(version=2, text=_broken().text), "another name, version or effective time"),
        (_broken(effective=5), "another name, version or effective time"),
    ],
)
def test_what_is_wrong_is_refused_and_the_last_good_one_stays(sent: SiteProfile, words: str) -> None:
    rig = Rig()
    take(rig, published(ALARM.format(number(105)), name="before"))
    said = take(rig, sent)
    assert story(said.transitions) == "config raise unacknowledged"
    assert words in (refused(rig.engine) or "")
    assert "限值配置" in (refused(rig.engine) or "")
    assert limit(rig.engine) == 105.0
    good = published(ALARM.format(number(99)), version=7)
    assert story(take(rig, good).transitions) == "config clear returned_unacknowledged"
    assert limit(rig.engine) == 99.0


def test_versions_never_go_back_and_one_version_says_one_thing() -> None:
    rig = Rig()
    take(rig, published(ALARM.format(number(105)), version=3))
    take(rig, published(ALARM.format(number(99)), version=2))
    assert "older than version 3" in (refused(rig.engine) or "")
    take(rig, published(ALARM.format(number(105)), version=3))
    assert refused(rig.engine) is None, "what holds was published again"
    take(rig, published(ALARM.format(number(99)), version=3))
    assert "something else" in (refused(rig.engine) or "")
    assert limit(rig.engine) == 105.0


def test_a_profile_that_a_device_cannot_be_judged_by_is_refused() -> None:
    own = {"moment": {"alarm": 97.0, "prewarning": 80.0}}
    rig = Rig(config=DeviceConfig(version=1, charts=[CHART], limits=own))
    take(rig, published("[crane.moment]\nremove = true\n"))
    assert "crane/c1: limits: crane has no moment.alarm" in (refused(rig.engine) or "")
    assert "moment" in rig.engine.fleets["crane"].limits[0].rules


def test_a_good_profile_does_not_hide_that_the_sites_configuration_is_refused() -> None:
    rig = Rig()
    rig.note(rig.engine.configure_site("site", SiteConfig(version=1, profile="fr"), rig.rx))
    assert refused(rig.engine) is not None
    take(rig, published(ALARM.format(number(105))))
    assert refused(rig.engine) is not None
    said = rig.engine.configure_site("site", SiteConfig(version=2, profile="cn"), rig.rx)
    assert story(said.transitions) == "config clear returned_unacknowledged"


def test_who_named_a_profile_before_it_came_gets_it_when_it_comes() -> None:
    rig = Rig()
    rig.note(rig.engine.configure_site("site", SiteConfig(version=1, profile="eu"), rig.rx))
    named = DeviceConfig(version=2, profile="works", charts=[CHART])
    rig.note(rig.engine.configure("site", "crane", "c1", named, rig.rx))
    assert rig.alarm("config").active
    rig.engine = Engine.restore(rig.engine.snapshot())
    take(rig, published(ALARM.format(number(105))))
    assert not rig.alarm("config").active
    assert limit(rig.engine) == 105.0


# Time


@pytest.mark.parametrize("restart", [False, True])
def test_a_profile_of_the_future_holds_from_the_first_tick_beyond_its_time(restart: bool) -> None:
    rig = Rig()
    body = "effective = 2027-01-15T08:00:30Z\n" + ALARM.format(number(105))
    sent = published(body)
    assert sent.effective == START + 30_000
    rig.read(load_t=0.5, **AT_42)
    rig.tick()
    take(rig, sent)
    for _ in range(28):
        rig.read(load_t=0.5, **AT_42)
        rig.tick()
        assert limit(rig.engine) == 100.0
    if restart:
        rig.engine = Engine.restore(rig.engine.snapshot())
    rig.read(load_t=0.5, **AT_42)
    assert limit(rig.engine) == 100.0, "a sample is no tick"
    rig.tick()
    assert limit(rig.engine) == 105.0
    assert rig.outcomes[-1].evaluated["site", "crane", "c1"].terms[0].seq == 30


def test_a_newer_profile_takes_the_place_of_one_that_waits() -> None:
    rig = Rig()
    take(rig, published("effective = 2027-01-15T08:00:30Z\n" + ALARM.format(number(105))))
    take(rig, published(ALARM.format(number(103)), version=2))
    rig.tick(60_000)
    assert limit(rig.engine) == 103.0


def test_without_memory_what_holds_until_then_comes_with_the_profile_of_the_future() -> None:
    rig = Rig()
    before = published(ALARM.format(number(105)))
    body = "effective = 2027-01-15T08:00:30Z\n" + ALARM.format(number(103))
    take(rig, published(body, version=2, before=before))
    assert limit(rig.engine) == 105.0
    rig.tick(60_000)
    assert limit(rig.engine) == 103.0
    assert refused(rig.engine) is None


def test_what_waited_and_does_not_fit_any_more_is_refused_when_its_time_comes() -> None:
    rig = Rig()
    take(rig, published("effective = 2027-01-15T08:00:30Z\n[crane.moment]\nremove = true\n"))
    own = {"moment": {"alarm": 97.0, "prewarning": 80.0}}
    rig.engine.configure("site", "crane", "c1", DeviceConfig(version=2, charts=[CHART], limits=own), rig.rx)
    assert story(rig.tick(60_000)) == "config raise unacknowledged"
    assert "crane/c1" in (refused(rig.engine) or "")
    assert "moment" in rig.engine.fleets["crane"].limits[0].rules


# The door


def test_it_comes_through_the_intake_as_any_other_input_and_is_taken_once() -> None:
    intake = Intake(Engine(), topics.tick(0))
    sent = payloads.encode(published(ALARM.format(number(105))))
    reading = b'{"boot":"boot-0001","seq":1,"ts":%d,"load_t":0.5}' % START
    inputs = [(topics.site_profile("site"), sent), ("cw/v1/site/crane/c1/up/reading", reading)]
    taken = intake.apply(START, [*inputs, inputs[0], (topics.site_profile("site"), b"")])
    assert dict(taken.leaves) == {"site_profile": 2, "reading": 1}
    assert limit(intake.engine) == 105.0
    assert dict(intake.apply(START, [(topics.site_profile("site"), b'{"name":"x"}')]).ignored) == {"invalid": 1}


def test_a_packaged_profile_that_the_next_version_of_the_program_changes_clears_nothing() -> None:
    """The snapshot of the version before, in which the packaged profile was another one."""
    rig = Rig(interval_ms=200)
    rig.hold(10, load_t=2.8, **AT_42)
    old = profiles.parse(profiles.text("cn").replace('en = "China, defaults"', 'en = "China, as it was"'))
    engine = rig.engine
    engine._configuration.book.add([old])
    device = engine.fleets["crane"].devices[0]
    assert device.under is not None
    device.under = type(device.under)(old.label, device.under.mode, device.under.overrides)
    rig.engine = Engine.restore(engine.snapshot())
    fleet = rig.engine.fleets["crane"]
    assert {under.profile for under in fleet.devices[0].held.values()} == {old.label}
    assert rig.alarm("moment").state is State.UNACKNOWLEDGED
    said = rig.hold(10, load_t=0.5, **AT_42)
    assert story(said) == "moment clear returned_unacknowledged"
    assert fleet.limits[0].profile.label == profiles.load("cn").label
