"""
The third rival: half-space trees of the `river` package, an anomaly detector that learns as it goes.

Per device, on the channels of `SCALE` and how each has changed within half a minute, at most once a second: a mass
profile over the last `WINDOW` samples says how unusual a sample is, 0 to 1. Alarm on the second unusual one in a row.
It cannot say what is wrong: whatever it says counts for every rule.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

import numpy as np

from runtime.score.channels import SCALE, Floats, channels, times
from runtime.score.heard import Heard
from runtime.score.rivals import raised
from simulators.labelled.boxes import Recording, Trace

TREES, HEIGHT, WINDOW = 10, 6, 250
CHANGE_S: Final = 30.0


def why_not() -> str | None:
    """Why it cannot run here, or None."""
    try:
        import river  # noqa: F401 - only whether it is there
    except ImportError as error:
        return f"{error.name or 'river'} is not installed: make score sets it up"
    return None


def score(trace: Trace, seed: int) -> tuple[Floats, Floats]:
    """Times and scores of one device, at most one a second."""
    from river import anomaly

    t = times(trace)
    every = max(1, round(1.0 / trace.interval_s))
    t = t[::every]
    features: dict[str, Floats] = {}
    for name, values in channels(trace).items():
        scaled = values[::every] / SCALE[trace.kind][name]
        before = scaled[np.searchsorted(t, t - CHANGE_S)]
        features[name] = np.clip(scaled, 0.0, 1.0)
        features[f"{name} change"] = np.clip(0.5 + scaled - before, 0.0, 1.0)
    trees: Any = anomaly.HalfSpaceTrees(n_trees=TREES, height=HEIGHT, window_size=WINDOW, seed=seed)
    names = list(features)
    rows = np.nan_to_num(np.column_stack([features[name] for name in names]), nan=0.0).tolist()
    found = np.zeros(len(t))
    for place, row in enumerate(rows):
        sample = dict(zip(names, row, strict=True))
        found[place] = trees.score_one(sample)
        trees.learn_one(sample)
    return t, found


@dataclass(frozen=True, slots=True)
class HalfSpaceTrees:
    """Alarm while the score is at or above `least`."""

    least: float
    seed: int = 1
    score: Callable[[Trace, int], tuple[Floats, Floats]] = score

    def __call__(self, recording: Recording) -> Heard:
        """What it says about a recording. Raises ImportError without river."""
        heard = Heard()
        for trace in recording.traces:
            if trace.samples:
                t, scores = self.score(trace, self.seed)
                high = scores >= self.least
                raised(heard, trace, t, high & np.concatenate([[False], high[:-1]]))
        return heard
