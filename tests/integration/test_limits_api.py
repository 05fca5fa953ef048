"""Limit profiles over REST, on a real database: two persons, one after the other, and a line for each step."""

from collections.abc import AsyncIterator
from typing import Any

import httpx
import psycopg
import pytest

from api.app import create_app
from api.settings import ApiSettings
from telemetry.roles import Principal, Role
from telemetry.settings import DatabaseSettings
from tests.helpers.callers import HEADERS, OneCaller
from tests.helpers.limits import BASE, number
from tests.helpers.rows import fetch

DOOR = OneCaller()


def person(name: str, role: Role, site: str = "gate", **more: Any) -> Principal:
    user = {"user_id": hash(name) % 1000 + 1, "session_id": "s", **more}
    return Principal(name, name, "test", frozenset({(role, site)}), **user)


def text(limit: float, version: int = 1) -> str:
    return BASE.format(name="works", version=version) + f"[crane.moment.steps.alarm]\nset = {number(limit)}\n"


@pytest.fixture
async def api(postgres_database: DatabaseSettings) -> AsyncIterator[httpx.AsyncClient]:
    with psycopg.connect(postgres_database.url.get_secret_value(), autocommit=True) as connection:
        connection.execute("INSERT INTO site (site) VALUES ('gate'), ('other')")
    app = create_app(ApiSettings(database=postgres_database, console=False), doorman=DOOR)
    async with app.router.lifespan_context(app):
        transport = httpx.ASGITransport(app)
        async with httpx.AsyncClient(
            transport=transport, base_url="http://localhost/api/v1", headers=HEADERS
        ) as client:
            yield client


async def told(client: httpx.AsyncClient, method: str, path: str, status: int, body: Any = None) -> Any:
    answer = await client.request(method, path, json=body)
    assert answer.status_code == status, answer.text
    return answer.json()


async def test_a_profile_comes_to_hold_by_two_persons_and_each_step_is_on_record(
    api: httpx.AsyncClient, postgres_database: DatabaseSettings
) -> None:
    DOOR.principal = person("li.na", Role.SAFETY_OFFICER)
    compared = await told(api, "POST", "/limit-profiles/check", 200, {"text": text(101)})
    assert compared["loosens_life_safety"] == 1
    [change] = compared["differences"]
    assert (change["path"], change["old"], change["new"]) == ("crane.moment.steps.alarm.set", "100", "101")
    made = await told(api, "POST", "/limit-profiles", 201, {"text": text(101)})
    approval = {"hash": made["hash"], "why": "after the storm"}
    await told(api, "POST", "/limit-profiles/works/1/approve", 403, approval)  # an officer proposes, and no more

    DOOR.principal = person("li.na", Role.SITE_MANAGER)
    assert "another person" in (await told(api, "POST", "/limit-profiles/works/1/approve", 409, approval))["detail"]
    DOOR.principal = person("wang", Role.SITE_MANAGER)
    await told(api, "POST", "/sites/gate/limit-profile", 409, {"name": "works", "version": 1})
    await told(api, "POST", "/limit-profiles/works/1/approve", 409, {"hash": "0" * 12})
    done = await told(api, "POST", "/limit-profiles/works/1/approve", 200, approval)
    assert (done["approved_by"], done["why"]) == ("wang", "after the storm")
    [published] = (await told(api, "POST", "/sites/gate/limit-profile", 201, {"name": "works", "version": 1}))["items"]
    assert published["profile"] == done["label"]
    await told(api, "POST", "/sites/other/limit-profile", 403, {"name": "works", "version": 1})

    whole = await told(api, "GET", "/limit-profiles/works/1", 200)
    assert whole["text"] == text(101)
    assert whole["version"]["sites"] == ["gate"]
    rows = {row["label"]: row for row in (await told(api, "GET", "/limit-profiles", 200))["items"]}
    assert rows[done["label"]]["approved_by"] == "wang"
    assert any(row["packaged"] and row["name"] == "cn" for row in rows.values())
    assert fetch(
        postgres_database,
        "SELECT action, who, site, target FROM audit_log WHERE action LIKE 'profile.%%' ORDER BY audit_id",
    ) == [
        ("profile.propose", "li.na", None, done["label"]), ("profile.approve", "wang", None, done["label"]),
        ("profile.publish", "wang", "gate", done["label"]),
    ]  # fmt: skip


async def test_what_is_wrong_with_a_text_is_said_with_its_line_and_changes_nothing(
    api: httpx.AsyncClient, postgres_database: DatabaseSettings
) -> None:
    DOOR.principal = person("li.na", Role.SITE_MANAGER)
    for broken, words in (
        (text(101) + "[crane.moment.steps.alarm.on]\n", "line "),
        ("name = 5", "name"),
        ("[", "line"),
    ):
        for path in ("/limit-profiles/check", "/limit-profiles"):
            assert words in (await told(api, "POST", path, 422, {"text": broken}))["detail"], broken
    assert fetch(postgres_database, "SELECT count(*) FROM audit_log WHERE action LIKE 'profile.%%'") == [(0,)]
    await told(api, "GET", "/limit-profiles/works/7", 404)
    await told(api, "POST", "/limit-profiles/works/7/approve", 404, {"hash": "0" * 12})
    assert (await told(api, "GET", "/limit-profiles/cn/1", 200))["comparison"]["differences"] == []


async def test_a_program_signs_nothing(api: httpx.AsyncClient) -> None:
    DOOR.principal = person("key:dashboard", Role.ADMIN, "*", user_id=None, session_id=None, key_id="k")
    for path, body in (
        ("/limit-profiles", {"text": text(101)}), ("/limit-profiles/works/1/approve", {"hash": "0" * 12}),
        ("/sites/gate/limit-profile", {"name": "works", "version": 1}),
    ):  # fmt: skip
        assert (await told(api, "POST", path, 403, body))["type"] == "urn:cranewatch:a-person-does"


async def test_where_a_profile_holds_is_said_of_ones_own_sites_only(api: httpx.AsyncClient) -> None:
    DOOR.principal = person("li.na", Role.ADMIN, "*")
    made = await told(api, "POST", "/limit-profiles", 201, {"text": text(101)})
    DOOR.principal = person("wang", Role.ADMIN, "*")
    await told(api, "POST", "/limit-profiles/works/1/approve", 200, {"hash": made["hash"]})
    for site in ("gate", "other"):
        await told(api, "POST", f"/sites/{site}/limit-profile", 201, {"name": "works", "version": 1})
    DOOR.principal = person("zhao", Role.OPERATOR)
    rows = {row["label"]: row for row in (await told(api, "GET", "/limit-profiles", 200))["items"]}
    assert rows[made["label"]]["sites"] == ["gate"]
    await told(api, "GET", "/sites/other/limit-profile", 403)
