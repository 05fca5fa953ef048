"""
A small site spoken into a real broker: boxes that read, an analyzer that watches, both under the test's control.

It is honest about the wire (topics, payloads, retained flags, digests) and about nothing else: alarms are what the
test says, not what an engine found.
"""

import asyncio
import contextlib
import json
import math
import threading
import time
from collections.abc import Callable, Coroutine
from concurrent.futures import Future
from typing import Any, TypeVar

from telemetry.broker import Arrival, Link, connected
from telemetry.clock import now_ms
from telemetry.errors import BrokerUnavailable
from telemetry.model import CoverageLevel, Hazard, Severity, State
from telemetry.settings import MqttSettings
from telemetry.wire import payloads

T = TypeVar("T")
CHART = payloads.Chart(
    falls=2, points=[(2.5, 6.0), (17.5, 6.0), (25.0, 3.9), (30.0, 3.2), (36.0, 2.6), (40.0, 2.3), (50.0, 1.7)]
)
WATCHED = (Hazard.LOAD, Hazard.MOMENT, Hazard.WIND, Hazard.TILT, Hazard.LIMITS, Hazard.IDENTITY)
UNWATCHED = (Hazard.ZONES, Hazard.ANTI_COLLISION)
BAY = (Hazard.FORCE, Hazard.SETTLEMENT, Hazard.SHIFT, Hazard.TILT)


class SpokenSite:
    """One site. Start it with `with`; every call returns when the broker has acknowledged."""

    def __init__(
        self, settings: MqttSettings, site: str, *, cranes: int = 1, posts: int = 0, cab_sound: str = "all",
        pours: list[payloads.Pour] | None = None, proof: bool = False,
    ) -> None:  # fmt: skip
        self.settings = settings
        self.site = site
        self.cab_sound = cab_sound
        self.proof = proof  # its boxes have a test channel
        self.pours = pours or []
        self.keys = [("crane", f"crane-{n + 1}") for n in range(cranes)]
        self.keys += [("formwork", f"post-{n + 1:02}") for n in range(posts)]
        self.readings: dict[str, dict[str, Any]] = {
            device: self._first(kind, n) for n, (kind, device) in enumerate(self.keys)
        }
        self.alarms: dict[tuple[str, str, str], payloads.Alarm] = {}
        self.beating = True
        self.reading = True
        self.heard: list[tuple[str, dict[str, Any]]] = []  # (topic, payload) under up/shown and up/response
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="spoken-site")
        self._link: Link | None = None
        self._stop = asyncio.Event()

    def _first(self, kind: str, n: int) -> dict[str, Any]:
        if kind == "crane":
            return {
                "load_t": 0.05, "radius_m": 36.4, "hook_m": 31.2, "slew_deg": 120.0 * n, "falls": 2, "wind_mps": 6.5,
                "wind_deg": 210, "tilt_x_deg": 0.11, "tilt_y_deg": -0.08, "battery_pct": 97, "power_ok": True,
                "mode": "working", "operator": f"op-{n + 7}", "limits": 0,
            }  # fmt: skip
        return {
            "force_kn": 8.2 + 0.1 * n, "settle_mm": 2.1 + 0.1 * n, "shift_x_mm": 0.4, "shift_y_mm": 0.3,
            "tilt_x_deg": 0.05, "tilt_y_deg": 0.02, "battery_pct": 88, "power_ok": True, "pouring": True,
        }  # fmt: skip

    def __enter__(self) -> "SpokenSite":
        self._thread.start()
        ready = threading.Event()
        self._main: Future[None] = asyncio.run_coroutine_threadsafe(self._run(ready), self._loop)
        if not ready.wait(15):
            raise TimeoutError("the spoken site did not reach the broker")
        return self

    def __exit__(self, *_: object) -> None:
        self._loop.call_soon_threadsafe(self._stop.set)
        self._main.result(30)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(10)
        self._loop.close()

    def do(self, work: Coroutine[Any, Any, T]) -> T:
        """Run something on the site's own loop and wait for it."""
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(10)

    def publish(self, topic: str, payload: bytes, *, retain: bool = False) -> None:
        """Publish at QoS 1."""
        assert self._link is not None
        self.do(self._link.publish(topic, payload, retain=retain))

    def alarm(
        self, rule: str, transition: str, severity: Severity, cab: str, *, device: str = "crane-1", **more: Any
    ) -> None:
        """An alarm, as the analyzer would publish it."""
        kind = self._kind(device)
        at = more.pop("at", now_ms())
        fields: dict[str, Any] = {
            "rule": rule, "transition": transition, "state": State.UNACKNOWLEDGED, "severity": severity,
            "active": True, "since": at, "at": at, "cab": cab, "desk": "unacknowledged", **more,
        }  # fmt: skip
        alarm = payloads.Alarm(**fields)
        self.alarms[(kind, device, rule)] = alarm
        self.publish(self._topic(kind, device, f"down/alarm/{rule}"), payloads.encode(alarm), retain=True)

    def clear(self, rule: str, *, device: str = "crane-1") -> None:
        """The alarm is normal again."""
        kind = self._kind(device)
        del self.alarms[(kind, device, rule)]
        self.publish(self._topic(kind, device, f"down/alarm/{rule}"), b"", retain=True)

    def wait_heard(
        self, wanted: Callable[[str, dict[str, Any]], bool], timeout: float = 5.0
    ) -> tuple[str, dict[str, Any]]:
        """The first message heard that is wanted. Raises TimeoutError."""
        deadline = time.monotonic() + timeout
        while time.monotonic() < deadline:
            for topic, payload in list(self.heard):
                if wanted(topic, payload):
                    return topic, payload
            time.sleep(0.02)
        raise TimeoutError(f"not heard within {timeout} s; heard {len(self.heard)} others")

    def _kind(self, device: str) -> str:
        """The kind of a device of ours; the analyzer speaks of itself as p0."""
        return next((kind for kind, name in self.keys if name == device), "analyzer")

    def _topic(self, kind: str, device: str, tail: str) -> str:
        return f"cw/v1/{self.site}/{kind}/{device}/{tail}"

    def _hear(self, arrival: Arrival) -> None:
        self.heard.append((arrival.topic, json.loads(arrival.payload)))

    async def _run(self, ready: threading.Event) -> None:
        base = f"cw/v1/{self.site}"
        link = Link(
            self.settings, f"spoken-{self.site}",
            filters=[(f"{base}/+/+/up/shown", 1), (f"{base}/+/+/up/response", 1)], on_arrival=self._hear,
            on_up=self._introduce,
        )  # fmt: skip
        async with connected(link):
            self._link = link
            async with asyncio.TaskGroup() as tasks:
                beating = tasks.create_task(self._beat(link), name="spoken.beat")
                reading = tasks.create_task(self._read(link), name="spoken.read")
                ready.set()
                await self._stop.wait()
                beating.cancel()
                reading.cancel()

    async def _introduce(self, link: Link) -> None:
        site = payloads.SiteConfig(version=1, display_name="示范工地 Demo site", pours=self.pours)
        await link.publish(f"cw/v1/{self.site}/config", payloads.encode(site), retain=True)
        for n, (kind, device) in enumerate(self.keys):
            if kind == "crane":
                config = payloads.DeviceConfig(
                    version=1, display_name=f"{n + 1}#塔机", charts=[CHART], cab_sound=self.cab_sound, interval_ms=200,
                    property_no="川A-2024-0117", registration_no="成塔-0032", jib_m=50.0, mast_m=45.0,
                    position_m=(70.0 * n, 10.0 * n), slew_zero_deg=0.0,
                )  # fmt: skip
                hazards = {hazard: payloads.HazardCoverage(level=CoverageLevel.MONITORED) for hazard in WATCHED}
                why = payloads.Words(zh="本版本不计算", en="not computed in this version")
                for hazard in UNWATCHED:
                    hazards[hazard] = payloads.HazardCoverage(level=CoverageLevel.NOT_MONITORED, reason=why)
            else:
                config = payloads.DeviceConfig(
                    version=1, display_name=f"{device[-2:]} 号立杆", bay="A", design_force_kn=12.0, interval_ms=1000,
                    cab_sound="all",
                )  # fmt: skip
                hazards = {hazard: payloads.HazardCoverage(level=CoverageLevel.MONITORED) for hazard in BAY}
            interval = config.interval_ms
            presence = payloads.Presence(
                online=True, boot=f"boot-{self.site}-{n:04}"[:32], interval_ms=interval, proof=self.proof
            )
            coverage = payloads.Coverage(
                at=now_ms(), level=CoverageLevel.MONITORED, hazards=hazards, stale_after_ms=3 * interval
            )
            await link.publish(self._topic(kind, device, "down/config"), payloads.encode(config), retain=True)
            await link.publish(self._topic(kind, device, "up/presence"), payloads.encode(presence), retain=True)
            await link.publish(self._topic(kind, device, "down/coverage"), payloads.encode(coverage), retain=True)

    def heartbeat(self) -> payloads.Heartbeat:
        """The heartbeat for the alarms of this moment."""
        devices: dict[str, list[str]] = {}
        for (_, device, _), alarm in self.alarms.items():
            devices.setdefault(device, []).append(alarm.transition)
        every = [alarm.transition for alarm in self.alarms.values()]
        return payloads.Heartbeat(
            partition=0, version="test", at=now_ms(), active=len(every), digest=payloads.digest(every),
            devices={device: (len(ids), payloads.digest(ids)) for device, ids in devices.items()},
        )  # fmt: skip

    # Both loops look at `_stop` themselves: up to Python 3.11 asyncio.wait_for, under a publish, can swallow the
    # cancellation when the broker's answer comes at the same moment (bpo-37658).
    async def _beat(self, link: Link) -> None:
        while not self._stop.is_set():
            if self.beating:
                with contextlib.suppress(BrokerUnavailable):
                    await link.publish(f"cw/v1/{self.site}/heartbeat", payloads.encode(self.heartbeat()), qos=0)
            await asyncio.sleep(1)

    async def _read(self, link: Link) -> None:
        seq = 0
        while not self._stop.is_set():
            seq += 1
            if self.reading:
                for n, (kind, device) in enumerate(self.keys):
                    values = dict(self.readings[device])
                    if kind == "crane":
                        values["wind_mps"] = round(values["wind_mps"] + 1.5 * math.sin(seq / 7 + n), 1)
                        values["slew_deg"] = round(values["slew_deg"] + 0.2 * seq, 1)
                    frame = {"boot": f"boot-{self.site}-{n:04}"[:32], "seq": seq, "ts": now_ms(), **values}
                    with contextlib.suppress(BrokerUnavailable):
                        await link.publish(self._topic(kind, device, "up/reading"), json.dumps(frame).encode())
            await asyncio.sleep(0.2)
