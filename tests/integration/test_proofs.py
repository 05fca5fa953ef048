"""
Proof tests through real processes: broker, ingest, analyzer, API and notifier, and a simulated crane's own device.

The terminal is played here, message by message; tests/browser has the true one.
"""

import asyncio
import contextlib
import itertools
from collections.abc import AsyncIterator, Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx
import pytest

from runtime.embedded.ports import free_port
from simulators.boots import Boots
from simulators.device import Counts, Device
from simulators.journal import Journal
from simulators.station import Station
from telemetry.broker import Arrival, Link, connected
from telemetry.clock import now_ms
from telemetry.ladder import Ladder, Plan, Step
from telemetry.model import Action, Stage
from telemetry.roles import Role
from telemetry.settings import DatabaseSettings, MqttSettings
from telemetry.storage.configure import apply_site
from telemetry.wire import payloads, topics
from telemetry.wire.payloads import DeviceConfig, Response, Shown, SiteConfig
from telemetry.wire.proof import ProofState
from telemetry.wire.topics import Lane, Leaf
from tests.fix_broker import Rumqttd
from tests.fix_database import Server
from tests.helpers import services
from tests.helpers.callers import key_for
from tests.helpers.duty import on_duty, person, staff
from tests.helpers.rows import fetch
from tests.helpers.sink import Sink
from tests.helpers.site import CHART

SITE = "proving"
CRANES = ("whole", "dark", "laden", "real")
_numbers = itertools.count(1)
INTERVAL_S = 0.2
CAB = DeviceConfig(version=1, display_name="3#塔机", charts=[CHART], terminal="cab", interval_ms=200)
PLAN = Plan(
    life_safety=Ladder(steps=[Step(after_s=0, duty=Role.SAFETY_OFFICER), Step(after_s=15, role=Role.SITE_MANAGER)])
)


async def until(condition: Callable[[], object], seconds: float = 20.0, said: Callable[[], str] = str) -> None:
    """Wait for what another process does; a question to it costs more than a look at a variable."""
    async with asyncio.timeout(seconds + 5):
        for _ in range(round(seconds / 0.3)):
            if condition():
                return
            await asyncio.sleep(0.3)
    raise TimeoutError(said())


class Standing(Station):
    """A crane that does what the test says; its box is the simulators' own."""

    def __init__(self, device: str) -> None:
        super().__init__("crane", device, [], now_ms(), 1)
        self.load_t: float | None = 0.02
        self.wind_mps = 4.0

    def _measure(self, t: float) -> dict[str, Any]:
        found = {"radius_m": 20.0, "hook_m": 20.0, "slew_deg": 10.0, "falls": 2.0, "wind_mps": self.wind_mps,
                 "mode": "working", "power_ok": True, "operator": "op-7"}  # fmt: skip
        return found | ({"load_t": self.load_t} if self.load_t is not None else {})

    def _reach(self, t: float) -> None: ...

    def _happen_here(self, at: float, event: Any) -> None: ...


class Cab:
    """A terminal: it says what it has and shows, and its operator taps. `dead`: nobody hears anything of it."""

    def __init__(self, mqtt: MqttSettings, device: str) -> None:
        self.device = device
        self.dead = False
        self.taps = True
        self.states: list[str] = []
        self.alarms: list[payloads.Alarm] = []
        self._said: set[str] = set()
        self._due: asyncio.Queue[tuple[Leaf, payloads.Payload]] = asyncio.Queue()
        base = f"cw/v1/{SITE}/crane/{device}/down"
        self.link = Link(
            mqtt, f"cab-{device}", filters=[(f"{base}/alarm/+", 1), (f"{base}/proof_state", 1)], protocol="3.1.1",
            on_arrival=self.arrived,
        )  # fmt: skip

    def arrived(self, arrival: Arrival) -> None:
        if not arrival.payload or self.dead:
            return
        if arrival.topic.endswith("proof_state"):
            self.states.append(payloads.decode(ProofState, arrival.payload).state)
            return
        alarm = payloads.decode(payloads.Alarm, arrival.payload)
        self.alarms.append(alarm)
        if alarm.transition in self._said:
            return
        self._said.add(alarm.transition)
        for stage in Stage:
            shown = Shown(terminal="t-1", at=now_ms(), transition=alarm.transition, stage=stage, visible=True)
            self._due.put_nowait((Leaf.SHOWN, shown))
        if alarm.rule == "proof_test" and alarm.active and self.taps:
            self.answer(Action.CONFIRM, alarm.transition)

    def answer(self, action: Action, transition: str | None = None) -> None:
        """The operator taps."""
        number = f"{next(_numbers):016x}"
        said = Response(id=number, action=action, at=now_ms(), who="op-7", rule="proof_test", transition=transition)
        self._due.put_nowait((Leaf.RESPONSE, said))

    async def run(self) -> None:
        while True:
            leaf, payload = await self._due.get()
            topic = topics.build(SITE, "crane", self.device, Lane.UP, leaf)
            await self.link.publish(topic, payloads.encode(payload))


class Stack:
    """The services as processes, somebody on duty, and a key of somebody at the desk."""

    def __init__(self, mqtt: MqttSettings, database: DatabaseSettings, folder: Path, sink: Sink) -> None:
        self.mqtt, self.database, self.folder, self.sink = mqtt, database, folder, sink
        env = services.environment(
            mqtt, database, CRANEWATCH_ANALYZER__FOLDER=str(folder / "analyzer"), CRANEWATCH_CONSOLE="false",
            CRANEWATCH_HTTP__PORT=str(port := free_port()),
        )  # fmt: skip
        self._running = [
            services.start(module, env, log=folder / f"{module}.log")
            for module in ("ingest", "analytics", "api", "api.notify")
        ]
        key = key_for(database, (Role.SAFETY_OFFICER, SITE), name="wang")
        self._http = httpx.Client(
            base_url=f"http://127.0.0.1:{port}/api/v1", headers={"Authorization": f"Bearer {key}"}, trust_env=False
        )

    def ask(self, method: str, path: str, **more: Any) -> Any:
        """What the API answers. Raises AssertionError when it refuses."""
        answer = self._http.request(method, path, **more)
        assert answer.status_code < 300, answer.text
        return answer.json()

    def up(self) -> bool:
        with contextlib.suppress(httpx.TransportError):
            return self._http.get("/sites").status_code == 200
        return False

    async def order(self, device: str, *, told: bool = True) -> dict[str, Any]:
        """The desk orders a test; what it is then."""
        path = f"/sites/{SITE}/devices/crane/{device}/proof-tests"
        found: dict[str, Any] = await asyncio.to_thread(self.ask, "POST", path, json={"told": told})
        return found

    def test(self, device: str) -> dict[str, Any]:
        """The device's last test."""
        found: dict[str, Any] = self.ask("GET", f"/sites/{SITE}/devices/crane/{device}/proof-tests")["items"][0]
        return found

    def acknowledge(self, device: str) -> bool:
        """The desk acknowledges the last test's line; whether it was there."""
        if not any(one["link"] == "raised" for one in self.test(device)["links"]):
            return False
        path = f"/alarms/{SITE}/{device}/proof_test/acknowledge"
        return self._http.post(path, json={}).status_code == 202

    async def outcome(self, device: str) -> dict[str, Any]:
        """Wait for the end of the device's last test."""
        await until(lambda: self.test(device)["outcome"], 40, lambda: f"{self.test(device)}\n{self.said()}")
        return self.test(device)

    def end(self) -> None:
        self._http.close()
        for process in self._running:
            process.terminate()
        for process in self._running:
            services.end(process)

    def said(self) -> str:
        """What the services have logged, for whoever wonders why."""
        return "\n".join(f"{file.name}\n{file.read_text()[-3000:]}" for file in sorted(self.folder.glob("*.log")))


@pytest.fixture(scope="module")
def stack(
    rumqttd_server: Rumqttd, postgres_server: Server, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Stack]:
    """One for the module: each test has a crane of its own."""
    database = postgres_server.copy()
    with Sink() as sink, ThreadPoolExecutor(1) as pool:
        people = [person(sink, "wang"), person(sink, "boss", role="site_manager")]
        pool.submit(lambda: asyncio.run(staff(database, people, [on_duty("wang")], PLAN, SITE))).result()
        apply_site(
            database, SITE, SiteConfig(version=1, display_name="东门工地"), {("crane", name): CAB for name in CRANES}
        )
        made = Stack(rumqttd_server.settings(), database, tmp_path_factory.mktemp("proofs"), sink)
        try:
            yield made
        finally:
            made.end()
    postgres_server.drop(database)


@contextlib.asynccontextmanager
async def crane(stack: Stack, name: str) -> AsyncIterator[tuple[Standing, Cab]]:
    """A crane with its box and its terminal, watched."""
    station, counts = Standing(name), Counts()
    with Journal(stack.folder / f"{name}.db") as journal:
        device = Device(
            SITE, station, CAB, stack.mqtt, journal, Boots(1, 1, name), frame_s=INTERVAL_S, samples_per_frame=1,
            counts=counts,
        )  # fmt: skip
        journal.begin_run(1)
        device.begin()
        cab = Cab(stack.mqtt, name)
        async with connected(cab.link), asyncio.TaskGroup() as tasks:
            running = [tasks.create_task(device.run(), name="box"), tasks.create_task(cab.run(), name="cab")]
            running.append(tasks.create_task(_measure(device, station), name="measure"))
            known = f"/devices?site={SITE}&device={name}"
            await until(stack.up, 30, stack.said)
            await until(lambda: any(one["coverage"] for one in stack.ask("GET", known)["items"]), 20, stack.said)
            await until(lambda: _registered(stack, name), 20, stack.said)
            try:
                yield station, cab
            finally:
                device.vanish()
                for task in running[1:]:
                    task.cancel()
                await asyncio.wait({running[0]}, timeout=5)


def _registered(stack: Stack, name: str) -> bool:
    return fetch(stack.database, "SELECT presence ->> 'proof' FROM device WHERE device = %s", name) == [("true",)]


async def _measure(device: Device, station: Standing) -> None:
    begun = now_ms()
    station._start_ms = begun
    while True:
        device.produce((now_ms() - begun) / 1000)
        device._journal.commit()
        device.offer()
        await asyncio.sleep(INTERVAL_S)


async def test_it_goes_the_whole_way_and_its_latency_is_kept(stack: Stack) -> None:
    async with crane(stack, "whole") as (_, cab):
        asked = await stack.order("whole", told=False)
        assert asked["state"] == "asked", "the operator begins it"
        await until(lambda: "asked" in cab.states)
        cab.answer(Action.BEGIN_TEST)
        await until(lambda: stack.acknowledge("whole"), 20, stack.said)
        test = await stack.outcome("whole")
        assert (test["outcome"], test["failed_link"]) == ("passed", None), test
        assert [one["link"] for one in test["links"]] == [
            "accepted", "stored", "raised", "delivered", "rendered", "notified", "confirmed", "acknowledged",
        ]  # fmt: skip
        assert test["begun_by"] == "op-7"
        assert 0 < test["latency_s"] < 5
        by = {one["link"]: one["who"] for one in test["links"]}
        assert (by["confirmed"], by["rendered"], by["notified"]) == ("op-7", "t-1", "wang/push-0")
        assert by["acknowledged"] == "key:wang"
        (title,) = stack.sink.titles("wang")
        assert title.startswith("【测试】")
        assert "[TEST]" in title
        assert stack.sink.paths["boss"] == 0, "a test goes up no ladder"
        assert fetch(stack.database, "SELECT 1 FROM escalation WHERE rule LIKE 'proof%%'") == []
        test_alarm = next(one for one in cab.alarms if one.rule == "proof_test")
        assert test_alarm.cab == "test"


async def test_with_a_dead_terminal_it_fails_there_and_that_is_an_alarm_until_one_passes(stack: Stack) -> None:
    async with crane(stack, "dark") as (_, cab):
        cab.dead = True
        await stack.order("dark")
        test = await stack.outcome("dark")
        assert (test["outcome"], test["failed_link"]) == ("failed", "delivered"), test
        failed = "SELECT state FROM alarm JOIN device USING (device_id) WHERE device = 'dark' AND rule = 'proof_failed'"
        await until(lambda: fetch(stack.database, failed) == [("unacknowledged",)], 20, stack.said)
        cab.dead = False
        await stack.order("dark")
        await until(lambda: stack.acknowledge("dark"), 60, stack.said)
        test = await stack.outcome("dark")
        assert test["outcome"] == "passed", test
        await until(lambda: fetch(stack.database, failed) == [("returned_unacknowledged",)], 20, stack.said)


async def test_with_a_load_on_the_hook_it_is_refused_and_nothing_sounds(stack: Stack) -> None:
    async with crane(stack, "laden") as (station, cab):
        station.load_t = 1.5
        await stack.order("laden")
        test = await stack.outcome("laden")
        assert (test["outcome"], test["words"]["en"]) == ("refused", "refused, a load on the hook")
        assert [one for one in cab.alarms if one.cab == "test"] == []
        assert "refused" in cab.states


async def test_a_real_overload_is_shown_at_once_and_interrupts_it(stack: Stack) -> None:
    async with crane(stack, "real") as (station, cab):
        cab.taps = False
        await stack.order("real")
        await until(lambda: any(one.cab == "test" for one in cab.alarms), 20, stack.said)
        station.load_t = 5.2
        await until(lambda: any(one.cab == "continuous" for one in cab.alarms), 20, stack.said)
        test = await stack.outcome("real")
        assert test["outcome"] == "interrupted", test
        loud = next(one for one in cab.alarms if one.cab == "continuous")
        shown = "SELECT 1 FROM shown WHERE transition_id = %s AND stage = 'rendered'"
        await until(lambda: fetch(stack.database, shown, loud.transition))
