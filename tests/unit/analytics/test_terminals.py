"""Terminals that nobody can see or hear: what their heartbeats come to, and the alarms at the desk."""

import asyncio
from pathlib import Path
from typing import Any

import msgspec
import pytest

from analytics.engine import Engine
from analytics.identity import DeviceKey
from analytics.terminal_book import TERMINALS_MAX, Showing, TerminalBook
from telemetry.model import Mode, Priority, Severity, priority
from telemetry.wire import payloads
from telemetry.wire.payloads import DeviceConfig, Event, Shown, Transition
from tests.helpers.hour import Step
from tests.helpers.line import POINTS
from tests.helpers.line import Life as LineLife
from tests.helpers.site import BOOT, START, arrived

CRANE: DeviceKey = ("site", "crane", "c1")
TOPIC = "cw/v1/site/crane/c1/up/shown"
GOOD: dict[str, Any] = {"visible": True, "audio": "running", "volume": 1.0}
HIDDEN = GOOD | {"visible": False}


def beat(terminal: str = "t-1", **said: Any) -> bytes:
    return payloads.encode(Shown(terminal=terminal, at=1, **said))


# What heartbeats come to


class Ticks:
    """A book and its clock: `go` is so many seconds with a heartbeat of each terminal in every one."""

    def __init__(self) -> None:
        self.book = TerminalBook(lambda key: key == CRANE)
        self.at = START
        self.said: list[str] = []

    def go(self, seconds: int, *beats: bytes, topic: str = TOPIC) -> list[str]:
        self.said = []
        for _ in range(seconds):
            for one in beats:
                self.book.heard(topic, one)
            self.at += 1_000
            self.said += [str(showing) for showing in self.book.changes(self.at).values()]
        return self.said


def test_one_that_is_seen_and_heard_is_shown_and_said_so_once() -> None:
    ticks = Ticks()
    assert ticks.go(20, beat(**GOOD)) == ["shown"]


@pytest.mark.parametrize(
    "said",
    [
        HIDDEN, GOOD | {"audio": "suspended"}, GOOD | {"audio": "none"}, GOOD | {"volume": 0.0},
        {"audio": "running", "volume": 1.0}, {"visible": True, "volume": 1.0}, {"visible": True, "audio": "running"},
    ],
)  # fmt: skip
def test_hidden_suspended_silent_or_not_said_to_be_otherwise_is_muted_after_five_seconds(said: dict[str, Any]) -> None:
    ticks = Ticks()
    ticks.go(20, beat(**GOOD))
    assert ticks.go(4, beat(**said)) == []
    assert ticks.go(3, beat(**said)) == ["muted"]
    assert ticks.go(2, beat(**GOOD)) == ["shown"]


def test_a_second_terminal_that_is_seen_is_enough() -> None:
    ticks = Ticks()
    assert ticks.go(60, beat("t-1", **HIDDEN), beat("t-2", **GOOD)) == ["shown"]


def test_none_for_ten_seconds_is_absent() -> None:
    ticks = Ticks()
    ticks.go(20, beat(**GOOD))
    assert ticks.go(9) == []
    assert ticks.go(3) == ["absent"]
    assert ticks.go(100) == []


def test_one_that_flaps_every_second_says_nothing_new() -> None:
    ticks = Ticks()
    ticks.go(5, beat(**GOOD))
    assert [said for _ in range(50) for said in (*ticks.go(1, beat(**HIDDEN)), *ticks.go(1, beat(**GOOD)))] == []


def test_a_stall_of_ours_makes_nobody_absent() -> None:
    ticks = Ticks()
    ticks.go(20, beat(**GOOD))
    # 30 s of ticks and heartbeats stood in a queue, and come in their order at once: that is what time is.
    assert ticks.go(30, beat(**GOOD)) == []


def test_behind_a_new_link_nobody_is_absent_before_heartbeats_had_their_time() -> None:
    ticks = Ticks()
    ticks.go(20, beat(**GOOD))
    ticks.book.linked()
    ticks.at += 600_000
    assert ticks.go(9) == []
    assert ticks.go(3, beat(**GOOD)) == []
    assert ticks.go(13) == ["absent"]


def test_after_a_restart_one_that_was_there_and_never_speaks_again_is_absent() -> None:
    ticks = Ticks()
    ticks.book.restore({CRANE: Showing.SHOWN})
    assert ticks.go(10) == []
    assert ticks.go(3) == ["absent"]


def test_what_is_not_a_heartbeat_of_a_known_device_is_nothing() -> None:
    ticks = Ticks()
    receipt = beat(transition="x", **GOOD)
    assert ticks.go(5, b"{", b"", b'{"terminal": 7}', receipt) == []
    assert ticks.go(5, beat(**GOOD), topic="cw/v1/site/crane/c2/up/shown") == []
    assert ticks.go(5, beat(**GOOD), topic="cw/v1/site/crane/c1/x/shown") == []


def test_terminals_whose_names_are_made_up_cost_no_more_room() -> None:
    ticks = Ticks()
    ticks.go(1, *(beat(f"t-{k}", **HIDDEN) for k in range(1_000)))
    assert len(ticks.book._devices[CRANE]) == TERMINALS_MAX


# What follows of it


class Desk:
    """A crane with a terminal, a reading and two ticks a second; `showing` is what was noted of its terminals."""

    def __init__(self, kind: str = "crane", *, engine: Engine | None = None, **config: Any) -> None:
        self.engine = engine or Engine()
        self.kind = kind
        self.at = START
        self.seq = 0
        self.found: list[Transition] = []
        self.config = {"terminal": "cab"} | config
        self.devices = ["c1"] if kind == "crane" else ["p1", "p2"]
        for device in self.devices:
            made = DeviceConfig(version=1, interval_ms=1_000, **self.config)
            self.engine.configure("site", kind, device, made, START)

    def show(self, showing: Showing | None, device: str = "") -> "Desk":
        if showing is not None:
            self.engine.terminals.said({("site", self.kind, device or self.devices[0]): showing})
        return self

    def go(self, seconds: int, *, quiet: bool = False, **channels: Any) -> list[str]:
        said = []
        for _ in range(seconds):
            self.seq += 1
            self.at += 1_000
            if not quiet:
                frames = [
                    arrived(name, self.kind, self.at, boot=BOOT, seq=self.seq, ts=self.at, **channels)
                    for name in self.devices
                ]
                self.engine.feed(frames)
            for tick in (self.at, self.at + 500):
                found = self.engine.tick(tick, tick).transitions
                self.found += found
                said += [f"{t.device} {t.rule} {t.signal}" for t in found if t.rule.startswith("terminal")]
        return said


def test_where_none_has_ever_spoken_the_desk_is_told_after_a_minute() -> None:
    desk = Desk()
    assert desk.go(60, load_t=0.1) == []
    assert desk.go(3, load_t=0.1) == ["c1 terminal_silent raise"]
    alarm = desk.engine.annunciator.payload(CRANE, "terminal_silent")
    assert alarm is not None
    assert (alarm.cab, alarm.desk, alarm.hazard, alarm.life_safety) == ("none", "unacknowledged", None, False)
    assert priority(alarm.severity, life_safety=alarm.life_safety) is Priority.MEDIUM
    assert desk.show(Showing.SHOWN).go(2, load_t=0.1) == ["c1 terminal_silent clear"]


def test_a_muted_one_is_said_and_then_a_silent_one_instead_of_it() -> None:
    desk = Desk().show(Showing.SHOWN)
    assert desk.go(70, load_t=0.1) == []
    assert desk.show(Showing.MUTED).go(2, load_t=0.1) == ["c1 terminal_muted raise"]
    assert desk.show(Showing.ABSENT).go(2, load_t=0.1) == ["c1 terminal_silent raise", "c1 terminal_muted clear"]


@pytest.mark.parametrize("terminal", ["none", "gate"])
def test_where_no_terminal_belongs_nobody_misses_one(terminal: str) -> None:
    assert Desk(terminal=terminal).show(Showing.ABSENT).go(200, load_t=0.1) == []


@pytest.mark.parametrize("mode", ["parked", "storm", "stopped", "dismantling"])
def test_a_crane_at_rest_needs_no_terminal_and_has_a_minute_when_it_begins_to_work(mode: str) -> None:
    desk = Desk().show(Showing.ABSENT)
    assert desk.go(120, load_t=0.1, mode=mode) == []
    assert desk.go(59, load_t=0.1, mode="working") == []
    assert desk.go(4, load_t=0.1, mode="working") == ["c1 terminal_silent raise"]
    assert desk.go(2, load_t=0.1, mode=mode) == ["c1 terminal_silent clear"]


def test_a_box_that_is_silent_or_off_as_planned_is_not_blamed_for_its_terminal() -> None:
    desk = Desk()
    desk.go(70, load_t=0.1)
    assert desk.go(20, quiet=True) == ["c1 terminal_silent clear"], "that the box is silent is an alarm of its own"
    desk = Desk()
    desk.go(30, load_t=0.0, mode="parked")
    event = Event(id="e-1", type="power_off", ts=desk.at)
    desk.engine.event("site", "crane", "c1", event, desk.at)
    desk.engine.fleets["crane"].devices[0].mode = Mode.WORKING
    assert desk.go(100, quiet=True) == []


def test_a_bay_has_one_terminal_and_one_alarm() -> None:
    desk = Desk("formwork", terminal="bay", bay="A")
    assert desk.go(63, force_kn=1.0) == ["bay-a terminal_silent raise"]
    alarm = desk.engine.annunciator.payload(("site", "formwork", "bay-a"), "terminal_silent")
    assert alarm is not None
    assert alarm.bay == "A"
    assert desk.show(Showing.SHOWN, "p2").go(2, force_kn=1.0) == ["bay-a terminal_silent clear"]


def test_coverage_and_every_other_alarm_are_as_without_a_terminal() -> None:
    def rest(desk: Desk) -> tuple[Any, list[str]]:
        desk.show(Showing.ABSENT).go(120, load_t=2.0, radius_m=40.0, falls=2, wind_mps=13.0)
        coverage = msgspec.structs.replace(desk.engine.retained().coverage[CRANE], at=0)
        return coverage, [t.id for t in desk.found if not t.rule.startswith("terminal")]

    assert rest(Desk()) == rest(Desk(terminal="none"))


def test_what_was_noted_survives_a_snapshot() -> None:
    desk = Desk().show(Showing.MUTED)
    desk.go(30, load_t=0.1)
    desk.engine = Engine.restore(desk.engine.snapshot())
    assert desk.go(33, load_t=0.1) == ["c1 terminal_muted raise"]


def test_an_alarm_from_before_our_memory_ends_when_its_terminal_is_not_expected() -> None:
    desk = Desk()
    desk.go(70, load_t=0.1)
    alarm = desk.engine.annunciator.payload(CRANE, "terminal_silent")
    later = Desk(terminal="none")
    later.go(2, load_t=0.1)
    later.engine.adopt([(CRANE, "terminal_silent", alarm)], later.at)
    assert later.go(2, load_t=0.1) == ["c1 terminal_silent clear"]


# Through the shell: heartbeats are not journalled, what they come to is


def _steps() -> list[Step]:
    """Three minutes: the terminal is seen, then hidden, then gone."""
    topic = "cw/v1/line/crane/c1"
    config = payloads.encode(DeviceConfig(version=1, terminal="cab", interval_ms=1_000))
    steps = [Step(START, f"{topic}/down/config", config)]
    for k in range(180):
        at = START + 1_000 * k
        frame = {"boot": BOOT, "seq": k + 1, "ts": at, "load_t": 0.1}
        steps.append(Step(at, f"{topic}/up/reading", msgspec.json.encode(frame)))
        if k < 140:
            steps.append(Step(at, f"{topic}/up/shown", beat(**(GOOD if k < 90 else HIDDEN))))
        steps += [Step(at + 300), Step(at + 800)]
    return steps


def _said(life: LineLife) -> list[tuple[str, str]]:
    found = [payloads.decode(Transition, raw) for raw in life.transitions().values()]
    assert all(one.severity is Severity.ALARM for one in found if one.signal == "raise")
    return [(one.rule, str(one.signal)) for one in found]


def test_a_kill_anywhere_decides_it_once_and_heartbeats_are_in_no_journal(tmp_path: Path) -> None:
    passed = 0

    def plan(point: str) -> bool:
        nonlocal passed
        passed += point in POINTS
        return passed % 701 == 700

    calm = LineLife(tmp_path / "calm", lambda point: False)
    killed = LineLife(tmp_path / "killed", plan)
    for life in (calm, killed):
        asyncio.run(life.play(_steps()))
        assert life.faults == []
    assert _said(calm) == [("terminal_muted", "raise"), ("terminal_silent", "raise"), ("terminal_muted", "clear")]
    assert killed.kills >= 3
    assert _said(killed) == _said(calm)
    assert b"wake_lock" not in _journals(tmp_path)
    assert b'"terminal"' not in _journals(tmp_path).replace(b'"terminal":"cab"', b"")


def _journals(path: Path) -> bytes:
    return b"".join(file.read_bytes() for file in path.rglob("*") if file.is_file())
