"""A backup is of one moment, also while ingest writes; a restore is the same record, or says what differs."""

import asyncio
import json
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import psycopg
import pytest

from runtime import backup
from telemetry.clock import now_ms, to_datetime
from telemetry.errors import ConfigError
from telemetry.settings import DatabaseSettings, MqttSettings
from telemetry.storage import completeness
from telemetry.storage.completeness import Statement
from telemetry.storage.items import Item, Noted, Reading
from telemetry.storage.manifest import Manifest
from telemetry.storage.pool import Database
from telemetry.storage.upkeep import Upkeep
from telemetry.storage.writer import Writer
from telemetry.wire import frames, payloads, topics
from tests.fix_database import Server
from tests.helpers.publisher import frame
from tests.helpers.rows import fetch, value
from tests.helpers.services import environment

BOOT = "5f2c77e01b9d4a36"
DAY = 86_400_000
NOW = now_ms() // DAY * DAY


def batch(first: int, n: int = 50, device: str = "c-1", kind: str = "crane") -> list[Item]:
    """Frames that lie hours apart, so that they are in many chunks."""
    topic = topics.parse(f"cw/v1/s/{kind}/{device}/up/reading")
    items: list[Item] = []
    for seq in range(first, first + n):
        fields = {"load_t": seq / 7} if kind == "crane" else {"force_kn": seq / 3}
        payload = frame(BOOT, seq, NOW - 60 * DAY + seq * 3_600_000, **fields)
        items.append(Reading(topic, frames.decode(kind, payload), payload))
    return items


def event(n: int) -> Item:
    note = payloads.Event(id=f"event-{n:08}", type="cycle", ts=NOW, data={"中文": n, "text": "a\nb\"'"})
    return Noted(topics.parse("cw/v1/s/crane/c-1/up/event"), note, payloads.encode(note))


@pytest.fixture
def filled(server: Server) -> Iterator[DatabaseSettings]:
    """A record with something of everything."""
    settings = server.copy()
    writer = Writer(settings, application="test")
    writer.store([*batch(1), *batch(1, device="p-1", kind="formwork"), event(1)], NOW)
    writer.store([*batch(60), event(2)], NOW)
    topic = topics.parse("cw/v1/s/crane/c-1/up/reading")
    misdated = frame(BOOT, 200, 5, load_t=1.5)
    writer.store([Reading(topic, frames.decode("crane", misdated), misdated)], NOW)
    writer.close()
    Upkeep(settings).declare(to_datetime(NOW + 30 * DAY), journal_days=7)
    yield settings
    server.drop(settings)


@pytest.fixture
def target(server: Server) -> Iterator[DatabaseSettings]:
    settings = server.empty()
    yield settings
    server.drop(settings)


def run(settings: DatabaseSettings, statement: str, *parameters: object) -> None:
    with psycopg.connect(settings.url.get_secret_value(), autocommit=True) as connection:
        connection.execute(statement, parameters)


def test_what_is_restored_is_what_was_backed_up_and_goes_on(
    filled: DatabaseSettings, target: DatabaseSettings, tmp_path: Path
) -> None:
    seen: list[tuple[str, int, int]] = []
    made = backup.backup(filled, tmp_path / "b", progress=lambda *step: seen.append(step))
    assert {stage for stage, _, _ in seen} == {"pg_dump", "checksums"}
    assert made.tables["reading_crane"].rows == 100
    assert sum(part.rows for part in made.days["reading_crane"].values()) == 100
    assert made.ledger["s/crane/c-1"].frames == 101
    done = backup.restore(target, tmp_path / "b")
    assert done.differences == []
    everything = "SELECT * FROM reading_crane ORDER BY ts"
    assert fetch(target, everything) == fetch(filled, everything)
    assert value(target, "SELECT detail->'differences' FROM record_event WHERE type = 'restored'") == []
    # The copy takes what comes next, into chunks that are there and into new ones.
    writer = Writer(target, application="test")
    stored = writer.store([*batch(110, 10), *batch(1, 5)], NOW)
    writer.close()
    assert (stored.readings, stored.duplicates) == (10, 5)
    assert Upkeep(target).retain(to_datetime(NOW), quarantine_days=400, hold_days=30) is not None
    assert value(target, "SELECT count(*)::int FROM reading_crane") == 110


def test_a_backup_while_ingest_writes_is_of_one_moment(
    filled: DatabaseSettings, target: DatabaseSettings, tmp_path: Path
) -> None:
    stop = threading.Event()

    def write() -> None:
        writer = Writer(filled, application="test")
        first = 1000
        while not stop.is_set():
            writer.store([*batch(first, 5), event(first)], NOW)
            first += 5
        writer.close()

    thread = threading.Thread(target=write)
    thread.start()
    try:
        made = backup.backup(filled, tmp_path / "b")
    finally:
        stop.set()
        thread.join()
    assert backup.restore(target, tmp_path / "b").differences == []
    frames_ = "SELECT sum((SELECT sum(upper(r) - lower(r)) FROM unnest(stored) r))::int FROM frame_ledger"
    rows = "SELECT (SELECT count(*) FROM reading_crane) + (SELECT count(*) FROM reading_formwork)"
    rows += " + (SELECT count(*) FROM reading_misdated)"
    assert value(target, frames_) == value(target, rows), "readings and ledger are of the same moment"
    assert (
        value(filled, rows)
        > value(target, rows)
        == sum(made.tables[name].rows for name in ("reading_crane", "reading_formwork", "reading_misdated"))
    )


def test_what_is_not_as_it_was_is_told_in_words(
    filled: DatabaseSettings, target: DatabaseSettings, tmp_path: Path
) -> None:
    backup.backup(filled, tmp_path / "b")
    manifest = tmp_path / "b" / backup.MANIFEST
    text = json.loads(manifest.read_text())
    day = next(iter(text["days"]["reading_crane"]))
    text["days"]["reading_crane"][day]["digest"] = "1"
    text["tables"]["device_event"]["rows"] += 1
    text["ledger"]["s/crane/c-9"] = {"boots": 1, "frames": 5, "digest": "abcdef0123"}
    manifest.write_text(json.dumps(text))
    found = backup.restore(target, tmp_path / "b").differences
    assert [words.split(":")[0] for words in found] == [
        "table device_event", f"reading_crane, day {day}", "ledger of s/crane/c-9",
    ]  # fmt: skip
    assert len(value(target, "SELECT detail->'differences' FROM record_event WHERE type = 'restored'")) == 3


def test_a_database_that_is_not_empty_or_in_use_is_left_alone_without_consent(
    filled: DatabaseSettings, tmp_path: Path
) -> None:
    backup.backup(filled, tmp_path / "b")
    run(filled, "INSERT INTO record_event (type) VALUES ('later')")
    with pytest.raises(ConfigError, match="not empty"):
        backup.restore(filled, tmp_path / "b")
    with (
        psycopg.connect(filled.url.get_secret_value(), application_name="cranewatch-ingest"),
        pytest.raises(ConfigError, match="stop them first: cranewatch-ingest"),
    ):
        backup.restore(filled, tmp_path / "b", replace=True)
    assert value(filled, "SELECT count(*) FROM record_event") == 1
    assert backup.restore(filled, tmp_path / "b", replace=True).differences == []
    assert [row[0] for row in fetch(filled, "SELECT type FROM record_event")] == ["restored"]


def test_a_backup_is_never_overwritten_and_a_damaged_one_is_not_believed(
    filled: DatabaseSettings, target: DatabaseSettings, tmp_path: Path
) -> None:
    backup.backup(filled, tmp_path / "b")
    with pytest.raises(ConfigError, match="there already"):
        backup.backup(filled, tmp_path / "b")
    dump = tmp_path / "b" / backup.DUMP
    whole = dump.read_bytes()
    dump.write_bytes(whole[:-100])
    with pytest.raises(ConfigError, match="damaged"):
        backup.restore(target, tmp_path / "b")
    dump.write_bytes(whole[:-1] + bytes([whole[-1] ^ 1]))
    with pytest.raises(ConfigError, match="damaged"):
        backup.restore(target, tmp_path / "b")
    (tmp_path / "b" / backup.MANIFEST).unlink()
    with pytest.raises(ConfigError, match="not a whole backup"):
        backup.restore(target, tmp_path / "b")
    assert value(target, "SELECT count(*) FROM pg_tables WHERE schemaname = 'public'") == 0


def test_a_backup_that_fails_leaves_nothing(filled: DatabaseSettings, tmp_path: Path) -> None:
    def stop(stage: str, _done: int, _total: int) -> None:
        if stage == "checksums":
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        backup.backup(filled, tmp_path / "b", progress=stop)
    assert not (tmp_path / "b").exists()
    assert backup.backup(filled, tmp_path / "b").tables


@pytest.mark.timescale
def test_a_backup_goes_back_into_its_own_edition_only(
    postgres_server: Server, timescale_server: Server, tmp_path: Path
) -> None:
    for source, other in ((postgres_server, timescale_server), (timescale_server, postgres_server)):
        settings, target = source.copy(), other.empty()
        backup.backup(settings, tmp_path / source.name)
        with pytest.raises(ConfigError, match="its own edition only"):
            backup.restore(target, tmp_path / source.name)
        source.drop(settings)
        other.drop(target)


def test_programs_older_than_the_server_are_not_used(tmp_path: Path) -> None:
    assert backup.programs(1).major >= 1
    with pytest.raises(ConfigError, match="postgresql-client-99"):
        backup.programs(99)
    with pytest.raises(ConfigError, match="found: none"):
        backup.programs(17, tmp_path)


def test_the_command_ends_with_1_and_words_on_a_difference(postgres_server: Server, tmp_path: Path) -> None:
    source, target = postgres_server.copy(), postgres_server.empty()

    def command(settings: DatabaseSettings, *arguments: str) -> Any:
        return subprocess.run(
            [sys.executable, "-m", "runtime.cli", *arguments],
            env=environment(MqttSettings(), settings),
            capture_output=True,
            text=True,
            check=False,
        )

    made = command(source, "backup", str(tmp_path / "b"), "--json")
    assert made.returncode == 0, made.stderr
    assert json.loads(made.stdout)["edition"] == "plain"
    manifest = tmp_path / "b" / backup.MANIFEST
    text = json.loads(manifest.read_text())
    text["tables"]["device"]["rows"] = 7
    manifest.write_text(json.dumps(text))
    found = command(target, "restore", str(tmp_path / "b"))
    assert found.returncode == 1
    assert "table device: 7 rows in the backup, 0 here" in found.stderr
    assert "NOT complete" in found.stderr
    assert "password" not in found.stderr
    again = command(target, "restore", str(tmp_path / "b"))
    assert again.returncode == 1
    assert "not empty" in again.stderr
    postgres_server.drop(source)
    postgres_server.drop(target)


def test_what_was_receipted_after_the_backup_is_missing_after_the_restore_and_said_so(
    server: Server, tmp_path: Path
) -> None:
    settings = server.copy()
    now = now_ms()
    topic = topics.parse("cw/v1/s/crane/c-1/up/reading")

    def store(*seqs: int) -> int:
        writer = Writer(settings, application="test")
        sent = [(seq, frame(BOOT, seq, now - 1000 + seq, load_t=1.0)) for seq in seqs]
        writer.store([Reading(topic, frames.decode("crane", payload), payload) for _, payload in sent], now)
        ((_, _, (receipt,)),) = writer.receipts([1])
        writer.close()
        return receipt.upto

    async def ask() -> Statement:
        async with Database(settings, application="test") as database:
            today = to_datetime(now).astimezone(ZoneInfo("Asia/Shanghai")).date()
            return (await completeness.statements(database, today, site="s", overdue_s=60, details=False))[0]

    assert store(1, 2, 3) == 3
    backup.backup(settings, tmp_path / "b")
    assert store(4, 5, 6) == 6, "the device forgets them"
    assert backup.restore(settings, tmp_path / "b", replace=True).differences == []
    assert store(7, 8) == 3, "it is not told again to forget what is not here"
    found = asyncio.run(ask())
    assert (found.frames.sent, found.frames.stored, found.frames.missing) == (8, 5, 3)
    assert [type_ for _, type_, _ in found.events] == ["restored"]
    server.drop(settings)


def test_a_manifest_is_read_as_it_was_written(filled: DatabaseSettings, tmp_path: Path) -> None:
    made = backup.backup(filled, tmp_path / "b")
    assert backup.read(tmp_path / "b") == made
    assert isinstance(made, Manifest)
