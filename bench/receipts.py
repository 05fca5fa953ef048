"""
From a box's publish to the alarm on the cab's screen: the receipt chain, with the terminal's page in a real browser.

The real analyzer, the real page in Chromium (drawn, not hidden), four cranes and a page each, on the embedded broker
and on Mosquitto in turn. Each crane goes over its rated moment again and again. The clock runs from the publish of the
frame that completed an alarm's condition (its cause) to the transition at another MQTT client, to the page's receipt
that its client has it (delivered), and to the receipt that it stands on the screen (rendered: from the animation frame
after the one that drew it). Receipts carry the page's own time, in whole milliseconds, on the same machine.
"""

import asyncio
import json
import shutil
import sys
import tempfile
import time
from collections import defaultdict
from pathlib import Path
from typing import Any

from playwright.async_api import Page, async_playwright

from runtime.embedded.ports import free_port
from telemetry.broker import Arrival, Link, connected
from telemetry.model import Signal, Stage
from telemetry.settings import MqttSettings
from telemetry.wire import payloads
from tests.browser.conftest import ARGUMENTS
from tests.browser.opening import LOST, PLAYING
from tests.browser.spoken import CHART
from tests.fix_broker import Mosquitto, Rumqttd
from tests.helpers.api import ApiProcess
from tests.helpers.services import end, environment, start

SITE = "bench"
CRANES = 4
SECONDS = 90
EVERY_S = 0.2  # a frame of each crane
OVER, CYCLE = 6, 14  # frames above the rated moment, of so many


def wall_ms() -> float:
    """Milliseconds since 1970, as a page counts them."""
    return time.time_ns() / 1e6  # noqa: TID251 - a measurement


class Chain:
    """What was published, and how far each transition came."""

    def __init__(self) -> None:
        self.lifting = False
        self.sent: dict[tuple[str, int], float] = {}  # (crane, seq)
        self.raised: dict[str, tuple[float, float]] = {}  # transition: publish of its cause, arrival here
        self.shown: dict[Stage, dict[str, float]] = defaultdict(dict)

    def hear(self, arrival: Arrival) -> None:
        """A transition or a receipt."""
        now = wall_ms()
        if arrival.topic.endswith("/down/transition"):
            said = payloads.decode(payloads.Transition, arrival.payload)
            sent = self.sent.get((said.device, said.cause.seq or 0))
            # What is the desk's business only does not come on the cab's screen.
            if said.rule == "moment" and said.signal is Signal.RAISE and sent is not None:
                self.raised[said.id] = sent, now
            return
        told = payloads.decode(payloads.Shown, arrival.payload)
        if told.transition is not None:
            self.shown[told.stage].setdefault(told.transition, float(told.at))

    def figures(self) -> dict[str, Any]:
        """Percentiles in ms, and what never came."""
        steps = {"transition": [now - sent for sent, now in self.raised.values()]}
        for stage in Stage:
            came = self.shown[stage]
            steps[str(stage)] = [came[id_] - sent for id_, (sent, _) in self.raised.items() if id_ in came]
        found: dict[str, Any] = {"alarms": len(self.raised)}
        for name, values in steps.items():
            ordered = sorted(values)
            found[name] = {
                "n": len(ordered),
                **{f"p{p}_ms": round(ordered[int(p / 100 * (len(ordered) - 1))], 1) for p in (50, 99) if ordered},
                "max_ms": round(ordered[-1], 1) if ordered else None,
            }
        return found


async def _introduce(link: Link, crane: str) -> None:
    base = f"cw/v1/{SITE}/crane/{crane}"
    config = payloads.DeviceConfig(
        version=1, display_name=crane, charts=[CHART], cab_sound="all", interval_ms=200, jib_m=50.0, mast_m=45.0,
        terminal="cab",
    )  # fmt: skip
    presence = payloads.Presence(online=True, boot=f"boot-{crane}", interval_ms=200)
    await link.publish(f"{base}/down/config", payloads.encode(config), retain=True)
    await link.publish(f"{base}/up/presence", payloads.encode(presence), retain=True)


async def _lift(link: Link, crane: str, chain: Chain, over: asyncio.Event, phase: int) -> None:
    """One crane: frames five times a second, over its moment for a while and then not."""
    seq, due = 0, time.monotonic()
    while not over.is_set():
        seq += 1
        load = 2.9 if chain.lifting and (seq + phase) % CYCLE < OVER else 0.05  # of 2.57 t at 36.4 m
        body = {"boot": f"boot-{crane}", "seq": seq, "ts": int(wall_ms()), "load_t": load, "radius_m": 36.4, "falls": 2,
                "hook_m": 20.0, "slew_deg": 10.0, "wind_mps": 4.0, "mode": "working", "power_ok": True}  # fmt: skip
        chain.sent[crane, seq] = wall_ms()
        await link.publish(f"cw/v1/{SITE}/crane/{crane}/up/reading", json.dumps(body).encode())
        due += EVERY_S
        await asyncio.sleep(max(0.0, due - time.monotonic()))


async def _begin(page: Page, url: str) -> None:
    """Open a terminal and begin the shift, as an operator does, with the test sounds cut short."""
    await page.goto(url)
    await page.wait_for_function(f"{LOST} === null", timeout=60_000)
    await page.click("#begin")
    await page.wait_for_function("cranewatch.horn.testing")
    await page.evaluate("cranewatch.horn.testing = false")
    await page.wait_for_function(f"{PLAYING} === 'none'")
    await page.click("#done")


async def _measure(mqtt: MqttSettings, url: str) -> dict[str, Any]:
    chain, over = Chain(), asyncio.Event()
    cranes = [f"crane-{n + 1}" for n in range(CRANES)]
    base = f"cw/v1/{SITE}/+/+"
    filters = [(f"{base}/down/transition", 1), (f"{base}/up/shown", 1)]
    hearing = Link(mqtt, "bench-hear", filters=filters, on_arrival=chain.hear)
    saying = Link(mqtt, "bench-say", filters=(), on_arrival=lambda _: None)
    async with connected(hearing), connected(saying), async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=shutil.which("chromium"), args=ARGUMENTS)
        for crane in cranes:
            await _introduce(saying, crane)
        async with asyncio.TaskGroup() as tasks:
            lifting = [
                tasks.create_task(_lift(saying, crane, chain, over, 4 * n), name=f"bench.{crane}")
                for n, crane in enumerate(cranes)
            ]
            for crane in cranes:
                context = await browser.new_context(viewport={"width": 1280, "height": 800})
                await _begin(await context.new_page(), f"{url}/terminal/{SITE}/{crane}")
            sys.stderr.write(f"  {CRANES} terminals stand, {SECONDS} s of lifts ...\n")
            chain.lifting = True
            await asyncio.sleep(SECONDS)
            over.set()
            await asyncio.gather(*lifting)
            await asyncio.sleep(1)
        await browser.close()
    return chain.figures()


def _round(broker: Mosquitto | Rumqttd) -> dict[str, Any]:
    broker.start()
    with tempfile.TemporaryDirectory() as folder:
        mqtt = broker.settings()
        env = environment(
            mqtt,
            CRANEWATCH_ANALYZER__FOLDER=str(Path(folder) / "analyzer"),
            CRANEWATCH_PARTITION__CLAIM_WAIT_S="0.1",
            CRANEWATCH_METRICS_PORT=str(free_port()),
        )
        analyzer = start("analytics", env, log=Path(folder) / "analyzer.log")
        try:
            with ApiProcess(mqtt, console=False) as api:
                return asyncio.run(_measure(mqtt, api.url))
        finally:
            end(analyzer)
            broker.stop()


def measure() -> dict[str, Any]:
    """One round on each broker."""
    return {"cranes": CRANES, "seconds": SECONDS, "embedded": _round(Rumqttd()), "mosquitto": _round(Mosquitto())}
