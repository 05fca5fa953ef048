"""What the rivals look at: a device's samples as arrays, in percent of rated load, resultants and the like."""

import math
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from simulators.chart import LoadChart
from simulators.labelled.boxes import Trace
from telemetry.wire.payloads import DeviceConfig

Floats = npt.NDArray[np.float64]

# Rule name → full scale, for detectors that need one; the names are those of our own rules.
SCALE: Final[dict[str, dict[str, float]]] = {
    "crane": {"load": 150.0, "moment": 150.0, "wind": 30.0, "tilt": 1.0},
    "formwork": {"force": 150.0, "settlement": 12.0, "shift": 18.0, "tilt": 6.0},
}


def times(trace: Trace) -> Floats:
    """When the samples arrived, s."""
    return np.array([sent.t for sent in trace.samples])


def channels(trace: Trace) -> dict[str, Floats]:
    """One array per rule name; NaN where a value is absent or said to be bad."""
    if trace.kind == "formwork":
        return _formwork(trace)
    load, radius, falls = (column(trace, name) for name in ("load_t", "radius_m", "falls"))
    rated, most = _rated(trace.config, radius, falls)
    with np.errstate(divide="ignore", invalid="ignore"):
        return {
            "load": load / most * 100.0,
            "moment": np.where(rated > 0, load / rated * 100.0, np.nan),
            "wind": column(trace, "wind_mps"),
            "tilt": np.hypot(column(trace, "tilt_x_deg"), column(trace, "tilt_y_deg")),
        }


def modes(trace: Trace) -> list[str]:
    """The mode that each sample of a crane carries."""
    return [str(sent.values.get("mode") or "working") for sent in trace.samples]


def column(trace: Trace, name: str) -> Floats:
    """One channel as it arrived."""

    def value(values: dict[str, Any]) -> float:
        bad = name in (values.get("invalid") or ())
        found = values.get(name)
        return math.nan if bad or found is None else float(found)

    return np.array([value(sent.values) for sent in trace.samples])


def _formwork(trace: Trace) -> dict[str, Floats]:
    lean = np.hypot(column(trace, "tilt_x_deg"), column(trace, "tilt_y_deg"))
    return {
        "force": column(trace, "force_kn") / (trace.config.design_force_kn or math.nan) * 100.0,
        "settlement": column(trace, "settle_mm"),
        "shift": np.hypot(column(trace, "shift_x_mm"), column(trace, "shift_y_mm")),
        "tilt": np.tan(np.radians(lean)) * 1000.0,
    }


def _rated(config: DeviceConfig, radius: Floats, falls: Floats) -> tuple[Floats, Floats]:
    rated, most = np.full_like(radius, np.nan), np.full_like(radius, np.nan)
    chart = LoadChart(config.charts)
    for one in config.charts:
        on = falls == one.falls
        if on.any():
            radii, loads = (np.array(column_) for column_ in zip(*one.points, strict=True))
            rated[on] = np.interp(radius[on], radii, loads)
            most[on] = chart.most(one.falls)
    return rated, most
