"""What coverage says for which device."""

from typing import Any

import msgspec
import pytest

from analytics.coverage import Watch, coverage
from telemetry.model import CoverageLevel, Hazard, State

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
