"""
What only TimescaleDB's community edition does: columnstore, continuous aggregates, policies.

Debian ships the apache edition, where these tests skip; point CRANEWATCH_TEST_CHROOT at a folder with a community
build to run them. Policies are run by hand, as their scheduler would: the test servers have no background workers.
"""

import asyncio
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from importlib import resources
from itertools import pairwise
from math import sin
from pathlib import Path
from typing import Any

import psycopg
import pytest
from psycopg import sql

from runtime import backup
from telemetry.clock import now_ms, to_datetime
from telemetry.errors import ConfigError
from telemetry.kinds import KINDS
from telemetry.settings import DatabaseSettings
from telemetry.storage import history
from telemetry.storage.items import Item, Reading
from telemetry.storage.pool import Database
from telemetry.storage.upkeep import Upkeep
from telemetry.storage.writer import Stored, Writer
from telemetry.wire import frames, topics
from tests.fix_database import Server
from tests.helpers.publisher import frame
from tests.helpers.rows import fetch, value

pytestmark = pytest.mark.timescale

BOOT = "5f2c77e01b9d4a36"
DAY = 86_400_000
TOPIC = topics.parse("cw/v1/s/crane/c-1/up/reading")


@pytest.fixture
def community(timescale_server: Server) -> Iterator[DatabaseSettings]:
    """A fresh database with the schema, on TimescaleDB's community edition only."""
    settings = timescale_server.copy()
    try:
        if value(settings, "SHOW timescaledb.license") != "timescale":
            pytest.skip("this TimescaleDB is the apache edition")
        yield settings
    finally:
        timescale_server.drop(settings)


def run(settings: DatabaseSettings, statement: Any, *parameters: object) -> None:
    """One statement outside any transaction, as a refresh wants it."""
    with psycopg.connect(settings.url.get_secret_value(), autocommit=True) as connection:
        connection.execute(statement, parameters)


def jobs(settings: DatabaseSettings, procedure: str) -> dict[str, tuple[int, dict[str, str]]]:
    """The policies of a procedure, by table or rollup: (job, configuration)."""
    found = fetch(
        settings,
        "SELECT coalesce(a.view_name, j.hypertable_name), j.job_id, j.config FROM timescaledb_information.jobs j"
        " LEFT JOIN timescaledb_information.continuous_aggregates a"
        " ON a.materialization_hypertable_name = j.hypertable_name OR a.view_name = j.hypertable_name"
        " WHERE j.proc_name = %s AND j.scheduled",
        procedure,
    )
    return {str(name): (int(job), config) for name, job, config in found}


def run_job(settings: DatabaseSettings, procedure: str, name: str) -> None:
    run(settings, "CALL run_job(%s)", jobs(settings, procedure)[name][0])


REFRESH, RETAIN, COMPRESS = "policy_refresh_continuous_aggregate", "policy_retention", "policy_compression"


def readings(seqs: range, start: int, step: int = 1000) -> list[Item]:
    """Frames of one crane, `step` milliseconds apart, number 1 at `start`; some channels invalid, some absent."""
    items: list[Item] = []
    for seq in seqs:
        load = None if seq % 11 == 0 else round(5 * abs(sin(seq / 50)), 2)
        invalid = ["load_t"] if load is not None and seq % 7 == 0 else []
        payload = frame(
            BOOT, seq, start + (seq - 1) * step, load_t=load, wind_mps=float(seq % 13), invalid=invalid, mode="working"
        )
        items.append(Reading(TOPIC, frames.decode("crane", payload), payload))
    return items


def store(settings: DatabaseSettings, items: list[Item], *, staged: bool = True) -> Stored:
    """Through a writer of its own; `staged` is whether it expects duplicates, as after a reconnect."""
    writer = Writer(settings, application="test")
    try:
        if not staged:
            writer.store([], now_ms())
            writer.staged_left = 0
        return writer.store(items, now_ms())
    finally:
        writer.close()


def plain_functions(settings: DatabaseSettings) -> None:
    """The rollup functions of the plain edition beside those of this one, as `<kind>_1m_plain`."""
    text = (resources.files("telemetry.storage") / "migrations/0003_rollups.plain.sql").read_text("utf-8")
    run(settings, text.replace("_1m(", "_1m_plain("))


def answers(settings: DatabaseSettings, function: str, begin: int, end: int) -> list[tuple[Any, ...]]:
    """All that a rollup function says of device 1 from `begin` to `end`, in Unix milliseconds."""
    with psycopg.connect(settings.url.get_secret_value()) as connection:
        return connection.execute(
            sql.SQL("SELECT * FROM {}(1, to_timestamp(%s / 1000.0), to_timestamp(%s / 1000.0)) ORDER BY bucket").format(
                sql.Identifier(function)
            ),
            (begin, end),
        ).fetchall()


def assert_alike(settings: DatabaseSettings, begin: int, end: int) -> int:
    """Both functions answer alike; the number of samples they speak of."""
    ours, plain = (answers(settings, name, begin, end) for name in ("crane_1m", "crane_1m_plain"))
    assert [row[:2] for row in ours] == [row[:2] for row in plain]
    for row, expected in zip(ours, plain, strict=True):
        # Means are sums in another order: equal but for the last digits.
        assert row == tuple(pytest.approx(cell, rel=1e-12) if isinstance(cell, float) else cell for cell in expected)
    return sum(row[1] for row in ours)


def test_every_kind_has_its_hypertable_its_rollup_and_their_policies(community: DatabaseSettings) -> None:
    tables = {f"reading_{name}" for name in KINDS}
    rollups = {f"{name}_1m_rollup" for name in KINDS}
    enabled = fetch(
        community, "SELECT hypertable_name FROM timescaledb_information.hypertables WHERE compression_enabled"
    )
    assert {row[0] for row in enabled} >= tables
    caggs = fetch(community, "SELECT view_name, materialized_only FROM timescaledb_information.continuous_aggregates")
    assert {tuple(row) for row in caggs} == {(name, False) for name in rollups}
    compress, retain, refresh = (jobs(community, name) for name in (COMPRESS, RETAIN, REFRESH))
    assert set(compress) == tables
    assert set(retain) == tables | rollups
    assert set(refresh) == rollups
    for name in KINDS:
        raw = retain[f"reading_{name}"][1]["drop_after"]
        start = refresh[f"{name}_1m_rollup"][1]["start_offset"]
        spans = "SELECT %s::interval < %s::interval"
        # A refresh that begins before the oldest raw reading would erase the rollups of what was dropped.
        assert start is not None
        assert value(community, spans, start, raw)
        assert value(community, spans, raw, retain[f"{name}_1m_rollup"][1]["drop_after"])


def test_the_policies_follow_the_setting_and_no_refresh_reaches_what_is_dropped(community: DatabaseSettings) -> None:
    settings = community.model_copy(update={"retention_days": 100})
    for _ in range(2):
        Upkeep(settings).retain(to_datetime(now_ms()), quarantine_days=400, hold_days=30)
        for name in KINDS:
            raw = jobs(community, RETAIN)[f"reading_{name}"][1]["drop_after"]
            start = jobs(community, REFRESH)[f"{name}_1m_rollup"][1]["start_offset"]
            days = "SELECT extract(day FROM %s::interval)::int"
            assert value(community, days, raw) in (100, 101)
            assert value(community, days, raw) - value(community, days, start) == 7
            assert jobs(community, RETAIN)[f"{name}_1m_rollup"][1]["drop_after"] == "3 years"


def test_only_old_chunks_go_to_the_columnstore_and_read_the_same_there(community: DatabaseSettings) -> None:
    today = now_ms() // DAY * DAY
    old, young = today - 40 * DAY, today - 20 * DAY
    store(community, readings(range(1, 1001), old) + readings(range(1001, 2001), young))
    everything = "SELECT * FROM reading_crane ORDER BY device_id, ts, boot_no, seq, i"
    before = fetch(community, everything)
    assert len(before) == 2000
    run_job(community, COMPRESS, "reading_crane")
    compressed = fetch(
        community,
        "SELECT (extract(epoch FROM range_start) * 1000)::bigint FROM timescaledb_information.chunks"
        " WHERE hypertable_name = 'reading_crane' AND is_compressed",
    )
    assert [row[0] for row in compressed] == [old]
    assert fetch(community, everything) == before


@pytest.mark.parametrize("staged", [True, False])
def test_a_backfill_into_the_columnstore_stores_each_reading_once(community: DatabaseSettings, staged: bool) -> None:
    old = now_ms() // DAY * DAY - 40 * DAY
    store(community, readings(range(1, 1001), old) + readings(range(2001, 3001), old))
    run_job(community, COMPRESS, "reading_crane")
    hole = store(community, readings(range(1001, 1501), old), staged=staged)
    assert (hole.readings, hole.duplicates) == (500, 0)
    # Duplicates of compressed rows, of rows that came after, and new ones between them.
    mixed = store(community, readings(range(901, 2101), old), staged=staged)
    assert (mixed.readings, mixed.duplicates) == (500, 700)
    run_job(community, COMPRESS, "reading_crane")
    again = store(community, readings(range(1, 3001), old), staged=staged)
    assert (again.readings, again.duplicates) == (0, 3000)
    assert fetch(community, "SELECT seq FROM reading_crane ORDER BY seq") == [(seq,) for seq in range(1, 3001)]
    assert value(community, "SELECT stored::text FROM frame_ledger") == "{[1,3001)}"


def test_rollups_answer_as_the_plain_functions_do(community: DatabaseSettings) -> None:
    plain_functions(community)
    now = now_ms()
    begin = now - 3_600_000
    store(community, readings(range(1, 3600), begin))
    assert assert_alike(community, begin - DAY, now + DAY) == 3599  # nothing is materialized yet
    run_job(community, REFRESH, "crane_1m_rollup")
    materialized = value(community, "SELECT _timescaledb_functions.cagg_watermark(mat_hypertable_id)"
        " FROM _timescaledb_catalog.continuous_agg WHERE user_view_name = 'crane_1m_rollup'")  # fmt: skip
    assert begin < materialized / 1000 < now, "most of the hour is materialized, and its newest minutes are not"
    assert assert_alike(community, begin - DAY, now + DAY) == 3599
    store(community, readings(range(3600, 3700), begin))
    assert assert_alike(community, begin - DAY, now + DAY) == 3699


def test_rollups_speak_of_whole_minutes_wherever_the_range_begins_and_ends(community: DatabaseSettings) -> None:
    plain_functions(community)
    minute = now_ms() // 60_000 * 60_000 - 3_600_000
    store(community, readings(range(1, 1201), minute))
    run_job(community, REFRESH, "crane_1m_rollup")
    for begin, end, minutes in [
        (0, 1_200_000, 20),
        (60_000, 120_000, 1),
        (90_000, 240_000, 3),
        (90_500, 240_001, 4),
        (119_999, 120_000, 1),
    ]:
        assert assert_alike(community, minute + begin, minute + end) == 60 * minutes


def test_a_backfill_from_five_days_ago_is_in_the_rollups_after_the_next_refresh(community: DatabaseSettings) -> None:
    plain_functions(community)
    now = now_ms()
    store(community, readings(range(1, 600), now - 600_000))
    run_job(community, REFRESH, "crane_1m_rollup")
    store(community, readings(range(1001, 4601), now - 5 * DAY))
    run_job(community, REFRESH, "crane_1m_rollup")
    assert assert_alike(community, now - 6 * DAY, now + DAY) == 599 + 3600


def test_a_connection_that_asked_before_sees_what_a_refresh_brought(community: DatabaseSettings) -> None:
    now = now_ms()
    begin, end = now - 6 * DAY, now + DAY
    ask = "SELECT sum(n)::int FROM crane_1m(%s, to_timestamp(%s::bigint / 1000.0), to_timestamp(%s::bigint / 1000.0))"
    with psycopg.connect(community.url.get_secret_value(), autocommit=True) as connection:

        def asked() -> int:
            # Prepared from the first: what the plan took the watermark to be must not outlive the watermark.
            row = connection.execute(ask, (1, begin, end), prepare=True).fetchone()
            assert row is not None
            return int(row[0] or 0)

        total = 0
        for first, last in pairwise(range(1, 3200, 400)):
            store(community, readings(range(first, last), now - 5 * DAY, step=100_000))
            run_job(community, REFRESH, "crane_1m_rollup")
            total += last - first
            assert [asked() for _ in range(7)] == [total] * 7


def test_no_minute_is_missing_while_a_refresh_runs(community: DatabaseSettings) -> None:
    ask = (
        "SELECT coalesce(sum(n), 0)::int"
        " FROM crane_1m(1, '2000-01-01'::timestamptz + %s, '2000-01-01'::timestamptz + %s + '20 days'::interval)"
    )
    job = jobs(community, REFRESH)["crane_1m_rollup"][0]
    # From the year 2000 on, so that the watermark goes forward by weeks, over chunks that the refresh makes.
    run(community, "SELECT alter_job(%s, config => config || '{\"start_offset\": \"20000 days\"}') FROM"
        " timescaledb_information.jobs WHERE job_id = %s", job, job)  # fmt: skip
    with psycopg.connect(community.url.get_secret_value(), autocommit=True) as connection:
        for days in range(0, 240, 20):
            start = timedelta(days=days)
            connection.execute(
                "INSERT INTO reading_crane (device_id, ts, received_at, boot_no, seq, i, invalid, load_t)"
                " SELECT 1, '2000-01-01'::timestamptz + %s + n * '5 minutes'::interval, now(), 1, n, 0, 0, n"
                " FROM generate_series(0, 5759) AS n",
                (start,),
            )
            with ThreadPoolExecutor(1) as thread:
                refreshing = thread.submit(run, community, "CALL run_job(%s)", job)
                seen = []
                while not refreshing.done():
                    seen.append(connection.execute(ask, (start, start)).fetchone())
                refreshing.result()
            seen.append(connection.execute(ask, (start, start)).fetchone())
            assert {row[0] for row in seen if row} == {5760}


def test_rollups_outlive_the_readings_that_retention_drops(community: DatabaseSettings) -> None:
    store(community, readings(range(1, 101), now_ms() - 3_600_000))
    run(
        community,
        "INSERT INTO reading_crane (device_id, ts, received_at, boot_no, seq, i, invalid, load_t)"
        " SELECT 1, date_trunc('day', now()) - '402 days'::interval + n * '1 second'::interval, now(), 0, n, 0, 0, n"
        " FROM generate_series(1, 600) AS n",
    )
    run(community, "CALL refresh_continuous_aggregate('crane_1m_rollup', now() - '500 days'::interval, now())")
    asked = "SELECT sum(n)::int FROM crane_1m(1, now() - '500 days'::interval, now())"
    assert value(community, asked) == 700
    run_job(community, RETAIN, "reading_crane")
    assert value(community, "SELECT count(*) FROM reading_crane") == 100
    for _ in range(2):
        run_job(community, REFRESH, "crane_1m_rollup")
        assert value(community, asked) == 700
    run_job(community, RETAIN, "crane_1m_rollup")
    assert value(community, asked) == 700


def test_an_hour_is_the_same_whether_its_minutes_are_materialized_or_not(community: DatabaseSettings) -> None:
    hour = now_ms() // 3_600_000 * 3_600_000 - 5 * 3_600_000
    store(community, readings(range(1, 7201), hour))
    begin = datetime.fromtimestamp(hour / 1000, UTC)
    end = begin + timedelta(hours=2)

    async def ask() -> list[history.BucketPoint]:
        async with Database(community, application="test") as database:
            return await history.buckets(database, "crane", 1, begin, end, ["load_t"], timedelta(hours=1))

    before = asyncio.run(ask())
    run_job(community, REFRESH, "crane_1m_rollup")
    after = asyncio.run(ask())
    assert [(point.start, point.n) for point in after] == [(point.start, point.n) for point in before]
    assert [point.n for point in after] == [3600, 3600]
    for one, other in zip(after, before, strict=True):
        assert one.values[0] == pytest.approx(other.values[0], rel=1e-12)


def test_a_backup_brings_back_columnstore_rollups_and_policies(
    community: DatabaseSettings, timescale_server: Server, tmp_path: Path
) -> None:
    old = now_ms() // DAY * DAY - 40 * DAY
    store(community, readings(range(1, 1001), old) + readings(range(1001, 2001), now_ms() - 3_600_000))
    run_job(community, COMPRESS, "reading_crane")
    run_job(community, REFRESH, "crane_1m_rollup")
    version = value(community, "SELECT extversion FROM pg_extension WHERE extname = 'timescaledb'")
    if tuple(map(int, version.split(".")[:2])) < backup.COLUMNSTORE_RESTORES:
        # Looks good, and cannot be restored: https://github.com/timescale/timescaledb/issues/8893
        with pytest.raises(ConfigError, match="cannot read back"):
            backup.backup(community, tmp_path / "b")
        return
    target = timescale_server.empty()
    try:
        backup.backup(community, tmp_path / "b")
        assert backup.restore(target, tmp_path / "b").differences == []
        everything = "SELECT * FROM reading_crane ORDER BY device_id, ts, boot_no, seq, i"
        assert fetch(target, everything) == fetch(community, everything)
        compressed = "SELECT chunk_name FROM timescaledb_information.chunks WHERE is_compressed"
        assert fetch(target, compressed) == fetch(community, compressed) != []
        for procedure in (REFRESH, RETAIN, COMPRESS):
            assert {name: config for name, (_, config) in jobs(target, procedure).items()}.keys() == jobs(
                community, procedure
            ).keys()
        plain_functions(target)
        begin, end = old - DAY, now_ms() + DAY
        assert assert_alike(target, begin, end) == 2000
        # And it goes on: late readings into the columnstore, and the policies over it.
        store(target, readings(range(1, 1201), old))
        for procedure, name in ((REFRESH, "crane_1m_rollup"), (COMPRESS, "reading_crane"), (RETAIN, "reading_crane")):
            run_job(target, procedure, name)
        assert assert_alike(target, begin, end) == 2200
    finally:
        timescale_server.drop(target)
