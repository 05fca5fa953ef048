"""
Two rivals without any package: plain thresholds, and a rolling z-score.

Both see the same samples at the same times, both are given rated loads from the chart, and both keep what makes their
idea strong: the thresholds their second level and their limits by mode, the z-score a floor under its deviation.
"""

from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from runtime.score.channels import SCALE, Floats, channels, modes, times
from runtime.score.heard import ANY, Heard, Said
from simulators.labelled.boxes import Recording, Trace
from telemetry.model import Severity

# The first is a lamp and makes no sound; the second sounds for as long as it holds. Our own profile's numbers.
LIMITS: Final[dict[str, dict[str, tuple[float, float]]]] = {
    "crane": {"load": (90, 100), "moment": (90, 100), "wind": (10.8, 12.0), "tilt": (0.46, 0.63)},
    "formwork": {"force": (80, 100), "settlement": (6.4, 8.0), "shift": (9.6, 12.0), "tilt": (3.2, 4.0)},
}
WIND_BY_MODE: Final = {"climbing": (8.0, 9.0), "erecting": (8.0, 9.0), "dismantling": (8.0, 9.0)}
LEAST: Final = 30  # samples behind a z-score
NO_WIND: Final = ("parked",)


def plain(recording: Recording) -> Heard:
    """Alarm while the value is at its limit: no deadband, no delay, no count of samples."""
    heard = Heard()
    for trace in recording.traces:
        if not trace.samples:
            continue
        t, mode = times(trace), modes(trace)
        sounding = np.zeros(len(t), np.bool_)
        for rule, values in channels(trace).items():
            low, high = _limits(trace.kind, rule, mode)
            with np.errstate(invalid="ignore"):
                first, second = values >= low, values >= high
            _raise(heard, trace.device, rule, t, first, Severity.PREWARNING)
            _raise(heard, trace.device, rule, t, second, Severity.ALARM)
            sounding |= second
        _sound(heard, trace, t, sounding)
    return heard


def _limits(kind: str, rule: str, mode: list[str]) -> tuple[Floats, Floats]:
    low, high = LIMITS[kind][rule]
    lows, highs = np.full(len(mode), float(low)), np.full(len(mode), float(high))
    if rule == "wind":
        for place, name in enumerate(mode):
            if name in NO_WIND:
                lows[place] = highs[place] = np.inf
            elif name in WIND_BY_MODE:
                lows[place], highs[place] = WIND_BY_MODE[name]
    return lows, highs


@dataclass(frozen=True, slots=True)
class ZScore:
    """
    Alarm while a channel is `z` deviations from the mean of its last `window_s`.

    The deviation has a floor of `floor` of full scale, or the first load after a quiet hour would be endlessly far off.
    At least 30 samples must be known. It cannot say what is wrong: whatever it says counts for every rule.
    """

    z: float
    window_s: float
    floor: float = 0.01

    def __call__(self, recording: Recording) -> Heard:
        """What it says about a recording."""
        heard = Heard()
        for trace in recording.traces:
            if not trace.samples:
                continue
            t = times(trace)
            behind = max(LEAST, round(self.window_s / trace.interval_s))
            odd = np.zeros(len(t), np.bool_)
            for rule, values in channels(trace).items():
                odd |= self._odd(values, behind, self.floor * SCALE[trace.kind][rule])
            raised(heard, trace, t, odd)
        return heard

    def _odd(self, values: Floats, behind: int, floor: float) -> npt.NDArray[np.bool_]:
        """Which values are far from those before them; the window never holds the value itself."""
        mean, spread, count = rolling(values, behind)
        with np.errstate(invalid="ignore"):
            return (np.abs(values - mean) >= self.z * np.maximum(spread, floor)) & (count >= LEAST)


def rolling(values: Floats, behind: int) -> tuple[Floats, Floats, Floats]:
    """Mean, standard deviation and number of the up to `behind` known values before each value."""
    known = ~np.isnan(values)
    centre = float(np.nanmean(values)) if known.any() else 0.0
    clean = np.where(known, values - centre, 0.0)

    def before(column: Floats) -> Floats:
        total = np.concatenate([[0.0], np.cumsum(column)])
        place = np.arange(len(column))
        return np.asarray(total[place] - total[np.maximum(place - behind, 0)])

    count = before(known.astype(np.float64))
    with np.errstate(divide="ignore", invalid="ignore"):
        mean = before(clean) / count
        variance = before(clean**2) / count - mean**2
    return mean + centre, np.sqrt(np.maximum(variance, 0.0)), count


def _raise(heard: Heard, device: str, rule: str, t: Floats, on: npt.NDArray[np.bool_], severity: Severity) -> None:
    before = np.concatenate([[False], on[:-1]])
    heard.alarms += [Said(device, rule, float(at), severity) for at in t[on & ~before]]


def _sound(heard: Heard, trace: Trace, t: Floats, on: npt.NDArray[np.bool_]) -> None:
    if on.any():
        # A detector may look at fewer samples than there are.
        step = trace.interval_s * max(1, round(len(trace.samples) / len(t)))
        seconds = float(np.count_nonzero(on)) * step
        heard.sound_s[trace.device] += seconds
        heard.sounded += [(trace.device, float(at), step) for at in t[on]]
        heard.tone_s[trace.device] += seconds


def raised(heard: Heard, trace: Trace, t: Floats, on: npt.NDArray[np.bool_]) -> None:
    """Alarms and sound of a detector that only says whether something is odd."""
    _raise(heard, trace.device, ANY, t, on, Severity.ALARM)
    _sound(heard, trace, t, on)
