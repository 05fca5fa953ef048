"""
Everything on loopback: broker, database, services. What compose runs in containers, as processes of ours.

The order of starting is the order of need; the order of ending is the reverse, so that what was sent is stored.
"""

import asyncio
import contextlib
import logging
import secrets
import shutil
import sys
import tempfile
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from pydantic import SecretStr

from runtime.children import Child
from runtime.embedded.broker import EmbeddedBroker
from runtime.embedded.ports import free_port, next_free
from runtime.embedded.postgres import Cluster, embedded
from telemetry.model import Edition
from telemetry.settings import DatabaseSettings, MqttSettings
from telemetry.storage.configure import apply_site
from telemetry.storage.migrate import migrate
from telemetry.wire.payloads import DeviceConfig, SiteConfig

logger = logging.getLogger(__name__)

READY_WITHIN_S = 60.0
SERVICES = {"ingest": "ingest", "analyzer": "analytics", "api": "api", "review": "analytics.review"}


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
        self.children: dict[str, Child] = {}
        self.metrics = {name: free_port() for name in ("ingest", "analyzer", "review")}
        self.edition = Edition.PLAIN
        self.version = ""
        self._ended = False

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
        return {
            "CRANEWATCH_MQTT__HOST": "127.0.0.1",
            "CRANEWATCH_MQTT__PORT": str(self.ports.mqtt5),
            "CRANEWATCH_MQTT__PORT_V3": str(self.ports.mqtt),
            "CRANEWATCH_MQTT__WS_PORT": str(self.ports.ws),
            "CRANEWATCH_DATABASE__URL": self.database.url.get_secret_value(),
            "CRANEWATCH_HTTP__HOST": "127.0.0.1",
            "CRANEWATCH_HTTP__PORT": str(self.ports.http),
            "CRANEWATCH_ANALYZER__FOLDER": str(self.folder / "analyzer"),
            "PYTHONUNBUFFERED": "1",
        }

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
        (self.folder / "analyzer").mkdir(exist_ok=True)
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

    def _start_database(self) -> None:
        if self.cluster is None:
            return
        self.cluster.init()
        self.cluster.start()

    async def configure(self, site: str, config: SiteConfig, devices: Mapping[tuple[str, str], DeviceConfig]) -> None:
        """Write a site's configuration into the database; the api publishes it."""
        await asyncio.to_thread(apply_site, self.database, site, config, devices)

    async def start_services(self) -> None:
        """Start ingest, analyzer and api, and wait until they serve. Raises RuntimeError with a log's last lines."""
        self._tell("starting the services")
        environment = self.environment()
        for name, module in SERVICES.items():
            own = {} if name == "api" else {"CRANEWATCH_METRICS_PORT": str(self.metrics[name])}
            child = Child(name, module, {**environment, **own}, self.folder / f"{name}.log")
            self.children[name] = child
            child.start()
        await self._ready()

    async def _ready(self) -> None:
        waiting = dict(self._readiness())
        deadline = asyncio.get_running_loop().time() + READY_WITHIN_S
        while waiting:
            for child in self.children.values():
                if not child.running:
                    raise RuntimeError(f"{child.name} did not start: {_tail(child.log)}")
            for name in list(waiting):
                if await asyncio.to_thread(waiting[name]):
                    del waiting[name]
            if waiting and asyncio.get_running_loop().time() > deadline:
                name = next(iter(waiting))
                raise RuntimeError(f"{name} is not ready: {_tail(self.children[name].log)}")
            await asyncio.sleep(0.1)

    def _readiness(self) -> Iterator[tuple[str, Callable[[], bool]]]:
        # A frame that is published before its session exists is acknowledged by the broker and gone.
        ingest = f"http://127.0.0.1:{self.metrics['ingest']}/metrics"
        yield "ingest", lambda: _read(ingest).count('cranewatch_ingest_connected{lane="') == 3
        analyzer = f"http://127.0.0.1:{self.metrics['analyzer']}/metrics"
        yield "analyzer", lambda: 'cranewatch_analyzer_messages_total{leaf="tick"}' in _read(analyzer)
        api = f"http://127.0.0.1:{self.ports.http}/readyz"
        yield "api", lambda: bool(_read(api))

    async def watch(self) -> None:
        """Start again whatever dies, as compose would; runs until cancelled."""
        while True:
            await asyncio.sleep(0.25)
            for child in self.children.values():
                if not self._ended and not child.revive():
                    raise RuntimeError(f"{child.name} keeps ending: {_tail(child.log)}")

    async def stop_services(self) -> None:
        """End the services: first who watches, last who stores."""
        self._ended = True
        for name in ("review", "api", "analyzer", "ingest"):
            child = self.children.get(name)
            if child is not None:
                await asyncio.to_thread(child.end)

    async def _end(self) -> None:
        await self.stop_services()
        if self.cluster is not None:
            await asyncio.to_thread(self.cluster.stop)
        await asyncio.to_thread(self.broker.stop)
        if not self._keep:
            shutil.rmtree(self.folder, ignore_errors=True)


def _read(url: str) -> str:
    """The body of a loopback page of ours; empty when it does not answer with 200."""
    with (
        contextlib.suppress(urllib.error.URLError, OSError, TimeoutError),
        urllib.request.urlopen(url, timeout=1) as answer,  # noqa: S310 - a loopback address of ours
    ):
        if answer.status == 200:
            return str(answer.read().decode())
    return ""


def _tail(log: Path, lines: int = 12) -> str:
    try:
        return "\n".join(log.read_text(errors="replace").splitlines()[-lines:])
    except OSError:
        return "(no log)"


def say(text: str) -> None:
    """One line for a person, on stderr: stdout is for results."""
    sys.stderr.write(text + "\n")
    sys.stderr.flush()
