"""The figures of alarm management, on logs that one can count by hand."""

import pytest

from telemetry import alarm_kpi
from telemetry.alarm_kpi import Said, figures
from telemetry.model import Priority, Severity, Signal, State, priority

DAY = 86_400_000
MIN = 60_000
ENDS = {
    Signal.RAISE: State.UNACKNOWLEDGED, Signal.ESCALATE: State.UNACKNOWLEDGED, Signal.RE_ALARM: State.UNACKNOWLEDGED,
    Signal.ACKNOWLEDGE: State.ACKNOWLEDGED, Signal.CLEAR: State.NORMAL, Signal.SHELVE: State.SHELVED,
}  # fmt: skip


def said(minute: float, signal: str = "raise", rule: str = "wind", device: str = "c1", **more: object) -> Said:
    """A line of a log, so many minutes after its beginning."""
    kind = Signal(signal)
    fields = {"severity": Severity.ALARM, "life_safety": False, "who": None, "state": ENDS[kind]} | more
    return Said(round(minute * MIN), ("crane", device, rule), kind, State.NORMAL, **fields)  # type: ignore[arg-type]


def test_a_quiet_day_has_nothing_beyond_its_target() -> None:
    found = figures([said(60 * k, device=f"c{k}") for k in range(3)], 0, DAY)
    assert found.annunciated == 3
    assert found.per_day == 3
    assert found.per_hour == pytest.approx(3 / 24)
    assert found.per_10_min == pytest.approx(3 / 144)
    assert found.peak_10_min == 1
    assert found.beyond() == ["top_share"], "of three alarms each is a third"


def test_what_only_the_cab_heard_or_what_was_hidden_is_no_line_of_the_desk() -> None:
    log = [
        said(1, state=State.ACKNOWLEDGED), said(2, state=State.SHELVED), said(3, "shelve"),
        said(4, state=State.SUPPRESSED),
    ]  # fmt: skip
    assert figures(log, 0, DAY).annunciated == 0


def test_rates_are_of_the_span_and_not_of_what_was_before_it() -> None:
    log = [said(k) for k in range(30)]
    found = figures(log, 10 * MIN, 20 * MIN)
    assert (found.annunciated, found.per_10_min, found.peak_10_min) == (10, 10.0, 10)
    assert found.over_10_share == 0.0


def test_the_peak_is_of_any_ten_minutes_and_a_period_is_a_fixed_one() -> None:
    log = [said(5 + k, device=f"c{k}") for k in range(12)]  # five of them in the first ten minutes
    found = figures(log, 0, 20 * MIN)
    assert found.peak_10_min == 10
    assert found.over_10_share == 0.0
    assert figures([said(k / 2, device=f"c{k}") for k in range(12)], 0, 20 * MIN).over_10_share == 0.5


def test_a_flood_begins_with_the_eleventh_and_ends_when_fewer_than_five_are_left() -> None:
    log = [said(k / 2, device=f"c{k}") for k in range(11)]  # the eleventh at 5 min; the seventh is too old at 13 min
    found = figures(log, 0, 100 * MIN)
    assert found.flood_share == pytest.approx((13 - 5) / 100)
    assert figures(log[:10], 0, 100 * MIN).flood_share == 0.0
    assert figures(log, 0, 9 * MIN).flood_share == pytest.approx(4 / 9), "one that goes on counts up to the end"


def test_an_alarm_that_comes_three_times_in_a_minute_chatters() -> None:
    slow = [said(k * 0.5, device="c1") for k in range(3)] + [said(10 + k, device="c2") for k in range(5)]
    assert figures(slow, 0, DAY).chattering == [], "the third comes a minute after the first"
    close = [said(k * 0.25, device="c1") for k in range(3)]
    assert figures(close, 0, DAY).chattering == [(("crane", "c1", "wind"), 3)]
    assert "chattering" in figures(close, 0, DAY).beyond()


def test_what_is_over_in_ten_seconds_is_fleeting() -> None:
    log = [said(1), said(1.1, "clear"), said(5), said(5.5, "clear")]
    assert figures(log, 0, DAY).fleeting == 1


def test_what_has_been_on_for_more_than_a_day_is_stale() -> None:
    log = [said(0, device="old"), said(1, "acknowledge", device="old"), said(1440, device="new"),
           said(1441, device="over"), said(1450, "clear", device="over")]  # fmt: skip
    found = figures(log, DAY, DAY + 60 * MIN)
    assert (found.standing, found.stale, found.waiting) == (2, 1, 1)


def test_priorities_are_those_of_severity_and_danger_to_life() -> None:
    table = {
        (Severity.ADVISORY, False): Priority.LOW, (Severity.PREWARNING, False): Priority.LOW,
        (Severity.ALARM, False): Priority.MEDIUM, (Severity.CRITICAL, False): Priority.HIGH,
        (Severity.ADVISORY, True): Priority.LOW, (Severity.PREWARNING, True): Priority.MEDIUM,
        (Severity.ALARM, True): Priority.HIGH, (Severity.CRITICAL, True): Priority.HIGH,
    }  # fmt: skip
    assert {key: priority(key[0], life_safety=key[1]) for key in table} == table
    log = [said(k * 30, device=f"c{k}", severity=s, life_safety=life) for k, (s, life) in enumerate(table)]
    found = figures(log, 0, DAY)
    assert found.priorities == {Priority.LOW: 3, Priority.MEDIUM: 2, Priority.HIGH: 3}
    assert found.high_share == 3 / 8


def test_the_time_to_acknowledge_is_from_what_the_desk_was_told_last() -> None:
    log = [
        said(0, device="a"), said(1, "escalate", device="a"), said(3, "acknowledge", device="a", who="li"),
        said(10, device="b"), said(14, "acknowledge", device="b", who="li"),
        said(20, device="c"),
    ]  # fmt: skip
    found = figures(log, 0, DAY)
    assert (found.acknowledged, found.median_s, found.p90_s, found.worst_s) == (2, 180.0, 240.0, 240.0)
    assert found.waiting == 1
    assert [(one.who, one.acknowledged, one.median_s, one.rubber_stamps) for one in found.people] == [
        ("li", 2, 180.0, 0)
    ]


def test_what_is_acknowledged_faster_than_one_can_read_or_five_at_once_is_a_rubber_stamp() -> None:
    fast = [said(1, device="a"), said(1.04, "acknowledge", device="a", who="li")]
    assert figures(fast, 0, DAY).rubber_stamp_share == 1.0
    names = "abcde"
    many = [said(k, device=name) for k, name in enumerate(names)]
    many += [said(30 + k / 60, "acknowledge", device=name, who="li") for k, name in enumerate(names)]
    many += [said(50, "acknowledge", device="x", who="li")]
    found = figures(many, 0, DAY)
    assert (found.acknowledged, found.rubber_stamp_share) == (5, 1.0)
    four = [one for one in many if one.place[1] != "e"]
    assert figures(four, 0, DAY).rubber_stamp_share == 0.0
    spread = [*many[:5], *(said(30 + k, "acknowledge", device=name, who="li") for k, name in enumerate(names))]
    assert figures(spread, 0, DAY).rubber_stamp_share == 0.0


def test_the_ten_that_say_most_are_named() -> None:
    log = [said(k, device="loud") for k in range(0, 600, 60)]
    log += [said(1000 + k, device=f"c{k:02d}") for k in range(20)]
    found = figures(log, 0, DAY)
    assert found.top[0].place == ("crane", "loud", "wind")
    assert (found.top[0].times, found.top[0].share) == (10, 10 / 30)
    assert len(found.top) == alarm_kpi.TOP
    assert found.top_share == pytest.approx(19 / 30)


def test_a_span_that_ends_before_it_begins_is_refused() -> None:
    with pytest.raises(ValueError, match="before it begins"):
        figures([], 5, 5)
