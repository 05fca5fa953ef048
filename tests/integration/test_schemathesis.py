"""The API against its own document: whatever is sent, no 500, and every answer is one that the document knows."""

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from telemetry.settings import DatabaseSettings
from tests.fix_broker import Rumqttd
from tests.fix_database import Server
from tests.helpers.api import ROOT, ApiProcess
from tests.helpers.schema_site import fill

SEED = 7
EXAMPLES = 2  # an operation and phase; `coverage`, which tries every bound of the document, decides by itself
CHECKS = (
    "not_a_server_error", "status_code_conformance", "content_type_conformance", "response_headers_conformance",
    "response_schema_conformance", "negative_data_rejection", "unsupported_method", "allow_header_conformance",
)  # fmt: skip


@pytest.fixture(scope="module")
def record(postgres_server: Server) -> Iterator[DatabaseSettings]:
    settings = postgres_server.copy()
    fill(settings)
    yield settings
    postgres_server.drop(settings)


@pytest.fixture(scope="module")
def api(rumqttd_server: Rumqttd, record: DatabaseSettings) -> Iterator[ApiProcess]:
    # Readings are refused as too long: a process for each file of those that are sent would cost a minute.
    bounds = {"CRANEWATCH_EXPORTS__STREAM_ROWS": "1"}
    with ApiProcess(rumqttd_server.settings(), record, console=False, **bounds) as process:
        yield process


def asked(api: ApiProcess, folder: Path, *arguments: str) -> "subprocess.CompletedProcess[str]":
    """A run of schemathesis over the whole API, as an admin; what it remembers for the next run stays in the folder."""
    return subprocess.run(
        [
            sys.executable, "-m", "schemathesis.cli", "run", f"{api.url}/api/v1/openapi.json",
            "--header", f"Authorization: {api.headers['Authorization']}", "--seed", str(SEED),
            "--max-examples", str(EXAMPLES), "--checks", ",".join(CHECKS), "--continue-on-failure", "--no-color",
            "--warnings", "off", *arguments,
        ],
        cwd=folder, capture_output=True, text=True, check=False, timeout=170,
        env={**os.environ, "SCHEMATHESIS_HOOKS": "tests.helpers.schema_hooks", "PYTHONPATH": str(ROOT)},
    )  # fmt: skip


def test_nothing_that_is_sent_makes_a_500_or_an_answer_that_the_document_does_not_know(
    api: ApiProcess, tmp_path: Path
) -> None:
    found = asked(api, tmp_path, "--phases", "examples,coverage,fuzzing")
    assert found.returncode == 0, found.stdout[-20_000:] + found.stderr[-2_000:]
    (selected, of) = re.findall(r"Selected: (\d+)/(\d+)", found.stdout)[0]
    (cases,) = re.findall(r"(\d+) generated", found.stdout)
    assert selected == of == re.findall(r"Tested: (\d+)", found.stdout)[0]
    assert int(cases) > 20 * int(of)
