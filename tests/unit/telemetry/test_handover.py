"""What one shift tells the next: outages, gaps and shares from what devices said of their coverage."""

import pytest

from telemetry import handover
from telemetry.handover import Change, Named, Sheet
from telemetry.model import PLANNED_OFF, CoverageLevel
from telemetry.wire.payloads import Coverage, HazardCoverage, Words

ONE, TWO = (Named(kind="crane", device=name, name=f"{name}#") for name in ("c1", "c2"))
LEVELS = {
    "m": CoverageLevel.MONITORED, "d": CoverageLevel.DEGRADED, "b": CoverageLevel.BLIND,
    "n": CoverageLevel.NOT_MONITORED,
}  # fmt: skip
SILENT = Words(zh="设备无数据", en="the device is silent")
OFF = Words(zh=PLANNED_OFF[0], en=PLANNED_OFF[1])


def said(script: str, of: Named = ONE, why: Words = SILENT) -> list[Change]:
    """`m@0 b@10`: monitored at 0, blind at 10."""
    words = [one.split("@") for one in script.split()]
    return [Change(of, int(at), LEVELS[level], why if level == "b" else None) for level, at in words]


@pytest.mark.parametrize(
    ("script", "found"),
    [
        ("m@0 b@10 m@30", [(10, 30)]),
        ("b@0 m@5", [(2, 5)]),  # it began before one looked back
        ("m@0 b@10", [(10, None)]),  # it goes on
        ("m@0 d@10 m@30", []),
        ("b@0 m@1", []),  # over before one looks back
        ("m@0 b@10 d@20 b@30 m@40", [(10, 20), (30, 40)]),
    ],
)
def test_an_outage_is_a_time_of_blindness_within_the_span(script: str, found: list[tuple[int, int | None]]) -> None:
    assert [(one.begin, one.end) for one in handover.outages(said(script), 2, 100)] == found


def test_gaps_are_told_by_device_the_longest_first_and_announced_power_off_last() -> None:
    changes = said("m@0 b@10 m@20 b@30 m@60") + said("m@0 b@0 m@90", TWO, OFF)
    first, second = handover.gaps(handover.outages(changes, 0, 100), 100)
    assert (first.of, first.times, first.total_ms, first.longest_begin, first.longest_end) == (ONE, 2, 40, 30, 60)
    assert not first.announced
    assert (second.of, second.announced) == (TWO, True)


def test_what_a_device_said_before_holds_until_it_says_otherwise_and_silence_before_the_first_word_is_nobody_s() -> (
    None
):
    (share,) = handover.shares(said("m@-50 d@20 b@30 m@40"), 0, 100)
    assert (share.watched_ms, share.degraded_ms, share.blind_ms, share.silent_ms) == (80, 10, 10, 0)
    (share,) = handover.shares(said("m@75"), 0, 100)
    assert (share.watched_ms, share.silent_ms) == (25, 75)


def test_from_the_hour_it_was_taken_off_the_site_nothing_is_expected_of_a_device() -> None:
    (share,) = handover.shares(said("m@0 b@20 n@30"), 0, 100)
    assert (share.watched_ms, share.blind_ms, share.silent_ms) == (20, 10, 0)
    assert handover.shares(said("n@-5"), 0, 100) == []


def test_the_reason_is_of_the_worst_hazard() -> None:
    weak = Words(zh="慢", en="slow")
    coverage = Coverage(
        at=1, level=CoverageLevel.BLIND,
        hazards={"load": HazardCoverage(level=CoverageLevel.DEGRADED, reason=weak),
                 "wind": HazardCoverage(level=CoverageLevel.BLIND, reason=SILENT)},
    )  # fmt: skip
    assert handover.reason(coverage) == SILENT


def test_a_signed_text_is_read_back_and_one_letter_changes_its_hash() -> None:
    sheet = Sheet(site="s", name="工地", timezone="Asia/Shanghai", at=2, since=1, signed_by="王工", note="<b>")
    text = handover.text(sheet)
    assert handover.read(text) == sheet
    assert handover.digest(text) != handover.digest(text.replace("王工", "李工"))
    assert handover.text(handover.read(text)) == text
