"""
Proof tests as conditions: what the test channel shows (derived), and what the notifier has judged (observed).

Rule 1: a test is a line of the lowest severity with a sound of its own (`cab` is `test`), so that whoever does not know
of tests takes it for no alarm. It holds nothing, latches nothing, and speaks for nobody.
Rule 2: a test that failed is an alarm of the desk like any other, until the statement does not name it any more.
"""

from collections.abc import Mapping
from typing import Any, Final

from analytics import texts
from analytics.alarm_record import Facts
from analytics.annunciator import Annunciator
from analytics.detectors.proof import LIMIT_PCT
from analytics.fleet import Fleet
from analytics.identity import DeviceKey
from analytics.rulebook.proof import JUDGED, PROOF_FAILED, PROOF_OVERDUE, TESTS
from analytics.samples import Notice, What
from telemetry.model import PROOF_REFUSED, PROOF_TEST, Severity
from telemetry.wire.payloads import Cause, Words
from telemetry.wire.proof import Proved, SiteProofs

SOUND_S: Final = 8.0  # the announcement, and long enough to be heard over an engine: cranewatch proposal
CAB: Final = "test"
WHY: Final[dict[str, Words]] = {
    "alarm": Words(zh="有真实报警", en="a real alarm"),
    "unknown": Words(zh="吊重未知", en="the load is not known"),
    "loaded": Words(zh="吊钩有载", en="a load on the hook"),
    "rising": Words(zh="吊钩在上升", en="the hook rises"),
}
_OVER: Final = Words(zh="测试结束", en="the test is over")


def noticed(annunciator: Annunciator, key: DeviceKey, notice: Notice, facts: Facts) -> None:
    """The test channel of a device has shown something at a sample."""
    rule = PROOF_TEST if notice.what in (What.PROOF, What.PROOF_OVER) else PROOF_REFUSED
    if notice.what in (What.PROOF_OVER, What.PROOF_REFUSED_OVER):
        facts.text = _OVER
        if annunciator.record(key, rule) is not None:
            annunciator.condition(key, rule, Severity.NONE, facts)
        return
    facts.channel = "proof_pct"
    if notice.what is What.PROOF:
        facts.value, facts.limit, facts.unit = float(notice.detail), LIMIT_PCT, "%"
        facts.cab, facts.sound_s = CAB, SOUND_S
        detail = None
    else:
        # The word is what whoever judges goes by; the sentence is for people.
        facts.source, facts.desk, detail = notice.detail, False, WHY[notice.detail]
    facts.text, facts.action = texts.spoken(TESTS[rule], Severity.ADVISORY, None, None, "", None, detail)
    annunciator.condition(key, rule, Severity.ADVISORY, facts)


def judged(annunciator: Annunciator, fleets: Mapping[str, Fleet], site: str, statement: SiteProofs, now: int) -> None:
    """The notifier's statement: which tests of a site failed or are overdue. `now`: Unix ms, never going back."""
    named = {(site, one.kind, one.device): one for one in statement.devices if one.kind in fleets}
    for key, one in named.items():
        if one.failed is not None and not _said(annunciator, key, one.test):
            _end(annunciator, key, PROOF_FAILED, now)  # another test has failed since: that is said anew
            detail = one.words or Words(zh=one.failed, en=one.failed)
            _raise(annunciator, key, PROOF_FAILED, Severity.ALARM, one, detail, now)
        if one.overdue_days is not None and not _active(annunciator, key, PROOF_OVERDUE):
            days = f"{one.overdue_days:.0f}"
            detail = Words(zh=f"{days} 天未测试", en=f"none for {days} days")
            _raise(annunciator, key, PROOF_OVERDUE, Severity.ADVISORY, one, detail, now)
    if statement.more:
        return  # whoever is not named may be among those that did not fit
    for key in [key for key in annunciator.records if key[0] == site]:
        found = named.get(key)
        if found is None or found.failed is None:
            _end(annunciator, key, PROOF_FAILED, now)
        if found is None or found.overdue_days is None:
            _end(annunciator, key, PROOF_OVERDUE, now)


def _active(annunciator: Annunciator, key: DeviceKey, rule: str) -> bool:
    record = annunciator.record(key, rule)
    return record is not None and record.level > Severity.NONE


def _said(annunciator: Annunciator, key: DeviceKey, test: str | None) -> bool:
    """Whether the failing of this very test is an alarm already; of an adopted one nobody knows which test it was."""
    record = annunciator.record(key, PROOF_FAILED)
    if record is None or record.level is Severity.NONE:
        return False
    record.facts.source = record.facts.source or test
    return record.facts.source == test


def _raise(
    annunciator: Annunciator, key: DeviceKey, rule: str, level: Severity, one: Proved, detail: Words, now: int
) -> None:
    facts = Facts(at=now, cause=Cause(tick=now), key=f"{rule}:{one.test}:{now}", observed=True, source=one.test)
    facts.text, facts.action = texts.spoken(JUDGED[rule], level, None, None, "", None, detail)
    annunciator.condition(key, rule, level, facts)


def _end(annunciator: Annunciator, key: DeviceKey, rule: str, now: int) -> None:
    if _active(annunciator, key, rule):
        over: dict[str, Any] = {"at": now, "cause": Cause(tick=now), "key": f"{rule}_over:{now}", "observed": True}
        annunciator.condition(key, rule, Severity.NONE, Facts(**over))
