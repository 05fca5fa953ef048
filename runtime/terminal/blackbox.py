"""What is left to the black box in the cab when `cab_sound` is "extra": what `api/web/terminal/blackbox.js` decides."""

from collections.abc import Mapping
from typing import Any, Final

from telemetry.wire.payloads import Alarm

# Bits of device_alarm and device_prewarn (telemetry/kinds.py), by our rule.
_BITS: Final = {"wind": 1, "load": 2 | 8, "moment": 2 | 8, "tilt": 16, "zone": 32}
_STANDARD: Final = frozenset({"load", "moment"})


def sounds(alarm: Alarm, values: Mapping[str, Any]) -> bool:
    """Whether this alarm's sound is the box's business at this moment; `values` are those of the last frame."""
    bits = _BITS.get(alarm.rule, 0)
    red, amber = int(values.get("device_alarm") or 0), values.get("device_prewarn")
    if red & bits:
        return True
    if not bits or alarm.cab != "pulse" or amber is None:
        return False
    return alarm.rule in _STANDARD or bool(int(amber) & bits)
