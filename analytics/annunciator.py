"""
Every alarm of a partition: its ISA-18.2 state, what the cab should sound, what the desk sees.

Rule 1: one condition, two listeners. The cab's sound follows the condition and never latches; the desk's state
latches. Silence changes nothing at the desk, acknowledging changes nothing in the cab.
Rule 2: silence ends an alarm's sound for 30 s, at most until the value has risen by `silence_rise`; a
pre-warning stays silent until the next crossing. A pre-warning sounds once per lift.
Rule 3: a hold ends by a person's release, and not before the condition has gone.
Rule 4: an alarm that was acknowledged and goes on comes back to the desk after its `re_alarm_s`; the cab's sound has
nothing to do with it.
Rule 5: states change in `alarms.TRANSITIONS` only; time comes in with `tick`.
Rule 6: in a replay (`heard`) an alarm that nobody was told of has nobody who could acknowledge it, so it does not wait
for that; and what people answered is read back, not decided again.
"""

from collections.abc import Callable
from typing import Final

import msgspec

from analytics import alarms, parents
from analytics.alarm_record import Facts, Record
from analytics.identity import DeviceKey, cause_key, transition_id
from telemetry.model import Action, Severity, Signal, State
from telemetry.wire import payloads
from telemetry.wire.payloads import Cause, Response, Transition

SILENCE_MS: Final = 30_000  # product review 5.4; Grove limiters allow muting after 5 s


class Refusal(Exception):
    """A response that cannot be carried out; the text says why, for the person."""


class Annunciator:
    """All alarm records, and the transitions and changes since `take`."""

    def __init__(self) -> None:
        self.records: dict[DeviceKey, dict[str, Record]] = {}
        self.now = 0
        self.silenced: set[tuple[DeviceKey, str]] = set()
        self.timed: set[tuple[DeviceKey, str]] = set()
        self.sounding: set[tuple[DeviceKey, str]] = set()  # alarms that a cab hears now
        self.open: dict[DeviceKey, dict[str, str]] = {}
        self.spoken: parents.Spoken = {}  # alarms that another one speaks for at the desk
        self.heard: frozenset[str] | None = None  # in a replay: the transitions that were annunciated
        self.witness: Callable[[DeviceKey, str, Record], None] | None = None  # in a replay: sees every change
        self._transitions: list[Transition] = []
        self._touched: dict[tuple[DeviceKey, str], None] = {}

    def record(self, device: DeviceKey, rule: str) -> Record | None:
        """The record of a rule that has ever said something."""
        return self.records.get(device, {}).get(rule)

    def condition(
        self, device: DeviceKey, rule: str, level: Severity, facts: Facts, *, suppressed: bool = False
    ) -> None:
        """The condition of a rule is now at `level` (NONE is clear), because of `facts`."""
        record = self.records.setdefault(device, {}).get(rule)
        if record is None:
            record = self.records[device][rule] = Record(facts=facts)
        before = record.level
        if level == before and suppressed == record.suppressed:
            return
        record.level = level
        lifted = record.suppressed and not suppressed
        record.suppressed = suppressed
        facts.told = level is Severity.NONE or not self._unheard(device, rule, facts)
        keep = record.facts
        record.facts = facts
        if level is Severity.NONE:
            # What clears is still the alarm that was raised: its limit and listeners stay.
            facts.limit, facts.sound_s = keep.limit, None
            facts.hold, facts.latch, facts.desk, facts.cab = keep.hold, keep.latch, keep.desk, keep.cab
            facts.told, facts.profile, facts.life_safety = keep.told, keep.profile, keep.life_safety
        if level > before and not suppressed and record.state not in (State.SHELVED, State.DISABLED):
            self._sound(record)
        elif level < before and (level is Severity.NONE or facts.cab != "continuous"):
            self._quiet(device, rule, record)
        record.attended = record.attended or (facts.attends and level > Severity.NONE)
        record.latch = record.latch or (facts.latch and facts.told)
        if facts.hold and facts.told and level > before and not suppressed:
            record.hold = True
        self._drive(device, rule, record, before, lifted=lifted)
        self._touch(device, rule)
        if self.witness is not None:
            self.witness(device, rule, record)

    def _unheard(self, device: DeviceKey, rule: str, facts: Facts) -> bool:
        """In a replay: whether what follows from this was never annunciated."""
        if self.heard is None:
            return False
        key = facts.key or cause_key(facts.cause, facts.at)
        signals = (Signal.RAISE, Signal.ESCALATE, Signal.SUPPRESS, Signal.UNSUPPRESS)
        return all(transition_id(device, rule, signal, key) not in self.heard for signal in signals)

    def _drive(self, device: DeviceKey, rule: str, record: Record, before: Severity, *, lifted: bool) -> None:
        """Turn the change of a condition into signals."""
        level, facts = record.level, record.facts
        if record.suppressed and level > Severity.NONE and record.state is not State.SUPPRESSED:
            self._signal(device, rule, record, Signal.SUPPRESS, facts)
        elif lifted and level > Severity.NONE:
            if not self._signal(device, rule, record, Signal.UNSUPPRESS, facts):
                self._signal(device, rule, record, Signal.RAISE, facts)
            self._sound(record)
        elif level is Severity.NONE:
            self._signal(device, rule, record, Signal.CLEAR, facts)
        elif before is Severity.NONE:
            if facts.desk or record.state is not State.RETURNED:
                self._signal(device, rule, record, Signal.RAISE, facts)
        elif level > record.severity:
            # What began behind an alarm that is over, and nobody has acknowledged, has risen past it: that is new.
            if not self._signal(device, rule, record, Signal.ESCALATE, facts):
                self._signal(device, rule, record, Signal.RAISE, facts)
        elif before < Severity.ALARM <= level:
            # Back at alarm from a milder step: new to whoever has acknowledged it.
            self._signal(device, rule, record, Signal.RAISE, facts)

    def _signal(
        self,
        device: DeviceKey,
        rule: str,
        record: Record,
        signal: Signal,
        facts: Facts,
        response: Response | None = None,
        until: int | None = None,
    ) -> bool:
        state = alarms.after(record.state, signal, attended=facts.attends, latch=record.latch)
        if state is None:
            return False
        self._emit(device, rule, record, signal, state, facts, response, until)
        return True

    def _emit(
        self,
        device: DeviceKey,
        rule: str,
        record: Record,
        signal: Signal,
        state: State,
        facts: Facts,
        response: Response | None,
        until: int | None,
    ) -> None:
        previous = record.state
        severity = alarms.severity(record.severity, record.level, previous)
        key = facts.key or cause_key(facts.cause, facts.at)
        number = transition_id(device, rule, signal, key)
        if previous is State.NORMAL:
            record.since = facts.at
        record.state, record.severity, record.transition = state, severity, number
        if signal in (Signal.RAISE, Signal.ESCALATE, Signal.UNSUPPRESS, Signal.RE_ALARM):
            record.raised = number
        self._remind(record, signal is Signal.ACKNOWLEDGE)
        if state is State.NORMAL:
            record.attended = record.latch = False
            record.severity = Severity.NONE
        if state in (State.SUPPRESSED, State.SHELVED, State.DISABLED):
            self._quiet(device, rule, record)
        self._transitions.append(
            Transition(
                id=number, site=device[0], kind=device[1], device=device[2], rule=rule, signal=signal,
                previous=previous, state=state, severity=severity, at=facts.at, cause=facts.cause,
                observed=facts.observed, hazard=facts.hazard, channel=facts.channel, value=facts.value,
                limit=facts.limit, unit=facts.unit, text=facts.text, action=facts.action, profile=facts.profile,
                config=facts.config, source=facts.source, who=response.who if response else None,
                why=response.why if response else None, until=until, life_safety=facts.life_safety,
            )
        )  # fmt: skip

    def _sound(self, record: Record) -> None:
        """The cab's sound when a condition has risen."""
        facts = record.facts
        record.silenced_until = record.silenced_value = None
        record.cab = facts.cab
        if facts.cab == "pulse" and facts.lift is not None:
            if record.pulsed == facts.lift:
                record.cab = "none"
            record.pulsed = facts.lift
        record.sound_until = 0 if facts.sound_s is not None and record.cab != "none" else None

    def _quiet(self, device: DeviceKey, rule: str, record: Record) -> None:
        record.cab = "none"
        record.sound_until = record.silenced_until = record.silenced_value = None
        self.silenced.discard((device, rule))

    def _touch(self, device: DeviceKey, rule: str) -> None:
        record = self.records[device][rule]
        key = (device, rule)
        self._touched[key] = None
        if record.cab != "silenced":
            self.silenced.discard(key)
        if record.cab in ("pulse", "continuous"):
            self.sounding.add(key)
        else:
            self.sounding.discard(key)
        ends = (record.sound_until, record.silenced_until, record.shelved_until, record.again_at)
        if any(end is not None for end in ends):
            self.timed.add(key)
        else:
            self.timed.discard(key)
        if record.open:
            self.open.setdefault(device, {})[rule] = record.transition
        elif device in self.open:
            self.open[device].pop(rule, None)
            if not self.open[device]:
                del self.open[device]

    def louder(self, device: DeviceKey, rule: str, value: float) -> None:
        """A silenced alarm's value: it sounds again at once when that has risen enough."""
        record = self.records[device][rule]
        rise = record.facts.silence_rise
        if record.cab != "silenced" or record.facts.cab != "continuous" or record.silenced_value is None:
            return
        if rise is not None and value >= record.silenced_value + rise:
            record.cab, record.silenced_until, record.silenced_value = "continuous", None, None
            self._touch(device, rule)

    def tick(self, at: int) -> None:
        """Wall-clock time, in Unix ms, never going back: ends sounds, silences and shelvings."""
        self.now = max(self.now, at)
        for device, rule in sorted(self.timed):
            record = self.records[device][rule]
            if record.sound_until == 0:
                record.sound_until = self.now + round(1000 * (record.facts.sound_s or 0))
            elif record.sound_until is not None and self.now >= record.sound_until:
                record.cab, record.sound_until = "none", None
                self._touch(device, rule)
            if record.silenced_until is not None and self.now >= record.silenced_until:
                record.cab, record.silenced_until, record.silenced_value = record.facts.cab, None, None
                self._touch(device, rule)
            if record.shelved_until is not None and self.now >= record.shelved_until:
                self._end_shelving(device, rule, record)
            if record.again_at is not None and self.now >= record.again_at:
                self._re_alarm(device, rule, record)

    def _remind(self, record: Record, acknowledged: bool) -> None:
        """Whoever acknowledges an alarm that goes on is reminded of it, unless something else happens to it first."""
        after, goes_on = record.facts.re_alarm_s, record.level >= Severity.ALARM
        reminded = acknowledged and after is not None and goes_on
        record.again_at = (self.now or record.facts.at) + round(1000 * (after or 0)) if reminded else None

    def _re_alarm(self, device: DeviceKey, rule: str, record: Record) -> None:
        at, record.again_at = record.again_at or self.now, None
        if record.level >= Severity.ALARM:
            facts = msgspec.structs.replace(
                record.facts, at=at, cause=Cause(tick=at), key=f"re_alarm:{record.transition}", observed=True
            )
            self._signal(device, rule, record, Signal.RE_ALARM, facts)
        self._touch(device, rule)

    def _end_shelving(self, device: DeviceKey, rule: str, record: Record) -> None:
        until = record.shelved_until or self.now
        key = f"until:{record.shelved_by}"
        record.shelved_until = None
        facts = msgspec.structs.replace(
            record.facts, at=until, cause=Cause(tick=until), key=key, observed=True, text=None, action=None
        )
        if self._signal(device, rule, record, Signal.UNSHELVE, facts):
            self._again(device, rule, record, facts)
        self._touch(device, rule)

    def _again(self, device: DeviceKey, rule: str, record: Record, facts: Facts) -> None:
        """Out of shelving or disabling: a condition that still holds is raised again."""
        if record.level is Severity.NONE:
            return
        record.attended = facts.attends
        again = msgspec.structs.replace(record.facts, at=facts.at, cause=facts.cause, key=facts.key, observed=True)
        signal = Signal.SUPPRESS if record.suppressed else Signal.RAISE
        if self._signal(device, rule, record, signal, again) and not record.suppressed:
            self._sound(record)

    def respond(self, device: DeviceKey, rule: str, response: Response, facts: Facts, value: float | None) -> None:
        """
        Carry out what a person answered about one rule; `value` is the channel's present value.

        Raises Refusal with the reason in words.
        """
        record = self.records.setdefault(device, {}).get(rule)
        if record is None:
            record = self.records[device][rule] = Record(facts=facts)
        facts = msgspec.structs.replace(
            record.facts,
            at=response.at,
            cause=Cause(response=response.id),
            key=None,
            observed=True,
            life_safety=facts.life_safety,
        )
        match response.action:
            case Action.SILENCE:
                self._silence(device, rule, record, value)
            case Action.ACKNOWLEDGE:
                if response.transition not in (None, record.transition, record.raised):
                    raise Refusal("the alarm has changed since")
                if not self._signal(device, rule, record, Signal.ACKNOWLEDGE, facts, response):
                    raise Refusal(f"nothing to acknowledge: the alarm is {record.state}")
            case Action.SHELVE:
                self._shelve(device, rule, record, facts, response)
            case Action.UNSHELVE:
                record.shelved_until = None
                if not self._signal(device, rule, record, Signal.UNSHELVE, facts, response):
                    raise Refusal("it is not shelved")
                self._again(device, rule, record, facts)
            case Action.DISABLE:
                if not response.why:
                    raise Refusal("disabling needs a reason")
                record.shelved_until = None
                if not self._signal(device, rule, record, Signal.DISABLE, facts, response):
                    raise Refusal("it is disabled")
            case Action.ENABLE:
                if not self._signal(device, rule, record, Signal.ENABLE, facts, response):
                    raise Refusal("it is not disabled")
                self._again(device, rule, record, facts)
            case Action.RELEASE:
                self._release(device, rule, record, facts, response)
            case Action.SET_MODE | Action.BEGIN_SHIFT | Action.DOUBT | Action.BEGIN_TEST | Action.CONFIRM:
                raise Refusal(f"{response.action} is not about an alarm's state")
        self._touch(device, rule)

    def _silence(self, device: DeviceKey, rule: str, record: Record, value: float | None) -> None:
        if record.cab not in ("pulse", "continuous"):
            raise Refusal("nothing sounds")
        if record.cab == "continuous":
            record.silenced_until = self.now + SILENCE_MS
            record.silenced_value = value
            self.silenced.add((device, rule))
        record.cab = "silenced"
        record.sound_until = None

    def _shelve(self, device: DeviceKey, rule: str, record: Record, facts: Facts, response: Response) -> None:
        if facts.life_safety:
            raise Refusal("a life-safety alarm cannot be shelved")
        if response.until is None or not response.why:
            raise Refusal("shelving needs an end and a reason")
        if response.until <= max(self.now, response.at):
            raise Refusal("the end of shelving is over already")
        if not self._signal(device, rule, record, Signal.SHELVE, facts, response, response.until):
            raise Refusal(f"it cannot be shelved while {record.state}")
        record.shelved_until, record.shelved_by = response.until, response.id

    def _release(self, device: DeviceKey, rule: str, record: Record, facts: Facts, response: Response) -> None:
        if record.level > Severity.NONE:
            raise Refusal("the condition still holds")
        held = record.hold
        record.hold = False
        if self._signal(device, rule, record, Signal.RESET, facts, response):
            return
        if not held:
            raise Refusal("there is no hold to release")
        self._emit(device, rule, record, Signal.RESET, record.state, facts, response, None)

    def read_back(self, device: DeviceKey, answer: Transition) -> None:
        """
        In a replay: what a person, or the end of a shelving, did to an alarm when it was live.

        Where the replay has the alarm in another state than it had then, the table says what the answer means there,
        which may be nothing.
        """
        record = self.record(device, answer.rule)
        if record is None:
            facts = Facts(at=answer.at, cause=answer.cause, life_safety=answer.life_safety)
            record = self.records.setdefault(device, {})[answer.rule] = Record(facts=facts)
        if answer.signal is Signal.RESET:
            record.hold = False
        attended = record.facts.attends
        follows = alarms.after(record.state, answer.signal, attended=attended, latch=record.latch)
        if follows is None:
            return
        same = record.state is answer.previous
        record.severity = answer.severity if same else alarms.severity(record.severity, record.level, record.state)
        record.state, record.transition = answer.state if same else follows, answer.id
        if answer.signal in (Signal.SUPPRESS, Signal.UNSUPPRESS):
            record.suppressed = answer.signal is Signal.SUPPRESS
        if answer.signal in (Signal.RAISE, Signal.UNSUPPRESS):
            record.attended = record.attended or attended
        if record.state is State.NORMAL:
            record.attended = record.latch = False
            record.severity = Severity.NONE
        self._touch(device, answer.rule)

    # What outlived our memory

    def adopt(self, device: DeviceKey, rule: str, record: Record) -> None:
        """Hold an alarm that was raised before we can remember."""
        self.records.setdefault(device, {})[rule] = record
        self._remind(record, record.state is State.ACKNOWLEDGED)
        if record.cab == "silenced":
            self.silenced.add((device, rule))
        self._touch(device, rule)

    def restore_hold(self, device: DeviceKey, rule: str) -> None:
        """A hold that was set after the state that we came back with."""
        self.records[device][rule].hold = True
        self._touch(device, rule)

    def renounce(self, device: DeviceKey, rule: str, record: Record, facts: Facts) -> None:
        """End an alarm that was raised before we can remember and that we cannot watch; its hold goes with it."""
        record.facts, record.level, record.hold, record.cab = facts, Severity.NONE, False, "none"
        self.records.setdefault(device, {})[rule] = record
        self._emit(device, rule, record, Signal.CLEAR, State.NORMAL, facts, None, None)
        self._touch(device, rule)

    def tell_again(self, device: DeviceKey, rule: str) -> None:
        """What terminals are told of an alarm has changed without a transition."""
        self._touch(device, rule)

    def take(self) -> tuple[list[Transition], list[tuple[DeviceKey, str]]]:
        """Transitions, in order, and the alarms that changed, since the last time."""
        transitions, touched = self._transitions, list(self._touched)
        self._transitions, self._touched = [], {}
        return transitions, touched

    def payload(self, device: DeviceKey, rule: str) -> payloads.Alarm | None:
        """What is retained for terminals; None when there is nothing to see."""
        record = self.record(device, rule)
        if record is None or not record.open:
            return None
        facts = record.facts
        parent = parents.speaker(self.records, self.spoken, device, rule)
        return payloads.Alarm(
            rule=rule,
            transition=record.transition,
            state=record.state,
            severity=record.severity,
            active=record.level > Severity.NONE,
            since=record.since,
            at=facts.at,
            cab=record.cab,
            desk="none" if parent else alarms.desk(record.state, record.attended),
            silenced_until=record.silenced_until,
            hazard=facts.hazard,
            value=facts.value,
            limit=facts.limit,
            unit=facts.unit,
            text=facts.text,
            action=facts.action,
            eta_s=facts.eta_s,
            life_safety=facts.life_safety,
            hold=record.hold,
            profile=facts.profile,
            bay=facts.bay,
            posts=facts.posts,
            parent=parent,
        )

    def rebuild(self) -> None:
        """After the records were restored: what is derived from them."""
        self.silenced, self.timed, self.sounding, self.open = set(), set(), set(), {}
        for device, rules in self.records.items():
            for rule, record in rules.items():
                self._touch(device, rule)
                if record.silenced_until is not None:
                    self.silenced.add((device, rule))
        self._touched = {}
