"""The live picture, painted message by message."""

import json

import pytest

from api.live import picture as module
from api.live.picture import Picture
from telemetry.model import CoverageLevel, Severity, State
from telemetry.wire import payloads

TOPIC = "cw/v1/s/crane/c1"


def reading(**values: object) -> bytes:
    return json.dumps({"boot": "boot-0001", "seq": 1, "ts": 1000, **values}).encode()


def alarm(transition: str, state: State = State.UNACKNOWLEDGED) -> bytes:
    return payloads.encode(
        payloads.Alarm(
            rule="moment", transition=transition, state=state, severity=Severity.ALARM, active=True, since=1, at=1,
            cab="continuous", desk="unacknowledged",
        )
    )  # fmt: skip


def beat(*transitions: str) -> bytes:
    return payloads.encode(
        payloads.Heartbeat(partition=0, version="1", at=1, active=len(transitions), digest=payloads.digest(transitions))
    )


def lost(picture: Picture, now: int) -> str | None:
    words = picture.lost("s", now)
    return words.en if words else None


def test_the_last_sample_counts_and_the_frame_speaks_for_every_sample() -> None:
    picture = Picture()
    frame = {
        "boot": "boot-0001", "seq": 7, "falls": 2, "invalid": ["wind_mps"],
        "samples": [{"ts": 1, "load_t": 1.0}, {"ts": 2, "load_t": 2.5, "invalid": ["hook_m"]}],
    }  # fmt: skip
    picture.apply(f"{TOPIC}/up/reading", json.dumps(frame).encode(), 50)
    seen = picture.devices[("s", "crane", "c1")].reading
    assert seen is not None
    assert seen.values == {"falls": 2, "load_t": 2.5}
    assert seen.invalid == ("hook_m", "wind_mps")
    assert (seen.ts, seen.received_ms, seen.seq) == (2, 50, 7)


def test_an_implausible_value_is_marked_and_absent_stays_absent() -> None:
    picture = Picture()
    picture.apply(f"{TOPIC}/up/reading", reading(load_t=9999.0), 50)
    seen = picture.devices[("s", "crane", "c1")].reading
    assert seen is not None
    assert seen.invalid == ("load_t",)
    assert "wind_mps" not in seen.values


def test_nothing_that_comes_in_can_hurt_the_picture() -> None:
    picture = Picture()
    for topic, payload in [
        (f"{TOPIC}/up/reading", b"\xff\xfe"),
        (f"{TOPIC}/up/reading", b"{}"),
        (f"{TOPIC}/down/alarm/moment", b"[]"),
        ("cw/v1/s/nosuchkind/c1/up/reading", reading()),
        ("cw/v1/S P/crane/c1/up/presence", b"{}"),
        ("cw/v1/s/heartbeat", b"nonsense"),
        ("a/b", b""),
    ]:
        assert picture.apply(topic, payload, 0) is None
    assert picture.refused == 7


def test_nobody_is_watched_before_the_first_heartbeat_nor_three_seconds_after_the_last() -> None:
    picture = Picture()
    assert lost(picture, 0) == "no connection to the broker"
    picture.link(True)
    assert lost(picture, 0) == "no heartbeat of the analyzer yet"
    picture.apply("cw/v1/s/heartbeat", beat(), 1000)
    assert lost(picture, 4000) is None
    assert lost(picture, 4001) == "no heartbeat of the analyzer for 3 s"
    picture.link(False)
    assert lost(picture, 1000) == "no connection to the broker"


def test_alarms_that_differ_from_the_heartbeat_for_three_seconds_are_not_vouched_for() -> None:
    picture = Picture()
    picture.link(True)
    picture.apply(f"{TOPIC}/down/alarm/moment", alarm("t1"), 0)
    for second in range(5):
        picture.apply("cw/v1/s/heartbeat", beat("t1", "t2"), second * 1000)
    assert lost(picture, 4000) == "alarms out of step with the analyzer"
    picture.apply(f"{TOPIC}/down/alarm/wind", alarm("t2"), 4100)
    assert lost(picture, 4100) is None


def test_a_hold_that_outlives_its_alarm_still_counts() -> None:
    picture = Picture()
    picture.link(True)
    picture.apply("cw/v1/s/heartbeat", beat("t9"), 0)
    picture.apply(f"{TOPIC}/down/alarm/moment", alarm("t9", State.NORMAL), 10)
    assert lost(picture, 3500 - 600) is None
    assert picture.sites["s"].differs_since is None


def test_alarms_that_the_broker_forgot_are_dropped_after_a_reconnect() -> None:
    picture = Picture()
    picture.link(True)
    picture.apply(f"{TOPIC}/down/alarm/moment", alarm("t1"), 0)
    picture.apply(f"{TOPIC}/down/alarm/wind", alarm("t2"), 0)
    picture.link(False)
    picture.link(True)
    picture.apply(f"{TOPIC}/down/alarm/wind", alarm("t2"), 10)
    dropped = picture.settle()
    assert [change.value for change in dropped] == [("moment", None)]
    assert set(picture.devices[("s", "crane", "c1")].alarms) == {"wind"}


def test_a_configuration_never_goes_backwards() -> None:
    picture = Picture()
    for version in (3, 2):
        config = payloads.DeviceConfig(version=version, display_name=f"v{version}")
        picture.apply(f"{TOPIC}/down/config", payloads.encode(config), 0)
    held = picture.devices[("s", "crane", "c1")].config
    assert held is not None
    assert held.display_name == "v3"


@pytest.mark.parametrize(
    ("coverage_ms", "interval_ms", "wanted"),
    [(None, None, 3000), (None, 200, 1000), (None, 15_000, 45_000), (4000, 200, 4000)],
)
def test_old_means_three_of_the_device_s_own_intervals(
    coverage_ms: int | None, interval_ms: int | None, wanted: int
) -> None:
    picture = Picture()
    picture.apply(f"{TOPIC}/up/reading", reading(load_t=1.0), 0)
    if interval_ms is not None:
        presence = payloads.Presence(online=True, interval_ms=interval_ms)
        picture.apply(f"{TOPIC}/up/presence", payloads.encode(presence), 0)
    if coverage_ms is not None:
        coverage = payloads.Coverage(at=0, level=CoverageLevel.MONITORED, hazards={}, stale_after_ms=coverage_ms)
        picture.apply(f"{TOPIC}/down/coverage", payloads.encode(coverage), 0)
    view = picture.devices[("s", "crane", "c1")]
    assert not view.stale(wanted)
    assert view.stale(wanted + 1)


def test_devices_beyond_the_bound_are_counted_and_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MAX_DEVICES", 2)
    picture = Picture()
    for n in range(4):
        picture.apply(f"cw/v1/s/crane/c{n}/up/reading", reading(), 0)
    assert len(picture.devices) == 2
    assert picture.left_out == 2


@pytest.mark.parametrize(
    ("topic", "payload"),
    [
        ("cw/v1/s/nokind/x/up/reading", reading()),
        ("cw/v1/s/cranes/c9/up/presence", payloads.encode(payloads.Presence(online=True))),
        ("cw/v1/s/nokind/x/down/alarm/moment", alarm("t1")),
        ("cw/v1/s/nokind/x/down/config", payloads.encode(payloads.DeviceConfig(version=1))),
        ("cw/v1/s/nokind/x/down/coverage", b""),
        ("cw/v1/s/analyzer/p0/up/presence", payloads.encode(payloads.Presence(online=True))),
    ],
)
def test_an_undeclared_kind_is_refused_whole(topic: str, payload: bytes) -> None:
    picture = Picture()
    assert picture.apply(topic, payload, 0) is None
    assert picture.refused == 1
    assert picture.devices == {}
    assert picture.sites == {}


@pytest.mark.parametrize("tail", ["up/reading", "up/presence", "down/coverage", "down/alarm/moment", "down/config"])
def test_what_cannot_be_understood_leaves_no_device_behind(tail: str) -> None:
    picture = Picture()
    assert picture.apply(f"{TOPIC}/{tail}", b"\xff\xfe", 0) is None
    assert picture.refused == 1
    assert picture.devices == {}
    assert picture.sites == {}


def test_clearing_what_was_never_there_makes_no_device() -> None:
    picture = Picture()
    for tail in ("up/presence", "down/coverage", "down/alarm/moment", "down/config"):
        assert picture.apply(f"{TOPIC}/{tail}", b"", 0) is None
    assert picture.devices == {}
    assert picture.refused == 0


def test_the_analyzers_alarms_about_itself_are_held_and_it_is_no_device() -> None:
    picture = Picture()
    assert picture.apply("cw/v1/s/analyzer/p0/down/alarm/clock", alarm("t1"), 0) is not None
    assert picture.of("s") == []
    assert [list(view.alarms) for view in picture.alarmed("s")] == [["clock"]]
    picture.apply("cw/v1/s/analyzer/p0/down/alarm/clock", b"", 0)
    assert [list(view.alarms) for view in picture.alarmed("s")] == [[]]


def test_a_device_that_was_taken_off_the_site_is_not_present_unless_it_speaks() -> None:
    picture = Picture()
    for device, retired in (("c1", False), ("c2", True)):
        config = payloads.DeviceConfig(version=1, interval_ms=1000, retired=retired)
        picture.apply(f"cw/v1/s/crane/{device}/down/config", payloads.encode(config), 0)
    assert [view.device for view in picture.present("s", 100)] == ["c1"]
    assert [view.device for view in picture.of("s")] == ["c1", "c2"]
    picture.apply("cw/v1/s/crane/c2/up/reading", reading(load_t=1.0), 200)
    assert [view.device for view in picture.present("s", 300)] == ["c1", "c2"]
    assert [view.device for view in picture.present("s", 10_000)] == ["c1"]
