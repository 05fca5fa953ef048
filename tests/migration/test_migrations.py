"""The schema from nothing, twice, by two at once; and its columns against the declared kinds."""

import re
from concurrent.futures import ThreadPoolExecutor
from importlib import resources

import psycopg
import pytest

from telemetry.errors import ConfigError
from telemetry.kinds import KINDS
from telemetry.model import Edition
from telemetry.settings import DatabaseSettings
from telemetry.storage.checkup import checkup
from telemetry.storage.migrate import migrate, migrations
from tests.fix_database import Server
from tests.helpers.rows import value


def edition_of(server: str, settings: DatabaseSettings) -> Edition:
    """Asked of the server in another way than `offered` does: by the licence, once the extension is there."""
    if server == "postgres":
        return Edition.PLAIN
    return {"timescale": Edition.COMMUNITY, "apache": Edition.APACHE}[value(settings, "SHOW timescaledb.license")]


def test_from_nothing_to_newest_and_a_second_time_changes_nothing(server: Server) -> None:
    settings = server.empty()
    try:
        edition, version, applied = migrate(settings)
        assert edition is edition_of(server.name, settings)
        assert version.startswith("PostgreSQL ")
        assert applied == [migration.name for migration in migrations(edition)]
        assert migrate(settings)[2] == []
    finally:
        server.drop(settings)


def test_a_look_before_the_first_migration_tells_the_edition_and_leaves_nothing_behind(server: Server) -> None:
    settings = server.empty()
    try:
        for _ in range(2):
            before = checkup(settings)
            assert value(settings, "SELECT count(*) FROM pg_extension WHERE extname = 'timescaledb'") == 0
            assert before.missing == [migration.name for migration in migrations(before.edition)]
        edition, version, _ = migrate(settings)
        after = checkup(settings)
        assert (before.edition, before.version) == (edition, version) == (after.edition, after.version)
        assert after.missing == []
    finally:
        server.drop(settings)


def test_services_that_start_at_once_migrate_once(server: Server) -> None:
    settings = server.empty()
    try:
        with ThreadPoolExecutor(4) as threads:
            applied = [found[2] for found in threads.map(lambda _: migrate(settings), range(4))]
        assert sorted(map(len, applied)) == [0, 0, 0, len(migrations(Edition.PLAIN))]
    finally:
        server.drop(settings)


def test_columns_follow_the_declared_kinds(database: DatabaseSettings) -> None:
    with psycopg.connect(database.url.get_secret_value()) as connection:
        for kind in KINDS.values():
            rows = connection.execute(
                "SELECT column_name, data_type FROM information_schema.columns"
                " WHERE table_name = %s ORDER BY ordinal_position",
                (f"reading_{kind.name}",),
            ).fetchall()
            assert rows[7:] == [(channel.name, channel.store.value) for channel in kind.channels]


@pytest.mark.parametrize("edition", list(Edition))
def test_every_edition_has_the_same_rollup_functions(edition: Edition) -> None:
    signature = re.compile(r"CREATE FUNCTION (\w+_1m)\(([^)]*)\)\s*RETURNS TABLE \(([^)]*)\)")
    text = "\n".join(migration.sql for migration in migrations(edition))
    plain = "\n".join(migration.sql for migration in migrations(Edition.PLAIN))
    assert len(signature.findall(text)) == len(KINDS)
    assert signature.findall(text) == signature.findall(plain)


def test_a_database_of_another_edition_is_refused_in_words(database: DatabaseSettings) -> None:
    own = value(database, "SELECT DISTINCT edition FROM schema_migration")
    other = next(edition for edition in (Edition.COMMUNITY, Edition.APACHE) if edition != own)
    with psycopg.connect(database.url.get_secret_value(), autocommit=True) as connection:
        connection.execute("UPDATE schema_migration SET edition = %s", (other,))
    with pytest.raises(ConfigError, match=f"made for the {other} edition, this server offers {own}"):
        migrate(database)


def test_a_plain_database_on_a_server_that_got_timescale_is_refused_and_left_as_it_is(
    timescale_server: Server,
) -> None:
    settings = timescale_server.empty()
    try:
        with psycopg.connect(settings.url.get_secret_value(), autocommit=True) as connection:
            connection.execute("CREATE TABLE schema_migration (number integer PRIMARY KEY, name text, edition text)")
            connection.execute("INSERT INTO schema_migration VALUES (1, '0001_base.sql', 'plain')")
        with pytest.raises(ConfigError, match="made for the plain edition"):
            migrate(settings)
        assert value(settings, "SELECT count(*) FROM pg_extension WHERE extname = 'timescaledb'") == 0
    finally:
        timescale_server.drop(settings)


def test_the_invalid_bits_in_the_rollups_are_those_of_the_kinds() -> None:
    folder = resources.files("telemetry.storage") / "migrations"
    for edition in ("plain", "apache", "community"):
        text = (folder / f"0003_rollups.{edition}.sql").read_text()
        for name, block in re.findall(r"(crane|formwork)_1m(?:_rollup)?\b(.*?)\n\n", text, re.S):
            for channel, bit in re.findall(r"count\((\w+)\) FILTER \(WHERE \(invalid & (\d+)\) = 0\)", block):
                assert KINDS[name].bit[channel] == int(bit), (edition, name, channel)
