"""
From every earlier schema to the newest, with data in it: nothing is lost on the way, whoever else migrates, and
wherever it was killed.
"""

import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest
from psycopg import sql

from runtime import backup
from telemetry.clock import now_ms
from telemetry.model import Edition
from telemetry.settings import DatabaseSettings, MqttSettings
from telemetry.storage.migrate import LOCK, Migration, _apply, migrate, migrations, offered
from telemetry.storage.writer import Writer
from tests.fix_database import Server
from tests.helpers.rows import fetch, value
from tests.helpers.services import environment

DAY = 86_400_000
NOW = now_ms() // DAY * DAY
# Rows as the first schema could have had them; later ones added columns and tables, and took none away.
DATA = (
    "INSERT INTO site (site) VALUES ('s')",
    "INSERT INTO device (site, kind, device) VALUES ('s', 'crane', 'c-1'), ('s', 'formwork', 'p-1')",
    "INSERT INTO device_boot (device_id, boot_no, boot) VALUES (1, 1, '5f2c77e01b9d4a36'), (2, 1, '5f2c77e01b9d4a37')",
    "INSERT INTO reading_crane (device_id, ts, received_at, boot_no, seq, i, invalid, load_t) SELECT 1,"
    " date_trunc('day', now()) - '40 days'::interval + n * '10 minutes'::interval, now(), 1, n, 0, 0, n / 10.0"
    " FROM generate_series(1, 500) n WHERE n NOT BETWEEN 101 AND 110",
    "INSERT INTO reading_crane (device_id, ts, received_at, boot_no, seq, i, invalid, load_t)"
    " VALUES (1, now(), now(), 0, 0, 0, 0, 1)",
    "INSERT INTO reading_formwork (device_id, ts, received_at, boot_no, seq, i, invalid, force_kn)"
    " SELECT 2, now() - n * '1 second'::interval, now(), 1, 101 - n, 0, 0, n FROM generate_series(1, 100) n",
    "INSERT INTO reading_misdated (device_id, received_at, ts_ms, boot_no, seq, i, invalid, sample)"
    " VALUES (1, now(), 5, 1, 501, 0, 0, '{\"load_t\": 1.5}')",
    "INSERT INTO frame_ledger (device_id, boot_no, stored, quarantined, evaluated) VALUES"
    " (1, 1, '{[1,101),[111,502)}', '{[105,106)}', '{[1,90)}'), (2, 1, '{[1,101)}', '{}', '{[1,101)}')",
    "INSERT INTO transition (id, device_id, rule, signal, previous, state, severity, at_ms, observed, origin,"
    " life_safety, payload)"
    " VALUES ('t1', 1, 'load', 'raise', 'normal', 'unacknowledged', 3, 5, false, 'live', true, '{}')",
    "INSERT INTO work_cycle (device_id, id, ts_ms, data, received_at) VALUES (1, 'e-1', 5, '{}', now())",
    "INSERT INTO quarantine (fingerprint, day, topic, reason, detail, length, sha256, head, first_received_at,"
    " last_received_at) VALUES ('\\x01', now(), 't', 'invalid', '', 2, '\\x02', '\\x03', now(), now())",
)
KEPT = (
    "reading_crane", "reading_formwork", "reading_misdated", "quarantine", "device", "device_boot",
    "site",
)  # fmt: skip
LATER = ("proof_pct",)  # columns that these tables have got since
MARKED = 5  # from here on the writer marks what it stores
STEPS = range(1, len(migrations(Edition.PLAIN)))


def upto(settings: DatabaseSettings, last: int) -> Edition:
    """The schema as a program with so many migrations would have made it."""
    with psycopg.connect(settings.url.get_secret_value(), autocommit=True) as connection:
        available = "SELECT count(*) FROM pg_available_extensions WHERE name = 'timescaledb'"
        row = connection.execute(available).fetchone()
        if row and row[0]:
            connection.execute("CREATE EXTENSION timescaledb")
    with psycopg.connect(settings.url.get_secret_value(), autocommit=True) as connection:
        connection.execute(
            "CREATE TABLE schema_migration (number integer PRIMARY KEY, name text NOT NULL,"
            " edition text NOT NULL, applied_at timestamptz NOT NULL DEFAULT now())"
        )
        edition, _ = offered(connection)
        for migration in migrations(edition)[:last]:
            _apply(connection, migration, edition)
    return edition


def fill(settings: DatabaseSettings) -> None:
    with psycopg.connect(settings.url.get_secret_value()) as connection:
        for statement in DATA:
            connection.execute(sql.SQL(statement))


def contents(settings: DatabaseSettings) -> dict[str, Any]:
    """All rows, in the columns that the first schema had."""
    found: dict[str, Any] = {}
    with psycopg.connect(settings.url.get_secret_value()) as connection:
        for table in KEPT:
            query = sql.SQL("SELECT (to_jsonb(t) - %s::text[])::text FROM {} t").format(sql.Identifier(table))
            rows = connection.execute(query, (list(LATER),)).fetchall()
            found[table] = sorted(row[0] for row in rows)
        ledger = (
            "SELECT device_id, boot_no, stored::text, quarantined::text, evaluated::text FROM frame_ledger ORDER BY 1"
        )
        cycles = "SELECT device_id, id, ts_ms, data::text, received_at FROM work_cycle"
        log = (
            "SELECT position, id, device_id, rule, signal, state, severity, payload::text, recorded_at FROM transition"
        )
        found["transition"] = connection.execute(sql.SQL(log)).fetchall()
        found["work_cycle"] = connection.execute(sql.SQL(cycles)).fetchall()
        found["frame_ledger"] = connection.execute(sql.SQL(ledger)).fetchall()
    return found


def assert_whole(settings: DatabaseSettings, edition: Edition) -> None:
    """The schema is the newest, every migration once."""
    names = [migration.name for migration in migrations(edition)]
    assert [row[0] for row in fetch(settings, "SELECT name FROM schema_migration ORDER BY number")] == names


def assert_marked(settings: DatabaseSettings) -> None:
    """What was stored before there were marks can be dated by quarters of an hour, and what is missing is known."""
    assert value(settings, "SELECT count(*) FROM seq_mark WHERE device_id = 1") >= 300
    assert value(settings, "SELECT count(*) FROM seq_mark WHERE boot_no = 0") == 0
    assert [row[0] for row in fetch(settings, "SELECT gaps FROM frame_ledger ORDER BY device_id")] == [True, False]


@pytest.fixture
def empty(server: Server) -> Iterator[DatabaseSettings]:
    settings = server.empty()
    yield settings
    server.drop(settings)


@pytest.mark.parametrize("first", STEPS)
def test_from_an_earlier_schema_with_data_in_it_nothing_is_lost(empty: DatabaseSettings, first: int) -> None:
    edition = upto(empty, first)
    fill(empty)
    if edition is Edition.COMMUNITY and first > 1:
        old = "SELECT compress_chunk(c) FROM show_chunks('reading_crane', older_than => '30 days'::interval) c"
        assert fetch(empty, old)
    before = contents(empty)
    assert migrate(empty)[2] == [migration.name for migration in migrations(edition)[first:]]
    assert contents(empty) == before
    assert_whole(empty, edition)
    if first < MARKED:
        assert_marked(empty)
    assert migrate(empty)[2] == []
    assert contents(empty) == before
    if first == 1:
        rows = value(
            empty, "SELECT count(*)::int FROM crane_1m(1, now() - '50 days'::interval, now() + '1 hour'::interval)"
        )
        assert rows == 491, "the rollups are over what was there before them"
    # And it takes what comes next.
    writer = Writer(empty, application="test")
    try:
        assert writer.receipts([1])[0][2][0].upto == 100
    finally:
        writer.close()


def process(settings: DatabaseSettings) -> "subprocess.Popen[str]":
    return subprocess.Popen(
        [sys.executable, "-m", "runtime.cli", "migrate", "--json"], env=environment(MqttSettings(), settings),
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip


def test_processes_that_start_at_once_over_an_older_schema_migrate_once(empty: DatabaseSettings) -> None:
    edition = upto(empty, 3)
    fill(empty)
    before = contents(empty)
    racing = [process(empty) for _ in range(3)]
    said = [one.communicate(timeout=60) for one in racing]
    assert [one.returncode for one in racing] == [0, 0, 0], said
    applied = sum(text.count(".sql") for text, _ in said)
    assert applied == len(migrations(edition)) - 3
    assert contents(empty) == before
    assert_whole(empty, edition)


@pytest.mark.parametrize("killed_at", [1, 2, 3, 5])
def test_killed_in_a_migration_it_is_as_if_that_one_had_not_begun(empty: DatabaseSettings, killed_at: int) -> None:
    running = process(empty)
    assert running.stderr is not None
    while not running.stderr.readline().startswith(f"applying {killed_at:04}"):
        assert running.poll() is None
    kill(empty, running)
    known = value(empty, "SELECT to_regclass('schema_migration') IS NOT NULL")
    applied = value(empty, "SELECT count(*) FROM schema_migration") if known else 0
    # What the server had been told already it may have finished: all of a file or nothing of it.
    assert killed_at - 1 <= applied <= killed_at + 1
    edition, _, more = migrate(empty)
    assert len(more) == len(migrations(edition)) - applied
    assert_whole(empty, edition)
    fill(empty)


def test_killed_while_it_waits_for_a_table_nothing_of_it_is_left(empty: DatabaseSettings) -> None:
    edition = upto(empty, 3)
    fill(empty)
    before = contents(empty)
    with psycopg.connect(empty.url.get_secret_value()) as holder:
        holder.execute("LOCK TABLE frame_ledger IN ACCESS SHARE MODE")
        running = process(empty)
        deadline = time.monotonic() + 30
        while not value(empty, "SELECT count(*) FROM pg_locks WHERE NOT granted"):
            assert time.monotonic() < deadline, "it never came to the lock"
            time.sleep(0.02)
        running.kill()
        running.wait(10)
    kill(empty, running)
    assert value(empty, "SELECT count(*) FROM schema_migration") == 3
    assert len(migrate(empty)[2]) == len(migrations(edition)) - 3
    assert contents(empty) == before
    assert_marked(empty)


def kill(settings: DatabaseSettings, running: "subprocess.Popen[str]") -> None:
    """SIGKILL, and wait until the server has noticed: its lock on migrations is free again."""
    running.kill()
    running.communicate()
    deadline = time.monotonic() + 30
    held = "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND objid = %s AND database = (SELECT oid FROM"
    held += " pg_database WHERE datname = current_database())"
    while value(settings, held, LOCK):
        assert time.monotonic() < deadline, "the server has not noticed the death of its client"
        time.sleep(0.05)


def test_a_backup_of_an_older_schema_is_restored_as_it_was_and_then_migrated(
    empty: DatabaseSettings, server: Server, tmp_path: Path
) -> None:
    edition = upto(empty, 3)
    fill(empty)
    made = backup.backup(empty, tmp_path / "b")
    assert len(made.schema) == 3
    target = server.empty()
    try:
        done = backup.restore(target, tmp_path / "b")
        assert (done.differences, len(done.migrated)) == ([], len(migrations(edition)) - 3)
        assert contents(target) == contents(empty)
        assert_marked(target)
    finally:
        server.drop(target)


def test_a_migration_that_fails_leaves_nothing_of_itself(empty: DatabaseSettings) -> None:
    edition = upto(empty, 1)
    broken = Migration(2, "0002_broken.sql", None, "CREATE TABLE half (n integer); SELECT 1 / 0;")
    with (
        psycopg.connect(empty.url.get_secret_value(), autocommit=True) as connection,
        pytest.raises(psycopg.errors.DivisionByZero),
    ):
        _apply(connection, broken, edition)
    assert value(empty, "SELECT to_regclass('half') IS NULL AND count(*) = 1 FROM schema_migration")
    assert migrate(empty)[2] == [migration.name for migration in migrations(edition)[1:]]
