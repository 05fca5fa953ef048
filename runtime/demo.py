"""
`cranewatch demo`: the whole of it on loopback, with a simulated site, and an honest summary at the end.

Everything is real: a broker, PostgreSQL, the services as processes, devices with journals. What the summary calls
missing comes from holding those journals against the database's rows.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from runtime.first_admin import DEMO_LOGIN, demo_access
from runtime.probe import LatencyProbe, percentile
from runtime.reconcile import Reconciliation, reconcile
from runtime.stack import Ports, Stack, choose_ports, say
from simulators import journal as journals
from simulators import scenario as scenarios
from simulators import service as simulation
from simulators import site as sites
from simulators.fleet import Fleet
from simulators.settings import Settings as FleetSettings
from simulators.settings import SimulatorSettings
from telemetry.storage.census import Census

DRAIN_S = 15.0
SETTLE_S = 10.0


@dataclass(frozen=True)
class DemoOptions:
    """What `cranewatch demo` can be told."""

    http_port: int = 8000
    mqtt_port: int = 1883
    mqtt5_port: int = 1884
    ws_port: int = 1885
    scenario: str = "demo"
    seed: int | None = None
    speed: float = 1.0
    for_s: float | None = None
    folder: Path | None = None


@dataclass
class Demo:
    """One run: the stack, the fleet, the probe."""

    options: DemoOptions
    stack: Stack = field(init=False)
    probe: LatencyProbe = field(init=False)
    journal: Path = field(init=False)
    ports: Ports = field(init=False)
    fleet: Fleet | None = None
    password: str = ""  # of this run's account
    key: str = ""  # for programs, the tours' among them

    def __post_init__(self) -> None:
        o = self.options
        self.ports = choose_ports(o.http_port, o.mqtt_port, o.mqtt5_port, o.ws_port)
        self.stack = Stack(self.ports, folder=o.folder, tell=lambda text: say(f"  · {text}"))
        self.journal = self.stack.folder / "journal.sqlite"
        self.probe = LatencyProbe(self.stack.mqtt)

    async def run(
        self, stop: asyncio.Event, *, visit: Callable[["Demo", asyncio.Event], Awaitable[None]] | None = None
    ) -> dict[str, Any]:
        """Run until `stop`, or for as long as the options say; the summary. `visit` runs beside it, then it ends."""
        for line in self.ports.moved:
            say(f"  ! {line}")
        scenario = scenarios.load(scenarios.builtin(self.options.scenario))
        site = sites.load(sites.builtin(scenario.site))
        async with self.stack as stack:
            await stack.configure(site.file)
            self.password, self.key = await demo_access(stack.database)
            stack.note("CRANEWATCH_DEMO_KEY", self.key)
            await stack.start_services()
            say(self._addresses(site.id))
            began = time.monotonic()
            async with asyncio.TaskGroup() as tasks:
                watching = tasks.create_task(stack.services.watch(), name="demo.watch")
                probing = tasks.create_task(self.probe.run(), name="demo.probe")
                if visit is not None:
                    tasks.create_task(self._visit(visit, stop), name="demo.visit")
                summary = await simulation.run(self._fleet_settings(), stop, on_fleet=self._take_fleet)
                seconds = time.monotonic() - began
                found = await self._settled()
                watching.cancel()
                probing.cancel()
            await stack.services.end()
            return await asyncio.to_thread(self._summary, seconds, summary, found)

    async def _visit(self, visit: Callable[["Demo", asyncio.Event], Awaitable[None]], stop: asyncio.Event) -> None:
        await visit(self, stop)
        stop.set()

    def _take_fleet(self, running: Fleet) -> None:
        self.fleet = running

    def _fleet_settings(self) -> FleetSettings:
        o = self.options
        return FleetSettings(
            mqtt=self.stack.mqtt,
            simulators=SimulatorSettings(
                journal=self.journal, scenario=o.scenario, seed=o.seed, for_s=o.for_s, speed=o.speed, drain_s=DRAIN_S
            ),
        )

    async def _settled(self) -> Reconciliation:
        """The reconciliation, once nothing is missing any more or SETTLE_S are over."""
        deadline = time.monotonic() + SETTLE_S
        while True:
            found = await asyncio.to_thread(self._reconcile)
            with Census(self.stack.database) as census:
                recorded = census.transitions()
            if (not found.missing and recorded >= len(self.probe.transitions)) or time.monotonic() > deadline:
                return found
            await asyncio.sleep(0.25)

    def _reconcile(self) -> Reconciliation:
        frames = ((f.site, f.kind, f.device, f.boot, f.seq) for f in journals.produced(self.journal))
        return reconcile(self.stack.database, frames)

    def _summary(self, seconds: float, run: simulation.Summary, found: Reconciliation) -> dict[str, Any]:
        latencies = self.probe.latencies_ms(journals.published(self.journal, lane="up"))
        with Census(self.stack.database) as census:
            return {
                "seconds": round(seconds, 1),
                "frames_published": run.frames_published,
                "frames_produced": found.journalled,
                "readings_stored": census.readings(),
                "frames_quarantined": census.quarantine_rows(),
                "frames_missing": len(found.missing),
                "transitions": census.transitions(),
                "raised": census.raised(),
                "cycles": census.cycles(),
                "alarm_latency_ms": {
                    "p50": _rounded(percentile(latencies, 0.50)),
                    "p99": _rounded(percentile(latencies, 0.99)),
                    "count": len(latencies),
                },
                "restarts": self.stack.services.restarts(),
                "database": dict(zip(("edition", "version"), census.edition(), strict=True)),
                "seed": run.seed,
            }

    def _addresses(self, site: str) -> str:
        p = self.ports
        base = f"http://127.0.0.1:{p.http}"
        return (
            f"\n  控制台 console    {base}/site/{site}\n"
            f"  登录 sign in      {DEMO_LOGIN}  {self.password}\n"
            f"  密钥 API key      KEY={self.key}\n"
            f"  终端 terminal     {base}/terminal/{site}/crane-1\n"
            f"  API               {base}/docs\n"
            f"  MQTT              127.0.0.1:{p.mqtt} (3.1.1)   127.0.0.1:{p.mqtt5} (5)   ws://127.0.0.1:{p.ws}\n"
            f"  logs              {self.stack.folder}\n"
            f"  other commands    set -a; . {self.stack.folder}/env; set +a; cranewatch doctor\n\n"
            "  Ctrl-C ends it. The database and the broker go with it.\n"
        )


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, 2)


def in_words(summary: dict[str, Any]) -> str:
    """The summary for a person."""
    latency = summary["alarm_latency_ms"]
    raised = ", ".join(f"{rule} {count}" for rule, count in summary["raised"].items()) or "none"
    measured = (
        f"p50 {latency['p50']} ms, p99 {latency['p99']} ms over {latency['count']}" if latency["count"] else "no alarms"
    )
    return (
        f"\n  ran               {summary['seconds']} s\n"
        f"  frames            {summary['frames_produced']} journalled by the devices, "
        f"{summary['frames_missing']} missing in the database\n"
        f"  readings stored   {summary['readings_stored']}\n"
        f"  quarantined       {summary['frames_quarantined']}\n"
        f"  alarms raised     {raised} ({summary['transitions']} transitions)\n"
        f"  work cycles       {summary['cycles']['recognised']} recognised from readings, "
        f"{summary['cycles']['told_by_boxes']} counted by the boxes\n"
        f"  publish to alarm  {measured}\n"
        f"  database          {summary['database']['version']} ({summary['database']['edition']})\n"
    )
