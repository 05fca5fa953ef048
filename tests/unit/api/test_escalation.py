"""An alarm on its way up a ladder, played as a script of what is heard and what time it is."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from api.notify import escalation
from telemetry import ladder
from telemetry.escalation import News, Outcome, Run
from telemetry.ladder import Contact, Ladder, Plan, Step, Urgency
from telemetry.model import Severity, Signal, State
from telemetry.roles import Role
from telemetry.wire.payloads import Cause, Transition

T0 = datetime(2027, 1, 15, 4, 0, tzinfo=UTC)
# What a transition of this signal leads to, when the alarm began normal and the desk is asked.
STATES = {
    "raise": State.UNACKNOWLEDGED, "escalate": State.UNACKNOWLEDGED, "clear": State.RETURNED,
    "acknowledge": State.ACKNOWLEDGED, "shelve": State.SHELVED, "disable": State.DISABLED,
    "suppress": State.SUPPRESSED, "re_alarm": State.UNACKNOWLEDGED,
}  # fmt: skip
PEOPLE = {
    name: ladder.parse(
        Contact,
        {"contact": name, "name": name, "channels": [{"name": "a", "means": "push", "url": "json://x"}],
         **({"role": "site_manager"} if name == "boss" else {})},
        name,
    )
    for name in ("wang", "li", "boss")
}  # fmt: skip


def duty(name: str, role: Role) -> ladder.Duty:
    return ladder.Duty(contact=name, role=role, begin=T0 - timedelta(days=1), end=T0 + timedelta(days=1))


FULL = (duty("wang", Role.SAFETY_OFFICER), duty("li", Role.SIGNALLER))


class Play:
    """One alarm: words like `raise@0` are heard, `tick@30` is time passing, `dark@0` raises where nothing renders."""

    def __init__(self, plan: Plan | None = None, on: tuple[ladder.Duty, ...] = FULL) -> None:
        self.plan = plan or Plan()
        self.on = on
        self.runs: list[Run] = []
        self.said: list[str] = []
        self.rendered = True
        self.spoken_for = False
        self._n = 0

    def run(self) -> Run | None:
        return self.runs[-1] if self.runs and self.runs[-1].ended is None else None

    def play(self, script: str, *, life_safety: bool = True, severity: Severity = Severity.ALARM) -> list[str]:
        for word in script.split():
            name, _, at = word.partition("@")
            now = T0 + timedelta(seconds=float(at))
            match name:
                case "tick":
                    self.tick(now, float(at))
                case "dark":
                    self.rendered = False
                    self.hear("raise", now, life_safety, severity, cab=True)
                case "lit":
                    self.rendered = True
                    self.hear("raise", now, life_safety, severity, cab=True)
                case "worse":
                    self.hear("escalate", now, True, Severity.CRITICAL)
                case _:
                    self.hear(name, now, life_safety, severity)
        return self.said

    def hear(self, signal: str, at: datetime, life_safety: bool, severity: Severity, *, cab: bool = False,
             state: State | None = None) -> None:  # fmt: skip
        self._n += 1
        run = self.run()
        before = State.NORMAL if run is None else State.UNACKNOWLEDGED if run.active else State.RETURNED
        after = state or STATES[signal]
        if signal == "acknowledge" and before is State.RETURNED:
            after = State.NORMAL
        one = Transition(
            id=f"t{self._n}", site="gate", kind="crane", device="c-1", rule="moment", signal=Signal(signal),
            previous=before, state=after, severity=severity, at=0, cause=Cause(), life_safety=life_safety,
        )  # fmt: skip
        old, new = escalation.heard(run, News(self._n, 1, at, one), self.plan, cab=cab)
        if old is not None:
            self.runs[-1] = old
        if new is not None:
            self.runs.append(new)

    def tick(self, now: datetime, at: float) -> None:
        run = self.run()
        if run is None:
            return
        if run.render_due is not None and run.render_due <= now:
            run = escalation.looked(run, now, rendered=self.rendered)
        run, _, taken = escalation.take(
            run, now, self.plan, lambda step: ladder.told(step, PEOPLE, self.on), spoken_for=self.spoken_for
        )
        for one in taken:
            who = "+".join(one.contacts) or str(one.outcome)
            self.said.append(f"{at:g}:{who}{' dark' if run.unseen else ''}")
        self.runs[-1] = run


@pytest.mark.parametrize(
    ("script", "said"),
    [
        # Nobody answers: all of the ladder, then everybody again.
        ("raise@0 tick@1 tick@2 tick@29 tick@31 tick@61 tick@300", ["2:wang", "31:wang+li", "61:boss"]),
        ("raise@0 tick@61 tick@361", ["61:wang", "61:wang+li", "61:boss", "361:wang", "361:wang+li", "361:boss"]),
        # A person has it: nobody else is told, and nothing before that when it was quick.
        ("raise@0 tick@2 acknowledge@20 tick@31 tick@61", ["2:wang"]),
        ("raise@0 acknowledge@1 tick@2 tick@40", []),
        ("raise@0 tick@2 shelve@20 tick@31", ["2:wang"]),
        ("raise@0 tick@2 disable@20 tick@31", ["2:wang"]),
        ("raise@0 tick@2 suppress@20 tick@31", ["2:wang"]),
        # It is over, and nobody has acknowledged it: what is about lives goes on.
        ("raise@0 clear@0 tick@2 tick@31 tick@61", ["2:wang", "31:wang+li", "61:boss"]),
        ("raise@0 clear@10 tick@11 acknowledge@15 tick@31", ["11:wang"]),
        # Back before anybody has answered: the same alarm, told once.
        ("raise@0 tick@2 clear@5 raise@8 tick@10 tick@31", ["2:wang", "31:wang+li"]),
        # Back after people must take it for something else.
        ("raise@0 tick@2 tick@31 clear@40 tick@61 raise@500 tick@502", ["2:wang", "31:wang+li", "61:boss", "502:wang"]),
        # Told again after an acknowledgement: new.
        ("raise@0 tick@2 acknowledge@5 re_alarm@900 tick@902", ["2:wang", "902:wang"]),
        # Nobody looked for a while: all that is due at once.
        ("raise@0 tick@45", ["45:wang", "45:wang+li"]),
    ],
)  # fmt: skip
def test_what_is_about_lives_goes_up_until_a_person_has_it(script: str, said: list[str]) -> None:
    assert Play().play(script) == said


@pytest.mark.parametrize(
    ("script", "said"),
    [
        ("raise@0 tick@2 tick@601", ["2:wang", "601:boss"]),
        ("raise@0 clear@0.5 tick@2 tick@601", ["2:wang"]),  # one second long: told, and no more
        ("raise@0 tick@2 clear@5 tick@601", ["2:wang"]),
        ("raise@0 tick@2 clear@5 raise@200 tick@202 tick@601", ["2:wang", "601:boss"]),
        ("raise@0 tick@2 clear@5 raise@400 tick@402", ["2:wang", "402:wang"]),
        ("raise@0 tick@2 worse@10 tick@12 tick@40", ["2:wang", "12:wang", "40:wang+li"]),  # it is about lives now
    ],
)
def test_what_is_not_about_lives_stops_with_its_condition(script: str, said: list[str]) -> None:
    assert Play().play(script, life_safety=False) == said


def test_it_becomes_worse_once_and_goes_up_anew() -> None:
    play = Play()
    assert play.play("raise@0 tick@2 worse@10 tick@12 worse@14 tick@16 tick@41") == ["2:wang", "12:wang", "41:wang+li"]
    assert play.runs[-1].turn == 1


def test_what_becomes_worse_long_after_it_was_told_is_still_the_same_alarm() -> None:
    play = Play()
    play.play("raise@0 tick@2 worse@400 tick@402")
    assert [(run.cause, run.turn, run.ended_by) for run in play.runs] == [("t1", 1, None)]


def test_a_terminal_that_stays_dark_takes_the_next_step_at_once() -> None:
    assert Play().play("dark@0 tick@2 tick@3 tick@31 tick@61") == ["2:wang", "3:wang+li dark", "61:boss dark"]
    assert Play().play("lit@0 tick@2 tick@3 tick@31") == ["2:wang", "31:wang+li"]


def test_a_cabs_own_alarm_is_nobodys_business_until_its_terminal_is_dark() -> None:
    def cab_only(*, rendered: bool) -> list[str]:
        play = Play()
        play.hear("raise", T0, True, Severity.ALARM, cab=True, state=State.ACKNOWLEDGED)
        play.rendered = rendered
        return play.play("tick@2 tick@3 tick@5 tick@31")

    assert cab_only(rendered=True) == []
    assert cab_only(rendered=False) == ["3:wang dark", "31:wang+li dark"]


def test_a_cabs_pre_warning_never_goes_up_even_where_its_terminal_is_dark() -> None:
    play = Play()
    play.hear("raise", T0, True, Severity.PREWARNING, cab=True, state=State.ACKNOWLEDGED)
    play.rendered = False
    assert play.play("tick@5 tick@100") == []
    assert play.runs == []


def test_a_pre_warning_at_the_desk_rings_nobody_and_becomes_an_alarm_that_does() -> None:
    play = Play()
    assert play.play("raise@0 tick@60", severity=Severity.PREWARNING) == []
    assert play.play("escalate@70 tick@72") == ["72:wang"]


def test_nobody_on_duty_delays_nobody() -> None:
    play = Play(on=())
    assert play.play("raise@0 tick@2") == ["2:nobody", "2:nobody", "2:boss"]
    nobody = Play(on=(), plan=Plan(life_safety=Ladder(steps=[Step(after_s=0, duty="any")])))
    assert nobody.play("raise@0 tick@2 tick@30") == ["2:nobody"]
    run = nobody.run()
    assert run is not None
    assert (run.nobody, run.told, run.due) == (True, None, None)


def test_whom_another_alarm_speaks_for_is_not_told_and_speaks_again_when_it_is_alone() -> None:
    play = Play()
    play.spoken_for = True
    assert play.play("raise@0 tick@2 tick@4 tick@8") == ["2:spoken_for", "8:spoken_for"]
    play.spoken_for = False
    assert play.play("tick@14") == ["2:spoken_for", "8:spoken_for", "14:wang"]


def test_what_was_over_while_another_spoke_for_it_is_not_told_afterwards() -> None:
    play = Play()
    play.spoken_for = True
    play.play("raise@0 tick@2 clear@5")
    play.spoken_for = False
    assert play.play("tick@20 tick@40") == ["2:spoken_for"]
    assert play.play("raise@50 tick@50") == ["2:spoken_for", "50:wang", "50:wang+li"]


def test_a_site_that_nobody_watches_goes_up_until_it_is_heard_again() -> None:
    play = Play()
    play.runs.append(escalation.lost("gate", T0 - timedelta(seconds=15), T0, play.plan))
    assert play.play("tick@0 tick@30") == ["0:wang", "30:wang+li"]
    play.runs[-1] = escalation.back(play.runs[-1], T0 + timedelta(seconds=40))
    assert play.play("tick@60") == ["0:wang", "30:wang+li"]
    assert play.runs[-1].cause == f"monitoring:gate:{round(T0.timestamp() * 1000) - 15_000}"


def test_an_old_alarm_is_told_with_others_and_goes_no_further() -> None:
    play = Play()
    play.play("raise@0", life_safety=False)
    play.runs[-1], taken = escalation.summarised(play.runs[-1])
    assert taken.outcome is Outcome.SUMMARISED
    assert play.play("tick@2 tick@700") == []


def test_the_same_news_twice_would_begin_under_the_same_cause() -> None:
    first, second = Play(), Play()
    first.play("raise@0 tick@2")
    second.play("raise@0 tick@2")
    assert replace(first.runs[0]) == second.runs[0]
    assert first.runs[0].cause == "t1"
    assert first.runs[0].urgency is Urgency.LIFE_SAFETY
