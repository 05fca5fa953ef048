"""
Which threshold serves a rival best: `python -m runtime.score.sweep 101 102`.

Every setting of a rival is scored on seeds that the scored run does not use. The best has the fewest false alarms among
those that detect at least `SHARE` of the life-safety events; without that, the best would be to say nothing at all.
Where none does, it is the one that detects the most. The constants in `campaign` are what this found.
"""

import sys
from collections import defaultdict
from collections.abc import Iterator
from typing import Final

import numpy as np

from runtime.score.heard import Heard
from runtime.score.learned import HalfSpaceTrees, score, why_not
from runtime.score.rivals import ZScore, raised
from runtime.score.verdict import Tally, judge
from simulators.labelled.boxes import Recording
from simulators.labelled.catalogue import scenarios

Z: Final = (4.0, 6.0, 8.0, 12.0, 16.0, 24.0, 40.0)
WINDOWS_S: Final = (60.0, 600.0, 3600.0)
SCORES: Final = (0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 0.95)
SHARE: Final = 1 / 3


def settings(recording: Recording) -> Iterator[tuple[str, Heard]]:
    """What every setting hears in a recording."""
    for window in WINDOWS_S:
        for z in Z:
            yield f"z-score z={z:g} window={window:g} s", ZScore(z, window)(recording)
    if why_not() is not None:
        return
    scores = {trace.device: score(trace, HalfSpaceTrees(0.0).seed) for trace in recording.traces if trace.samples}
    for least in SCORES:
        heard = Heard()
        for trace in recording.traces:
            if trace.samples:
                t, found = scores[trace.device]
                high = found >= least
                raised(heard, trace, t, high & np.concatenate([[False], high[:-1]]))
        yield f"half-space trees score={least:g}", heard


def rank(everything: Tally, quiet: Tally) -> tuple[float, float]:
    """Sorts settings, the best first."""
    detected = 1 - everything.missed_life_safety / max(1, everything.asked_life_safety)
    false = quiet.false_alarms / quiet.days if quiet.days else 0.0
    return (0.0, false) if detected >= SHARE else (1.0 - detected, false)


def main(seeds: list[int]) -> None:
    """Print every setting with its cost, the best first."""
    everything: dict[str, Tally] = defaultdict(Tally)
    quiet: dict[str, Tally] = defaultdict(Tally)
    for seed in seeds:
        for case in scenarios():
            recording = case.play(seed)
            for name, heard in settings(recording):
                tally = judge(recording, heard)
                everything[name].add(tally)
                if case.harmless:
                    quiet[name].add(tally)
            sys.stderr.write(f"{seed} {case.name}\n")
    for name in sorted(everything, key=lambda name: rank(everything[name], quiet[name])):
        all_of_it = everything[name]
        figures = all_of_it.figures()
        sys.stdout.write(
            f"{name}: missed {all_of_it.missed_life_safety} of {all_of_it.asked_life_safety}, "
            f"false per day {quiet[name].figures()['false_alarms_per_crane_day']}, lead {figures['median_lead_s']}\n"
        )


if __name__ == "__main__":
    main([int(word) for word in sys.argv[1:]] or [101, 102])
