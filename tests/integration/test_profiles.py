"""Limit profiles in the record: two persons, versions that never go back, and what is published."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import LiteralString

import psycopg
import pytest

from analytics.vocabulary import KNOWN
from telemetry import profiles
from telemetry.errors import ConfigError, StorageRefused
from telemetry.limit_profile import Profile
from telemetry.settings import DatabaseSettings
from telemetry.storage.migrate import migrate
from telemetry.storage.pool import Database
from telemetry.storage.profiles import ProfileStore, due, find, published
from telemetry.wire.frames import MAX_BYTES
from tests.helpers.limits import BASE, number
from tests.helpers.rows import fetch, value
from tests.helpers.services import ROOT

ALARM = "[crane.moment.steps.alarm]\nset = {}\n"


def text(version: int, limit: float, name: str = "works", more: str = "") -> str:
    return BASE.format(name=name, version=version) + more + ALARM.format(number(limit))


@pytest.fixture
def store(database: DatabaseSettings) -> Iterator[ProfileStore]:
    execute(database, "INSERT INTO site (site) VALUES ('site'), ('other')")
    with ProfileStore(database) as found:
        yield found


def execute(settings: DatabaseSettings, query: LiteralString) -> None:
    with psycopg.connect(settings.url.get_secret_value(), autocommit=True) as connection:
        connection.execute(query)


def approved(store: ProfileStore, version: int, limit: float, **more: str) -> str:
    store.propose(text(version, limit, **more), "works.toml", "li", KNOWN)
    return store.approve(more.get("name", "works"), version, "wang", None, KNOWN).label


def test_a_version_is_proposed_approved_by_another_person_and_published(
    store: ProfileStore, database: DatabaseSettings
) -> None:
    proposed = store.propose(text(1, 101), "works.toml", "Li", KNOWN)
    assert (proposed.approved_by, proposed.label) == (None, profiles.parse(text(1, 101)).label)
    with pytest.raises(ConfigError, match="is not approved"):
        store.publish("site", "works", 1, "zhao", 0)
    found = store.approve("works", 1, "Wang", "after the storm", KNOWN)
    assert (found.approved_by, found.why) == ("Wang", "after the storm")
    assert found.approved_at is not None
    sent = store.publish("site", "works", 1, "zhao", 0)
    assert (sent.name, sent.version, sent.hash, sent.proposed_by, sent.approved_by, sent.text) == (
        "works", 1, proposed.hash, "Li", "Wang", text(1, 101),
    )  # fmt: skip
    assert [(one.site, one.profile.label, one.published_by) for one in store.publications()] == [
        ("site", proposed.label, "zhao")
    ]


@pytest.mark.parametrize("who", ["li", "LI", " L i ", "ｌｉ", ""])
def test_nobody_approves_what_they_proposed(store: ProfileStore, who: str) -> None:
    store.propose(text(1, 101), "works.toml", "Li", KNOWN)
    with pytest.raises(ConfigError, match="another person"):
        store.approve("works", 1, who, None, KNOWN)


@pytest.mark.parametrize("who", ["li", "LI", " L i"])
def test_the_database_does_not_let_them_either(store: ProfileStore, database: DatabaseSettings, who: str) -> None:
    store.propose(text(1, 101), "works.toml", "Li", KNOWN)
    with (
        psycopg.connect(database.url.get_secret_value(), autocommit=True) as connection,
        pytest.raises(psycopg.errors.CheckViolation, match="two_persons"),
    ):
        connection.execute("UPDATE limit_profile SET approved_by = %s, approved_at = now() WHERE NOT packaged", (who,))


@pytest.mark.parametrize(
    "change",
    [
        "UPDATE limit_profile SET source = 'x' WHERE name = 'works'",
        "UPDATE limit_profile SET body = '{}' WHERE name = 'works'",
        "UPDATE limit_profile SET approved_by = 'zhao' WHERE name = 'works'",
        "UPDATE limit_profile SET approved_by = NULL, approved_at = NULL WHERE name = 'works'",
        "UPDATE limit_profile SET effective_ms = 0, version = 9 WHERE name = 'works'",
        "UPDATE limit_profile SET source = 'x' WHERE packaged",
        "DELETE FROM limit_profile WHERE name = 'works'",
        "DELETE FROM limit_profile WHERE packaged",
    ],
)
def test_what_was_approved_never_changes(
    store: ProfileStore, database: DatabaseSettings, change: LiteralString
) -> None:
    approved(store, 1, 101)
    before = fetch(database, "SELECT * FROM limit_profile ORDER BY name, version")
    with pytest.raises(psycopg.errors.CheckViolation):
        execute(database, change)
    assert fetch(database, "SELECT * FROM limit_profile ORDER BY name, version") == before
    with pytest.raises(ConfigError, match="was approved by wang"):
        store.approve("works", 1, "zhao", None, KNOWN)


def test_a_proposal_is_approved_as_it_is_or_not_at_all(store: ProfileStore, database: DatabaseSettings) -> None:
    store.propose(text(1, 101), "works.toml", "Li", KNOWN)
    with pytest.raises(psycopg.errors.CheckViolation, match="can be approved and not changed"):
        execute(
            database, "UPDATE limit_profile SET source = 'x', approved_by = 'w', approved_at = now() WHERE NOT packaged"
        )
    with pytest.raises(psycopg.errors.CheckViolation, match="is proposed first"):
        execute(
            database,
            "INSERT INTO limit_profile (name, version, hash, source, body, effective_ms, proposed_by, approved_by,"
            " approved_at) SELECT name, 9, hash, source, body, 0, 'a', 'b', now() FROM limit_profile"
            " WHERE NOT packaged",
        )


def test_versions_never_go_back(store: ProfileStore, database: DatabaseSettings) -> None:
    approved(store, 3, 101)
    for version in (1, 3):
        with pytest.raises(StorageRefused, match="versions never go back"):
            store.propose(text(version, 102), "works.toml", "li", KNOWN)
    store.propose(text(4, 102), "works.toml", "li", KNOWN)
    approved(store, 5, 103)
    with pytest.raises(StorageRefused, match="a newer version is approved"):
        store.approve("works", 4, "wang", None, KNOWN)
    store.publish("site", "works", 5, "zhao", 0)
    with pytest.raises(ConfigError, match="works/5 was published to site, and versions never go back"):
        store.publish("site", "works", 3, "zhao", 0)
    store.publish("other", "works", 3, "zhao", 0)


def test_what_is_wrong_or_goes_nowhere_is_refused(store: ProfileStore) -> None:
    with pytest.raises(ConfigError, match=r"works.toml, line 7: crane\.moment\.steps\.alarm\.clear"):
        store.propose(text(1, 90), "works.toml", "li", KNOWN)
    with pytest.raises(ConfigError, match="comes with cranewatch"):
        store.propose(text(9, 101, name="cn"), "cn.toml", "li", KNOWN)
    with pytest.raises(ConfigError, match="who proposes"):
        store.propose(text(1, 101), "works.toml", " ", KNOWN)
    approved(store, 1, 101)
    with pytest.raises(ConfigError, match="no such site"):
        store.publish("nowhere", "works", 1, "zhao", 0)
    with pytest.raises(ConfigError, match="no limit profile works/7"):
        store.approve("works", 7, "wang", None, KNOWN)


def test_what_is_too_large_to_publish_is_refused_before_it_is_written_down(store: ProfileStore) -> None:
    long = "# " + "x" * MAX_BYTES
    with pytest.raises(ConfigError, match="the limit is 65,536"):
        store.propose(text(1, 101) + long, "works.toml", "li", KNOWN)
    assert [one for one in store.all() if not one.packaged] == []


def test_a_base_that_does_not_come_with_the_package_is_written_out(store: ProfileStore) -> None:
    approved(store, 1, 101)
    mine = text(1, 104, name="tower").replace('base = "cn"', 'base = "works"')
    with pytest.raises(ConfigError, match="no limit profile 'nobody'"):
        store.propose(mine.replace("works", "nobody"), "tower.toml", "li", KNOWN)
    store.propose(text(2, 102), "works.toml", "li", KNOWN)
    found = store.propose(mine, "tower.toml", "li", KNOWN)
    assert "base" not in found.source.split("[")[0], "the newest approved one, and not the proposal"
    again = profiles.parse(found.source, known=KNOWN)
    assert again.hash == found.hash
    assert again.rules["crane"]["moment"].steps["alarm"].set.value == 104.0


async def test_the_topic_of_a_site_holds_what_was_published_last_and_until_it_is_effective_what_was_before(
    store: ProfileStore, database: DatabaseSettings
) -> None:
    moment = "effective = 2027-01-15T08:00:00Z\n"
    at = 1_800_000_000_000
    approved(store, 1, 101)
    approved(store, 2, 102)
    approved(store, 3, 103, more=moment)
    for version in (1, 2, 3):
        store.publish("site", "works", version, "zhao", at - 1)
    store.publish("other", "works", 3, "zhao", at - 1)
    async with Database(database, application="test") as pool:
        rows = await published(pool)
    told = {
        site: (one.version, one.before.version if one.before else None, one.before.before if one.before else None)
        for site, one in due(rows, at - 1).items()
    }
    assert told == {"site": (3, 2, None), "other": (3, None, None)}
    assert due(rows, at)["site"].before is None


async def test_a_profile_is_found_again_by_its_label_and_never_another_in_its_place(
    store: ProfileStore, database: DatabaseSettings
) -> None:
    label = approved(store, 1, 101)
    cn = profiles.load("cn").label
    async with Database(database, application="test") as pool:
        found = await find(pool, [label, cn, f"works/1@{'0' * 12}", "works/1", "uk/1"])
        assert await find(pool, []) == []
    assert {one.label for one in found} == {label, cn}
    assert all(isinstance(one, Profile) for one in found)


def test_every_packaged_profile_is_in_the_record_once(database: DatabaseSettings) -> None:
    for _ in range(2):
        migrate(database)
        found = fetch(database, "SELECT name, hash FROM limit_profile WHERE packaged")
        assert set(found) == {(name, profiles.load(name).hash) for name in profiles.names()}
        assert len(found) == len(profiles.names())


# The command


def cranewatch(database: DatabaseSettings, *arguments: str) -> "subprocess.CompletedProcess[str]":
    env = {name: one for name, one in os.environ.items() if not name.startswith("CRANEWATCH_")}
    env |= {"CRANEWATCH_DATABASE__URL": database.url.get_secret_value(), "PYTHONPATH": str(ROOT), "COLUMNS": "200"}
    return subprocess.run(
        [sys.executable, "-m", "runtime.cli", "profile", *arguments],
        cwd=ROOT, env=env, capture_output=True, text=True, check=False, timeout=60,
    )  # fmt: skip


def test_the_command_walks_a_profile_from_proposal_to_site(postgres_database: DatabaseSettings, tmp_path: Path) -> None:
    database = postgres_database
    execute(database, "INSERT INTO site (site) VALUES ('site')")
    file = tmp_path / "works.toml"
    file.write_text(text(1, 105), encoding="utf-8")
    done = cranewatch(database, "propose", str(file), "--who", "li")
    assert done.returncode == 0
    assert "100 → 105  放宽了涉及生命安全的限值 LOOSENS A LIFE-SAFETY LIMIT" in done.stderr
    assert "LOOSENS 1 LIFE-SAFETY LIMITS" in done.stderr
    assert cranewatch(database, "approve", "works", "1", "--who", "Li").returncode == 1
    assert cranewatch(database, "publish", "site", "works", "1").returncode == 1
    assert cranewatch(database, "approve", "works", "1", "--who", "wang").returncode == 0
    assert cranewatch(database, "publish", "site", "works", "1", "--who", "zhao").returncode == 0
    rows = json.loads(cranewatch(database, "list", "--json").stdout)
    mine = next(row for row in rows if row["name"] == "works")
    assert (mine["proposed_by"], mine["approved_by"], mine["sites"]) == ("li", "wang", ["site"])
    told = cranewatch(database, "diff", "cn", "works/1", "--json")
    assert told.returncode == 1, "it loosens a life-safety limit"
    assert [one["path"] for one in json.loads(told.stdout)] == ["crane.moment.steps.alarm.set"]
    assert value(database, "SELECT published_by FROM site_profile") == "zhao"


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["check", "{file}"], "line 7: crane.moment.steps.alarm.clear"),
        (["propose", "{file}", "--who", "li"], "line 7: crane.moment.steps.alarm.clear"),
        (["approve", "works", "1", "--who", "wang"], "no limit profile works/1"),
        (["publish", "site", "works", "1"], "no limit profile works/1"),
        (["diff", "cn", "nothing"], "no such file"),
    ],
)
def test_the_command_says_what_is_wrong_without_a_traceback(
    postgres_database: DatabaseSettings, tmp_path: Path, arguments: list[str], words: str
) -> None:
    file = tmp_path / "works.toml"
    file.write_text(text(1, 90), encoding="utf-8")
    done = cranewatch(postgres_database, *(one.format(file=file) for one in arguments))
    assert done.returncode == 1
    assert words in done.stderr
    assert "Traceback" not in done.stderr
