"""
The boxes of a campaign on the broker, in a process of their own: `python -m runtime.chaos.fleet FOLDER`.

Each has a journal (`simulators.journal`, SQLite) that knows nothing of ingest, and obeys the contract's resend rule
(`simulators.resend`); those of habit `plain` keep none and forget a frame when the broker has acknowledged it. Orders
come in as lines of JSON on stdin, a line of JSON on stdout says twice a second how things stand.

Rule 1: a frame is committed to the journal before it is published.
Rule 2: no box sends anything again because time has passed.
"""

import asyncio
import contextlib
import json
import logging
import sys
import time
from collections import deque
from hashlib import sha256
from pathlib import Path
from random import Random
from typing import Any, Final

import msgspec

from runtime.chaos.boxes import SITE, Box, Habit, Spec, fleet
from runtime.chaos.plan import Options
from simulators.journal import Journal
from simulators.resend import Outstanding, Run
from telemetry.clock import now_ms
from telemetry.consumer import Consumer
from telemetry.errors import WireError
from telemetry.settings import MqttSettings
from telemetry.tasks import spawn
from telemetry.wire import payloads, topics
from telemetry.wire.payloads import Presence, Receipt
from telemetry.wire.topics import Lane, Leaf

TICK_S: Final = 0.02
STATUS_S: Final = 0.5
SETTLE_S: Final = 0.5  # after a connect: the retained receipt arrives before anything is sent again
LATE_FACTOR: Final = 4.0
COPIES: Final = 5
JOURNAL: Final = "journal.sqlite"
GARBAGE: Final = "garbage.jsonl"  # malformed messages that no receipt can name
ORDERS: Final = "orders.json"


class Orders(msgspec.Struct):
    """What the process is started with."""

    options: Options
    port: int


class Device:
    """One box on the broker."""

    def __init__(self, spec: Spec, mqtt: MqttSettings, journal: Journal, began_ms: int) -> None:
        self.spec = spec
        self.box = Box(spec, began_ms)
        self.outstanding = Outstanding()
        self.garbage: list[dict[str, Any]] = []
        self.unacknowledged = 0  # of a plain box, and of malformed messages
        self.up = False
        self._key = (SITE, spec.kind, spec.device)
        self._topics = {lane: topics.build(*self._key, lane, Leaf.READING) for lane in (Lane.UP, Lane.LATE)}
        self._mqtt = mqtt
        self._journal = journal
        self._consumer: Consumer | None = None
        self._wire = asyncio.Event()
        self._wire.set()
        self._cut = asyncio.Event()
        self._late_work = asyncio.Event()
        self._random = Random(f"hold-{spec.seed}")  # noqa: S311 - a plan, not a secret
        self._held: deque[tuple[int, bytes]] = deque()
        self._release = 0.0
        self._swapped: tuple[int, bytes] | None = None
        journal.begin_boot(*self._key, spec.boot)

    # Producing

    def backlog(self) -> int:
        """Put hours of frames into the journal that were never sent."""
        number = 0
        for seq, payload in self.box.backlog():
            self._journal.add(*self._key, self.spec.boot, seq, payload)
            self.outstanding.add(self.spec.boot, seq)
            number += 1
        return number

    def keep(self) -> tuple[int, bytes]:
        """The next frame, into the journal."""
        seq, payload = self.box.frame()
        self._journal.add(*self._key, self.spec.boot, seq, payload)
        if self.spec.habit is not Habit.PLAIN:
            self.outstanding.add(self.spec.boot, seq)
        return seq, payload

    def offer(self, seq: int, payload: bytes, now: float) -> None:
        """A frame that the journal has: send it live, or as this box' habit will have it."""
        if self.spec.habit is Habit.SHUFFLE:
            self._held.append((seq, payload))
            if now >= self._release:
                self.release()
                self._release = now + self._random.uniform(0.0, 2.0)
        elif self.spec.habit is Habit.SWAP and seq % 10 == 0 and self._swapped is None:
            self._swapped = (seq, payload)
        else:
            self._send(seq, payload)
            if self._swapped is not None:
                self._send(*self._swapped)
                self._swapped = None

    def release(self) -> None:
        """Let go what was held back."""
        while self._held:
            self._send(*self._held.popleft())
        if self._swapped is not None:
            self._send(*self._swapped)
            self._swapped = None

    def _send(self, seq: int, payload: bytes) -> None:
        consumer = self._consumer
        if consumer is None or not consumer.link:
            return  # it stays in the journal; a plain box has lost it
        at = time.monotonic_ns()
        for _ in range(COPIES if self.spec.habit is Habit.DUPLICATES else 1):
            future = consumer.publish(self._topics[Lane.UP], payload)
            self._journal.sent(*self._key, self.spec.boot, seq, Lane.UP.value, at)
        if self.spec.habit is Habit.PLAIN:
            self.unacknowledged += 1
            future.add_done_callback(lambda done: self._acknowledged(done, seq))

    def _acknowledged(self, done: "asyncio.Future[None]", seq: int) -> None:
        self.unacknowledged -= 1
        if not done.cancelled() and done.exception() is None:
            self._journal.settle(*self._key, [Run(self.spec.boot, seq, seq)])

    def flood(self) -> None:
        """One malformed message: into the journal where a receipt can name it, else into the list of garbage."""
        seq, payload = self.box.malformed()
        if seq:
            self._journal.add(*self._key, self.spec.boot, seq, payload)
            self.outstanding.add(self.spec.boot, seq)
            self._journal.commit()
            self._send(seq, payload)
            return
        consumer = self._consumer
        if consumer is None or not consumer.link:
            return
        note = {"sha256": sha256(payload).hexdigest(), "at": time.monotonic_ns(), "acknowledged": False}
        self.garbage.append(note)
        self.unacknowledged += 1
        consumer.publish(self._topics[Lane.UP], payload).add_done_callback(lambda done: self._garbage_in(done, note))

    def _garbage_in(self, done: "asyncio.Future[None]", note: dict[str, Any]) -> None:
        self.unacknowledged -= 1
        note["acknowledged"] = not done.cancelled() and done.exception() is None

    # The network

    async def run(self) -> None:
        """Be connected unless cut off, until cancelled."""
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._send_late(), name=f"{self.spec.client}.late")
            while True:
                await self._wire.wait()
                await self._connected()

    async def lose_link(self, seconds: float) -> None:
        """Be without a link for so long, as behind a cut cable."""
        self._wire.clear()
        self._cut.set()
        await asyncio.sleep(seconds)
        self._cut.clear()
        self._wire.set()

    async def _connected(self) -> None:
        consumer = Consumer(
            self._mqtt, self.spec.client, [topics.build(*self._key, Lane.DOWN, Leaf.RECEIPT)],
            session_expiry_s=0, on_link=lambda _: self._linked(),
        )  # fmt: skip
        self._consumer = consumer
        running = spawn(consumer.run(), name=f"{self.spec.client}.link")
        listening = spawn(self._listen(consumer), name=f"{self.spec.client}.listen")
        cut = spawn(self._cut.wait(), name=f"{self.spec.client}.cut")
        try:
            await asyncio.wait({running, cut}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            self._consumer = None
            for task in (running, listening, cut):
                task.cancel()
            await asyncio.wait({running, listening, cut})

    def _linked(self) -> None:
        consumer = self._consumer
        if consumer is None:
            return
        birth = Presence(online=True, boot=self.spec.boot, ts=now_ms(), interval_ms=self.spec.interval_ms)
        asyncio.get_running_loop().call_soon(self._born, consumer, payloads.encode(birth))

    def _born(self, consumer: Consumer, birth: bytes) -> None:
        if consumer is not self._consumer or not consumer.link:
            return
        consumer.publish(topics.build(*self._key, Lane.UP, Leaf.PRESENCE), birth, retain=True)
        self.up = True
        self.outstanding.reconnected()
        asyncio.get_running_loop().call_later(SETTLE_S, self._late_work.set)

    async def _listen(self, consumer: Consumer) -> None:
        while True:
            batch = await consumer.batch()
            for message in batch.messages:
                with contextlib.suppress(WireError):
                    receipt = payloads.decode(Receipt, message.payload) if message.payload else None
                    if receipt is not None and self.spec.habit is not Habit.PLAIN:
                        self._journal.settle(*self._key, self.outstanding.receive(receipt))
            consumer.acknowledge(batch)
            if self.outstanding.due:
                self._late_work.set()

    async def _send_late(self) -> None:
        while True:
            await self._late_work.wait()
            self._late_work.clear()
            while (consumer := self._consumer) is not None and consumer.link:
                key = self.outstanding.take()
                if key is None:
                    break
                payload = self._journal.payload(*self._key, *key)
                if payload is not None:
                    copies = COPIES if self.spec.habit is Habit.DUPLICATES else 1
                    for _ in range(copies):
                        consumer.publish(self._topics[Lane.LATE], payload)
                        self._journal.sent(*self._key, *key, Lane.LATE.value, time.monotonic_ns())
                await asyncio.sleep(self.spec.frame_s / LATE_FACTOR)


class Play:
    """All devices of a campaign."""

    def __init__(self, orders: Orders, folder: Path, journal: Journal) -> None:
        self._orders = orders
        self._folder = folder
        self._journal = journal
        mqtt = MqttSettings(host="127.0.0.1", port=orders.port, port_v3=orders.port)
        began = now_ms()
        self.devices = [Device(spec, mqtt, journal, began) for spec in fleet(orders.options)]
        self.produced = 0
        self._producing = True
        self._flooding = 0.0  # messages a second
        self._flooded = 0.0
        self._ended = asyncio.Event()

    async def run(self) -> None:
        """Connect, produce and send until told to end."""
        for device in self.devices:
            if device.spec.habit is Habit.BACKFILL:
                self.produced += device.backlog()
        self._journal.commit()
        async with asyncio.TaskGroup() as tasks:
            work = [tasks.create_task(device.run(), name=f"{device.spec.client}.run") for device in self.devices]
            work.append(tasks.create_task(self._produce(), name="fleet.produce"))
            work.append(tasks.create_task(self._status(), name="fleet.status"))
            work.append(tasks.create_task(self._listen(), name="fleet.orders"))
            await self._ended.wait()
            for task in work:
                task.cancel()
        with (self._folder / GARBAGE).open("w") as file:
            for device in self.devices:
                for note in device.garbage:
                    file.write(json.dumps({"device": device.spec.device, **note}) + "\n")

    async def _produce(self) -> None:
        # Nobody samples before everybody could connect once: the first frames are not all backfill.
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(20):
                while not all(device.up for device in self.devices):  # noqa: ASYNC110 - a flag of each device
                    await asyncio.sleep(0.05)
        now_of = asyncio.get_running_loop().time
        began = now_ms()
        for device in self.devices:
            device.box.start(began)
        while True:
            await asyncio.sleep(TICK_S)
            if not self._producing:
                continue
            now, wall = now_of(), now_ms()
            made: list[tuple[Device, int, bytes]] = []
            for device in self.devices:
                if device.spec.habit is Habit.FLOOD:
                    self._flood(device)
                    continue
                while device.box.due(wall):
                    made.append((device, *device.keep()))
            self._journal.commit()
            self.produced += len(made)
            for device, seq, payload in made:
                device.offer(seq, payload, now)

    def _flood(self, device: Device) -> None:
        self._flooded += self._flooding * TICK_S
        while self._flooded >= 1:
            self._flooded -= 1
            device.flood()

    async def _status(self) -> None:
        while True:
            self._journal.commit()
            sys.stdout.write(
                json.dumps(
                    {
                        "produced": self.produced,
                        "open": sum(len(device.outstanding) for device in self.devices),
                        "due": sum(device.outstanding.due for device in self.devices),
                        "unacknowledged": sum(device.unacknowledged for device in self.devices),
                        "up": sum(device.up for device in self.devices),
                    }
                )
                + "\n"
            )
            sys.stdout.flush()
            await asyncio.sleep(STATUS_S)

    async def _listen(self) -> None:
        loop = asyncio.get_running_loop()
        reader = asyncio.StreamReader()
        await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
        while line := await reader.readline():
            self._obey(json.loads(line))
        self._ended.set()  # whoever gave the orders is gone

    def _obey(self, order: dict[str, Any]) -> None:
        match order["do"]:
            case "cut":
                random = Random(order["seed"])  # noqa: S311 - a plan, not a secret
                for device in self.devices:
                    if random.random() < order["share"]:
                        seconds = order["for"] * random.uniform(0.5, 1.0)
                        spawn(device.lose_link(seconds), name=f"{device.spec.client}.cut")
            case "flood":
                self._flooding = order["rate"]
            case "finish":
                self._producing = False
                self._flooding = 0.0
                for device in self.devices:
                    device.release()
            case "end":
                self._ended.set()
            case other:
                raise ValueError(f"no order {other!r}")


def main(folder: Path) -> None:
    """Play until told to end."""
    logging.basicConfig(level=logging.ERROR)
    orders = msgspec.json.decode((folder / ORDERS).read_bytes(), type=Orders)
    with Journal(folder / JOURNAL, max_frames=50_000_000) as journal:
        journal.begin_run(orders.options.seed)
        asyncio.run(Play(orders, folder, journal).run())


if __name__ == "__main__":
    main(Path(sys.argv[1]))
