"""Lifts that go wrong: overload in its forms, a caught hook, a lost load, a brake that slips."""

from simulators.crane import Crane, Phase, Place
from simulators.faults import Window
from simulators.labelled.boxes import Box, Recording, all_rates
from simulators.labelled.case import case
from simulators.labelled.faults import Says
from simulators.labelled.plant import CRANE, LIFT_T, Act, Run, Stage, danger, order, run, spans, whole
from simulators.labelled.truth import Event
from simulators.scenario import AnyEvent, Bypass, LiftEvent, Operator, Power, Snag
from telemetry.wire.payloads import Zone

OVERLOAD = {"load", "moment"}


def lift(at: float, percent: float, radius_m: float, **more: object) -> AnyEvent:
    """A lift of the crane."""
    fields = {"attach_s": 5.0, "position_s": 20.0, "dynamic": 0.05, **more}
    return LiftEvent(at=at, devices=[CRANE], percent=percent, radius_m=radius_m, **fields)  # type: ignore[arg-type]  # keyword by keyword


def overloads(run_: Run, least_s: float = 1.0) -> list[Event]:
    """Every time that the rope carried more than the rated load for longer than a pick-up rings."""
    t, ratio = run_.seen["t"], run_.seen["ratio"]
    found = []
    for onset, end in spans(t, ratio > 1.0, 1.0, least_s):
        # It comes within a second at the ground, and slowly when the trolley goes out: the warning's time is from 90 %.
        near = [s for s in spans(t, ratio >= 0.9, 0.5) if s[0] <= onset <= s[1]]
        slow = near and onset - near[0][0] > 1.5
        first = near[0][0] if slow else onset
        found.append(danger("overload", OVERLOAD, first, end, limit_s=onset if slow else None))
    if not found:
        raise ValueError("nothing was overloaded")
    return found


def hanging(crane: Crane) -> bool:
    """Whether a load is in the air, well above the ground."""
    return crane.phase is Phase.TRAVEL and crane.load_t > LIFT_T and crane.hook.position > 8.0


@case("overload-cut", "lift", "超载起吊，限制器切断", "an overload at the pick, cut by the limiter")
def overload_cut(seed: int) -> Recording:
    """A legal lift, then 106 %: the limiter cuts, the operator waits half a minute and sets it down."""
    done = run(seed, 600.0, [lift(5, 94, 30), lift(240, 106, 35, hold_s=70.0)])
    return done.with_truth(overloads(done))


@case("overload-trolley-out", "lift", "变幅外移缓慢超载", "a slow overload by trolleying out")
def overload_trolley_out(seed: int) -> Recording:
    """Picked up at 22 m, trolleyed out towards 45 m, where it would be 112 %: cut on the way, and held there."""
    done = run(seed, 600.0, [lift(60, 112, 22, out_to_m=45.0, to_slew_deg=40.0, hold_s=80.0)])
    return done.with_truth(overloads(done))


@case("overload-bypass", "lift", "旁路钥匙下超载 118 %", "118 % with the limiter bridged by its key")
def overload_bypass(seed: int) -> Recording:
    """The key bridges the limiter and 118 % leaves the ground."""
    done = run(seed, 700.0, [Bypass(at=120, devices=[CRANE], for_s=420), lift(150, 118, 30, position_s=60.0)])
    key = danger("the limiter's key is turned", {"bypass"}, 120.0, 540.0, life_safety=False)
    return done.with_truth([*overloads(done), key])


@case("cut-out-ignored", "lift", "限制器已动作仍继续起升", "the limiter cuts and the crane hoists on")
def cut_out_ignored(seed: int) -> Recording:
    """The limiter's contact is welded: it says cut at 107 %, and the load goes up all the same."""
    weld = Act(0.0, lambda stage: setattr(stage.crane, "welded", True))
    done = run(seed, 600.0, [lift(120, 107, 32, position_s=60.0)], acts=[weld])
    seen = done.seen
    start, end = whole(done, seen["cut"] > 0)
    rules = {"cutout_ignored"}
    return done.with_truth([*overloads(done), danger("cut-out not obeyed", rules, start, end, min_hz=0.2)])


@case("snag", "lift", "挂钩卡住，1 秒内升至 125 %", "a caught hook: 125 % within a second")
def snag(seed: int) -> Recording:
    """The empty hook catches: nothing moves, and the rope carries 125 % of the rated load within a second."""
    done = run(seed, 300.0, [Snag(at=150, devices=[CRANE], percent=125, for_s=5.0), lift(5, 60, 30)])
    start, end = _snagged(done)
    return done.with_truth([danger("snag", {"snag", *OVERLOAD}, start, end, min_hz=5.0)])


def _snagged(done: Run) -> tuple[float, float]:
    return next(s for s in spans(done.seen["t"], done.seen["ratio"] > 1.0, 0.5) if s[1] > 140)


@case("load-lost", "lift", "吊索断裂，载荷丢失", "a sling fails with a load in the air")
def load_lost(seed: int) -> Recording:
    """The sling fails while the load is swung: the rope is slack within a step."""
    acts = [Act(30.0, _lose, hanging)]
    done = run(seed, 300.0, [lift(5, 70, 25, to_slew_deg=150.0)], acts=acts)
    at = done.marks["lost"]
    return done.with_truth([danger("load lost", {"load_lost"}, at, at + 20.0, min_hz=5.0, lasting=True)])


def _lose(stage: Stage) -> None:
    stage.mark("lost")
    stage.crane.lose_load()


@case("hook-runaway", "lift", "溜钩", "a hoist brake slips with a load")
def hook_runaway(seed: int) -> Recording:
    """The brake slips for twelve seconds or to the ground: the load goes down at twice the hoist's speed and more."""
    acts = [
        order(5.0, 75, Place(40.0, 25.0, 1.5), Place(170.0, 25.0, 35.0)),
        Act(6.0, _slip, lambda crane: crane.phase is Phase.TRAVEL and crane.hook.position > 25.0),
    ]
    done = run(seed, 400.0, acts=acts)
    at = done.marks["slip"]
    falling = [s for s in spans(done.seen["t"], done.seen["hook_m"] > 0.6) if s[0] <= at <= s[1]]
    return done.with_truth([danger("runaway hook", {"hook_runaway"}, at, min(falling[0][1], at + 12.0), min_hz=1.0)])


def _slip(stage: Stage) -> None:
    stage.mark("slip")
    stage.crane.run_away(12.0)


@case("load-left-hanging", "lift", "载荷悬停无人看管", "a load left hanging")
def load_left_hanging(seed: int) -> Recording:
    """A load hangs still for twenty-five minutes, as over a lunch break."""
    done = run(seed, 1700.0, [lift(5, 60, 25, to_slew_deg=60.0, position_s=1400.0)])
    start, end = whole(done, done.seen["load_t"] > LIFT_T, 30.0)
    onset = start + 15 * 60  # nobody calls a pause shorter than that abandoned
    return done.with_truth([danger("load left hanging", {"load_left_hanging"}, onset, end, life_safety=False)])


@case("power-lost-loaded", "lift", "带载断电", "the mains fail with a load on the hook")
def power_lost_loaded(seed: int) -> Recording:
    """The mains fail while a load is swung; the box announces it on its battery."""
    acts = [Act(30.0, _unplug, hanging)]
    done = run(seed, 500.0, [lift(5, 70, 25, to_slew_deg=150.0)], acts=acts)
    at = done.marks["off"]
    return done.with_truth([danger("power lost with a load", {"power", "power_lost"}, at, at + 120.0)])


def _unplug(stage: Stage) -> None:
    stage.mark("off")
    crane = stage.crane
    for drive in (crane.hook, crane.slew, crane.trolley):
        drive.halt()
        drive.top_speed = 1e-9
    stage.station.add(Power(at=stage.station.now + 0.01, devices=[CRANE], for_s=200))


ZONE = Zone(zh="学校", en="school", corners=[(10.0, 10.0), (60.0, 10.0), (60.0, 60.0), (10.0, 60.0)])


@case("load-over-zone", "lift", "载荷越过禁区", "a load swung over a no-go zone")
def load_over_zone(seed: int) -> Recording:
    """The load is swung from -60 to 150 degrees at 30 m and passes over a school in the first quadrant."""
    done = run(seed, 400.0, [lift(5, 70, 30, slew_deg=-60.0, to_slew_deg=150.0, position_s=5.0)], zones=[ZONE])
    seen = done.seen
    over = (seen["load_t"] > LIFT_T) & (seen["slew_deg"] > 20.0) & (seen["slew_deg"] < 70.0)
    start, end = whole(done, over)
    return done.with_truth([danger("a load over a zone", {"zone"}, start, end, min_hz=1.0)])


@case("lift-while-parked", "lift", "停放工况下吊装", "lifts while the mode says parked")
def lift_while_parked(seed: int) -> Recording:
    """The key stands at *parked* and the crane lifts."""
    boxes = [Box(b.device, b.interval_s, (lambda: Says(Window(0.0), "mode", "parked"),)) for b in all_rates()]
    done = run(seed, 900.0, [lift(60, 60, 30, to_slew_deg=120.0, position_s=120.0), lift(500, 50, 20)], boxes=boxes)
    start, _ = spans(done.seen["t"], done.seen["load_t"] > LIFT_T)[0]
    return done.with_truth([danger("lifting against the mode", {"mode_contradicted"}, start, 890.0, life_safety=False)])


@case("nobody-identified", "lift", "无人身份认证作业", "work without an identified operator")
def nobody_identified(seed: int) -> Recording:
    """The operator goes, nobody shows who he is, and the crane works for a quarter of an hour."""
    events = [Operator(at=25.0, devices=[CRANE], operator=""), lift(30, 60, 30), lift(300, 50, 20), lift(560, 50, 35)]
    done = run(seed, 1000.0, events)
    # Three minutes of grace (product review 2.1 no. 9), from the first movement.
    return done.with_truth([danger("unidentified", {"unidentified"}, 30.0, 990.0, life_safety=False)])
