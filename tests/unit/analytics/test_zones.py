"""A loaded hook over a no-go zone."""

from typing import Any

import numpy as np
import pytest

from analytics.detectors.zones import CORNERS, ZONES, _depth
from telemetry.model import Severity
from telemetry.wire.payloads import DeviceConfig, SiteConfig, Zone
from tests.helpers.site import CHART, START, Rig

SCHOOL = Zone(zh="学校", en="school", corners=[(20.0, 20.0), (60.0, 20.0), (60.0, 60.0), (20.0, 60.0)])
LINE = Zone(zh="高压线", en="power line", corners=[(-40.0, -60.0), (0.0, -60.0), (0.0, -50.0), (-40.0, -50.0)],
            unloaded=True, below_m=20.0)  # fmt: skip


def rig(*zones: Zone, interval_ms: int = 500, **more: Any) -> Rig:
    config = {"position_m": (0.0, 0.0), "slew_zero_deg": 0.0, **more}
    crane = Rig(
        interval_ms=interval_ms, config=DeviceConfig(version=1, charts=[CHART], interval_ms=interval_ms, **config)
    )
    crane.note(crane.engine.configure_site("site", SiteConfig(version=1, zones=list(zones)), START))
    return crane


def turn(crane: Rig, start: float, end: float, dps: float = 2.0, **more: Any) -> list[tuple[str, Severity]]:
    body = {"load_t": 1.5, "radius_m": 40.0, "hook_m": 30.0, **more}
    steps = max(1, round(abs(end - start) / dps / crane.interval * 1000))
    found = []
    for k in range(1, steps + 1):
        found += crane.read(slew_deg=round(start + (end - start) * k / steps, 1), **body)
    return [(t.rule, t.severity) for t in found]


def test_a_loaded_hook_is_warned_before_the_zone_and_alarmed_in_it() -> None:
    crane = rig(SCHOOL)
    assert turn(crane, 0, 12) == []
    assert turn(crane, 12, 28) == [("zone", Severity.PREWARNING)]
    assert "school" in crane.alarm("zone").text.en
    assert turn(crane, 28, 45) == [("zone", Severity.ALARM)]
    assert crane.alarm("zone").cab == "continuous"
    turn(crane, 45, 10)
    assert not crane.alarm("zone").active
    assert crane.alarm("zone").cab == "none", "the cab follows the condition"


def test_who_turns_faster_is_warned_earlier() -> None:
    def warned(dps: float) -> float:
        crane = rig(SCHOOL, interval_ms=200)
        for slew in np.arange(0, 45, dps * 0.2):
            if crane.read(load_t=1.5, radius_m=40.0, hook_m=30.0, slew_deg=round(float(slew), 2)):
                return float(slew)
        raise AssertionError("never")

    assert warned(4.0) < warned(0.5)


def test_an_empty_hook_may_cross_unless_the_zone_says_otherwise() -> None:
    assert turn(rig(SCHOOL), 0, 45, load_t=0.02) == []
    assert ("zone", Severity.ALARM) in turn(rig(LINE), 180, 200, load_t=0.02, radius_m=55.0, hook_m=10.0)


def test_a_zone_with_a_height_is_only_below_it() -> None:
    assert turn(rig(LINE), 180, 200, load_t=1.0, radius_m=55.0, hook_m=30.0) == []


@pytest.mark.parametrize("lacking", ["position_m", "slew_zero_deg"])
def test_who_does_not_know_where_it_stands_is_not_monitored(lacking: str) -> None:
    assert turn(rig(SCHOOL, **{lacking: None}), 0, 45) == []


def test_a_zone_that_is_new_holds_from_the_next_sample_on() -> None:
    crane = rig()
    assert turn(crane, 30, 40) == []
    crane.note(crane.engine.configure_site("site", SiteConfig(version=2, zones=[SCHOOL]), crane.rx))
    assert ("zone", Severity.ALARM) in turn(crane, 40, 42)


def slow_depth(corners: list[tuple[float, float]], x: float, y: float) -> float:
    """The obvious way, corner by corner."""
    inside, nearest = False, float("inf")
    for (ax, ay), (bx, by) in zip(corners, [*corners[1:], corners[0]], strict=True):
        if (ay > y) != (by > y) and x < ax + (bx - ax) * (y - ay) / (by - ay):
            inside = not inside
        length = (bx - ax) ** 2 + (by - ay) ** 2
        share = 0.0 if length == 0 else min(1.0, max(0.0, ((x - ax) * (bx - ax) + (y - ay) * (by - ay)) / length))
        nearest = min(nearest, float(np.hypot(x - ax - share * (bx - ax), y - ay - share * (by - ay))))
    return nearest if inside else -nearest


def test_the_depth_in_a_polygon_is_that_of_the_obvious_way() -> None:
    generator = np.random.default_rng(4)
    for _ in range(50):
        n = int(generator.integers(3, CORNERS + 1))
        angles = np.sort(generator.uniform(0, 2 * np.pi, n))
        reach = generator.uniform(3, 30, n)
        corners = [(float(r * np.cos(a)), float(r * np.sin(a))) for a, r in zip(angles, reach, strict=True)]
        padded = np.full((20, ZONES, CORNERS, 2), np.nan)
        padded[:, 0] = [*corners, *[corners[-1]] * (CORNERS - n)]
        x, y = generator.uniform(-35, 35, (2, 20))
        expected = [slow_depth(corners, float(a), float(b)) for a, b in zip(x, y, strict=True)]
        assert _depth(padded, x, y)[:, 0] == pytest.approx(expected, abs=1e-9)
