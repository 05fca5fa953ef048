"""The cab's budget of sound: how long it has sounded, by the hour."""

from analytics.engine import Engine
from telemetry.wire.payloads import Sounded
from tests.helpers.site import START, Rig

AT_42 = {"radius_m": 42.0, "falls": 2}
HOUR = 3_600_000


def listened(rig: Rig, seconds: float, **reading: float) -> None:
    """A reading every second for so long, and two ticks a second."""
    for _ in range(round(seconds)):
        rig.read(**reading, **AT_42)
        rig.tick()
        rig.tick(500)


def hours(rig: Rig) -> dict[int, Sounded]:
    """The last word on each hour."""
    found: dict[int, Sounded] = {}
    for outcome in rig.outcomes:
        for report in outcome.evaluated.values():
            found |= {one.hour: one for one in report.sounded}
    return found


def test_silence_costs_nothing_and_is_not_reported() -> None:
    rig = Rig()
    listened(rig, 60, load_t=0.5)
    assert hours(rig) == {}


def test_a_continuous_alarm_counts_as_long_as_it_sounds() -> None:
    rig = Rig()
    listened(rig, 5, load_t=0.5)
    listened(rig, 30, load_t=2.85)
    listened(rig, 30, load_t=0.5)
    [hour] = hours(rig).values()
    assert hour.hour == START // HOUR * HOUR
    assert 26_000 <= hour.ms <= 30_000
    assert hour.times in (1, 2), "a pre-warning may have come first"
    assert set(hour.rules) == {"moment"}


def test_two_alarms_at_once_are_one_sound() -> None:
    rig = Rig()
    listened(rig, 40, load_t=2.85, tilt_x_deg=3.0)
    [hour] = hours(rig).values()
    assert {"moment", "tilt"} <= set(hour.rules)
    assert hour.ms < sum(hour.rules.values())
    assert hour.ms <= 40_000


def test_silencing_it_stops_the_clock() -> None:
    loud, quiet = Rig(), Rig()
    for rig in (loud, quiet):
        listened(rig, 5, load_t=2.85)
    quiet.respond("silence")
    for rig in (loud, quiet):
        listened(rig, 28, load_t=2.85)
    (long,), (short,) = hours(loud).values(), hours(quiet).values()
    assert short.ms < 6_000 < 20_000 < long.ms


def test_every_hour_has_its_own_sum_and_a_gap_between_ticks_is_not_sound() -> None:
    rig = Rig()
    rig.ts = rig.rx = (START // HOUR + 1) * HOUR - 7_000
    listened(rig, 30, load_t=2.85)
    rig.rx += 1_800_000
    rig.ts += 1_800_000
    listened(rig, 12, load_t=2.85)
    listened(rig, 15, load_t=0.5)
    first, second = sorted(hours(rig).values(), key=lambda one: one.hour)
    assert second.hour - first.hour == HOUR
    assert 3_000 <= first.ms <= 6_000, "a second or two until it sounds, and not what is of the next hour"
    assert 38_000 <= second.ms <= 40_000


def test_the_sum_goes_on_after_a_snapshot() -> None:
    one, other = Rig(), Rig()
    for rig in (one, other):
        listened(rig, 13, load_t=2.85)
    other.engine = Engine.restore(other.engine.snapshot())
    for rig in (one, other):
        listened(rig, 25, load_t=2.85)
    assert hours(one) == hours(other)
    assert one.engine.snapshot() == other.engine.snapshot()
