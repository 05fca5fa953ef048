"""A device that its configuration takes off the site: nobody waits for it, and nothing of it is muted."""

from analytics.engine import Engine
from analytics.health import allowed_ms
from telemetry.model import CoverageLevel, Signal, State
from telemetry.wire.payloads import DeviceConfig
from tests.helpers.site import START, arrived

KEY = ("site", "crane", "c1")
HERE = DeviceConfig(version=1, terminal="cab", interval_ms=1000)
GONE = DeviceConfig(version=2, terminal="cab", interval_ms=1000, retired=True)


def spoken(config: DeviceConfig = HERE, seconds: int = 5, wind: float = 3.0) -> tuple[Engine, int]:
    """An engine to which a crane has spoken, and when it did last."""
    engine = Engine()
    engine.configure(*KEY, config, START)
    at = START
    for seq in range(1, seconds + 1):
        at = START + 1000 * seq
        engine.feed([arrived("c1", received=at, boot="boot-00000001", seq=seq, ts=at, load_t=0.5, wind_mps=wind)])
        engine.tick(at, at)
    return engine, at


def quiet(engine: Engine, begin: int, seconds: int) -> list[tuple[str, Signal]]:
    """Let time go by; what is said of the crane meanwhile."""
    found = []
    for at in range(begin, begin + 1000 * seconds, 1000):
        found += [(one.rule, one.signal) for one in engine.tick(at, at).transitions if one.device == "c1"]
    return found


def test_its_silence_raises_nothing_and_no_terminal_is_missed() -> None:
    engine, at = spoken()
    wait = allowed_ms(engine.fleets["crane"], 0) // 1000 + 120
    still, when = spoken()
    assert ("silence", Signal.RAISE) in quiet(still, when, wait)  # as it is without
    engine.configure(*KEY, GONE, at)
    assert quiet(engine, at, wait) == []


def test_a_silence_that_was_an_alarm_ends_with_it_in_words() -> None:
    engine, at = spoken()
    assert ("silence", Signal.RAISE) in quiet(engine, at, 120)
    engine.configure(*KEY, GONE, at + 120_000)
    over = engine.tick(at + 121_000, at + 121_000).transitions
    (ended,) = [one for one in over if one.rule == "silence"]
    assert (ended.signal, ended.observed, ended.cause.tick) == (Signal.CLEAR, True, at + 121_000)
    assert ended.text is not None
    assert "已退出监测" in ended.text.zh
    assert quiet(engine, at + 122_000, 120) == []


def test_its_coverage_is_not_monitored_and_counts_as_watched_again_when_it_speaks() -> None:
    engine, at = spoken()
    engine.configure(*KEY, GONE, at)
    said = [engine.tick(at + 1000 * n, at + 1000 * n).coverage.get(KEY) for n in range(30)]
    last = [one for one in said if one is not None][-1]
    assert last.level is CoverageLevel.NOT_MONITORED
    assert {one.level for one in last.hazards.values()} == {CoverageLevel.NOT_MONITORED}
    later = at + 40_000
    engine.feed([arrived("c1", received=later, boot="boot-00000001", seq=99, ts=later, load_t=0.5, wind_mps=3.0)])
    again = engine.tick(later, later).coverage[KEY]
    assert again.level is not CoverageLevel.NOT_MONITORED


def test_what_readings_raised_stays_and_what_it_reads_still_alarms() -> None:
    engine, at = spoken(wind=25.0)
    rules = {rule for rule in engine.active("site").get(KEY, {}) if rule.startswith("wind")}
    assert rules
    engine.configure(*KEY, GONE, at)
    quiet(engine, at, 60)
    assert rules <= set(engine.active("site")[KEY])
    fresh, _ = spoken(GONE, wind=25.0)
    assert rules == {rule for rule in fresh.active("site").get(KEY, {}) if rule.startswith("wind")}
    assert fresh.annunciator.payload(KEY, next(iter(rules))).state is State.UNACKNOWLEDGED  # type: ignore[union-attr]


def test_listed_again_it_is_missed_again() -> None:
    engine, at = spoken(GONE)
    assert quiet(engine, at, 120) == []
    engine.configure(*KEY, DeviceConfig(version=3, terminal="cab", interval_ms=1000), at + 120_000)
    assert ("silence", Signal.RAISE) in quiet(engine, at + 121_000, 2)


def test_a_crane_beside_it_overlaps_with_it_no_more_and_its_bay_counts_it_no_more() -> None:
    engine = Engine()
    near = DeviceConfig(version=1, jib_m=50.0, position_m=(0.0, 0.0))
    engine.configure(*KEY, near, START)
    for version, retired in ((1, False), (2, True)):
        config = DeviceConfig(version=version, jib_m=50.0, position_m=(60.0, 0.0), display_name="2#", retired=retired)
        engine.configure("site", "crane", "c2", config, START)
        fleet = engine.fleets["crane"]
        assert fleet.overlaps(fleet.index["site", "c1"]) == (() if retired else ("2#",))
        post = DeviceConfig(version=version, bay="A", retired=retired)
        engine.configure("site", "formwork", "p1", post, START)
        engine.tick(START + 1000 * version, START + 1000 * version)
        assert engine.bays._members == ({} if retired else {("site", "formwork", "bay-a"): [0]})
