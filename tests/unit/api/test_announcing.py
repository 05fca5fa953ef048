"""Who is told of a proof test, when, and in which words."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import msgspec
import pytest

from api.notify import announcing
from telemetry import ladder
from telemetry.escalation import News, Sort
from telemetry.ladder import Contact, Duty, Ladder, Plan, Step
from telemetry.model import PROOF_REFUSED, PROOF_TEST, Severity
from telemetry.roles import Role
from telemetry.storage.roster import Standing
from tests.helpers.duty import Alarm

ZONE = ZoneInfo("Asia/Shanghai")
NOON = datetime(2027, 1, 15, 4, 0, tzinfo=UTC)
NIGHT = datetime(2027, 1, 15, 18, 40, tzinfo=UTC)  # 02:40 there


def person(name: str, **more: Any) -> Contact:
    channels = [
        {"name": "push", "means": "push", "url": "json://x/y"},
        {"name": "ring", "means": "call", "url": "json://x/z"},
    ]
    return ladder.parse(Contact, {"contact": name, "name": name, "channels": channels, **more}, name)


def standing(*people: Contact, duties: tuple[str, ...] = ("wang",), plan: Plan | None = None) -> Standing:
    on = [
        Duty(contact=one, role=Role.SAFETY_OFFICER, begin=NOON - timedelta(days=1), end=NOON + timedelta(days=1))
        for one in duties
    ]
    contacts = {one.contact: one for one in people}
    return Standing("gate", "东门工地", ZONE, plan or Plan(), own=plan is not None, contacts=contacts, duties=on)


def news(rule: str = PROOF_TEST, at: datetime = NOON, *, old: bool = False) -> News:
    raised = Alarm("crane-3", rule, severity=Severity.ADVISORY, life_safety=False).raised()
    return News(1, 7, at, msgspec.structs.replace(raised, id="t-9"), old)


def test_whoever_is_on_duty_is_told_once_by_a_push_and_it_says_test_first() -> None:
    people = standing(person("wang"), person("boss", role="site_manager"))
    (one,) = announcing.messages(news(), "3#塔机", people)
    assert (one.key, one.contact, one.channel) == ("proof/t-9/wang/push", "wang", "push")
    assert (one.sort, one.life_safety, one.run, one.due) == (Sort.TEST, False, None, None)
    assert one.title.startswith("【测试】3#塔机")
    assert "[TEST] 3#塔机" in one.title


def test_nobody_asleep_is_woken_by_a_test() -> None:
    asleep = standing(person("wang", quiet=["22:00", "06:00"]))
    (one,) = announcing.messages(news(at=NIGHT), "3#塔机", asleep)
    assert one.due == datetime(2027, 1, 15, 22, 0, tzinfo=UTC), "six in the morning there"


def test_a_first_step_by_role_means_those_on_duty_where_there_is_a_roster() -> None:
    plan = Plan(life_safety=Ladder(steps=[Step(after_s=0, role=Role.SITE_MANAGER)]))
    people = standing(person("boss", role="site_manager"), person("li", role="site_manager"), duties=("li",), plan=plan)
    assert [one.contact for one in announcing.told(people)] == ["li"]
    assert len(announcing.told(replace(people, duties=[]))) == 2


@pytest.mark.parametrize("one", [news(PROOF_REFUSED), news("moment"), news(old=True)])
def test_of_a_refusal_of_what_is_old_and_of_what_is_no_test_nothing_is_said(one: News) -> None:
    assert announcing.messages(one, "3#塔机", standing(person("wang"))) == []
