"""Two at once: the same command twice counts once, and of two editors the second is told."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from typing import Any

import httpx
import psycopg
import pytest
from fastapi import FastAPI

from api.app import create_app
from api.settings import ApiSettings
from telemetry.broker import Link, connected
from telemetry.roles import Role
from telemetry.settings import DatabaseSettings, MqttSettings
from telemetry.wire import topics
from telemetry.wire.topics import Lane, Leaf
from tests.fix_proxy import Proxy
from tests.helpers.callers import make_key
from tests.helpers.rows import fetch, value
from tests.helpers.waiting import until

DUTY = {"contact": "wang", "role": "safety_officer", "begin": "2027-01-15T00:00:00Z", "end": "2027-01-16T00:00:00Z",
        "shift": "all"}  # fmt: skip
KEY = {"Idempotency-Key": "a-key-of-mine-1"}
ROSTER = "/api/v1/sites/s/roster"


def execute(settings: DatabaseSettings, *statements: str) -> None:
    with psycopg.connect(settings.url.get_secret_value(), autocommit=True) as connection:
        for statement in statements:
            connection.execute(statement)  # type: ignore[call-overload]  # a test's own SQL


@pytest.fixture
async def app(postgres_database: DatabaseSettings) -> AsyncIterator[FastAPI]:
    execute(
        postgres_database, "INSERT INTO site (site) VALUES ('s')",
        "INSERT INTO contact (site, contact, name, language, channels) VALUES ('s', 'wang', '王', 'zh', '[]')",
    )  # fmt: skip
    made = create_app(ApiSettings(database=postgres_database, console=False))
    async with made.router.lifespan_context(made):
        yield made


@pytest.fixture
async def web(app: FastAPI, postgres_database: DatabaseSettings) -> AsyncIterator[httpx.AsyncClient]:
    async with client(app, await make_key(postgres_database, (Role.ADMIN, "*"))) as made:
        yield made


def client(app: FastAPI, key: str) -> httpx.AsyncClient:
    transport = httpx.ASGITransport(app, raise_app_exceptions=False)
    return httpx.AsyncClient(
        transport=transport, base_url="http://localhost", headers={"Authorization": f"Bearer {key}"}
    )  # fmt: skip


def duties(settings: DatabaseSettings) -> int:
    found: int = value(settings, "SELECT count(*) FROM audit_log WHERE action = 'duty.add'")
    return found


async def test_the_same_command_again_is_answered_as_it_was_and_not_done(
    app: FastAPI, web: httpx.AsyncClient, postgres_database: DatabaseSettings
) -> None:
    first = await web.post(ROSTER, json=DUTY, headers=KEY)
    again = await web.post(ROSTER, json=DUTY, headers=KEY)
    assert (first.status_code, "idempotent-replay" in first.headers) == (201, False)
    assert (again.status_code, again.content, again.headers["idempotent-replay"]) == (201, first.content, "true")
    assert again.headers["content-type"] == first.headers["content-type"]
    assert duties(postgres_database) == 1
    # Another request with that key, by body, by path or by method, is none of it.
    other = {**DUTY, "shift": "day"}
    for answer in (
        await web.post(ROSTER, json=other, headers=KEY),
        await web.put(f"{ROSTER}/1", json=DUTY, headers=KEY),
        await web.delete(f"{ROSTER}/1", headers=KEY),
    ):
        assert (answer.status_code, answer.json()["type"]) == (422, "urn:cranewatch:key-reused")
    # The key is its caller's own, and so is everybody's who has a key of the same name.
    async with client(app, await make_key(postgres_database, (Role.ADMIN, "*"))) as somebody:
        assert "idempotent-replay" not in (await somebody.post(ROSTER, json=DUTY, headers=KEY)).headers
    assert duties(postgres_database) == 2
    # After a day it is forgotten.
    execute(postgres_database, "UPDATE idempotency SET at = at - interval '25 hours'")
    assert "idempotent-replay" not in (await web.post(ROSTER, json=DUTY, headers=KEY)).headers


async def test_a_refusal_is_kept_but_not_one_that_says_nothing_of_the_command(
    app: FastAPI, web: httpx.AsyncClient, postgres_database: DatabaseSettings
) -> None:
    wrong = {**DUTY, "contact": "nobody"}
    for replayed in (None, "true"):
        answer = await web.post(ROSTER, json=wrong, headers=KEY)
        assert (answer.status_code, answer.headers.get("idempotent-replay")) == (422, replayed)
    async with client(app, await make_key(postgres_database, (Role.OPERATOR, "s"))) as looker:
        for _ in range(2):
            answer = await looker.post(ROSTER, json=DUTY, headers=KEY)
            assert (answer.status_code, answer.headers.get("idempotent-replay")) == (403, None)


async def test_a_key_that_is_none_is_refused(web: httpx.AsyncClient) -> None:
    for key in ("short", "x" * 129, "with a blank in it"):
        answer = await web.post(ROSTER, json=DUTY, headers={"Idempotency-Key": key})
        assert (answer.status_code, "Idempotency-Key" in answer.json()["detail"]) == (422, True), key


async def test_of_two_at_once_one_is_done(web: httpx.AsyncClient, postgres_database: DatabaseSettings) -> None:
    for n in range(5):
        headers = {"Idempotency-Key": f"two-at-once-{n}"}
        both = await asyncio.gather(*(web.post(ROSTER, json=DUTY, headers=headers) for _ in range(2)))
        codes = sorted(answer.status_code for answer in both)
        assert codes in ([201, 201], [201, 409])
        assert duties(postgres_database) == n + 1


async def test_a_command_whose_process_died_is_not_done_again_and_not_called_done(
    web: httpx.AsyncClient, postgres_database: DatabaseSettings
) -> None:
    await web.post(ROSTER, json=DUTY, headers=KEY)
    execute(postgres_database, "UPDATE idempotency SET status = NULL, body = NULL")
    busy = await web.post(ROSTER, json=DUTY, headers=KEY)
    assert (busy.status_code, busy.json()["type"], busy.headers["retry-after"]) == (
        409, "urn:cranewatch:in-progress", "1",
    )  # fmt: skip
    execute(postgres_database, "UPDATE idempotency SET at = at - interval '5 minutes'")
    lost = await web.post(ROSTER, json=DUTY, headers=KEY)
    assert (lost.status_code, lost.json()["type"]) == (409, "urn:cranewatch:outcome-unknown")


async def test_a_secret_is_told_once_and_is_not_in_the_record(
    web: httpx.AsyncClient, postgres_database: DatabaseSettings
) -> None:
    body = {"name": "dashboard", "organisation": "o", "grants": [{"role": "authority", "site": "s"}], "days": 3}
    first = await web.post("/api/v1/keys", json=body, headers=KEY)
    assert first.status_code == 201
    again = await web.post("/api/v1/keys", json=body, headers=KEY)
    assert (again.status_code, again.json()["type"]) == (409, "urn:cranewatch:done-before")
    assert value(postgres_database, "SELECT count(*) FROM api_key WHERE name = 'dashboard'") == 1
    ((row,),) = fetch(postgres_database, "SELECT i::text FROM idempotency i")
    assert KEY["Idempotency-Key"] not in row
    assert value(postgres_database, "SELECT count(body) FROM idempotency") == 0


async def test_what_failed_here_may_be_sent_again(
    app: FastAPI, web: httpx.AsyncClient, postgres_database: DatabaseSettings
) -> None:
    execute(postgres_database, "ALTER TABLE duty RENAME TO duty_away")
    assert (await web.post(ROSTER, json=DUTY, headers=KEY)).status_code == 503
    execute(postgres_database, "ALTER TABLE duty_away RENAME TO duty")
    answer = await web.post(ROSTER, json=DUTY, headers=KEY)
    assert (answer.status_code, answer.headers.get("idempotent-replay")) == (201, None)


async def test_without_the_record_an_alarm_is_answered_once_and_everything_else_says_what_is_missing(
    postgres_database: DatabaseSettings, embedded_broker: MqttSettings, proxy_to: Callable[[int], Proxy]
) -> None:
    execute(postgres_database, "INSERT INTO site (site) VALUES ('t-once')")
    key = await make_key(postgres_database, (Role.ADMIN, "*"))
    url = postgres_database.url.get_secret_value()
    port = int(url.split("@")[-1].split("/")[0].rsplit(":", 1)[1])
    proxy = proxy_to(port)
    behind = postgres_database.model_copy(
        update={"url": type(postgres_database.url)(url.replace(f":{port}/", f":{proxy.port}/"))}
    )
    made = create_app(ApiSettings(database=behind, mqtt=embedded_broker, console=False))
    alarm: dict[str, Any] = {
        "rule": "wind", "transition": "t1", "state": "unacknowledged", "severity": 2, "active": True, "since": 1,
        "at": 1, "cab": "none", "desk": "unacknowledged",
    }  # fmt: skip
    async with (
        made.router.lifespan_context(made),
        client(made, key) as web,
        connected(Link(embedded_broker, "t-once")) as link,
    ):
        assert (await web.get("/api/v1/me")).status_code == 200  # the key is known here from now on
        topic = topics.build("t-once", "crane", "c1", Lane.DOWN, Leaf.ALARM, "wind")
        await link.publish(topic, json.dumps(alarm).encode(), retain=True)
        await until(lambda: bool(made.state.parts.feed.picture.devices))
        proxy.stop()
        where = "/api/v1/alarms/t-once/c1/wind/acknowledge"
        first = await web.post(where, json={"transition": "t1"}, headers=KEY)
        again = await web.post(where, json={"transition": "t1"}, headers=KEY)
        assert (first.status_code, again.status_code) == (202, 202), first.text
        assert (again.content, again.headers["idempotent-replay"]) == (first.content, "true")
        other = {"Idempotency-Key": "another-1"}
        for rule in ("moment", "moment", "wind"):  # there is no such alarm, and then there is
            answer = await web.post(where.replace("wind", rule), json={}, headers=other)
            assert answer.status_code == (202 if rule == "wind" else 404)
            assert "idempotent-replay" not in answer.headers
        answer = await web.post("/api/v1/sites/t-once/roster", json=DUTY, headers={"Idempotency-Key": "another-2"})
        assert (answer.status_code, answer.json()["type"]) == (503, "urn:cranewatch:database-unavailable")


async def test_of_two_editors_the_second_is_told_and_nothing_is_overwritten(
    web: httpx.AsyncClient, postgres_database: DatabaseSettings
) -> None:
    contact = {"name": "王工", "language": "zh", "channels": []}
    wanted = {"display_name": "X", "organisation": "o", "grants": [], "language": "zh", "phone": None}
    user = (await web.post("/api/v1/users", json={**wanted, "login": "x"})).json()["user"]
    duty = (await web.post(ROSTER, json=DUTY)).json()
    places: list[tuple[str, Any, Any]] = [
        ("/api/v1/sites/s/contacts/wang", contact, {**contact, "name": "Wang"}),
        (f"{ROSTER}/{duty['id']}", {**DUTY, "shift": "day"}, {**DUTY, "shift": "night"}),
        ("/api/v1/sites/s/ladders", {"day": ["07:00", "19:00"]}, {"day": ["08:00", "20:00"]}),
        (f"/api/v1/users/{user['id']}", {**wanted, "phone": "1"}, {**wanted, "phone": "2"}),
    ]
    for path, one, two in places:
        seen = (await web.get(path)).headers["etag"]
        assert (await web.get(path, headers={"If-None-Match": seen})).status_code == 304
        both = await asyncio.gather(*(web.put(path, json=body, headers={"If-Match": seen}) for body in (one, two)))
        assert sorted(answer.status_code for answer in both) == [200, 412], (path, [answer.text for answer in both])
        (good,) = [answer for answer in both if answer.status_code == 200]
        now = await web.get(path)
        assert (now.headers["etag"], now.json()) == (good.headers["etag"], good.json()), path
        assert now.headers["etag"] != seen
        if "users" not in path:
            assert (await web.delete(path, headers={"If-Match": seen})).status_code == 412
            assert (await web.get(path)).headers["etag"] == now.headers["etag"]
    new = {"If-None-Match": "*"}
    codes = [(await web.put("/api/v1/sites/s/contacts/li", json=contact, headers=new)).status_code for _ in range(2)]
    assert codes == [200, 412]
    disable = f"/api/v1/users/{user['id']}/disable"
    assert (await web.post(disable, headers={"If-Match": '"x"'})).status_code == 412
    assert (await web.post(disable)).status_code == 200


async def test_an_address_that_changed_behind_its_mask_is_another_version(web: httpx.AsyncClient) -> None:
    path = "/api/v1/sites/s/contacts/li"
    tags = []
    for secret in ("one", "two"):
        channels = [{"name": "hook", "means": "hook", "url": f"json://host/{secret}"}]
        answer = await web.put(path, json={"name": "李", "language": "zh", "channels": channels})
        assert answer.status_code == 200, answer.text
        tags.append(((await web.get(path)).headers["etag"], answer.json()))
    assert tags[0][1] == tags[1][1]
    assert tags[0][0] != tags[1][0]
