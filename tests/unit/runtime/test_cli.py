"""The command says what is wrong in words, and leaves nothing behind when it refuses."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.helpers.services import ROOT


def cranewatch(*arguments: str, **environment: str) -> "subprocess.CompletedProcess[str]":
    env = {name: text for name, text in os.environ.items() if not name.startswith("CRANEWATCH_")}
    return subprocess.run(
        [sys.executable, "-m", "runtime.cli", *arguments],
        cwd=ROOT, env={**env, "COLUMNS": "200", **environment}, capture_output=True, text=True, check=False, timeout=60,
    )  # fmt: skip


@pytest.mark.parametrize(
    "command",
    [
        "demo",
        "chaos",
        "score",
        "ingest",
        "analyze",
        "api",
        "simulate",
        "terminal",
        "migrate",
        "site",
        "site check",
        "site import",
        "site diff",
        "site export",
        "site new",
        "doctor",
        "completeness",
        "gaps",
        "usage",
        "export",
        "backup",
        "restore",
        "alarm-quality",
        "user add",
        "user list",
        "user roles",
        "user password",
        "user disable",
        "user audit",
        "key add",
        "key list",
        "key revoke",
        "prooftest order",
        "prooftest list",
        "prooftest schedule",
        "prooftest withdraw",
        "profile check",
        "profile list",
        "profile diff",
        "profile propose",
        "profile approve",
        "profile publish",
    ],
)
def test_every_command_has_help_with_an_example(command: str) -> None:
    found = cranewatch(*command.split(), "--help")
    assert found.returncode == 0
    assert command == "simulate" or "Example" in found.stdout


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["demo", "--tour", "cook"], "no tour 'cook'"),
        (["demo", "--speed", "10"], "needs --for"),
        (["demo", "--scenario", "nope"], "nope"),
        (["demo", "--mqtt-port", "0"], "mqtt-port"),
        (["completeness", "demo"], "CRANEWATCH_DATABASE__URL"),
        (["completeness", "demo", "--day", "tomorrow"], "tomorrow"),
        (["backup", "/nowhere/b"], "CRANEWATCH_DATABASE__URL"),
        (["restore", "/nowhere/b"], "CRANEWATCH_DATABASE__URL"),
        (["gaps"], "CRANEWATCH_DATABASE__URL"),
        (["usage", "demo/crane-1"], "CRANEWATCH_DATABASE__URL"),
        (["export", "demo", "--from", "2027-01-15", "--to", "1d"], "CRANEWATCH_DATABASE__URL"),
        (["profile", "list"], "CRANEWATCH_DATABASE__URL"),
        (["profile", "check", "pyproject.toml"], "pyproject.toml, line "),
        (["profile", "diff", "cn", "acme/3"], "CRANEWATCH_DATABASE__URL"),
        (["site", "simulators/sites/demo.toml"], "CRANEWATCH_DATABASE__URL"),
        (["site", "check", "pyproject.toml"], "pyproject.toml:1: build-system: 没有这个键"),
        (["site", "nonsense"], "No such command"),
        (["migrate"], "CRANEWATCH_DATABASE__URL"),
        (["ingest"], "CRANEWATCH_DATABASE__URL"),
        (["terminal", "Site", "crane-1"], "is not of"),
    ],
)
def test_what_is_wrong_is_said_without_a_traceback(arguments: list[str], words: str, tmp_path: Path) -> None:
    found = cranewatch(*arguments, TMPDIR=str(tmp_path))
    assert found.returncode != 0
    assert words in found.stderr
    assert "Traceback" not in found.stderr
    assert list(tmp_path.glob("cranewatch-*")) == []


def test_a_section_that_is_set_as_one_variable_is_said() -> None:
    found = cranewatch("migrate", CRANEWATCH_DATABASE="postgresql://x")
    assert found.returncode == 2
    assert "CRANEWATCH_DATABASE__URL" in found.stderr
    assert "Traceback" not in found.stderr
