"""The API with neither broker nor database: it starts, and says what is missing where it is missed."""

import json
from collections.abc import Iterator
from typing import Any

import pytest
from starlette.websockets import WebSocketDisconnect

from api.app import create_app
from api.deps import Parts
from api.routes.quarantine import readable
from api.settings import ApiSettings, HttpSettings, LiveSettings
from telemetry.clock import now_ms
from telemetry.model import Severity, State
from telemetry.settings import DatabaseSettings, MqttSettings
from telemetry.wire import payloads
from tests.helpers.callers import HEADERS, OneCaller
from tests.helpers.client import TestClient

NOWHERE = MqttSettings(host="127.0.0.1", port=1, port_v3=1)
HTTP = HttpSettings(allowed_hosts=("testserver",))


def settings(**more: Any) -> ApiSettings:
    return ApiSettings(mqtt=NOWHERE, http=HTTP, console=False, **more)


@pytest.fixture
def client() -> Iterator[TestClient]:
    with TestClient(create_app(settings(), doorman=OneCaller()), headers=HEADERS) as made:
        yield made


def parts(client: TestClient) -> Parts:
    found: Parts = client.app.state.parts  # type: ignore[attr-defined]  # a FastAPI application
    return found


def paint(client: TestClient, *, life_safety: bool = False) -> None:
    picture = parts(client).feed.picture
    alarm = payloads.Alarm(
        rule="moment", transition="t1", state=State.UNACKNOWLEDGED, severity=Severity.ALARM, active=True, since=1, at=2,
        cab="continuous", desk="unacknowledged", life_safety=life_safety, text=payloads.Words(zh="超载", en="OVERLOAD"),
    )  # fmt: skip
    frame = {"boot": "boot-0001", "seq": 1, "ts": 1000, "load_t": 2.5}
    picture.apply("cw/v1/s/crane/c1/up/reading", json.dumps(frame).encode(), now_ms())
    picture.apply("cw/v1/s/crane/c1/down/alarm/moment", payloads.encode(alarm), now_ms())


def test_it_is_alive_and_not_ready_and_says_why(client: TestClient) -> None:
    assert client.get("/healthz").json()["ok"] is True
    answer = client.get("/readyz")
    assert answer.status_code == 503
    assert answer.json()["checks"]["broker"]["en"] == "not connected"
    assert answer.json()["checks"]["database"]["en"] == "not configured"


@pytest.mark.parametrize(
    "path", ["/api/v1/transitions", "/api/v1/quarantine", "/api/v1/alarms", "/api/v1/devices/s/c1/readings"]
)
def test_what_needs_the_record_answers_503_in_words(client: TestClient, path: str) -> None:
    answer = client.get(path)
    assert answer.status_code == 503
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.headers["retry-after"] == "5"
    assert answer.json()["type"] == "urn:cranewatch:database-unavailable"
    assert "数据库不可用" in answer.json()["title"]


def test_a_database_that_does_not_answer_is_said_in_words_too() -> None:
    database = DatabaseSettings(url="postgresql://nobody@127.0.0.1:1/none", connect_timeout_s=1)  # type: ignore[arg-type]  # pydantic makes a secret of it
    with TestClient(create_app(settings(database=database), doorman=OneCaller()), headers=HEADERS) as client:
        answer = client.get("/api/v1/transitions")
        assert answer.status_code == 503
        assert answer.json()["type"] == "urn:cranewatch:database-unavailable"


def test_sites_and_devices_are_served_from_the_live_picture_meanwhile(client: TestClient) -> None:
    paint(client)
    sites = client.get("/api/v1/sites").json()
    assert sites["source"] == "live"
    assert sites["items"][0]["site"] == "s"
    assert sites["items"][0]["lost"]["en"] == "no connection to the broker"
    device = client.get("/api/v1/devices/s/c1").json()
    assert device["reading"]["values"] == {"load_t": 2.5}
    assert device["registered"] is False
    assert device["alarms"][0]["text"]["zh"] == "超载"


def test_nobody_knows_it(client: TestClient) -> None:
    answer = client.get("/api/v1/devices/s/nosuch")
    assert answer.status_code == 404
    assert answer.json()["detail"] == "no such device s/nosuch"


def test_an_answer_without_a_broker_is_refused_not_lost(client: TestClient) -> None:
    paint(client)
    answer = client.post("/api/v1/alarms/s/c1/moment/acknowledge", json={})
    assert answer.status_code == 503
    assert answer.json()["type"] == "urn:cranewatch:broker-unavailable"


def test_a_life_safety_alarm_is_not_shelved(client: TestClient) -> None:
    paint(client, life_safety=True)
    body = {"why": "it annoys me", "until": now_ms() + 60_000}
    answer = client.post("/api/v1/alarms/s/c1/moment/shelve", json=body)
    assert answer.status_code == 409
    assert answer.json()["type"] == "urn:cranewatch:life-safety"
    assert "不得搁置" in answer.json()["title"]


@pytest.mark.parametrize(
    "body",
    [
        {"why": "because", "until": 1},
        {"why": "because", "until": 99_999_999_999_999},
        {"why": "", "until": 1},
        {"who": "somebody else", "why": "because", "until": 1},
    ],
)
def test_shelving_needs_a_person_a_reason_and_an_end(client: TestClient, body: dict[str, Any]) -> None:
    paint(client)
    answer = client.post("/api/v1/alarms/s/c1/moment/shelve", json=body)
    assert answer.status_code == 422
    assert answer.headers["content-type"] == "application/problem+json"


def test_every_route_has_a_summary_and_the_description_says_how_to_come_in(client: TestClient) -> None:
    document = client.get("/api/v1/openapi.json").json()
    assert "auth/login" in document["info"]["description"]
    assert len(document["paths"]) >= 10
    for path, methods in document["paths"].items():
        for method in methods.values():
            assert method.get("summary"), path


def test_the_documentation_comes_from_here_and_names_every_route(client: TestClient) -> None:
    document = client.get("/api/v1/openapi.json").json()
    page = client.get("/docs").text
    assert "http://" not in page
    assert "https://" not in page
    assert "<script" not in page
    for path in document["paths"]:
        assert f"<code>{path}</code>" in page
    assert "anemometer is being replaced" in page


def test_a_page_of_another_site_reads_nothing(client: TestClient) -> None:
    assert client.get("/api/v1/sites", headers={"host": "evil.example"}).status_code == 400
    client.headers.pop("authorization")
    for headers in ({"origin": "http://evil.example"}, {"origin": "null"}, {}):
        client.cookies.set("cw_access", "a-token")
        with pytest.raises(WebSocketDisconnect), client.websocket_connect("/ws/v1/live", headers=headers):
            pytest.fail("it was let in")
        client.cookies.set("cw_access", "a-token")
        answer = client.post("/api/v1/alarms/s/c1/moment/acknowledge", json={}, headers=headers)
        assert (answer.status_code, answer.json()["type"]) == (403, "urn:cranewatch:forged")
    client.cookies.set("cw_access", "a-token")
    with client.websocket_connect("/ws/v1/live", headers={"origin": "http://testserver"}) as socket:
        assert json.loads(socket.receive_text())[0]["type"] == "snapshot"


def test_the_live_socket_begins_with_a_snapshot_of_what_was_asked_for(client: TestClient) -> None:
    paint(client)
    with client.websocket_connect("/ws/v1/live?site=s&device=c1") as socket:
        [first] = json.loads(socket.receive_text())
        assert first["type"] == "snapshot"
        assert first["data"]["broker_up"] is False
        assert first["data"]["devices"][0]["alarms"][0]["transition"] == "t1"
    with client.websocket_connect("/ws/v1/live?site=other") as socket:
        assert json.loads(socket.receive_text())[0]["data"]["devices"] == []


def test_one_live_client_too_many_is_told_to_come_back() -> None:
    with (
        TestClient(
            create_app(settings(live=LiveSettings(clients_max=1)), doorman=OneCaller()), headers=HEADERS
        ) as client,
        client.websocket_connect("/ws/v1/live") as first,
        client.websocket_connect("/ws/v1/live") as second,
    ):
        first.receive_text()
        with pytest.raises(WebSocketDisconnect) as closed:
            second.receive_text()
        assert closed.value.code == 1013


@pytest.mark.parametrize("path", ["/api", "/api/v1/nosuch", "/api/v2/sites", "/api/v1/sites/a/b", "/api/v1/"])
@pytest.mark.parametrize("method", ["GET", "POST", "DELETE"])
def test_an_unknown_path_of_the_api_is_a_problem_too(client: TestClient, path: str, method: str) -> None:
    answer = client.request(method, path)
    assert answer.status_code == 404
    assert answer.headers["content-type"] == "application/problem+json"
    if path != "/api":
        assert answer.json()["detail"].startswith(f"no such path {path}")


def test_a_known_path_asked_in_the_wrong_way_says_what_it_takes(client: TestClient) -> None:
    answer = client.delete("/api/v1/sites")
    assert answer.status_code == 405
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.headers["allow"] == "GET"
    assert client.get("/api/v1/alarms/s/c1/moment/acknowledge").headers["allow"] == "POST"


def test_metrics_count_routes_by_their_template(client: TestClient) -> None:
    client.get("/api/v1/devices/s/nosuch")
    client.get("/api/v1/devices/s/neither")
    text = client.get("/metrics").text
    assert 'cranewatch_api_requests_total{route="/devices/{site}/{device}",status="4xx"} 2.0' in text


@pytest.mark.parametrize(
    ("head", "text"),
    [
        (b'{"ts": 1', '{"ts": 1'),
        ("塔".encode()[:2], ""),
        (b"abc\xe5\xa1", "abc"),
        (b"\x00\x01", None),
        (b"\xff\xff\xff\xff\xffaaaa", None),
    ],
)
def test_quarantined_bytes_are_shown_as_text_when_they_are_text(head: bytes, text: str | None) -> None:
    assert readable(head) == text


def test_the_terminal_is_served_without_anything_else(client: TestClient) -> None:
    page = client.get("/terminal/s/c1")
    assert page.status_code == 200
    assert '"device": "c1"' in page.text
    for name in ("terminal.js", "mqtt.js", "watch.js", "sound.js", "words.js", "chart.js", "wind.js", "unpack.js"):
        assert client.get(f"/terminal-assets/{name}").headers["content-type"].startswith("text/javascript")
    assert client.get("/terminal/worker.js").status_code == 200
    assert client.get("/terminal-assets/..%2f..%2fapp.py").status_code == 404
    assert client.get("/terminal/S/c1").status_code == 422
