"""
How well work cycles are recognised: against the lifts that a simulated crane really made, by sample rate. Seeded.

`make bench ARGS=cycles`: shifts of ordinary, heavy and difficult work, several seeds, boxes of 10 Hz, 1 Hz, 5 s and
15 s on the same crane. The truth is read off the machine: from when until when the rope was taut, with what, and where.
A cycle is a true one when most of it lies in such a time, and no other cycle has that lift. A lift that a cut of a
folded shift goes through is left out on both sides.
"""

from collections.abc import Callable, Sequence
from typing import Any, Final, NamedTuple

import numpy as np

from analytics.engine import Engine
from analytics.samples import Arrived
from analytics.table import Array
from simulators.crane import Place
from simulators.labelled.boxes import START_MS, Box, Trace
from simulators.labelled.plant import CRANE, Act, Run, order, run, spans
from simulators.labelled.shifts import lifts
from simulators.scenario import Work
from simulators.station import generator
from telemetry.wire.cycle import Cycle, Spot

SEEDS: Final = (1, 2, 3)
HOUR: Final = 3600.0
RATES: Final = ("10hz", "1hz", "5s", "15s")


class Lift(NamedTuple):
    """A true lift, in s of the run; places are hook m, radius m, slew degrees."""

    start: float
    end: float
    load_t: float
    pick: tuple[float, float, float]
    down: tuple[float, float, float]


def boxes(hours: float) -> tuple[Box, ...]:
    """One of each rate; 10 Hz for an hour at most, long runs of the fast ones in parts that run side by side."""
    fast, parts = min(HOUR, 0.5 * hours * HOUR), max(1, round(hours))
    return (
        Box("crane-10hz", 0.1, fold=2 if hours > 1 else 1, until_s=fast),
        Box("crane-1hz", 1.0, fold=parts),
        Box("crane-5s", 5.0),
        Box("crane-15s", 15.0),
    )


def normal(seed: int, hours: float) -> Run:
    """Lifts at 30-85 % of the rated load, a tenth of them at 92-97 %."""
    return run(seed, hours * HOUR, [Work(at=10.0, devices=[CRANE])], boxes=boxes(hours))


def heavy(seed: int, hours: float) -> Run:
    """Lifts at 92-97 %, one in three lighter, one every 8 min."""
    random = generator(seed, CRANE, "cycles")
    n = round(hours * HOUR / 480.0)
    percents = [float(random.uniform(92, 97) if k % 3 else random.uniform(30, 85)) for k in range(n)]
    return run(seed, hours * HOUR, lifts(random, percents, 479.0, (0.10, 0.30)), boxes=boxes(hours))


def hurried(seed: int, hours: float) -> Run:
    """Short lifts close by, attached and set down within seconds, some of them a metre or two high."""
    random = generator(seed, CRANE, "hurried")
    acts: list[Act] = []
    for k in range(round(hours * HOUR / 150.0)):
        slew, radius = float(random.uniform(-60, 60)), float(random.uniform(12, 30))
        pick = Place(slew, radius, 1.5)
        place = Place(slew + float(random.uniform(-25, 25)), radius + float(random.uniform(-4, 4)), 2.5)
        acts.append(order(10.0 + 150.0 * k, float(random.uniform(30, 90)), pick, place, position_s=5.0))
    return run(seed, hours * HOUR, acts=acts, boxes=boxes(hours))


SHIFTS: Final[dict[str, Callable[[int, float], Run]]] = {"normal": normal, "heavy": heavy, "hurried": hurried}


def true_lifts(found: Run) -> list[Lift]:
    """From the machine without noise: the rope is taut; what hangs is the median once the pick-up has rung out."""
    seen = found.seen
    t = seen["t"]
    place = np.stack([seen["hook_m"], seen["radius_m"], seen["slew_deg"]], axis=1)
    lifted: list[Lift] = []
    for start, end in spans(t, seen["load_t"] > 0.0, join_s=2.0):
        first, last = np.searchsorted(t, [start, end])
        hung = seen["load_t"][(t >= start + 5.0) & (t <= end - 5.0)]
        if len(hung):
            lifted.append(Lift(start, end, float(np.median(hung)), _at(place[first]), _at(place[last])))
    return lifted


def _at(place: Array) -> tuple[float, float, float]:
    return float(place[0]), float(place[1]), float(place[2])


def recognised(traces: Sequence[Trace]) -> dict[str, list[Cycle]]:
    """The cycles that the engine makes of each device's readings."""
    engine = Engine()
    arrived: list[Arrived] = []
    for trace in traces:
        engine.configure("site", trace.kind, trace.device, trace.config, START_MS)
        arrived += (
            Arrived("site", trace.kind, trace.device, one.frame(trace.kind), START_MS + round(one.t * 1000))
            for one in trace.samples
        )
    arrived.sort(key=lambda one: one.received)
    cycles: dict[str, list[Cycle]] = {trace.device: [] for trace in traces}
    for k in range(0, len(arrived), 512):
        for cycle in engine.feed(arrived[k : k + 512]).cycles:
            cycles[cycle.device].append(cycle)
    return cycles


class Tally:
    """Lifts, cycles, and how far apart they are, of one rate."""

    def __init__(self) -> None:
        self.lifts = self.cycles = self.matched = 0
        self.load_pct: list[float] = []
        self.seconds: list[float] = []
        self.pick: list[tuple[float, float, float]] = []
        self.down: list[tuple[float, float, float]] = []

    def add(self, lifts_: Sequence[Lift], cycles: Sequence[Cycle], offset_s: float, length_s: float) -> None:
        """One device's part of a run, which began `offset_s` into it."""
        whole = [one for one in lifts_ if one.start > offset_s + 30.0 and one.end < offset_s + length_s - 60.0]
        cut = [one for one in lifts_ if one not in whole]
        taken: set[Lift] = set()
        self.lifts += len(whole)
        for cycle in cycles:
            start, end = ((ms - START_MS) / 1000.0 + offset_s for ms in (cycle.start, cycle.end))
            owner = max(lifts_, key=lambda one: min(end, one.end) - max(start, one.start), default=None)
            if owner is not None and owner in cut and min(end, owner.end) > max(start, owner.start):
                continue
            self.cycles += 1
            if owner is None or owner in taken or min(end, owner.end) - max(start, owner.start) < (end - start) / 2:
                continue
            taken.add(owner)
            self.matched += 1
            self._compare(owner, cycle, end - start)

    def _compare(self, lift: Lift, cycle: Cycle, seconds: float) -> None:
        if cycle.load_t is not None and cycle.capacity_t:
            self.load_pct.append(abs(cycle.load_t - lift.load_t) / cycle.capacity_t * 100.0)
        self.seconds.append(abs(seconds - (lift.end - lift.start)))
        self.pick.append(_off(cycle.pick, lift.pick))
        self.down.append(_off(cycle.set_down, lift.down))

    def summary(self) -> dict[str, Any]:
        """Shares, and the errors below which 95 % lie."""
        found: dict[str, Any] = {
            "lifts": self.lifts, "cycles": self.cycles,
            "recall": round(self.matched / self.lifts, 4) if self.lifts else None,
            "precision": round(self.matched / self.cycles, 4) if self.cycles else None,
            "load_pct_p95": _p95(self.load_pct), "duration_s_p95": _p95(self.seconds),
        }  # fmt: skip
        for name, places in (("pick", self.pick), ("set_down", self.down)):
            for k, quantity in enumerate(("hook_m", "radius_m", "slew_deg")):
                found[f"{name}_{quantity}_p95"] = _p95([place[k] for place in places])
        return found


def _off(spot: Spot, place: tuple[float, float, float]) -> tuple[float, float, float]:
    said = (spot.hook_m, spot.radius_m, spot.slew_deg)
    hook, radius, slew = (np.nan if one is None else one for one in said)
    return abs(hook - place[0]), abs(radius - place[1]), abs((slew - place[2] + 180.0) % 360.0 - 180.0)


def _p95(values: Sequence[float]) -> float | None:
    known = np.array(values)[~np.isnan(values)] if len(values) else np.array([])
    return round(float(np.quantile(known, 0.95)), 3) if len(known) else None


def tallied(shift: Callable[[int, float], Run], seeds: Sequence[int], hours: float) -> dict[str, Tally]:
    """By rate, over all seeds."""
    tallies = {rate: Tally() for rate in RATES}
    for seed in seeds:
        found = shift(seed, hours)
        truth = true_lifts(found)
        cycles = recognised(found.recording.traces)
        for box in found.boxes:
            for device, offset, length in box.parts(found.recording.duration_s):
                tallies[box.device.removeprefix("crane-")].add(truth, cycles[device], offset, length)
    return tallies


def measure(seeds: Sequence[int] = SEEDS, hours: float = 4.0) -> dict[str, Any]:
    """All figures."""
    return {
        "seeds": list(seeds),
        "hours": hours,
        **{
            name: {rate: tally.summary() for rate, tally in tallied(shift, seeds, hours).items()}
            for name, shift in SHIFTS.items()
        },
    }
