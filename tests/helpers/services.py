"""Services as real processes, with settings from the environment, that a test may kill."""

import os
import subprocess
import sys
from pathlib import Path

from telemetry.settings import DatabaseSettings, MqttSettings

ROOT = Path(__file__).parents[2]


def environment(mqtt: MqttSettings, database: DatabaseSettings | None = None, **more: str) -> dict[str, str]:
    """The CRANEWATCH_* variables for these servers, added to what Python needs."""
    found = {name: text for name, text in os.environ.items() if not name.startswith("CRANEWATCH_")}
    found |= {
        "PYTHONPATH": str(ROOT),
        "CRANEWATCH_MQTT__HOST": mqtt.host,
        "CRANEWATCH_MQTT__PORT": str(mqtt.port),
        "CRANEWATCH_MQTT__PORT_V3": str(mqtt.port_v3),
        "CRANEWATCH_MQTT__WS_PORT": str(mqtt.ws_port),
        "CRANEWATCH_MQTT__PREFIX": mqtt.prefix,
    }
    if database is not None:
        found["CRANEWATCH_DATABASE__URL"] = database.url.get_secret_value()
    return {**found, **more}


def start(module: str, env: dict[str, str], *arguments: str, log: Path | None = None) -> "subprocess.Popen[bytes]":
    """`python -m module` in the background; the caller ends it. `log` gets what it prints."""
    out = log.open("ab") if log else subprocess.DEVNULL
    try:
        return subprocess.Popen(
            [sys.executable, "-m", module, *arguments],
            env=env, cwd=ROOT, stdin=subprocess.DEVNULL, stdout=out, stderr=out,
        )  # fmt: skip
    finally:
        if log:
            out.close()  # type: ignore[union-attr]  # a file then


def end(process: "subprocess.Popen[bytes]", timeout: float = 15.0) -> int:
    """SIGTERM and wait; SIGKILL if that does not do."""
    if process.poll() is None:
        process.terminate()
        try:
            process.wait(timeout)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait(5)
    return process.returncode
