"""What the desk's pages say: the handover, sites in order, statements, differences, history; pure parts."""

import json
from datetime import UTC, date, datetime

import pytest

from api import handover as gathered
from api import schemas
from api.console import (
    alarms_page,
    answers,
    difference,
    history_page,
    nav,
    proofs,
    proofs_page,
    record_page,
    sheet,
    sites_page,
)  # fmt: skip
from api.console.places import Place
from api.console.visitor import Visitor
from api.i18n import Language, Tongue, zone
from api.live.picture import Picture
from telemetry import handover, profiles, vocabulary
from telemetry.handover import Ear, Named, OnCrane, Sheet, Standing, Yesterday
from telemetry.model import CoverageLevel
from telemetry.profile_diff import differences
from telemetry.proof import Link, Outcome, Source, State, Step
from telemetry.proof_schedule import Schedule
from telemetry.roles import Principal, Role
from telemetry.storage import proofs as record
from telemetry.storage.audit import Actor
from telemetry.storage.balance import Frames
from telemetry.storage.completeness import Statement, day_of
from telemetry.wire import payloads
from telemetry.wire.payloads import Coverage, Heartbeat, Words, encode

NOW = 1_800_000_000_000
EN, ZH = Tongue(Language.EN), Tongue(Language.ZH)
CRANE = Named(kind="crane", device="c1", name="1#塔机")
PLACE = Place("s", "Site", zone("Asia/Shanghai"), known=True)


def made(**more: object) -> Sheet:
    fields: dict[str, object] = {"site": "s", "name": "工地", "timezone": "Asia/Shanghai", "at": NOW, "since": NOW - 1}
    return Sheet(**{**fields, **more})  # type: ignore[arg-type]  # by name


def test_what_the_record_could_not_say_is_called_unknown_and_never_none() -> None:
    assert "not known now" in sheet.watching(EN, made(gaps=None, unasked=["record"]))
    assert "not known now" not in sheet.watching(EN, made(gaps=[]))
    assert "not known now" in sheet.yesterday(EN, made())


def test_nothing_is_called_fine_while_nobody_watches() -> None:
    calm, lost = made(gaps=[]), made(gaps=[], lost=Words(zh="断", en="gone"))
    assert "every hazard of every device is monitored" in sheet.watching(EN, calm)
    assert "every hazard of every device is monitored" not in sheet.watching(EN, lost)
    assert "no alarm stands" not in sheet.standing(EN, lost)
    assert "NOT MONITORED: gone" in sheet.watching(EN, lost)


def test_a_crane_that_must_not_lift_is_told_before_its_alarms() -> None:
    why = Words(zh="停用待检", en="inspection hold")
    alarm = Standing(of=CRANE, rule="snag", state="acknowledged", severity=4, since=NOW, hold=True,
                     text=Words(zh="吊物受阻", en="LOAD SNAGGED"))  # fmt: skip
    drawn = sheet.standing(ZH, made(standing=[alarm], cranes=[OnCrane(of=CRANE, stopped=why)]))
    assert 0 < drawn.index("不得起吊") < drawn.index("吊物受阻")


@pytest.mark.parametrize(
    ("ear", "said"),
    [
        (Ear(terminal="cab", at=NOW - 1000, visible=True, audio="running", volume=0.8), "sound is on"),
        (Ear(terminal="cab", at=NOW - 1000, visible=True, audio="suspended", volume=0.8), "muted"),
        (Ear(terminal="cab", at=NOW - 1000, visible=True, audio="running", volume=0.0), "muted"),
        (Ear(terminal="cab", at=NOW - 1000, visible=False, audio="running", volume=0.8), "muted"),
        (Ear(terminal="cab", at=NOW - 3_600_000, visible=True, audio="running", volume=0.8), "gone"),
        (None, "no terminal has been heard of"),
    ],
)
def test_a_terminal_counts_as_heard_only_while_it_sounds(ear: Ear | None, said: str) -> None:
    crane = OnCrane(of=CRANE, expected="cab", ears=[ear] if ear is not None else [])
    drawn = sheet.shift(EN, made(cranes=[crane]))
    assert said in drawn
    assert ("✓" in drawn) is (said == "sound is on")


def test_yesterday_is_three_numbers_and_none_of_them_is_made_up() -> None:
    empty = sheet.yesterday(EN, made(yesterday=Yesterday(begin=NOW - handover.DAY_MS, end=NOW, shares=[])))
    assert empty.count('<div class="figure">—</div>') == 2
    share = handover.Share(
        of=CRANE, watched_ms=handover.DAY_MS // 2, degraded_ms=0, blind_ms=handover.DAY_MS // 2, silent_ms=0
    )
    day = Yesterday(begin=NOW - handover.DAY_MS, end=NOW, shares=[share], annunciated=7, causes={"sensor": 2},
                    acknowledged=4, rubber_stamps=1)  # fmt: skip
    drawn = sheet.yesterday(EN, made(yesterday=day))
    for figure in ("50.0 %", '"figure">7<', '"figure">25 %<', "sensor <b>2</b>"):
        assert figure in drawn


def test_a_handover_now_names_what_is_dark_and_what_is_weak() -> None:
    picture = Picture()
    hazards = {"wind": payloads.HazardCoverage(level=CoverageLevel.DEGRADED, reason=Words(zh="慢", en="slow"))}
    covered = Coverage(at=NOW, level=CoverageLevel.DEGRADED, hazards=hazards)  # type: ignore[arg-type]  # as decoded
    picture.apply("cw/v1/s/crane/c1/down/coverage", encode(covered), NOW)
    picture.apply("cw/v1/s/crane/c1/up/reading", json.dumps({"ts": 1, "load_t": 1}).encode(), NOW)
    looked = gathered.Looked(NOW - 1)
    found = gathered.sheet(picture, "s", "S", zone("UTC"), looked, NOW).unwatched
    assert [(one.hazard, one.level) for one in found] == [("wind", "degraded")]
    late = gathered.sheet(picture, "s", "S", zone("UTC"), looked, NOW + 60_000).unwatched
    assert [(one.hazard, one.level) for one in late] == [(None, "blind")]


def site(picture: Picture, name: str, *, good: int, bad: int, alarm: int = 0) -> None:
    held = []
    for n in range(good + bad):
        level = CoverageLevel.MONITORED if n < good else CoverageLevel.BLIND
        topic = f"cw/v1/{name}/crane/c{n}"
        picture.apply(f"{topic}/down/coverage", encode(Coverage(at=NOW, level=level, hazards={})), NOW)
        picture.apply(f"{topic}/up/reading", json.dumps({"ts": 1, "load_t": 1}).encode(), NOW)
        if alarm and n == 0:
            one = payloads.Alarm(rule="moment", transition="t", state="unacknowledged", severity=alarm, active=True,
                                 since=1, at=1, cab="none", desk="unacknowledged")  # type: ignore[arg-type]  # fmt: skip
            picture.apply(f"{topic}/down/alarm/moment", encode(one), NOW)
            held.append("t")
    beat = Heartbeat(partition=0, version="t", at=NOW, active=len(held), digest=payloads.digest(held))
    picture.apply(f"cw/v1/{name}/heartbeat", encode(beat), NOW)


def test_sites_come_worst_coverage_first_then_worst_alarm() -> None:
    picture = Picture()
    picture.link(up=True)
    site(picture, "a-well", good=2, bad=0)
    site(picture, "b-alarm", good=2, bad=0, alarm=3)
    site(picture, "c-half", good=1, bad=1)
    site(picture, "d-gone", good=2, bad=0)
    picture.sites["d-gone"].heartbeat_ms = NOW - 60_000
    found = sorted(picture.sites, key=lambda name: sites_page.order(picture, name, NOW))
    assert found == ["d-gone", "c-half", "b-alarm", "a-well"]


def visitor(role: Role, language: Language = Language.EN) -> Visitor:
    who = Principal("x", "X", "o", frozenset({(role, "s")}))
    return Visitor(Tongue(language), who, Actor("x"))


def test_the_navigation_shows_only_where_a_role_may_go() -> None:
    officer, operator = (nav.links(visitor(role), PLACE, "") for role in (Role.SAFETY_OFFICER, Role.OPERATOR))
    assert "/site/s/quality" in officer
    assert "/site/s/quality" not in operator
    assert '<a href="/site/s" aria-current="page">Site</a>' in operator
    assert "/users" not in nav.header(visitor(Role.SAFETY_OFFICER), PLACE)
    assert "/users" in nav.header(visitor(Role.ADMIN), PLACE)
    assert '<option value="zh" selected>' in nav.header(visitor(Role.OPERATOR, Language.ZH), None)


def alarm(**more: object) -> schemas.Alarm:
    fields: dict[str, object] = {
        "site": "s", "kind": "crane", "device": "c1", "rule": "sensor", "transition": "t", "state": "unacknowledged",
        "severity": 1, "active": True, "since": 1, "at": 1, "priority": 1,
    }  # fmt: skip
    return schemas.Alarm(**{**fields, **more})  # type: ignore[arg-type]  # by name


def test_only_what_is_low_and_about_no_life_is_answered_together() -> None:
    assert answers.bulk_allowed(alarm())
    assert not answers.bulk_allowed(alarm(priority=2))
    assert not answers.bulk_allowed(alarm(life_safety=True))
    assert not answers.bulk_allowed(alarm(hold=True))


def test_a_list_is_narrowed_by_state_priority_and_words() -> None:
    one = alarm(text=schemas.Words(zh="风速无数据", en="NO WIND DATA"))
    assert alarms_page.Wish().wanted(one)
    assert alarms_page.Wish("open", 1, "wind").wanted(one)
    assert not alarms_page.Wish("shelved").wanted(one)
    assert not alarms_page.Wish(priority=3).wanted(one)
    assert not alarms_page.Wish(words="moment").wanted(one)
    for state in ("normal", "shelved", "suppressed_by_design", "latched_acknowledged"):
        groups = [name for name in alarms_page.GROUPS if alarms_page.Wish(name).wanted(alarm(state=state))]
        assert "all" in groups


def test_a_statement_counts_all_devices_and_shows_what_is_missing() -> None:
    day = day_of(date(2027, 1, 14), "Asia/Shanghai")
    whole = Statement("s", "crane", "c1", day, Frames(sent=100, stored=100, evaluated=100), [], {}, [],
                      coverage_ms={"monitored": 43_200_000})  # fmt: skip
    torn = Statement("s", "crane", "c2", day, Frames(sent=100, stored=90, missing=8, lost=2), [], {},
                     [(datetime(2027, 1, 14, 3, tzinfo=UTC), "restored", {"by": "<b>"})])  # fmt: skip
    drawn = record_page.drawn(EN, PLACE, day.date, [whole, torn], {("crane", "c1"): "1#"})
    assert "95.000 %" in drawn
    assert "200 frames were sent by 2 devices" in drawn
    assert '<span class="cw-bad">8</span>' in drawn
    assert 'class="ok" style="width:50.00%"' in drawn
    assert "&lt;b&gt;" in drawn


def test_what_loosens_a_life_safety_limit_is_told_first_and_loudly() -> None:
    old = profiles.load("cn")
    text = (
        'name = "x"\nversion = 1\nbase = "cn"\nzh = "试"\nen = "try"\n'
        '[crane.moment.steps.alarm]\nset = { value = 104, source = "a test of ours" }\n'
        '[crane.wind.steps.alarm]\nset = { value = 11.5, source = "a test of ours" }\n'
    )
    drawn = difference.table(EN, differences(old, profiles.parse(text, "x", known=vocabulary.known())))
    assert "loosens 1 life-safety limit" in drawn
    assert drawn.index("crane.moment.steps.alarm.set") < drawn.index("crane.wind.steps.alarm.set")
    assert "nothing differs" in difference.table(EN, [])


def test_what_the_console_checks_profiles_by_is_what_the_analyzer_watches() -> None:
    from analytics.vocabulary import KNOWN, NAMES

    assert vocabulary.known() == KNOWN
    assert vocabulary.read(vocabulary.written(KNOWN, NAMES)) == KNOWN


def test_rules_have_the_names_that_people_call_them_by() -> None:
    assert vocabulary.rule_name("moment", "crane") == ("力矩", "moment")
    assert vocabulary.rule_name("settlement") == vocabulary.rule_name("settlement", "formwork")
    assert vocabulary.rule_name("terminal_silent", "crane")[0] == "终端无响应"
    assert vocabulary.rule_name("a_rule_of_later") == ("a_rule_of_later", "a_rule_of_later")


def test_history_is_not_drawn_across_empty_buckets() -> None:
    series = schemas.Series(
        unit="t", zh="吊重", en="load", mean=[1.0, 2.0, 3.0], low=[0.0, 1.0, 2.0], high=[2.0, 3.0, 4.0]
    )
    found = schemas.History(site="s", kind="crane", device="c1", bucket="1m", begin=0, end=600_000,
                            at=[0, 60_000, 300_000], channels={"load_t": series})  # fmt: skip
    options = history_page.options_of(EN, found, [], zone("UTC"))
    assert options["series"][2]["data"] == [[0, 1.0], [60_000, 2.0], [120_000.0, None], [300_000, 3.0]]
    assert [point[1] for point in options["series"][1]["data"]] == [2.0, 2.0, None, 2.0]


def test_a_span_has_an_end_after_its_begin_and_is_no_longer_than_what_is_kept() -> None:
    now = datetime(2027, 1, 15, tzinfo=UTC)
    begin, end = history_page.Wish(range="24h").span(now)
    assert (end - begin).total_seconds() == 86_400
    for first, last in (((2027, 1, 2), (2027, 1, 1)), ((2025, 1, 1), (2027, 1, 1))):
        wish = history_page.Wish(begin=datetime(*first, tzinfo=UTC), end=datetime(*last, tzinfo=UTC))
        with pytest.raises(ValueError, match=r"^$"):
            wish.span(now)


def trial(**more: object) -> record.Test:
    at = datetime.fromtimestamp(NOW / 1000, UTC)
    fields: dict[str, object] = {
        "proof_id": 1, "test": "test-00000001", "device_id": 1, "site": "s", "kind": "crane", "device": "c1",
        "display_name": "1#<塔机>", "source": Source.PERSON, "ordered_by": "wang", "note": "", "state": State.OVER,
        "asked_at": at, "until_at": at, "begun_by": "op-7", "sent_at": at, "hold_s": 20.0, "raised": "t-1",
        "steps": [Step(Link.STORED, at, 0.2), Step(Link.RAISED, at, 0.6)], "outcome": Outcome.FAILED,
        "failed_link": "rendered", "detail": "missing", "judged_at": at,
    }  # fmt: skip
    return record.Test(**{**fields, **more})  # type: ignore[arg-type]  # by name


def test_a_proof_test_says_link_by_link_how_far_it_came_and_where_it_failed() -> None:
    drawn = proofs.panel(EN, [trial()], PLACE.zone)
    assert "✓ raised by the analyzer <b>0.6 s</b>" in drawn
    assert "✗ shown by a terminal never came" in drawn
    assert "终端显示" in proofs.panel(ZH, [trial()], PLACE.zone)
    passed = trial(outcome=Outcome.PASSED, failed_link=None, detail="")
    assert "✗" not in proofs.panel(EN, [passed], PLACE.zone)
    asked = trial(outcome=None, state=State.ASKED, failed_link=None, detail="", steps=[])
    assert "waits for the operator" in proofs.panel(EN, [asked], PLACE.zone)
    assert "no proof test" in proofs.panel(EN, [], PLACE.zone)


def test_the_tests_of_a_site_name_each_crane_and_escape_it() -> None:
    drawn = proofs_page.table(EN, PLACE, [trial()])
    assert "1#&lt;塔机&gt;" in drawn
    assert "/crane/s/c1" in drawn
    weekly = record.Wanted("s", None, None, Schedule(7, "07:00", "09:00"), datetime.now(UTC))
    assert "every 7 days, between 07:00 and 09:00" in proofs_page.schedule(EN, [weekly])
    assert "每 7 天" in proofs_page.schedule(ZH, [weekly])


def test_the_handover_names_a_test_that_waits_and_one_that_failed_among_the_works() -> None:
    asked = trial(outcome=None, state=State.ASKED, failed_link=None, detail="")
    works = gathered._tests([trial(), asked, trial(outcome=Outcome.PASSED, failed_link=None)])
    drawn = sheet.works(EN, made(works=works))
    assert "failed: shown by a terminal, never came: repair, test again" in drawn
    assert "the operator begins it" in drawn
    assert drawn.count("<li>") == 2
