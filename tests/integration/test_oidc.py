"""Signing in with an OpenID provider: a real one for the way there and back, and one that lies for what is refused."""

import hmac
import json
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx
import jwt
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from jwt.utils import base64url_encode
from pydantic import SecretStr

from api.access.oidc import challenge
from api.app import create_app
from api.settings import ApiSettings, OidcSettings
from runtime.embedded.ports import free_port
from telemetry.roles import Role
from telemetry.settings import DatabaseSettings
from tests.helpers.callers import make_account
from tests.helpers.provider import Liar, serving
from tests.helpers.rows import fetch

HOST = "http://localhost"
START = "/api/v1/auth/oidc/start"
CALLBACK = "/api/v1/auth/oidc/callback"


@pytest.fixture(scope="module")
def provider() -> Iterator[str]:
    """oidc-provider-mock as its own process, and its issuer."""
    port = free_port()
    people = [
        {"sub": "u-1", "preferred_username": "Li.Na"},
        {"sub": "u-2", "preferred_username": "nobody.here"},
        {"sub": "u-3", "preferred_username": "li.na"},
    ]
    told = [part for one in people for part in ("--user-claims", json.dumps(one))]
    command = [
        sys.executable,
        "-W",
        "ignore",
        "-m",
        "oidc_provider_mock",
        "--port",
        str(port),
        "--require-nonce",
        "true",
    ]
    process = subprocess.Popen([*command, *told], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    issuer = f"http://localhost:{port}"
    try:
        deadline = time.monotonic() + 30
        while not answers(f"{issuer}/.well-known/openid-configuration"):
            assert time.monotonic() < deadline
            assert process.poll() is None
            time.sleep(0.1)
        yield issuer
    finally:
        process.terminate()
        process.wait(10)


def answers(url: str) -> bool:
    try:
        return httpx.get(url, timeout=2, trust_env=False).status_code == 200
    except httpx.TransportError:
        return False


@asynccontextmanager
async def browser(database: DatabaseSettings, issuer: str, **more: Any) -> AsyncIterator[httpx.AsyncClient]:
    """A browser at an application that this provider may let people in to."""
    settings = OidcSettings(issuer=issuer, client_id="cranewatch", client_secret=SecretStr("hush"), **more)
    app = create_app(ApiSettings(database=database, console=False, oidc=settings))
    async with (
        app.router.lifespan_context(app),
        httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url=HOST) as web,
    ):
        yield web


async def back_from(provider: str, web: httpx.AsyncClient, subject: str, page: str = "/sites") -> httpx.Response:
    """Go there, be this person, and come back."""
    away = await web.get(START, params={"next": page})
    assert away.status_code == 303
    url = away.headers["location"]
    assert url.startswith(provider)
    async with httpx.AsyncClient(trust_env=False) as other:
        answer = await other.post(url, data={"sub": subject})
    assert answer.status_code == 302, answer.text
    return await web.get(answer.headers["location"])


async def test_a_person_comes_in_by_the_provider_and_is_tied_to_the_account(
    provider: str, postgres_database: DatabaseSettings
) -> None:
    await make_account(postgres_database, "li.na", (Role.SAFETY_OFFICER, "mine"))
    async with browser(postgres_database, provider, name="示范总包") as web:
        assert (await web.get("/api/v1/auth/ways")).json()["oidc"] == "示范总包"
        answer = await back_from(provider, web, "u-1", "/site/mine?x=1")
        assert (answer.status_code, answer.headers["location"]) == (303, "/site/mine?x=1")
        assert "cw_oidc" not in web.cookies
        me = (await web.get("/api/v1/me")).json()
        assert (me["name"], me["grants"]) == ("li.na", [{"role": "safety_officer", "site": "mine"}])
        await back_from(provider, web, "u-1")
    tied = fetch(postgres_database, "SELECT who, after FROM audit_log WHERE action = 'login.tie'")
    assert tied == [("li.na", {"issuer": provider, "subject": "u-1"})]


async def test_nobody_comes_in_without_an_account_or_as_somebody_who_is_tied_already(
    provider: str, postgres_database: DatabaseSettings
) -> None:
    await make_account(postgres_database, "li.na", (Role.SAFETY_OFFICER, "mine"))
    async with browser(postgres_database, provider) as web:
        for subject, known in (("u-2", False), ("u-1", True), ("u-3", False)):
            web.cookies.clear()
            answer = await back_from(provider, web, subject)
            assert (answer.headers["location"] == "/login?oidc=unknown&next=/") is not known, subject
            assert (await web.get("/api/v1/me")).status_code == (200 if known else 401)
        web.cookies.clear()
        state = parse_qs(urlsplit((await web.get(START)).headers["location"]).query)["state"][0]
        answer = await web.get(CALLBACK, params={"error": "access_denied", "state": state})
        assert answer.headers["location"] == "/login?oidc=denied&next=/"
    async with browser(postgres_database, provider, login_claim="email") as web:
        assert "oidc=unknown" in (await back_from(provider, web, "u-2")).headers["location"]


async def test_what_another_browser_began_is_not_ended_here(provider: str, postgres_database: DatabaseSettings) -> None:
    await make_account(postgres_database, "li.na", (Role.SAFETY_OFFICER, "mine"))
    async with browser(postgres_database, provider) as web:
        mine = await web.get(START)
        carried = web.cookies["cw_oidc"]
        state = parse_qs(urlsplit(mine.headers["location"]).query)["state"][0]
        for cookie, said in ((None, state), (carried, "another"), (carried[:-2] + "xx", state)):
            web.cookies.clear()
            headers = {"Cookie": f"cw_oidc={cookie}"} if cookie else {}
            answer = await web.get(CALLBACK, params={"code": "c", "state": said}, headers=headers)
            assert "oidc=failed" in answer.headers["location"]


@pytest.mark.parametrize(
    "page", ["//elsewhere.example", "/\\elsewhere.example", "https://elsewhere.example", "x", "/a b"]
)
async def test_nobody_is_led_to_another_server(provider: str, postgres_database: DatabaseSettings, page: str) -> None:
    await make_account(postgres_database, "li.na", (Role.SAFETY_OFFICER, "mine"))
    async with browser(postgres_database, provider) as web:
        assert (await back_from(provider, web, "u-1", page)).headers["location"] == "/"


def honest(liar: Liar) -> str:
    return jwt.encode(liar.claims(), liar.key, "RS256", headers={"kid": "k1"})


def unsigned(liar: Liar) -> str:
    return jwt.encode(liar.claims(), "", "none", headers={"kid": "k1"})


def other_key(liar: Liar) -> str:
    return jwt.encode(liar.claims(), rsa.generate_private_key(65537, 2048), "RS256", headers={"kid": "k1"})


def key_as_secret(liar: Liar) -> str:
    # The old trick: the public key, which everybody has, as the secret of an HMAC. PyJWT refuses to make one.
    shown = liar.key.public_key().public_bytes(
        serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    parts = ({"alg": "HS256", "kid": "k1"}, liar.claims())
    signed = b".".join(base64url_encode(json.dumps(part).encode()) for part in parts)
    return (signed + b"." + base64url_encode(hmac.digest(shown, signed, "sha256"))).decode()


def unknown_key(liar: Liar) -> str:
    return jwt.encode(liar.claims(), liar.key, "RS256", headers={"kid": "k2"})


LIES: list[Callable[[Liar], str] | dict[str, Any]] = [
    unsigned, other_key, key_as_secret, unknown_key,
    {"nonce": "of another sign-in"}, {"nonce": None}, {"aud": "another"}, {"iss": "http://elsewhere"}, {"sub": None},
    {"exp": 1}, {"exp": None}, {"aud": ["cranewatch", "another"], "azp": "another"},
]  # fmt: skip


async def test_an_identity_token_that_cannot_be_believed_lets_nobody_in(postgres_database: DatabaseSettings) -> None:
    await make_account(postgres_database, "li.na", (Role.SAFETY_OFFICER, "mine"))
    with serving(Liar(honest)) as liar:
        async with browser(postgres_database, liar.issuer) as web:

            async def come(code: str = "c") -> str:
                web.cookies.clear()
                asked = parse_qs(urlsplit((await web.get(START)).headers["location"]).query)
                liar.nonce = asked["nonce"][0]
                answer = await web.get(CALLBACK, params={"code": code, "state": asked["state"][0]})
                assert liar.forms[-1]["code"] == [code]
                assert [challenge(liar.forms[-1]["code_verifier"][0])] == asked["code_challenge"]
                return str(answer.headers["location"])

            for lie in LIES:
                liar.more, liar.sign = (lie, honest) if isinstance(lie, dict) else ({}, lie)
                assert "oidc=failed" in await come(), lie
            liar.sign = honest
            liar.more = {}
            for answer in ({"error": "invalid_grant"}, [], b"<html>", {"id_token": 5}, {"id_token": "x.y.z"}):
                liar.answer = answer
                assert "oidc=failed" in await come(), answer
            liar.answer = None
            assert await come() == "/"
            assert (await web.get("/api/v1/me")).status_code == 200
    async with browser(postgres_database, liar.issuer) as web:
        assert "oidc=away" in (await web.get(START)).headers["location"]
