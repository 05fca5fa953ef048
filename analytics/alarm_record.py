"""What is known of an alarm: the facts of its last change, and the record of its life."""

import msgspec

from telemetry.limit_profile import Rule, Step
from telemetry.model import Hazard, Severity, State
from telemetry.wire.payloads import Cause, Words


class Facts(msgspec.Struct, kw_only=True, omit_defaults=True):
    """What is known about a rule on a device when its condition changes."""

    at: int
    cause: Cause
    observed: bool = False
    key: str | None = None  # the cause in words, when it is not a sample or a response
    hazard: Hazard | None = None
    channel: str | None = None
    value: float | None = None
    limit: float | None = None
    unit: str | None = None
    text: Words | None = None
    action: Words | None = None
    profile: str | None = None
    config: int | None = None
    source: str | None = None
    life_safety: bool = False
    cab: str = "none"
    desk: bool = True
    hold: bool = False
    latch: bool = False
    sound_s: float | None = None
    silence_rise: float | None = None
    re_alarm_s: float | None = None
    lift: int | None = None  # which lift: a pulse sounds once in it
    eta_s: tuple[float, float] | None = None
    told: bool = True  # False only in a replay: nobody was told of it
    bay: str | None = None  # of a whole bay
    posts: int = 0  # of a bay: how many posts

    def ruled(self, rule: Rule) -> None:
        """Take over what a rule says to whoever answers."""
        self.silence_rise = rule.silence_rise.value if rule.silence_rise else None
        self.re_alarm_s = rule.re_alarm_s.value if rule.re_alarm_s else None

    def stepped(self, step: Step) -> None:
        """Take over who listens to a step, and for how long."""
        self.cab, self.desk, self.latch, self.hold = step.cab, step.desk, step.latch, step.hold
        self.sound_s = step.sound_s.value if step.sound_s else None

    @property
    def attends(self) -> bool:
        """Whether somebody at the desk is there to acknowledge it."""
        return self.desk and self.told


class Record(msgspec.Struct, kw_only=True, omit_defaults=True):
    """One alarm: one rule on one device."""

    facts: Facts
    state: State = State.NORMAL
    level: Severity = Severity.NONE  # of the condition now; NONE is clear
    severity: Severity = Severity.NONE  # the highest since it was normal
    transition: str = ""
    raised: str = ""  # the transition that a person acknowledges
    since: int = 0
    attended: bool = False
    latch: bool = False
    hold: bool = False
    suppressed: bool = False
    cab: str = "none"
    pulsed: int | None = None
    sound_until: int | None = None  # 0: from the next tick on
    silenced_until: int | None = None
    silenced_value: float | None = None
    shelved_until: int | None = None
    shelved_by: str = ""
    again_at: int | None = None  # when the desk is told again of what it has acknowledged

    @property
    def open(self) -> bool:
        """Whether terminals must see it."""
        return self.state is not State.NORMAL or self.hold
