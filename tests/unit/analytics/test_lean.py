"""The slew circle: what is learned of a mast, and what is seen with it."""

import math
from typing import Any

import numpy as np
import pytest

from simulators.mast import Tilt
from simulators.site import builtin, load
from telemetry.model import Severity
from telemetry.wire.payloads import DeviceConfig, Transition
from tests.helpers.site import CHART, Rig

MAST = load(builtin("demo")).cranes[0].model.mast


class Mast:
    """A crane on the simulator's mast, once a second; its lift is a load at a radius for a while."""

    def __init__(self, *, plumb: complex = 0.0, seed: int = 1, **config: Any) -> None:
        made = DeviceConfig(version=1, charts=[CHART], interval_ms=1000, mast_m=50.0, jib_m=60.0, **config)
        self.rig = Rig(config=made)
        self.tilt = Tilt(MAST)
        self.plumb, self.soft, self.low = plumb, 1.0, 1.0
        self.noise = np.random.default_rng(seed)
        self.slew, self.wind = 0.0, 3.0
        self.found: list[Transition] = []

    def go(
        self, seconds: int, load: float = 0.02, radius: float = 20.0, dps: float = 0.0, hook: float = 20.0
    ) -> "Mast":
        for _ in range(seconds):
            self.slew = (self.slew + dps) % 360
            for _ in range(20):
                self.tilt.step(0.05, load, radius)
            z = self.tilt.lean_deg * self.soft * np.exp(1j * math.radians(self.slew)) + self.plumb
            z += 0.0002 * self.wind**2 + complex(*self.noise.normal(0, 0.01, 2))
            self.found += self.rig.read(
                load_t=round(load * self.low, 2), radius_m=radius, hook_m=hook, falls=2, slew_deg=round(self.slew, 1),
                wind_mps=round(abs(self.wind + float(self.noise.normal(0, 0.5))), 1),
                tilt_x_deg=round(float(z.real), 3), tilt_y_deg=round(float(z.imag), 3),
            )  # fmt: skip
        return self

    def turn(self) -> "Mast":
        """A whole turn with an empty hook."""
        return self.go(40).go(240, dps=1.5)

    def lift(self, load: float, radius: float) -> "Mast":
        for step in range(10):
            self.go(1, 0.02, 20.0 + (radius - 20.0) * (step + 1) / 10, hook=20.0 - 1.8 * step)
        for step in range(10):
            self.go(1, load, radius, hook=2.0 + 2 * step)
        self.go(60, load, radius, dps=0.7, hook=21.0).go(3, 0.02, radius, hook=20.0)
        for step in range(10):
            self.go(1, radius=radius + (20.0 - radius) * (step + 1) / 10)
        return self.go(20)

    def learned(self) -> "Mast":
        self.turn()
        for k in range(10):
            self.lift(0.8 + 0.15 * k, 25.0 + 2 * k)
        return self

    def rules(self) -> set[str]:
        return {t.rule for t in self.found}

    def known(self, name: str) -> float:
        table = self.rig.engine.fleets["crane"].table
        return float(np.abs(table[name][0]).ravel()[-1])


def test_an_empty_turn_in_quiet_wind_gives_centre_and_lean_as_they_are() -> None:
    crane = Mast(plumb=0.03 + 0.02j).turn()
    first = crane.rig.engine.fleets["crane"].table["lean_first"][0]
    assert abs(first[0] - (0.03 + 0.02j + 0.0002 * 9)) < 0.005
    assert abs(abs(first[1]) - abs(Tilt(MAST).lean_deg)) < 0.01
    assert crane.rules() == set(), "a mast that leans backwards by design is no alarm"


@pytest.mark.parametrize(("permille", "said"), [(1.0, None), (3.4, Severity.PREWARNING), (5.0, Severity.ALARM)])
def test_a_mast_out_of_plumb_is_said_by_its_centre_and_not_by_its_lean(permille: float, said: Severity | None) -> None:
    crane = Mast(plumb=math.degrees(permille / 1000) * 1j).turn()
    found = [t.severity for t in crane.found if t.rule == "verticality"]
    assert (found[-1] if found else None) is said


def test_the_inclinometers_own_zero_is_what_a_survey_says() -> None:
    assert Mast(plumb=0.5j, tilt_zero_deg=(0.0, 0.5)).turn().rules() == set()


def test_a_gale_teaches_nothing() -> None:
    crane = Mast()
    crane.wind = 14.0
    crane.turn()
    assert np.isnan(crane.rig.engine.fleets["crane"].table["lean_first"][0, 0])


def test_half_a_turn_teaches_nothing() -> None:
    crane = Mast().go(60).go(120, dps=1.5).go(600)
    assert np.isnan(crane.rig.engine.fleets["crane"].table["lean_first"][0, 0])


def test_the_lean_of_a_load_is_learned_from_lifts_and_lifts_within_it_say_nothing() -> None:
    crane = Mast().learned()
    assert crane.known("lean_slope") == pytest.approx(
        (Tilt(MAST).still(2.0, 30.0) - Tilt(MAST).still(0.0, 30.0)) / 60.0, rel=0.1
    )
    for k in range(5):
        crane.lift(1.0 + 0.3 * k, 40.0)
    assert crane.rules() <= {"moment"}


def test_a_foundation_that_settles_walks_the_centre() -> None:
    crane = Mast().turn()
    for _ in range(4):
        crane.plumb += 0.03
        crane.go(3600 - 280).turn()
    severities = [t.severity for t in crane.found if t.rule == "tilt_drift"]
    assert severities == [Severity.PREWARNING, Severity.ALARM]


def test_a_tie_that_loosens_lets_the_mast_lean_further() -> None:
    crane = Mast().turn()
    crane.soft = 2.0
    crane.go(3600).turn()
    assert "lean_growth" in crane.rules()
    assert "tilt_drift" not in crane.rules()


def test_a_mast_that_gives_way_under_a_load_is_off_its_envelope_within_seconds() -> None:
    crane = Mast().learned().go(10, 1.5, 30.0, hook=2.0).go(30, 1.5, 30.0, hook=12.0)
    at = crane.rig.ts
    crane.found.clear()
    crane.plumb += 0.6
    crane.go(40, 1.5, 30.0, hook=12.0)
    lean = [t for t in crane.found if t.rule == "lean" and t.severity is Severity.ALARM]
    assert lean
    assert lean[0].at - at <= 30_000
    assert crane.rig.alarm("lean").cab == "continuous"


def test_a_load_cell_that_was_shimmed_is_found_by_the_lean_of_five_lifts() -> None:
    crane = Mast().learned()
    crane.low = 0.6
    for k in range(4):
        crane.lift(1.8, 30.0 + k)
    assert "load_reads_low" not in crane.rules()
    for k in range(2):
        crane.lift(1.8, 35.0 + k)
    assert "load_reads_low" in crane.rules()


def test_a_load_cell_that_says_empty_under_a_bent_mast_contradicts_it() -> None:
    crane = Mast().learned()
    crane.low = 0.0
    crane.go(90, 1.8, 38.0, hook=20.0)
    assert "contradiction" in crane.rules()


def test_another_mast_forgets_what_was_learned() -> None:
    crane = Mast().learned()
    higher = DeviceConfig(version=2, charts=[CHART], interval_ms=1000, mast_m=62.0, jib_m=60.0)
    crane.rig.note(crane.rig.engine.configure("site", "crane", "c1", higher, crane.rig.rx))
    table = crane.rig.engine.fleets["crane"].table
    assert np.isnan(table["lean_first"][0]).all()
    assert np.isnan(table["lean_slope"][0])
    crane.found.clear()
    crane.soft = 1.5
    crane.turn()
    assert "lean_growth" not in crane.rules()
