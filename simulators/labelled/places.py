"""Where the crane goes: limits driven into by routine, passed, and not seen; motion while climbing."""

from simulators.faults import Window
from simulators.labelled.boxes import Box, Recording, all_rates
from simulators.labelled.case import case
from simulators.labelled.faults import Blind
from simulators.labelled.plant import CRANE, Act, Stage, danger, run, site, spans
from simulators.scenario import SetMode
from telemetry.kinds import LIMIT_BITS
from telemetry.model import Mode

HOOK_UP = (1 << LIMIT_BITS.index("hook_up_limit")) | (1 << LIMIT_BITS.index("hook_up_slow"))


def _to(at: float, **where: float) -> Act:
    """Drive somewhere without a load, at the speed of an empty hook."""

    def do(stage: Stage) -> None:
        stage.crane.hook.top_speed = stage.crane.site.model.motions.hoist_empty_mps / 2
        stage.crane.move(**where)

    return Act(at, do)


def _into_limits(first: float, every: float, times: int) -> list[Act]:
    top, jib, near = site().cranes[0].hook_max_m, site().cranes[0].model.jib_m, site().cranes[0].model.radius_min_m
    acts = []
    for k in range(times):
        at = first + every * k
        acts += [_to(at, hook_m=top - 0.6), _to(at + 90, radius_m=jib - 0.15), _to(at + 180, hook_m=15.0),
                 _to(at + 260, radius_m=near + 0.1)]  # fmt: skip
    return acts


@case("limits-by-routine", "limits", "例行触碰限位", "limits driven into by routine", harmless=True)
def limits_by_routine(seed: int) -> Recording:
    """Up into the hook's limit, out to the jib's end, in to the mast: eight times an hour, and it stops each time."""
    boxes = [Box("crane-10hz", 0.1, fold=4), *all_rates()[1:]]
    return run(seed, 3600.0, acts=_into_limits(60.0, 440.0, 8), boxes=boxes).with_truth()


@case("limit-passed", "limits", "吊钩越过上限位", "the hook goes on beyond its upper limit")
def limit_passed(seed: int) -> Recording:
    """The upper limit closes and the hook goes on, 1.5 m beyond where it stopped before."""
    top = site().cranes[0].hook_max_m
    acts = [*_into_limits(60.0, 440.0, 2), _to(1000.0, hook_m=top + 0.9)]
    done = run(seed, 1300.0, acts=acts)
    late = [s for s in spans(done.seen["t"], done.seen["hook_m"] > top - 0.3) if s[1] > 1000]
    return done.with_truth([danger("limit passed", {"limit_passed"}, late[0][0], late[0][1], min_hz=1.0)])


@case("limit-switch-failed", "limits", "上限位开关失效", "a limit switch that no longer closes")
def limit_switch_failed(seed: int) -> Recording:
    """Three times the hook's upper limit is seen; then the switch is broken and the hook goes to the same place."""
    gone = 1400.0
    boxes = [Box(b.device, b.interval_s, (lambda: Blind(Window(gone), "limits", HOOK_UP),)) for b in all_rates()]
    done = run(seed, 2400.0, acts=_into_limits(60.0, 440.0, 5), boxes=boxes)
    top = site().cranes[0].hook_max_m
    there = [s for s in spans(done.seen["t"], done.seen["hook_m"] > top - 0.8) if s[0] > gone]
    rules = {"limit_unseen", "limit_passed"}
    return done.with_truth([danger("limit not seen", rules, there[0][0], 2390.0, life_safety=False)])


@case("climbing-motion", "limits", "顶升时回转与变幅", "slew and trolley motion while climbing")
def climbing_motion(seed: int) -> Recording:
    """The mast stands on its climbing frame: the jib is turned by thirty degrees, then the trolley runs out."""
    climbing = SetMode(at=0.0, devices=[CRANE], mode=Mode.CLIMBING)
    done = run(seed, 900.0, [climbing], acts=[_to(300.0, slew_deg=30.0), _to(600.0, radius_m=32.0)])
    t, slew, radius = done.seen["t"], done.seen["slew_deg"], done.seen["radius_m"]
    turn = next(iter(spans(t, (slew > 0.3) & (slew < 29.9))))
    run_out = next(iter(spans(t, (radius > radius[0] + 0.3) & (radius < 31.9))))
    return done.with_truth([
        # A jib that stands off its line on a climbing frame stays dangerous when it stops.
        danger("slewed while climbing", {"climb_motion"}, turn[0], turn[1] + 120.0, min_hz=0.2),
        danger("trolley moved while climbing", {"climb_motion", "climb_unbalanced"}, run_out[0], run_out[1] + 120.0,
               min_hz=0.2),
    ])  # fmt: skip
