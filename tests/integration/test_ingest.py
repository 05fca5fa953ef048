"""Ingest against real brokers and real databases: what is acknowledged is stored, and nothing is stored twice."""

import asyncio
import contextlib
import gc
import os
import time
from collections.abc import AsyncIterator, Callable

import mqtt5
import msgspec
import pytest
from prometheus_client import CollectorRegistry

from ingest import service
from ingest.settings import IngestSettings, UpkeepSettings
from telemetry.broker import Arrival, Link, connected
from telemetry.clock import now_ms
from telemetry.consumer import MAX_QOS0, Consumer
from telemetry.errors import StorageError
from telemetry.settings import DatabaseSettings, MqttSettings, PartitionSettings
from telemetry.storage import quarantine_writer
from telemetry.storage.writer import Writer
from telemetry.wire import payloads
from tests.fix_database import Server
from tests.fix_proxy import Proxy
from tests.helpers.publisher import frame, publish
from tests.helpers.rows import fetch, value
from tests.helpers.waiting import until

BOOT = "5f2c77e01b9d4a36"


@contextlib.asynccontextmanager
async def ingest(
    mqtt: MqttSettings, database: DatabaseSettings, upkeep: UpkeepSettings | None = None
) -> AsyncIterator[CollectorRegistry]:
    """The service in this process for as long as the block lasts."""
    stop = asyncio.Event()
    registry = CollectorRegistry()
    settings = IngestSettings(
        mqtt=mqtt, database=database, partition=PartitionSettings(claim_wait_s=0.05), upkeep=upkeep or UpkeepSettings()
    )
    async with asyncio.TaskGroup() as tasks:
        running = tasks.create_task(service.run(settings, stop, registry), name="test.ingest")
        for lane in ("live", "late", "log"):
            await until(lambda lane=lane: registry.get_sample_value("cranewatch_ingest_connected", {"lane": lane}))
        yield registry
        stop.set()
        await running


def site() -> str:
    """A site of this test's own: sessions of different tests share a broker."""
    return f"s{os.getpid()}-{now_ms()}"


async def test_frames_become_rows_with_real_nulls(broker: MqttSettings, database: DatabaseSettings) -> None:
    where, ts = site(), now_ms()
    topic = f"cw/v1/{where}/crane/c-1/up/reading"
    async with ingest(broker, database):
        await publish(
            broker,
            [
                (topic, frame(BOOT, 1, ts, load_t=3.21, wind_mps=7.3, invalid=["wind_mps"], mode="working")),
                (topic, frame(BOOT, 2, ts + 200, load_t=3.22, power_ok=False, limits=5)),
            ],
        )
        await until(lambda: value(database, "SELECT count(*) FROM reading_crane") == 2)
    rows = fetch(
        database,
        "SELECT seq, load_t, wind_mps, radius_m, invalid, mode, power_ok, limits FROM reading_crane ORDER BY seq",
    )
    assert rows == [
        (1, pytest.approx(3.21), pytest.approx(7.3), None, 32, "working", None, None),
        (2, pytest.approx(3.22), None, None, 0, None, False, 5),
    ]


async def test_two_samples_with_one_ts_are_two_rows(broker: MqttSettings, database: DatabaseSettings) -> None:
    where, ts = site(), now_ms()
    topic = f"cw/v1/{where}/crane/c-1/up/reading"
    async with ingest(broker, database):
        await publish(broker, [(topic, frame(BOOT, seq, ts, load_t=float(seq))) for seq in range(1, 11)])
        await until(lambda: value(database, "SELECT count(*) FROM reading_crane") == 10)
    assert value(database, "SELECT count(DISTINCT ts) FROM reading_crane") == 1


async def test_a_duplicate_is_one_row(broker: MqttSettings, database: DatabaseSettings) -> None:
    where, ts = site(), now_ms()
    topic = f"cw/v1/{where}/crane/c-1/up/reading"
    frames = [(topic, frame(BOOT, seq, ts + seq, load_t=1.0)) for seq in range(1, 101)]
    async with ingest(broker, database):
        await publish(broker, frames * 3)
        await publish(broker, frames)
        await until(lambda: value(database, "SELECT count(*) FROM reading_crane") == 100)
        await publish(broker, [(topic, frame(BOOT, 101, ts + 101, load_t=1.0))])
        await until(lambda: value(database, "SELECT count(*) FROM reading_crane") == 101)
    assert value(database, "SELECT stored::text FROM frame_ledger") == "{[1,102)}"


async def test_a_broken_message_is_quarantined_with_its_reason_and_its_neighbours_are_stored(
    broker: MqttSettings, database: DatabaseSettings
) -> None:
    where, ts = site(), now_ms()
    topic = f"cw/v1/{where}/crane/c-1/up/reading"
    async with ingest(broker, database):
        await publish(
            broker,
            [
                (topic, frame(BOOT, 1, ts, load_t=1.0)),
                (topic, b'{"boot":"5f2c77e01b9d4a36","seq":2,"ts":1,"load_t":"heavy"}'),
                (topic, b"\xc1 not a frame"),
                (f"cw/v1/{where}/submarine/x/up/reading", b"{}"),
                (topic, b" " * 70_000),
                (topic, frame(BOOT, 3, ts + 1, load_t=1.0)),
            ],
        )
        await until(lambda: value(database, "SELECT count(*) FROM reading_crane") == 2)
        await until(lambda: value(database, "SELECT count(*) FROM quarantine") == 4)
    rows = fetch(database, "SELECT reason, boot, seq, length FROM quarantine ORDER BY quarantine_id")
    assert rows[0] == ("invalid", BOOT, 2, 59)
    assert [row[0] for row in rows] == ["invalid", "malformed", "kind", "oversized"]
    assert fetch(database, "SELECT stored::text, quarantined::text FROM frame_ledger") == [("{[1,2),[3,4)}", "{[2,3)}")]


async def test_readings_with_an_absurd_time_are_kept_apart_as_sent(
    broker: MqttSettings, database: DatabaseSettings
) -> None:
    where = site()
    topic = f"cw/v1/{where}/crane/c-1/up/reading"
    times = [0, 2**53 - 1, now_ms() + 7_200_000, now_ms() - 401 * 86_400_000]
    async with ingest(broker, database):
        await publish(broker, [(topic, frame(BOOT, n, ts, load_t=1.5)) for n, ts in enumerate(times, 1)])
        await until(lambda: value(database, "SELECT count(*) FROM reading_misdated") == 4)
    assert value(database, "SELECT count(*) FROM reading_crane") == 0
    assert [row[0] for row in fetch(database, "SELECT ts_ms FROM reading_misdated ORDER BY seq")] == times
    assert value(database, "SELECT sample FROM reading_misdated WHERE seq = 1") == {"load_t": 1.5}
    assert value(database, "SELECT stored::text FROM frame_ledger") == "{[1,5)}"


async def test_the_end_of_a_boot_is_in_the_ledger_and_what_will_not_come_is_declared_lost(
    broker: MqttSettings, database: DatabaseSettings
) -> None:
    where, ts = site(), now_ms()
    topic = f"cw/v1/{where}/crane/c-1"
    birth = b'{"online":true,"boot":"77ab01c2d3e4f506","ended":[{"boot":"5f2c77e01b9d4a36","seq":9}]}'
    upkeep = UpkeepSettings(journal_days=1e-6, interval_s=1)
    async with ingest(broker, database, upkeep) as registry:
        await publish(broker, [(f"{topic}/up/reading", frame(BOOT, s, ts + s, load_t=1.0)) for s in (1, 2, 5, 6)])
        await publish(broker, [(f"{topic}/up/presence", birth)])
        await until(lambda: value(database, "SELECT max(ended) FROM frame_ledger") == 9)
        await until(lambda: registry.get_sample_value("cranewatch_ingest_lost_total") == 5)
    assert fetch(database, "SELECT stored::text, lost::text, gaps FROM frame_ledger") == [
        ("{[1,3),[5,7)}", "{[3,5),[7,10)}", False)
    ]


async def test_a_receipt_says_what_may_be_forgotten(broker: MqttSettings, database: DatabaseSettings) -> None:
    where, ts = site(), now_ms()
    topic = f"cw/v1/{where}/crane/c-1"
    receipts: list[payloads.Receipt] = []

    def note(arrival: Arrival) -> None:
        receipts.append(payloads.decode(payloads.Receipt, arrival.payload))

    async with (
        ingest(broker, database),
        connected(Link(broker, "box", filters=[(f"{topic}/down/receipt", 1)], on_arrival=note)),
    ):
        await publish(broker, [(f"{topic}/up/reading", frame(BOOT, s, ts + s, load_t=1.0)) for s in (1, 2, 3, 7)])
        await publish(broker, [(f"{topic}/late/reading", frame(BOOT, 5, ts + 5, load_t=1.0))])
        await until(lambda: receipts and receipts[-1].boots[0].ranges == [(5, 5), (7, 7)])
    assert receipts[-1].boots == [payloads.BootReceipt(boot=BOOT, upto=3, ranges=[(5, 5), (7, 7)])]


async def test_presence_events_responses_and_transitions_are_recorded(
    broker: MqttSettings, database: DatabaseSettings
) -> None:
    where, ts = site(), now_ms()
    base = f"cw/v1/{where}/crane/c-1"
    transition = {
        "id": "t-1", "site": where, "kind": "crane", "device": "c-1", "rule": "moment", "signal": "raise",
        "previous": "normal", "state": "unacknowledged", "severity": 3, "at": ts,
        "cause": {"boot": BOOT, "seq": 1, "i": 0},
    }  # fmt: skip
    cycle = {
        "id": "c-1", "site": where, "kind": "crane", "device": "c", "start": 5, "end": 9, "duration_s": 0.004,
        "cause": {"boot": BOOT, "seq": 1, "i": 0}, "last": {"boot": BOOT, "seq": 2, "i": 0}, "decided": [BOOT, 3],
        "pick": {}, "set_down": {}, "samples": 2, "interval_ms": 200, "load_pct": 37.5, "operator": "op-1",
    }  # fmt: skip

    async with ingest(broker, database):
        await publish(
            broker,
            [
                (f"{base}/up/presence", b'{"online":true,"boot":"5f2c77e01b9d4a36","ts":1,"interval_ms":200}'),
                (f"{base}/up/event", b'{"id":"e-1","type":"cycle","ts":5,"data":{"max_load_t":2.5}}'),
                (
                    f"{base}/up/response",
                    b'{"id":"resp-0001","action":"silence","at":7,"who":"op-7","rule":"moment"}',
                ),
                (f"{base}/up/shown", b'{"terminal":"cab","at":9,"transition":"t-1"}'),
                (f"{base}/up/shown", b'{"terminal":"cab","at":10,"visible":true,"audio":"running"}'),
                (f"{base}/down/transition", msgspec.json.encode(transition)),
                (f"{base}/down/transition", msgspec.json.encode(transition)),
                (f"{base}/down/cycle", msgspec.json.encode(cycle)),
                (f"{base}/down/cycle", msgspec.json.encode(cycle)),
                (f"{base}/down/evaluated", b'{"boots":{"5f2c77e01b9d4a36":[[1,10]]}}'),
            ],
        )
        await until(lambda: value(database, "SELECT count(*) FROM frame_ledger") == 1)
        await until(lambda: value(database, "SELECT count(*) FROM terminal") == 1)
        await until(lambda: value(database, "SELECT count(*) FROM transition") == 1)
    # Only this site's: other tests leave retained messages at the broker, and ingest takes those too.
    online = fetch(database, "SELECT online, presence->>'interval_ms' FROM device WHERE site = %s", where)
    assert online == [(True, "200")]
    assert fetch(database, "SELECT id, origin, ts_ms, load_pct, operator FROM work_cycle ORDER BY id") == [
        ("c-1", "live", 9, 37.5, "op-1"), ("e-1", "device", 5, None, None),
    ]  # fmt: skip
    assert fetch(database, "SELECT action, who FROM response") == [("silence", "op-7")]
    assert fetch(database, "SELECT terminal, transition_id FROM shown") == [("cab", "t-1")]
    assert fetch(database, "SELECT id, state FROM transition") == [("t-1", "unacknowledged")]
    assert fetch(database, "SELECT rule, state, severity FROM alarm") == [("moment", "unacknowledged", 3)]
    assert value(database, "SELECT evaluated::text FROM frame_ledger") == "{[1,11)}"


async def test_text_that_only_the_database_refuses_costs_itself_and_nothing_else(
    broker: MqttSettings, database: DatabaseSettings
) -> None:
    where, ts = site(), now_ms()
    base = f"cw/v1/{where}/crane/c-1/up"
    async with ingest(broker, database):
        good = [(f"{base}/reading", frame(BOOT, s, ts + s, load_t=1.0)) for s in range(1, 21)]
        bad = (f"{base}/event", b'{"id":"e-1","type":"fault","ts":5,"data":{"x":"\\u0000"}}')
        await publish(broker, [*good[:10], bad, *good[10:]])
        await until(lambda: value(database, "SELECT count(*) FROM reading_crane") == 20)
        await until(lambda: value(database, "SELECT count(*) FROM quarantine") == 1)
    reason, detail = fetch(database, "SELECT reason, detail FROM quarantine")[0]
    assert reason == "database"
    assert detail.startswith("22P05")


async def test_an_outage_of_the_database_loses_nothing_and_acknowledges_nothing(
    broker: MqttSettings, database: DatabaseSettings, proxy_to: Callable[[int], Proxy]
) -> None:
    where, ts = site(), now_ms()
    url = database.url.get_secret_value()
    port = int(url.rsplit(":", 1)[1].split("/")[0])
    proxy = proxy_to(port)
    through = database.model_copy(
        update={"url": type(database.url)(url.replace(f":{port}/", f":{proxy.port}/")), "connect_timeout_s": 1}
    )
    topic = f"cw/v1/{where}/crane/c-1/up/reading"
    frames = [(topic, frame(BOOT, s, ts + s, load_t=1.0)) for s in range(1, 1501)]
    async with ingest(broker, through) as registry:
        await publish(broker, frames[:500])
        await until(lambda: value(database, "SELECT count(*) FROM reading_crane") == 500)
        proxy.stop()
        await publish(broker, frames[500:1000])
        await until(lambda: (registry.get_sample_value("cranewatch_ingest_retries_total", {"lane": "live"}) or 0) > 1)
        assert value(database, "SELECT count(*) FROM reading_crane") == 500
        proxy.start()
        proxy.cut_after = proxy.forwarded + 20_000  # and once more, in the middle of a COPY
        await publish(broker, frames[1000:])
        await until(lambda: value(database, "SELECT count(*) FROM reading_crane") == 1500, seconds=40)
    assert value(database, "SELECT stored::text FROM frame_ledger") == "{[1,1501)}"
    assert value(database, "SELECT count(DISTINCT seq) FROM reading_crane") == 1500


async def test_a_connection_that_is_open_and_silent_for_ever_is_given_up(
    mosquitto: MqttSettings, postgres_database: DatabaseSettings, proxy_to: Callable[[int], Proxy]
) -> None:
    database = postgres_database
    url = database.url.get_secret_value()
    port = int(url.rsplit(":", 1)[1].split("/")[0])
    proxy = proxy_to(port)
    behind = database.model_copy(
        update={"url": type(database.url)(url.replace(f":{port}/", f":{proxy.port}/")), "statement_timeout_s": 1.0}
    )
    topic = f"cw/v1/{site()}/crane/c-1/up/reading"
    async with ingest(mosquitto, behind):
        await publish(mosquitto, [(topic, frame(BOOT, 1, now_ms(), load_t=1.0))])
        await until(lambda: value(database, "SELECT count(*) FROM reading_crane") == 1)
        proxy.strand()
        await publish(mosquitto, [(topic, frame(BOOT, 2, now_ms(), load_t=1.0))])
        await until(lambda: value(database, "SELECT count(*) FROM reading_crane") == 2)


async def test_a_message_that_comes_live_and_late_is_in_quarantine_once(
    mosquitto: MqttSettings, postgres_database: DatabaseSettings
) -> None:
    base = f"cw/v1/{site()}/crane/c-1"
    wrong = b'{"boot":"5f2c77e01b9d4a36","seq":1,"ts":1,"load_t":"heavy"}'
    async with ingest(mosquitto, postgres_database):
        await publish(mosquitto, [(f"{base}/up/reading", wrong), (f"{base}/late/reading", wrong)])
        await until(lambda: value(postgres_database, "SELECT sum(count) FROM quarantine") == 2)
    assert value(postgres_database, "SELECT count(*) FROM quarantine") == 1


async def test_a_new_process_owes_everybody_a_receipt_for_the_one_before_may_have_died_with_it(
    mosquitto: MqttSettings, postgres_database: DatabaseSettings
) -> None:
    topic = f"cw/v1/{site()}/crane/c-1"
    async with ingest(mosquitto, postgres_database):
        await publish(mosquitto, [(f"{topic}/up/reading", frame(BOOT, 1, now_ms(), load_t=1.0))])
        await until(lambda: value(postgres_database, "SELECT count(*) FROM reading_crane") == 1)
    fresh: list[bytes] = []
    link = Link(
        mosquitto, f"box-{os.getpid()}", filters=[(f"{topic}/down/receipt", 1)], protocol="3.1.1",
        on_arrival=lambda arrival: None if arrival.retain else fresh.append(arrival.payload),
    )  # fmt: skip
    async with connected(link), ingest(mosquitto, postgres_database):
        await until(lambda: fresh)
    assert payloads.decode(payloads.Receipt, fresh[0]).boots[0].upto == 1


async def test_the_cap_counts_different_messages_so_that_a_flood_of_one_hides_no_other(
    broker: MqttSettings, database: DatabaseSettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(quarantine_writer, "MAX_PER_SOURCE_AND_DAY", 3)
    where = site()
    topic = f"cw/v1/{where}/crane/c-1/up/reading"
    async with ingest(broker, database):
        await publish(broker, [(topic, b"{same}")] * 50)
        await publish(broker, [(topic, b"{other %d}" % n) for n in range(5)])
        await publish(broker, [(topic, b"{same}")] * 10)
        await until(lambda: value(database, "SELECT sum(count) FROM quarantine") == 62)
        await until(lambda: value(database, "SELECT coalesce(sum(count), 0) FROM quarantine_overflow") == 3)
    assert fetch(database, "SELECT count FROM quarantine ORDER BY quarantine_id") == [(60,), (1,), (1,)]


async def test_a_flood_of_qos_0_is_bounded_in_the_consumer(mosquitto: MqttSettings) -> None:
    consumer = Consumer(mosquitto, "flood", [f"cw/v1/{site()}/crane/+/up/+"])
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(consumer.run(), name="test.flood")
        await consumer.linked()
        link = consumer._link
        assert link is not None
        packet = mqtt5.PublishPacket("cw/v1/s/crane/c/up/shown", b"x", qos=mqtt5.QoS.AT_MOST_ONCE)
        for _ in range(60):
            consumer._take(link, [packet] * 1000)
            if consumer.waiting() > 5000:
                await consumer.batch(500)
        assert consumer.waiting() <= MAX_QOS0
        assert consumer.dropped_qos0 > 0
        await consumer.close()


def test_a_writer_that_cannot_prepare_its_connection_closes_it(postgres_server: Server) -> None:
    empty = postgres_server.empty()
    writer = Writer(empty, application="unprepared")
    try:
        with pytest.raises(StorageError, match="reading_crane"):
            writer.store([], now_ms())
        gone = "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'cranewatch-unprepared'"
        deadline = time.monotonic() + 10
        while value(empty, gone):
            assert time.monotonic() < deadline
        gc.collect()  # a connection left open warns when it is collected, which fails the test
    finally:
        writer.close()
        postgres_server.drop(empty)
