"""The terminal in a shell: absence is never normal, and a number has an age."""

import msgspec
from rich.console import Console

from runtime.terminal.screen import Screen
from telemetry.model import Severity, State
from telemetry.wire import payloads

BASE = "cw/v1/s/crane/c-1"
ALARM = payloads.Alarm(
    rule="moment", transition="t-1", state=State.UNACKNOWLEDGED, severity=Severity.ALARM, active=True, since=1, at=1,
    cab="continuous", desk="unacknowledged", text=payloads.Words(zh="超载 104 %", en="OVERLOAD 104 %"),
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
