"""
Real brokers: the embedded one (rumqttd) and Mosquitto from Debian.

One of each per session. Every test gets its own client-id prefix, so that sessions do not meet; tests use their
own site names for the same reason.
"""

import os
import tempfile
from collections.abc import Iterator
from itertools import count
from pathlib import Path

import pytest

from runtime.embedded import debian, mosquitto
from runtime.embedded.broker import EmbeddedBroker
from runtime.embedded.mosquitto import wait_for
from runtime.embedded.ports import free_port
from telemetry.settings import MqttSettings

_numbers = count(1)

__all__ = ["Mosquitto", "Rumqttd", "wait_for"]


class Mosquitto(mosquitto.Mosquitto):
    """A Mosquitto of ours, from the chroot (2.0.21) or, failing that, from the machine; without one the test skips."""

    def start(self, *, persistence: bool = False, timeout: float = 15.0) -> None:
        reason = debian.why_no_mosquitto()
        if reason is not None:
            if os.environ.get("CI") == "true":
                pytest.fail(f"Mosquitto is required in CI: {reason}")
            pytest.skip(reason)
        super().start(persistence=persistence, timeout=timeout)

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
    broker.remove()


@pytest.fixture
def embedded_broker(rumqttd_server: Rumqttd) -> MqttSettings:
    """The embedded broker only."""
    return rumqttd_server.settings()


@pytest.fixture(name="mosquitto")
def mosquitto_only(mosquitto_server: Mosquitto) -> MqttSettings:
    """Mosquitto only."""
    return mosquitto_server.settings()


@pytest.fixture(params=["rumqttd", "mosquitto"])
def broker(request: pytest.FixtureRequest) -> MqttSettings:
    """Each of the two brokers in turn."""
    found: Rumqttd | Mosquitto = request.getfixturevalue(f"{request.param}_server")
    return found.settings()
