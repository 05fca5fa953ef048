"""A desk that is told too much: floods, chatter, a site that falls silent; and what may never be hidden by them."""

from typing import Any

import pytest

from analytics.engine import Engine
from analytics.outcome import Outcome
from telemetry.model import Severity
from telemetry.wire.payloads import Alarm, DeviceConfig, Event, Response, Transition
from tests.helpers.site import CHART, START, arrived

P0 = ("site", "analyzer", "p0")


class Site:
    """Twenty cranes of one site in front of an engine; a tick a second."""

    def __init__(self) -> None:
        self.engine = Engine()
        self.at = START
        self.version = 1
        self.seq = 0
        self.transitions: list[Transition] = []
        self.alarms: dict[tuple[str, str], Alarm | None] = {}
        self.names = [f"c{k:02d}" for k in range(20)]
        for name in self.names:
            self.note(self.engine.configure("site", "crane", name, self.config(1), START))
        self.tick()

    @staticmethod
    def config(version: int, **more: Any) -> DeviceConfig:
        return DeviceConfig(version=version, charts=[CHART], interval_ms=1000, **more)

    def note(self, outcome: Outcome) -> None:
        self.transitions += outcome.transitions
        self.alarms |= {(key[2], rule): alarm for (key, rule), alarm in outcome.alarms.items()}

    def tick(self, seconds: int = 1) -> None:
        for _ in range(seconds):
            self.at += 1000
            self.note(self.engine.tick(self.at, self.at))

    def wrong(self, name: str) -> None:
        """A configuration that cannot be used: an alarm to the desk that is no danger to life."""
        self.version += 1
        self.note(self.engine.configure("site", "crane", name, self.config(self.version, profile="nowhere"), self.at))

    def right(self, name: str) -> None:
        self.version += 1
        self.note(self.engine.configure("site", "crane", name, self.config(self.version), self.at))

    def speak(self, *names: str, **channels: Any) -> None:
        self.seq += 1
        reading = {"load_t": 0.1, "radius_m": 42.0, "falls": 2, **channels}
        self.note(self.engine.feed([
            arrived(name, received=self.at, boot="boot-00000001", seq=self.seq, ts=self.at, **reading)
            for name in names
        ]))  # fmt: skip

    def overload(self, name: str) -> None:
        self.speak(name, load_t=3.5)

    def respond(self, key: tuple[str, str, str], rule: str, action: str) -> None:
        response = Response(id=f"response-{self.at}", action=action, at=self.at, who="li", rule=rule)  # type: ignore[arg-type]
        self.note(self.engine.respond(*key, response, self.at))

    def said(self, rule: str, device: str = "p0") -> list[str]:
        return [str(t.signal) for t in self.transitions if (t.device, t.rule) == (device, rule)]

    def shown(self) -> set[tuple[str, str]]:
        """What waits at the desk as lines of their own."""
        return {place for place, alarm in self.alarms.items() if alarm is not None and alarm.desk == "unacknowledged"}


def flooded(many: int = 11) -> Site:
    site = Site()
    for name in site.names[:many]:
        site.wrong(name)
    site.tick()
    return site


def test_ten_in_ten_minutes_are_no_flood() -> None:
    site = flooded(10)
    assert site.said("flood") == []
    assert len(site.shown()) == 10


def test_more_than_ten_are_one_line_that_says_what_to_look_at() -> None:
    site = flooded()
    assert site.said("flood") == ["raise"]
    assert site.shown() == {("p0", "flood")}
    alarm = site.alarms["p0", "flood"]
    assert alarm is not None
    assert alarm.text is not None
    assert alarm.severity is Severity.ALARM
    assert "11" in alarm.text.zh
    assert "0 of life safety" in alarm.text.en
    child = site.alarms["c00", "config"]
    assert child is not None
    assert (child.desk, child.parent, child.state) == ("none", "p0", "unacknowledged"), "its state is its own"


def test_what_comes_in_a_flood_is_grouped_as_it_comes() -> None:
    site = flooded()
    site.wrong("c15")
    assert site.shown() == {("p0", "flood")}, "not shown for half a second and gone again"
    site.tick()
    assert "12" in site.alarms["p0", "flood"].text.zh  # type: ignore[union-attr]


def test_a_flood_hides_no_danger_to_life() -> None:
    site = flooded()
    site.overload("c12")
    site.tick()
    assert ("c12", "moment") in site.shown()
    assert site.alarms["c12", "moment"].cab == "continuous"  # type: ignore[union-attr]
    for _ in range(5):
        site.speak("c13", load_t=2.85)
        site.tick()
    assert site.alarms["c13", "moment"].severity is Severity.ALARM  # type: ignore[union-attr]
    assert ("c13", "moment") in site.shown(), "no worse than the flood, and a danger to life"
    assert "2 of life safety" in site.alarms["p0", "flood"].text.en  # type: ignore[union-attr]
    before = Site()
    before.overload("c12")
    for name in before.names[:11]:
        before.wrong(name)
    before.tick()
    assert before.shown() >= {("c12", "moment"), ("p0", "flood")}, "nor one that was there before it"


def test_a_flood_that_was_acknowledged_goes_on_grouping_and_counting() -> None:
    site = flooded()
    site.respond(P0, "flood", "acknowledge")
    site.wrong("c15")
    site.tick()
    assert site.shown() == set()
    assert "12" in site.alarms["p0", "flood"].text.zh  # type: ignore[union-attr]


def test_when_it_is_over_everything_that_is_still_on_waits_at_the_desk_by_itself() -> None:
    site = flooded()
    site.right("c00")
    site.tick(599)
    assert site.said("flood") == ["raise", "clear"]
    assert {name for name, rule in site.shown() if rule == "config"} == {*site.names[1:11], "c00"}, (
        "c00 is over, and nobody has acknowledged it"
    )


def test_it_ends_when_fewer_than_five_are_left_of_ten_minutes() -> None:
    site = Site()
    for name in site.names[:11]:
        site.wrong(name)
        site.tick(50)
    assert site.said("flood") == ["raise"]
    site.tick(340)
    assert site.said("flood") == ["raise"], "five are left"
    site.tick(20)
    assert site.said("flood") == ["raise", "clear"]


def test_an_alarm_that_comes_and_goes_is_one_line_that_says_so() -> None:
    site = Site()
    for _ in range(2):
        site.wrong("c00")
        site.tick(5)
        site.right("c00")
        site.tick(5)
    assert site.said("chattering", "c00") == []
    site.wrong("c00")
    site.tick()
    assert site.said("chattering", "c00") == ["raise"]
    assert site.shown() == {("c00", "chattering")}
    site.right("c00")
    site.tick(3)
    site.wrong("c00")
    assert site.shown() == {("c00", "chattering")}, "the next one is grouped as it comes"
    site.tick(599)
    assert site.said("chattering", "c00") == ["raise"]
    site.tick(5)
    assert site.said("chattering", "c00") == ["raise", "clear"]
    assert ("c00", "config") in site.shown()


def test_chatter_hides_no_danger_to_life() -> None:
    site = Site()
    for _ in range(4):
        site.overload("c00")
        site.tick()
        for _ in range(4):
            site.speak("c00")
            site.tick()
    assert site.said("moment", "c00")[:4] == ["raise", "clear", "raise", "clear"]
    assert site.said("chattering", "c00") == ["raise"]
    assert {("c00", "moment"), ("c00", "chattering")} <= site.shown()
    assert site.alarms["c00", "chattering"].severity is Severity.ADVISORY  # type: ignore[union-attr]


def silent(site: Site, *names: str) -> None:
    """These say no more."""
    for _ in range(25):
        site.tick()
        site.speak(*(name for name in site.names if name not in names))


def test_a_site_whose_boxes_fall_silent_is_one_line_with_the_number() -> None:
    site = Site()
    site.speak(*site.names)
    silent(site, *site.names[:12])
    assert len([t for t in site.transitions if t.rule == "silence" and t.device != "p0"]) == 12, "each is recorded"
    assert site.shown() == {("p0", "silence")}
    alarm = site.alarms["p0", "silence"]
    assert alarm is not None
    assert alarm.text is not None
    assert alarm.life_safety
    assert (alarm.posts, "12 devices silent" in alarm.text.en) == (12, True)
    site.tick()
    assert site.said("flood") == [], "one cause is no flood"
    site.speak(*site.names[:10])
    site.tick()
    assert ("p0", "silence") not in site.shown() or site.said("silence") == ["raise", "clear"]
    assert {("c10", "silence"), ("c11", "silence")} <= site.shown(), "two speak for themselves"


def test_two_silent_boxes_speak_for_themselves() -> None:
    site = Site()
    site.speak(*site.names)
    silent(site, "c00", "c01")
    assert site.shown() == {("c00", "silence"), ("c01", "silence")}


def test_one_that_falls_silent_after_the_line_was_acknowledged_is_a_line_of_its_own() -> None:
    site = Site()
    site.speak(*site.names)
    silent(site, "c00", "c01", "c02")
    site.respond(P0, "silence", "acknowledge")
    assert site.shown() == set()
    silent(site, "c00", "c01", "c02", "c03")
    assert site.shown() == {("c03", "silence")}


def test_a_box_that_was_switched_off_as_announced_is_not_among_the_silent() -> None:
    site = Site()
    site.speak(*site.names, mode="parked")
    for name in site.names[:5]:
        last = Event(id=f"gasp-{name}", type="power_off", ts=site.at, boot="boot-00000001", seq=1)
        site.note(site.engine.event("site", "crane", name, last, site.at))
    silent(site, *site.names[:5])
    assert site.said("silence") == []


@pytest.mark.parametrize("many", [5, 11])
def test_it_is_the_same_after_a_snapshot(many: int) -> None:
    first, second = flooded(many), flooded(many)
    second.engine = Engine.restore(second.engine.snapshot())
    for site in (first, second):
        site.wrong("c12")
        site.overload("c13")
        site.tick(200)
        site.right("c12")
        site.tick(450)
    assert first.transitions == second.transitions
    assert first.alarms == second.alarms
    assert first.engine.snapshot() == second.engine.snapshot()
