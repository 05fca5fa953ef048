"""The terminal in a shell: absence is never normal, and a number has an age."""

import msgspec
import pytest
from rich.console import Console

from runtime.terminal import blackbox, proof, reach
from runtime.terminal.screen import Screen
from telemetry.model import Action, CoverageLevel, Hazard, Severity, State
from telemetry.wire import payloads

BASE = "cw/v1/s/crane/c-1"
ALARM = payloads.Alarm(
    rule="moment", transition="t-1", state=State.UNACKNOWLEDGED, severity=Severity.ALARM, active=True, since=1, at=1,
    cab="continuous", desk="unacknowledged", hazard=Hazard.MOMENT,
    text=payloads.Words(zh="超载 104 %", en="OVERLOAD 104 %"),
)  # fmt: skip


def text(screen: Screen, now: float, linked: bool = True) -> str:
    console = Console(width=120, record=True, file=open("/dev/null", "w"))  # noqa: SIM115, PTH123, RUF100
    console.print(screen.render(now, linked))
    console.file.close()
    return console.export_text()


READING = msgspec.json.encode({"ts": 1, "load_t": 3.21})


def heartbeat(ids: list[str]) -> bytes:
    devices = {"c-1": (len(ids), payloads.digest(ids))} if ids else {}
    return payloads.encode(
        payloads.Heartbeat(
            partition=0, version="1", at=1, active=len(ids), digest=payloads.digest(ids), devices=devices
        )
    )


def test_without_a_heartbeat_it_says_not_monitored() -> None:
    screen = Screen("s", "c-1")
    assert "NOT MONITORED" in text(screen, 0.0)
    screen.take("cw/v1/s/heartbeat", heartbeat([]), 1.0)
    assert "no data from the device" in text(screen, 1.0)
    screen.take(f"{BASE}/up/reading", READING, 1.5)
    assert "NOT MONITORED" not in text(screen, 2.0)
    assert "NOT MONITORED" in text(screen, 4.2)
    assert "NOT MONITORED" in text(screen, 2.0, linked=False)


def test_with_another_set_of_alarms_than_the_heartbeat_says_it_is_not_monitored_after_three_seconds() -> None:
    screen = Screen("s", "c-1")
    for second in range(6):
        screen.take("cw/v1/s/heartbeat", heartbeat(["t-1"]), float(second))
    assert "NOT MONITORED" in text(screen, 5.0)
    screen.take(f"{BASE}/up/reading", READING, 5.0)
    screen.take(f"{BASE}/down/alarm/moment", payloads.encode(ALARM), 5.1)
    assert "NOT MONITORED" not in text(screen, 5.2)
    assert "OVERLOAD 104 %" in text(screen, 5.2)


def test_a_cleared_alarm_leaves_the_band() -> None:
    screen = Screen("s", "c-1")
    screen.take("cw/v1/s/heartbeat", heartbeat([]), 0.0)
    screen.take(f"{BASE}/down/alarm/moment", payloads.encode(ALARM), 0.1)
    screen.take(f"{BASE}/down/alarm/moment", b"", 0.2)
    assert "OVERLOAD" not in text(screen, 0.3)


def test_a_reading_is_shown_with_its_age() -> None:
    screen = Screen("s", "c-1")
    assert "无 none" in text(screen, 0.0)
    screen.take(f"{BASE}/up/reading", msgspec.json.encode({"ts": 1, "load_t": 3.21}), 10.0)
    shown = text(screen, 12.5)
    assert "3.21 t" in shown
    assert "2.5 秒前" in shown


def test_a_silent_device_is_not_monitored_whatever_its_alarms_say() -> None:
    screen = Screen("s", "c-1")
    screen.take(f"{BASE}/up/reading", READING, 0.0)
    screen.take(f"{BASE}/down/alarm/moment", payloads.encode(ALARM), 0.1)
    for second in range(10):
        screen.take("cw/v1/s/heartbeat", heartbeat(["t-1"]), float(second))
    assert "no data from the device" in text(screen, 9.0)
    assert "3.21" not in text(screen, 9.0)


def test_what_is_known_bad_or_no_longer_sent_is_not_shown_as_a_number() -> None:
    screen = Screen("s", "c-1")
    screen.take(f"{BASE}/up/reading", msgspec.json.encode({"ts": 1, "load_t": 3.3, "wind_mps": 50.0}), 0.0)
    screen.take(f"{BASE}/up/reading", msgspec.json.encode({"ts": 2, "load_t": 3.3, "invalid": ["load_t"]}), 0.2)
    shown = text(screen, 0.3)
    assert "无效 invalid" in shown
    assert "3.30" not in shown
    assert "50.0" not in shown


CHART = payloads.Chart(falls=2, points=[(10.0, 4.0), (30.0, 2.0), (50.0, 1.0)])


def watched(screen: Screen, now: float, ids: list[str], **reading: object) -> Screen:
    screen.take("cw/v1/s/heartbeat", heartbeat(ids), now)
    screen.take(f"{BASE}/up/reading", msgspec.json.encode({"ts": 1, **reading}), now)
    return screen


@pytest.mark.parametrize(
    ("load", "radius", "box", "out"),
    [
        (1.5, 20.0, None, 40.0),
        (2.5, 20.0, None, 25.0),
        (2.5, 28.0, None, 25.0),  # beyond: how far to come in
        (0.1, 20.0, None, 50.0),
        (4.5, 20.0, None, None),  # too heavy everywhere
        (1.5, 60.0, None, None),  # beyond the chart
        (1.5, 20.0, 3.0, 40.0),
        (1.5, 20.0, 2.5, None),  # box and chart differ: nobody vouches for it
        (None, 20.0, None, None),
        (1.5, None, None, None),
    ],
)
def test_how_far_the_trolley_may_go(
    load: float | None, radius: float | None, box: float | None, out: float | None
) -> None:
    assert reach.out_to([CHART], 2, load, box, radius) == out
    assert reach.out_to([CHART], 4, load, box, radius) is None, "a chart of another reeving says nothing"


def test_out_to_is_on_the_screen_and_turns_into_come_in() -> None:
    screen = Screen("s", "c-1", config=payloads.DeviceConfig(version=1, charts=[CHART]))
    assert "可外变幅至 out to" in text(watched(screen, 0.0, [], load_t=1.5, radius_m=20.0, falls=2), 0.1)
    shown = text(watched(screen, 1.0, [], load_t=2.5, radius_m=28.0, falls=2), 1.1)
    assert "须收幅至 come in to" in shown
    assert "25.0 m" in shown


def test_silence_quiets_the_bell_answers_once_and_clears_nothing() -> None:
    screen = watched(Screen("s", "c-1"), 0.0, ["t-1"], load_t=3.2, operator="op-7")
    screen.take(f"{BASE}/down/alarm/moment", payloads.encode(ALARM), 0.1)
    assert screen.bell(0.2, True)
    assert not screen.bell(0.7, True), "once a second"
    assert screen.bell(1.3, True)
    answers = screen.silence(1.4, 1_800_000_000_000)
    assert [(one.action, one.rule, one.transition, one.who) for one in answers] == [
        ("silence", "moment", "t-1", "op-7")
    ]
    watched(screen, 2.4, ["t-1"], load_t=3.2)
    assert not screen.bell(2.5, True)
    assert "OVERLOAD 104 %" in text(screen, 2.5)
    assert "SILENCED" in text(screen, 2.5)
    for second in range(3, 33):
        watched(screen, float(second), ["t-1"], load_t=3.2)
    assert screen.bell(32.0, True), "after 30 s it is back"


def test_a_raise_behind_a_silence_rings_at_once() -> None:
    screen = watched(Screen("s", "c-1"), 0.0, ["t-1"], load_t=3.2)
    screen.take(f"{BASE}/down/alarm/moment", payloads.encode(ALARM), 0.1)
    screen.silence(0.2, 1)
    worse = msgspec.structs.replace(ALARM, transition="t-2", severity=Severity.CRITICAL)
    screen.take(f"{BASE}/down/alarm/moment", payloads.encode(worse), 0.3)
    assert screen.bell(2.0, True)


def test_a_prewarning_rings_twice_and_lost_monitoring_every_half_minute() -> None:
    screen = watched(Screen("s", "c-1"), 0.0, ["t-1"], load_t=3.0)
    soft = msgspec.structs.replace(ALARM, severity=Severity.PREWARNING, cab="pulse")
    screen.take(f"{BASE}/down/alarm/moment", payloads.encode(soft), 0.1)
    steps = [n / 10 for n in range(2, 30)]
    assert len([at for at in steps if screen.bell(at, True)]) in (2, 3)
    rings = [at for at in range(10, 130) if screen.bell(float(at), True)]
    assert len(rings) == 4, "nobody watches any more"


def test_with_cab_sound_none_an_alarm_is_shown_and_does_not_ring() -> None:
    screen = Screen("s", "c-1", config=payloads.DeviceConfig(version=1, cab_sound="none"))
    watched(screen, 0.0, ["t-1"], load_t=3.2)
    screen.take(f"{BASE}/down/alarm/moment", payloads.encode(ALARM), 0.1)
    assert "OVERLOAD" in text(screen, 0.2)
    assert not screen.bell(0.2, True)


@pytest.mark.parametrize(
    ("rule", "cab", "said", "box"),
    [
        ("moment", "continuous", {"device_alarm": 8}, True),
        ("moment", "continuous", {"device_alarm": 0}, False),
        ("moment", "continuous", {}, False),
        ("moment", "pulse", {"device_prewarn": 0}, True),
        ("moment", "pulse", {}, False),
        ("wind", "pulse", {"device_prewarn": 0}, False),
        ("wind", "pulse", {"device_prewarn": 1}, True),
        ("snag", "continuous", {"device_alarm": 255}, False),
    ],
)
def test_what_is_left_to_the_black_box(rule: str, cab: str, said: dict[str, int], box: bool) -> None:
    assert blackbox.sounds(msgspec.structs.replace(ALARM, rule=rule, cab=cab), said) is box


def test_a_desk_s_alarm_is_not_the_cab_s_business_and_a_hold_is() -> None:
    desk = msgspec.structs.replace(
        ALARM, rule="clock", cab="none", hazard=None, text=payloads.Words(zh="设备时钟", en="CLOCK")
    )
    screen = watched(Screen("s", "c-1"), 0.0, ["t-1"], load_t=0.0)
    screen.take(f"{BASE}/down/alarm/clock", payloads.encode(desk), 0.1)
    assert "CLOCK" not in text(screen, 0.2)
    held = msgspec.structs.replace(ALARM, cab="none", active=False, hold=True, state=State.RETURNED)
    screen.take(f"{BASE}/down/alarm/clock", b"", 0.3)
    screen.take(f"{BASE}/down/alarm/moment", payloads.encode(held), 0.3)
    assert "STOPPED FOR INSPECTION do not lift" in text(screen, 0.4)


def test_one_hazard_without_data_is_said_with_the_others_normal() -> None:
    hazards = {
        Hazard.WIND: payloads.HazardCoverage(level=CoverageLevel.BLIND),
        Hazard.LOAD: payloads.HazardCoverage(level=CoverageLevel.MONITORED),
    }
    coverage = payloads.Coverage(at=1, level=CoverageLevel.BLIND, hazards=hazards)
    shown = text(watched(Screen("s", "c-1", coverage=coverage), 0.0, [], load_t=0.0), 0.1)
    assert "风 WIND 无数据 NO DATA" in shown
    assert "others normal" in shown


def test_why_nobody_watches_is_said_in_words() -> None:
    screen = Screen("s", "c-1")
    assert "broker not reachable" in text(screen, 0.0, linked=False)
    screen.refused = "服务器拒绝连接 broker refused, check user and password"
    assert "check user and password" in text(screen, 0.0, linked=False)
    assert "check user" in text(screen, 0.0, linked=True)


PROOF = payloads.Alarm(
    rule="proof_test", transition="p-1", state=State.UNACKNOWLEDGED, severity=Severity.ADVISORY, active=True, since=1,
    at=1, cab="test", desk="unacknowledged",
    text=payloads.Words(zh="测试 报警链路测试", en="TEST of the way of an alarm"),
)  # fmt: skip


def proving(*alarms: payloads.Alarm, load_t: float = 0.02) -> Screen:
    screen = Screen("s", "c-1")
    screen.take("cw/v1/s/heartbeat", heartbeat([alarm.transition for alarm in alarms]), 0.0)
    screen.take(f"{BASE}/up/reading", msgspec.json.encode({"ts": 1, "load_t": load_t}), 0.0)
    for alarm in alarms:
        screen.take(f"{BASE}/down/alarm/{alarm.rule}", payloads.encode(alarm), 0.1)
    return screen


def test_a_proof_test_is_said_as_a_test_rings_and_ends_with_the_operator_s_key() -> None:
    screen = proving(PROOF)
    assert "◇ 测试" in text(screen, 0.5)
    assert screen.bell(0.5, True)
    answer = proof.key(screen, 0.6, True, 7)
    assert answer is not None
    assert (answer.action, answer.transition, answer.rule) == (Action.CONFIRM, "p-1", "proof_test")
    assert "测试 报警" not in text(screen, 0.7)
    assert not screen.bell(2.0, True)


def test_beside_an_alarm_a_proof_test_is_not_shown_and_the_key_confirms_nothing() -> None:
    screen = proving(PROOF, ALARM)
    assert "OVERLOAD 104 %" in text(screen, 0.5)
    assert "TEST of" not in text(screen, 0.5)
    assert proof.key(screen, 0.6, True, 7) is None


def test_the_key_lets_a_test_begin_only_with_an_empty_hook() -> None:
    answer = proof.key(proving(), 0.5, True, 7)
    assert answer is not None
    assert answer.action is Action.BEGIN_TEST
    assert proof.key(proving(load_t=1.0), 0.5, True, 7) is None
    assert proof.key(proving(), 9.0, True, 7) is None, "nobody watches any more"
