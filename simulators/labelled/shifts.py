"""Shifts of ordinary work: harmless all of them, and difficult for who watches."""

from collections.abc import Callable

import numpy as np

from simulators.crane import Crane, Phase, Place
from simulators.labelled.boxes import Box, Recording
from simulators.labelled.case import case
from simulators.labelled.plant import CRANE, Act, Stage, order, run
from simulators.scenario import AnyEvent, LiftEvent, SetMode, Work
from simulators.station import generator
from telemetry.model import Mode

HOUR = 3600.0
SHIFT = (Box("crane-10hz", 0.1, fold=16), Box("crane-1hz", 1.0, fold=8), Box("crane-5s", 5.0), Box("crane-15s", 15.0))


def lifts(
    random: np.random.Generator, percents: list[float], every_s: float, dynamic: tuple[float, float] | None = None
) -> list[AnyEvent]:
    """Lifts of these percentages of rated load, one every so often, between places drawn at random."""
    return [
        LiftEvent(
            at=20.0 + every_s * k,
            devices=[CRANE],
            percent=percent,
            radius_m=float(random.uniform(12, 40)),
            out_to_m=float(random.uniform(14, 55)) if random.random() < 0.5 else None,
            slew_deg=float(random.uniform(-150, 150)),
            to_slew_deg=float(random.uniform(-150, 150)),
            attach_s=float(random.uniform(30, 60)),
            position_s=float(random.uniform(30, 90)),
            dynamic=float(random.uniform(*dynamic)) if dynamic else None,
        )
        for k, percent in enumerate(percents)
    ]


@case("normal-shift", "lift", "正常班", "an ordinary shift", harmless=True)
def normal_shift(seed: int) -> Recording:
    """Eight hours of lifts at 30-85 %, a tenth of them at 92-97 %, in a light wind."""
    work = Work(at=10.0, devices=[CRANE])
    boxes = (Box("crane-10hz", 0.1, fold=4, until_s=2 * HOUR), *SHIFT[1:])
    return run(seed, 8 * HOUR, [work], boxes=boxes, wind_mps=4.0).with_truth()


@case(
    "heavy-shift",
    "lift",
    "合规重载班：60 吊，40 吊在 92–97 %",
    "a legal heavy shift: 60 lifts, 40 at 92-97 %",
    harmless=True,
)
def heavy_shift(seed: int) -> Recording:
    """Sixty lifts in eight hours, forty of them at 92-97 % of the rated load: legal, and every one of them sounds."""
    random = generator(seed, CRANE, "heavy")
    percents = [*random.uniform(92, 97, 40).tolist(), *random.uniform(30, 85, 20).tolist()]
    random.shuffle(percents)
    return run(seed, 8 * HOUR, lifts(random, percents, 479.0), boxes=SHIFT, wind_mps=3.0).with_truth()


@case("breezy-shift", "wind", "有风班，平均 6.5 m/s", "a breezy shift, mean 6.5 m/s", harmless=True)
def breezy_shift(seed: int) -> Recording:
    """Eight hours of work at a mean of 6.5 m/s at the anemometer: gusts come near the limit."""
    work = Work(at=10.0, devices=[CRANE])
    boxes = (Box("crane-10hz", 0.1, fold=4, until_s=2 * HOUR), *SHIFT[1:])
    return run(seed, 8 * HOUR, [work], boxes=boxes, wind_mps=6.5).with_truth()


@case("hard-pick-ups", "lift", "起吊冲击 1.1–1.3", "pick-ups with a dynamic factor of 1.1-1.3", harmless=True)
def hard_pick_ups(seed: int) -> Recording:
    """Thirty lifts at 85-98 % whose rope force overshoots to 1.1-1.3 of the weight for a moment."""
    random = generator(seed, CRANE, "hard")
    percents = random.uniform(85, 98, 30).tolist()
    boxes = (Box("crane-10hz", 0.1, fold=6), Box("crane-1hz", 1.0, fold=3), *SHIFT[2:])
    return run(seed, 2.5 * HOUR, lifts(random, percents, 290.0, (0.10, 0.30)), boxes=boxes).with_truth()


@case("high-deck", "lift", "高处落钩与料斗放料", "set-downs on a high deck, a skip emptied in the air", harmless=True)
def high_deck(seed: int) -> Recording:
    """Loads set down forty metres up, and concrete skips that lose most of their weight in the air."""
    random = generator(seed, CRANE, "deck")
    acts = []
    for k in range(12):
        slew = float(random.uniform(-150, 150))
        pick = Place(slew, float(random.uniform(15, 35)), 1.5)
        place = Place(slew + float(random.uniform(-100, 100)), float(random.uniform(15, 45)), 42.0)
        acts.append(order(10.0 + 590.0 * k, float(random.uniform(40, 85)), pick, place, position_s=60.0))
        if k % 2:
            acts.append(Act(20.0 + 590.0 * k, _empty(float(random.uniform(6, 15))), _above))
    return run(
        seed, 2 * HOUR, acts=acts, boxes=(Box("crane-10hz", 0.1, fold=4), Box("crane-1hz", 1.0, fold=2), *SHIFT[2:])
    ).with_truth()


def _empty(over_s: float) -> Callable[[Stage], None]:
    return lambda stage: stage.crane.drain(0.25, over_s)


def _above(crane: Crane) -> bool:
    return crane.phase is Phase.POSITION and crane.hook.position > 30.0


@case("parked-night", "health", "夜间停放，全部读数不变，无风", "a night in which nothing changes, calm", harmless=True)
def parked_night(seed: int) -> Recording:
    """Twelve hours parked: load, hook, slew and radius stand still, the cups do not turn."""
    boxes = (Box("crane-10hz", 0.1, until_s=0.5 * HOUR), Box("crane-1hz", 1.0, fold=3, until_s=3 * HOUR), *SHIFT[2:])
    parked = SetMode(at=0.0, devices=[CRANE], mode=Mode.PARKED)
    return run(seed, 12 * HOUR, [parked], boxes=boxes, wind_mps=0.15).with_truth()
