"""Sensors that do not tell the truth."""

from typing import Any

import numpy as np
import pytest

from tests.helpers.site import Rig


class Working:
    """A crane that lifts and travels, every sensor with its own small noise."""

    def __init__(self, seed: int = 1) -> None:
        self.rig = Rig(interval_ms=5000)
        self.noise = np.random.default_rng(seed)
        self.t = 0

    def reading(self, *, working: bool) -> dict[str, Any]:
        self.t += 1
        phase = self.t % 48  # a lift in four minutes
        lifting = working and phase < 24
        hook = 20.0 + (15.0 * np.sin(phase / 48 * 2 * np.pi) if working else 0.0)
        wobble = self.noise.normal(0, 0.03, 5)
        return {
            "load_t": round(float((1.5 if lifting else 0.1) + wobble[0]), 2),
            "hook_m": round(float(hook + wobble[1] * working), 2),
            "radius_m": round(float(30.0 + (5.0 * np.sin(phase / 48 * 2 * np.pi) if working else 0.0)), 2),
            "slew_deg": round(float(40.0 * np.sin(self.t / 60) if working else 10.0), 1),
            "wind_mps": round(float(abs(4.0 + 20 * wobble[2])), 1),
            "tilt_x_deg": round(float(0.1 + wobble[3] / 3), 2), "tilt_y_deg": round(float(0.05 + wobble[4] / 3), 2),
        }  # fmt: skip

    def work(self, minutes: float, *, working: bool = True, **stuck: Any) -> list[str]:
        found = []
        for _ in range(round(minutes * 12)):
            found += self.rig.read(**{**self.reading(working=working), **stuck})
        return [t.rule for t in found]


STUCK = {"hook_m": 21.3, "radius_m": 31.0, "slew_deg": 77.0, "wind_mps": 6.1, "tilt_x_deg": 0.11, "load_t": 1.44}


@pytest.mark.parametrize(("channel", "value"), STUCK.items())
def test_a_value_that_stands_still_while_the_crane_works_is_stuck_and_named(channel: str, value: float) -> None:
    crane = Working()
    assert crane.work(10) == []
    found = crane.work(120, **{channel: value})
    assert found.count("stuck") == 1
    words = {"hook_m": "hook height", "radius_m": "radius", "slew_deg": "slew angle", "wind_mps": "wind speed",
             "tilt_x_deg": "tilt x", "load_t": "load"}  # fmt: skip
    assert crane.rig.alarm("stuck").text.en == f"SENSOR VALUE STUCK: {words[channel]}"
    crane.work(10)
    assert not crane.rig.alarm("stuck").active


def test_an_idle_crane_in_a_calm_night_is_still_by_rights() -> None:
    crane = Working()
    crane.work(20)
    assert crane.work(10 * 60, working=False, load_t=0.1, wind_mps=0.0, tilt_x_deg=0.1, tilt_y_deg=0.05) == []


def test_a_working_day_has_no_stuck_value_and_no_odd_step() -> None:
    assert Working(5).work(8 * 60) == []


@pytest.mark.parametrize(
    ("channel", "far"), [("hook_m", 60.0), ("radius_m", 55.0), ("wind_mps", 99.0), ("load_t", 2.7)]
)
def test_a_bad_contact_is_said_after_the_third_step_and_one_spike_is_not(channel: str, far: float) -> None:
    crane = Working()
    crane.work(5)
    assert crane.work(1 / 12, **{channel: far}) + crane.work(15) == []
    found = []
    for _ in range(4):
        found += crane.work(1 / 12, **{channel: far}) + crane.work(1)
    assert "implausible_step" in found


def test_full_turns_of_a_slew_that_starts_over_are_no_steps() -> None:
    rig = Rig(interval_ms=1000)
    for k in range(1200):
        assert rig.read(load_t=0.0, hook_m=20.0, radius_m=20.0, slew_deg=float(k * 3 % 360)) == []


def test_loads_that_come_and_go_and_a_rope_that_lets_go_are_no_spikes() -> None:
    rig = Rig(interval_ms=1000)
    said = []
    for _ in range(30):
        for load in (0.1, 2.0, 2.0, 2.0, 0.1, 0.1):
            said += rig.read(load_t=load, radius_m=30.0, hook_m=20.0, falls=2)
    assert "implausible_step" not in [t.rule for t in said]


def test_a_box_of_fifteen_seconds_may_have_a_lift_between_two_samples() -> None:
    rig = Rig(interval_ms=15_000)
    said = []
    for _ in range(20):
        for load in (0.1, 2.0):
            said += rig.read(load_t=load, radius_m=30.0, hook_m=20.0, falls=2)
    assert "implausible_step" not in [t.rule for t in said]
