"""Contacts, roster, ladders, messages and receipt chains over REST, on a real database."""

from collections.abc import AsyncIterator
from typing import Any

import httpx
import psycopg
import pytest

from api.app import create_app
from api.settings import ApiSettings
from telemetry.clock import now_ms
from telemetry.model import Stage
from telemetry.settings import DatabaseSettings
from telemetry.wire.payloads import Shown
from tests.helpers.callers import HEADERS, OneCaller
from tests.helpers.duty import Alarm, record
from tests.helpers.rows import fetch

WANG = {
    "name": "王工", "role": "site_manager", "language": "zh",
    "channels": [{"name": "wecom", "means": "push", "url": "wecombot://TOKEN-7f3a"}],
}  # fmt: skip
ALWAYS = {"begin": "2020-01-01T00:00:00Z", "end": "2120-01-01T00:00:00Z"}


@pytest.fixture
async def api(postgres_database: DatabaseSettings) -> AsyncIterator[httpx.AsyncClient]:
    with psycopg.connect(postgres_database.url.get_secret_value(), autocommit=True) as connection:
        connection.execute("INSERT INTO site (site) VALUES ('gate')")
    app = create_app(ApiSettings(database=postgres_database, console=False), doorman=OneCaller())
    async with app.router.lifespan_context(app):
        transport = httpx.ASGITransport(app)
        async with httpx.AsyncClient(
            transport=transport, base_url="http://localhost/api/v1", headers=HEADERS
        ) as client:
            yield client


async def told(client: httpx.AsyncClient, method: str, path: str, status: int, body: Any = None) -> Any:
    answer = await client.request(method, path, json=body)
    assert answer.status_code == status, answer.text
    return answer.json() if answer.content else None


async def test_an_address_goes_in_and_never_comes_out(
    api: httpx.AsyncClient, postgres_database: DatabaseSettings
) -> None:
    found = await told(api, "PUT", "/sites/gate/contacts/wang", 200, WANG)
    assert found["channels"][0]["url"] == "wecombot://***"
    found.pop("contact")
    again = await told(api, "PUT", "/sites/gate/contacts/wang", 200, {**found, "language": "en"})
    assert again["language"] == "en"
    stored = fetch(postgres_database, "SELECT channels -> 0 ->> 'url' FROM contact")
    assert stored == [("wecombot://TOKEN-7f3a",)]
    for path in ("/sites/gate/contacts", "/sites/gate/contacts/wang"):
        assert "TOKEN" not in (await api.get(path)).text
    wrong = {**WANG, "channels": [{"name": "b", "means": "push", "url": "TOKEN-without-a-schema"}]}
    refused = await told(api, "PUT", "/sites/gate/contacts/li", 422, wrong)
    assert refused["detail"] == "channels[0].url: not an apprise URL"
    assert "TOKEN" not in str(refused)
    await told(api, "GET", "/sites/gate/contacts/li", 404)
    await told(api, "PUT", "/sites/nowhere/contacts/li", 404, WANG)


async def test_a_roster_is_written_changed_and_taken_away(api: httpx.AsyncClient) -> None:
    await told(api, "PUT", "/sites/gate/contacts/wang", 200, WANG)
    duty = {"contact": "wang", "role": "safety_officer", **ALWAYS}
    one = await told(api, "POST", "/sites/gate/roster", 201, duty)
    assert await told(api, "POST", "/sites/gate/roster", 201, duty) == one
    await told(api, "PUT", f"/sites/gate/roster/{one['id']}", 200, {**duty, "shift": "all", "role": "operator"})
    assert [row["role"] for row in (await told(api, "GET", "/sites/gate/roster", 200))["items"]] == ["operator"]
    nobody = await told(api, "POST", "/sites/gate/roster", 422, {**duty, "contact": "li"})
    assert "no contact 'li'" in nobody["detail"]
    backwards = {**duty, "begin": ALWAYS["end"], "end": ALWAYS["begin"]}
    assert "begins before it ends" in (await told(api, "POST", "/sites/gate/roster", 422, backwards))["detail"]
    assert "on the duty roster" in (await told(api, "DELETE", "/sites/gate/contacts/wang", 409))["detail"]
    await told(api, "DELETE", f"/sites/gate/roster/{one['id']}", 204)
    await told(api, "DELETE", f"/sites/gate/roster/{one['id']}", 404)
    await told(api, "DELETE", "/sites/gate/contacts/wang", 204)


async def test_that_nobody_can_be_reached_is_said(api: httpx.AsyncClient) -> None:
    found = await told(api, "GET", "/sites/gate/duty", 200)
    assert found["reach"]["life_safety"]["people"] == []
    assert "无法通知任何人" in found["reach"]["life_safety"]["why"]["zh"]
    await told(api, "PUT", "/sites/gate/contacts/wang", 200, {**WANG, "role": None})
    assert (await told(api, "GET", "/sites/gate/duty", 200))["reach"]["life_safety"]["people"] == []
    await told(api, "POST", "/sites/gate/roster", 201, {"contact": "wang", "role": "safety_officer", **ALWAYS})
    found = await told(api, "GET", "/sites/gate/duty", 200)
    assert found["reach"]["life_safety"] == {"people": ["wang"], "why": None}
    assert found["reach"]["supervised"]["why"]["en"] == "shown at the desk only"
    assert [one["contact"] for one in found["duties"]] == ["wang"]


async def test_ladders_are_the_defaults_until_a_site_has_its_own(api: httpx.AsyncClient) -> None:
    default = await told(api, "GET", "/sites/gate/ladders", 200)
    assert default["own"] is False
    assert [step["after_s"] for step in default["ladders"]["life_safety"]["steps"]] == [0, 30, 60]
    own = {"life_safety": {"steps": [{"after_s": 5, "duty": "any"}]}}
    found = await told(api, "PUT", "/sites/gate/ladders", 200, own)
    assert (found["own"], len(found["ladders"]["life_safety"]["steps"])) == (True, 1)
    assert found["ladders"]["alarm"] == default["ladders"]["alarm"]
    unknown = {"alarm": {"steps": [{"after_s": 0, "contact": "li"}]}}
    assert "no contact 'li'" in (await told(api, "PUT", "/sites/gate/ladders", 422, unknown))["detail"]
    two = {"alarm": {"steps": [{"after_s": 0, "duty": "any", "role": "operator"}]}}
    assert "exactly one" in (await told(api, "PUT", "/sites/gate/ladders", 422, two))["detail"]
    assert await told(api, "DELETE", "/sites/gate/ladders", 200) == default


async def test_a_dead_letter_is_shown_with_why_and_tried_again(
    api: httpx.AsyncClient, postgres_database: DatabaseSettings
) -> None:
    with psycopg.connect(postgres_database.url.get_secret_value(), autocommit=True) as connection:
        connection.execute(
            "INSERT INTO outbox (key, site, contact, channel, sort, life_safety, title, body, attempts, last_error,"
            " dead_at) VALUES ('k', 'gate', 'wang', 'wecom', 'alarm', true, 't', 'b', 8, 'error=500', now())"
        )
    (dead,) = (await told(api, "GET", "/sites/gate/messages?state=dead", 200))["items"]
    assert (dead["state"], dead["error"], dead["attempts"]) == ("dead", "error=500", 8)
    assert (await told(api, "GET", "/sites/gate/duty", 200))["undelivered"] == 1
    assert await told(api, "POST", f"/sites/gate/messages/{dead['id']}/retry", 202) == {"ids": [dead["id"]]}
    await told(api, "POST", f"/sites/gate/messages/{dead['id']}/retry", 404)
    (again,) = (await told(api, "GET", "/sites/gate/messages?state=waiting", 200))["items"]
    assert again["attempts"] == 0


async def test_the_receipt_chain_of_an_alarm_is_what_the_record_has(
    api: httpx.AsyncClient, postgres_database: DatabaseSettings
) -> None:
    alarm = Alarm()
    raised = alarm.raised()
    record(postgres_database, raised)
    with psycopg.connect(postgres_database.url.get_secret_value(), autocommit=True) as connection:
        connection.execute('UPDATE device SET config = \'{"terminal": "cab"}\'')
    empty = await told(api, "GET", "/alarms/gate/crane-3/moment/receipts", 200)
    assert (empty["delivered"], empty["rendered"], empty["acknowledged"], empty["ended"]) == ([], [], None, None)
    for stage in (Stage.DELIVERED, Stage.RENDERED, Stage.RENDERED):  # twice is once
        record(postgres_database, Shown(terminal="cab-1", at=now_ms(), transition=raised.id, stage=stage))
    record(postgres_database, alarm.acknowledged())
    found = await told(api, "GET", "/alarms/gate/crane-3/moment/receipts", 200)
    assert [one["terminal"] for one in found["delivered"] + found["rendered"]] == ["cab-1", "cab-1"]
    assert found["acknowledged"]["who"] == "li"
    assert found["ended"] == "acknowledged"
    assert 0 <= found["rendered"][0]["seconds"] < 60
    site = await told(api, "GET", "/sites/gate/receipts", 200)
    assert site["figures"]["rendered"]["chains"] == site["figures"]["rendered"]["reached"] == 1
    assert site["figures"]["told"] == {"chains": 1, "reached": 0, "p50_s": None, "p99_s": None}
    assert [one["transition"] for one in site["items"]] == [raised.id]
    await told(api, "GET", "/alarms/gate/crane-3/wind/receipts", 404)
    await told(api, "GET", "/sites/nowhere/receipts", 404)


async def test_without_a_database_it_is_said() -> None:
    app = create_app(ApiSettings(console=False), doorman=OneCaller())
    async with httpx.AsyncClient(
        transport=httpx.ASGITransport(app), base_url="http://localhost/api/v1", headers=HEADERS
    ) as client:
        assert (await told(client, "GET", "/sites/gate/duty", 503))["type"] == "urn:cranewatch:database-unavailable"
