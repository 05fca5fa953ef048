"""From what was found to the conditions of alarms: words, numbers, sources, listeners."""

import msgspec
import numpy as np

from analytics import health, texts
from analytics.annunciator import Annunciator, Facts
from analytics.channels import COLUMN, DERIVED
from analytics.fleet import Fleet
from analytics.identity import DeviceKey
from analytics.responses import resuppress
from analytics.samples import Change, Notice, Spot, What
from telemetry.model import Mode, Severity
from telemetry.wire.payloads import Cause, Finding, Recorded


def changed(annunciator: Annunciator, fleet: Fleet, change: Change) -> None:
    """A rule's condition changed at a sample."""
    row = change.spot.row
    device, limits = fleet.devices[row], change.limits
    rule = limits.rules.get(change.rule)
    if rule is None:
        return
    channel = DERIVED[fleet.kind][COLUMN[fleet.kind][rule.channel]]
    value = None if np.isnan(change.value) else round(change.value, channel.decimals)
    facts = Facts(
        at=change.spot.ts,
        cause=_cause(change.spot),
        hazard=rule.hazard,
        channel=rule.channel,
        value=value,
        unit=channel.unit,
        profile=limits.profile.label,
        config=device.config.version if device.config else None,
        life_safety=rule.life_safety,
        silence_rise=rule.silence_rise.value if rule.silence_rise else None,
        lift=change.lift,
    )
    if change.level is Severity.NONE:
        facts.text = texts.cleared(fleet.kind, change.rule, value, channel.unit)
    else:
        _, step = limits.step(fleet.kind, change.column)
        # One number beside the alarm and in its sentence: beyond the alarm step the limit is still the alarm's.
        facts.limit = round(limits.shown(fleet.kind, change.column), channel.decimals + 1)
        facts.eta_s = change.eta_s
        facts.text, facts.action = texts.process(
            fleet.kind, change.rule, change.level, value, facts.limit, channel.unit, facts.eta_s,
            change.detail,
        )  # fmt: skip
        facts.source = limits.sources[change.column]
        facts.cab, facts.desk, facts.latch = step.cab, step.desk, step.latch
        facts.hold = step.hold and limits.mode is not Mode.TESTING
        facts.sound_s = step.sound_s.value if step.sound_s else None
    annunciator.condition(device.key, change.rule, change.level, facts, suppressed=change.rule in limits.suppressed)


def noticed(annunciator: Annunciator, fleet: Fleet, notice: Notice) -> None:
    """Something about a device was noticed at a sample."""
    row = notice.spot.row
    key = fleet.devices[row].key
    facts = Facts(at=notice.spot.ts, cause=_cause(notice.spot), observed=True)
    match notice.what:
        case What.CLOCK:
            facts.text, facts.action = texts.clock(notice.detail)
            annunciator.condition(key, "clock", Severity.ADVISORY, facts)
        case What.CLOCK_GOOD:
            clear(annunciator, key, "clock", facts)
        case What.CONFLICT:
            facts.text, facts.action = texts.identity_conflict()
            annunciator.condition(key, "identity", Severity.ALARM, facts)
        case What.CONFLICT_OVER:
            clear(annunciator, key, "identity", facts)
        case What.MODE:
            limits = notice.limits or fleet.limits[row]
            resuppress(annunciator, key, limits, msgspec.structs.replace(facts, observed=False))
        case What.SPOKE:
            clear(annunciator, key, "silence", facts)
        case What.POWER:
            clear(annunciator, key, "power", facts)


def clear(annunciator: Annunciator, key: DeviceKey, rule: str, facts: Facts) -> None:
    """A condition is over, if it ever was."""
    if annunciator.record(key, rule) is not None:
        annunciator.condition(key, rule, Severity.NONE, facts)


def gap(annunciator: Annunciator, key: DeviceKey, one: Recorded, at: int) -> None:
    """Frames of a device have been missing for too long, by the ledger."""
    text, action = texts.gap(one.missing, max(0, at - (one.missing_since or at)) / 1000)
    facts = Facts(
        at=at, cause=Cause(tick=at), key=f"gap:{one.missing_since}", observed=True, value=float(one.missing),
        text=text, action=action,
    )  # fmt: skip
    annunciator.condition(key, "gap", Severity.ADVISORY, facts)


def reviewed(annunciator: Annunciator, key: DeviceKey, found: Finding, at: int) -> None:
    """Late data showed an alarm that nobody was told of: the desk is told now, once, and must acknowledge it."""
    text, action = texts.reviewed(found.text, holds=found.holds)
    severity = Severity.ALARM if found.life_safety else Severity.ADVISORY
    said = Facts(
        at=at, cause=Cause(tick=at), key=f"review:{found.transition}", observed=True, text=text, action=action,
        life_safety=found.life_safety,
    )  # fmt: skip
    annunciator.condition(key, "review", severity, said)
    over = msgspec.structs.replace(said, key=f"review_told:{found.transition}")
    clear(annunciator, key, "review", over)


def silent(annunciator: Annunciator, fleet: Fleet, row: int) -> None:
    """A device has been silent for too long; the time of that is its last sample plus what it is allowed."""
    device = fleet.devices[row]
    device.silent = True
    fleet.table["attention"][row] = True
    expected = device.boot is not None or device.config is not None or device.presence_interval
    if device.planned_off or not expected:
        # A frame made by hand promises no next one.
        return
    last = int(fleet.table["ts"][row])
    allowed = health.allowed_ms(fleet, row)
    text, action = texts.silence(fleet.kind, allowed / 1000)
    facts = Facts(
        at=last + allowed,
        cause=Cause(boot=device.boot, seq=device.seq or None),
        key=f"silence:{device.boot}:{device.seq}:{last}",
        observed=True,
        text=text,
        action=action,
        life_safety=True,
    )
    annunciator.condition(device.key, "silence", Severity.ALARM, facts)


def clock_off(annunciator: Annunciator, fleet: Fleet, row: int, why: str, now: int) -> None:
    """A device's clock is ahead or behind for good, by the arrival of its samples."""
    device = fleet.devices[row]
    text, action = texts.clock(why)
    facts = Facts(
        at=now,
        cause=Cause(boot=device.boot, seq=device.seq or None, tick=now),
        key=f"clock:{device.boot}:{device.seq}:{int(fleet.table['ts'][row])}",
        observed=True,
        text=text,
        action=action,
    )
    annunciator.condition(device.key, "clock", Severity.ADVISORY, facts)


def _cause(spot: Spot) -> Cause:
    return Cause(boot=spot.boot, seq=spot.seq, i=spot.i) if spot.boot else Cause(i=spot.i)
