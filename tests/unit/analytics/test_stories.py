"""The three faults that hide worst, each told from the first sample to the last."""

from telemetry.model import Severity
from telemetry.wire.payloads import Recorded, SiteRecord
from tests.helpers.life import quiet
from tests.helpers.site import Rig, story
from tests.unit.analytics.review.test_seam import reviewed

AT_42 = {"radius_m": 42.0, "falls": 2}
KEY = ("site", "crane", "c1")


def test_an_overload_happens_while_the_link_is_down_and_comes_in_late() -> None:
    # For forty seconds the crane has no link. Meanwhile it is overloaded for twenty, and puts the load down.
    life = quiet(lost=range(100, 140), over=range(110, 130))

    # Live, nobody could know: what was evaluated shows nothing.
    assert life.derived == []

    # The link is back, the box sends what it kept. The review finds the overload as it happened, sounding nowhere.
    found = reviewed(life)
    assert [(t.rule, str(t.signal), str(t.origin)) for t in found.added] == [
        ("moment", "raise", "review"), ("moment", "clear", "review"),
    ]  # fmt: skip

    # The desk is told now, once, in so many words, and somebody must acknowledge it.
    assert found.finding is not None
    one = Recorded(kind="crane", device="c1", late=0, found=found.finding)
    outcome = life.engine.recorded("site", SiteRecord(at=life.ts, devices=[one]), life.ts)
    assert [t.rule for t in outcome.transitions] == ["review", "review"], "raised, and over: it waits at the desk"
    alarm = life.engine.annunciator.payload(KEY, "review")
    assert alarm is not None
    assert (alarm.cab, alarm.desk, alarm.life_safety) == ("none", "unacknowledged", True)
    assert alarm.text is not None
    assert alarm.text.en.startswith("LATE DATA shows what nobody was told: OVERLOAD")
    again = life.engine.recorded("site", SiteRecord(at=life.ts + 1, devices=[one]), life.ts + 1)
    assert again.transitions == []


def test_the_key_is_turned_to_parked_in_the_middle_of_an_overload() -> None:
    rig = Rig()

    # 128 % at 42 m: it sounds, and a person must look afterwards.
    rig.hold(4, load_t=3.5, mode="working", **AT_42)
    before = rig.alarm("moment")
    assert (before.severity, before.cab, before.hold) == (Severity.CRITICAL, "continuous", True)

    # Somebody turns the key. The load hangs as before: so does the alarm, and it sounds on.
    rig.hold(10, load_t=3.5, mode="parked", **AT_42)
    after = rig.alarm("moment")
    assert (after.active, after.severity, after.cab, after.hold) == (True, Severity.CRITICAL, "continuous", True)
    assert rig.alarm("mode_contradicted") is not None, "and the desk learns that a parked crane lifts"

    # The load is put down: the sound ends with it, the hold stays for a person.
    rig.hold(6, load_t=0.0, mode="parked", **AT_42)
    end = rig.alarm("moment")
    assert (end.active, end.cab, end.hold) == (False, "none", True)


def test_the_wind_alarm_of_a_crane_that_is_parked_because_of_it_is_not_lost() -> None:
    rig = Rig()
    for speed in (8.0, 12.5, 8.0, 12.5):
        rig.hold(5, load_t=0.0, mode="working", wind_mps=speed, **AT_42)
    assert rig.alarm("wind").severity is Severity.ALARM

    # Parked, wind in service is suppressed by design, with a transition that says so; it is not over.
    assert "wind suppress suppressed_by_design" in story(rig.hold(5, load_t=0.0, mode="parked", wind_mps=13.0, **AT_42))
    assert rig.alarm("wind").active

    # Back to work in the same wind: it is raised again at once.
    assert "wind unsuppress unacknowledged" in story(rig.hold(1, load_t=0.0, mode="working", wind_mps=13.0, **AT_42))


def test_the_load_cell_fails_in_the_middle_of_an_overload() -> None:
    rig = Rig()
    rig.hold(4, load_t=3.5, **AT_42)
    assert rig.alarm("moment").cab == "continuous"

    # The cell is gone, or says that it is. The last that was known is an overload: the alarm stands and sounds on.
    found = rig.hold(10, load_t=0.1, invalid=["load_t"], **AT_42)
    alarm = rig.alarm("moment")
    assert (alarm.active, alarm.cab, alarm.hold) == (True, "continuous", True)
    assert "moment" not in {t.rule for t in found}, "what is not known neither clears nor raises"

    # The cab is told that it is blind now, while a load hangs; the desk is told which sensor.
    sensor = rig.alarm("sensor")
    assert (sensor.severity, sensor.cab) == (Severity.ALARM, "continuous")
    rig.tick()
    assert rig.outcomes[-1].coverage, "and coverage says so"

    # It comes back and the hook is empty: both are over, each by its own condition.
    rig.hold(10, load_t=0.0, **AT_42)
    assert not rig.alarm("moment").active
    assert rig.alarm("moment").hold
    assert not rig.alarm("sensor").active
