"""
How an alarm goes up a ladder.

Rule 1: pure. News come in with the record's time, timers go out as `due` and `render_due`.
Rule 2: an acknowledgement at the desk ends it, and so does a person who shelves or disables it. The cab's silence is no
transition, and ends nothing. What is about people's lives goes on although its condition has gone.
Rule 3: what was raised is told, however short it was, unless a person had it before anybody was told.
Rule 4: nobody on duty delays nobody: the next step is taken at once, and is told so.
Rule 5: only what the desk is asked goes up; a cab's own alarm does when no terminal has rendered it, and a cab's
pre-warning never.
"""

from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Final

from telemetry import ladder
from telemetry.escalation import News, Outcome, Run, Taken
from telemetry.ladder import Contact, Ladder, Plan, Step, Urgency
from telemetry.model import Severity, Signal, State

GATHER_S: Final = 1.5  # the analyzer says within a second and a half who speaks for whom; a push is due within 3 s
AGAIN_S: Final = 300.0  # what comes back later than this, and nobody has acknowledged, is told like something new
LOOK_S: Final = 5.0  # how soon an alarm that another one speaks for is looked at again

_RAISING: Final = frozenset({Signal.RAISE, Signal.ESCALATE, Signal.UNSUPPRESS, Signal.RE_ALARM})
_ENDS: Final[dict[State, str]] = {
    State.NORMAL: "over", State.ACKNOWLEDGED: "acknowledged", State.LATCHED_ACKNOWLEDGED: "acknowledged",
    State.SHELVED: "shelved", State.SUPPRESSED: "suppressed", State.DISABLED: "disabled",
}  # fmt: skip
_WORSE: Final = [Urgency.SUPERVISED, Urgency.ALARM, Urgency.LIFE_SAFETY]


def heard(
    run: Run | None, news: News, plan: Plan, *, cab: bool, gather_s: float = GATHER_S
) -> tuple[Run | None, Run | None]:
    """
    What follows from a transition: the run that was open (None without one) as it is now, and a new one.

    `cab`: a terminal is expected at this device, and the alarm sounds there. `gather_s`: how long (seconds) the first
    step waits for whoever may speak for it.
    """
    one = news.transition
    if one.signal in _RAISING and (one.state is State.UNACKNOWLEDGED or (cab and one.severity >= Severity.ALARM)):
        if run is None:
            return None, _begin(news, plan, gather_s, cab=cab)
        if _again(run, news):
            return _end(run, news.recorded_at, "again"), _begin(news, plan, gather_s, cab=cab)
        return _go_on(run, news, plan, gather_s, cab=cab), None
    if run is None:
        return None, None
    ended = _ENDS.get(one.state)
    if ended is not None and (run.attended or one.signal not in _RAISING):
        # An acknowledgement is one: a state that it passes on the way back to normal is no other end.
        by = "acknowledged" if one.signal is Signal.ACKNOWLEDGE else ended
        return _end(run, news.recorded_at, by), None
    if one.signal is Signal.CLEAR:
        return _gone(run), None
    return run, None


def _begin(news: News, plan: Plan, gather_s: float, *, cab: bool) -> Run:
    one, at = news.transition, news.recorded_at
    attended = one.state is State.UNACKNOWLEDGED
    run = Run(
        cause=one.id, site=one.site, device_id=news.device_id, rule=one.rule, severity=one.severity,
        urgency=ladder.urgency(one.severity, life_safety=one.life_safety), transition=one.id, position=news.position,
        attended=attended, began=at, render_due=_after(at, plan.terminal_s) if _renders(news, cab) else None,
    )  # fmt: skip
    return replace(run, due=_due(run, plan, gather_s) if attended else None)


def _renders(news: News, cab: bool) -> bool:
    return cab and news.transition.severity >= Severity.ALARM


def _again(run: Run, news: News) -> bool:
    """Whether it was told so long ago that people must take it for something else."""
    came_back = news.transition.previous in (State.RETURNED, State.LATCHED_UNACKNOWLEDGED)
    return came_back and news.recorded_at - (run.told or run.began) >= timedelta(seconds=AGAIN_S)


def _go_on(run: Run, news: News, plan: Plan, gather_s: float, *, cab: bool) -> Run:
    one, at = news.transition, news.recorded_at
    urgency = ladder.urgency(one.severity, life_safety=one.life_safety)
    attended = one.state is State.UNACKNOWLEDGED
    worse = one.severity > run.severity or _WORSE.index(urgency) > _WORSE.index(run.urgency)
    run = replace(run, transition=one.id, active=True, severity=max(one.severity, run.severity))
    if _WORSE.index(urgency) > _WORSE.index(run.urgency):
        run = replace(run, urgency=urgency)
    if worse or (attended and not run.attended):
        run = replace(run, turn=run.turn + 1, step=0, began=at, attended=attended or run.attended, unseen=False)
        render_due = _after(at, plan.terminal_s) if _renders(news, cab) else None
        return replace(run, due=_due(run, plan, gather_s) if run.attended else None, render_due=render_due)
    return replace(run, due=run.due or _due(run, plan, gather_s)) if run.attended else run


def _gone(run: Run) -> Run:
    run = replace(run, active=False)
    if run.spoken:
        return replace(run, due=None)  # people were told of it with others, while it was there
    if run.urgency is Urgency.LIFE_SAFETY or run.step == 0:
        return run
    return replace(run, due=None)  # no further step, until it comes back


def _end(run: Run, at: datetime, by: str) -> Run:
    return replace(run, ended=at, ended_by=by, due=None, render_due=None)


def lost(site: str, since: datetime, at: datetime, plan: Plan) -> Run:
    """A site whose analyzer has not been heard since then."""
    run = Run(
        cause=f"monitoring:{site}:{round(since.timestamp() * 1000)}", site=site, device_id=None, rule="monitoring",
        urgency=Urgency.LIFE_SAFETY, severity=Severity.ALARM, began=at,
    )  # fmt: skip
    return replace(run, due=_due(run, plan, 0))


def back(run: Run, at: datetime) -> Run:
    """The analyzer is heard again."""
    return _end(replace(run, active=False), at, "back")


def summarised(run: Run) -> tuple[Run, Taken]:
    """An old alarm is told with others, once, and goes no further."""
    taken = Taken(run.turn, run.step, "summary", (), Outcome.SUMMARISED)
    return replace(run, step=run.step + 1, due=None, render_due=None, told=run.began), taken


def looked(run: Run, at: datetime, *, rendered: bool) -> Run:
    """The time for rendering it is over: whether a terminal had."""
    run = replace(run, render_due=None)
    if rendered:
        return run if run.attended else _end(run, at, "rendered")
    run = replace(run, unseen=True)
    if not run.attended:
        return replace(run, due=at)
    return replace(run, due=at) if run.due is not None else run


Told = Callable[[Step], Sequence[Contact]]


def take(
    run: Run, at: datetime, plan: Plan, told: Told, *, spoken_for: bool = False
) -> tuple[Run, list[Step], list[Taken]]:
    """
    The steps that are due at `at`: the run behind them, those that have somebody, and what became of each.

    `told` says whom a step means now; `spoken_for`: another alarm is told instead of this one.
    """
    if run.due is None or run.due > at:
        return run, [], []
    if spoken_for:
        taken = Taken(run.turn, run.step, "", (), Outcome.SPOKEN_FOR)
        return replace(run, due=at + timedelta(seconds=LOOK_S), spoken=True), [], [taken]
    rungs = plan.ladder(run.urgency)
    steps: list[Step] = []
    took: list[Taken] = []
    while run.due is not None and run.due <= at:
        anybody = False
        for step in rungs.at(run.step):
            found = tuple(contact.contact for contact in told(step))
            took.append(Taken(run.turn, run.step, step.who, found, Outcome.TOLD if found else Outcome.NOBODY))
            if found:
                anybody = True
                steps.append(step)
        run = replace(run, step=run.step + 1)
        if anybody:
            run = replace(run, told=at, due=_next(run, rungs, at))
        else:
            run = replace(run, nobody=True, due=at if rungs.due_s(run.step) is not None else None)
    if steps:
        run = replace(run, nobody=False, spoken=False)
    return run, steps, took


def _next(run: Run, rungs: Ladder, at: datetime) -> datetime | None:
    if not run.active and run.urgency is not Urgency.LIFE_SAFETY:
        return None
    seconds = rungs.due_s(run.step)
    # What was taken early, because a terminal was dark or nobody was there, moves nothing that comes after it.
    return _after(run.began, seconds) if seconds is not None else None


def _due(run: Run, plan: Plan, gather_s: float) -> datetime | None:
    """When the step that a run stands before is due; the first one waits for whoever speaks for it."""
    seconds = plan.ladder(run.urgency).due_s(run.step)
    if seconds is None:
        return None
    return _after(run.began, max(seconds, gather_s) if run.step == 0 else seconds)


def _after(at: datetime, seconds: float) -> datetime:
    return at + timedelta(seconds=seconds)
