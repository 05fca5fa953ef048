"""Contacts, duties and ladders in real databases."""

from datetime import UTC, datetime, timedelta

import psycopg
import pytest

from telemetry import ladder
from telemetry.errors import ConfigError, StorageError
from telemetry.ladder import Contact, Duty, Ladder, Plan, Step, Urgency
from telemetry.roles import Role
from telemetry.settings import DatabaseSettings
from telemetry.storage import audit, contacts, roster
from telemetry.storage.audit import Actor
from telemetry.storage.pool import Database

NOW = datetime(2027, 1, 15, 4, 0, tzinfo=UTC)


BY = Actor("zhang.wei", "一建", "192.0.2.7")


async def replace(pool: Database, people: list[Contact], duties: list[Duty], plan: Plan) -> None:
    async with pool.connection() as connection, connection.transaction():
        await roster.replace(connection, "gate", people, duties, plan, NOW)


def wang(url: str = "json://127.0.0.1/wang", name: str = "push") -> Contact:
    table = {"contact": "wang", "name": "王工", "organisation": "一建", "role": "site_manager",
             "quiet": ["22:00", "06:00"], "channels": [{"name": name, "means": "push", "url": url}]}  # fmt: skip
    return ladder.parse(Contact, table, "contact")


def duty(hours: float = 1.0, contact: str = "wang") -> Duty:
    return Duty(contact=contact, role=Role.SAFETY_OFFICER, begin=NOW, end=NOW + timedelta(hours=hours))


@pytest.fixture
def site(database: DatabaseSettings) -> DatabaseSettings:
    with psycopg.connect(database.url.get_secret_value(), autocommit=True) as connection:
        connection.execute("INSERT INTO site (site) VALUES ('gate')")
    return database


async def test_a_contact_that_is_written_back_masked_keeps_its_address(site: DatabaseSettings) -> None:
    async with Database(site, application="test") as pool:
        assert await contacts.put(pool, BY, "gate", wang()) is None
        masked = ladder.parse(Contact, ladder.plain(wang()), "contact")
        assert await contacts.put(pool, BY, "gate", masked) == wang()
        assert await contacts.contacts(pool, "gate") == [wang()]
        with pytest.raises(ConfigError, match=r"channels\[0\]\.url: it is masked"):
            await contacts.put(pool, BY, "gate", wang("json://***", "another"))
        with pytest.raises(ConfigError, match=r"channels\[0\]\.url: it is masked"):
            await contacts.put(pool, BY, "gate", wang("mailto://***"))


async def test_who_is_told_follows_the_roster_at_that_moment(site: DatabaseSettings) -> None:
    async with Database(site, application="test") as pool:
        await contacts.put(pool, BY, "gate", wang())
        number = await roster.put(pool, BY, "gate", duty())
        assert number is not None
        assert await roster.put(pool, BY, "gate", duty()) == number  # twice is once
        for minutes, on in ((-1, []), (30, ["wang"]), (60, [])):
            found = await roster.standing(pool, "gate", NOW + timedelta(minutes=minutes))
            assert found is not None
            assert [one.contact for one in found.duties] == on
            assert list(found.reached(Urgency.LIFE_SAFETY)) == ["wang"]  # its last step names a role
            assert list(found.reached(Urgency.SUPERVISED)) == []
        assert await roster.put(pool, BY, "gate", duty(2), number) == number
        assert [one.duty for one in await roster.roster(pool, "gate")] == [duty(2)]
        assert await roster.put(pool, BY, "gate", duty(3), number + 1) is None
        assert await roster.delete(pool, BY, "gate", number) == duty(2)
        assert await roster.standing(pool, "nowhere", NOW) is None


async def test_whom_a_duty_to_come_names_cannot_be_taken_away(site: DatabaseSettings) -> None:
    later = datetime.now(UTC)
    ahead = Duty(contact="wang", role=Role.OPERATOR, begin=later, end=later + timedelta(hours=1))
    over = Duty(contact="wang", role=Role.OPERATOR, begin=later - timedelta(days=2), end=later - timedelta(days=1))
    async with Database(site, application="test") as pool:
        await contacts.put(pool, BY, "gate", wang())
        number = await roster.put(pool, BY, "gate", ahead)
        await roster.put(pool, BY, "gate", over)
        with pytest.raises(ConfigError, match="on the duty roster"):
            await contacts.delete(pool, BY, "gate", "wang")
        assert number is not None
        await roster.delete(pool, BY, "gate", number)
        assert await contacts.delete(pool, BY, "gate", "wang") == wang()
        assert await contacts.contacts(pool, "gate") == []
        with pytest.raises(ConfigError, match="no contact 'wang' at gate"):
            await roster.put(pool, BY, "gate", ahead)


async def test_a_sites_file_replaces_everything_or_nothing(site: DatabaseSettings) -> None:
    li = ladder.parse(Contact, {"contact": "li", "name": "李工", "channels": []}, "contact")
    plan = Plan(alarm=Ladder(steps=[Step(after_s=0, contact="li")]))
    async with Database(site, application="test") as pool:
        await replace(pool, [wang()], [duty()], Plan())
        with pytest.raises(ConfigError, match="no contact 'zhao'"):
            await replace(pool, [li], [duty(contact="zhao")], plan)
        assert await contacts.contacts(pool, "gate") == [wang()]
        await replace(pool, [li], [duty(contact="li")], plan)
        found = await roster.standing(pool, "gate", NOW + timedelta(minutes=1))
        assert found is not None
        assert (list(found.contacts), found.plan, found.own) == (["li"], plan, True)
        assert await roster.put_plan(pool, BY, "gate", None) == plan
        after = await roster.standing(pool, "gate", NOW)
        assert after is not None
        assert after.own is False
        with pytest.raises(ConfigError, match="no contact 'wang'"):
            await roster.put_plan(pool, BY, "gate", Plan(alarm=Ladder(steps=[Step(after_s=0, contact="wang")])))


async def test_every_change_has_its_line_in_the_same_transaction_or_neither_is_there(site: DatabaseSettings) -> None:
    async with Database(site, application="test") as pool:
        await contacts.put(pool, BY, "gate", wang())
        number = await roster.put(pool, BY, "gate", duty())
        assert number is not None
        await roster.put(pool, BY, "gate", duty(2), number)
        await roster.delete(pool, BY, "gate", number)
        await roster.put_plan(pool, BY, "gate", Plan(terminal_s=2))
        await contacts.delete(pool, BY, "gate", "wang")
        lines = await audit.page(pool, sites=["gate"])
        assert [(line.action, line.who, line.address) for line in reversed(lines)] == [
            (action, "zhang.wei", "192.0.2.7")
            for action in ("contact.put", "duty.add", "duty.put", "duty.delete", "ladders.put", "contact.delete")
        ]
        changed = next(line for line in lines if line.action == "duty.put")
        assert changed.before is not None
        assert changed.after is not None
        assert (changed.before["end"], changed.after["end"]) == ("2027-01-15T05:00:00Z", "2027-01-15T06:00:00Z")
        assert "127.0.0.1/wang" not in str(lines)
    with psycopg.connect(site.url.get_secret_value(), autocommit=True) as connection:
        connection.execute("ALTER TABLE audit_log ADD CHECK (action <> 'contact.put') NOT VALID")
    async with Database(site, application="test") as pool:
        with pytest.raises(StorageError):
            await contacts.put(pool, BY, "gate", wang())
        assert await contacts.contacts(pool, "gate") == []
