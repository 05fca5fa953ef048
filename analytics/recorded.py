"""
What the review says of a site's record, made into conditions of desk alarms: gaps, findings, a design life nearly over.

All of it is observed: it depends on what was stored by when. The retained statement is an input, so a replay reads the
same.
"""

from collections.abc import Mapping
from typing import Final

from analytics import findings, texts
from analytics.alarm_record import Facts
from analytics.annunciator import Annunciator
from analytics.fleet import Fleet
from analytics.identity import DeviceKey
from analytics.rulebook.observed import OBSERVED
from telemetry import usage
from telemetry.model import Severity
from telemetry.wire.payloads import Cause, Recorded, SiteRecord

GAP: Final = "gap"
DESIGN_LIFE: Final = "design_life"


def take(
    annunciator: Annunciator,
    fleets: Mapping[str, Fleet],
    said: dict[DeviceKey, str],
    site: str,
    record: SiteRecord,
    at: int,
) -> None:
    """A statement of the review; `said` holds the finding of each device that was said last."""
    named = {(site, one.kind, one.device): one for one in record.devices}
    for key, one in named.items():
        if one.kind not in fleets:
            continue
        if one.overdue:
            findings.gap(annunciator, key, one, at)
        if one.found is not None and said.get(key) != one.found.transition:
            said[key] = one.found.transition
            findings.reviewed(annunciator, key, one.found, at)
        findings.last_known(annunciator, fleets[one.kind], key, one.found, at)
        if one.used_pct is not None:
            _design_life(annunciator, key, one.used_pct, at)
    if record.more:
        return
    for key in [key for key in annunciator.records if key[0] == site]:
        for rule, holds in ((GAP, _overdue), (DESIGN_LIFE, _used)):
            if rule in annunciator.records[key] and not (key in named and holds(named[key])):
                facts = Facts(at=at, cause=Cause(tick=at), key=f"{rule}_closed:{at}", observed=True)
                findings.clear(annunciator, key, rule, facts)


def _overdue(one: Recorded) -> bool:
    return one.overdue


def _used(one: Recorded) -> bool:
    return one.used_pct is not None


def _design_life(annunciator: Annunciator, key: DeviceKey, used_pct: float, at: int) -> None:
    """A line at the desk, and never more: a life is used up over months, and a special assessment is ordered by day."""
    spent = used_pct >= usage.SPENT_PCT
    level, limit = (Severity.PREWARNING, usage.SPENT_PCT) if spent else (Severity.ADVISORY, usage.NEAR_PCT)
    value = round(used_pct, 1)
    text, action = texts.spoken(OBSERVED[DESIGN_LIFE], level, value, limit, "%")
    facts = Facts(
        at=at, cause=Cause(tick=at), key=f"{DESIGN_LIFE}:{level.name.lower()}:{at}", observed=True, value=value,
        limit=limit, unit="%", text=text, action=action, source=usage.SOURCE,
    )  # fmt: skip
    annunciator.condition(key, DESIGN_LIFE, level, facts)
