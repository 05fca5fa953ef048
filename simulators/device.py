"""
A device on the network: it frames what its station measures, journals it, publishes it, and forgets it on receipt.

Live frames go out one at a time and in order on `up/reading`. What was not sent live, or not receipted, goes out on
`late/reading` by the resend rule (`simulators/resend.py`), at most four times as fast as the device produces. The live
queue holds `LIVE_QUEUE` frames; at the bound a frame is not queued, stays in the journal, and becomes a hole.
"""

import asyncio
import logging
import time
from collections import deque
from dataclasses import dataclass
from hashlib import blake2b, sha256

import msgspec

from simulators.boots import Boots
from simulators.frame import Framer
from simulators.journal import Journal
from simulators.resend import Outstanding
from simulators.station import Record, Station
from simulators.testing import CHANNEL, TestChannel
from telemetry.broker import Arrival, Link, Will
from telemetry.errors import BrokerUnavailable, WireError
from telemetry.kinds import KINDS
from telemetry.settings import MqttSettings
from telemetry.tasks import spawn
from telemetry.wire import payloads, topics
from telemetry.wire.payloads import BootEnd, DeviceConfig, Event, Presence, Receipt
from telemetry.wire.proof import ProofOrder
from telemetry.wire.topics import Lane, Leaf

logger = logging.getLogger(__name__)

LIVE_QUEUE = 64
EVENT_QUEUE = 256
LATE_FACTOR = 4.0
ENDED = 8  # boots whose end a birth declares
SETTLE_S = 0.5  # after a connect: the retained receipt arrives before anything is sent again


@dataclass(slots=True)
class Counts:
    """What a device, or the fleet, has done."""

    produced: int = 0
    live: int = 0
    late: int = 0
    receipted: int = 0
    held: int = 0  # not sent live: no link, or the live queue was full
    failed: int = 0  # publishes that the broker did not acknowledge
    events: int = 0
    connections: int = 0


class Device:
    """One device. The fleet calls `produce` at each sample; `run` is everything on the network."""

    def __init__(
        self,
        site: str,
        station: Station,
        config: DeviceConfig,
        mqtt: MqttSettings,
        journal: Journal,
        boots: Boots,
        *,
        frame_s: float,
        samples_per_frame: int,
        counts: Counts,
        msgpack: bool = False,
    ) -> None:
        """`frame_s` is the time between two frames in seconds of the wall clock; the late lane is paced by it."""
        self.station = station
        self.config = config
        self.outstanding = Outstanding()
        self._key = (site, station.kind, station.device)
        self._mqtt = mqtt
        self._journal = journal
        self._boots = boots
        self._frame_s = frame_s
        self._samples_per_frame = samples_per_frame
        self._counts = counts
        self._msgpack = msgpack
        self._framer: Framer | None = None
        self._ended: list[BootEnd] = []
        self._live: deque[tuple[str, int, bytes]] = deque()
        self._events: deque[Event] = deque()
        self._link: Link | None = None
        self._sending: set[asyncio.Task[bool]] = set()
        self._work = asyncio.Event()
        self._late_work = asyncio.Event()
        self._wire = asyncio.Event()  # set while the scenario lets the device have a link
        self._cut = asyncio.Event()  # set while it does not
        self._closing = False
        self._channel = TestChannel()
        self._tests = any(channel.name == CHANNEL for channel in KINDS[station.kind].channels)

    # What the fleet calls.

    def begin(self) -> None:
        """Take up what earlier runs left in the journal without a receipt, and boot."""
        for boot, seq in self._journal.unreceipted(*self._key):
            self.outstanding.add(boot, seq)
        self._boot()
        self._wire.set()

    def produce(self, t: float) -> None:
        """Measure at t, and journal the frame if one is full. After the journal's commit comes `offer`."""
        sample = self.station.sample(t)
        if sample is not None and self._tests:
            sample |= self._channel.read(t)
        if not self.station.powered(t):
            self._framer = None
        elif self._framer is None:
            self._boot()
        if sample is not None and self._framer is not None:
            framed = self._framer.add(sample)
            if framed is not None:
                self._keep(*framed)
        for record in self.station.records():
            self._tell(record)
        self._follow(linked=self.station.linked(t))

    def offer(self) -> None:
        """Let the senders see what was produced."""
        self._work.set()

    def forget(self, boot: str, seq: int) -> None:
        """The journal dropped a frame."""
        self.outstanding.forget(boot, seq)

    def finish(self) -> None:
        """No more samples come: frame what waits, and have a link, whatever the scenario had in mind."""
        framed = self._framer.flush() if self._framer is not None else None
        if framed is not None:
            self._keep(*framed)
        self._follow(linked=True)

    def vanish(self) -> None:
        """Go as a box goes whose plug is pulled: nothing more is sent, and the broker publishes the will."""
        self._closing = True
        self._follow(linked=False)
        self._wire.set()

    # Producing.

    def _boot(self) -> None:
        boot = self._boots.next()
        self._ended = [BootEnd(boot=old, seq=seq) for old, seq in self._journal.ended(*self._key, ENDED)]
        self._journal.begin_boot(*self._key, boot)
        self._framer = Framer(self.station.kind, boot, self._samples_per_frame, msgpack=self._msgpack)
        if self._link is not None:
            # The birth names the boot, so a new boot needs a new connection, as a real restart has one.
            self._link.sever()

    def _keep(self, seq: int, payload: bytes) -> None:
        assert self._framer is not None  # noqa: S101 - only called with a framer
        boot = self._framer.boot
        self._journal.add(*self._key, boot, seq, payload)
        self.outstanding.add(boot, seq)
        self._counts.produced += 1
        if self._link is None or not self._link.up.is_set() or len(self._live) >= LIVE_QUEUE:
            self._counts.held += 1
        else:
            self._live.append((boot, seq, payload))

    def _tell(self, record: Record) -> None:
        boot = self._framer.boot if self._framer else None
        cause = f"{self._key}{boot}{record.type}{record.t:.3f}".encode()
        event = Event(
            id=blake2b(cause, digest_size=12).hexdigest(),
            type=record.type,
            ts=self.station.ts(record.t),
            boot=boot,
            data=record.data,
        )
        if len(self._events) >= EVENT_QUEUE:
            self._events.popleft()  # a box keeps its newest events
        self._events.append(event)

    def _follow(self, *, linked: bool) -> None:
        if linked:
            self._cut.clear()
            self._wire.set()
        elif not self._cut.is_set():
            self._wire.clear()
            self._cut.set()
            if self._link is not None:
                self._link.sever()

    # The network.

    async def run(self) -> None:
        """Be connected whenever the scenario allows it, and send, until `vanish` or `leave`."""
        async with asyncio.TaskGroup() as tasks:
            senders = [
                tasks.create_task(self._send_live(), name=f"{self.station.device}.live"),
                tasks.create_task(self._send_late(), name=f"{self.station.device}.late"),
            ]
            while not self._closing:
                await self._wire.wait()
                if not self._closing:
                    await self._connected()
            for sender in senders:
                sender.cancel()

    async def _connected(self) -> None:
        link = Link(
            self._mqtt,
            "-".join(self._key),
            filters=[(self._topic(Lane.DOWN, leaf), 1) for leaf in (Leaf.RECEIPT, Leaf.PROOF)],
            on_arrival=self._arrived,
            on_up=self._came_up,
            will=Will(self._topic(Lane.UP, Leaf.PRESENCE), payloads.encode(Presence(online=False))),
            protocol="3.1.1",
        )
        self._link = link
        running = spawn(link.run(), name=f"{self.station.device}.link")
        cut = spawn(self._cut.wait(), name=f"{self.station.device}.cut")
        try:
            await asyncio.wait({running, cut}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            self._link = None
            self._lose()
            cut.cancel()
            await link.close()
            await asyncio.wait({running}, timeout=2)
            running.cancel()

    async def _came_up(self, link: Link) -> None:
        # What was on its way over the old connection may be lost: it has no receipt, so it goes out late.
        self._lose()
        framer = self._framer
        birth = Presence(
            online=True,
            boot=framer.boot if framer else None,
            ts=self.station.ts(self.station.now),
            interval_ms=self.config.interval_ms,
            params=fingerprint(self.config),
            proof=self._tests,
            ended=self._ended,
        )
        try:
            await link.publish(self._topic(Lane.UP, Leaf.PRESENCE), payloads.encode(birth), retain=True)
        except BrokerUnavailable as error:
            logger.debug("%s: lost the broker at birth: %s", self.station.device, error)
            return
        self._counts.connections += 1
        self.outstanding.reconnected()
        self._work.set()
        asyncio.get_running_loop().call_later(SETTLE_S, self._late_work.set)

    def _lose(self) -> None:
        self._counts.held += len(self._live)
        self._live.clear()
        for sending in self._sending:
            sending.cancel()

    def _arrived(self, arrival: Arrival) -> None:
        if arrival.topic.endswith(f"/{Leaf.PROOF}"):
            self._prove(arrival)
            return
        try:
            receipt = payloads.decode(Receipt, arrival.payload) if arrival.payload else None
        except WireError as error:
            logger.warning("%s: receipt not understood: %s", self.station.device, error, extra={"action": "receipt"})
            return
        if receipt is None:
            return
        runs = self.outstanding.receive(receipt)
        self._journal.settle(*self._key, runs)
        self._counts.receipted += sum(run.last - run.first + 1 for run in runs)
        if self.outstanding.due:
            self._late_work.set()

    def _prove(self, arrival: Arrival) -> None:
        """An order for a proof test: the channel is driven from the next sample on, and the box says from which seq."""
        try:
            order = payloads.decode(ProofOrder, arrival.payload)
        except WireError as error:
            logger.warning("%s: order not understood: %s", self.station.device, error, extra={"action": "proof"})
            return
        # A retained order is none: it is older than this connection.
        if arrival.retain or not self._tests or self._framer is None:
            return
        now = self.station.ts(self.station.now)
        answer = self._channel.order(order, self.station.now, now)
        if answer is not None:
            self._events.append(
                Event(
                    id=answer.test, type="proof", ts=now, boot=self._framer.boot, seq=self._framer.seq + 1,
                    data={"test": answer.test, "begins": answer.begins, "why": answer.why},
                )
            )  # fmt: skip
            self._work.set()

    async def _send_live(self) -> None:
        while True:
            await self._work.wait()
            self._work.clear()
            while self._live or self._events:
                link = self._link
                if link is None or not link.up.is_set():
                    break
                if self._events and not self._live:
                    event = self._events[0]
                    if not await self._publish(link, self._topic(Lane.UP, Leaf.EVENT), payloads.encode(event)):
                        break
                    if self._events and self._events[0] is event:
                        self._events.popleft()
                    self._counts.events += 1
                    continue
                boot, seq, payload = self._live.popleft()
                self._journal.sent(*self._key, boot, seq, Lane.UP.value, time.monotonic_ns())
                if await self._publish(link, self._topic(Lane.UP, Leaf.READING), payload):
                    self._counts.live += 1

    async def _send_late(self) -> None:
        while True:
            await self._late_work.wait()
            self._late_work.clear()
            while (link := self._link) is not None and link.up.is_set():
                key = self.outstanding.take()
                if key is None:
                    break
                payload = self._journal.payload(*self._key, *key)
                if payload is None:
                    self.outstanding.forget(*key)
                    continue
                self._journal.sent(*self._key, *key, Lane.LATE.value, time.monotonic_ns())
                if await self._publish(link, self._topic(Lane.LATE, Leaf.READING), payload):
                    self._counts.late += 1
                await asyncio.sleep(self._frame_s / LATE_FACTOR)

    async def _publish(self, link: Link, topic: str, payload: bytes) -> bool:
        """Publish, or give up as soon as the connection is known to be lost: its acknowledgement will never come."""
        sending = spawn(_acknowledged(link, topic, payload), name=f"{self.station.device}.publish")
        self._sending.add(sending)
        try:
            await asyncio.wait({sending})
        finally:
            self._sending.discard(sending)
            sending.cancel()
        if not sending.cancelled() and sending.result():
            return True
        self._counts.failed += 1
        return False

    def _topic(self, lane: Lane, leaf: Leaf) -> str:
        return topics.build(*self._key, lane, leaf)


async def _acknowledged(link: Link, topic: str, payload: bytes) -> bool:
    try:
        await link.publish(topic, payload)
    except BrokerUnavailable:
        return False
    return True


def fingerprint(config: DeviceConfig) -> str:
    """The hash of chart, reeving and calibration that the birth carries: what a changed parameter is seen by."""
    told = (config.charts, config.jib_m, config.hook_max_m, config.mast_m, config.design_force_kn)
    return sha256(msgspec.json.encode(told)).hexdigest()[:16]
