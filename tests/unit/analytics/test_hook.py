"""What can happen to a load on the hook, told sample by sample."""

from typing import Any

import pytest

from telemetry.model import Severity
from telemetry.wire.payloads import Chart, DeviceConfig, Hoist, Transition
from tests.helpers.site import CHART, Rig, story

CHARTS = [CHART, Chart(falls=4, points=[(2.5, 8.0), (16.7, 8.0), (30.0, 4.03), (60.0, 1.63)])]
CONFIG = DeviceConfig(
    version=1, charts=CHARTS, interval_ms=100, hoists=[Hoist(falls=2, mps=1.0), Hoist(falls=4, mps=0.5)]
)
AT_30 = {"radius_m": 30.0, "falls": 2, "slew_deg": 10.0}


class Lifting:
    """A crane of 10 Hz that takes up a load, and goes on from there."""

    def __init__(self, interval_ms: int = 100, config: DeviceConfig = CONFIG) -> None:
        self.rig = Rig(interval_ms=interval_ms, config=config)
        self.dt = interval_ms / 1000
        self.hook = 5.0
        self.found: list[Transition] = []

    def go(self, seconds: float, load: float, speed: float = 0.0, **more: Any) -> "Lifting":
        """For so long this load, the hook moving at this speed (m/s, up positive)."""
        for _ in range(round(seconds / self.dt)):
            self.hook += speed * self.dt
            self.found += self.rig.read(load_t=load, hook_m=round(self.hook, 2), **{**AT_30, **more})
        return self

    def ramp(self, seconds: float, start: float, end: float, speed: float = 0.0) -> "Lifting":
        """The load goes from one to the other."""
        steps = max(1, round(seconds / self.dt))
        for k in range(steps):
            self.go(self.dt, round(start + (end - start) * (k + 1) / steps, 3), speed)
        return self

    def up(self, load: float, metres: float = 8.0) -> "Lifting":
        """Take up a load and hoist it clear."""
        return self.go(2, 0.02).ramp(1.0, 0.02, load, 0.05).go(metres / 0.5, load, 0.5).go(3, load)

    def rules(self) -> list[str]:
        return [t.rule for t in self.found]


def test_a_load_in_the_air_that_catches_is_a_snag_at_once_and_a_hold() -> None:
    crane = Lifting().up(2.0)
    assert crane.rules() == []
    began = crane.rig.ts
    crane.ramp(0.8, 2.0, 3.2)
    snag = crane.rig.alarm("snag")
    assert snag.severity is Severity.CRITICAL
    assert (snag.cab, snag.hold) == ("continuous", True)
    assert snag.at - began <= 900
    assert snag.text.en.startswith("LOAD SNAGGED")
    crane.go(8, 2.0)
    assert not crane.rig.alarm("snag").active
    assert crane.rig.alarm("snag").hold, "somebody has to look"


@pytest.mark.parametrize("overshoot", [1.0, 1.15, 1.3])
def test_taking_up_a_heavy_legal_load_is_no_snag(overshoot: float) -> None:
    crane = Lifting()
    crane.go(2, 0.02).ramp(0.5, 0.02, 3.8 * overshoot, 0.05).ramp(0.4, 3.8 * overshoot, 3.8, 0.05)
    crane.go(10, 3.8, 0.5).go(5, 3.8)
    assert "snag" not in crane.rules()


def test_setting_down_half_a_load_and_taking_it_up_again_is_no_snag() -> None:
    crane = Lifting().up(3.6).go(12, 3.6, -0.5)
    crane.ramp(3, 3.6, 1.0, -0.05).go(5, 1.0).ramp(0.8, 1.0, 3.6, 0.02).go(5, 3.6, 0.3)
    assert "snag" not in crane.rules()


def test_slow_devices_are_not_asked_for_a_snag() -> None:
    crane = Lifting(1000).up(2.0).go(1, 2.6).go(5, 3.2)
    assert "snag" not in crane.rules()


def test_a_load_that_is_gone_at_once_high_up_is_lost() -> None:
    crane = Lifting().up(2.0)
    crane.go(0.1, 0.9).go(3, 0.0)
    assert story(crane.found) == "load_lost raise unacknowledged"
    assert crane.found[0].severity is Severity.CRITICAL
    assert crane.found[0].life_safety
    assert crane.rig.alarm("load_lost").hold
    crane.go(20, 0.0)
    assert "load_lost" in crane.rules()


def test_a_load_lost_while_it_is_lowered_fast_is_lost_too() -> None:
    crane = Lifting().up(2.0, 20).go(6, 2.0, -0.9)
    crane.go(2, 0.0, -0.9)
    assert "load_lost" in crane.rules()


@pytest.mark.parametrize(("height", "seconds"), [(0.0, 0.4), (30.0, 1.5), (30.0, 0.8)])
def test_a_load_that_is_set_down_is_not_lost(height: float, seconds: float) -> None:
    crane = Lifting()
    crane.hook += height
    crane.up(2.5).go(14, 2.5, -0.5).ramp(seconds, 2.5, 0.0, -0.1).go(5, 0.0)
    assert crane.rules() == []


def test_a_skip_that_is_emptied_is_not_lost() -> None:
    crane = Lifting().up(3.0, 20).ramp(20, 3.0, 0.6).go(5, 0.6)
    assert crane.rules() == []


@pytest.mark.parametrize(
    ("falls", "speed", "runs"), [(2, 1.1, False), (2, 1.3, True), (4, 0.55, False), (4, 0.7, True)]
)
def test_a_hook_runs_away_beyond_the_rated_speed_of_its_reeving(falls: int, speed: float, runs: bool) -> None:
    crane = Lifting().up(1.5, 25)
    crane.go(4, 1.5, -speed, falls=falls)
    assert ("hook_runaway" in crane.rules()) is runs


def test_an_empty_hook_may_go_down_fast() -> None:
    crane = Lifting()
    crane.hook = 40.0
    assert crane.go(10, 0.02, -1.6).rules() == []


def test_without_rated_speeds_nobody_knows_what_runs_away() -> None:
    crane = Lifting(config=DeviceConfig(version=1, charts=CHARTS, interval_ms=100)).up(1.5, 25).go(4, 1.5, -3.0)
    assert "hook_runaway" not in crane.rules()


def test_a_load_that_hangs_still_for_a_quarter_of_an_hour_is_said_once() -> None:
    crane = Lifting(1000).up(1.5)
    crane.go(14 * 60, 1.5)
    assert "load_left_hanging" not in crane.rules()
    crane.go(300, 1.5)
    assert crane.rules().count("load_left_hanging") == 1
    crane.go(5, 1.5, 0.3)
    assert not crane.rig.alarm("load_left_hanging").active


def test_an_empty_hook_may_hang_all_night() -> None:
    assert Lifting(15_000).go(12 * 3600, 0.01).rules() == []


def test_mains_gone_with_a_load_sounds_and_without_one_does_not() -> None:
    idle = Lifting(1000).go(60, 0.0, power_ok=True).go(60, 0.0, power_ok=False)
    assert idle.rules() == []
    crane = Lifting(1000).up(1.5).go(5, 1.5, power_ok=False)
    assert crane.rules() == ["power_lost"]
    assert crane.rig.alarm("power_lost").cab == "continuous"


HOIST_CUT, TROLLEY_CUT = 1 << 5, 1 << 6


def test_a_cut_out_that_is_obeyed_is_nothing_and_one_that_is_not_is_a_hold() -> None:
    crane = Lifting().up(2.0).go(0.6, 2.0, 0.5, relays=HOIST_CUT).go(5, 2.0, relays=HOIST_CUT)
    crane.go(5, 2.0, -0.5, relays=HOIST_CUT)
    assert crane.rules() == [], "lowering stays free"
    crane.go(6, 2.0, 0.5, relays=HOIST_CUT)
    assert "cutout_ignored" in crane.rules()
    assert crane.rig.alarm("cutout_ignored").hold


def test_a_trolley_that_goes_on_outwards_after_its_cut_is_one_too() -> None:
    crane = Lifting().up(2.0)
    for k in range(30):
        crane.go(0.1, 2.0, relays=TROLLEY_CUT, radius_m=30.0 + 0.1 * k)
    assert "cutout_ignored" in crane.rules()


@pytest.mark.parametrize("tried", [True, False])
def test_after_a_wind_episode_a_trial_lift_is_asked_for(tried: bool) -> None:
    crane = Lifting(1000)
    for speed in (8.0, 12.5, 8.0, 12.5):
        crane.go(5, 0.0, wind_mps=speed)
    assert crane.rig.alarm("wind").severity is Severity.ALARM
    crane.go(700, 0.0, wind_mps=6.0)
    assert not crane.rig.alarm("wind").active
    crane.go(3, 2.0, 0.2, wind_mps=6.0)
    if tried:
        crane.go(8, 2.0, wind_mps=6.0)
    crane.go(12, 2.0, 0.5, wind_mps=6.0)
    assert ("trial_lift" in crane.rules()) is not tried
