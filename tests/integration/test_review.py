"""The review of late data on real databases: what it adds, what it annotates, what it refuses, and what it says."""

import asyncio
import contextlib
from collections.abc import AsyncIterator

import msgspec
import psycopg
import pytest
from prometheus_client import CollectorRegistry

from analytics.replay import Told, replay
from analytics.review.metrics import ReviewMetrics
from analytics.review.service import Review
from analytics.review.settings import ReviewSettings
from api import present
from telemetry import broker as door
from telemetry.clock import now_ms
from telemetry.settings import DatabaseSettings, MqttSettings
from telemetry.storage import alarms
from telemetry.storage import review as store
from telemetry.storage.pool import Database
from telemetry.storage.writer import Writer
from telemetry.wire import payloads
from telemetry.wire.payloads import SiteRecord, Transition
from tests.fix_database import Server
from tests.helpers.life import BOOTS, KEY, Life, ids, items, more, notes, quiet
from tests.helpers.rows import fetch, value
from tests.helpers.waiting import until

DAY_MS = 86_400_000
SETTINGS = ReviewSettings(look_s=0.05, quiet_s=0.2, at_most_s=2.0, again_s=0.1, overdue_s=0.1)


class Desk(Review):
    """The review, with an analyzer that is always there."""

    async def _look(self) -> None:
        for step in (0.0, 1.0, 2.0, 3.0):
            now = asyncio.get_running_loop().time()
            self._backlog.beat(KEY[0], now - 3.0 + step, 0.5)
        await super()._look()


@contextlib.asynccontextmanager
async def reviewing(database: DatabaseSettings, mqtt: MqttSettings) -> AsyncIterator[CollectorRegistry]:
    """The review in this process for as long as the block lasts."""
    stop, registry = asyncio.Event(), CollectorRegistry()
    async with Database(database, application="test-review") as pool, asyncio.TaskGroup() as tasks:
        running = tasks.create_task(Desk(pool, mqtt, SETTINGS, ReviewMetrics(registry)).run(stop), name="test.review")
        try:
            yield registry
        finally:
            stop.set()
            await running


def keep(database: DatabaseSettings, life: Life, told: list[Told] | None = None) -> None:
    """Store a life: what was heard when it was heard, the rest an hour later, and what the live engine said."""
    writer = Writer(database, application="test-writer")
    heard = {id(one.frame) for one in life.heard}
    try:
        every = life.frames if told is None else told
        for n in range(0, len(every), 500):
            part = every[n : n + 500]
            live = [one for one in part if id(one.frame) in heard]
            late = [one for one in part if id(one.frame) not in heard]
            if live:
                writer.store(items(life, live), live[-1].received)
            if late:
                writer.store(items(life, late, "late"), life.ts + 3_600_000)
        writer.store(notes(life), life.ts)
    finally:
        writer.close()


def log(database: DatabaseSettings) -> dict[str, tuple[str, str | None]]:
    """Derived transitions with their origin and the last review's verdict."""
    rows = fetch(
        database,
        "SELECT t.id, t.origin, v.verdict FROM transition t LEFT JOIN transition_review v ON v.transition_id = t.id"
        " WHERE NOT t.observed",
    )
    return {row[0]: (row[1], row[2]) for row in rows}


def unreviewed(database: DatabaseSettings) -> int:
    query = "SELECT count(*) FROM frame_ledger WHERE NOT (evaluated + reviewed + refused) @> stored"
    return int(value(database, query))


@pytest.mark.parametrize("seed", [3, 11])
async def test_what_is_stored_was_evaluated_or_reviewed_and_a_replay_of_it_gives_the_log(
    database: DatabaseSettings, embedded_broker: MqttSettings, seed: int
) -> None:
    life = Life(seed)
    assert life.late
    keep(database, life)
    async with reviewing(database, embedded_broker):
        await until(lambda: unreviewed(database) == 0)
    again = replay(life.history(), ids(life.live))
    found = log(database)
    assert ids(again) == {number for number, (_, verdict) in found.items() if verdict != "not_reproduced"}
    assert {number for number, (origin, _) in found.items() if origin == "live"} == ids(life.derived)
    assert value(database, "SELECT count(*) FROM frame_ledger WHERE reviewed && evaluated") == 0
    assert value(database, "SELECT count(*) FROM alarm WHERE payload->>'origin' = 'review'") == 0


async def test_an_overload_in_late_frames_is_published_and_said_to_the_desk(
    database: DatabaseSettings, embedded_broker: MqttSettings
) -> None:
    life = quiet(lost=range(100, 140), over=range(110, 130))
    keep(database, life)
    heard: list[Transition] = []
    said: list[SiteRecord] = []

    def arrived(arrival: door.Arrival) -> None:
        if arrival.topic.endswith("/transition"):
            heard.append(payloads.decode(Transition, arrival.payload))
        elif not arrival.retain:
            said.append(payloads.decode(SiteRecord, arrival.payload))

    filters = [("cw/v1/site/+/+/down/transition", 1), ("cw/v1/site/record", 1)]
    link = door.Link(embedded_broker, "desk", filters=filters, on_arrival=arrived)
    async with door.connected(link), reviewing(database, embedded_broker):
        await until(lambda: any(record.devices and record.devices[0].found for record in said))
        await until(lambda: said[-1].clean_to > 0 and said[-1].late == 0)
        await until(lambda: len(heard) == 2)
    assert [(t.rule, t.signal, t.origin) for t in heard] == [
        ("moment", "raise", "review"), ("moment", "clear", "review"),
    ]  # fmt: skip
    finding = said[-1].devices[0].found
    assert finding is not None
    assert finding.transition == heard[0].id


async def test_live_alarms_that_the_record_does_not_show_are_annotated_until_it_does(
    database: DatabaseSettings, embedded_broker: MqttSettings
) -> None:
    life = quiet(lost=range(111, 118), over=[109, 110, *range(118, 122)], missing_over=range(112, 118))
    keep(database, life)
    async with reviewing(database, embedded_broker):
        await until(lambda: unreviewed(database) == 0)
    (alarm,) = (t.id for t in life.derived if t.signal == "raise")
    assert log(database)[alarm] == ("live", "not_reproduced")
    assert value(database, "SELECT state FROM alarm WHERE rule = 'moment'") == life.derived[-1].state, "untouched"


async def test_a_boot_that_came_late_as_a_whole_stands_where_its_time_is(
    database: DatabaseSettings, embedded_broker: MqttSettings
) -> None:
    deaf = Life(5, gaps=0, deaf=BOOTS[0])
    first = [one for one in deaf.frames if one.frame.boot == BOOTS[0]]
    second = [one for one in deaf.frames if one.frame.boot == BOOTS[1]]
    writer = Writer(database, application="test-writer")
    try:
        writer.store(items(deaf, second), second[-1].received)
        writer.store(notes(deaf), deaf.ts)
        writer.store(items(deaf, first, "late"), deaf.ts + 60_000)
    finally:
        writer.close()
    async with reviewing(database, embedded_broker):
        await until(lambda: unreviewed(database) == 0)
    again = replay(deaf.history([*first, *second]), ids(deaf.live))
    found = log(database)
    assert ids(again) == {number for number, (_, verdict) in found.items() if verdict != "not_reproduced"}
    assert any(origin == "review" for origin, _ in found.values())


async def test_what_no_order_can_be_given_to_is_refused_with_the_reason(
    database: DatabaseSettings, embedded_broker: MqttSettings
) -> None:
    life = quiet(lost=range(50, 60), over=(), n=100)
    keep(database, life, life.frames[:20])
    keep(database, life, life.frames[20:])
    # A second box with the same name spoke all the while.
    twin = quiet(lost=(), over=(), n=100)
    boot = "boot-of-the-twin"
    twin.frames = [one._replace(frame=msgspec.structs.replace(one.frame, boot=boot)) for one in twin.frames]  # type: ignore[type-var]  # a Frame is a struct
    twin.heard, twin.ranges, twin.terms = twin.frames, {boot: [(1, 100)]}, []
    writer = Writer(database, application="test-writer")
    try:
        for one in twin.frames:
            writer.store(items(twin, [one]), one.received)
        writer.store(notes(twin), twin.ts)
    finally:
        writer.close()
    async with reviewing(database, embedded_broker):
        await until(lambda: unreviewed(database) == 0)
    assert "two boxes" in value(database, "SELECT refusal FROM review WHERE refusal IS NOT NULL")
    assert value(database, "SELECT refused::text FROM frame_ledger WHERE boot_no = 1") == "{[51,61)}"


async def test_one_review_works_on_a_database(database: DatabaseSettings, embedded_broker: MqttSettings) -> None:
    life = quiet(lost=range(100, 140), over=range(110, 130))
    keep(database, life)
    async with reviewing(database, embedded_broker) as one:
        await until(lambda: unreviewed(database) == 0)
        more(life, n=50, over=(), lost=range(400, 420))
        async with reviewing(database, embedded_broker) as other:
            keep(database, life, life.frames[400:])
            await until(lambda: unreviewed(database) == 0)
            label = {"outcome": "unsettled"}
            assert other.get_sample_value("cranewatch_review_reviews_total", label) in (None, 0)
        assert (one.get_sample_value("cranewatch_review_reviews_total", label) or 0) >= 2


@pytest.mark.timescale
async def test_late_frames_in_compressed_chunks_are_reviewed_too(
    timescale_server: Server, embedded_broker: MqttSettings
) -> None:
    database = timescale_server.copy()
    try:
        if value(database, "SHOW timescaledb.license") != "timescale":
            pytest.skip("this TimescaleDB is the apache edition")
        old = now_ms() // DAY_MS * DAY_MS - 40 * DAY_MS
        life = quiet(lost=range(100, 140), over=range(110, 130), at=old)
        keep(database, life, life.heard)
        compress(database)
        late = [one for one in life.frames if one.frame.seq not in {told.frame.seq for told in life.heard}]
        keep(database, life, late)
        async with reviewing(database, embedded_broker):
            await until(lambda: unreviewed(database) == 0)
        again = replay(life.history(), ids(life.live))
        assert {number for number, (origin, _) in log(database).items() if origin == "review"} == ids(again)
        assert len(again) == 2
        # And once more when the late rows are compressed as well.
        compress(database)
        more(life, n=30, over=(), lost=range(400, 420))
        keep(database, life, life.frames[400:])
        async with reviewing(database, embedded_broker):
            await until(lambda: unreviewed(database) == 0)
        assert {number for number, (origin, _) in log(database).items() if origin == "review"} == ids(again)
    finally:
        timescale_server.drop(database)


def compress(database: DatabaseSettings) -> None:
    """What the policy would do, done now."""
    chunks = fetch(database, "SELECT show_chunks('reading_crane')::text")
    for (chunk,) in chunks:
        with psycopg.connect(database.url.get_secret_value(), autocommit=True) as connection:
            connection.execute("CALL convert_to_columnstore(%s::regclass, if_not_columnstore => true)", (chunk,))
            connection.execute("CALL convert_to_columnstore(%s::regclass, recompress => true)", (chunk,))


async def test_the_api_says_what_was_reviewed_and_marks_the_log(
    postgres_database: DatabaseSettings, embedded_broker: MqttSettings
) -> None:
    life = quiet(lost=range(111, 118), over=[109, 110, *range(118, 122)], missing_over=range(112, 118))
    keep(postgres_database, life)
    async with reviewing(postgres_database, embedded_broker):
        await until(lambda: unreviewed(postgres_database) == 0)
    async with Database(postgres_database, application="test-api") as pool:
        (one, *_) = await store.done(pool, sites=["site"])
        assert (one.late, one.added, one.refusal) == ({BOOTS[0]: [[112, 118]]}, 1, None)
        log_ = [present.logged(row) for row in await alarms.transitions(pool, sites=["site"], rule="moment")]
        assert {entry["verdict"] for entry in log_ if entry["origin"] == "live" and entry["signal"] == "raise"} == {
            "not_reproduced"
        }
        found = await alarms.transitions(pool, origin="review")
        assert [row.payload["signal"] for row in found] == ["raise"]


async def test_only_the_newest_boots_and_known_ones_are_looked_at_each_time(
    postgres_database: DatabaseSettings,
) -> None:
    writer = Writer(postgres_database, application="test-writer")
    try:
        for n in range(10):
            life = quiet(lost=(), over=(), n=3)
            boot = f"boot-number-{n:04d}"
            told = [one._replace(frame=msgspec.structs.replace(one.frame, boot=boot)) for one in life.frames]  # type: ignore[type-var]  # a Frame is a struct
            writer.store(items(life, told), life.ts)
    finally:
        writer.close()
    async with Database(postgres_database, application="test-review") as pool:
        every = await store.late(pool)
        assert [one.boot_no for one in every] == list(range(1, 11))
        assert [one.boot_no for one in await store.late(pool, [])] == list(range(3, 11))
        assert await store.late(pool, every) == every
