"""What the analyzer makes of what the review says of the record: gaps, findings, and the end of a doubt."""

import msgspec

from analytics.engine import Engine
from analytics.ourselves import DOUBT_MS
from telemetry.model import Severity
from telemetry.wire.payloads import Finding, Recorded, SiteRecord, Words
from tests.helpers.site import START, Rig, story

MINUTE = 60_000
FOUND = Finding(
    transition="feed0000feed0000", rule="moment", severity=Severity.ALARM, at=START, life_safety=True,
    text=Words(zh="超载 力矩 105 %", en="OVERLOAD moment 105 %"),
)  # fmt: skip


def said(rig: Rig, *devices: Recorded, **fields: int) -> str:
    record = SiteRecord(at=rig.rx, devices=list(devices), **fields)
    return story(rig.note(rig.engine.recorded("site", record, rig.rx)))


def lacking(frames: int, *, overdue: bool) -> Recorded:
    return Recorded(kind="crane", device="c1", missing=frames, missing_since=START - 20 * MINUTE, overdue=overdue)


def test_a_gap_is_an_alarm_when_it_is_overdue_and_ends_when_it_is_filled() -> None:
    rig = Rig()
    rig.read(load_t=0.5)
    assert said(rig, lacking(37, overdue=False)) == ""
    assert said(rig, lacking(37, overdue=True)) == "gap raise unacknowledged"
    alarm = rig.alarm("gap")
    assert (alarm.severity, alarm.cab, alarm.desk) == (Severity.ADVISORY, "none", "unacknowledged")
    assert alarm.text.en == "37 FRAMES MISSING, not sent again for 20 min"
    assert said(rig, lacking(12, overdue=True)) == "", "fewer are missing: the same alarm"
    assert said(rig) == "gap clear returned_unacknowledged"


def test_a_device_that_did_not_fit_into_the_statement_keeps_its_gap() -> None:
    rig = Rig()
    said(rig, lacking(37, overdue=True))
    assert said(rig, more=3) == ""
    assert rig.alarm("gap").active


def test_a_finding_is_told_to_the_desk_once_and_waits_for_a_person() -> None:
    rig = Rig()
    rig.read(load_t=0.5)
    device = Recorded(kind="crane", device="c1", found=FOUND)
    assert said(rig, device) == "review raise unacknowledged | review clear returned_unacknowledged"
    alarm = rig.alarm("review")
    assert (alarm.active, alarm.cab, alarm.life_safety) == (False, "none", True)
    assert said(rig, device) == "", "said already"
    rig.respond("acknowledge", rule="review")
    assert rig.alarm("review") is None
    assert said(rig, device) == "", "said, and answered"
    other = msgspec.structs.replace(device, found=msgspec.structs.replace(FOUND, transition="beef0000beef0000"))
    assert "review raise" in said(rig, other)


def test_what_was_said_is_remembered_over_a_restart() -> None:
    rig = Rig()
    device = Recorded(kind="crane", device="c1", found=FOUND)
    said(rig, device, clean_to=START)
    rig.engine = Engine.restore(rig.engine.snapshot())
    assert said(rig, device) == ""


def test_a_finding_that_is_not_over_says_so() -> None:
    rig = Rig()
    rig.read(load_t=0.5)
    holding = msgspec.structs.replace(FOUND, holds=True)
    said(rig, Recorded(kind="crane", device="c1", found=holding))
    assert rig.transitions[-2].text.en.endswith("OVERLOAD moment 105 %, not over in the last data")


def test_a_doubt_about_a_lost_session_ends_with_the_review_of_what_it_held() -> None:
    rig = Rig()
    rig.read(load_t=0.5)
    rig.engine.ourselves.doubted("session_lost", rig.rx)
    rig.tick(DOUBT_MS * 3)
    assert rig.engine.ourselves.doubt == "session_lost", "time alone reviews nothing"
    said(rig, clean_to=rig.rx - 1)
    assert rig.engine.ourselves.doubt == "session_lost", "reviewed up to before it was lost"
    said(rig, clean_to=rig.rx)
    assert rig.engine.ourselves.doubt is None


def test_a_doubt_about_lost_memory_lasts_until_the_windows_are_full_as_well() -> None:
    rig = Rig()
    rig.read(load_t=0.5)
    rig.engine.ourselves.doubted("warm_start", rig.rx)
    said(rig, clean_to=rig.rx + MINUTE)
    rig.tick(DOUBT_MS - 1)
    assert rig.engine.ourselves.doubt == "warm_start"
    rig.tick(DOUBT_MS)
    assert rig.engine.ourselves.doubt is None
