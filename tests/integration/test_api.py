"""The API as it runs: a real broker, a real database, its own process."""

import asyncio
import json
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import numpy as np
import psycopg
import pytest
import websockets

from api.buckets import Bucket, aligned
from telemetry.broker import Arrival, Link, connected, fetch_retained
from telemetry.clock import now_ms, to_ms
from telemetry.kinds import CRANE
from telemetry.model import Severity, State
from telemetry.settings import DatabaseSettings, MqttSettings
from telemetry.storage import history
from telemetry.storage.pool import Database
from telemetry.wire import payloads
from tests.fix_proxy import Proxy
from tests.helpers.api import ApiProcess

START = datetime(2026, 6, 1, 8, 0, 0, tzinfo=UTC)


def run(settings: DatabaseSettings, sql: str, values: tuple[Any, ...] = ()) -> None:
    with psycopg.connect(settings.url.get_secret_value(), autocommit=True) as connection:
        connection.execute(sql, values)  # type: ignore[arg-type]  # a test's own SQL


def register(settings: DatabaseSettings, site: str, config: dict[str, Any], version: int) -> None:
    run(
        settings, "INSERT INTO site (site, config, config_version) VALUES (%s, '{}', 1) ON CONFLICT DO NOTHING", (site,)
    )
    run(
        settings,
        "INSERT INTO device (site, kind, device, config, config_version) VALUES (%s, 'crane', 'c1', %s, %s)"
        " ON CONFLICT (site, kind, device) DO UPDATE SET config = EXCLUDED.config,"
        " config_version = EXCLUDED.config_version",
        (site, json.dumps(config), version),
    )


def fill(settings: DatabaseSettings, n: int) -> tuple[np.ndarray, np.ndarray]:
    """n readings of device 1 at 1 Hz from START: loads, every seventh marked invalid. Returns (load, invalid)."""
    loads = np.round(np.random.default_rng(7).uniform(0, 5, n), 2).astype(np.float32)
    bad = np.arange(n) % 7 == 3
    with (
        psycopg.connect(settings.url.get_secret_value(), autocommit=True) as connection,
        connection.cursor().copy(
            "COPY reading_crane (device_id, ts, received_at, boot_no, seq, i, invalid, load_t) FROM STDIN"
        ) as copy,
    ):
        for k in range(n):
            at = START + timedelta(seconds=k)
            copy.write_row((1, at, at, 1, k + 1, 0, CRANE.bit["load_t"] if bad[k] else 0, float(loads[k])))
    return loads, bad


@pytest.mark.parametrize("bucket", [Bucket.S10, Bucket.M1, Bucket.M5, Bucket.H1])
def test_buckets_are_what_numpy_says_and_invalid_values_are_in_none(database: DatabaseSettings, bucket: Bucket) -> None:
    register(database, "s", {}, 0)
    n = 3 * 3600
    loads, bad = fill(database, n)
    first, last = aligned(START + timedelta(minutes=7), START + timedelta(minutes=99), bucket)

    async def ask() -> list[history.BucketPoint]:
        async with Database(database, application="test") as open_:
            return await history.buckets(open_, "crane", 1, first, last, ["load_t", "wind_mps"], bucket.width)

    found = asyncio.run(ask())
    expected = []
    at = first
    while at < last:
        k = int((at - START).total_seconds())
        part = slice(max(0, k), max(0, k + int(bucket.width.total_seconds())))
        if loads[part].size:
            good = loads[part][~bad[part]]
            expected.append((at, loads[part].size, good))
        at += bucket.width
    assert [point.start for point in found] == [at for at, _, _ in expected]
    assert [point.n for point in found] == [size for _, size, _ in expected]
    for point, (_, _, good) in zip(found, expected, strict=True):
        count, mean, low, high = point.values[0]
        assert count == good.size
        assert mean == pytest.approx(float(good.astype(np.float64).mean()), rel=1e-9)
        assert (np.float32(low), np.float32(high)) == (good.min(), good.max())
        assert point.values[1] == (0, None, None, None)


def test_every_channel_that_is_offered_in_buckets_can_be_asked_for(database: DatabaseSettings) -> None:
    async def ask() -> None:
        async with Database(database, application="test") as open_:
            for kind in ("crane", "formwork"):
                names = history.rolled(history.KINDS[kind])
                for width in (timedelta(seconds=10), timedelta(hours=1)):
                    assert await history.buckets(open_, kind, 1, START, START + timedelta(hours=1), names, width) == []

    asyncio.run(ask())


@pytest.fixture
def api(embedded_broker: MqttSettings, postgres_database: DatabaseSettings) -> Iterator[ApiProcess]:
    with ApiProcess(embedded_broker, postgres_database, console=False) as process:
        yield process


def eventually(ask: Callable[[], Any], wanted: Callable[[Any], bool], timeout: float = 15.0) -> Any:
    """Ask until the answer is the wanted one. Raises AssertionError with the last answer."""
    deadline = time.monotonic() + timeout
    while not wanted(answer := ask()):
        assert time.monotonic() < deadline, f"never as wanted, at last: {answer}"
        time.sleep(0.1)
    return answer


def test_history_is_answered_as_finely_as_the_range_allows(
    api: ApiProcess, postgres_database: DatabaseSettings
) -> None:
    register(postgres_database, "s", {}, 0)
    loads, bad = fill(postgres_database, 3600)
    url = f"{api.url}/api/v1/devices/s/c1/readings"

    def ask(minutes: float, **more: str) -> dict[str, Any]:
        end = START + timedelta(minutes=minutes)
        answer = api.http.get(url, params={"from": START.isoformat(), "to": end.isoformat(), **more})
        assert answer.status_code == 200, answer.text
        found: dict[str, Any] = answer.json()
        return found

    raw = ask(1, channels="load_t")
    assert raw["bucket"] == "raw"
    assert raw["channels"]["load_t"]["value"] == [pytest.approx(float(x)) for x in loads[:60]]
    assert raw["invalid"] == [["load_t"] if x else [] for x in bad[:60]]
    assert raw["at"][0] == to_ms(START)
    fine = ask(60, channels="load_t")
    assert fine["bucket"] == "10s"
    assert len(fine["at"]) == 360
    assert ask(60, bucket="1h", channels="load_t")["samples"] == [3600]
    assert api.http.get(url, params={"channels": "nosuch"}).json()["type"] == "urn:cranewatch:unknown-channel"
    assert api.http.get(url, params={"from": "2026-06-01T08:00:00"}).status_code == 422
    assert api.http.get(url, params={"from": "2026-06-02T08:00:00Z", "to": "2026-06-01T08:00:00Z"}).status_code == 422


def test_a_device_of_a_kind_that_is_not_declared_has_no_readings_and_breaks_nothing(
    api: ApiProcess, postgres_database: DatabaseSettings
) -> None:
    run(postgres_database, "INSERT INTO site (site, config, config_version) VALUES ('odd', '{}', 0)")
    run(
        postgres_database,
        "INSERT INTO device (site, kind, device, config, config_version) VALUES ('odd', 'nokind', 'x', '{}', 0)",
    )
    answer = api.http.get(f"{api.url}/api/v1/devices/odd/x/readings", timeout=10)
    assert answer.status_code == 404
    assert answer.headers["content-type"] == "application/problem+json"
    assert "nokind" in answer.json()["detail"]
    assert api.http.get(f"{api.url}/api/v1/devices/odd/x", timeout=10).json()["kind"] == "nokind"
    assert api.http.get(f"{api.url}/api/v1/devices?site=odd", timeout=10).status_code == 200


def test_the_configuration_of_the_database_is_what_the_broker_holds(
    api: ApiProcess, embedded_broker: MqttSettings, postgres_database: DatabaseSettings
) -> None:
    topic = "cw/v1/conf/crane/c1/down/config"

    def held() -> payloads.DeviceConfig | None:
        found = asyncio.run(fetch_retained(embedded_broker, "look", topic, wait_s=0.3))
        return payloads.decode(payloads.DeviceConfig, found[topic]) if topic in found else None

    register(postgres_database, "conf", {"display_name": "1#塔机"}, 4)
    first = eventually(held, lambda config: config is not None)
    assert (first.version, first.display_name) == (4, "1#塔机")
    register(postgres_database, "conf", {"display_name": "一号塔机"}, 5)
    eventually(held, lambda config: config.version == 5)
    # A backup of last week is restored: the crane keeps the newer one.
    register(postgres_database, "conf", {"display_name": "old"}, 2)
    text = eventually(
        lambda: api.http.get(f"{api.url}/metrics").text,
        lambda text: 'cranewatch_api_configs_total{outcome="older"} 1.0' in text,
    )
    assert 'outcome="published"} 3.0' in text  # the site's own, and two of the crane
    config = held()
    assert config is not None
    assert (config.version, config.display_name) == (5, "一号塔机")


@asynccontextmanager
async def listening(settings: MqttSettings, pattern: str) -> AsyncIterator[tuple[Link, list[Arrival]]]:
    heard: list[Arrival] = []
    async with connected(Link(settings, "listener", filters=[(pattern, 1)], on_arrival=heard.append)) as link:
        yield link, heard


def alarm(*, life_safety: bool) -> bytes:
    return payloads.encode(
        payloads.Alarm(
            rule="moment", transition="t-1", state=State.UNACKNOWLEDGED, severity=Severity.ALARM, active=True,
            since=now_ms(), at=now_ms(), cab="continuous", desk="unacknowledged", life_safety=life_safety,
        )
    )  # fmt: skip


def test_a_person_s_answer_reaches_the_analyzer_s_topic(api: ApiProcess, embedded_broker: MqttSettings) -> None:
    url = f"{api.url}/api/v1/alarms/ack/c1/moment"

    headers = api.headers

    async def script() -> None:
        async with (
            listening(embedded_broker, "cw/v1/ack/+/+/up/response") as (link, heard),
            httpx.AsyncClient(headers=headers) as http,
        ):
            assert (await http.post(f"{url}/acknowledge", json={})).status_code == 404
            await link.publish("cw/v1/ack/crane/c1/down/alarm/moment", alarm(life_safety=False), retain=True)
            await asyncio.sleep(0.5)
            body = {"cause": "called", "transition": "t-1"}
            answer = await http.post(f"{url}/acknowledge", json=body)
            assert answer.status_code == 202, answer.text
            until = now_ms() + 3_600_000
            shelved = await http.post(f"{url}/shelve", json={"why": "sensor swap", "until": until})
            assert shelved.status_code == 202, shelved.text
            await link.publish("cw/v1/ack/crane/c1/down/alarm/moment", alarm(life_safety=True), retain=True)
            await asyncio.sleep(0.5)
            refused = await http.post(f"{url}/shelve", json={"why": "sensor swap", "until": until})
            assert refused.status_code == 409
            # A third one, if the refused answer were published after all, would have arrived by now too.
            await asyncio.sleep(1)
            first, second = (payloads.decode(payloads.Response, one.payload) for one in heard)
            assert heard[0].topic == "cw/v1/ack/crane/c1/up/response"
            assert (first.action, first.who) == ("acknowledge", "key:test")
            assert (first.cause, first.transition) == ("called", "t-1")
            assert first.id == answer.json()["response"]
            assert (second.action, second.until, second.why) == ("shelve", until, "sensor swap")

    asyncio.run(script())


def test_the_live_socket_tells_what_changes(api: ApiProcess, embedded_broker: MqttSettings) -> None:
    headers = api.headers

    async def script() -> None:
        uri = f"ws://127.0.0.1:{api.port}/ws/v1/live?site=live"
        async with (
            listening(embedded_broker, "cw/v1/none") as (link, _),
            websockets.connect(uri, additional_headers=headers) as socket,
        ):
            assert json.loads(await socket.recv())[0]["type"] == "snapshot"
            frame = json.dumps({"boot": "boot-0001", "seq": 1, "ts": now_ms(), "load_t": 2.5}).encode()
            await link.publish("cw/v1/elsewhere/crane/c1/up/reading", frame)
            await link.publish("cw/v1/live/crane/c1/up/reading", frame)
            await link.publish("cw/v1/live/crane/c1/down/alarm/moment", alarm(life_safety=True), retain=True)
            await link.publish("cw/v1/live/crane/c1/down/alarm/moment", b"", retain=True)
            seen: list[dict[str, Any]] = []
            async with asyncio.timeout(5):
                while len(seen) < 3:
                    seen += [one for one in json.loads(await socket.recv()) if one["type"] != "recorded"]
            assert {one["site"] for one in seen} == {"live"}
            alarms = [one["data"]["alarm"] for one in seen if one["type"] == "alarm"]
            assert [one["transition"] if one else None for one in alarms] == ["t-1", None]
            (reading,) = [one["data"] for one in seen if one["type"] == "reading"]
            assert reading["values"] == {"load_t": 2.5}

    asyncio.run(script())


def test_what_was_said_before_it_started_is_old_and_not_unheard_of(
    embedded_broker: MqttSettings, postgres_database: DatabaseSettings
) -> None:
    register(postgres_database, "before", {}, 0)
    loads, _ = fill(postgres_database, 5)
    run(postgres_database, "INSERT INTO device (site, kind, device, config) VALUES ('before', 'crane', 'gone', %s)",
        (json.dumps({"retired": True}),))  # fmt: skip
    run(
        postgres_database,
        "INSERT INTO reading_crane (device_id, ts, received_at, boot_no, seq, i, invalid, load_t)"
        " SELECT device_id, now(), now(), 0, 0, 0, 0, 1 FROM device WHERE device = 'gone'",
    )
    with ApiProcess(embedded_broker, postgres_database, console=False) as api:
        url = "/api/v1/devices/before/c1"
        found = eventually(lambda: api.http.get(url).json(), lambda answer: answer.get("reading") is not None)
        assert found["reading"]["stale"] is True
        assert found["reading"]["values"]["load_t"] == pytest.approx(float(loads[-1]))
        assert found["reading"]["received_at"] == to_ms(START + timedelta(seconds=4))
        assert api.http.get("/api/v1/devices/before/gone").json()["reading"] is None


def test_without_its_database_it_serves_the_present_and_says_what_is_missing(
    embedded_broker: MqttSettings, postgres_database: DatabaseSettings, proxy_to: Callable[[int], Proxy]
) -> None:
    url = postgres_database.url.get_secret_value()
    port = int(url.rsplit(":", 1)[1].split("/")[0])
    proxy = proxy_to(port)
    through = DatabaseSettings(url=url.replace(f":{port}/", f":{proxy.port}/"), connect_timeout_s=2)  # type: ignore[arg-type]  # pydantic makes a secret of it
    with ApiProcess(embedded_broker, through, console=False) as api:
        ready = f"{api.url}/readyz"
        eventually(lambda: httpx.get(ready, timeout=20), lambda answer: answer.status_code == 200)
        assert api.http.get("/api/v1/sites").status_code == 200
        proxy.stop()
        answer = eventually(lambda: httpx.get(ready, timeout=20), lambda answer: answer.status_code == 503)
        assert answer.json()["checks"]["broker"]["en"] == "connected"
        assert answer.json()["checks"]["database"]["en"].startswith("not available")
        assert api.http.get(f"{api.url}/api/v1/transitions", timeout=20).status_code == 503
        assert api.http.get(f"{api.url}/api/v1/alarms", timeout=20).status_code == 200
        proxy.start()
        eventually(lambda: httpx.get(ready, timeout=20), lambda answer: answer.status_code == 200, timeout=40)
        assert api.stop() == 0
