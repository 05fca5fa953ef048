"""Who serves the page: one API for a module, and a box's own program."""

import subprocess
import sys
import time
from collections.abc import Iterator

import httpx
import pytest

from runtime.embedded.ports import free_port
from telemetry.settings import MqttSettings
from tests.helpers.api import ROOT, ApiProcess
from tests.helpers.services import environment


@pytest.fixture(scope="module")
def served() -> Iterator[dict[int, ApiProcess]]:
    """The APIs of a module, by their broker's port."""
    made: dict[int, ApiProcess] = {}
    yield made
    for process in made.values():
        process.stop()


@pytest.fixture
def url(broker: MqttSettings, served: dict[int, ApiProcess]) -> str:
    """The address of an API that serves the page."""
    if broker.port not in served:
        served[broker.port] = ApiProcess(broker, console=False)
        served[broker.port].start()
    return served[broker.port].url


class Box:
    """`cranewatch terminal` as its own process on a free port."""

    def __init__(self, mqtt: MqttSettings, site: str, *place: str, **more: str) -> None:
        self.port = free_port()
        self.url = f"http://localhost:{self.port}"
        command = [sys.executable, "-m", "runtime.cli", "terminal", site, *place, "--port", str(self.port)]
        env = environment(mqtt, NO_PROXY="localhost,127.0.0.1", **more)
        self._process = subprocess.Popen(command, env=env, cwd=ROOT, stderr=subprocess.DEVNULL)

    def wait(self, timeout: float = 20.0) -> None:
        """Until it answers."""
        deadline = time.monotonic() + timeout
        while time.monotonic() < deadline:
            try:
                if httpx.get(f"{self.url}/healthz", timeout=2, trust_env=False).status_code == 200:
                    return
            except httpx.TransportError:
                time.sleep(0.1)
            if self._process.poll() is not None:
                raise RuntimeError(f"the terminal ended with {self._process.returncode}")
        raise TimeoutError("the terminal does not answer")

    def stop(self) -> int:
        """SIGTERM, and its exit code."""
        self._process.terminate()
        return self._process.wait(10)

    def __enter__(self) -> "Box":
        self.wait()
        return self

    def __exit__(self, *_: object) -> None:
        if self._process.poll() is None:
            self._process.kill()
            self._process.wait(10)


__all__ = ["Box", "served", "url"]
