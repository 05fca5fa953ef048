"""The document of the API says of every operation what it does, who may, what it answers, and how errors look."""

from typing import Any

import pytest

from api.app import create_app
from api.settings import ApiSettings


@pytest.fixture(scope="module")
def document() -> dict[str, Any]:
    app = create_app(ApiSettings(console=False))
    app.openapi()
    return app.openapi()  # a second time says the same


def operations(document: dict[str, Any]) -> dict[str, dict[str, Any]]:
    return {
        f"{method.upper()} {path}": one
        for path, methods in document["paths"].items()
        for method, one in methods.items()
    }


def test_every_operation_says_what_it_does_and_who_may(document: dict[str, Any]) -> None:
    found = operations(document)
    assert len(found) > 70
    for name, one in found.items():
        assert one["summary"], name
        assert one["description"].startswith(("Needs `", "For ")), name
    assert found["PUT /api/v1/sites/{site}/ladders"]["description"] == (
        "Needs `read_people` and `duty` at the site. With `If-Match`, only if it is still what was read."
    )
    assert found["POST /api/v1/auth/login"]["security"] == []
    assert {"bearer": []} in found["GET /api/v1/sites"]["security"]


def test_every_error_is_a_problem(document: dict[str, Any]) -> None:
    for name, one in operations(document).items():
        for status, answer in one["responses"].items():
            if int(status) >= 400:
                assert list(answer["content"]) == ["application/problem+json"], (name, status)
                assert answer["description"], (name, status)
    assert "HTTPValidationError" not in document["components"]["schemas"]


@pytest.mark.parametrize(
    ("name", "codes"),
    [
        ("GET /api/v1/sites", "200 304 401 403 422 503"),
        ("GET /api/v1/devices/{site}/{device}", "200 304 401 403 404 409 422 503"),
        ("PUT /api/v1/sites/{site}/contacts/{contact}", "200 400 401 403 404 409 412 413 422 503"),
        ("POST /api/v1/exports", "202 400 401 403 409 413 422 429 503"),
        ("POST /api/v1/auth/login", "200 400 401 403 422 429 503"),
        ("GET /healthz", "200"),
    ],
)
def test_an_operation_answers_what_it_says_and_no_more(document: dict[str, Any], name: str, codes: str) -> None:
    assert sorted(operations(document)[name]["responses"]) == codes.split()


def test_every_command_takes_a_key_and_every_list_a_version(document: dict[str, Any]) -> None:
    for name, one in operations(document).items():
        names = [parameter["name"] for parameter in one.get("parameters", [])]
        assert len(names) == len(set(names)), name
        change = name.split()[0] in ("POST", "PUT", "DELETE") and one["security"]
        assert ("Idempotency-Key" in names) is bool(change), name
        if name.startswith("GET /api/") and "application/json" in one["responses"]["200"]["content"]:
            assert "If-None-Match" in names, name


def test_every_number_that_is_asked_for_has_a_bound_that_the_record_can_hold(document: dict[str, Any]) -> None:
    for name, one in operations(document).items():
        for parameter in one.get("parameters", []):
            for schema in (parameter["schema"], *parameter["schema"].get("anyOf", [])):
                if schema.get("type") == "integer":
                    most = schema.get("maximum", schema.get("exclusiveMaximum", float("inf")))
                    assert most <= 1 << 63, (name, parameter["name"])
