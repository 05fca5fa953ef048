"""Proof tests in the engine: what the test channel may become, what ends it, what the notifier's word of it does."""

from typing import Any

import pytest

from analytics.engine import Engine
from analytics.flood import FLOOD
from analytics.ourselves import OWN_KIND
from analytics.replay import History, Told, replay
from telemetry.model import Priority, Severity, State, priority
from telemetry.wire.payloads import DeviceConfig, Transition, Words
from telemetry.wire.proof import Proved, SiteProofs
from tests.helpers.lifting import EMPTY
from tests.helpers.site import CHART, START, Rig, arrived, story

AT = {"radius_m": 20.0, "hook_m": 20.0, "falls": 2, "slew_deg": 10.0}
KEY = ("site", "crane", "c1")


class Box(Rig):
    """A black box of 5 Hz with a test channel."""

    def __init__(self, interval_ms: int = 200) -> None:
        config = DeviceConfig(version=1, charts=[CHART], interval_ms=interval_ms)
        super().__init__(interval_ms=interval_ms, config=config)
        self.hold(20, load_t=EMPTY, **AT)
        self.transitions.clear()

    def tests(self, n: int = 10, load_t: float | None = EMPTY, **more: Any) -> str:
        """The channel is driven for `n` samples."""
        body: dict[str, Any] = {**AT, "proof_pct": 110.0, **more}
        if load_t is not None:
            body["load_t"] = load_t
        return story(self.hold(n, **body))

    def rests(self, n: int = 2) -> str:
        return story(self.hold(n, load_t=EMPTY, **AT))


def only(box: Rig, rule: str) -> list[Transition]:
    return [one for one in box.transitions if one.rule == rule]


def test_with_an_empty_hook_it_is_raised_and_ends_with_the_channel() -> None:
    box = Box()
    assert box.tests() == "proof_test raise unacknowledged"
    assert box.rests() == "proof_test clear returned_unacknowledged"
    assert story(box.respond("acknowledge", rule="proof_test")) == "proof_test acknowledge normal"
    raised = box.transitions[0]
    assert (raised.value, raised.limit, raised.unit, raised.channel) == (110.0, 100.0, "%", "proof_pct")
    assert raised.cause.seq == 24, "half a second after the first sample beyond the limit, as an overload"


def test_it_says_that_it_is_a_test_and_is_an_alarm_to_nobody_who_counts() -> None:
    box = Box()
    box.tests()
    alarm = box.alarm("proof_test")
    assert alarm.text.zh.startswith("测试")
    assert alarm.text.en.startswith("TEST")
    assert (alarm.cab, alarm.desk, alarm.life_safety, alarm.hold) == ("test", "unacknowledged", False, False)
    assert priority(alarm.severity, life_safety=alarm.life_safety) is Priority.LOW
    assert alarm.severity < Severity.PREWARNING, "a terminal that knows no tests shows it as no alarm"


def test_its_sound_ends_by_itself() -> None:
    box = Box()
    box.tests()
    box.tick()
    box.tick(9_000)
    assert box.alarm("proof_test").cab == "none"


@pytest.mark.parametrize(
    ("reads", "why"),
    [
        ({"load_t": 1.2}, "loaded"),
        ({"load_t": 0.15}, "loaded"),  # 3.75 % of the largest rated load: between the two bounds of a lift
        ({"load_t": None}, "unknown"),
        ({"invalid": ["load_t"]}, "unknown"),
    ],
)
def test_with_a_load_or_none_known_it_is_refused_without_a_sound(reads: dict[str, Any], why: str) -> None:
    box = Box()
    assert "proof_refused raise acknowledged" in box.tests(**reads)
    assert only(box, "proof_test") == []
    (refused,) = only(box, "proof_refused")
    assert refused.source == why
    alarm = box.alarm("proof_refused")
    assert (alarm.cab, alarm.desk) == ("none", "none")
    assert "proof_refused clear normal" in box.rests()


def test_a_hook_that_rises_refuses_it() -> None:
    box = Box()
    for k in range(10):
        box.read(load_t=EMPTY, proof_pct=110.0, **{**AT, "hook_m": 20.0 + 0.1 * k})
    assert [one.source for one in only(box, "proof_refused")] == ["rising"]
    assert only(box, "proof_test") == []


def test_a_load_that_comes_ends_it_and_the_same_excursion_begins_no_other() -> None:
    box = Box()
    box.tests()
    assert "proof_test clear" in box.tests(1, load_t=1.0)
    assert [one.source for one in only(box, "proof_refused")] == ["loaded"]
    before = len(box.transitions)
    box.tests(20)
    assert len(box.transitions) == before


def test_a_real_alarm_is_raised_at_once_and_ends_the_test() -> None:
    box = Box()
    box.tests()
    # A gust beyond every limit, with the hook empty: the alarm is another rule's and has nothing to do with the test.
    box.hold(30, load_t=EMPTY, wind_mps=24.0, proof_pct=110.0, **AT)
    rules = [(one.rule, str(one.signal)) for one in box.transitions]
    assert rules.index(("wind", "raise")) < rules.index(("proof_test", "clear"))
    assert [one.source for one in only(box, "proof_refused")] == ["alarm"]
    wind, clear = only(box, "wind")[0], only(box, "proof_test")[1]
    assert (clear.cause.seq or 0) - (wind.cause.seq or 0) == 1, "one sample, no more"
    assert box.alarm("wind").cab == "continuous"


def test_while_a_real_alarm_sounds_none_begins() -> None:
    box = Box()
    box.hold(30, load_t=EMPTY, wind_mps=24.0, **AT)
    box.tests(wind_mps=24.0)
    assert [one.source for one in only(box, "proof_refused")] == ["alarm"]
    assert only(box, "proof_test") == []


def test_one_sample_is_no_test_and_a_slow_box_needs_three() -> None:
    box = Box()
    assert box.tests(1) == ""
    assert box.rests() == ""
    slow = Box(interval_ms=1000)
    assert slow.tests(2) == ""
    assert slow.tests(1) == "proof_test raise unacknowledged"


def test_a_gap_begins_the_delay_anew() -> None:
    box = Box()
    box.tests(2)
    box.read(step=5_000, load_t=EMPTY, proof_pct=110.0, **AT)
    assert only(box, "proof_test") == []
    assert "raise" in box.tests(3)


def test_below_the_limit_the_channel_means_nothing() -> None:
    box = Box()
    assert box.tests(proof_pct=99.0) == ""


def test_twelve_tests_are_neither_a_flood_nor_chatter() -> None:
    box = Box()
    for _ in range(12):
        box.tests()
        box.respond("acknowledge", rule="proof_test")
        box.rests()
        box.tick()
        box.rests(10)
    box.tick(2_000)
    assert box.engine.annunciator.record(("site", OWN_KIND, "p0"), FLOOD) is None
    assert {one.rule for one in box.transitions} == {"proof_test"}


def test_a_replay_of_the_readings_gives_the_same_test() -> None:
    box = Box()
    frames = [
        Told(arrived("c1", boot=box.boot, seq=seq, ts=START + 200 * seq, load_t=EMPTY, **AT, **more).frame, START)
        for seq, more in enumerate([{}] * 20 + [{"proof_pct": 110.0}] * 10 + [{}] * 5, 1)
    ]
    again = replay(History(KEY, [box.boot], frames))
    assert story(again) == "proof_test raise unacknowledged | proof_test clear returned_unacknowledged"
    live = Engine()
    live.configure("site", "crane", "c1", DeviceConfig(version=1), START)
    told = [t for one in frames for t in live.feed([arrived("c1", **_fields(one))]).transitions]
    assert [one.id for one in told] == [one.id for one in again]


def _fields(told: Told) -> dict[str, Any]:
    names = ("boot", "seq", "ts", "load_t", "radius_m", "hook_m", "falls", "slew_deg", "proof_pct")
    found = {name: getattr(told.frame, name) for name in names}
    return {name: value for name, value in found.items() if value is not None}


# What the notifier has judged

LINK = Words(zh="终端未显示", en="not rendered")


def says(box: Rig, *devices: Proved, more: int = 0) -> str:
    box.rx += 1_000
    return story(box.note(box.engine.proofs("site", SiteProofs(at=box.rx, devices=list(devices), more=more), box.rx)))


def failed(test: str = "test-0001") -> Proved:
    return Proved(kind="crane", device="c1", test=test, failed="rendered", words=LINK)


def test_a_failed_one_is_an_alarm_until_it_is_not_named_any_more() -> None:
    box = Box()
    assert says(box, failed()) == "proof_failed raise unacknowledged"
    alarm = box.alarm("proof_failed")
    assert (alarm.severity, alarm.cab, alarm.desk) == (Severity.ALARM, "none", "unacknowledged")
    assert alarm.text.zh == "报警链路测试失败：终端未显示"
    assert says(box, failed()) == "", "said once"
    assert says(box) == "proof_failed clear returned_unacknowledged"


def test_another_failed_one_is_said_anew() -> None:
    box = Box()
    says(box, failed())
    box.respond("acknowledge", rule="proof_failed")
    assert says(box, failed("test-0002")) == "proof_failed clear normal | proof_failed raise unacknowledged"


def test_an_overdue_one_is_a_line_of_the_desk() -> None:
    box = Box()
    assert says(box, Proved(kind="crane", device="c1", overdue_days=9.0)) == "proof_overdue raise unacknowledged"
    assert box.alarm("proof_overdue").severity is Severity.ADVISORY
    assert "9 天" in box.alarm("proof_overdue").text.zh


def test_a_statement_that_does_not_name_all_ends_nothing() -> None:
    box = Box()
    says(box, failed())
    assert says(box, more=3) == ""


def test_a_snapshot_keeps_which_test_has_failed() -> None:
    box = Box()
    says(box, failed())
    box.engine = Engine.restore(box.engine.snapshot())
    assert says(box, failed()) == ""


def test_after_a_loss_of_memory_a_test_under_way_ends_with_its_channel() -> None:
    box = Box()
    box.tests()
    alarm = box.alarm("proof_test")
    box.engine = Engine()
    box.engine.configure("site", "crane", "c1", DeviceConfig(version=1, charts=[CHART]), box.rx)
    box.engine.adopt([(KEY, "proof_test", alarm)], box.rx)
    assert "proof_test clear" in box.rests()
    record = box.engine.annunciator.record(KEY, "proof_test")
    assert record is not None
    assert record.state is State.RETURNED
