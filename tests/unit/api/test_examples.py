"""Every answer of the API has an example, and every example is an answer."""

from typing import Any

import pytest

from api import (
    access_schemas,
    cycle_schemas,
    export_schemas,
    handover_schemas,
    notify_schemas,
    profile_schemas,
    proof_schemas,
    schemas,
    sitefile_schemas,
    trials,
)  # fmt: skip
from api.app import create_app
from api.examples import EXAMPLES
from api.settings import ApiSettings


@pytest.fixture(scope="module")
def document() -> dict[str, Any]:
    return create_app(ApiSettings(console=False)).openapi()


@pytest.mark.parametrize("name", sorted(EXAMPLES))
def test_an_example_is_what_its_schema_says(name: str) -> None:
    model = next(
        found
        for module in (
            schemas,
            trials,
            cycle_schemas,
            access_schemas,
            notify_schemas,
            handover_schemas,
            proof_schemas,
            profile_schemas,
            export_schemas,
            sitefile_schemas,
        )
        if (found := getattr(module, name, None))
    )
    assert model.model_validate(EXAMPLES[name]).model_dump(mode="json", exclude_unset=True) == EXAMPLES[name]


def test_every_route_shows_an_example_of_its_answer_and_of_its_body(document: dict[str, Any]) -> None:
    found = document["components"]["schemas"]
    seen = 0
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            bodies = [a.get("content", {}) for status, a in operation["responses"].items() if status.startswith("2")]
            bodies += [operation["requestBody"]["content"]] if "requestBody" in operation else []
            for content in bodies:
                reference = content.get("application/json", {}).get("schema", {}).get("$ref")
                if reference:
                    name = reference.rsplit("/", 1)[1]
                    assert found[name].get("examples"), f"{method} {path}: {name} has no example"
                    seen += 1
    assert seen >= 12
