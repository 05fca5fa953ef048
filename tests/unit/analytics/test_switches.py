"""Limit switches: lamps by routine, alarms when a motion passes one or one does not come."""

from typing import Any

import pytest

from telemetry.kinds import LIMIT_BITS
from telemetry.wire.payloads import DeviceConfig
from tests.helpers.site import CHART, Rig

CONFIG = DeviceConfig(version=1, charts=[CHART], interval_ms=200, mast_m=50, hook_max_m=48, jib_m=60)


def bit(name: str) -> int:
    return 1 << LIMIT_BITS.index(name)


def rig(config: DeviceConfig = CONFIG) -> Rig:
    return Rig(interval_ms=200, config=config)


def run(
    crane: Rig, channel: str, start: float, end: float, speed: float, switch: str = "", at: float = 0.0
) -> list[str]:
    """Move one axis; its switch is on from `at` on."""
    rest: dict[str, Any] = {"hook_m": 20.0, "radius_m": 20.0, "slew_deg": 0.0, "load_t": 0.0}
    steps = max(1, round(abs(end - start) / speed / 0.2))
    found = []
    for k in range(1, steps + 1):
        place = start + (end - start) * k / steps
        on = switch and (place >= at if end > start else place <= at)
        found += crane.read(**{**rest, channel: round(place, 2)}, limits=bit(switch) if on else 0)
    return [t.rule for t in found]


def test_driving_into_limits_all_evening_is_a_lamp() -> None:
    crane = rig()
    for _ in range(5):
        assert run(crane, "hook_m", 20, 47.3, 0.8, "hook_up_limit", 47.0) == []
        assert run(crane, "hook_m", 47.3, 20, 0.8) == []
        assert run(crane, "radius_m", 20, 58.1, 0.8, "radius_out_limit", 58.0) == []
        assert run(crane, "radius_m", 58.1, 20, 0.8) == []


@pytest.mark.parametrize(
    ("channel", "start", "end", "switch", "at"),
    [
        ("hook_m", 45, 48, "hook_up_limit", 47), ("hook_m", 3, -1, "hook_down_limit", 1),
        ("radius_m", 56, 59, "radius_out_limit", 58), ("radius_m", 5, 2, "radius_in_limit", 3),
        ("slew_deg", 520, 560, "slew_right_limit", 540), ("slew_deg", -520, -560, "slew_left_limit", -540),
    ],
)  # fmt: skip
def test_a_motion_that_goes_on_beyond_its_limit_sounds(
    channel: str, start: float, end: float, switch: str, at: float
) -> None:
    crane = rig()
    found = run(crane, channel, start, end, 0.5 if channel != "slew_deg" else 3, switch, at)
    assert found == ["limit_passed"]
    alarm = crane.alarm("limit_passed")
    assert alarm.cab == "continuous"
    assert {"hook": "hook", "radi": "trolley", "slew": "slew"}[channel[:4]] in alarm.text.en


def test_a_switch_that_came_yesterday_and_does_not_come_today_is_said_when_the_hook_is_there() -> None:
    crane = rig()
    run(crane, "hook_m", 20, 47.3, 0.8, "hook_up_limit", 47.0)
    run(crane, "hook_m", 47.3, 20, 0.8)
    assert run(crane, "hook_m", 20, 47.5, 0.5) == [], "not beyond what an encoder may be off"
    assert run(crane, "hook_m", 47.5, 49.5, 0.3) == ["limit_unseen"]
    assert "hook up" in crane.alarm("limit_unseen").text.en


def test_who_never_goes_there_is_not_asked_for_the_switch() -> None:
    crane = rig()
    run(crane, "hook_m", 20, 47.3, 0.8, "hook_up_limit", 47.0)
    assert run(crane, "hook_m", 47.3, 10, 0.8) == []
    for _ in range(10):
        assert run(crane, "hook_m", 10, 30, 0.8) + run(crane, "hook_m", 30, 10, 0.8) == []


def test_after_climbing_the_old_places_are_forgotten() -> None:
    crane = rig()
    run(crane, "hook_m", 20, 47.3, 0.8, "hook_up_limit", 47.0)
    run(crane, "hook_m", 47.3, 20, 0.8)
    higher = DeviceConfig(version=2, charts=[CHART], interval_ms=200, mast_m=62, hook_max_m=60, jib_m=60)
    crane.note(crane.engine.configure("site", "crane", "c1", higher, crane.rx))
    assert run(crane, "hook_m", 20, 55, 0.8) == []


def test_a_box_without_limits_is_not_monitored_for_them() -> None:
    crane = rig()
    for k in range(100):
        assert crane.read(hook_m=40 + 0.2 * k, load_t=0.0, radius_m=20.0) == []
