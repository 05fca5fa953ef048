"""The black box: its alarms, relays and limit bits."""

import numpy as np
import pytest

from simulators import site as sites
from simulators.blackbox import BlackBox, Latch
from simulators.crane import Crane, Place
from simulators.wind import Weather, Wind
from telemetry.kinds import CRANE, DEVICE_ALARM_BITS, LIMIT_BITS, RELAY_BITS

SITE = sites.load(sites.builtin("demo")).cranes[0]


def box(mean: float = 3.0, seed: int = 1) -> BlackBox:
    wind = Wind(Weather(mean, 200, swing=0), np.random.default_rng(seed), 55.0, (0, 0))
    return BlackBox(Crane(SITE), wind, np.random.default_rng(seed))


def names(bits: int, of: tuple[str, ...]) -> set[str]:
    return {name for place, name in enumerate(of) if bits >> place & 1}


def test_every_channel_of_the_kind_is_in_every_sample() -> None:
    values = box().read(1.0)
    measured = {channel.name for channel in CRANE.channels} - {"proof_pct"}  # the test channel measures nothing
    assert set(values) == measured
    assert all(type(value) in (float, int, bool, str) for value in values.values())


def test_an_empty_hook_reads_zero_within_the_cells_class() -> None:
    it = box()
    loads = np.array([it.read(t / 5)["load_t"] for t in range(1, 2000)])
    assert abs(loads.mean()) < 0.01
    assert np.abs(loads).max() < 0.005 * 8 * 1.3  # 0.5 % of full scale, with room for the zero's walk
    assert 0.005 < loads.std() < 0.02


def held(it: BlackBox, load: float, radius: float, seconds: float = 2.0, start: float = 1.0) -> dict[str, object]:
    it.crane.stand(Place(0, radius, 10))
    it.crane.snag(load)
    values: dict[str, object] = {}
    for step in range(round(seconds * 5) + 1):
        values = it.read(start + step / 5)
    return values


@pytest.mark.parametrize(
    ("percent", "prewarn", "alarm", "relays"),
    [
        (70, set(), set(), set()),
        (85, set(), set(), {"moment_80"}),
        (95, {"moment"}, set(), {"moment_80", "moment_90"}),
        (104, set(), {"moment"}, {"moment_80", "moment_90", "moment_100", "hoist_cut", "trolley_out_cut"}),
    ],
)
def test_far_out_the_moment_limiter_speaks(percent: int, prewarn: set[str], alarm: set[str], relays: set[str]) -> None:
    values = held(box(), percent / 100 * 2.82, 40)
    assert names(int(str(values["device_prewarn"])), DEVICE_ALARM_BITS) == prewarn
    assert names(int(str(values["device_alarm"])), DEVICE_ALARM_BITS) == alarm
    assert names(int(str(values["relays"])), RELAY_BITS) == relays


def test_near_the_mast_both_limiters_speak() -> None:
    values = held(box(), 8.4, 12)
    assert names(int(str(values["device_alarm"])), DEVICE_ALARM_BITS) == {"load", "moment"}


def test_an_alarm_needs_to_hold_and_clears_only_below_its_hysteresis() -> None:
    latch = Latch()
    script = [(0.0, 11), (0.4, 11), (0.9, 11), (1.0, 9.9), (2.0, 9.7), (3.0, 10.5), (3.2, 9.0), (9.0, 10.5)]
    assert [latch.update(t, value, 10, 0.2) for t, value in script] == [
        False, False, True, True, False, False, False, False,
    ]  # fmt: skip


def test_limit_switches_are_where_the_standard_has_them() -> None:
    it = box()
    cases: list[tuple[Place, set[str]]] = [
        (Place(0, 30, 20), set()),
        (Place(0, 58, 20), {"radius_out_slow"}),
        (Place(0, 59.9, 20), {"radius_out_slow", "radius_out_limit"}),
        (Place(0, 30, SITE.hook_max_m - 0.5), {"hook_up_slow", "hook_up_limit"}),
        (Place(541, 30, 20), {"slew_right_slow", "slew_right_limit"}),
        (Place(-530, 30, 20), {"slew_left_slow"}),
        (Place(0, 2.6, 20), {"radius_in_slow", "radius_in_limit"}),
    ]
    for number, (place, wanted) in enumerate(cases, 1):
        it.crane.stand(place)
        assert names(it.read(number / 5)["limits"], LIMIT_BITS) == wanted


def test_strong_wind_sets_alarm_and_calm_reads_nought() -> None:
    storm = box(16.0)
    for step in range(50):
        values = storm.read(step / 5)
    assert names(values["device_alarm"], DEVICE_ALARM_BITS) == {"wind"}
    assert names(values["device_prewarn"], DEVICE_ALARM_BITS) == set()
    assert "wind_alarm" in names(values["limits"], LIMIT_BITS)
    assert box(0.05).read(1.0)["wind_mps"] == 0.0
