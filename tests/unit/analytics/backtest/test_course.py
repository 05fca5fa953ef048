"""The course of a crane's alarms, from the engine itself: what came, how far, and how long the cab sounded."""

import pytest

from analytics.backtest.course import Course
from telemetry.model import Severity
from tests.helpers.site import Rig

AT_42 = {"radius_m": 42.0, "falls": 2}  # rated 2.73 t
KEY = ("site", "crane", "c1")


def watched(interval_ms: int = 500) -> tuple[Rig, Course]:
    rig, course = Rig(interval_ms=interval_ms), Course(KEY)
    rig.engine.annunciator.witness = course.saw
    rig.hold(20, load_t=0.5, **AT_42)
    return rig, course


def test_a_lift_that_rises_through_the_steps_and_is_set_down() -> None:
    rig, course = watched()
    rig.hold(20, load_t=2.55, **AT_42)
    rig.hold(20, load_t=2.8, **AT_42)
    over = rig.ts
    rig.hold(40, load_t=0.5, **AT_42)
    course.end(rig.ts)
    (alarm,) = [one for one in course.came if one.rule == "moment"]
    assert list(alarm.steps) == [Severity.PREWARNING, Severity.ALARM]
    raise_, escalate, clear = (t for t in rig.transitions if t.rule == "moment")
    assert (alarm.at, alarm.steps[Severity.ALARM], alarm.until) == (raise_.at, escalate.at, clear.at)
    assert (alarm.value, alarm.limit, alarm.life_safety) == (escalate.value, escalate.limit, True)
    # A pulse of 1.5 s for the pre-warning; the alarm sounds for as long as it holds.
    pulse, tone = alarm.sounded
    assert pulse == (raise_.at, raise_.at + 1500)
    assert tone[0] == escalate.at
    assert over < tone[1] <= clear.at
    assert course.sound_s(0, rig.ts) == pytest.approx(1.5 + (tone[1] - tone[0]) / 1000)


def test_what_people_answer_changes_nothing_but_for_what_they_take_away() -> None:
    rig, course = watched()
    rig.hold(20, load_t=2.8, **AT_42)
    rig.respond("acknowledge", rule="moment")
    rig.respond("silence")
    rig.hold(20, load_t=2.8, **AT_42)
    assert [one.until for one in course.came] == [None]
    rig.respond("disable", rule="moment", why="being repaired")
    rig.hold(40, load_t=0.5, **AT_42)
    rig.hold(20, load_t=2.8, **AT_42)
    assert len([one for one in course.came if one.rule == "moment"]) == 1, "nobody hears the second"


def test_an_alarm_that_stands_already_is_there_with_its_sound() -> None:
    rig, _ = watched()
    rig.hold(20, load_t=2.8, **AT_42)
    since = rig.alarm("moment").since
    course = Course(KEY)
    course.begin(rig.engine.annunciator.records[KEY])
    rig.engine.annunciator.witness = course.saw
    begun = rig.ts
    rig.hold(40, load_t=0.5, **AT_42)
    (alarm,) = course.came
    assert (alarm.standing, alarm.at) == (True, since)
    assert alarm.until is not None
    assert course.sound_s(begun, rig.ts) > 0
