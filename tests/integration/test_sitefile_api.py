"""Site files over REST, on a real database."""

from collections.abc import AsyncIterator, Callable

import httpx
import pytest
from fastapi import FastAPI

from api.app import create_app
from api.settings import ApiSettings
from telemetry.roles import Principal, Role
from telemetry.settings import DatabaseSettings
from tests.helpers.callers import HEADERS, OneCaller
from tests.helpers.rows import fetch
from tests.helpers.sitefiles import WHOLE

PATH = "/sites/gate/file"
TEXT = WHOLE.replace("2027-01-22", "2099-01-22")
LOOSER = TEXT.replace("{ alarm = 95 }", "{ alarm = 105 }")
As = Callable[..., None]


@pytest.fixture
def app(postgres_database: DatabaseSettings) -> FastAPI:
    return create_app(ApiSettings(database=postgres_database, console=False), doorman=OneCaller())


@pytest.fixture
async def api(app: FastAPI) -> AsyncIterator[httpx.AsyncClient]:
    async with (
        app.router.lifespan_context(app),
        httpx.AsyncClient(
            transport=httpx.ASGITransport(app), base_url="http://localhost/api/v1", headers=HEADERS
        ) as client,
    ):
        yield client


@pytest.fixture
def become(app: FastAPI) -> As:
    """Be somebody with these roles from here on."""

    def change(*grants: tuple[Role, str]) -> None:
        (gate,) = [one for one in app.user_middleware if one.kwargs.get("doorman")]
        principal = Principal("li.na", "李娜", "一建", frozenset(grants), user_id=1, session_id="s")
        gate.kwargs["doorman"].principal = principal

    return change


async def test_what_is_taken_and_put_back_changes_nothing(api: httpx.AsyncClient) -> None:
    assert (await api.get(PATH)).status_code == 404
    made = await api.put(PATH, content=TEXT)
    assert (made.status_code, made.json()["applied"], made.json()["new"]) == (200, True, True), made.text
    taken = await api.get(PATH)
    assert taken.headers["content-type"].startswith("application/toml")
    assert taken.headers["etag"] == made.headers["etag"] == f'"{made.json()["etag"]}"'
    assert "token-of-wang" not in taken.text
    same = await api.put(PATH, content=taken.content, headers={"If-Match": taken.headers["etag"]})
    assert (same.json()["applied"], same.json()["changes"]) == (False, [])
    assert (await api.get(PATH, headers={"If-None-Match": taken.headers["etag"]})).status_code == 304


async def test_errors_carry_their_lines_in_both_languages(api: httpx.AsyncClient) -> None:
    broken = TEXT.replace("hook_max_m", "hook_max").replace("jib_m = 50.0", "jib_m = 40.0")
    checked = (await api.post(f"{PATH}/check", content=broken)).json()
    assert (checked["good"], checked["site"]) == (False, None)
    (key,) = [one for one in checked["findings"] if one["path"] == "cranes[0].hook_max"]
    assert key["line"] == broken.splitlines().index("hook_max = 38.0") + 1
    assert key["message"]["zh"] == "没有这个键，最接近的是 hook_max_m"
    refused = await api.put(PATH, content=broken)
    assert (refused.status_code, refused.headers["content-type"]) == (422, "application/problem+json")
    assert refused.json()["findings"] == [key]
    good = (await api.post(f"{PATH}/check", content=TEXT)).json()
    assert (good["good"], good["site"], good["findings"]) == (True, "gate", [])
    masked = await api.put(PATH, content=TEXT.replace("127.0.0.1/token-of-wang", "***"))
    (one,) = masked.json()["findings"]
    assert "json://***" in TEXT.replace("127.0.0.1/token-of-wang", "***").splitlines()[one["line"] - 1]
    other = await api.put("/sites/other/file", content=TEXT)
    assert other.json()["findings"][0]["message"]["en"] == "the file is of gate, not of other"
    assert (await api.put(PATH, content=b"\xff\xfe")).status_code == 422
    assert (await api.put(PATH, content=b"#" * 4_000_001)).status_code == 413


async def test_what_is_dangerous_needs_the_word_for_exactly_that(api: httpx.AsyncClient) -> None:
    await api.put(PATH, content=TEXT)
    seen = (await api.put(PATH, content=LOOSER, params={"dry_run": True})).json()
    assert (seen["applied"], seen["changes"][0]["verdict"], seen["changes"][0]["dangerous"]) == (
        False,
        "loosened",
        True,
    )
    refused = await api.put(PATH, content=LOOSER)
    assert (refused.status_code, refused.json()["confirm"]) == (409, seen["confirm"])
    assert refused.json()["changes"] == seen["changes"]
    worse = LOOSER.replace("105", "106")
    assert (await api.put(PATH, content=worse, params={"confirm": seen["confirm"]})).status_code == 409
    done = await api.put(PATH, content=LOOSER, params={"confirm": seen["confirm"]})
    assert (done.status_code, done.json()["applied"]) == (200, True)


async def test_who_took_an_older_file_does_not_overwrite_what_came_since(api: httpx.AsyncClient) -> None:
    first = await api.put(PATH, content=TEXT, headers={"If-None-Match": "*"})
    tag = {"If-Match": first.headers["etag"]}
    changed = TEXT.replace("hook_max_m = 38.0", "hook_max_m = 37.0")
    assert (await api.put(PATH, content=changed, headers=tag)).status_code == 200
    late = await api.put(PATH, content=TEXT.replace("mast_m = 42.0", "mast_m = 41.0"), headers=tag)
    assert (late.status_code, late.json()["type"]) == (412, "urn:cranewatch:outdated")
    assert (await api.put(PATH, content=TEXT, headers={"If-None-Match": "*"})).status_code == 412
    assert (await api.put(PATH, content=TEXT, headers={"If-Match": "*"})).status_code == 200


async def test_a_new_site_is_made_by_an_admin_of_all_and_by_nobody_else(
    api: httpx.AsyncClient, become: As, postgres_database: DatabaseSettings
) -> None:
    become((Role.SITE_MANAGER, "gate"))
    assert (await api.put(PATH, content=TEXT)).status_code == 403
    become((Role.ADMIN, "*"))
    assert (await api.put(PATH, content=TEXT)).status_code == 200
    become((Role.SITE_MANAGER, "gate"))
    assert (await api.put(PATH, content=TEXT.replace("mast_m = 42.0", "mast_m = 41.0"))).status_code == 200
    assert fetch(postgres_database, "SELECT who, action FROM audit_log ORDER BY audit_id DESC LIMIT 1") == [
        ("li.na", "site.import")
    ]


async def test_who_may_not_see_people_gets_a_file_that_leaves_them_alone(api: httpx.AsyncClient, become: As) -> None:
    await api.put(PATH, content=TEXT)
    become((Role.MAINTAINER, "gate"))
    taken = await api.get(PATH)
    assert taken.status_code == 200
    assert "contacts" not in taken.text
    assert "王工" not in taken.text
    become((Role.ADMIN, "*"))
    back = await api.put(PATH, content=taken.content, headers={"If-Match": taken.headers["etag"]})
    assert (back.status_code, back.json()["changes"]) == (200, [])
    assert "王工" in (await api.get(PATH)).text
