"""What the crew does against mode, hours and box; a parked jib in the wind; climbing."""

from datetime import UTC, datetime
from typing import Any

import numpy as np
import pytest

from telemetry.model import Severity
from telemetry.wire.payloads import DeviceConfig, SiteConfig, Transition
from tests.helpers.site import CHART, START, Rig, story

STANDS = {"hook_m": 20.0, "radius_m": 20.0, "slew_deg": 0.0}


def rig(interval_ms: int = 1000, site: SiteConfig | None = None, **config: Any) -> Rig:
    crane = Rig(
        interval_ms=interval_ms, config=DeviceConfig(version=1, charts=[CHART], interval_ms=interval_ms, **config)
    )
    if site is not None:
        crane.note(crane.engine.configure_site("site", site, START))
    return crane


def move(crane: Rig, seconds: int, load: float = 0.0, dps: float = 1.0, **more: Any) -> list[Transition]:
    """Slew for so long."""
    found = []
    for k in range(seconds * 1000 // crane.interval):
        found += crane.read(
            **{**STANDS, "load_t": load, "slew_deg": round(dps * k * crane.interval / 1000 % 360, 1), **more}
        )
    return found


@pytest.mark.parametrize(("mode", "said"), [("parked", True), ("stopped", True), ("storm", True), ("testing", False)])
def test_a_lift_against_the_mode_is_a_line_at_the_desk_and_silent_in_the_cab(mode: str, said: bool) -> None:
    crane = rig()
    assert move(crane, 30, mode=mode) == [], "an empty hook may be put away"
    found = move(crane, 20, load=1.0, mode=mode)
    assert ("mode_contradicted" in {t.rule for t in found}) is said
    if said:
        alarm = crane.alarm("mode_contradicted")
        assert (alarm.cab, alarm.desk) == ("none", "unacknowledged")


def test_nobody_in_the_cab_is_said_once_after_three_minutes() -> None:
    crane = rig()
    assert move(crane, 600, operator="op-7") == []
    assert move(crane, 170) == []
    found = move(crane, 3600)
    assert story(found) == "unidentified raise unacknowledged"
    assert crane.alarm("unidentified").cab == "none"
    move(crane, 2, operator="op-8")
    assert not crane.alarm("unidentified").active


def test_a_crane_that_rests_needs_nobody() -> None:
    crane = rig()
    move(crane, 10, operator="op-7")
    assert crane.hold(7200, load_t=0.0, **STANDS) == []


def test_a_box_without_a_reader_accuses_nobody() -> None:
    assert move(rig(), 3600) == []


# START is 2027-01-15 08:00 UTC.
@pytest.mark.parametrize(
    ("timezone", "hours", "said"),
    [
        ("Asia/Shanghai", [("06:00", "22:00")], False),
        ("Asia/Shanghai", [("06:00", "15:00")], True),
        ("Europe/London", [("07:00", "09:00")], False),
        ("Europe/London", [("09:00", "18:00")], True),
        ("America/New_York", [("22:00", "04:00")], False),
        ("America/New_York", [("22:00", "02:30"), ("06:00", "20:00")], True),
        ("Asia/Shanghai", [], False),
    ],
)
def test_lifting_outside_the_sites_hours_counts_in_local_time(
    timezone: str, hours: list[tuple[str, str]], said: bool
) -> None:
    assert datetime.fromtimestamp(START / 1000, UTC).hour == 8
    crane = rig(site=SiteConfig(version=1, timezone=timezone, hours=hours))
    assert move(crane, 60) == [], "an empty hook is no lift"
    assert ([t.rule for t in move(crane, 60, load=1.0)] == ["outside_hours"]) is said


def test_a_bypass_key_is_said_to_the_desk_at_once() -> None:
    crane = rig()
    assert move(crane, 5, bypass=False) == []
    assert story(move(crane, 5, bypass=True)) == "bypass raise unacknowledged"
    assert crane.alarm("bypass").cab == "none"


def test_while_climbing_nothing_may_move() -> None:
    crane = rig()
    still = {**STANDS, "load_t": 0.0, "mode": "climbing"}
    assert crane.hold(120, **still) == []
    found = move(crane, 10, mode="climbing")
    assert [t.rule for t in found] == ["climb_motion"]
    assert crane.alarm("climb_motion").cab == "continuous"


def test_while_climbing_the_trolley_stays_at_its_balance_radius() -> None:
    crane = rig(balance_radius_m=20.0)
    assert crane.hold(60, load_t=0.0, mode="climbing", **STANDS) == []
    off = {**STANDS, "radius_m": 20.4}
    found = [t for t in crane.hold(30, load_t=0.0, mode="climbing", **off) if t.rule == "climb_unbalanced"]
    assert [t.severity for t in found] == [Severity.PREWARNING]
    off["radius_m"] = 20.7
    found = [t for t in crane.hold(30, load_t=0.0, mode="climbing", **off) if t.rule == "climb_unbalanced"]
    assert [t.severity for t in found] == [Severity.ALARM]
    assert crane.hold(30, load_t=0.0, mode="working", **off) != [], "and it is over when the mode is"


def test_a_zero_that_jumps_by_a_mast_section_is_a_climbing_that_nobody_announced() -> None:
    crane = rig()
    assert crane.hold(60, load_t=0.0, **STANDS) == []
    found = crane.hold(60, load_t=0.0, **{**STANDS, "hook_m": 30.0})
    assert "climb_unannounced" in {t.rule for t in found}


@pytest.mark.parametrize("why", ["glitch", "announced", "hoisted"])
def test_a_glitch_an_announced_climbing_and_a_fast_hoist_are_not(why: str) -> None:
    crane = rig()
    mode = "climbing" if why == "announced" else "working"
    found = crane.hold(60, load_t=0.0, mode=mode, **STANDS)
    if why == "glitch":
        found += crane.hold(1, load_t=0.0, mode=mode, **{**STANDS, "hook_m": 35.0})
        found += crane.hold(60, load_t=0.0, mode=mode, **STANDS)
    elif why == "announced":
        found += crane.hold(60, load_t=0.0, mode=mode, **{**STANDS, "hook_m": 30.0})
    else:
        for k in range(12):
            found += crane.read(load_t=0.0, mode=mode, **{**STANDS, "hook_m": 20.0 + 2.0 * k})
    assert "climb_unannounced" not in {t.rule for t in found}


# Weathervaning


def night(crane: Rig, minutes: int, mean: float, swing: float, follows: bool, **more: Any) -> list[str]:
    """A parked crane in a wind that swings; the jib follows it or is held."""
    generator = np.random.default_rng(3)
    found = []
    for k in range(minutes * 60_000 // crane.interval):
        seconds = k * crane.interval / 1000
        bearing = 200 + swing * np.sin(seconds / 300)
        wind = max(0.0, mean * (1 + 0.2 * float(generator.normal())))
        slew = bearing - 180 + 3 * np.sin(seconds / 20) if follows else 20.0
        found += crane.read(
            load_t=0.0, hook_m=45.0, radius_m=5.0, slew_deg=round(float(slew), 1), wind_mps=round(wind, 1),
            wind_deg=round(float(bearing) % 360), **{"mode": "parked", **more},
        )  # fmt: skip
    return [t.rule for t in found if t.rule == "not_weathervaning"]


def test_a_jib_that_is_held_in_the_wind_is_said_once_the_ten_minutes_are_full() -> None:
    crane = rig()
    assert night(crane, 8, 10.0, 30.0, follows=False) == []
    assert night(crane, 10, 10.0, 30.0, follows=False) == ["not_weathervaning"]
    assert crane.alarm("not_weathervaning").life_safety


def test_a_jib_that_turns_with_the_wind_is_as_it_should_be() -> None:
    assert night(rig(), 60, 12.0, 30.0, follows=True) == []


@pytest.mark.parametrize("why", ["breeze", "working", "restrained", "no slew"])
def test_a_held_jib_is_no_danger_in_a_breeze_at_work_or_by_plan(why: str) -> None:
    crane = rig(weathervane="restrained" if why == "restrained" else "free")
    mode = "working" if why == "working" else "parked"
    mean = 4.0 if why == "breeze" else 10.0
    more = {"invalid": ["slew_deg"]} if why == "no slew" else {}
    assert night(crane, 30, mean, 30.0, follows=False, mode=mode, **more) == []


def test_the_alarm_of_a_held_jib_ends_when_it_turns() -> None:
    crane = rig(interval_ms=5000)
    assert night(crane, 20, 10.0, 30.0, follows=False) == ["not_weathervaning"]
    night(crane, 15, 10.0, 30.0, follows=True)
    assert not crane.alarm("not_weathervaning").active
