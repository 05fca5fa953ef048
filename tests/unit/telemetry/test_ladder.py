"""Who is told, in which order and when: ladders, rosters and quiet hours as a site's tables give them."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from telemetry import ladder
from telemetry.errors import ConfigError
from telemetry.ladder import Contact, Duty, Ladder, Means, Plan, Shift, Step, Urgency
from telemetry.model import Severity
from telemetry.roles import Role

ZONE = ZoneInfo("Asia/Shanghai")
DAY = ("07:00", "19:00")
NOON = datetime(2027, 1, 15, 4, 0, tzinfo=UTC)  # 12:00 at the site


def contact(name: str, *means: str, role: str | None = None, quiet: list[str] | None = None) -> Contact:
    channels = [{"name": f"{n}-{one}", "means": one, "url": f"json://{name}/{n}"} for n, one in enumerate(means)]
    table = {"contact": name, "name": name.title(), "channels": channels, "role": role, "quiet": quiet}
    return ladder.parse(Contact, {key: value for key, value in table.items() if value is not None}, "contacts[0]")


def duty(name: str, role: str, begin: datetime, hours: float, shift: Shift = Shift.ALL) -> Duty:
    return Duty(contact=name, role=Role(role), begin=begin, end=begin + timedelta(hours=hours), shift=shift)


@pytest.mark.parametrize(
    ("type_", "table", "words"),
    [
        (Contact, {"contact": "wang", "name": "王", "chanels": []}, r"contacts\[0\]: .*unknown field `chanels`"),
        (Contact, {"contact": "wang"}, r"contacts\[0\]: .*missing required field `name`"),
        (
            Contact,
            {"contact": "wang", "name": "王", "channels": [{"name": "a", "means": "push", "url": "hello"}]},
            r"contacts\[0\]\.channels\[0\]\.url: not an apprise URL",
        ),
        (Contact, {"contact": "wang", "name": "王", "quiet": ["22:00", "25:00"]}, r"contacts\[0\]\.quiet\[1\]"),
        (Plan, {"alarm": {"steps": [{"after_s": 0}]}}, r"contacts\[0\]\.alarm\.steps\[0\]: .*exactly one"),
        (Plan, {"alarm": {"steps": [{"after_s": 0, "duty": "boss"}]}}, r"duty is 'any' or one of"),
        (Plan, {"alarm": {"steps": [{"after_s": 9, "duty": "any"}, {"after_s": 1, "duty": "any"}]}}, "in order"),
        (Plan, {"alarm": {"steps": [], "repeats": 2}}, "repeats need repeat_s"),
        (
            Duty,
            {"contact": "a", "role": "operator", "begin": "2027-01-15T07:00:00", "end": "2027-01-16T07:00:00"},
            "have an offset",
        ),
    ],
)  # fmt: skip
def test_a_mistake_is_told_with_its_key(type_: type[Contact], table: dict[str, object], words: str) -> None:
    with pytest.raises(ConfigError, match=words):
        ladder.parse(type_, table, "contacts[0]")


def test_an_address_is_shown_to_nobody_who_does_not_ask_for_it() -> None:
    one = ladder.parse(
        Contact,
        {"contact": "wang", "name": "王", "channels": [{"name": "a", "means": "push", "url": "wecombot://TOKEN-7"}]},
        "contacts[0]",
    )
    assert "TOKEN" not in f"{one} {one!r} {one.channels[0].url}"
    assert "TOKEN" not in str(ladder.plain(one))
    assert ladder.parse(Contact, ladder.plain(one, reveal=True), "again") == one
    broken = {"contact": "wang", "name": "王", "channels": [{"name": "a", "means": "push", "url": ["TOKEN-7"]}]}
    with pytest.raises(ConfigError) as caught:
        ladder.parse(Contact, broken, "contacts[0]")
    assert "TOKEN" not in str(caught.value)
    assert caught.value.__cause__ is None


def test_a_step_rings_no_telephone_unless_it_says_so_and_a_wrong_channel_is_better_than_none() -> None:
    both, only = contact("wang", "push", "call"), contact("li", "mail")
    assert [one.means for one in both.by([])] == [Means.PUSH]
    assert [one.means for one in both.by([Means.CALL])] == [Means.CALL]
    assert [one.means for one in only.by([Means.CALL])] == [Means.MAIL]
    assert [one.means for one in contact("zhao", "call").by([])] == [Means.CALL]


def test_a_step_means_who_is_on_duty_or_bears_the_role_or_is_named_and_nobody_twice() -> None:
    people = {one.contact: one for one in (contact("wang", "push", role="site_manager"), contact("li", "push"))}
    people["mute"] = contact("mute")
    on = [duty("li", "safety_officer", NOON, 1), duty("li", "signaller", NOON, 1), duty("mute", "operator", NOON, 1)]

    def names(**who: str) -> list[str]:
        return [one.contact for one in ladder.told(ladder.parse(Step, {"after_s": 0, **who}, "step"), people, on)]

    assert names(duty="safety_officer") == ["li"]
    assert names(duty="any") == ["li"]  # once, and not whoever has no channel
    assert names(duty="site_manager") == []
    assert names(role="site_manager") == ["wang"]
    assert names(contact="wang") == ["wang"]
    assert names(contact="nobody") == []


@pytest.mark.parametrize(
    ("local", "shift", "expected"),
    [
        ("06:59", Shift.DAY, False), ("07:00", Shift.DAY, True), ("18:59", Shift.DAY, True),
        ("19:00", Shift.DAY, False),
        ("06:59", Shift.NIGHT, True), ("07:00", Shift.NIGHT, False), ("19:00", Shift.NIGHT, True),
        ("03:00", Shift.ALL, True),
    ],
)  # fmt: skip
def test_shifts_are_hours_of_the_sites_day(local: str, shift: Shift, expected: bool) -> None:
    at = datetime.fromisoformat(f"2027-01-16T{local}").replace(tzinfo=ZONE).astimezone(UTC)
    one = duty("wang", "safety_officer", NOON - timedelta(days=1), 72, shift)
    assert one.on(at, DAY, ZONE) is expected
    assert not one.on(at + timedelta(days=7), DAY, ZONE)


def test_a_duty_ends_before_the_moment_that_it_names() -> None:
    one = duty("wang", "safety_officer", NOON, 1)
    assert [one.on(NOON + timedelta(minutes=m), DAY, ZONE) for m in (-1, 0, 59, 60)] == [False, True, True, False]


def test_quiet_hours_go_over_midnight_in_the_sites_zone() -> None:
    one = contact("wang", "push", quiet=["22:00", "06:30"])

    def until(local: str) -> str | None:
        at = datetime.fromisoformat(f"2027-01-15T{local}").replace(tzinfo=ZONE)
        found = one.quiet_until(at.astimezone(UTC), ZONE)
        return found.astimezone(ZONE).isoformat(timespec="minutes")[5:16] if found else None

    assert [until(at) for at in ("21:59", "22:00", "23:59", "00:10", "06:29", "06:30")] == [
        None, "01-16T06:30", "01-16T06:30", "01-15T06:30", "01-15T06:30", None,
    ]  # fmt: skip


def test_behind_the_last_step_everybody_is_told_again_as_often_as_the_ladder_says() -> None:
    one = Ladder(steps=[Step(after_s=0, duty="any"), Step(after_s=30, role=Role.SITE_MANAGER)], repeat_s=300, repeats=2)
    assert [one.due_s(n) for n in range(5)] == [0, 30, 330, 630, None]
    assert [len(one.at(n)) for n in range(4)] == [1, 1, 2, 2]
    assert Ladder().due_s(0) is None


def test_the_default_rings_everybody_on_duty_and_then_the_manager_for_what_is_about_lives() -> None:
    steps = Plan().ladder(Urgency.LIFE_SAFETY).steps
    assert [(step.after_s, step.who) for step in steps] == [
        (0, "duty:safety_officer"), (30, "duty:any"), (60, "role:site_manager"),
    ]  # fmt: skip
    assert Plan().ladder(Urgency.SUPERVISED).steps == []
    own = ladder.parse(Plan, {"life_safety": {"steps": [{"after_s": 5, "duty": "any"}]}}, "notify")
    assert own.ladder(Urgency.LIFE_SAFETY).due_s(0) == 5
    assert own.ladder(Urgency.ALARM) == Plan().ladder(Urgency.ALARM)


def test_a_pre_warning_is_no_reason_to_ring_anybody() -> None:
    assert ladder.urgency(Severity.PREWARNING, life_safety=True) is Urgency.SUPERVISED
    assert ladder.urgency(Severity.ALARM, life_safety=True) is Urgency.LIFE_SAFETY
    assert ladder.urgency(Severity.CRITICAL, life_safety=False) is Urgency.ALARM


def test_tables_that_contradict_each_other_are_refused_with_the_place() -> None:
    wang = contact("wang", "push")
    with pytest.raises(ConfigError, match=r"roster\[0\]\.contact: no contact 'li'"):
        ladder.check([wang], [duty("li", "operator", NOON, 1)], Plan())
    with pytest.raises(ConfigError, match=r"contacts\[1\]\.contact: 'wang' stands there twice"):
        ladder.check([wang, wang], [], Plan())
    with pytest.raises(ConfigError, match=r"notify\.alarm\.steps\[0\]\.contact: no contact 'li'"):
        ladder.check([wang], [], Plan(alarm=Ladder(steps=[Step(after_s=0, contact="li")])))
