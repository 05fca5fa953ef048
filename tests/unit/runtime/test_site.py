"""`cranewatch site` before a real database."""

import getpass
import json
import socket
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from runtime.cli import app
from simulators.site import builtin
from telemetry.settings import DatabaseSettings
from tests.helpers.rows import fetch

DEMO = builtin("demo").read_text("utf-8")
CONTACT = """
[[contacts]]
contact = "wang"
name = "王工"
channels = [{ name = "mail", means = "mail", url = "json://127.0.0.1/token-of-wang" }]
"""


class Shell:
    """The command, with a database and a file."""

    def __init__(self, database: DatabaseSettings, folder: Path) -> None:
        self._url = database.url.get_secret_value()
        self.path = folder / "site.toml"

    def run(self, *arguments: str) -> Result:
        env = {"COLUMNS": "200", "CRANEWATCH_DATABASE__URL": self._url}
        return CliRunner().invoke(app, ["site", *arguments], env=env)

    def bring(self, text: str, *options: str) -> dict[str, Any]:
        """An import of this text that has to succeed."""
        self.path.write_text(text, "utf-8")
        found = self.run("import", str(self.path), "--json", *options)
        assert found.exit_code == 0, found.stderr
        told: dict[str, Any] = json.loads(found.stdout)
        return told


@pytest.fixture
def shell(postgres_database: DatabaseSettings, tmp_path: Path) -> Shell:
    return Shell(postgres_database, tmp_path)


def test_a_file_that_was_exported_changes_nothing_and_keeps_its_secrets(shell: Shell, tmp_path: Path) -> None:
    first = shell.bring(DEMO + CONTACT)
    assert (first["applied"], first["new"], first["confirm"]) == (True, True, "")
    out = tmp_path / "out.toml"
    assert shell.run("export", "demo", "-o", str(out)).exit_code == 0
    assert (out.stat().st_mode & 0o077) == 0
    masked = out.read_text("utf-8")
    assert "token-of-wang" not in masked
    assert "json://***" in masked
    again = shell.bring(masked)
    assert (again["applied"], again["changes"], again["tag"]) == (False, [], first["tag"])
    whole = shell.run("export", "demo", "--with-secrets").stdout
    assert "json://127.0.0.1/token-of-wang" in whole
    assert shell.run("export", "nowhere").exit_code == 1


def test_what_is_dangerous_comes_first_and_only_with_yes(shell: Shell, postgres_database: DatabaseSettings) -> None:
    # The word of before means an import.
    shell.path.write_text(DEMO, "utf-8")
    assert "已导入 imported" in shell.run(str(shell.path)).stderr
    looser = DEMO.replace('id = "crane-2"', 'id = "crane-5"').replace("design_force_kn = 13.2", "design_force_kn = 20")
    shell.path.write_text(looser, "utf-8")
    shown = shell.run("diff", str(shell.path))
    lines = [line for line in shown.stderr.splitlines() if "warning" not in line]
    assert shown.exit_code == 1
    assert lines[0].startswith(
        "crane/crane-2: 2#塔机 → -  退出监测（涉及生命安全） TAKEN OUT OF MONITORING, LIFE-SAFETY"
    )
    assert sum("design_force_kn: 13.2 → 20  放宽" in line for line in lines[1:13]) == 12
    refused = shell.run("import", str(shell.path))
    assert refused.exit_code == 1
    assert "--yes" in refused.stderr
    assert "crane-5" not in shell.run("export", "demo").stdout
    assert shell.bring(looser, "--dry-run")["applied"] is False
    assert shell.bring(looser, "--yes", "--who", "li.na")["applied"] is True
    host = socket.gethostname()
    assert fetch(postgres_database, "SELECT who, address, site, action FROM audit_log ORDER BY audit_id") == [
        (f"cli:{getpass.getuser()}", host, "demo", "site.import"), ("li.na", host, "demo", "site.import"),
    ]  # fmt: skip
    exported = shell.run("export", "demo").stdout
    assert 'id = "crane-5"' in exported
    assert "# crane/crane-2: 已退出监测" in exported


def test_what_contradicts_the_record_is_said_with_its_line(shell: Shell) -> None:
    shell.bring(DEMO)
    masked = DEMO + CONTACT.replace("127.0.0.1/token-of-wang", "***")
    shell.path.write_text(masked, "utf-8")
    line = masked.splitlines().index(next(one for one in masked.splitlines() if "json://" in one)) + 1
    found = shell.run("import", str(shell.path))
    assert found.exit_code == 1
    assert f"site.toml:{line}: " in found.stderr
    assert "give it whole" in found.stderr


def test_a_first_file_is_good_as_it_stands_and_brings_a_site(shell: Shell) -> None:
    made = shell.run("new", "east-gate")
    assert made.exit_code == 0
    shell.path.write_text(made.stdout, "utf-8")
    checked = shell.run("check", str(shell.path))
    assert (checked.exit_code, checked.stderr) == (0, "")
    assert "正确 good: east-gate, 1" in checked.stdout
    assert shell.bring(made.stdout)["new"] is True


def test_an_address_that_nobody_can_send_to_is_named_and_not_shown(shell: Shell) -> None:
    shell.path.write_text(DEMO + CONTACT.replace("json://", "nosuch://"), "utf-8")
    found = shell.run("check", str(shell.path))
    assert found.exit_code == 1
    assert "contacts[0].channels[0].url: apprise 不认识这个地址" in found.stderr
    assert "token-of-wang" not in found.stdout + found.stderr
