"""
A limit is edited while an alarm is active. Whatever the edit is, the alarm stays as it was raised until its own
condition is over; only then the new numbers hold.
"""

from typing import Any

import msgspec
import pytest

from analytics.engine import Engine
from analytics.replay import History, Told, replay
from telemetry import profiles
from telemetry.errors import ConfigError
from telemetry.model import Severity, State
from tests.helpers.limits import number, published
from tests.helpers.site import Rig, frame, story

AT_42 = {"radius_m": 42.0, "falls": 2}  # rated 2.73 t


def edit(rig: Rig, body: str, version: int = 1, name: str = "works", **fields: Any) -> str:
    said = rig.note(rig.engine.publish_profile("site", published(body, version, name, **fields), rig.rx))
    return story(said)


# Every field of what a profile says of a rule, in the worst direction; the alarm is the moment's at 102.6 %.
EDITS = {
    "rule removed": "[crane.moment]\nremove = true\n",
    "step removed": "[crane.moment.steps.alarm]\nremove = true\n",
    "all but the mildest step removed": "[crane.moment.steps]\nalarm.remove = true\ncritical.remove = true\n"
    "peak.remove = true\n",
    "set raised": f"[crane.moment.steps.alarm]\nset = {number(109)}\n",
    "set lowered": f"[crane.moment.steps.alarm]\nset = {number(95)}\nclear = {number(93)}\n"
    f"[crane.moment.steps.prewarning]\nset = {number(85)}\nclear = {number(83)}\n",
    "clear raised": f"[crane.moment.steps.alarm]\nclear = {number(99.9)}\n",
    "clear lowered": f"[crane.moment.steps.alarm]\nclear = {number(50)}\n",
    "on_s": f"[crane.moment.steps.alarm]\non_s = {number(3600)}\n",
    "off_s": f"[crane.moment.steps.alarm]\noff_s = {number(3600)}\n",
    "samples": f"[crane.moment.steps.alarm]\nsamples = {number(999)}\n",
    "cab": "[crane.moment.steps.alarm]\ncab = 'none'\n",
    "desk": "[crane.moment.steps.alarm]\ndesk = false\n",
    "sound_s": f"[crane.moment.steps.alarm]\nsound_s = {number(0.1)}\n",
    "hold": "[crane.moment.steps.critical]\nhold = false\n[crane.moment.steps.peak]\nhold = false\n",
    "latch": "[crane.moment.steps.alarm]\nlatch = true\n",
    "channel": "[crane.moment]\nchannel = 'tilt_deg'\n",
    "hazard": "[crane.moment]\nhazard = 'tilt'\n",
    "life_safety": "[crane.moment]\nlife_safety = false\n",
    "suppressed_in": "[crane.moment]\nsuppressed_in = ['working']\n",
    "silence_rise": f"[crane.moment]\nsilence_rise = {number(500)}\n",
    "re_alarm_s": f"[crane.moment]\nre_alarm_s = {number(60)}\n",
    "a mode": f"[crane.moment.modes.working.alarm]\nset = {number(109)}\nclear = {number(108.9)}\n",
    "figures": "[crane.figures]\n" + "".join(
        f"{name} = {number(999)}\n" for name in profiles.load("cn").figures["crane"]
    ),
    "the base": "",
}  # fmt: skip


def test_the_table_names_every_field_that_a_profile_has() -> None:
    rule = {field.name for field in msgspec.structs.fields(profiles.Rule)}
    step = {field.name for field in msgspec.structs.fields(profiles.Step)} - {"set", "clear"}
    other = {"rule removed", "step removed", "all but the mildest step removed", "set raised", "set lowered",
             "clear raised", "clear lowered", "a mode", "figures", "the base"}  # fmt: skip
    assert set(EDITS) == ((rule | step) - {"steps", "modes"}) | other


def seen(rig: Rig) -> tuple[Any, ...]:
    alarm = rig.alarm("moment")
    return (
        alarm.active, alarm.state, alarm.severity, alarm.limit, alarm.cab, alarm.desk, alarm.life_safety, alarm.hold,
        alarm.hazard, alarm.transition, alarm.profile,
    )  # fmt: skip


@pytest.mark.parametrize("answered", [False, True])
@pytest.mark.parametrize("body", EDITS.values(), ids=EDITS.keys())
def test_no_edit_changes_an_active_alarm(body: str, answered: bool) -> None:
    rig = Rig(interval_ms=200)
    rig.hold(10, load_t=2.8, tilt_x_deg=0.1, **AT_42)
    if answered:
        rig.respond("acknowledge", rule="moment")
    before = seen(rig)
    assert edit(rig, body) == ""
    assert seen(rig) == before
    assert story(rig.hold(20, load_t=2.8, tilt_x_deg=0.1, **AT_42)) == "", "it goes on as it was"
    rig.tick()
    assert seen(rig) == before
    assert story(rig.hold(20, load_t=2.69, tilt_x_deg=0.1, **AT_42)) == "", "98.5 %: not yet clear, as raised"
    assert rig.alarm("moment").active
    # 97.8 %, below the clear value that it was raised with, for a second: the alarm step goes, the milder one stays.
    # Where the new limit is lower, it is on again by that, which is new to whoever has acknowledged it.
    lower = body == EDITS["set lowered"]
    again = "moment raise unacknowledged" if lower and answered else ""
    assert story(rig.hold(20, load_t=2.67, tilt_x_deg=0.1, **AT_42)) == again
    rig.respond("silence")
    assert rig.engine.annunciator.record(("site", "crane", "c1"), "moment").facts.life_safety  # type: ignore[union-attr]
    said = rig.hold(8, load_t=0.5, tilt_x_deg=0.1, **AT_42)
    assert [t.signal for t in said] == ["clear"]
    assert (said[0].profile == before[-1]) is not lower, "what decided, also when it is over"


def test_after_it_has_cleared_the_new_numbers_hold() -> None:
    rig = Rig(interval_ms=200)
    rig.hold(10, load_t=2.8, **AT_42)
    edit(rig, f"[crane.moment.steps.alarm]\nset = {number(105)}\nclear = {number(104)}\n")
    rig.hold(10, load_t=0.5, **AT_42)
    rig.respond("acknowledge", rule="moment")
    said = rig.hold(10, load_t=2.8, **AT_42)
    assert [(t.severity, t.limit) for t in said] == [(Severity.PREWARNING, 90.0)], "102.6 % is no alarm any more"
    said = rig.hold(10, load_t=2.9, **AT_42)
    assert [(t.severity, t.limit, t.profile) for t in said] == [(Severity.ALARM, 105.0, published_label(rig))]


def published_label(rig: Rig) -> str:
    return rig.engine.fleets["crane"].limits[0].profile.label


def test_a_stricter_next_step_does_not_wait_for_a_milder_one_that_stands() -> None:
    rig = Rig(interval_ms=200)
    rig.hold(10, load_t=2.8, **AT_42)
    edit(rig, f"[crane.moment.steps.critical]\nset = {number(104)}\nclear = {number(103)}\n")
    said = rig.hold(10, load_t=2.86, **AT_42)  # 104.8 %
    assert [(t.signal, t.severity, t.profile) for t in said] == [("escalate", Severity.CRITICAL, published_label(rig))]
    assert rig.alarm("moment").hold


def test_what_pends_on_another_channel_does_not_count() -> None:
    rig = Rig()
    edit(rig, "[crane.tilt]\nchannel = 'wind_mps'\n", 1)
    assert story(rig.hold(9, load_t=0.5, wind_mps=5.0, **AT_42)) == "", "5 for 8 s"
    edit(rig, "[crane.tilt]\nchannel = 'gust_mps'\n", 2)
    assert story(rig.hold(9, load_t=0.5, wind_mps=5.0, **AT_42)) == "", (
        "another quantity for 8 s; 10 s of one are asked for"
    )
    assert story(rig.hold(2, load_t=0.5, wind_mps=5.0, **AT_42)) == "tilt raise unacknowledged"


def test_a_channel_that_was_changed_is_the_one_that_is_looked_at() -> None:
    rig = Rig()
    edit(rig, "[crane.tilt]\nchannel = 'wind_mps'\n")
    said = rig.hold(60, load_t=0.5, tilt_x_deg=0.1, wind_mps=5.0, **AT_42)
    assert [(t.rule, t.channel, t.value, t.unit) for t in said][-1] == ("tilt", "wind_mps", 5.0, "m/s")


def test_an_alarm_that_is_over_and_not_acknowledged_waits_for_that_though_its_rule_is_gone() -> None:
    rig = Rig(interval_ms=200)
    rig.hold(10, load_t=3.05, **AT_42)
    rig.hold(10, load_t=0.5, **AT_42)
    edit(rig, "[crane.moment]\nremove = true\n")
    alarm = rig.alarm("moment")
    assert (alarm.state, alarm.hold, alarm.desk, alarm.life_safety) == (State.RETURNED, True, "unacknowledged", True)
    assert rig.hold(20, load_t=3.05, **AT_42) == [], "it is not watched any more"
    later = {"until": rig.rx + 60_000, "why": "quiet"}
    rig.respond("shelve", rule="moment", **later)
    assert rig.alarm("moment").state is State.RETURNED, "what was life safety is not shelved"
    assert story(rig.respond("acknowledge", rule="moment")) == "moment acknowledge normal"
    assert rig.alarm("moment").hold
    assert story(rig.respond("release", rule="moment")) == "moment reset normal"


def test_an_edit_can_end_a_suppression_and_never_begin_one() -> None:
    rig = Rig()
    rig.hold(8, load_t=0.5, wind_mps=16.0, mode="parked", **AT_42)
    assert rig.alarm("wind").state is State.SUPPRESSED
    edit(rig, "[crane.wind]\nsuppressed_in = ['parked', 'working']\n", 1)
    assert rig.alarm("wind").state is State.SUPPRESSED
    assert edit(rig, "[crane.wind]\nsuppressed_in = []\n", 2) == "wind unsuppress unacknowledged"
    edit(rig, "[crane.wind]\nsuppressed_in = ['parked', 'working']\n", 3)
    rig.hold(3, load_t=0.5, wind_mps=16.0, mode="parked", **AT_42)
    assert rig.alarm("wind").state is State.UNACKNOWLEDGED


def test_a_mode_that_a_person_sets_suppresses_as_the_profile_says_that_it_was_raised_under() -> None:
    rig = Rig()
    rig.hold(8, load_t=0.5, wind_mps=16.0, **AT_42)
    edit(rig, f"[crane.wind.steps.alarm]\nset = {number(15)}\n")
    assert story(rig.respond("set_mode", mode="parked")) == "wind suppress suppressed_by_design"


def test_an_alarm_of_the_device_itself_is_none_of_a_profiles_business() -> None:
    rig = Rig()
    rig.hold(3, load_t=0.5, **AT_42)
    rig.tick(60_000)
    before = rig.alarm("silence")
    assert edit(rig, f"[crane.figures]\nsilence_timeout_s = {number(86400)}\n") == ""
    rig.tick(61_000)
    assert rig.alarm("silence") == before
    assert before.active


def test_figures_wait_until_nothing_is_on_and_the_silence_does_not() -> None:
    rig = Rig(interval_ms=200)
    rig.hold(10, load_t=2.8, **AT_42)
    fleet = rig.engine.fleets["crane"]
    edit(rig, f"[crane.figures]\nlift_on_t = {number(7)}\nsilence_timeout_s = {number(3)}\n")
    names = ("lift_on_t", "silence_timeout_s")
    assert [fleet.table["figure"][0, fleet.figure_names.index(name)] for name in names] == [0.3, 3.0]
    rig.hold(10, load_t=0.5, **AT_42)
    assert [fleet.table["figure"][0, fleet.figure_names.index(name)] for name in names] == [7.0, 3.0]


@pytest.mark.parametrize("body", EDITS.values(), ids=EDITS.keys())
def test_a_snapshot_in_the_middle_changes_nothing(body: str) -> None:
    rigs = [Rig(interval_ms=200), Rig(interval_ms=200)]
    for rig in rigs:
        rig.hold(10, load_t=2.8, tilt_x_deg=0.1, **AT_42)
        edit(rig, body)
    rigs[1].engine = Engine.restore(rigs[1].engine.snapshot())
    for load in (2.8, 2.69, 2.67, 0.5, 2.8, 3.4, 0.5):
        said = [rig.hold(12, load_t=load, tilt_x_deg=0.1, **AT_42) for rig in rigs]
        assert said[0] == said[1]
    assert rigs[0].alarm("moment") == rigs[1].alarm("moment")


@pytest.mark.parametrize("body", EDITS.values(), ids=EDITS.keys())
def test_a_replay_with_the_same_profiles_says_the_same(body: str) -> None:
    rig = Rig(interval_ms=200)
    frames: list[Told] = []
    for n, load in enumerate((0.5, 2.8, 2.8, 2.69, 2.67, 3.1, 0.5, 2.8, 3.4, 0.5)):
        for _ in range(12):
            rig.read(load_t=load, tilt_x_deg=0.1, **AT_42)
            fields = {"load_t": load, "tilt_x_deg": 0.1, **AT_42}
            frames.append(Told(frame(boot=rig.boot, seq=rig.seq, ts=rig.ts, **fields), rig.rx))
        if n == 2:
            edit(rig, body)
        if n == 5:
            edit(rig, f"[crane.moment.steps.alarm]\nset = {number(104)}\n", 2)
    terms = [t for outcome in rig.outcomes for report in outcome.evaluated.values() for t in report.terms]
    derived = [t for t in rig.transitions if not t.observed]
    used = [profiles.parse(published(*one).text) for one in (
        (body,), (f"[crane.moment.steps.alarm]\nset = {number(104)}\n", 2))]  # fmt: skip
    history = History(("site", "crane", "c1"), (rig.boot,), frames, terms, (), used)
    assert replay(history) == derived
    assert len({t.profile for t in derived}) >= 2
    with pytest.raises(ConfigError, match="is not known here"):
        replay(History(history.key, history.boots, frames, terms))


@pytest.mark.parametrize("told", [True, False])
def test_without_memory_an_alarm_whose_rule_is_gone_is_taken_over_and_ends_by_its_own_condition(told: bool) -> None:
    """`told`: the alarm says which profile it was raised under; that of an older analyzer does not."""
    before = Rig(interval_ms=200)
    before.hold(10, load_t=2.8, **AT_42)
    edit(before, "[crane.moment]\nremove = true\n")
    rig = Rig(interval_ms=200)
    edit(rig, "[crane.moment]\nremove = true\n")
    alarm = before.alarm("moment") if told else msgspec.structs.replace(before.alarm("moment"), profile=None)
    rig.note(rig.engine.adopt([(("site", "crane", "c1"), "moment", alarm)], rig.rx))
    rig.seq, rig.ts, rig.rx = before.seq, before.ts, before.rx
    assert rig.hold(10, load_t=2.8, **AT_42) == []
    assert rig.alarm("moment").active
    assert story(rig.hold(10, load_t=0.5, **AT_42)) == "moment clear returned_unacknowledged"
    rig.respond("acknowledge", rule="moment")
    assert rig.hold(10, load_t=2.8, **AT_42) == [], "the rule is gone"
