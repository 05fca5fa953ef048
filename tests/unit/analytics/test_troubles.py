"""What goes wrong with ourselves is said once at the desk of every site, and again when it is over."""

import pytest

from analytics import notes
from analytics.engine import Engine
from analytics.intake import Intake
from analytics.texts import TROUBLES
from analytics.troubles import QUIET_S, UNHEARD_S, Trouble, Troubles
from telemetry.wire import topics
from tests.helpers.site import START, Rig, story

TICK = topics.tick(0)


def test_an_event_is_said_once_and_is_over_when_it_has_not_come_again() -> None:
    troubles = Troubles()
    troubles.happened(Trouble.REFUSED, "a topic", 0.0)
    assert troubles.changes(1.0) == [(Trouble.REFUSED, "a topic")]
    troubles.happened(Trouble.REFUSED, "another", 100.0)
    assert troubles.changes(QUIET_S) == []
    assert troubles.changes(100.0 + QUIET_S) == [(Trouble.REFUSED, None)]
    assert troubles.changes(9_999.0) == []


def test_a_state_lasts_as_long_as_it_holds() -> None:
    troubles = Troubles()
    for at in (0.0, 1.0):
        troubles.holds(Trouble.JOURNAL, "No space left on device")
        assert troubles.changes(at) == ([(Trouble.JOURNAL, "No space left on device")] if at == 0 else [])
    troubles.holds(Trouble.JOURNAL, None)
    assert troubles.changes(2.0) == [(Trouble.JOURNAL, None)]


def test_nobody_listening_is_a_trouble_only_when_it_lasts() -> None:
    troubles = Troubles()
    troubles.answered("t", heard=False, now=0.0)
    troubles.answered("t", heard=False, now=UNHEARD_S - 1)
    assert troubles.changes(UNHEARD_S - 1) == []
    troubles.answered("t", heard=True, now=UNHEARD_S - 1)
    troubles.answered("u", heard=False, now=50.0)
    assert troubles.changes(50.0 + UNHEARD_S) == [(Trouble.UNHEARD, "u")]
    troubles.answered("u", heard=True, now=100.0)
    assert troubles.changes(100.0) == [(Trouble.UNHEARD, None)]


def test_only_a_rise_of_the_brokers_count_is_news() -> None:
    troubles = Troubles()
    troubles.counted(146_000, 0.0)
    troubles.counted(146_000, 10.0)
    assert troubles.changes(10.0) == []
    troubles.counted(146_007, 20.0)
    assert troubles.changes(20.0) == [(Trouble.DROPPED, "7")]


def test_what_was_being_said_at_a_kill_ends_all_the_same() -> None:
    troubles = Troubles()
    troubles.restore({"refused": "a topic", "journal": "full", "of another version": "x"}, 0.0)
    assert troubles.changes(1.0) == []
    troubles.holds(Trouble.JOURNAL, None)
    assert troubles.changes(2.0) == [(Trouble.JOURNAL, None)]
    assert troubles.changes(QUIET_S) == [(Trouble.REFUSED, None)]


@pytest.mark.parametrize("trouble", Trouble)
def test_every_trouble_is_an_alarm_to_the_desk_with_words_in_both_languages(trouble: Trouble) -> None:
    assert str(trouble) in TROUBLES
    rig = Rig()
    rig.hold(3, load_t=1.0)
    rig.transitions.clear()
    intake = Intake(rig.engine, TICK)
    for detail in ("{why} 7", "again", None, None):
        rig.note(intake.apply(rig.rx, [notes.trouble(trouble, detail)]).outcome)
    assert story(rig.transitions) == f"{trouble} raise unacknowledged | {trouble} clear returned_unacknowledged"
    raised = rig.transitions[0]
    assert (raised.kind, raised.device, raised.observed, raised.severity) == ("analyzer", "p0", True, 3)
    assert raised.text is not None
    assert raised.text.zh != raised.text.en
    assert raised.action is not None


def test_a_site_that_comes_later_is_told_at_the_next_tick_and_a_kill_forgets_nothing() -> None:
    engine = Engine()
    intake = Intake(engine, TICK)
    assert intake.apply(START, [notes.trouble("journal", "full")]).outcome.transitions == []
    engine = Engine.restore(engine.snapshot())
    rig = Rig(engine=engine)
    assert story(rig.tick(500)) == "journal raise unacknowledged"
    assert rig.tick(1000) == []
    said = rig.note(Intake(engine, TICK).apply(rig.rx, [notes.trouble("journal", None)]).outcome)
    assert story(said) == "journal clear returned_unacknowledged"
    assert Engine.restore(engine.snapshot()).ourselves.troubles == {}


def test_what_we_say_of_ourselves_is_acknowledged_like_any_other_alarm_and_nothing_else_is_taken_under_our_name() -> (
    None
):
    rig = Rig()
    rig.hold(3, load_t=1.0)
    intake = Intake(rig.engine, TICK)
    rig.note(intake.apply(rig.rx, [notes.trouble("journal", "full")]).outcome)
    answer = b'{"id":"response-1","action":"acknowledge","at":1800000000000,"who":"li","rule":"journal"}'
    said = rig.note(intake.apply(rig.rx, [("cw/v1/site/analyzer/p0/up/response", answer)]).outcome)
    assert story(said) == "journal acknowledge acknowledged"
    assert story(rig.note(intake.apply(rig.rx, [notes.trouble("journal", None)]).outcome)) == "journal clear normal"
    taken = intake.apply(
        rig.rx,
        [
            ("cw/v1/site/analyzer/p0/up/presence", b'{"online":true}'),
            ("cw/v1/site/analyzer/p0/up/reading", b'{"ts":1}'),
        ],
    )
    assert dict(taken.ignored) == {"kind": 2}


def test_a_note_that_cannot_be_read_costs_itself() -> None:
    taken = Intake(Engine(), TICK).apply(START, [(notes.TROUBLE, b"x"), (notes.MODES, b"\xc1"), (notes.ADOPT, b"")])
    assert dict(taken.ignored) == {"malformed": 3}
