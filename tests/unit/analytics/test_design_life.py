"""A design life that is nearly used up: a line at the desk, never a sound in the cab."""

from analytics.engine import Engine
from analytics.review.service import records
from telemetry.wire.payloads import Recorded, SiteRecord
from tests.helpers.site import Rig, story

KEY = ("site", "crane", "c1")


def states(rig: Rig, used_pct: float | None, *, more: int = 0) -> str:
    """What the review says of the crane, and what comes of it."""
    named = [] if used_pct is None else [Recorded(kind="crane", device="c1", used_pct=used_pct)]
    rig.rx += 30_000
    return story(rig.note(rig.engine.recorded("site", SiteRecord(at=rig.rx, devices=named, more=more), rig.rx)))


def test_ninety_per_cent_is_a_line_and_a_hundred_a_stronger_one() -> None:
    rig = Rig()
    assert states(rig, 91.2) == "design_life raise unacknowledged"
    assert states(rig, 91.3) == ""
    alarm = rig.alarm("design_life")
    assert (alarm.cab, alarm.value, alarm.limit, alarm.life_safety) == ("none", 91.2, 90.0, False)
    assert alarm.text.zh == "设计寿命已用 91 %"
    assert states(rig, 100.4) == "design_life escalate unacknowledged"
    alarm = rig.alarm("design_life")
    assert (alarm.cab, alarm.limit, alarm.hold) == ("none", 100.0, False)
    assert "assess" in alarm.action.en


def test_it_ends_when_the_statement_no_longer_names_it() -> None:
    rig = Rig()
    states(rig, 95.0)
    assert states(rig, None, more=3) == "", "it may be among those that did not fit"
    assert states(rig, None) == "design_life clear returned_unacknowledged"


def test_a_gap_that_closes_ends_no_design_life() -> None:
    rig = Rig()
    both = [Recorded(kind="crane", device="c1", used_pct=95.0, missing=9, missing_since=rig.rx, overdue=True)]
    rig.note(rig.engine.recorded("site", SiteRecord(at=rig.rx, devices=both), rig.rx))
    assert states(rig, 95.0) == "gap clear returned_unacknowledged"


def test_a_restored_engine_says_nothing_twice() -> None:
    rig = Rig()
    states(rig, 95.0)
    rig.engine = Engine.restore(rig.engine.snapshot())
    assert states(rig, 95.1) == ""


def test_the_statement_names_a_crane_that_lacks_nothing_but_life() -> None:
    (record,) = records(["site"], {}, [], {}, 5, {KEY: 93.0}).values()
    assert [(one.device, one.used_pct, one.missing) for one in record.devices] == [("c1", 93.0, 0)]
