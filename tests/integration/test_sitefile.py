"""Site files into real databases and out again."""

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any

import psycopg
import pytest
from hypothesis import HealthCheck, given, settings

from telemetry import vocabulary
from telemetry.errors import ConfigError, StorageError
from telemetry.settings import DatabaseSettings
from telemetry.sitefile import check
from telemetry.sitefile.words import File
from telemetry.storage import audit, sitefile
from telemetry.storage.audit import Actor
from telemetry.storage.pool import Database
from telemetry.storage.profiles import ProfileStore
from telemetry.storage.sitefile import Held, Imported
from tests.helpers.limits import number, published
from tests.helpers.sitefiles import WHOLE, files

BY = Actor("zhang.wei", "一建", "192.0.2.7")
NOW = datetime(2027, 1, 15, 4, tzinfo=UTC)
TEXT = WHOLE.replace("2027-01-15T07:00:00+08:00", "2027-01-15T06:00:00+08:00")


async def bring(pool: Database, text: str, **more: Any) -> Imported:
    return await sitefile.put(pool, check.parse(text, "file"), BY, more.pop("at", NOW), **more)


async def out(pool: Database, at: datetime = NOW) -> Held:
    found = await sitefile.held(pool, "gate", at)
    assert found is not None
    return found


def rows(settings_: DatabaseSettings, sql: str) -> list[tuple[Any, ...]]:
    with psycopg.connect(settings_.url.get_secret_value(), autocommit=True) as connection:
        return connection.execute(sql).fetchall()


def versions(settings_: DatabaseSettings) -> dict[str, int]:
    found = rows(settings_, "SELECT device, config_version FROM device UNION SELECT site, config_version FROM site")
    return dict(found)  # type: ignore[arg-type]  # pairs of a name and a number


@settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(first=files(), second=files())
def test_what_is_exported_imports_to_the_same(postgres_database: DatabaseSettings, first: File, second: File) -> None:
    async def play() -> None:
        async with Database(postgres_database, application="test") as pool:
            # Whatever stands there from the example before.
            for file in (first, second):
                done = await sitefile.put(pool, file, BY, NOW, confirmed=True)
                there = await out(pool)
                assert (there.file.site, there.file.cranes, there.file.bays) == (file.site, file.cranes, file.bays)
                assert (there.file.contacts, there.file.roster) == (file.contacts, file.roster)
                assert there.tag == done.tag
                for text in (there.written(), there.written(secrets=True), there.written(people=False)):
                    again = await bring(pool, text)
                    assert (again.changes, again.applied, again.tag) == ([], False, done.tag)

    asyncio.run(play())


async def test_only_what_changed_gets_a_new_version_and_the_log_says_what(database: DatabaseSettings) -> None:
    async with Database(database, application="test") as pool:
        await bring(pool, TEXT)
        assert set(versions(database).values()) == {1}
        before = await out(pool)
        await bring(pool, TEXT.replace("hook_max_m = 38.0", "hook_max_m = 37.0"))
        assert versions(database) == {"gate": 1, "crane-1": 2, "crane-2": 1, "post-1": 1, "post-2": 1}
        await bring(pool, TEXT.replace("hook_max_m = 38.0", "hook_max_m = 37.0"))  # again: nothing
        line, first = await audit.page(pool, sites=["gate"])
        assert (line.who, line.address, line.action) == ("zhang.wei", "192.0.2.7", "site.import")
        assert line.before == {"file": before.tag, "version": 1}
        assert line.after is not None
        assert line.after["changes"] == [["crane/crane-1 hook_max_m", "38", "37", "judge"]]
        assert first.before is None
        assert "token" not in str((line, first))


async def test_a_device_that_is_not_in_the_file_is_retired_and_comes_back_when_it_is(
    database: DatabaseSettings,
) -> None:
    without = TEXT.replace('[[bays.posts]]\nid = "post-2"\n', "").replace('neighbours = ["post-2"]\n', "")
    async with Database(database, application="test") as pool:
        await bring(pool, TEXT)
        rows(database, "INSERT INTO device (site, kind, device) VALUES ('gate', 'crane', 'stray') RETURNING 1")
        with pytest.raises(sitefile.Unconfirmed) as refused:
            await bring(pool, without)
        assert next(one.what for one in refused.value.changes if one.dangerous) == "formwork/post-2"
        with pytest.raises(sitefile.Unconfirmed):
            await bring(pool, without, confirmed="0123456789ab")
        await bring(pool, without, confirmed=refused.value.word)
        assert rows(database, "SELECT config -> 'retired', config_version FROM device WHERE device = 'post-2'") == [
            (True, 2)
        ]
        there = await out(pool)
        assert (there.retired, there.unconfigured) == ((("formwork", "post-2"),), (("crane", "stray"),))
        assert "# formwork/post-2: 已退出监测" in there.written()
        assert (await bring(pool, there.written())).changes == []
        await bring(pool, TEXT)
        assert (await out(pool)).retired == ()
        assert versions(database)["post-2"] == 3
        assert versions(database)["stray"] == 0


async def test_duties_that_are_over_stay_on_record_and_are_not_in_the_file(database: DatabaseSettings) -> None:
    later = NOW + timedelta(days=30)
    async with Database(database, application="test") as pool:
        await bring(pool, TEXT)
        then = await out(pool, later)
        assert then.file.roster == []
        await bring(pool, then.written(), at=later)
        await bring(pool, TEXT, at=later)  # what is over is not written again either
        assert len(rows(database, "SELECT 1 FROM duty")) == 1


async def test_a_site_that_changed_since_is_not_overwritten(database: DatabaseSettings) -> None:
    async with Database(database, application="test") as pool:
        with pytest.raises(sitefile.Outdated):
            await bring(pool, TEXT, expected=["0" * 32])
        first = await bring(pool, TEXT)
        tags = [first.tag]
        await bring(pool, TEXT.replace("hook_max_m = 38.0", "hook_max_m = 37.0"), expected=tags)
        with pytest.raises(sitefile.Outdated):
            await bring(pool, TEXT, expected=tags)


async def test_it_is_all_or_nothing_and_a_dry_run_is_nothing(database: DatabaseSettings) -> None:
    async with Database(database, application="test") as pool:
        seen = await bring(pool, TEXT, dry=True)
        assert (seen.applied, seen.new) == (False, True)
        assert rows(database, "SELECT 1 FROM site") == []
        masked = TEXT.replace("127.0.0.1/token-of-wang", "***")
        with pytest.raises(ConfigError, match="give it whole"):
            await bring(pool, masked)
        with psycopg.connect(database.url.get_secret_value(), autocommit=True) as connection:
            connection.execute("ALTER TABLE audit_log ADD CHECK (action <> 'site.import')")
        with pytest.raises(StorageError):
            await bring(pool, TEXT)
        assert rows(database, "SELECT 1 FROM site UNION ALL SELECT 1 FROM contact") == []
        assert await sitefile.held(pool, "gate", NOW) is None


async def test_what_is_dangerous_is_held_against_the_profile_that_holds_at_the_site(
    database: DatabaseSettings,
) -> None:
    looser = published(f"crane.moment.steps.alarm.set = {number(110)}\n").text
    without = TEXT.replace("limits = { moment = { alarm = 95 } }", "limits = { moment = { alarm = 100 } }")
    async with Database(database, application="test") as pool:
        await bring(pool, without)
        assert await sitefile.published(pool, "gate", NOW) is None
        with ProfileStore(database) as store:
            store.propose(looser, "works.toml", "li", vocabulary.known())
            store.approve("works", 1, "wang", None, vocabulary.known())
            store.publish("gate", "works", 1, "zhao", 0)
        holds = await sitefile.published(pool, "gate", NOW)
        assert holds is not None
        assert holds.label.startswith("works/1@")
        # By the package's profile that would change nothing; by what was published it is a limit that goes.
        with pytest.raises(sitefile.Unconfirmed) as refused:
            await bring(pool, without.replace("limits = { moment = { alarm = 100 } }", ""))
        (one,) = refused.value.changes
        assert (one.what, one.old, one.new, one.dangerous) == ("crane/crane-1 moment.alarm", "100", "(110)", True)
