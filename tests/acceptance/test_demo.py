"""`cranewatch demo` as a visitor runs it: everything starts, alarms, reconciles, and nothing is left behind."""

import asyncio
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from runtime.embedded.ports import free_port
from telemetry.clock import now_ms
from telemetry.settings import MqttSettings
from tests.helpers.publisher import publish
from tests.helpers.services import ROOT

KEYS = {
    "seconds", "frames_published", "readings_stored", "frames_quarantined", "frames_missing", "transitions",
    "alarm_latency_ms", "database",
}  # fmt: skip


class DemoProcess:
    """A demo on free ports, with its folder."""

    def __init__(self, folder: Path, *arguments: str) -> None:
        self.folder = folder
        self.http, self.mqtt, self.mqtt5, self.ws = (free_port() for _ in range(4))
        self.process = subprocess.Popen(
            [sys.executable, "-m", "runtime.cli", "demo", "--http-port", str(self.http), "--mqtt-port", str(self.mqtt),
             "--mqtt5-port", str(self.mqtt5), "--ws-port", str(self.ws), "--folder", str(folder), "--json", *arguments],
            cwd=ROOT, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        )  # fmt: skip

    def get(self, path: str) -> Any:
        told = dict(line.split("=", 1) for line in (self.folder / "env").read_text().splitlines())
        request = urllib.request.Request(
            f"http://127.0.0.1:{self.http}{path}", headers={"X-API-Key": told["CRANEWATCH_DEMO_KEY"]}
        )
        with urllib.request.urlopen(request, timeout=10) as answer:  # noqa: S310 - our own address
            return json.load(answer)

    def ready(self) -> None:
        deadline = time.monotonic() + 60
        while time.monotonic() < deadline:
            try:
                with urllib.request.urlopen(f"http://127.0.0.1:{self.http}/readyz", timeout=2) as answer:
                    if answer.status == 200 and (self.folder / "journal.sqlite").exists():
                        return
            except OSError:
                time.sleep(0.1)
            assert self.process.poll() is None, self.process.communicate()[1]
        raise AssertionError("the demo is not ready")

    def finish(self, timeout: float) -> dict[str, Any]:
        out, err = self.process.communicate(timeout=timeout)
        assert self.process.returncode == 0, err
        lines = out.strip().splitlines()
        assert len(lines) == 1, "stdout is for the summary alone"
        found: dict[str, Any] = json.loads(lines[0])
        return found

    def left_behind(self) -> list[str]:
        """Processes that still name the demo's folder, in their arguments or environment."""
        found: list[str] = []
        for entry in Path("/proc").iterdir():
            if not entry.name.isdigit() or int(entry.name) == os.getpid():
                continue
            try:
                said = (entry / "cmdline").read_bytes() + (entry / "environ").read_bytes()
            except OSError:
                continue
            if str(self.folder).encode() in said:
                found.append((entry / "cmdline").read_bytes().decode(errors="replace"))
        return found


@pytest.fixture
def folder() -> Iterator[Path]:
    """A new folder that also the database's user may enter: pytest's own is closed to others."""
    base = Path(tempfile.mkdtemp(prefix="cw-demo-test-"))
    base.chmod(0o755)
    yield base / "demo"
    shutil.rmtree(base, ignore_errors=True)


@pytest.mark.timeout(240)
def test_the_demo_alarms_reconciles_and_leaves_nothing_behind(folder: Path) -> None:
    demo = DemoProcess(folder, "--for", "50", "--seed", "7")
    summary = demo.finish(150)
    assert summary.keys() >= KEYS
    assert summary["frames_missing"] == 0
    assert summary["frames_published"] > 50 * 20
    assert summary["readings_stored"] == summary["frames_published"]
    raised = summary["raised"]
    assert raised.get("moment", 0) + raised.get("load", 0) >= 1
    assert raised.get("wind", 0) >= 1
    assert raised.get("settlement", 0) >= 1
    assert summary["transitions"] >= sum(raised.values())
    assert summary["alarm_latency_ms"]["count"] >= 3
    assert summary["alarm_latency_ms"]["p99"] is not None
    assert summary["database"]["edition"] == "plain"
    assert demo.left_behind() == []


@pytest.mark.timeout(240)
async def test_a_frame_by_hand_alarms_a_broken_one_is_quarantined_and_ctrl_c_ends_cleanly(folder: Path) -> None:
    demo = DemoProcess(folder)
    try:
        demo.ready()
        mqtt = MqttSettings(host="127.0.0.1", port=demo.mqtt5, port_v3=demo.mqtt, prefix="hand-")
        topic = "cw/v1/demo/crane/test-1/up/reading"
        good = json.dumps({"ts": now_ms(), "load_t": 4.5, "radius_m": 30, "rated_load_t": 3.6}).encode()
        await publish(mqtt, [(topic, good), (topic, b'{"ts":1,"load_t":"heavy"}')])
        deadline = time.monotonic() + 20
        while time.monotonic() < deadline:
            alarms = [a for a in demo.get("/api/v1/alarms")["items"] if a["device"] == "test-1"]
            refused = [q for q in demo.get("/api/v1/quarantine")["items"] if q["device"] == "test-1"]
            if alarms and refused:
                break
            await asyncio.sleep(0.2)
        assert alarms[0]["rule"] in ("moment", "load")
        assert refused[0]["reason"] == "invalid"
        assert "load_t" in refused[0]["detail"]
        demo.process.send_signal(signal.SIGINT)
        summary = demo.finish(60)
        assert summary["frames_missing"] == 0
        assert summary["frames_quarantined"] == 1
        assert demo.left_behind() == []
    finally:
        demo.process.kill()
        demo.process.wait()


@pytest.mark.skipif(os.geteuid() != 0, reason="only root hands the database to another user")
def test_a_folder_that_the_database_cannot_reach_is_refused_in_words(folder: Path) -> None:
    closed = folder.parent / "closed"
    closed.mkdir(mode=0o700)
    found = subprocess.run(
        [sys.executable, "-m", "runtime.cli", "demo", "--for", "5", "--folder", str(closed / "demo")],
        cwd=ROOT, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert found.returncode == 1
    assert "may not enter" in found.stderr


def test_a_folder_with_something_in_it_is_refused(tmp_path: Path) -> None:
    (tmp_path / "mine").write_text("x")
    found = subprocess.run(
        [sys.executable, "-m", "runtime.cli", "demo", "--folder", str(tmp_path)],
        cwd=ROOT, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert found.returncode == 2
    assert "not empty" in found.stderr
    assert (tmp_path / "mine").read_text() == "x"
