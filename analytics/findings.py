"""From what was found to the conditions of alarms: words, numbers, sources, listeners."""

import msgspec
import numpy as np

from analytics import health, proofs, texts
from analytics.alarm_record import Facts
from analytics.annunciator import Annunciator
from analytics.channels import COLUMN, DERIVED
from analytics.fleet import Fleet
from analytics.identity import DeviceKey
from analytics.responses import resuppress
from analytics.rulebook.observed import OBSERVED
from analytics.samples import Change, Notice, Spot, What
from telemetry.model import Mode, Severity
from telemetry.wire.payloads import Cause, Finding, Recorded, Words


def changed(annunciator: Annunciator, fleet: Fleet, change: Change) -> None:
    """A rule's condition changed at a sample."""
    row = change.spot.row
    device, limits = fleet.devices[row], change.limits
    rule = limits.rules.get(change.rule)
    if rule is None:
        return
    look = limits.look[change.column] if change.level else COLUMN[fleet.kind][rule.channel]
    channel = DERIVED[fleet.kind][look]
    value = None if np.isnan(change.value) else round(change.value, channel.decimals)
    facts = Facts(
        at=change.spot.ts,
        cause=_cause(change.spot),
        hazard=rule.hazard,
        channel=channel.name,
        value=value,
        unit=channel.unit,
        profile=limits.label(change.column),
        config=device.config.version if device.config else None,
        life_safety=rule.life_safety,
        lift=change.lift,
    )
    facts.ruled(rule)
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
        facts.stepped(step)
        facts.hold = step.hold and limits.mode is not Mode.TESTING
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
            clear(annunciator, key, "last_known_bad", facts)
        case What.POWER:
            clear(annunciator, key, "power", facts)
        case What.PROOF | What.PROOF_OVER | What.PROOF_REFUSED | What.PROOF_REFUSED_OVER:
            proofs.noticed(annunciator, key, notice, msgspec.structs.replace(facts, observed=False))


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


def clock_off(annunciator: Annunciator, fleet: Fleet, row: int, why: str, now: int) -> None:
    """A device's clock is off for good."""
    device, table = fleet.devices[row], fleet.table
    table["clock_mark"][row] = table["line"][row]
    if device.clock_alarm:
        return
    device.clock_alarm = True
    table["attention"][row] = True
    text, action = texts.clock(why)
    facts = Facts(
        at=now,
        cause=Cause(boot=device.boot, seq=device.seq or None, tick=now),
        key=f"clock:{device.boot}:{device.seq}:{int(table['ts'][row])}",
        observed=True,
        text=text,
        action=action,
    )
    annunciator.condition(device.key, "clock", Severity.ADVISORY, facts)


def parameters(annunciator: Annunciator, key: DeviceKey, found: str | None, approved: str | None, at: int) -> None:
    """The parameters that a box reports against the approved ones; nothing is said where nobody approved any."""
    if found is None or approved is None:
        return
    facts = Facts(at=at, cause=Cause(), key=f"parameters:{found}:{approved}:{at}", observed=True)
    if found == approved:
        clear(annunciator, key, "parameters", facts)
        return
    words = Words(zh=found, en=found)
    facts.text, facts.action = texts.spoken(OBSERVED["parameters"], Severity.ALARM, None, None, "", None, words)
    facts.life_safety = True
    annunciator.condition(key, "parameters", Severity.ALARM, facts)


def last_known(annunciator: Annunciator, fleet: Fleet, key: DeviceKey, found: Finding | None, at: int) -> None:
    """A device that is still silent, and whose last late reading is beyond a limit: said live, with its age."""
    row = fleet.index.get((key[0], key[2]))
    bad = row is not None and fleet.devices[row].silent and found is not None and found.holds and found.life_safety
    if not bad or found is None:
        facts = Facts(at=at, cause=Cause(tick=at), key=f"last_known_over:{at}", observed=True)
        clear(annunciator, key, "last_known_bad", facts)
        return
    minutes = max(1, round((at - found.at) / 60_000))
    zh, en = (found.text.zh, found.text.en) if found.text is not None else ("报警", "an alarm")
    detail = Words(zh=f"{minutes} 分钟前 {zh}", en=f"{minutes} min ago {en}")
    text, action = texts.spoken(OBSERVED["last_known_bad"], Severity.ALARM, None, None, "", None, detail)
    facts = Facts(
        at=at, cause=Cause(tick=at), key=f"last_known:{found.transition}", observed=True, text=text, action=action,
        life_safety=True,
    )  # fmt: skip
    annunciator.condition(key, "last_known_bad", Severity.ALARM, facts)


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


def _cause(spot: Spot) -> Cause:
    return Cause(boot=spot.boot, seq=spot.seq, i=spot.i) if spot.boot else Cause(i=spot.i)
