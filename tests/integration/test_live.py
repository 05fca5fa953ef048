"""Resuming the live socket: what was missed comes out of the record, once the number told is final."""

import asyncio
import json
from collections.abc import Iterator
from typing import Any

import psycopg
import pytest
import websockets

from api.live.chase import Chase
from api.live.hub import Hub, Interest, Type
from telemetry.broker import Link, connected
from telemetry.clock import now_ms
from telemetry.settings import DatabaseSettings, MqttSettings
from telemetry.storage.pool import Database
from tests.helpers.api import ApiProcess

TRANSITION = (
    "INSERT INTO transition (id, device_id, rule, signal, previous, state, severity, at_ms, observed, origin,"
    " life_safety, payload) VALUES (%s, %s, 'moment', 'raise', 'normal', 'unacknowledged', 3, 5, false, 'live',"
    " true, %s)"
)


def connect(settings: DatabaseSettings) -> psycopg.Connection[Any]:
    return psycopg.connect(settings.url.get_secret_value())


def devices(settings: DatabaseSettings) -> None:
    with connect(settings) as connection:
        connection.execute("INSERT INTO site (site) VALUES ('s'), ('other')")
        connection.execute(
            "INSERT INTO device (site, kind, device) VALUES ('s', 'crane', 'c-1'), ('s', 'crane', 'c-2'),"
            " ('other', 'crane', 'c-1')"
        )


def write(connection: psycopg.Connection[Any], *ids: str, device: int = 1) -> None:
    for one in ids:
        connection.execute(TRANSITION, (one, device, json.dumps({"id": one})))


def record(settings: DatabaseSettings, *ids: str, device: int = 1) -> None:
    with connect(settings) as connection:
        write(connection, *ids, device=device)


def told(messages: list[Any]) -> list[str]:
    return [body["data"]["id"] for body in map(json.loads, messages) if body["type"] == "transition"]


def test_a_number_is_not_told_before_a_lower_one_has_come_to_stand(database: DatabaseSettings) -> None:
    devices(database)

    async def script() -> None:
        async with Database(database, application="test") as pool:
            hub = Hub(clients_max=4, mailbox=64)
            chase = Chase(pool, hub)
            for _ in range(2):
                await chase.step()
            assert chase.position == 0
            box = hub.open(Interest(), lambda _: None)
            with connect(database) as slow:
                write(slow, "below")
                record(database, "above")
                for _ in range(3):
                    await chase.step()
                assert (chase.position, box.take()) == (0, [])
            for _ in range(2):
                await chase.step()
            taken = [message.text for message in box.take()]
            assert told(taken) == ["below", "above"]
            assert json.loads(taken[-1]) == {
                "type": "recorded", "site": "", "kind": "", "device": "", "data": {"position": 2},
            }  # fmt: skip

    asyncio.run(script())


def test_a_number_of_another_record_is_found_out(postgres_database: DatabaseSettings) -> None:
    devices(postgres_database)

    async def script() -> None:
        async with Database(postgres_database, application="test") as pool:
            hub = Hub(clients_max=4, mailbox=64)
            chase = Chase(pool, hub)
            for _ in range(2):
                await chase.step()
            box = hub.open(Interest(), lambda _: None, since=1000)
            resume = chase.resume(box, 1000)
            pages = [await chase.page(resume) for _ in range(12)]
            assert pages[0] is None
            assert pages[-1] == []
            about = json.loads(resume.about().text)
            assert (about["type"], about["data"]["complete"]) == (Type.RESUMED, False)
            # From there on it gets what is new, whatever its number was.
            record(postgres_database, "new")
            for _ in range(2):
                await chase.step()
            assert told([message.text for message in box.take()]) == ["new"]

    asyncio.run(script())


@pytest.fixture
def api(embedded_broker: MqttSettings, postgres_database: DatabaseSettings) -> Iterator[ApiProcess]:
    devices(postgres_database)
    with ApiProcess(embedded_broker, postgres_database, console=False) as process:
        yield process


async def heard(socket: websockets.ClientConnection, last: str) -> list[dict[str, Any]]:
    """The messages of frames up to one with the first of that type."""
    found: list[dict[str, Any]] = []
    async with asyncio.timeout(20):
        while not any(one["type"] == last for one in found):
            found += json.loads(await socket.recv())
    return found


def ids(messages: list[dict[str, Any]]) -> list[str]:
    return [message["data"]["id"] for message in messages if message["type"] == "transition"]


def test_a_client_that_comes_back_gets_what_it_missed_of_its_sites_and_devices(
    api: ApiProcess, postgres_database: DatabaseSettings
) -> None:
    headers = api.headers
    uri = f"ws://127.0.0.1:{api.port}/ws/v1/live?site=s&device=c-1"

    async def script() -> None:
        record(postgres_database, "before")
        async with websockets.connect(uri, additional_headers=headers) as socket:
            [first] = json.loads(await socket.recv())
            number = first["data"]["recorded"]
            while number != 1:
                number = (await heard(socket, "recorded"))[-1]["data"]["position"]
        many = [f"missed-{n:04d}" for n in range(1203)]
        record(postgres_database, *many)
        record(postgres_database, "of-another", device=2)
        record(postgres_database, "elsewhere", device=3)
        async with websockets.connect(f"{uri}&since={number}", additional_headers=headers) as socket:
            messages = await heard(socket, "resumed")
            assert messages[0]["type"] == "snapshot"
            assert messages[0]["data"]["recorded"] is None
            assert messages[-1]["data"]["complete"] is True
            rest = ids(messages)
            while len(rest) < len(many):
                # What was not final yet when it connected comes by itself.
                rest += ids(await heard(socket, "transition"))
            assert rest == many
            record(postgres_database, "never-published")
            assert ids(await heard(socket, "transition")) == ["never-published"]
        async with websockets.connect(f"{uri}&since=1207", additional_headers=headers) as socket:
            assert ids(await heard(socket, "resumed")) == []

    asyncio.run(script())


def test_what_came_live_is_not_sent_again_from_the_record(
    api: ApiProcess, postgres_database: DatabaseSettings, embedded_broker: MqttSettings
) -> None:
    body = {
        "id": "both-ways", "site": "s", "kind": "crane", "device": "c-1", "rule": "moment", "signal": "raise",
        "previous": "normal", "state": "unacknowledged", "severity": 3, "at": now_ms(), "cause": {"tick": 1},
    }  # fmt: skip
    headers = api.headers
    uri = f"ws://127.0.0.1:{api.port}/ws/v1/live?site=s"

    async def script() -> None:
        link = Link(embedded_broker, "test-live", filters=(), on_arrival=lambda _: None)
        async with connected(link), websockets.connect(uri, additional_headers=headers) as socket:
            await heard(socket, "snapshot")
            await link.publish("cw/v1/s/crane/c-1/down/transition", json.dumps(body).encode())
            assert ids(await heard(socket, "transition")) == ["both-ways"]
            record(postgres_database, "both-ways", "only-recorded")
            assert ids(await heard(socket, "transition")) == ["only-recorded"]

    asyncio.run(script())


def test_a_socket_that_is_refused_is_told_why(api: ApiProcess) -> None:
    async def script() -> None:
        with pytest.raises(websockets.InvalidStatus) as refused:
            await websockets.connect(f"ws://127.0.0.1:{api.port}/ws/v1/live")
        answer = refused.value.response
        assert answer.status_code == 401
        assert json.loads(answer.body)["type"] == "urn:cranewatch:unauthenticated"

    asyncio.run(script())
