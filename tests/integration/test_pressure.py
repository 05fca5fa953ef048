"""What stands still, overflows or is refused: links stay, it is bounded, and it is said."""

import asyncio
import contextlib
import json
import os
import socket
from collections.abc import Callable
from pathlib import Path

import pytest

from runtime.embedded import mosquitto
from telemetry.broker import Link, connected
from telemetry.clock import now_ms
from telemetry.errors import Refusal
from telemetry.settings import DatabaseSettings, MqttSettings
from telemetry.storage import quarantine_writer, registry
from telemetry.storage.items import Reading, Refused
from telemetry.storage.writer import Writer
from telemetry.wire import frames, topics
from telemetry.wire.payloads import DeviceConfig
from tests.fix_broker import Mosquitto
from tests.fix_proxy import Proxy
from tests.fuzz import corpus
from tests.helpers import services
from tests.helpers.publisher import frame, publish
from tests.helpers.rows import fetch, value
from tests.helpers.site import CHART
from tests.helpers.waiting import until
from tests.integration.test_analyzer import overload, site

KEEPALIVE_S = 2


SHORT = {"max_queued_messages 2000000": "max_queued_messages 20", "sys_interval 10": "sys_interval 1"}


async def test_what_the_broker_drops_is_an_alarm_to_the_desk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    conf = mosquitto._CONF
    for long, short in SHORT.items():
        assert long in conf
        conf = conf.replace(long, short)
    monkeypatch.setattr(mosquitto, "_CONF", conf)
    server = Mosquitto()
    server.start()
    try:
        mqtt = server.settings()
        async with site(mqtt, tmp_path) as here:
            here.start()
            await here.configure("c1", DeviceConfig(version=1, charts=[CHART]))
            await here.watching()
            await asyncio.sleep(2.5)  # the count of before is known then
            absent = Link(mqtt, "absent", filters=[("cw/v1/+/+/+/up/+", 1)], clean=False, protocol="3.1.1")
            async with connected(absent):
                pass
            topic = f"cw/v1/{here.name}/crane/c1/up/reading"
            await publish(mqtt, [(topic, b'{"ts":%d,"load_t":1.0}' % now_ms()) for _ in range(60)])
            await until(lambda: here.desk.alarms.get(("p0", "dropped")), 30)
            alarm = here.desk.alarms["p0", "dropped"]
            assert alarm is not None
            assert alarm.active
            assert alarm.text is not None
            assert "DROPPED" in alarm.text.en
            assert "丢弃" in alarm.text.zh
    finally:
        server.stop()


@pytest.mark.timeout(120)
async def test_a_database_slower_than_the_keepalive_costs_no_link(
    broker: MqttSettings, postgres_database: DatabaseSettings, proxy_to: Callable[[int], Proxy], tmp_path: Path
) -> None:
    url = postgres_database.url.get_secret_value()
    host_port = next(part for part in url.replace("@", "/").split("/") if part.startswith("127.0.0.1:"))
    proxy = proxy_to(int(host_port.split(":")[1]))
    slow = DatabaseSettings(url=url.replace(host_port, f"127.0.0.1:{proxy.port}"))  # type: ignore[arg-type]
    env = services.environment(
        broker, slow, CRANEWATCH_PARTITION__CLAIM_WAIT_S="0.1", CRANEWATCH_MQTT__KEEPALIVE_S=str(KEEPALIVE_S)
    )
    log = tmp_path / "ingest.log"
    process = services.start("ingest", env, log=log)
    try:
        await until(lambda: log.read_text().count("connected, session") == 3)
        ts = now_ms()
        where = f"cw/v1/slow-{os.getpid()}-{ts}/crane/c1/up/reading"
        proxy.delay = KEEPALIVE_S * 1.7  # every question waits longer than the broker would wait for a ping
        await publish(broker, [(where, frame("boot-00000001", n, ts + n, load_t=1.0)) for n in range(1, 150)])
        await asyncio.sleep(KEEPALIVE_S * 4)
        proxy.delay = 0.0
        await until(lambda: value(postgres_database, "SELECT count(*) FROM reading_crane") == 149, 40)
        assert log.read_text().count("connected, session") == 3, "no link was lost"
        assert "lost the broker" not in log.read_text()
    finally:
        services.end(process)


def reading(device: str, seq: int = 1) -> Reading:
    payload = frame("boot-00000001", seq, now_ms(), load_t=1.0)
    topic = topics.parse(f"cw/v1/s/crane/{device}/up/reading")
    return Reading(topic, frames.decode("crane", payload), payload)


def test_made_up_devices_fill_neither_the_register_nor_the_quarantine(
    postgres_database: DatabaseSettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(registry, "MAX_DEVICES", 10)
    monkeypatch.setattr(quarantine_writer, "MAX_PER_DAY", 30)
    writer = Writer(postgres_database, application="test")
    try:
        done = writer.store([reading(f"d{n}") for n in range(8)], now_ms())
        assert (done.frames, done.unregistered) == (8, 0)
        for flood in range(5):
            fakes = [reading(f"fake-{flood}-{n}") for n in range(20)]
            done = writer.store([reading("d1", flood + 2), *fakes], now_ms())
            assert done.unregistered >= 18
        assert value(postgres_database, "SELECT count(*) FROM device") == 10
        of_d1 = "SELECT count(*) FROM reading_crane JOIN device USING (device_id) WHERE device = 'd1'"
        assert value(postgres_database, of_d1) == 6
        assert value(postgres_database, "SELECT count(*) FROM quarantine") == 30
        assert fetch(postgres_database, "SELECT DISTINCT reason FROM quarantine") == [(str(Refusal.DEVICES),)]
        over = fetch(postgres_database, "SELECT source, count FROM quarantine_overflow")
        assert over == [("*", 98 - 30)]
        where = topics.parse("cw/v1/s/crane/new/up/reading")
        broken = Refused("x", where, b"{", Refusal.MALFORMED, "x", ("boot-00000001", 3))
        assert writer.store([broken], now_ms()).quarantined == 1, (
            "its identity needs a device that there is no room for"
        )
    finally:
        writer.close()


async def test_made_up_devices_leave_the_known_ones_watched(broker: MqttSettings, tmp_path: Path) -> None:
    async with site(broker, tmp_path) as here:
        here.start(CRANEWATCH_ANALYZER__DEVICES_MAX="5", CRANEWATCH_ANALYZER__BATCH="10")
        await here.configure("c1", DeviceConfig(version=1, charts=[CHART]))
        await here.watching()
        topic = f"cw/v1/{here.name}/crane/fake-%d/up/reading"
        body = json.dumps({"ts": now_ms(), "load_t": 4.55, "rated_load_t": 3.64}).encode()
        await publish(broker, [(topic % n, body) for n in range(300)])
        await until(lambda: here.desk.alarms.get(("p0", "devices")), 30)
        await here.send("c1", overload(1))
        await until(lambda: here.desk.alarms.get(("c1", "moment")))
        fakes = {name for name, _ in here.desk.alarms if name.startswith("fake")}
        assert len(fakes) < 20, "no more than fit, and a batch"


def rss_mb(pid: int) -> float:
    """Resident memory of a process."""
    return int(Path(f"/proc/{pid}/status").read_text().split("VmRSS:")[1].split()[0]) / 1024


def hand_made(port: int) -> None:
    """What no client library would send: a PUBLISH whose topic is no UTF-8, a NUL in a topic, and plain nonsense."""
    connect = b"\x10\x12\x00\x04MQTT\x04\x02\x00\x3c\x00\x06poison"
    topics_ = (b"\x30\x08\x00\x04\xff\xfe\xfd\xfc{}", b"\x30\x06\x00\x02a\x00{}")
    for packet in (*topics_, os.urandom(4096), b"\x30\xff\xff\xff\x7f"):
        with socket.create_connection(("127.0.0.1", port), timeout=5) as raw:
            raw.sendall(connect + packet)
            raw.settimeout(0.3)
            with contextlib.suppress(OSError):
                raw.recv(1024)


@pytest.mark.timeout(170)
async def test_a_flood_of_poison_costs_itself_and_nothing_else(
    mosquitto_server: Mosquitto, postgres_database: DatabaseSettings, tmp_path: Path
) -> None:
    mqtt = mosquitto_server.settings()
    name, good, cranes = f"flood-{now_ms()}", 1_200, 6
    env = services.environment(
        mqtt, postgres_database, CRANEWATCH_PARTITION__CLAIM_WAIT_S="0.1",
        CRANEWATCH_ANALYZER__FOLDER=str(tmp_path / "analyzer"),
    )  # fmt: skip
    running = {one: services.start(one, env, log=tmp_path / f"{one}.log") for one in ("ingest", "analytics")}
    try:
        for one, sessions in (("ingest", 3), ("analytics", 1)):
            log = tmp_path / f"{one}.log"
            await until(lambda log=log, n=sessions: log.exists() and log.read_text().count("connected, session") >= n)
        base = f"cw/v1/{name}"
        bad = [(f"{base}/crane/c-{n % cranes}/up/{leaf}", body) for n, body in enumerate(corpus.bodies())
               for leaf in ("reading", "event", "response", "presence") if body and len(body) < 60_000]  # fmt: skip
        wrong = ("crane/c-1/up/nonsense", "boat/c-1/up/reading", "crane/C/up/reading")
        bombs = (b"\xff" * 65_536, b" " * 900_000, b'{"x":' + b"[" * 65_000)
        bad += [(f"{base}/{one}", b"{}") for one in wrong]
        bad += [(f"{base}/crane/c-1/up/reading", bomb) for bomb in bombs]
        ts, before = now_ms(), {one: rss_mb(process.pid) for one, process in running.items()}
        flood: list[tuple[str, bytes]] = []
        for seq in range(1, good // cranes + 1):
            for crane in range(cranes):
                loud = 3.3 if seq % 50 > 30 else 0.5
                body = frame(f"boot-{crane:08d}", seq, ts + 200 * seq, load_t=loud, rated_load_t=3.0, radius_m=30.0)
                flood.append((f"{base}/crane/g-{crane}/up/reading", body))
            flood += [bad[(seq * 5 + k) % len(bad)] for k in range(5)]
        await asyncio.to_thread(hand_made, mqtt.port)
        await publish(mqtt, flood)
        whose = "JOIN device d USING (device_id) WHERE d.device LIKE 'g-%%' AND"
        ledger = f"SELECT count(*) FROM frame_ledger l {whose} l."  # noqa: S608 - a constant
        await until(lambda: value(postgres_database, ledger + "stored = '{[1,201)}'") == cranes, 60)
        await until(lambda: value(postgres_database, ledger + "evaluated = '{[1,201)}'") == cranes, 60)
        raised = f"SELECT count(*) FROM transition t {whose} t.signal = 'raise'"  # noqa: S608 - a constant
        assert value(postgres_database, raised) >= cranes * 4
        kept = value(postgres_database, "SELECT coalesce(sum(count), 0) FROM quarantine")
        assert 300 < kept < 1_000, "what was refused, each time it came"
        head = value(postgres_database, "SELECT max(octet_length(head)) FROM quarantine")
        assert head <= quarantine_writer.HEAD_BYTES
        for one, process in running.items():
            assert process.poll() is None
            assert rss_mb(process.pid) - before[one] < 100, one
            assert "Traceback" not in (tmp_path / f"{one}.log").read_text()
    finally:
        for process in running.values():
            services.end(process)
