"""What goes wrong between the machine and the message: sensors, clocks, links, keys."""

from collections.abc import Callable

from simulators.faults import ClockStep, Drift, Dropout, Fault, Spike, Stuck, Window
from simulators.labelled.boxes import RATES, Box, Recording, all_rates
from simulators.labelled.case import case
from simulators.labelled.faults import Says, Scale, WholeSeconds
from simulators.labelled.lifting import lift, overloads
from simulators.labelled.plant import CRANE, Run, danger, run, spans
from simulators.labelled.truth import Event, Truth
from simulators.scenario import AnyEvent, Power, SetMode, Work
from telemetry.model import Mode

HOUR = 3600.0
SLOWER = RATES[1:]


def _with(*made: Callable[[], Fault], rates: tuple[tuple[str, float], ...] = RATES) -> list[Box]:
    return [Box(f"crane-{name}", interval, made) for name, interval in rates]


def _beside(*made: Callable[[], Fault]) -> list[Box]:
    """Three sound boxes and a faulty one of each slower rate: a site with neighbours."""
    sound = [Box(f"sound-{name}", interval) for name, interval in SLOWER]
    return [*sound, *_with(*made, rates=SLOWER)]


def _work(*, brisk: bool = False) -> AnyEvent:
    return Work(at=10.0, devices=[CRANE], attach_s=(20, 40) if brisk else (60, 120),
                position_s=(20, 40) if brisk else (60, 180))  # fmt: skip


def _only(recording: Recording, prefix: str) -> Recording:
    """The labels of the faulty boxes only."""
    truth = recording.truth
    events = tuple(event for event in truth.events if event.device.startswith(prefix))
    return Recording(recording.traces, Truth(events, truth.allowances), recording.duration_s)


@case("load-stuck", "health", "起重量传感器卡死", "a load cell that repeats its last value")
def load_stuck(seed: int) -> Recording:
    """The crane works, and after twelve minutes its load cell says the same for twenty."""
    done = run(seed, 2000.0, [_work(brisk=True)], boxes=_with(lambda: Stuck(Window(700, 1200), "load_t")))
    rules = {"stuck", "contradiction", "sensor", "load_reads_low"}
    return done.with_truth([danger("load cell stuck", rules, 700.0, 1900.0, life_safety=False)])


@case("hook-stuck", "health", "吊钩高度编码器卡死", "a hook encoder that repeats its last value")
def hook_stuck(seed: int) -> Recording:
    """The same of the hook's height: load comes and goes, and the hook has not moved."""
    done = run(seed, 2000.0, [_work(brisk=True)], boxes=_with(lambda: Stuck(Window(700, 1200), "hook_m")))
    rules = {"stuck", "contradiction", "sensor"}
    return done.with_truth([danger("hook encoder stuck", rules, 700.0, 1900.0, life_safety=False)])


@case("wind-stuck-calm", "health", "风速仪卡死在 0", "an anemometer stuck at zero beside others that turn")
def wind_stuck(seed: int) -> Recording:
    """The cups are frozen: 0.0 m/s, while the neighbours read a mean of 7."""
    done = run(seed, 1.5 * HOUR, [_work()], boxes=_beside(lambda: Scale(Window(900), "wind_mps", 0.0)), wind_mps=7.0)
    rules = {"stuck", "wind_reads_low", "sensor"}
    return _only(done.with_truth([danger("anemometer stuck", rules, 900.0, 1.5 * HOUR, life_safety=False)]), "crane")


@case("wind-reads-low", "health", "风速仪读数偏低", "an anemometer in the lee: 40 % of the truth")
def wind_reads_low(seed: int) -> Recording:
    """Its cups stand in the lee of the mast, at a mean of 8 m/s: 40 % of what the neighbours read, for two hours."""
    done = run(seed, 2 * HOUR, [_work()], boxes=_beside(lambda: Scale(Window(0), "wind_mps", 0.4)), wind_mps=8.0)
    rules = {"wind_reads_low"}
    # Half an hour of it makes it low (product review 2.2).
    return _only(done.with_truth([danger("wind reads low", rules, 1800.0, 2 * HOUR, life_safety=False)]), "crane")


@case("load-drifts", "health", "起重量零点漂移", "a load cell whose zero walks down")
def load_drifts(seed: int) -> Recording:
    """Its zero walks by 0.4 t an hour downwards: after an hour every lift is shown half a tonne too light."""
    boxes = _with(lambda: Drift(Window(1200), "load_t", -0.4), rates=SLOWER)
    done = run(seed, 2.5 * HOUR, [_work(brisk=True)], boxes=boxes)
    rules = {"load_reads_low", "contradiction", "sensor"}
    # 2 % of the largest rated load is 0.16 t: from then on it is wrong (product review 2.2).
    return done.with_truth([danger("zero walks", rules, 1200 + 0.16 / 0.4 * HOUR, 2.5 * HOUR, life_safety=False)])


@case("load-reads-low", "health", "起重量读数偏低（传感器被垫）", "a shimmed load cell: 60 % of the truth")
def load_reads_low(seed: int) -> Recording:
    """After an hour of honest lifts the cell is shimmed: the mast leans as before, the load reads 60 %."""
    boxes = _with(lambda: Scale(Window(HOUR), "load_t", 0.6), rates=SLOWER)
    done = run(seed, 3 * HOUR, [_work(brisk=True)], boxes=boxes)
    lifts = [end for _, end in spans(done.seen["t"], done.seen["load_t"] > 1.0, 5.0) if end > HOUR]
    if len(lifts) < 8:
        raise ValueError("too few lifts to show it")
    return done.with_truth([danger("load reads low", {"load_reads_low", "contradiction"}, lifts[4], 3 * HOUR)])


@case("loose-contact", "health", "接触不良，载荷跳变", "a loose contact: the load jumps by three tonnes")
def loose_contact(seed: int) -> Recording:
    """One sample in thirty of the load cell is three tonnes too high, for ten minutes, with an empty hook."""
    boxes = _with(lambda: Spike(Window(300, 600), "load_t", 3.0, 1 / 30, seed))
    done = run(seed, 1000.0, [SetMode(at=0, devices=[CRANE], mode=Mode.WORKING)], boxes=boxes)
    rules = {"implausible_step", "sensor", "contradiction"}
    return done.with_truth([danger("loose contact", rules, 300.0, 900.0, life_safety=False)])


@case("gaps", "health", "短时丢包与三分钟断链", "frames lost, and a link lost for three minutes")
def gaps(seed: int) -> Recording:
    """Three gaps of a few seconds, which are nobody's business, and one of three minutes during work."""
    cut = (Window(200, 2.0), Window(420, 3.5), Window(560, 2.5), Window(700, 180))
    boxes = [Box(b.device, b.interval_s, cut=cut) for b in all_rates()]
    done = run(seed, 1200.0, [_work()], boxes=boxes)
    return done.with_truth([danger("silent", {"silence", "gap"}, 700.0, 900.0, life_safety=False)])


@case("clock-steps-back", "health", "超载中时钟回拨 5 分钟", "the clock is set back five minutes in an overload")
def clock_steps_back(seed: int) -> Recording:
    """The box's clock is corrected by minus five minutes just before an overload begins; nobody may go mute."""
    plain = run(seed, 600.0, [lift(200, 108, 35, hold_s=90.0)])
    first = overloads(plain)[0].onset_s
    # Most clocks of a site are right, or it would be ours that is wrong.
    sound = [Box(f"sound-{k}", 5.0) for k in range(6)]
    boxes = [*_with(lambda: ClockStep(Window(first + 2.0), -300.0)), *sound]
    done = run(seed, 600.0, [lift(200, 108, 35, hold_s=90.0)], boxes=boxes)
    step = danger("clock set back", {"clock"}, first + 2.0, 600.0, life_safety=False)
    truth = done.with_truth([*overloads(done), step])
    # The sound ones see the same overload; only their clocks have no event.
    kept = [event for event in truth.truth.events if event.what != step.what or event.device.startswith("crane")]
    return Recording(truth.traces, Truth(tuple(kept), truth.truth.allowances), truth.duration_s)


@case("whole-second-clock", "health", "10 Hz 整秒时钟", "a clock of whole seconds at 10 Hz, and an overload")
def whole_second_clock(seed: int) -> Recording:
    """Ten samples share every time stamp; a legal lift, and one at 107 % that the limiter cuts."""
    boxes = [Box("crane-10hz", 0.1, (WholeSeconds,)), Box("crane-1hz", 1.0, (WholeSeconds,))]
    done = run(seed, 700.0, [lift(5, 95, 30), lift(300, 107, 35, hold_s=40.0)], boxes=boxes)
    return done.with_truth(overloads(done))


def _overload_and(seed: int, after_s: float, fault: Callable[[float], Fault]) -> tuple[Run, float, list[Event]]:
    """An overload with the limiter bridged; the fault begins `after_s` into it. Gives the run, its time, the labels."""
    plan = [lift(100, 109, 32, hold_s=150.0)]
    began = overloads(run(seed, 500.0, plan))[0].onset_s
    done = run(seed, 500.0, plan, boxes=_with(lambda: fault(began + after_s)))
    return done, began + after_s, overloads(done)


@case("mode-changes-in-alarm", "health", "报警中切换工况", "the mode is changed while an alarm is active")
def mode_changes(seed: int) -> Recording:
    """A minute into an overload the key is turned to *parked*: the load still hangs there."""
    done, at, events = _overload_and(seed, 70.0, lambda at: Says(Window(at), "mode", "parked"))
    end = events[0].end_s
    return done.with_truth([*events, danger("mode against load", {"mode_contradicted"}, at, end, life_safety=False)])


@case("sensor-invalid-in-alarm", "health", "报警中传感器失效", "the load cell goes invalid while an alarm is active")
def sensor_invalid(seed: int) -> Recording:
    """A minute into an overload the box says that its load cell is bad."""
    done, at, events = _overload_and(seed, 70.0, lambda at: Dropout(Window(at), "load_t"))
    return done.with_truth([*events, danger("load invalid under load", {"sensor"}, at, 500.0, life_safety=False)])


@case("mains-off-at-night", "health", "夜间断电（有断电预告）", "mains off at night, announced", harmless=True)
def mains_off(seed: int) -> Recording:
    """Parked, then the site's mains are switched off for eight hours: the box says so, and dies on its battery."""
    events: list[AnyEvent] = [SetMode(at=0.0, devices=[CRANE], mode=Mode.PARKED),
              Power(at=1800.0, devices=[CRANE], for_s=8 * HOUR, dies_after_s=900.0)]  # fmt: skip
    return run(seed, 9 * HOUR, events, boxes=_with(rates=SLOWER)).with_truth()


@case("box-off-in-working-hours", "health", "同伴作业时黑匣子断电", "a box goes dark while its neighbours work")
def box_off(seed: int) -> Recording:
    """Without a word a box goes silent for half an hour; the others on the site go on lifting."""
    sound = [Box(f"sound-{name}", interval) for name, interval in SLOWER]
    dark = [Box(f"crane-{name}", interval, cut=(Window(1200, 1800),)) for name, interval in SLOWER]
    done = run(seed, HOUR, [_work(brisk=True)], boxes=[*sound, *dark])
    rules = {"off_while_others_work", "silence"}
    return _only(done.with_truth([danger("switched off", rules, 1200.0, 3000.0, life_safety=False)]), "crane")


@case("parameters-changed", "health", "黑匣子参数被改", "the box's parameters were changed")
def parameters_changed(seed: int) -> Recording:
    """After five minutes the box declares another hash of chart, reeving and calibration."""
    boxes = [Box(b.device, b.interval_s, params=((0.0, "approved"), (300.0, "somebody-else"))) for b in all_rates()]
    done = run(seed, 700.0, [_work()], boxes=boxes)
    changed = danger("parameters", {"parameters"}, 300.0, 700.0, life_safety=False, lasting=True)
    return done.with_truth([changed])
