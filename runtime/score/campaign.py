"""The scored run: every scenario is played once, and each detector hears the same recording."""

import os
from collections.abc import Callable, Iterable
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import dataclass, field
from typing import Final

from runtime.score import learned, ours
from runtime.score.heard import Detector
from runtime.score.rivals import ZScore, plain
from runtime.score.verdict import Tally, judge
from simulators.labelled.catalogue import scenario

OURS: Final = "cranewatch"
PLAIN, ZSCORE, TREES = "plain thresholds", "rolling z-score", "river half-space trees"
RIVALS: Final = (PLAIN, ZSCORE, TREES)
# Chosen by `python -m runtime.score.sweep` on seeds that are not otherwise used: see docs/detection.md.
BEST_Z, BEST_WINDOW_S, BEST_SCORE = 6.0, 3600.0, 0.6
# The long ones first, so that no process is left alone with one at the end.
LONG: Final = ("heavy-shift", "normal-shift", "breezy-shift", "parked-night", "hard-pick-ups", "high-deck",
               "tilt-learned", "foundation-settles", "tie-loosens")  # fmt: skip

Progress = Callable[[str, int, int], None]


@dataclass
class Result:
    """One scenario: what each detector made of it."""

    name: str
    tallies: dict[str, Tally]


@dataclass
class Scored:
    """All of it."""

    seed: int
    results: list[Result] = field(default_factory=list)
    not_run: dict[str, str] = field(default_factory=dict)

    def total(self, detector: str, *, harmless: bool | None = None, names: Iterable[str] = ()) -> Tally:
        """The counts of one detector over all scenarios, or over those named, or over one half."""
        wanted = set(names)
        total = Tally()
        for result in self.results:
            case = scenario(result.name)
            asked = (harmless is None or case.harmless is harmless) and (not wanted or result.name in wanted)
            if asked and detector in result.tallies:
                total.add(result.tallies[detector])
        return total

    @property
    def detectors(self) -> list[str]:
        """Those that ran, ours first."""
        return [name for name in (OURS, *RIVALS) if name not in self.not_run]


def detectors() -> tuple[dict[str, Detector], dict[str, str]]:
    """What can run here, and why the rest cannot."""
    found: dict[str, Detector] = {OURS: ours.hear, PLAIN: plain, ZSCORE: ZScore(BEST_Z, BEST_WINDOW_S)}
    missing = learned.why_not()
    if missing is not None:
        return found, {TREES: missing}
    return {**found, TREES: learned.HalfSpaceTrees(BEST_SCORE)}, {}


def one(name: str, seed: int) -> Result:
    """Play one scenario and let everybody hear it."""
    recording = scenario(name).play(seed)
    able, _ = detectors()
    return Result(name, {who: judge(recording, hear(recording)) for who, hear in able.items()})


def run(names: list[str], seed: int, progress: Progress, processes: int | None = None) -> Scored:
    """Score these scenarios in parallel processes; the result does not depend on how many."""
    scored = Scored(seed, not_run=detectors()[1])
    order = sorted(names, key=lambda name: LONG.index(name) if name in LONG else len(LONG))
    workers = processes or min(2, os.cpu_count() or 1)
    if workers == 1 or len(names) == 1:
        for done, name in enumerate(order, 1):
            scored.results.append(one(name, seed))
            progress(name, done, len(names))
    else:
        with ProcessPoolExecutor(workers) as pool:
            running = [pool.submit(one, name, seed) for name in order]
            for done, future in enumerate(as_completed(running), 1):
                scored.results.append(future.result())
                progress(scored.results[-1].name, done, len(names))
    scored.results.sort(key=lambda result: names.index(result.name))
    return scored
