"""
How much 5 % poison costs the good frames: from publish to their alarm at a terminal, with and without, in turn.

A real broker (Mosquitto, our settings) and the real analyzer. Cranes send good frames at a steady rate; every so often
one of them raises an alarm, and what is measured is the time from its publish to the transition. In the poisoned rounds
one message in twenty is garbage, a bomb, deeply nested or of a wrong topic.
"""

import asyncio
import json
import os
import statistics
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from telemetry.broker import Arrival, Link, connected
from telemetry.consumer import Consumer
from telemetry.settings import MqttSettings
from telemetry.wire import payloads
from tests.fix_broker import Mosquitto
from tests.fuzz import corpus
from tests.helpers.services import end, environment, start

RATE = 400  # good frames a second
SECONDS = 8
ROUNDS = 4  # of each
POISON = 20  # one message in so many
ALARMED = 16  # one frame in so many is an alarm's
SITE = "bench"


class Terminal:
    """When the transition of which device came."""

    def __init__(self) -> None:
        self.at: dict[str, float] = {}

    def hear(self, arrival: Arrival) -> None:
        now = time.monotonic()
        said = payloads.decode(payloads.Transition, arrival.payload)
        if said.rule == "moment":
            self.at.setdefault(said.device, now)


def poison() -> list[tuple[str, bytes]]:
    """What is thrown in, in turn."""
    good = f"cw/v1/{SITE}/crane/c-0/up/reading"
    found = [(good, body) for body in corpus.bodies() if len(body) <= 65_536]
    found += [(f"cw/v1/{SITE}/submarine/c-0/up/reading", b"{}"), (f"cw/v1/{SITE}/crane/c-0/up/nonsense", b"\xff" * 100)]
    found += [(good, b"\xff" * 65_536), (good, b'{"x":' + b"[" * 60_000), (good, b" " * 65_536)]
    return [(topic, body) for topic, body in found if body]


async def _round(publisher: Consumer, terminal: Terminal, number: int, *, poisoned: bool) -> list[float]:
    """Latencies in ms of the alarms of one round."""
    bad = poison()
    sent: dict[str, float] = {}
    began = time.monotonic()
    total = RATE * SECONDS
    for n in range(total):
        due = began + n / RATE
        if n % 10 == 0 and (wait := due - time.monotonic()) > 0:
            await asyncio.sleep(wait)
        if poisoned and n % POISON == 0:
            publisher.publish(*bad[n // POISON % len(bad)])
        loud = n % ALARMED == 5
        name = f"r{number}-{n}" if loud else f"c-{n % 50}"
        body = {"boot": f"boot-{number:08d}", "seq": n + 1, "ts": time.time_ns() // 1_000_000,  # noqa: TID251
                "load_t": 4.5 if loud else 1.0, "rated_load_t": 3.6, "radius_m": 30.0, "wind_mps": 4.0}  # fmt: skip
        if loud:
            sent[name] = time.monotonic()
        publisher.publish(f"cw/v1/{SITE}/crane/{name}/up/reading", json.dumps(body).encode())
    deadline = time.monotonic() + 30
    while any(name not in terminal.at for name in sent) and time.monotonic() < deadline:  # noqa: ASYNC110 - a measurement
        await asyncio.sleep(0.05)
    missing = sum(name not in terminal.at for name in sent)
    if missing:
        raise RuntimeError(f"{missing} alarms of {len(sent)} never came")
    return [1000 * (terminal.at[name] - at) for name, at in sent.items()]


def _p(values: list[float], share: float) -> float:
    return round(sorted(values)[int(share * (len(values) - 1))], 2)


async def _measure(mqtt: MqttSettings, log: Path) -> dict[str, Any]:
    terminal = Terminal()
    publisher = Consumer(mqtt, f"bench-{os.getpid()}", ["cw/v1/_own/bench"], session_expiry_s=0)
    link = Link(mqtt, "terminal", filters=[(f"cw/v1/{SITE}/+/+/down/transition", 1)], on_arrival=terminal.hear)
    rounds: dict[bool, list[list[float]]] = {False: [], True: []}
    async with connected(link), asyncio.TaskGroup() as tasks:
        running = tasks.create_task(publisher.run(), name="bench.publish")
        await publisher.linked()
        # What is published before the analyzer has its session is nobody's.
        while "connected, session" not in log.read_text():  # noqa: ASYNC110, ASYNC240 - another process, a measurement
            await asyncio.sleep(0.1)
        await asyncio.sleep(1)
        for number in range(2 * ROUNDS):
            poisoned = number % 2 == 1
            found = await _round(publisher, terminal, number, poisoned=poisoned)
            rounds[poisoned].append(found)
            words = "poisoned" if poisoned else "clean"
            sys.stderr.write(
                f"  round {number + 1}/{2 * ROUNDS}, {words}: p50 {_p(found, 0.5)}, p99 {_p(found, 0.99)} ms\n"
            )
        await publisher.close()
        await running
    figures: dict[str, Any] = {"rate": RATE, "seconds": SECONDS, "rounds": ROUNDS, "poison_share": 1 / POISON}
    for poisoned, name in ((False, "clean"), (True, "poisoned")):
        figures[f"{name}_p50_ms"] = round(statistics.median(_p(one, 0.5) for one in rounds[poisoned]), 2)
        figures[f"{name}_p99_ms"] = [_p(one, 0.99) for one in rounds[poisoned]]
    clean, dirty = (statistics.median(figures[f"{name}_p99_ms"]) for name in ("clean", "poisoned"))
    return {**figures, "p99_ratio": round(dirty / clean, 2)}


def measure() -> dict[str, Any]:
    """Rounds of both in turn, on one broker and one analyzer."""
    server = Mosquitto()
    server.start()
    with tempfile.TemporaryDirectory() as folder:
        mqtt = server.settings()
        env = environment(mqtt, CRANEWATCH_ANALYZER__FOLDER=folder, CRANEWATCH_LOG__LEVEL="info")
        log = Path(folder) / "analyzer.log"
        process = start("analytics", env, log=log)
        try:
            return asyncio.run(_measure(mqtt, log))
        finally:
            end(process)
            server.stop()
