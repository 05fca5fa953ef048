"""The lock file held against published advisories (OSV) by pip-audit; and a service that answers as OSV does."""

import json
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import httpx

from tests.helpers.services import ROOT

OSV = "https://api.osv.dev/v1/query"
# OSV's own example of a question: a service that knows nothing of this one says nothing of ours either.
KNOWN = {"version": "2.4.1", "package": {"name": "jinja2", "ecosystem": "PyPI"}}


class NotReached(Exception):
    """There is no such service from here; `answered` is what came instead of one, None for nothing."""

    def __init__(self, why: str, answered: int | None = None) -> None:
        super().__init__(why)
        self.answered = answered


@dataclass(frozen=True)
class Finding:
    """A package of the lock file with an advisory."""

    package: str
    version: str
    advisory: str
    fixed_in: tuple[str, ...]


def audit(url: str = OSV) -> list[Finding]:
    """Every advisory on what is in the lock file. Raises NotReached, RuntimeError for an audit that was none."""
    try:
        answer = httpx.post(url, json=KNOWN, timeout=15)
    except httpx.TransportError as error:
        raise NotReached(f"{url} cannot be reached: {error}") from error
    if answer.status_code != 200 or not answer.json().get("vulns"):
        raise NotReached(f"{url} answers {answer.status_code} and knows no advisories", answer.status_code)
    done = subprocess.run(
        [
            sys.executable, "-m", "pip_audit", "--requirement", "requirements.lock", "--disable-pip",
            "--require-hashes", "--vulnerability-service", "osv", "--osv-url", url, "--format", "json",
            "--progress-spinner", "off",
        ],
        cwd=ROOT, capture_output=True, text=True, check=False, timeout=150,
    )  # fmt: skip
    try:
        packages: list[dict[str, Any]] = json.loads(done.stdout)["dependencies"]
    except (ValueError, KeyError) as error:
        raise RuntimeError(f"pip-audit ended with {done.returncode}: {done.stderr[-2000:]}") from error
    # What was skipped was not looked at: a file of advisories with holes is no audit.
    if skipped := [one["name"] for one in packages if "skip_reason" in one]:
        raise RuntimeError(f"not audited: {', '.join(skipped)}")
    if len(packages) < 50:
        raise RuntimeError(f"only {len(packages)} packages were found in the lock file")
    return [
        Finding(one["name"], one["version"], advisory["id"], tuple(advisory["fix_versions"]))
        for one in packages
        for advisory in one["vulns"]
    ]


@contextmanager
def service(vulnerable: set[str], status: int = 200) -> Iterator[str]:
    """A server on loopback that answers as OSV does, with an advisory on these packages and on OSV's example."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            name = asked["package"]["name"]
            said = {"vulns": [advisory(name)]} if name in {"jinja2", *vulnerable} and status == 200 else {}
            if name == "jinja2" and asked["version"] != KNOWN["version"] and "jinja2" not in vulnerable:
                said = {}
            body = json.dumps(said).encode()
            self.send_response(status)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: Any) -> None: ...

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, name="osv", daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}/v1/query"
    server.shutdown()
    server.server_close()
    thread.join()


def advisory(name: str) -> dict[str, Any]:
    """As the OSV schema 1.6 has it."""
    events = [{"introduced": "0"}, {"fixed": "999.0"}]
    return {
        "id": "PYSEC-2099-1", "schema_version": "1.6.0", "summary": "made up for a test", "aliases": [],
        "affected": [
            {"package": {"name": name, "ecosystem": "PyPI"}, "ranges": [{"type": "ECOSYSTEM", "events": events}]}
        ],
    }  # fmt: skip
