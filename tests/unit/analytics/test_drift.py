"""Slow drift of a post that nothing is poured on: what weather and warmth look like, and what a drift looks like."""

import math
from typing import Any

import numpy as np
import pytest

from telemetry.model import Severity
from tests.helpers.site import Rig


class Standing:
    """A post that is read every half hour for days: a daily swing of 1 mm, weather, and a little noise."""

    def __init__(self, seed: int = 1, swing_mm: float = 1.0, weather_mm: float = 0.1) -> None:
        self.rig = Rig("formwork", interval_ms=1_800_000)
        self.noise = np.random.default_rng(seed)
        self.swing, self.weather = swing_mm, weather_mm
        self.half_hours = 0
        self.settled = 0.0

    def stand(self, days: float, *, drift_mm: float = 0.0, drift_deg: float = 0.0, **more: Any) -> list[str]:
        """So many days, drifting by so much in all."""
        said = []
        n = round(48 * days)
        for k in range(n):
            if self.half_hours % 48 == 0:
                self.sun, self.shift = 1.0 + self.noise.normal(0, 0.3), self.noise.normal(0, self.weather)
            self.half_hours += 1
            warm = math.sin(2 * math.pi * self.half_hours / 48) * self.sun
            drifted = (k + 1) / n
            settle = 2 + self.settled + self.swing / 2 * warm + self.shift + drift_mm * drifted
            reading = {
                "settle_mm": round(settle + self.noise.normal(0, 0.05), 1),
                "tilt_x_deg": round(0.02 * warm + drift_deg * drifted + self.noise.normal(0, 0.003), 3),
                "tilt_y_deg": 0.01, "force_kn": 5.0, "pouring": False,
            }  # fmt: skip
            said += [t.rule for t in self.rig.read(**{**reading, **more})]
        return said


def test_two_months_of_weather_and_warm_days_are_no_drift() -> None:
    for seed in range(3):
        assert Standing(seed).stand(60) == []


@pytest.mark.parametrize(("drift", "words"), [({"drift_mm": 2.0}, "settlement"), ({"drift_deg": 0.1}, "tilt x")])
def test_a_slow_drift_below_every_limit_is_a_line_on_the_desk_within_days(drift: dict[str, float], words: str) -> None:
    post = Standing()
    assert post.stand(6) == []
    assert post.stand(10, **drift) == ["drift"]  # type: ignore[arg-type]
    alarm = post.rig.alarm("drift")
    assert (alarm.severity, alarm.text.en) == (Severity.ADVISORY, f"SLOW DRIFT: {words}")


def test_what_has_drifted_does_not_become_the_new_normal() -> None:
    post = Standing()
    post.stand(6)
    post.stand(10, drift_mm=2.0)
    post.settled = 2.0
    assert post.stand(20) == []
    assert post.rig.alarm("drift").active


def test_a_drift_the_other_way_is_one_too() -> None:
    post = Standing()
    post.stand(6)
    assert post.stand(10, drift_mm=-2.0) == ["drift"]


def test_nothing_is_compared_before_three_days() -> None:
    post = Standing()
    post.stand(1.7)
    post.settled = 3.5
    assert post.stand(1.2) == []


def test_a_pour_is_no_drift_and_what_was_learned_before_it_is_forgotten() -> None:
    post = Standing()
    post.stand(6)
    post.stand(0.2, pouring=True)
    post.rig.transitions.clear()
    assert [rule for rule in post.stand(8, settle_mm=5.0) if rule == "drift"] == []


def test_days_with_holes_say_nothing() -> None:
    post = Standing()
    post.stand(6)
    for _ in range(6):
        post.stand(0.6, settle_mm=3.0)
        post.stand(0.4, invalid=["settle_mm", "tilt_x_deg"])
    assert post.rig.alarm("drift") is None
