"""Alarms that outlived the analyzer's memory: taken over as they stand, ended by their own condition or a person."""

from typing import Any

import msgspec
import pytest

from analytics import notes
from analytics.engine import Engine
from analytics.intake import Intake
from telemetry.model import Severity, State
from telemetry.wire import payloads, topics
from telemetry.wire.payloads import Alarm, DeviceConfig
from tests.helpers.site import CHART, START, Rig, story

AT_42: dict[str, Any] = {"radius_m": 42.0, "falls": 2}  # rated 2.73 t
KEY = ("site", "crane", "c1")
CONFIG = DeviceConfig(version=1, charts=[CHART], interval_ms=1000)


def without_memory(before: Rig, rule: str, *, later: int = 60_000) -> Rig:
    """A new engine behind a broker that has kept one alarm of the old one."""
    alarm = before.alarm(rule)
    engine = Engine()
    rig = Rig(engine=engine, config=CONFIG)
    rig.ts, rig.rx, rig.seq = before.ts + later, before.rx + later, before.seq + later // 1000
    rig.note(engine.adopt([(KEY, rule, alarm)], rig.rx))
    return rig


def overloaded() -> Rig:
    rig = Rig()
    rig.hold(4, load_t=3.5, **AT_42)
    return rig


def test_a_critical_alarm_with_a_hold_is_held_as_it_was() -> None:
    before = overloaded()
    rig = without_memory(before, "moment")
    assert rig.transitions == []
    assert rig.alarm("moment") == before.alarm("moment")
    assert rig.alarm("moment").hold
    assert rig.engine.active("site") == before.engine.active("site"), "what the heartbeat's digest is made of"


def test_its_own_clear_condition_ends_it_and_the_hold_waits_for_a_person() -> None:
    rig = without_memory(overloaded(), "moment")
    assert rig.hold(10, load_t=2.72, **AT_42) == [], "between clear and set"
    said = rig.hold(4, load_t=0.5, **AT_42)
    assert story(said) == "moment clear returned_unacknowledged"
    assert rig.alarm("moment").hold
    rig.respond("acknowledge", rule="moment")
    assert rig.alarm("moment").hold
    assert story(rig.respond("release", rule="moment")) == "moment reset normal"
    assert rig.alarm("moment") is None


def test_a_person_answers_the_transition_that_they_saw() -> None:
    before = overloaded()
    rig = without_memory(before, "moment")
    said = rig.respond("acknowledge", transition=before.alarm("moment").transition)
    assert story(said) == "moment acknowledge acknowledged"


def test_a_limit_of_the_devices_own_that_we_do_not_know_yet_still_says_when_it_is_over() -> None:
    own = DeviceConfig(version=1, charts=[CHART], interval_ms=1000, limits={"wind": {"prewarning": 6.0, "alarm": 8.0}})
    before = Rig(config=own)
    before.hold(8, wind_mps=9.5, load_t=0.5, **AT_42)
    assert before.alarm("wind").limit == 8.0
    rig = without_memory(before, "wind")
    clear = rig.engine.fleets["crane"].table["clear"][0]
    kept = before.engine.fleets["crane"].table["clear"][0]
    on = before.engine.fleets["crane"].table["on"][0]
    assert on.any()
    alarm = rig.engine.fleets["crane"].limits[0]
    column = max(k for k, one in enumerate(on) if one)
    assert clear[column] == pytest.approx(kept[column])
    assert clear[column] != alarm.clear[column]


@pytest.mark.parametrize("rule", ["silence", "power"])
def test_an_observed_alarm_ends_with_the_first_good_sample(rule: str) -> None:
    before = Rig()
    before.hold(3, load_t=2.0, **AT_42)
    if rule == "silence":
        before.tick(60_000)
    else:
        event = payloads.Event(id="e-1", type="power_off", ts=before.ts, boot=before.boot, seq=before.seq)
        before.note(before.engine.event("site", "crane", "c1", event, before.rx))
    assert before.alarm(rule).life_safety
    rig = without_memory(before, rule)
    rig.tick()
    assert rig.alarm(rule).active
    assert story(rig.read(load_t=0.5, **AT_42)) == f"{rule} clear returned_unacknowledged"


def test_a_clock_alarm_ends_when_the_clock_has_behaved_for_a_minute_from_now_on() -> None:
    before = Rig()
    before.hold(3, load_t=0.5, **AT_42)
    before.read(step=-300_000, load_t=0.5, **AT_42)
    rig = without_memory(before, "clock")
    assert rig.hold(60, load_t=0.5, **AT_42) == []
    assert story(rig.hold(2, load_t=0.5, **AT_42)) == "clock clear returned_unacknowledged"


def test_a_sound_that_ends_by_itself_ends_and_a_silence_ends_in_time() -> None:
    before = Rig()
    before.hold(4, load_t=2.5, **AT_42)
    assert before.alarm("moment").cab == "pulse"
    rig = without_memory(before, "moment", later=2000)
    rig.tick()
    assert rig.alarm("moment").cab == "pulse"
    rig.tick(3000)
    assert rig.alarm("moment").cab == "none"
    before = overloaded()
    before.tick()
    before.respond("silence", rule="moment")
    rig = without_memory(before, "moment", later=2000)
    rig.tick()
    assert rig.alarm("moment").cab == "silenced"
    rig.tick(31_000)
    assert rig.alarm("moment").cab == "continuous"


def test_a_suppression_without_its_mode_is_lifted() -> None:
    before = Rig()
    before.hold(8, wind_mps=15.0, mode="parked", load_t=0.0, **AT_42)
    assert before.alarm("wind").state is State.SUPPRESSED
    rig = without_memory(before, "wind")
    assert story(rig.transitions) == "wind unsuppress unacknowledged"
    assert story(rig.read(wind_mps=15.0, mode="parked", load_t=0.0, **AT_42)) == "wind suppress suppressed_by_design"


def test_a_shelving_without_its_end_is_over() -> None:
    alarm = Alarm(
        rule="rated_load", transition="0123456789abcdef", state=State.SHELVED, severity=Severity.ADVISORY, active=True,
        since=START, at=START, cab="none", desk="none",
    )  # fmt: skip
    rig = Rig(config=CONFIG)
    rig.note(rig.engine.adopt([(KEY, "rated_load", alarm)], START + 1000))
    assert rig.alarm("rated_load").state is State.SHELVED
    rig.rx += 2000
    assert story(rig.tick()) == "rated_load unshelve normal | rated_load raise unacknowledged"


@pytest.mark.parametrize(
    ("key", "rule", "alarm"),
    [
        (("site", "crane", "c1"), "gravity", {"rule": "gravity", "life_safety": True, "hold": True}),
        (("site", "boat", "c1"), "moment", {"rule": "moment", "hold": True}),
        (("site", "analyzer", "p7"), "clock", {"rule": "clock"}),
        (("site", "crane", "c1"), "moment", None),
        (("site", "crane", "c1"), "moment", {"rule": "load"}),
    ],
)
def test_what_nobody_could_end_is_cleared_with_a_record(
    key: tuple[str, str, str], rule: str, alarm: dict[str, Any] | None
) -> None:
    found = alarm and Alarm(
        transition="x", state=State.UNACKNOWLEDGED, severity=Severity.CRITICAL, active=True, since=1, at=1,
        cab="continuous", desk="unacknowledged", **alarm,
    )  # fmt: skip
    outcome = Engine().adopt([(key, rule, found or None)], START)
    assert outcome.alarms == {(key, rule): None}
    (said,) = outcome.transitions
    assert (said.rule, said.signal, said.state, said.observed) == (rule, "clear", "normal", True)
    assert said.previous is State.UNACKNOWLEDGED
    assert said.text is not None
    assert "without its memory" in said.text.en
    assert said.cause.tick == START
    assert said.life_safety == bool(alarm and alarm.get("life_safety"))


def test_what_we_hold_ourselves_stays_and_gets_the_hold_that_it_lacks() -> None:
    rig = Rig()
    rig.hold(4, load_t=2.8, **AT_42)
    mine = rig.alarm("moment")
    rig.note(rig.engine.adopt([(KEY, "moment", overloaded().alarm("moment"))], rig.rx))
    now = rig.alarm("moment")
    assert (now.transition, now.severity, now.hold) == (mine.transition, Severity.ALARM, True)


def test_a_note_is_an_input_and_recovery_decides_the_same() -> None:
    config = topics.build(*KEY, topics.Lane.DOWN, topics.Leaf.CONFIG), payloads.encode(CONFIG)
    alarm = topics.build(*KEY, topics.Lane.DOWN, topics.Leaf.ALARM, "moment")
    inputs = [
        notes.doubt("warm_start"), config, notes.adopt({alarm: payloads.encode(overloaded().alarm("moment"))}),
    ]  # fmt: skip
    engines = [Engine(), Engine()]
    outcomes = [Intake(engine, topics.tick(0)).apply(START, inputs).outcome for engine in engines]
    assert outcomes[0] == outcomes[1]
    assert outcomes[0].alarms[KEY, "moment"] == overloaded().alarm("moment")
    assert engines[0].snapshot() == engines[1].snapshot()
    assert Engine.restore(engines[0].snapshot()).ourselves.doubt == "warm_start"


def test_a_note_that_cannot_be_read_costs_itself() -> None:
    taken = Intake(Engine(), topics.tick(0)).apply(START, [(notes.ADOPT, b"\xc1")])
    assert dict(taken.ignored) == {"malformed": 1}


def test_a_journal_that_is_written_again_ends_no_doubt_about_lost_state() -> None:
    engine = Engine()
    engine.ourselves.doubted("warm_start", START)
    engine.ourselves.unjournalled = True
    assert engine.ourselves.doubt == "journal"
    engine.ourselves.unjournalled = False
    engine.ourselves.doubted("session_lost", START)
    assert engine.ourselves.doubt == "warm_start"
    engine.tick(START + 20 * 60_000)
    assert engine.ourselves.doubt is None


def test_the_mode_that_a_person_set_outlives_the_memory() -> None:
    before = Rig()
    before.hold(3, load_t=0.0, wind_mps=3.0, mode="working")
    before.respond("set_mode", mode="parked")
    before.tick(100)
    said = next(outcome.coverage[KEY] for outcome in reversed(before.outcomes) if KEY in outcome.coverage)
    assert (said.mode, said.mode_sent) == ("parked", "working")
    engine = Engine()
    topic = "cw/v1/site/crane/c1/down/coverage"
    Intake(engine, topics.tick(0)).apply(before.rx, [notes.modes({topic: payloads.encode(said), "x": b"y"})])
    rig = Rig(engine=engine, config=CONFIG)
    row = engine.fleets["crane"].index["site", "c1"]
    for _ in range(3):
        rig.read(load_t=0.0, mode="working")
        assert engine.fleets["crane"].devices[row].mode == "parked", "what the box keeps sending turns no key"
    rig.read(load_t=0.0, mode="storm")
    assert engine.fleets["crane"].devices[row].mode == "storm"


def test_a_mode_that_is_older_than_the_memory_changes_nothing() -> None:
    rig = Rig()
    rig.hold(2, load_t=0.0, mode="storm")
    rig.tick()
    old = payloads.Coverage(at=rig.engine.now - 1, level="monitored", hazards={}, mode="parked")  # type: ignore[arg-type]
    rig.engine.remember([(KEY, old)])
    assert rig.engine.fleets["crane"].devices[0].mode == "storm"


def test_an_alarm_that_began_again_in_the_time_that_was_forgotten_is_taken_over() -> None:
    rig = Rig()
    rig.hold(4, load_t=3.5, **AT_42)
    older = rig.alarm("moment")
    rig.hold(6, load_t=0.5, **AT_42)
    rig.respond("acknowledge", rule="moment")
    rig.respond("release", rule="moment")
    assert rig.alarm("moment") is None
    rig.note(rig.engine.adopt([(KEY, "moment", older)], rig.rx))
    assert rig.alarm("moment") is None, "over, and known to be"
    newer = msgspec.structs.replace(older, at=rig.ts + 1, transition="feedfeedfeedfeed")
    rig.note(rig.engine.adopt([(KEY, "moment", newer)], rig.rx))
    assert rig.alarm("moment").transition == "feedfeedfeedfeed"
