"""The table of alarm states, played as scripts."""

import pytest

from analytics import alarms
from telemetry.model import Severity, Signal, State

WORDS = {
    "normal": State.NORMAL, "unack": State.UNACKNOWLEDGED, "acked": State.ACKNOWLEDGED, "returned": State.RETURNED,
    "latched": State.LATCHED_UNACKNOWLEDGED, "latched_acked": State.LATCHED_ACKNOWLEDGED, "shelved": State.SHELVED,
    "suppressed": State.SUPPRESSED, "disabled": State.DISABLED,
}  # fmt: skip
NAMES = {state: word for word, state in WORDS.items()}


def play(script: str, *, attended: bool = True, latch: bool = False) -> str:
    """The states that a script of signals leads through; an ignored signal leaves the state as it is."""
    state, seen = State.NORMAL, []
    for word in script.split():
        state = alarms.after(state, Signal(word), attended=attended, latch=latch) or state
        seen.append(NAMES[state])
    return " ".join(seen)


@pytest.mark.parametrize(
    ("script", "states"),
    [
        ("raise clear acknowledge", "unack returned normal"),
        ("raise acknowledge clear", "unack acked normal"),
        ("raise raise raise", "unack unack unack"),
        ("raise acknowledge escalate acknowledge clear", "unack acked unack acked normal"),
        ("raise acknowledge raise", "unack acked unack"),
        ("raise clear raise", "unack returned unack"),
        ("acknowledge clear reset", "normal normal normal"),
        ("raise clear acknowledge acknowledge", "unack returned normal normal"),
        ("raise shelve clear unshelve", "unack shelved shelved normal"),
        ("raise shelve acknowledge raise", "unack shelved shelved shelved"),
        ("suppress clear", "suppressed normal"),
        ("raise suppress escalate unsuppress", "unack suppressed suppressed unack"),
        ("raise clear suppress", "unack returned returned"),
        ("disable raise clear acknowledge enable", "disabled disabled disabled disabled normal"),
        ("shelve disable unshelve enable", "shelved disabled disabled normal"),
    ],
)
def test_life(script: str, states: str) -> None:
    assert play(script) == states


@pytest.mark.parametrize(
    ("script", "states"),
    [
        ("raise clear acknowledge reset", "unack latched latched_acked normal"),
        ("raise acknowledge clear reset", "unack acked latched_acked normal"),
        ("raise clear raise clear", "unack latched unack latched"),
        ("raise clear reset", "unack latched latched"),
        ("raise clear shelve", "unack latched latched"),
    ],
)
def test_a_latching_alarm_stays_until_it_is_acknowledged_and_reset(script: str, states: str) -> None:
    assert play(script, latch=True) == states


def test_what_only_the_cab_hears_waits_for_nobody_at_the_desk() -> None:
    assert play("raise clear", attended=False) == "acked normal"
    assert play("suppress unsuppress clear", attended=False) == "suppressed acked normal"


def test_every_state_can_be_left_and_reached() -> None:
    assert set(alarms.TRANSITIONS) == set(State)
    reached = {state for row in alarms.TRANSITIONS.values() for state in row.values()} | set(alarms.LATCHES.values())
    assert reached == set(State)
    assert all(row for row in alarms.TRANSITIONS.values())


def test_severity_only_rises_until_the_alarm_was_normal() -> None:
    assert alarms.severity(Severity.CRITICAL, Severity.ALARM, State.ACKNOWLEDGED) is Severity.CRITICAL
    assert alarms.severity(Severity.CRITICAL, Severity.PREWARNING, State.NORMAL) is Severity.PREWARNING
    assert alarms.severity(Severity.PREWARNING, Severity.ALARM, State.UNACKNOWLEDGED) is Severity.ALARM


def test_the_desk_sees_what_is_left_to_acknowledge() -> None:
    assert [alarms.desk(state, True) for state in (State.RETURNED, State.ACKNOWLEDGED, State.SHELVED)] == [
        "unacknowledged", "acknowledged", "none",
    ]  # fmt: skip
    assert alarms.desk(State.UNACKNOWLEDGED, False) == "none"
