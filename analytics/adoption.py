"""
Alarms that outlived the analyzer's memory: retained at the broker, held by nobody.

Rule 1: an alarm whose condition we can evaluate is taken over as it stands, with its state, severity, hold and last
transition: what ends it is its own clear condition, or a person, and that is a transition like any other.
Rule 2: what nobody here could ever end is cleared with a recorded, observed transition that says why.
Rule 3: what the payload does not carry is taken for the worse: a shelving without its end is over, a suppression
without its mode is lifted.
"""

import contextlib
from typing import Final

import msgspec
import numpy as np

from analytics import texts
from analytics.alarm_record import Facts, Record
from analytics.annunciator import Annunciator
from analytics.bays import Bays
from analytics.channels import COLUMN, DERIVED
from analytics.detectors import proof
from analytics.fleet import Fleet
from analytics.health import LIFE_SAFETY
from analytics.identity import DeviceKey
from analytics.limits import COLUMNS, Limits, level
from analytics.rulebook.observed import OBSERVED as RULEBOOK_OBSERVED
from telemetry import profiles
from telemetry.errors import ConfigError
from telemetry.limit_profile import STEPS
from telemetry.model import PROOF_RULES, PROOF_TEST, Severity, State
from telemetry.wire.payloads import Alarm, Cause, Transition

# Of a device, not of its readings.
OBSERVED: Final = (
    frozenset({"silence", "power", "clock", "identity", "config", "gap", "review", *RULEBOOK_OBSERVED}) | PROOF_RULES
)
QUIET: Final = (
    State.NORMAL, State.RETURNED, State.LATCHED_UNACKNOWLEDGED, State.LATCHED_ACKNOWLEDGED,
)  # fmt: skip
_LATCHED: Final = (State.LATCHED_UNACKNOWLEDGED, State.LATCHED_ACKNOWLEDGED)


def adopt(annunciator: Annunciator, fleet: Fleet, key: DeviceKey, alarm: Alarm, at: int) -> bool:
    """Take over an alarm that nobody holds; whether that is sound."""
    row = fleet.row(key[0], key[2])
    rule = alarm.rule
    if rule not in OBSERVED and not _judged(fleet, row, rule, alarm.severity, alarm.profile):
        return False
    record = _record(alarm)
    if rule in OBSERVED:
        _observed(fleet, row, record, rule)
    else:
        _process(fleet, row, record, alarm)
    if record.state is State.SHELVED:
        record.shelved_until, record.shelved_by = at, f"adopted:{alarm.transition}"
    record.suppressed = record.state is State.SUPPRESSED
    annunciator.adopt(key, rule, record)
    if record.level is Severity.NONE and fleet.devices[row].held:
        fleet.apply_limits(row)
    if record.suppressed:
        # The mode that suppressed it went with our memory; a device that is parked says so with its next sample.
        facts = msgspec.structs.replace(
            record.facts, at=at, cause=Cause(tick=at), key=f"adopted:{alarm.transition}", observed=True
        )
        annunciator.condition(key, rule, record.level, facts, suppressed=False)
    return True


def adopt_bay(bays: Bays, key: DeviceKey, alarm: Alarm) -> None:
    """Take over an alarm of a whole bay. The posts' own are taken over as if each spoke for itself."""
    record = _record(alarm)
    record.facts.observed, record.facts.bay, record.facts.posts = True, alarm.bay, alarm.posts
    record.facts.cab = alarm.cab if alarm.cab != "silenced" else "continuous"
    if record.state is State.SHELVED:
        record.shelved_until, record.shelved_by = alarm.at, f"adopted:{alarm.transition}"
    bays.adopt(key, alarm.rule, record)


def assume(annunciator: Annunciator, fleet: Fleet, key: DeviceKey, last: dict[str, Transition]) -> None:
    """
    Before a replay goes on: the alarms of a device are as their last transitions (by rule) say.

    What the windows before that have led to is kept where it agrees.
    """
    row = fleet.row(key[0], key[2])
    for rule, one in last.items():
        if one.state not in QUIET and rule not in OBSERVED:
            _judged(fleet, row, rule, one.severity, one.profile)
    table, limits = fleet.table, fleet.limits[row]
    records = annunciator.records.setdefault(key, {})
    for rule in limits.rules:
        columns = [column for column, (name, _) in enumerate(COLUMNS[fleet.kind]) if name == rule]
        known = last.get(rule)
        record = records.pop(rule, None)
        on = table["on"][row, columns]
        # Behind an alarm that waits to be acknowledged a step for the cab alone leaves nothing in the log: the windows
        # know whether it is on.
        under = known is not None and known.state in QUIET and known.state is not State.NORMAL
        mild = [under and bool(limits.sources[c]) and not limits.step(fleet.kind, c)[1].desk for c in columns]
        if known is None or known.state in QUIET:
            goes = on & ~np.array(mild)
            table["on"][row, columns] = on & ~goes
            table["held"][row, columns] = np.where(goes, 0, table["held"][row, columns])
            table["clear"][row, columns] = np.where(goes, limits.clear[columns], table["clear"][row, columns])
        if known is None or known.state is State.NORMAL:
            continue
        active = known.state not in QUIET
        told = [column for column in columns if limits.sources[column] and _told(fleet, limits, column, known)]
        alarm = Alarm(
            rule=rule, transition=known.id, state=known.state, severity=known.severity, active=active,
            since=known.at, at=known.at, cab="none", desk="acknowledged" if told else "none", hazard=known.hazard,
            value=known.value, limit=known.limit, unit=known.unit, life_safety=known.life_safety,
            text=known.text, action=known.action,
        )  # fmt: skip
        again = _record(alarm)
        again.suppressed = known.state is State.SUPPRESSED
        if known.state in (State.SHELVED, State.DISABLED):
            # Whether the condition holds underneath is not in the log: the windows know.
            again.level = record.level if record is not None else Severity.NONE
            again.facts = record.facts if record is not None else again.facts
        elif active and on.any():
            _listening(fleet, row, again, alarm)
            again.level = level(fleet.kind, table["on"][row], columns)[0]
        else:
            _process(fleet, row, again, alarm)
            if under and table["on"][row, columns].any():
                again.level = level(fleet.kind, table["on"][row], columns)[0]
        again.facts.config, again.facts.profile, again.facts.source = known.config, known.profile, known.source
        records[rule] = again
    if fleet.devices[row].held:
        # What is not on any more is held to nothing.
        fleet.apply_limits(row)
    annunciator.rebuild()


def _judged(fleet: Fleet, row: int, rule: str, severity: Severity, label: str | None) -> bool:
    """
    Hold the conditions of an alarm to the profile that it was raised under; whether anything here can judge it.

    Where that profile is not known any more, today's rule has to do; where there is no such rule today, a packaged one.
    """
    own = fleet.limits[row]
    labels = [label] if label is not None and label != own.profile.label else []
    if rule not in own.rules:
        labels += [profiles.load(name).label for name in profiles.names()]
    for one in labels:
        with contextlib.suppress(ConfigError):
            declared = fleet.book.find(one).rules.get(fleet.kind, {}).get(rule)
            if declared is not None:
                fleet.hold(row, [f"{rule}.{step}" for step in declared.steps if STEPS[step] <= severity], one)
                return True
    return rule in own.rules


def again(fleet: Fleet, row: int, record: Record, alarm: Alarm) -> None:
    """
    In a replay: what `adopt` did to the limits of an alarm when the analyzer had lost its memory.

    Of the profiles it knew those that come with the package, and the one that held.
    """
    packaged = {profiles.load(name).label for name in profiles.names()}
    label = alarm.profile if alarm.profile in packaged else None
    if _judged(fleet, row, alarm.rule, alarm.severity, label):
        record.level = alarm.severity if alarm.active else Severity.NONE
        _process(fleet, row, record, alarm)


def _told(fleet: Fleet, limits: Limits, column: int, known: Transition) -> bool:
    step = COLUMNS[fleet.kind][column][1]
    return STEPS[step] <= known.severity and limits.step(fleet.kind, column)[1].desk


def renounce(annunciator: Annunciator, key: DeviceKey, rule: str, alarm: Alarm | None, at: int) -> None:
    """Clear an alarm that nobody here could ever end, and record it; `alarm` is None when it cannot be read."""
    number = alarm.transition if alarm is not None else "unreadable"
    facts = Facts(
        at=at, cause=Cause(tick=at), key=f"renounced:{number}:{at}", observed=True, text=texts.renounced(),
        life_safety=alarm.life_safety if alarm is not None else rule in LIFE_SAFETY,
    )  # fmt: skip
    if alarm is not None:
        facts.hazard, facts.value, facts.limit, facts.unit = alarm.hazard, alarm.value, alarm.limit, alarm.unit
    record = _record(alarm) if alarm is not None else Record(facts=facts, state=State.UNACKNOWLEDGED)
    annunciator.renounce(key, rule, record, facts)


def _record(alarm: Alarm) -> Record:
    """What the payload says; who listens is added from the rule."""
    facts = Facts(
        at=alarm.at, cause=Cause(), observed=alarm.rule in OBSERVED, hazard=alarm.hazard, value=alarm.value,
        limit=alarm.limit, unit=alarm.unit, text=alarm.text, action=alarm.action, life_safety=alarm.life_safety,
        eta_s=alarm.eta_s,
    )  # fmt: skip
    return Record(
        facts=facts,
        state=alarm.state,
        level=alarm.severity if alarm.active else Severity.NONE,
        severity=alarm.severity,
        transition=alarm.transition,
        raised=alarm.transition,
        since=alarm.since,
        # What a bay spoke for speaks for itself again.
        attended=alarm.desk != "none" or alarm.parent is not None,
        latch=alarm.state in _LATCHED,
        hold=alarm.hold,
        cab=alarm.cab,
        silenced_until=alarm.silenced_until,
        silenced_value=alarm.value if alarm.cab == "silenced" else None,
    )


def _observed(fleet: Fleet, row: int, record: Record, rule: str) -> None:
    """The device is as the alarm says, until a good sample or configuration says otherwise."""
    device = fleet.devices[row]
    if rule == "power":
        record.facts.cab, record.facts.sound_s = "continuous", 10.0
        _sounding(record)
    if record.level is Severity.NONE:
        return
    match rule:
        case "silence":
            device.silent = True
        case "power":
            device.power_off = True
        case "clock":
            device.clock_alarm = True
        case "identity":
            device.conflict = True
        case "proof_test" | "proof_refused" if fleet.kind == "crane":
            proof.adopted(fleet.table, row, on=rule == PROOF_TEST)
        case _:
            pass
    fleet.table["attention"][row] = True
    fleet.dirty.add(row)


def _process(fleet: Fleet, row: int, record: Record, alarm: Alarm) -> None:
    """The conditions up to the alarm's severity are on; each goes when the value is below its clear value."""
    limits, table = fleet.limits[row], fleet.table
    columns = _listening(fleet, row, record, alarm)
    if record.level is Severity.NONE or not columns:
        return
    # It was set by the limits of its day, and its own limit says by how much they differ from those we have.
    shift = 0.0
    if alarm.limit is not None:
        channel = limits.rules[alarm.rule].channel
        decimals = DERIVED[fleet.kind][COLUMN[fleet.kind][channel]].decimals + 1
        now = {round(limits.shown(fleet.kind, columns[-1]), decimals), round(float(limits.set[columns[-1]]), decimals)}
        shift = 0.0 if alarm.limit in now else alarm.limit - limits.shown(fleet.kind, columns[-1])
    table["on"][row, columns] = True
    table["clear"][row, columns] = limits.clear[columns] + shift
    fleet.dirty.add(row)


def _listening(fleet: Fleet, row: int, record: Record, alarm: Alarm) -> list[int]:
    """Who listens to the alarm, by its rule; its condition columns up to its severity."""
    limits, facts = fleet.limits[row], record.facts
    rule = limits.rules[alarm.rule]
    columns = [
        column
        for column, (name, step) in enumerate(COLUMNS[fleet.kind])
        if name == alarm.rule and step in rule.steps and STEPS[step] <= alarm.severity
    ]
    facts.channel = rule.channel
    # What decides when it is over, which may be what it was raised under.
    facts.profile = limits.label(columns[-1]) if columns else limits.profile.label
    facts.ruled(rule)
    record.latch = record.latch or any(limits.step(fleet.kind, column)[1].latch for column in columns)
    if columns:
        _, step = limits.step(fleet.kind, columns[-1])
        facts.source = limits.sources[columns[-1]]
        facts.stepped(step)
        _sounding(record)
    return columns


def _sounding(record: Record) -> None:
    """A sound that ends by itself ends after its time from now on, a silence by the time that it was given."""
    if record.cab in ("pulse", "continuous") and record.facts.sound_s is not None:
        record.sound_until = 0
    if record.cab == "silenced" and record.silenced_until is None and record.facts.cab == "continuous":
        record.cab = "continuous"
