"""Signing in and out, on a real database, over the application as it is."""

import asyncio
from collections.abc import AsyncIterator, Callable
from datetime import timedelta
from typing import Any

import httpx
import psycopg
import pytest
from fastapi import FastAPI

from api.access import tokens
from api.access.access import Access
from api.access.credentials import Credentials
from api.access.standing import OUTAGE
from api.app import create_app
from api.deps import Parts
from api.settings import ApiSettings
from telemetry.clock import utc_now
from telemetry.errors import StorageError
from telemetry.roles import Role
from telemetry.settings import DatabaseSettings
from telemetry.storage.audit import Actor
from telemetry.storage.pool import Database
from tests.fix_proxy import Proxy
from tests.helpers.callers import PASSWORD, make_account, make_key
from tests.helpers.rows import fetch

HOST = "http://localhost"
LOGIN = {"login": "Li.Na ", "password": PASSWORD}


@pytest.fixture
async def app(postgres_database: DatabaseSettings) -> AsyncIterator[FastAPI]:
    with psycopg.connect(postgres_database.url.get_secret_value(), autocommit=True) as connection:
        connection.execute("INSERT INTO site (site) VALUES ('mine'), ('other')")
    await make_account(postgres_database, "li.na", (Role.SAFETY_OFFICER, "mine"))
    made = create_app(ApiSettings(database=postgres_database, console=False))
    async with made.router.lifespan_context(made):
        yield made


@pytest.fixture
async def web(app: FastAPI) -> AsyncIterator[httpx.AsyncClient]:
    async with client(app) as made:
        yield made


def client(app: FastAPI, token: str = "") -> httpx.AsyncClient:
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    return httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url=HOST, headers=headers)


async def signed_in(web: httpx.AsyncClient, **more: Any) -> Any:
    answer = await web.post("/api/v1/auth/login", json={**LOGIN, **more}, headers={"Origin": HOST})
    assert answer.status_code == 200, answer.text
    return answer.json()


async def test_a_person_signs_in_looks_and_signs_out(app: FastAPI, web: httpx.AsyncClient) -> None:
    tokens = await signed_in(web)
    async with client(app, tokens["access_token"]) as own:
        me = (await own.get("/api/v1/me")).json()
        assert (me["name"], me["grants"]) == ("li.na", [{"role": "safety_officer", "site": "mine"}])
        assert [one["site"] for one in (await own.get("/api/v1/sites")).json()["items"]] == ["mine"]
        assert (await own.get("/api/v1/users")).status_code == 403
        assert (await own.post("/api/v1/auth/logout")).status_code == 204
        assert (await own.get("/api/v1/me")).status_code == 401
    again = await web.post("/api/v1/auth/refresh", json={"refresh_token": tokens["refresh_token"]})
    assert again.status_code == 401


async def test_a_wrong_password_and_an_unknown_login_get_the_same_answer(web: httpx.AsyncClient) -> None:
    answers = [
        (await web.post("/api/v1/auth/login", json={"login": login, "password": "not it at all"}))
        for login in ("li.na", "nobody")
    ]
    assert {one.status_code for one in answers} == {401}
    assert answers[0].json() == answers[1].json()


async def test_too_many_failures_wait_and_a_good_password_waits_with_them(
    web: httpx.AsyncClient, postgres_database: DatabaseSettings
) -> None:
    for _ in range(5):
        last = await web.post("/api/v1/auth/login", json={"login": "li.na", "password": "not it at all"})
    assert last.status_code == 401
    answer = await web.post("/api/v1/auth/login", json=LOGIN)
    assert (answer.status_code, answer.json()["type"]) == (429, "urn:cranewatch:too-many-attempts")
    assert 1 <= int(answer.headers["retry-after"]) <= 2
    failed = fetch(postgres_database, "SELECT count(*) FROM audit_log WHERE action = 'login.failed'")
    assert failed == [(5,)]


async def test_a_refresh_token_works_once_and_a_copy_ends_the_session(
    app: FastAPI, web: httpx.AsyncClient, postgres_database: DatabaseSettings
) -> None:
    first = await signed_in(web)
    body = {"refresh_token": first["refresh_token"]}
    second = (await web.post("/api/v1/auth/refresh", json=body)).json()
    assert second["refresh_token"] not in (None, first["refresh_token"])
    # Another tab at the same moment: it goes on, with the other one's token.
    assert (await web.post("/api/v1/auth/refresh", json=body)).json()["refresh_token"] is None
    with psycopg.connect(postgres_database.url.get_secret_value(), autocommit=True) as connection:
        connection.execute("UPDATE login_session SET rotated_at = now() - interval '1 minute'")
    assert (await web.post("/api/v1/auth/refresh", json=body)).status_code == 401
    thief = {"refresh_token": second["refresh_token"]}
    assert (await web.post("/api/v1/auth/refresh", json=thief)).status_code == 401
    parts: Parts = app.state.parts
    await parts.access.look()
    async with client(app, second["access_token"]) as own:
        assert (await own.get("/api/v1/me")).status_code == 401


async def test_a_browser_keeps_cookies_that_no_script_reads_and_goes_on_by_itself(
    app: FastAPI, web: httpx.AsyncClient
) -> None:
    answer = await web.post("/api/v1/auth/login", json={**LOGIN, "cookies": True}, headers={"Origin": HOST})
    assert answer.json()["access_token"] is None
    set_ = answer.headers.get_list("set-cookie")
    assert len(set_) == 2
    assert all("HttpOnly" in one and "SameSite=Lax" in one for one in set_)
    assert (await web.get("/api/v1/me")).status_code == 200
    foreign = await web.post("/api/v1/auth/logout", headers={"Origin": "http://evil.example"})
    assert (foreign.status_code, (await web.post("/api/v1/auth/logout")).status_code) == (403, 403)
    web.cookies.delete("cw_access")  # it is over
    on = await web.get("/api/v1/me")
    assert on.status_code == 200
    assert any(one.startswith("cw_access=") for one in on.headers.get_list("set-cookie"))
    assert (await web.post("/api/v1/auth/logout", headers={"Origin": HOST})).status_code == 204


async def test_rights_that_change_hold_at_once_and_each_change_is_on_record(
    app: FastAPI, web: httpx.AsyncClient, postgres_database: DatabaseSettings
) -> None:
    tokens = await signed_in(web)
    admin = await make_key(postgres_database, (Role.ADMIN, "*"), name="root")
    async with client(app, admin) as root, client(app, tokens["access_token"]) as own:
        (li,) = (await root.get("/api/v1/users")).json()["items"]
        body = {"display_name": "李娜", "organisation": "总包", "grants": [{"role": "operator", "site": "mine"}]}
        await asyncio.sleep(0.01)
        assert (await root.put(f"/api/v1/users/{li['id']}", json=body)).status_code == 200
        assert (await own.get("/api/v1/me")).status_code == 401
        renewed = await web.post("/api/v1/auth/refresh", json={"refresh_token": tokens["refresh_token"]})
        assert renewed.json()["me"]["grants"] == [{"role": "operator", "site": "mine"}]
        assert (await root.post(f"/api/v1/users/{li['id']}/disable")).json()["disabled"] is True
        assert (await web.post("/api/v1/auth/login", json=LOGIN)).status_code == 401
        (line,) = (await root.get("/api/v1/audit", params={"action": "user.change"})).json()["items"]
        assert (line["who"], line["target"]) == ("key:root", "li.na")
        assert line["before"]["grants"] == [["safety_officer", "mine"]]
        assert line["after"]["grants"] == [["operator", "mine"]]
    with pytest.raises(psycopg.errors.CheckViolation):
        fetch(postgres_database, "DELETE FROM audit_log RETURNING 1")


async def test_who_keeps_the_users_of_a_site_gives_nothing_beyond_it(
    app: FastAPI, postgres_database: DatabaseSettings
) -> None:
    key = await make_key(postgres_database, (Role.ADMIN, "mine"))
    person = {"login": "wu", "display_name": "吴", "organisation": "总包"}
    async with client(app, key) as keeper:
        for grants in ([{"role": "admin", "site": "*"}], [{"role": "operator", "site": "other"}]):
            assert (await keeper.post("/api/v1/users", json={**person, "grants": grants})).status_code == 403
        made = await keeper.post("/api/v1/users", json={**person, "grants": [{"role": "operator", "site": "mine"}]})
        assert made.status_code == 201
        token = made.json()["invitation"]["path"].split("=")[1]
        async with client(app) as wu:
            weak = await wu.post("/api/v1/auth/invitation", json={"token": token, "password": "password123"})
            assert weak.status_code == 422
            body = {"token": token, "password": "塔机三号下班了吗明天见"}
            assert (await wu.post("/api/v1/auth/invitation", json=body)).json()["me"]["name"] == "wu"
            assert (await wu.post("/api/v1/auth/invitation", json=body)).status_code == 401


async def test_the_last_who_may_change_accounts_stays(app: FastAPI, postgres_database: DatabaseSettings) -> None:
    await make_account(postgres_database, "root", (Role.ADMIN, "*"))
    async with client(app, await make_key(postgres_database, (Role.ADMIN, "*"))) as root:
        users = (await root.get("/api/v1/users")).json()["items"]
        (one,) = [one["id"] for one in users if one["login"] == "root"]
        assert (await root.post(f"/api/v1/users/{one}/disable")).status_code == 409
        body = {"display_name": "root", "organisation": "test", "grants": []}
        assert (await root.put(f"/api/v1/users/{one}", json=body)).status_code == 409


async def test_a_key_that_was_ended_or_is_over_is_refused(app: FastAPI, postgres_database: DatabaseSettings) -> None:
    async with client(app, await make_key(postgres_database, (Role.ADMIN, "*"))) as root:
        body = {"name": "grafana", "organisation": "总包", "grants": [{"role": "authority", "site": "mine"}]}
        made = (await root.post("/api/v1/keys", json=body)).json()
        async with client(app, made["secret"]) as program:
            assert (await program.get("/api/v1/sites")).status_code == 200
            assert (await root.delete(f"/api/v1/keys/{made['key']['id']}")).status_code == 204
            assert (await program.get("/api/v1/sites")).status_code == 401
        async with client(app, made["secret"] + "x") as guesser:
            assert (await guesser.get("/api/v1/sites")).status_code == 401


async def test_while_the_record_is_away_whoever_was_in_stays_in(app: FastAPI, web: httpx.AsyncClient) -> None:
    tokens = await signed_in(web)
    parts: Parts = app.state.parts
    now = parts.access._now
    parts.access._now = lambda: now() + timedelta(hours=1)
    async with client(app, tokens["access_token"]) as own:
        assert (await own.get("/api/v1/me")).status_code == 401
        parts.access.standing.away = True
        assert (await own.get("/api/v1/me")).json()["stale"] is True


async def test_a_key_that_was_in_stays_in_from_the_question_at_which_the_record_is_found_to_be_away(
    postgres_database: DatabaseSettings, proxy_to: Callable[[int], Proxy]
) -> None:
    secret = await make_key(postgres_database, (Role.OPERATOR, "mine"))
    url = postgres_database.url.get_secret_value()
    port = int(url.split("@")[-1].split("/")[0].rsplit(":", 1)[1])
    proxy = proxy_to(port)
    behind = DatabaseSettings(url=url.replace(f":{port}/", f":{proxy.port}/"), connect_timeout_s=1)  # type: ignore[arg-type]  # a secret from its text
    now = utc_now()
    async with Database(behind, application="test") as database:
        access = Access(database, now=lambda: now)
        brought = Credentials(bearer=secret)
        first, _ = await access.identify(brought, Actor("test"))
        proxy.stop()
        now += timedelta(hours=1)  # what is remembered is old enough to be asked again
        again, _ = await access.identify(brought, Actor("test"))
        assert (first.stale, again.stale, again.grants) == (False, True, first.grants)
        with pytest.raises(StorageError):
            await access.identify(Credentials(bearer=tokens.api_key(tokens.new_id(), "another")), Actor("test"))
        now += OUTAGE
        with pytest.raises(StorageError):
            await access.identify(brought, Actor("test"))
