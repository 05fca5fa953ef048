"""Versions of answers: what is the same is not sent again, and nobody overwrites what they have not seen."""

import pytest
from fastapi import FastAPI, Response
from pydantic import BaseModel

from api.etags import Condition, Fresh, tag
from api.problems import Problem
from tests.helpers.client import TestClient


class Thing(BaseModel):
    name: str


ONE, OTHER = tag(Thing(name="one")), tag(Thing(name="other"))


@pytest.mark.parametrize(
    ("condition", "present", "good"),
    [
        (Condition(), None, True),
        (Condition(ONE), ONE, True),
        (Condition(ONE), OTHER, False),
        (Condition(ONE), None, False),
        (Condition(f'"x", {ONE}'), ONE, True),
        (Condition("*"), ONE, True),
        (Condition("*"), None, False),
        (Condition(f"W/{ONE}"), ONE, False),  # a weak one never matches here
        (Condition("rubbish"), ONE, False),
        (Condition(absent=True), None, True),
        (Condition(absent=True), ONE, False),
    ],
)
def test_a_change_is_made_from_what_is_there_or_not_at_all(
    condition: Condition, present: str | None, good: bool
) -> None:
    if good:
        condition.holds(present)
        return
    with pytest.raises(Problem) as raised:
        condition.holds(present)
    assert raised.value.status == 412


def test_a_tag_is_the_thing_s_and_of_what_its_version_has_beyond_it() -> None:
    assert tag(Thing(name="one")) == ONE != OTHER
    assert tag(Thing(name="one"), 1) != tag(Thing(name="one"), 2)


@pytest.fixture
def client() -> TestClient:
    app = FastAPI()
    app.add_middleware(Fresh)

    @app.get("/api/plain")
    async def plain() -> Thing:
        return Thing(name="one")

    @app.get("/api/secret")
    async def secret(response: Response) -> Thing:
        response.headers["Cache-Control"] = "no-store"
        return Thing(name="secret")

    @app.get("/api/text")
    async def text() -> Response:
        return Response("a,b", media_type="text/csv")

    return TestClient(app)


def test_what_the_asker_has_is_not_sent_again(client: TestClient) -> None:
    first = client.get("/api/plain")
    assert first.headers["cache-control"] == "private, no-cache"
    own = first.headers["etag"]
    for known in (own, f'"x", {own}', f"W/{own}", "*"):
        again = client.get("/api/plain", headers={"If-None-Match": known})
        assert (again.status_code, again.content, again.headers["etag"]) == (304, b"", own), known
        assert "content-length" not in again.headers
    assert client.get("/api/plain", headers={"If-None-Match": '"x"'}).json() == {"name": "one"}


def test_what_is_secret_or_no_json_or_wrong_has_no_version(client: TestClient) -> None:
    for path in ("/api/secret", "/api/text", "/api/nowhere"):
        answer = client.get(path, headers={"If-None-Match": "*"})
        assert "etag" not in answer.headers
        assert answer.status_code in (200, 404)
    assert client.get("/api/secret").headers["cache-control"] == "no-store"
