"""Weather: gust fronts, a squall, a jib that follows the wind and one that cannot."""

import numpy as np

from simulators.labelled.boxes import Box, Recording, all_rates
from simulators.labelled.case import case
from simulators.labelled.plant import CRANE, WIND_LIMIT, Run, danger, gust, run, spans
from simulators.labelled.truth import Event
from simulators.scenario import AnyEvent, GustFront, SetMode, Squall, Work
from telemetry.model import Mode

STORM = 20.0  # the makers' in-service limit (domain reference 1.6)
FOLDED = (Box("crane-10hz", 0.1, fold=4), *all_rates()[1:])
CLIMB = 9.0  # GB 55034-2022 3.4.7


def _windy(done: Run, limit: float, beyond: float | None, what: str) -> Event:
    """From the first gust at the limit to the last; `beyond` is the speed at which nothing helps any more."""
    wind = gust(done.seen["t"], done.seen["wind_mps"])
    onset, end = max(spans(done.seen["t"], wind >= limit, 600.0), key=lambda span: span[1] - span[0])
    over = np.flatnonzero(wind >= beyond) if beyond is not None else np.array([], np.int64)
    worst = float(done.seen["t"][over[0]]) if len(over) else None
    return danger(what, {"wind", "storm"}, onset, end, limit_s=worst, late_s=60.0)


@case("gusty-hour", "wind", "阵风，但不到限值", "gust fronts below the limit", harmless=True)
def gusty_hour(seed: int) -> Recording:
    """Every ten minutes the mean rises by 2.5 m/s for two minutes: unpleasant, and below what stops the work."""
    events: list[AnyEvent] = [
        Work(at=10.0, devices=[CRANE]),
        GustFront(at=300.0, rise_mps=2.5, repeat_s=600.0, hold_s=90.0),
    ]
    return run(seed, 3600.0, events, boxes=FOLDED, wind_mps=4.0).with_truth()


@case("gust-front", "wind", "阵风锋，平均升至 13 m/s", "a gust front: the mean rises to 13 m/s")
def gust_front(seed: int) -> Recording:
    """Within half a minute the mean wind goes from 5 to 13 m/s and stays for four minutes."""
    events: list[AnyEvent] = [Work(at=10.0, devices=[CRANE]), GustFront(at=500.0, rise_mps=8.0, hold_s=240.0)]
    done = run(seed, 1500.0, events, wind_mps=5.0)
    return done.with_truth([_windy(done, WIND_LIMIT, None, "wind over the limit")])


@case("squall", "wind", "飑线，阵风至 28 m/s", "a squall with gusts to 28 m/s")
def squall(seed: int) -> Recording:
    """Fourteen metres a second more within four minutes; the in-service limit of the maker is passed on the way."""
    events: list[AnyEvent] = [Work(at=10.0, devices=[CRANE]), Squall(at=600.0, rise_mps=14.0, ramp_s=240.0)]
    done = run(seed, 1800.0, events, wind_mps=6.0)
    return done.with_truth([_windy(done, WIND_LIMIT, STORM, "squall")])


@case("weathervaning", "wind", "停放时臂架随风回转", "a parked jib that follows the wind", harmless=True)
def weathervaning(seed: int) -> Recording:
    """Parked with the slew brake open: the wind veers by seventy degrees, and the jib turns with it."""
    events: list[AnyEvent] = [SetMode(at=0.0, devices=[CRANE], mode=Mode.PARKED),
              GustFront(at=900.0, rise_mps=6.0, ramp_s=300.0, hold_s=1200.0, fall_s=300.0, veer_deg=70.0)]  # fmt: skip
    return run(seed, 3600.0, events, boxes=FOLDED, wind_mps=7.0, free=True).with_truth()


@case("not-weathervaning", "wind", "停放时回转被锁，臂架不随风", "a parked jib that is held against the wind")
def not_weathervaning(seed: int) -> Recording:
    """The same wind, and the slew brake is locked: the jib stands across it."""
    events: list[AnyEvent] = [SetMode(at=0.0, devices=[CRANE], mode=Mode.PARKED),
              GustFront(at=300.0, rise_mps=6.0, ramp_s=300.0, hold_s=1800.0, fall_s=300.0, veer_deg=70.0)]  # fmt: skip
    done = run(seed, 2600.0, events, wind_mps=8.0)
    # Half of the veer is there at half the ramp; a jib needs minutes of it before standing still means anything.
    return done.with_truth([danger("jib held in wind", {"not_weathervaning"}, 450.0, 2400.0)])


@case("climbing-wind", "wind", "顶升时风速超过 9 m/s", "wind above 9 m/s while climbing")
def climbing_wind(seed: int) -> Recording:
    """The mast is being raised; a front takes the mean from 4 to 9.5 m/s."""
    events: list[AnyEvent] = [
        SetMode(at=0.0, devices=[CRANE], mode=Mode.CLIMBING),
        GustFront(at=600.0, rise_mps=5.5, hold_s=300.0),
    ]
    done = run(seed, 1500.0, events, wind_mps=4.0)
    event = _windy(done, CLIMB, None, "wind while climbing")
    return done.with_truth([event])
