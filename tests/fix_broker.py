"""
Real brokers: the embedded one (rumqttd) and Mosquitto from Debian.

One of each per session. Every test gets its own client-id prefix, so that sessions do not meet; tests use their
own site names for the same reason.
"""

import os
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from itertools import count
from pathlib import Path

import pytest

from runtime.embedded.broker import EmbeddedBroker
from runtime.embedded.ports import free_port
from telemetry.settings import MqttSettings
from tests.helpers import chroot

_numbers = count(1)

MOSQUITTO_CONF = """\
per_listener_settings false
allow_anonymous true
persistence false
set_tcp_nodelay true
max_inflight_messages 0
max_queued_messages 2000000
max_packet_size 1048576
sys_interval 10
log_dest none
user root
listener {port} 127.0.0.1
listener {ws_port} 127.0.0.1
protocol websockets
"""


def wait_for(port: int, timeout: float = 15.0) -> None:
    """Wait until something listens on this loopback port."""
    deadline = time.monotonic() + timeout
    while time.monotonic() < deadline:
        try:
            with socket.create_connection(("127.0.0.1", port), timeout=0.5):
                return
        except OSError:
            time.sleep(0.05)
    raise TimeoutError(f"nothing listens on port {port}")


class Mosquitto:
    """A Mosquitto of ours, from the chroot (2.0.21) or, failing that, from the machine."""

    def __init__(self, port: int | None = None, ws_port: int | None = None) -> None:
        self.port = port or free_port()
        self.ws_port = ws_port or free_port()
        self._folder = Path(tempfile.mkdtemp(prefix="cw-mosquitto-"))
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        config = self._folder / f"mosquitto-{self.port}.conf"
        config.write_text(MOSQUITTO_CONF.format(port=self.port, ws_port=self.ws_port))
        if chroot.why_not() is None:
            self._process = chroot.start_mosquitto(config)
        elif program := shutil.which("mosquitto", path="/usr/sbin:/usr/bin"):
            self._process = subprocess.Popen([program, "-c", str(config)])
        else:
            reason = "no Mosquitto: run `make servers` as root on Debian"
            if os.environ.get("CI") == "true":
                pytest.fail(f"Mosquitto is required in CI: {reason}")
            pytest.skip(reason)
        wait_for(self.port)

    def stop(self) -> None:
        if self._process is not None:
            self._process.terminate()
            self._process.wait(10)
            self._process = None

    def kill(self) -> None:
        if self._process is not None:
            self._process.kill()
            self._process.wait(10)
            self._process = None

    def settings(self) -> MqttSettings:
        return MqttSettings(
            host="127.0.0.1", port=self.port, port_v3=self.port, ws_port=self.ws_port,
            prefix=f"t{os.getpid()}-{next(_numbers)}-",
        )  # fmt: skip


class Rumqttd:
    """The embedded broker with free ports."""

    def __init__(self) -> None:
        self._broker = EmbeddedBroker(
            Path(tempfile.mkdtemp(prefix="cw-broker-")),
            port_v3=free_port(), port_v5=free_port(), port_ws=free_port(),
        )  # fmt: skip

    def start(self) -> None:
        self._broker.start()

    def stop(self) -> None:
        self._broker.stop()

    def kill(self) -> None:
        self._broker.kill()

    def settings(self) -> MqttSettings:
        ports = self._broker._ports
        return MqttSettings(
            host="127.0.0.1", port=ports["v5"], port_v3=ports["v4"], ws_port=ports["ws"],
            prefix=f"t{os.getpid()}-{next(_numbers)}-",
        )  # fmt: skip


@pytest.fixture(scope="session")
def rumqttd_server() -> Iterator[Rumqttd]:
    broker = Rumqttd()
    broker.start()
    yield broker
    broker.stop()


@pytest.fixture(scope="session")
def mosquitto_server() -> Iterator[Mosquitto]:
    broker = Mosquitto()
    broker.start()
    yield broker
    broker.stop()


@pytest.fixture
def embedded_broker(rumqttd_server: Rumqttd) -> MqttSettings:
    """The embedded broker only."""
    return rumqttd_server.settings()


@pytest.fixture
def mosquitto(mosquitto_server: Mosquitto) -> MqttSettings:
    """Mosquitto only."""
    return mosquitto_server.settings()


@pytest.fixture(params=["rumqttd", "mosquitto"])
def broker(request: pytest.FixtureRequest) -> MqttSettings:
    """Each of the two brokers in turn."""
    found: Rumqttd | Mosquitto = request.getfixturevalue(f"{request.param}_server")
    return found.settings()
