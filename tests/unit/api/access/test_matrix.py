"""
Every route with every role at its own and at another site: what is not in the table is refused.

The table below says what each role may; it is written by hand, so that a permission that moves is seen here.
"""

from collections.abc import Iterator
from typing import Any, Final

import pytest
from fastapi import APIRouter, FastAPI
from starlette.websockets import WebSocketDisconnect

from api.access.gate import guarded, public
from api.app import create_app
from api.settings import ApiSettings, HttpSettings
from telemetry.roles import GRANTS, Permission, Principal, Role, parse_grants
from telemetry.settings import MqttSettings
from tests.helpers.callers import HEADERS, OneCaller
from tests.helpers.client import TestClient

P = Permission
DESK = "read read_work read_people read_devices export acknowledge"
MAY: Final = {
    Role.OPERATOR: "read proof_test",
    Role.SIGNALLER: "read",
    Role.SAFETY_OFFICER: f"{DESK} close shelve disable release set_mode handover duty propose proof_test",
    Role.SITE_MANAGER: f"{DESK} close shelve release set_mode handover duty propose approve configure proof_test audit",
    Role.SUPERVISING_ENGINEER: f"{DESK} approve audit",
    Role.MAINTAINER: "read read_work read_devices export set_mode proof_test",
    Role.MONITORING_FIRM: "read read_devices export propose",
    Role.AUTHORITY: "read read_work export audit",
    Role.ADMIN: " ".join(Permission),
}
PATHS: Final = {
    "site": "mine", "kind": "crane", "device": "c1", "rule": "moment", "number": "7", "contact": "wang",
    "key": "k3v9x0q2m7ab", "session": "k3v9x0q2m7ab", "transition": "3f0c9a1be2d44f10", "name": "phone.js",
    "export": "k3v9x0q2m7ab4c5d", "profile": "works", "version": "1",
}  # fmt: skip


@pytest.fixture(scope="module")
def app() -> FastAPI:
    settings = ApiSettings(
        mqtt=MqttSettings(host="127.0.0.1", port=1, port_v3=1), http=HttpSettings(allowed_hosts=("testserver",)),
        console=False,
    )  # fmt: skip
    return create_app(settings, doorman=OneCaller())


@pytest.fixture(scope="module")
def client(app: FastAPI) -> Iterator[TestClient]:
    with TestClient(app, headers=HEADERS, raise_server_exceptions=False) as made:
        yield made


def as_(client: TestClient, *grants: tuple[Role, str]) -> TestClient:
    gate: Any = client.app
    principal = Principal("x", "X", "o", frozenset(grants), user_id=1, session_id="s")
    (own,) = [one for one in gate.user_middleware if one.kwargs.get("doorman")]
    own.kwargs["doorman"].principal = principal
    return client


def test_the_table_is_the_one_that_holds() -> None:
    assert {role: set(words.split()) for role, words in MAY.items()} == {
        role: {str(one) for one in held} for role, held in GRANTS.items()
    }


def test_every_route_is_refused_to_nobody_and_to_whoever_may_not(app: FastAPI, client: TestClient) -> None:
    seen = 0
    for route in app.state.guarded:
        if route.method == "WEBSOCKET":
            continue
        url = route.path.format(**PATHS)
        name = f"{route.method} {route.path}"
        assert client.request(route.method, url, headers={"Authorization": ""}).status_code == 401, name
        for role in Role:
            may = all(one.permission in MAY[role].split() and not one.everywhere for one in route.allowed)
            answer = as_(client, (role, "mine")).request(route.method, url)
            # 404, 422 and 503 come behind the gate: it let one in.
            assert (answer.status_code != 403) is may, (name, role, answer.status_code, answer.text)
            if "{site}" in route.path:
                assert as_(client, (role, "other")).request(route.method, url).status_code == 403, (name, role)
            seen += 1
    assert seen > 400


def test_a_site_in_the_query_is_asked_for_as_one_in_the_path(client: TestClient) -> None:
    officer = as_(client, (Role.SAFETY_OFFICER, "mine"))
    for path in ("/api/v1/alarms", "/api/v1/devices", "/api/v1/transitions", "/api/v1/quarantine", "/api/v1/reviews"):
        assert officer.get(path, params={"site": "other"}).status_code == 403, path
        assert officer.get(path, params={"site": "mine"}).status_code in (200, 503), path


def test_a_live_socket_is_for_who_may_look_and_for_no_other_site(client: TestClient) -> None:
    for grants, url in (((), "/ws/v1/live"), (((Role.OPERATOR, "mine"),), "/ws/v1/live?site=other")):
        with pytest.raises(WebSocketDisconnect), as_(client, *grants).websocket_connect(url) as socket:
            socket.receive_text()
    with as_(client, (Role.OPERATOR, "mine")).websocket_connect("/ws/v1/live") as socket:
        assert '"snapshot"' in socket.receive_text()


def test_an_application_with_an_open_route_does_not_start(app: FastAPI) -> None:
    open_ = APIRouter()

    @open_.get("/everything")
    async def everything() -> None: ...

    with pytest.raises(RuntimeError, match="/api/v1/everything says no permission"):
        guarded(open_, "/api/v1")
    # What the guard has seen is what the document shows, and nothing came in beside it.
    shown = {
        (method.upper(), path) for path, found in app.openapi()["paths"].items() for method in found if not public(path)
    }
    assert shown <= {(one.method, one.path) for one in app.state.guarded}


def test_a_page_leads_to_the_sign_in_and_back(client: TestClient) -> None:
    answer = client.get("/site/mine?x=1", headers={"Authorization": "", "Accept": "text/html"}, follow_redirects=False)
    assert (answer.status_code, answer.headers["location"]) == (303, "/login?next=/site/mine%3Fx%3D1")
    assert client.get("/site/mine", headers={"Authorization": ""}).status_code == 401


def test_a_role_that_this_version_does_not_know_gives_nothing() -> None:
    assert parse_grants([("overlord", "*"), ("admin", "mine")]) == {(Role.ADMIN, "mine")}
