"""
Everything on loopback: broker, database, services. What compose runs in containers, as processes of ours.

The order of starting is the order of need; the order of ending is the reverse, so that what was sent is stored.
"""

import asyncio
import logging
import secrets
import shutil
import sys
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from pydantic import SecretStr

from runtime.command import shell_actor
from runtime.embedded.broker import EmbeddedBroker
from runtime.embedded.ports import free_port, next_free
from runtime.embedded.postgres import Cluster, embedded
from runtime.services import Services
from telemetry.clock import utc_now
from telemetry.model import Edition
from telemetry.settings import DatabaseSettings, MqttSettings
from telemetry.sitefile.words import File
from telemetry.storage import sitefile
from telemetry.storage.migrate import migrate
from telemetry.storage.pool import Database

logger = logging.getLogger(__name__)


@dataclass
class Ports:
    """Where everything listens; `moved` says which wanted port was taken, in words."""

    http: int
    mqtt: int
    mqtt5: int
    ws: int
    database: int
    moved: list[str] = field(default_factory=list)


def choose_ports(http: int, mqtt: int, mqtt5: int, ws: int) -> Ports:
    """The wanted ports, or the next free ones, said so. Raises OSError when none is free."""
    taken: set[int] = set()
    moved: list[str] = []
    found: list[int] = []
    for name, wanted in (("--mqtt-port", mqtt), ("--mqtt5-port", mqtt5), ("--ws-port", ws), ("--http-port", http)):
        port = next_free(wanted, avoid=taken)
        taken.add(port)
        found.append(port)
        if port != wanted:
            moved.append(f"{name} {wanted} is taken, using {port}")
    return Ports(mqtt=found[0], mqtt5=found[1], ws=found[2], http=found[3], database=free_port(), moved=moved)


class Stack:
    """
    Broker, database and services, as an async context manager.

    Everything it writes is in one folder, which goes with it unless the caller gave one.
    """

    def __init__(
        self, ports: Ports, *, folder: Path | None = None, tell: Callable[[str], None] = lambda _: None
    ) -> None:
        self.ports = ports
        self._keep = folder is not None
        # Named here, made when it starts: a run that is refused leaves nothing.
        self.folder = folder or Path(tempfile.gettempdir()) / f"cranewatch-{secrets.token_hex(6)}"
        self._tell = tell
        self.broker = EmbeddedBroker(self.folder / "broker", port_v3=ports.mqtt, port_v5=ports.mqtt5, port_ws=ports.ws)
        self.cluster: Cluster | None = None
        self.services = Services(self.folder, ports.http)
        self.edition = Edition.PLAIN
        self.version = ""

    @property
    def mqtt(self) -> MqttSettings:
        """How to reach the broker."""
        return MqttSettings(host="127.0.0.1", port=self.ports.mqtt5, port_v3=self.ports.mqtt, ws_port=self.ports.ws)

    @property
    def database(self) -> DatabaseSettings:
        """How to reach the database."""
        if self.cluster is None:
            raise ValueError("the stack has not been started")
        return DatabaseSettings(url=SecretStr(self.cluster.url()))

    def environment(self) -> Mapping[str, str]:
        """The settings of every service."""
        return self.services.environment(self.mqtt, self.database.url.get_secret_value())

    async def __aenter__(self) -> "Stack":
        try:
            await self._start()
        except BaseException:
            await self._end()
            raise
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._end()

    async def _start(self) -> None:
        self.folder.mkdir(mode=0o711, parents=True, exist_ok=True)
        self._tell("starting the broker")
        await asyncio.to_thread(self.broker.start)
        self._tell("starting the database")
        self.cluster = embedded(self.folder / "postgres", self.ports.database)
        await asyncio.to_thread(self._start_database)
        self._tell("making the schema")
        self.edition, self.version, _ = await asyncio.to_thread(migrate, self.database)
        self._write_environment()

    def _write_environment(self) -> None:
        """How to reach this stack with the other commands: `set -a; . FOLDER/env; cranewatch doctor`."""
        path = self.folder / "env"
        path.touch(mode=0o600)
        path.write_text("".join(f"{name}={value}\n" for name, value in self.environment().items()))

    def note(self, name: str, value: str) -> None:
        """One line more for whoever reads `env`."""
        with (self.folder / "env").open("a") as file:
            file.write(f"{name}={value}\n")

    def _start_database(self) -> None:
        if self.cluster is None:
            return
        self.cluster.init()
        self.cluster.start()

    async def configure(self, file: File) -> None:
        """Write a site's file into the database; the api publishes it."""
        async with Database(self.database, application="stack") as database:
            await sitefile.put(database, file, shell_actor(), utc_now(), confirmed=True)

    async def start_services(self) -> None:
        """Start the services, and wait until they serve. Raises RuntimeError with a log's last lines."""
        self._tell("starting the services")
        self.services.start(self.environment())
        await self.services.ready()

    async def _end(self) -> None:
        await self.services.end()
        if self.cluster is not None:
            await asyncio.to_thread(self.cluster.stop)
        await asyncio.to_thread(self.broker.stop)
        if not self._keep:
            shutil.rmtree(self.folder, ignore_errors=True)


def say(text: str) -> None:
    """One line for a person, on stderr: stdout is for results."""
    sys.stderr.write(text + "\n")
    sys.stderr.flush()
