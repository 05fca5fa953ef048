"""What a proof test comes to, link by link, as a script of what the record has and when."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from telemetry import proof, proof_schedule
from telemetry.ladder import Ladder, Plan, Step
from telemetry.proof import Evidence, Link, Moment, Outcome
from telemetry.proof_schedule import Schedule
from telemetry.roles import Role

SENT = datetime(2027, 1, 15, 6, 0, tzinfo=UTC)
CAB = proof.expected(Plan(), terminal=True, contacts=True, interval_s=0.2)
BARE = proof.expected(Plan(), terminal=False, contacts=False, interval_s=0.2)
PLACES = {
    "accepted": "accepted", "stored": "stored", "raised": "raised", "delivered": "delivered", "rendered": "rendered",
    "notified": "notified", "confirmed": "confirmed", "acknowledged": "acknowledged", "refused": "refused",
}  # fmt: skip
GOOD = "accepted@0.2 stored@0.4 raised@1.0 delivered@1.1 rendered@1.2 notified@3 confirmed@8 acknowledged@12"  # seconds


def at(seconds: float) -> datetime:
    return SENT + timedelta(seconds=seconds)


def evidence(script: str, now: float, **more: Any) -> Evidence:
    """`accepted@0.2 …`: what came after how many seconds."""
    found = {}
    for word in script.split():
        name, _, seconds = word.partition("@")
        found[PLACES[name]] = Moment(at(float(seconds)))
    told = more.pop("told", True)
    return Evidence(sent=SENT, now=at(now), told=told, **found, **more)


def verdict(script: str, now: float, wanted: proof.Expected = CAB, **more: Any) -> str:
    found = proof.judge(evidence(script, now, **more), wanted)
    return " ".join(str(part) for part in (found.outcome or "under way", found.failed, found.detail) if part)


def without(*links: str) -> str:
    return " ".join(word for word in GOOD.split() if word.partition("@")[0] not in links)


def test_every_link_in_time_passes_with_the_seconds_of_each() -> None:
    found = proof.judge(evidence(GOOD, 12), CAB)
    assert found.outcome is Outcome.PASSED
    assert [(str(one.link), one.seconds) for one in found.steps] == [
        ("accepted", 0.2), ("stored", 0.4), ("raised", 0.6), ("delivered", 0.1), ("rendered", 0.2), ("notified", 2.0),
        ("confirmed", 7.0), ("acknowledged", 11.0),
    ]  # fmt: skip
    assert proof.latency_s(found.steps) == pytest.approx(0.8)


@pytest.mark.parametrize(
    ("missing", "before", "then"),
    [
        ("accepted stored raised delivered rendered notified confirmed acknowledged", 13.1, "failed accepted missing"),
        ("stored raised delivered rendered notified confirmed acknowledged", 19, "failed stored missing"),
        ("raised delivered rendered notified confirmed acknowledged", 7.4, "failed raised missing"),
        ("delivered rendered confirmed", 6.9, "failed delivered missing"),
        ("rendered confirmed", 6.9, "failed rendered missing"),
        ("notified", 18.9, "failed notified missing"),
        ("confirmed", 33.9, "failed confirmed missing"),
        ("acknowledged", 33.9, "failed acknowledged missing"),
    ],
)
def test_a_link_that_does_not_come_fails_the_test_when_that_is_certain(missing: str, before: float, then: str) -> None:
    script = without(*missing.split())
    assert verdict(script, before) == "under way"
    assert verdict(script, before + 0.5) == then


def test_a_link_that_comes_too_late_fails_it() -> None:
    assert verdict(without("rendered") + " rendered@4.5", 12) == "failed rendered late"
    assert verdict(without("acknowledged") + " acknowledged@32", 32) == "failed acknowledged late"


def test_a_terminal_that_shows_it_has_it() -> None:
    assert verdict(without("delivered"), 12) == "passed"


def test_the_desk_has_until_the_ladder_would_ask_the_next_one() -> None:
    steps = [Step(after_s=0, duty=Role.SAFETY_OFFICER), Step(after_s=5, role=Role.SITE_MANAGER)]
    quick = proof.expected(Plan(life_safety=Ladder(steps=steps)), terminal=True, contacts=True, interval_s=0.2)
    assert verdict(GOOD, 12, quick) == "failed acknowledged late"


def test_where_no_terminal_and_nobody_to_tell_is_expected_those_links_are_left_out() -> None:
    found = proof.judge(evidence("accepted@0 stored@1 raised@2 acknowledged@9", 9), BARE)
    assert found.outcome is Outcome.PASSED
    assert found.left_out == [Link.DELIVERED, Link.RENDERED, Link.CONFIRMED, Link.NOTIFIED]


def test_nobody_on_duty_and_a_channel_that_will_not_are_said_as_such() -> None:
    assert verdict(without("notified"), 20, told=False) == "failed notified nobody"
    assert verdict(without("notified", "acknowledged"), 5, dead=True) == "failed notified dead"


def test_quiet_hours_that_hold_the_message_fail_nothing() -> None:
    assert verdict(without("notified"), 12, held=True) == "passed"


@pytest.mark.parametrize("why", ["loaded", "unknown", "rising", "alarm"])
def test_what_the_analyzer_would_not_is_refused(why: str) -> None:
    assert verdict("accepted@0.2 stored@0.4 refused@0.5", 1, why=why) == f"refused {why}"


def test_what_the_device_would_not_is_refused() -> None:
    assert verdict("", 1, declined="expired") == "refused device"


@pytest.mark.parametrize("links", ["acknowledged", "rendered confirmed acknowledged"])
def test_a_real_alarm_or_a_lift_interrupts_it_and_is_no_failure(links: str) -> None:
    script = without(*links.split()) + " refused@1.3"
    assert verdict(script, 1.5, why="alarm") == "interrupted alarm"
    assert verdict(script, 60, why="loaded") == "interrupted loaded"


def test_what_had_come_whole_before_stays_passed() -> None:
    assert verdict(GOOD + " refused@13", 14, why="alarm") == "passed"


def test_an_alarm_of_a_bay_on_the_same_screen_interrupts_it() -> None:
    assert verdict(without("rendered", "confirmed", "delivered"), 9, alarm=True) == "interrupted alarm"


def test_a_slow_device_gets_its_intervals() -> None:
    slow = replace(CAB, interval_s=15.0)
    assert verdict("accepted@12 stored@60", 100, slow) == "under way"
    assert proof.hold_s(15.0) == 90.0


def test_words_name_the_link_in_both_languages() -> None:
    words = proof.words(Outcome.FAILED, "rendered", "missing")
    assert (words.zh, words.en) == ("失败 终端显示 未到达", "failed: shown by a terminal, never came")


# The schedule

ZONE = ZoneInfo("Asia/Shanghai")
WEEKLY = Schedule(7, "08:00", "10:00")


def local(text: str) -> datetime:
    return datetime.fromisoformat(f"2027-01-{text}").replace(tzinfo=ZONE)


@pytest.mark.parametrize(
    ("now", "done", "asked", "asks"),
    [
        ("15 07:59", None, None, False),
        ("15 08:00", None, None, True),
        ("15 10:00", None, None, False),
        ("15 09:00", "08 09:30", "08 09:00", True),  # a week by the calendar, not by the clock
        ("15 09:00", "09 08:00", "09 08:00", False),
        ("15 09:00", None, "15 08:00", False),  # once a day
        ("15 09:00", None, "14 08:00", True),  # and again the next day
    ],
)
def test_a_schedule_asks_in_its_hours_once_a_day(now: str, done: str | None, asked: str | None, asks: bool) -> None:
    at_ = {name: local(text) if text else None for name, text in (("done", done), ("asked", asked))}
    found = proof_schedule.asks(WEEKLY, ZONE, local(now).astimezone(UTC), at_["done"], at_["asked"])
    assert (found is not None) is asks
    if found is not None:
        assert found == local("15 10:00")


def test_overdue_is_a_day_more_than_it_should_be_and_counted_from_the_schedule_where_none_was_done() -> None:
    since = local("01 08:00")
    assert proof_schedule.overdue_days(WEEKLY, local("09 07:00"), None, since) is None
    assert proof_schedule.overdue_days(WEEKLY, local("09 09:00"), None, since) == pytest.approx(8.04, abs=0.01)
    assert proof_schedule.overdue_days(WEEKLY, local("15 09:00"), local("09 08:00"), since) is None


def test_hours_over_midnight_are_refused() -> None:
    with pytest.raises(ValueError, match="end before they begin"):
        proof_schedule.check(Schedule(7, "22:00", "06:00"))
    with pytest.raises(ValueError, match="isoformat"):
        proof_schedule.check(Schedule(7, "late", "later"))
