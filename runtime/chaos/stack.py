"""
The servers and services of a campaign, each a process of its own that dies with us.

Ingest and api reach the database through a proxy; everybody reaches Mosquitto directly. The services run with their
own defaults, but for what `environment` says.
"""

import asyncio
import contextlib
import json
import os
import secrets
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import msgspec
from pydantic import SecretStr

from runtime.chaos.fleet import ORDERS, Orders
from runtime.chaos.plan import Fault, Options
from runtime.chaos.proxy import Proxy
from runtime.chaos.volume import Volume
from runtime.embedded import debian
from runtime.embedded.mosquitto import Mosquitto
from runtime.embedded.ports import free_port
from runtime.embedded.postgres import Cluster
from runtime.services import SERVICES, Services
from telemetry.settings import DatabaseSettings, MqttSettings
from telemetry.storage.migrate import migrate

DB_SETTINGS: Final = {"timescaledb.max_background_workers": "0", "max_worker_processes": "8", "max_connections": "60"}


class ChaosStack:
    """Everything that is under test, and the fleet that tests it; an async context manager."""

    def __init__(self, options: Options, folder: Path | None = None) -> None:
        """Opens nothing yet. `folder` is kept; without one a new one is made, and removed at the end."""
        self.options = options
        self._keep = folder is not None
        self.folder = folder or Path(tempfile.gettempdir()) / f"cranewatch-chaos-{secrets.token_hex(4)}"
        self.broker = Mosquitto()
        name = f"cw-chaos-{os.getpid()}-{secrets.token_hex(3)}"
        self.folder.mkdir(mode=0o711, parents=True, exist_ok=True)
        self.cluster: Cluster = debian.any_timescale(name, self.folder, free_port(), DB_SETTINGS)
        self.volume: Volume | None = None
        self.no_volume: str | None = None  # why there is none
        self.proxy = Proxy(self.cluster.port)
        self.services = Services(self.folder, free_port())
        self.kills: dict[str, int] = dict.fromkeys(SERVICES, 0)
        self.fleet: subprocess.Popen[bytes] | None = None
        self.status: dict[str, int] = {"produced": 0, "open": 0, "due": 0, "unacknowledged": 0, "up": 0}
        self.edition = self.version = ""

    @property
    def mqtt(self) -> MqttSettings:
        """How to reach the broker."""
        return MqttSettings(
            host="127.0.0.1", port=self.broker.port, port_v3=self.broker.port, ws_port=self.broker.ws_port
        )

    def database(self, port: int | None = None) -> DatabaseSettings:
        """How to reach the database: directly, or through the proxy."""
        url = self.cluster.url()
        if port is not None:
            url = url.replace(f":{self.cluster.port}/", f":{port}/")
        return DatabaseSettings(url=SecretStr(url), connect_timeout_s=2)

    def environment(self) -> Mapping[str, str]:
        """The settings of the services."""
        more = {"CRANEWATCH_PARTITION__CLAIM_WAIT_S": "0.2"} if self.options.kills is not None else {}
        if self.options.outage_s is None:
            # Reviews soon and often. An outage, which measures, has them at their own pace.
            more |= {"CRANEWATCH_REVIEW__AT_MOST_S": "60", "CRANEWATCH_REVIEW__QUIET_S": "5"}
        return {
            **self.services.environment(self.mqtt, self.database(self.proxy.port).url.get_secret_value()),
            "CRANEWATCH_DATABASE__CONNECT_TIMEOUT_S": "2",
            "CRANEWATCH_DATABASE__STATEMENT_TIMEOUT_S": "5",
            "CRANEWATCH_ANALYZER__SNAPSHOT_S": "10",
            "CRANEWATCH_REVIEW__LOOK_S": "1",
            "CRANEWATCH_REVIEW__AGAIN_S": "3",
            **more,
        }

    async def __aenter__(self) -> "ChaosStack":
        try:
            await asyncio.to_thread(self._start_servers)
            self.services.start(self.environment())
            await self.services.ready()
        except BaseException:
            await self._end()
            raise
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._end()

    def _start_servers(self) -> None:
        self.broker.start()
        if Fault.DB_FULL in self.options.faults and self.no_volume is None:
            megabytes = int(600 + self.options.rate * self.options.duration_s / 700)
            volume = Volume(self.cluster.data, megabytes)
            self.no_volume = volume.mount()
            if self.no_volume is None:
                self.volume = volume
                # The log stays on the machine's disk: a full volume of tables is an error (53100), one of the log
                # ends the server.
                wal = self.cluster.data.parent / f"{self.cluster.data.name}-wal"
                self.cluster.init_arguments = (f"--waldir={self.cluster.inside(wal)}",)
        self.cluster.init()
        self.cluster.start()
        edition, self.version, _ = migrate(self.database())
        self.edition = str(edition)
        self.proxy.start()

    def kill(self, name: str) -> None:
        """SIGKILL of a service, and a new one at once."""
        child = self.services.children[name]
        if child.process is not None:
            child.process.kill()
            child.process.wait(10)
        self.kills[name] += 1
        child.start()

    def pids(self) -> dict[str, int]:
        """The processes whose memory is watched."""
        found = {name: child.process.pid for name, child in self.services.children.items() if child.process is not None}
        if self.broker.pid is not None:
            found["broker"] = self.broker.pid
        return found

    # The fleet

    def start_fleet(self) -> None:
        """Start the devices."""
        (self.folder / ORDERS).write_bytes(msgspec.json.encode(Orders(self.options, self.broker.port)))
        with (self.folder / "fleet.log").open("ab") as log:
            self.fleet = subprocess.Popen(  # noqa: S603 - our own interpreter and module
                [sys.executable, "-m", "runtime.chaos.fleet", str(self.folder)],
                stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=log, start_new_session=True,
            )  # fmt: skip

    async def follow_fleet(self) -> None:
        """Take in what the fleet says, until it ends. Raises RuntimeError when it ends badly."""
        fleet = self.fleet
        if fleet is None or fleet.stdout is None:
            raise ValueError("the fleet has not been started")
        while line := await asyncio.to_thread(fleet.stdout.readline):
            self.status = json.loads(line)
        if await asyncio.to_thread(fleet.wait):
            raise RuntimeError(f"the fleet ended: {self.services.tail('fleet')}")

    def order(self, **order: Any) -> None:
        """Tell the fleet something."""
        if self.fleet is not None and self.fleet.stdin is not None and self.fleet.poll() is None:
            with contextlib.suppress(OSError):
                self.fleet.stdin.write(json.dumps(order).encode() + b"\n")
                self.fleet.stdin.flush()

    # The end

    async def _end(self) -> None:
        if self.fleet is not None and self.fleet.poll() is None:
            self.fleet.send_signal(signal.SIGKILL)
            self.fleet.wait(5)
        await self.services.end()
        self.proxy.deaf = False
        self.proxy.stop()
        await asyncio.to_thread(self.cluster.remove)
        if self.volume is not None:
            self.volume.unmount()
        for leftover in self.cluster.data.parent.glob(f"{self.cluster.data.name}*"):
            if leftover.is_dir():
                shutil.rmtree(leftover, ignore_errors=True)
            else:
                leftover.unlink(missing_ok=True)
        await asyncio.to_thread(self.broker.remove)
        if not self._keep:
            shutil.rmtree(self.folder, ignore_errors=True)
