"""What coverage says for which device."""

from typing import Any

import msgspec
import pytest

from analytics.coverage import Watch, coverage
from analytics.rulebook import RULEBOOK
from telemetry.model import CoverageLevel, Hazard, State
from telemetry.wire.payloads import DeviceConfig
from tests.helpers.site import START, Rig

GOOD = Watch(
    kind="crane", heard=True, silent=False, planned_off=False, power_off=False, clock=False, conflict=False,
    interval_ms=1000, channels=frozenset({"load_t", "radius_m", "wind_mps", "tilt_x_deg", "tilt_y_deg"}),
    chart=True, rated=False, design=False, suppressed=frozenset(), states=(), doubt=None,
)  # fmt: skip


def levels(**change: Any) -> dict[Hazard, str]:
    found = coverage(msgspec.structs.replace(GOOD, **change), 0)
    return {hazard: str(one.level) for hazard, one in found.hazards.items()}


def reason(hazard: Hazard, **change: Any) -> str:
    found = coverage(msgspec.structs.replace(GOOD, **change), 0).hazards[hazard].reason
    return found.en if found else ""


def rules(**change: Any) -> dict[str, str]:
    """The rules that are not evaluated, and what they lack."""
    lacks = coverage(msgspec.structs.replace(GOOD, rules=tuple(RULEBOOK["crane"]), **change), 0).unwatched
    return {rule: one.reason.en for one in lacks for rule in one.rules}


ALL = GOOD.channels | {"hook_m", "slew_deg", "falls", "rated_load_t"}
TOLD = frozenset({"power_ok", "bypass", "mode", "operator", "limits", "relays"})
SET = frozenset(
    {"charts", "hoists", "balance_radius_m", "position_m", "slew_zero_deg", "zones", "hours", "weathervane"}
)
EVERYTHING: dict[str, Any] = {
    "channels": ALL, "told": TOLD, "ever": TOLD, "configured": SET, "learned": frozenset({"envelope", "slope"}),
}  # fmt: skip


@pytest.mark.parametrize(
    ("change", "lacks"),
    [
        ({"interval_ms": 100}, {}),
        ({}, {"snag": "sampled less often than every 0.2 s", "load_lost": "sampled less often than every 0.2 s"}),
        ({"interval_ms": 100, "channels": ALL - {"falls"}}, {"hook_runaway": "no data of falls"}),
        ({"interval_ms": 100, "told": TOLD - {"bypass"}}, {"bypass": "no data of bypass"}),
        ({"interval_ms": 100, "configured": SET - {"hoists"}}, {"hook_runaway": "not configured: rated hoist speeds"}),
        ({"interval_ms": 100, "configured": SET - {"weathervane"}},
         {"not_weathervaning": "not configured: free slew (restrained by plan)"}),
        ({"interval_ms": 100, "learned": frozenset({"envelope"})},
         dict.fromkeys(["lean", "contradiction", "load_reads_low"], "the mast's envelope is not learned yet")),
    ],
)  # fmt: skip
def test_a_rule_that_is_not_evaluated_is_named_with_what_it_lacks(
    change: dict[str, Any], lacks: dict[str, str]
) -> None:
    assert rules(**{**EVERYTHING, **change}) == lacks


def test_of_a_silent_device_nothing_but_the_silence_is_said() -> None:
    assert rules(silent=True) == {}
    assert len(rules(interval_ms=15_000)) > 15


def test_limits_zones_and_operators_are_watched_where_the_box_and_the_site_give_them() -> None:
    found = levels(**EVERYTHING)
    assert {found[h] for h in (Hazard.LIMITS, Hazard.ZONES, Hazard.IDENTITY)} == {"monitored"}
    assert found[Hazard.ANTI_COLLISION] == "not_monitored"
    assert levels(**{**EVERYTHING, "told": frozenset()})[Hazard.LIMITS] == "blind", "it came, and is gone"
    assert levels(**{**EVERYTHING, "told": frozenset({"limits"})})[Hazard.IDENTITY] == "monitored", (
        "nobody is an answer"
    )
    assert levels(**{**EVERYTHING, "channels": ALL - {"slew_deg"}})[Hazard.ZONES] == "blind"


def test_overlapping_cranes_are_named_and_never_monitored() -> None:
    found = coverage(msgspec.structs.replace(GOOD, overlaps=("2#", "3#")), 0).hazards[Hazard.ANTI_COLLISION]
    assert found.level is CoverageLevel.NOT_MONITORED
    assert found.reason is not None
    assert found.reason.en == "not monitored, its reach overlaps with 2#, 3#"


def test_cranes_overlap_where_their_circles_come_nearer_than_two_metres() -> None:
    rig = Rig(config=DeviceConfig(version=1, position_m=(0.0, 0.0), jib_m=60.0))
    for name, east in (("c2", 100.0), ("c3", 119.0), ("c4", 125.0)):
        config = DeviceConfig(version=1, display_name=f"{name}#", position_m=(east, 0.0), jib_m=60.0)
        rig.engine.configure("site", "crane", name, config, START)
    rig.engine.configure("other", "crane", "c5", DeviceConfig(version=1, position_m=(1.0, 0.0), jib_m=60.0), START)
    rig.tick()
    said = rig.outcomes[-1].coverage["site", "crane", "c1"].hazards[Hazard.ANTI_COLLISION].reason
    assert said is not None
    assert said.en.endswith("overlaps with c2#, c3#")


def test_what_is_not_computed_is_listed_as_not_monitored_however_well_all_is() -> None:
    found = levels()
    assert {h for h, level in found.items() if level == "not_monitored"} == {
        Hazard.ANTI_COLLISION, Hazard.ZONES, Hazard.LIMITS, Hazard.IDENTITY,
    }  # fmt: skip
    assert {found[h] for h in (Hazard.LOAD, Hazard.MOMENT, Hazard.WIND, Hazard.TILT)} == {"monitored"}
    assert coverage(GOOD, 0).level is CoverageLevel.MONITORED


@pytest.mark.parametrize(
    ("change", "hazard", "level", "words"),
    [
        ({"heard": False}, Hazard.WIND, "blind", "no data yet"),
        ({"silent": True}, Hazard.LOAD, "blind", "silent"),
        ({"planned_off": True, "silent": True}, Hazard.LOAD, "blind", "announced"),
        ({"channels": GOOD.channels - {"wind_mps"}}, Hazard.WIND, "blind", "wind: no data"),
        ({"channels": GOOD.channels - {"tilt_y_deg"}}, Hazard.TILT, "degraded", "one of two axes"),
        ({"channels": GOOD.channels - {"radius_m"}}, Hazard.MOMENT, "blind", "moment: no data"),
        ({"chart": False}, Hazard.MOMENT, "blind", "no load chart and no rated load"),
        ({"chart": False, "rated": True}, Hazard.MOMENT, "degraded", "own rated load"),
        ({"interval_ms": 5000}, Hazard.LOAD, "degraded", "supervised only"),
        ({"interval_ms": 1000}, Hazard.LOAD, "monitored", ""),
        ({"clock": True}, Hazard.WIND, "degraded", "clock"),
        ({"conflict": True}, Hazard.WIND, "degraded", "one id"),
        ({"suppressed": frozenset({"wind"})}, Hazard.WIND, "degraded", "suppressed"),
        ({"states": (("load", State.DISABLED),)}, Hazard.LOAD, "blind", "disabled"),
        ({"doubt": "warm_start"}, Hazard.TILT, "degraded", "lost its state"),
    ],
)
def test_each_weakness_is_said_with_its_reason(change: dict[str, Any], hazard: Hazard, level: str, words: str) -> None:
    assert levels(**change)[hazard] == level
    assert words in reason(hazard, **change)


def test_a_weakness_of_one_channel_is_not_one_of_the_others() -> None:
    found = levels(channels=GOOD.channels - {"wind_mps"})
    assert (found[Hazard.WIND], found[Hazard.LOAD], found[Hazard.TILT]) == ("blind", "monitored", "monitored")


def test_formwork_without_a_design_force_is_blind_for_force_alone() -> None:
    channels = frozenset({"force_kn", "settle_mm", "shift_x_mm", "shift_y_mm", "tilt_x_deg", "tilt_y_deg"})
    found = levels(kind="formwork", channels=channels, interval_ms=30_000)
    assert found == {
        Hazard.FORCE: "blind", Hazard.SETTLEMENT: "monitored", Hazard.SHIFT: "monitored", Hazard.TILT: "monitored",
    }  # fmt: skip


def test_a_post_without_neighbours_or_a_permit_says_which_of_its_bays_rules_are_not_evaluated() -> None:
    rig = Rig("formwork", interval_ms=10_000, config=DeviceConfig(version=1, bay="a", design_force_kn=20.0))
    rig.hold(3, force_kn=1.0, settle_mm=0.0, shift_x_mm=0.0, shift_y_mm=0.0, tilt_x_deg=0.0, tilt_y_deg=0.0)
    rig.tick()
    lacks = {rule: one.reason.en for one in rig.outcomes[-1].coverage["site", "formwork", "c1"].unwatched
             for rule in one.rules}  # fmt: skip
    assert lacks["differential"] == "not configured: neighbouring posts, span between posts"
    assert lacks["pour_order"] == "not configured: pour permit"
    assert "force" not in lacks
