"""Two courses of alarms side by side, as scripts: `a10-20` is an alarm from 10 s to 20 s, `p10a15-20` rose to one."""

import re

import pytest

from analytics.backtest.compare import missing, pairs
from analytics.backtest.course import Came, joined
from telemetry.model import Severity
from telemetry.wire.payloads import Cause

STEPS = {"l": Severity.ADVISORY, "p": Severity.PREWARNING, "a": Severity.ALARM, "c": Severity.CRITICAL}


def played(script: str, *, life_safety: bool = True) -> list[Came]:
    found = []
    for word in script.split():
        rises, _, end = word.partition("-")
        steps = {STEPS[step]: int(at) * 1000 for step, at in re.findall(r"([lpac])(\d+)", rises)}
        until = int(end) * 1000 if end else None
        found.append(Came("moment", min(steps.values()), Cause(seq=1), life_safety, steps, until))
    return found


@pytest.mark.parametrize(
    ("then", "now", "became"),
    [
        ("a100-120", "a100-120", "same 0"),
        ("a100-120", "a70-130", "earlier -30"),
        ("a100-120", "a110-115", "later 10"),
        ("p90a100-120", "p90a95-120", "earlier -5"),
        ("p90a100-120", "p90-120", "same 0"),
        ("p100-120", "a100-120", "same 0"),
        ("a100-120", "a170-180", "later 70"),
        ("a100-120", "a200-220", "only_then | only_now"),
        ("a100-120", "", "only_then"),
        ("", "a100-120", "only_now"),
        ("a100-120 a130-140", "a90-150", "earlier -10 | joined"),
        ("a90-150", "a100-120 a130-140", "later 10 | split"),
        ("a100-120 a200-220", "a100-120 a200-220", "same 0 | same 0"),
        # The first is 50 s before and the second overlaps: it is the second.
        ("a100-120", "a40-50 a105-110", "only_now | later 5"),
        ("a100", "a90", "earlier -10"),
        # Still on: what comes later is a part of it.
        ("a100", "a110-120 a500-510", "later 10 | split"),
    ],
)  # fmt: skip
def test_alarms_are_paired_by_what_they_are_about(then: str, now: str, became: str) -> None:
    found = [
        str(pair.became) + ("" if pair.shift_s is None else f" {pair.shift_s:g}")
        for pair in pairs(played(then), played(now))
    ]
    assert " | ".join(found) == became


@pytest.mark.parametrize(
    ("then", "now", "lost"),
    [
        ("a100-120", "a100-120", []),
        ("a100-120", "", [100]),
        ("p90a100-120", "p90-120", [100]),
        ("p90-120", "", []),
        ("a100-120", "a90-500", []),
        ("a100-120 a300-320", "a90-500", []),
        ("a100-120", "a181-190", [100]),
        ("a100-120", "a180-190", []),
        ("a100-120", "p10a39-39 p100-120", [100]),
        ("a100", "a500", [100]),
        ("c100-120", "a100-120", []),
    ],
)
def test_a_life_safety_alarm_is_missing_when_nothing_as_grave_is_on_around_it(
    then: str, now: str, lost: list[int]
) -> None:
    assert [one.at // 1000 if Severity.PREWARNING not in one.steps else one.steps[Severity.ALARM] // 1000
            for one in missing(played(then), played(now))] == lost  # fmt: skip


def test_what_is_no_life_safety_is_not_named_and_another_rule_does_not_stand_in() -> None:
    assert missing(played("a100-120", life_safety=False), []) == []
    other = played("a100-120")
    other[0].rule = "wind"
    assert len(missing(played("a100-120"), other)) == 1


def test_two_sounds_at_once_are_one() -> None:
    assert joined([(10, 20), (15, 30), (30, 31), (50, 60), (0, 5)], 4, 55) == [(4, 5), (10, 31), (50, 55)]
