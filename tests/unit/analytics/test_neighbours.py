"""Cranes against their neighbours, and what is observed of a box: decided at a tick, once."""

import pytest

from analytics.engine import Engine
from telemetry.model import Severity
from telemetry.wire.payloads import DeviceConfig, Finding, Presence, Recorded, SiteRecord, Transition, Words
from tests.helpers.site import CHART, START, arrived

KEY = ("site", "crane", "c0")


class Site:
    """Some cranes of one site, a sample each every ten seconds, and a tick behind it."""

    def __init__(self, cranes: int = 4) -> None:
        self.engine = Engine()
        self.at = START
        self.seq = 0
        self.cranes = cranes
        self.found: list[Transition] = []
        for k in range(cranes):
            config = DeviceConfig(version=1, charts=[CHART], interval_ms=10_000, params="aaaa" if k == 0 else None)
            self.engine.configure("site", "crane", f"c{k}", config, START)

    def go(self, minutes: float, *winds: float | None, lifting: int = -1, quiet: int = -1) -> "Site":
        """Each crane with its wind; one of them lifts, one says nothing."""
        for _ in range(round(minutes * 6)):
            self.at += 10_000
            self.seq += 1
            frames = []
            for k, wind in enumerate(winds):
                channels = {} if wind is None else {"wind_mps": wind + 0.1 * (self.seq % 2)}
                load = 1.5 if k == lifting else 0.0
                if k != quiet:
                    frames.append(
                        arrived(f"c{k}", boot=f"boot-000{k}", seq=self.seq, ts=self.at, load_t=load,
                                hook_m=10.0 + self.seq % 3, radius_m=20.0, **channels)
                    )  # fmt: skip
            self.engine.feed(frames)
            self.found += self.engine.tick(self.at, self.at).transitions
        return self

    def said(self, rule: str) -> list[str]:
        return [f"{t.device} {t.signal}" for t in self.found if t.rule == rule]


def test_an_anemometer_that_stays_below_half_of_the_others_reads_low() -> None:
    site = Site().go(25, 3.0, 8.0, 9.0, 8.5)
    assert site.said("wind_reads_low") == []
    site.go(20, 3.0, 8.0, 9.0, 8.5)
    assert site.said("wind_reads_low") == ["c0 raise"]
    alarm = site.engine.annunciator.payload(KEY, "wind_reads_low")
    assert alarm is not None
    assert alarm.cab == "none"
    assert alarm.limit == pytest.approx(8.5, abs=0.11)
    site.go(20, 8.0, 8.0, 9.0, 8.5)
    assert site.said("wind_reads_low") == ["c0 raise", "c0 clear"]


@pytest.mark.parametrize(
    "winds", [(3.0, 5.0, 5.5, 5.0), (5.0, 8.0, 9.0, 8.5), (3.0, 8.0), (None, 8.0, 9.0, 8.0), (3.0, 8.0, None, None)]
)
def test_a_breeze_a_sheltered_place_and_too_few_others_prove_nothing(winds: tuple[float | None, ...]) -> None:
    assert Site(len(winds)).go(120, *winds).said("wind_reads_low") == []


def test_what_a_tick_has_found_survives_a_snapshot() -> None:
    site = Site().go(40, 3.0, 8.0, 9.0, 8.5)
    site.engine = Engine.restore(site.engine.snapshot())
    assert site.go(6, 3.0, 8.0, 9.0, 8.5).said("wind_reads_low") == ["c0 raise"]


def test_a_box_that_is_off_as_planned_while_others_lift_for_half_an_hour_is_a_line() -> None:
    site = Site().go(5, 3.0, 3.0, 3.0, 3.0)
    site.engine.fleets["crane"].devices[0].planned_off = True
    site.go(20, 3.0, 3.0, 3.0, 3.0, lifting=1, quiet=0)
    assert site.said("off_while_others_work") == []
    site.go(20, 3.0, 3.0, 3.0, 3.0, lifting=1, quiet=0)
    assert site.said("off_while_others_work") == ["c0 raise"]
    site.go(1, 3.0, 3.0, 3.0, 3.0)
    assert site.said("off_while_others_work") == ["c0 raise", "c0 clear"]


def test_a_site_that_sleeps_needs_no_box() -> None:
    site = Site().go(5, 3.0, 3.0, 3.0, 3.0)
    site.engine.fleets["crane"].devices[0].planned_off = True
    assert site.go(300, 3.0, 3.0, 3.0, 3.0, quiet=0).said("off_while_others_work") == []


def presence(site: Site, params: str | None) -> list[str]:
    found = site.engine.presence("site", "crane", "c0", Presence(online=True, params=params), site.at)
    return [f"{t.rule} {t.signal}" for t in found.transitions]


def test_other_parameters_than_the_approved_ones_are_an_alarm_at_the_desk_until_they_are_back() -> None:
    site = Site()
    assert presence(site, "aaaa") == []
    assert presence(site, "bbbb") == ["parameters raise"]
    alarm = site.engine.annunciator.payload(KEY, "parameters")
    assert alarm is not None
    assert (alarm.cab, alarm.life_safety) == ("none", True)
    assert "bbbb" in alarm.text.en  # type: ignore[union-attr]
    assert presence(site, None) == []
    assert presence(site, "aaaa") == ["parameters clear"]


def record(site: Site, *, holds: bool = True) -> list[str]:
    found = Finding(transition="t1", rule="moment", severity=Severity.ALARM, at=site.at - 600_000, life_safety=True,
                    holds=holds, text=Words(zh="超载 力矩 104 %", en="OVERLOAD moment 104 %"))  # fmt: skip
    one = Recorded(kind="crane", device="c0", late=1, found=found)
    outcome = site.engine.recorded("site", SiteRecord(at=site.at, devices=[one]), site.at)
    return [f"{t.rule} {t.signal}" for t in outcome.transitions if t.rule == "last_known_bad"]


def test_a_silent_device_that_was_beyond_a_limit_when_last_seen_is_said_live_with_its_age() -> None:
    site = Site().go(5, 3.0, 3.0, 3.0, 3.0).go(2, 3.0, 3.0, 3.0, 3.0, quiet=0)
    assert record(site, holds=False) == [], "it was over in the last data"
    assert record(site) == ["last_known_bad raise"]
    alarm = site.engine.annunciator.payload(KEY, "last_known_bad")
    assert alarm is not None
    assert alarm.text is not None
    assert alarm.text.en == "SILENT, AND BAD WHEN LAST SEEN: 10 min ago OVERLOAD moment 104 %"
    assert record(site) == [], "once"
    outcome = site.engine.feed([arrived("c0", boot="boot-0000", seq=999, ts=site.at, load_t=0.0)])
    assert "last_known_bad clear" in [f"{t.rule} {t.signal}" for t in outcome.transitions]


def test_of_a_device_that_speaks_late_data_is_no_live_alarm() -> None:
    assert record(Site().go(5, 3.0, 3.0, 3.0, 3.0)) == []
