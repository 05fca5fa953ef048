"""
The services as child processes: what they are told, when they serve, in which order they end.

What compose does with containers. They are started all at once and wait for each other; they end in the order that
loses nothing: first who watches, last who stores.
"""

import asyncio
import contextlib
import urllib.error
import urllib.request
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from runtime.children import Child
from runtime.embedded.ports import free_port
from telemetry.settings import MqttSettings

SERVICES: Final = {
    "ingest": "ingest", "analyzer": "analytics", "api": "api", "review": "analytics.review", "notify": "api.notify",
}  # fmt: skip
READY_WITHIN_S: Final = 60.0


class Services:
    """Ingest, analyzer, api, review and notifier; their logs are `{name}.log` in the folder."""

    def __init__(self, folder: Path, http: int) -> None:
        """Starts nothing. `http` is the api's port; each other's metrics get a free one."""
        self._folder = folder
        self.ports = {name: http if name == "api" else free_port() for name in SERVICES}
        self.children: dict[str, Child] = {}
        self.ended = False

    def environment(self, mqtt: MqttSettings, database_url: str) -> dict[str, str]:
        """The settings of every service."""
        return {
            "CRANEWATCH_MQTT__HOST": mqtt.host,
            "CRANEWATCH_MQTT__PORT": str(mqtt.port),
            "CRANEWATCH_MQTT__PORT_V3": str(mqtt.port_v3),
            "CRANEWATCH_MQTT__WS_PORT": str(mqtt.ws_port),
            "CRANEWATCH_DATABASE__URL": database_url,
            "CRANEWATCH_HTTP__HOST": "127.0.0.1",
            "CRANEWATCH_HTTP__PORT": str(self.ports["api"]),
            "CRANEWATCH_NOTIFY__PUBLIC_URL": f"http://127.0.0.1:{self.ports['api']}",
            "CRANEWATCH_ANALYZER__FOLDER": str(self._folder / "analyzer"),
            "PYTHONUNBUFFERED": "1",
        }

    def start(self, environment: Mapping[str, str]) -> None:
        """Start all of them."""
        (self._folder / "analyzer").mkdir(exist_ok=True)
        for name, module in SERVICES.items():
            own = {} if name == "api" else {"CRANEWATCH_METRICS_PORT": str(self.ports[name])}
            child = Child(name, module, {**environment, **own}, self._folder / f"{name}.log")
            self.children[name] = child
            child.start()

    async def ready(self, within: float = READY_WITHIN_S) -> None:
        """Wait until all of them serve. Raises RuntimeError with the end of a log."""
        waiting = list(SERVICES)
        deadline = asyncio.get_running_loop().time() + within
        while waiting:
            for child in self.children.values():
                if not child.running:
                    raise RuntimeError(f"{child.name} did not start: {self.tail(child.name)}")
            waiting = [name for name in waiting if not await asyncio.to_thread(self.serves, name)]
            if waiting and asyncio.get_running_loop().time() > deadline:
                raise RuntimeError(f"{waiting[0]} is not ready: {self.tail(waiting[0])}")
            await asyncio.sleep(0.1)

    def serves(self, name: str) -> bool:
        """Whether a service does its work; blocks for a second at most."""
        if name == "api":
            return bool(read(f"http://127.0.0.1:{self.ports[name]}/readyz"))
        page = read(f"http://127.0.0.1:{self.ports[name]}/metrics")
        if name == "ingest":
            # A frame that is published before its session exists is acknowledged by the broker and gone.
            return page.count('cranewatch_ingest_connected{lane="') == 3
        if name == "analyzer":
            return 'cranewatch_analyzer_messages_total{leaf="tick"}' in page
        return bool(page)

    def tail(self, name: str, lines: int = 12) -> str:
        """The end of a log."""
        with contextlib.suppress(OSError):
            return "\n".join((self._folder / f"{name}.log").read_text(errors="replace").splitlines()[-lines:])
        return "(no log)"

    async def watch(self) -> None:
        """Start again whatever dies, as compose would, until cancelled. Raises RuntimeError for what keeps dying."""
        while True:
            await asyncio.sleep(0.25)
            for child in self.children.values():
                if not self.ended and not child.revive():
                    raise RuntimeError(f"{child.name} keeps ending: {self.tail(child.name)}")

    def restarts(self) -> dict[str, int]:
        """How often each died by itself, without those that did not."""
        return {name: child.restarts for name, child in self.children.items() if child.restarts}

    async def end(self) -> None:
        """End them: first who watches, last who stores."""
        self.ended = True
        for name in ("notify", "review", "api", "analyzer", "ingest"):
            child = self.children.get(name)
            if child is not None:
                await asyncio.to_thread(child.end)


def read(url: str) -> str:
    """The body of a loopback page of ours; empty when it does not answer with 200."""
    with (
        contextlib.suppress(urllib.error.URLError, OSError, TimeoutError),
        urllib.request.urlopen(url, timeout=1) as answer,  # noqa: S310 - a loopback address of ours
    ):
        if answer.status == 200:
            return str(answer.read().decode())
    return ""
