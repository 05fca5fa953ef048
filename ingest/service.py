"""
The service: three durable sessions a partition, and receipts.

Live frames, late frames and the log of alarms never share a session: the alarm log is stored within seconds of
the database's return, not behind a backlog, and a backfill never stands in front of live readings.
"""

import asyncio
import contextlib
import logging
import os
import socket
from concurrent.futures import ThreadPoolExecutor

from prometheus_client import CollectorRegistry

from ingest import upkeep
from ingest.lane import Lane
from ingest.metrics import IngestMetrics
from ingest.receipts import ReceiptBook
from ingest.settings import IngestSettings
from telemetry import shares
from telemetry.claim import PartitionClaim
from telemetry.clock import now_ms
from telemetry.consumer import Consumer, PublishRefused
from telemetry.errors import BrokerUnavailable, StorageError
from telemetry.storage.writer import Writer
from telemetry.wire import payloads, topics
from telemetry.wire.topics import Lane as Way
from telemetry.wire.topics import Leaf

logger = logging.getLogger(__name__)

TAILS = {"live": "up/+", "late": "late/+", "log": "down/+"}


class Partition:
    """The three lanes of one partition, and the receipts of its devices."""

    def __init__(self, settings: IngestSettings, number: int, metrics: IngestMetrics) -> None:
        self._settings = settings
        self._number = number
        self._metrics = metrics
        self._book = ReceiptBook()
        # Receipts are retained, and ours: a broker that lost its state lost them, and a process that was killed does
        # not know whom it owed one.
        self._all_due = True
        self._receipt_writer = Writer(settings.database, application="ingest-receipts")
        self._receipt_thread = ThreadPoolExecutor(1, thread_name_prefix="ingest.receipts")
        worker = f"{socket.gethostname()}-{os.getpid()}"
        self._claim = PartitionClaim(settings.mqtt, "ingest", number, worker, wait_s=settings.partition.claim_wait_s)
        self.lanes: dict[str, Lane] = {}

    def _lane(self, name: str) -> Lane:
        settings = self._settings
        consumer = Consumer(
            settings.mqtt,
            f"ingest-{name}-p{self._number}",
            topics.filters(shares.sites(settings.partition, self._number) or (), TAILS[name]),
            receive_maximum=settings.receive_maximum,
            may_reconnect=self._claim.still_mine,
            on_link=lambda present: self._linked(name, present),
        )
        writer = Writer(settings.database, application=f"ingest-{name}")
        return Lane(name, consumer, writer, self._metrics, on_stored=self._book.changed)

    def _linked(self, name: str, session_present: bool) -> None:
        lane = self.lanes[name]
        lane.linked(session_present)
        if name == "live" and not session_present:
            self._all_due = True
        if name == "log":
            # The analyzer publishes again what the broker may have held for the session that is gone.
            opened = payloads.encode(payloads.LogSession(since=now_ms(), fresh=not session_present))
            lane.consumer.publish(topics.log_session(self._number), opened, retain=True)

    async def run(self, stop: asyncio.Event) -> None:
        """Claim the partition, then serve it until `stop`."""
        while not await self._claimed():
            if stop.is_set():
                return
            logger.warning("partition %d is another worker's, waiting", self._number, extra={"action": "claim"})
            await asyncio.sleep(2)
        self.lanes = {name: self._lane(name) for name in TAILS}
        ending = asyncio.Event()
        async with asyncio.TaskGroup() as tasks:
            working = [
                tasks.create_task(lane.run(ending), name=f"ingest.p{self._number}.{name}")
                for name, lane in self.lanes.items()
            ]
            sessions = [
                tasks.create_task(lane.consumer.run(), name=f"ingest.p{self._number}.{name}.session")
                for name, lane in self.lanes.items()
            ]
            receipts = tasks.create_task(self._send_receipts(ending), name=f"ingest.p{self._number}.receipts")
            waiting = tasks.create_task(stop.wait(), name=f"ingest.p{self._number}.stop")
            # A session that ends by itself was fenced: another worker has the partition, so all of ours ends.
            await asyncio.wait({waiting, *sessions}, return_when=asyncio.FIRST_COMPLETED)
            ending.set()
            await asyncio.wait(working)
            for lane in self.lanes.values():
                await lane.consumer.close()
            waiting.cancel()
            # Not cancelled: its thread would go on, and open again the connection that is closed below.
            await receipts
        # Cancelling does not end a question that is already in its thread, which may just be opening the connection.
        self._receipt_thread.shutdown(wait=True)
        self._receipt_writer.close()

    async def _claimed(self) -> bool:
        try:
            return await self._claim.take()
        except BrokerUnavailable as error:
            logger.warning("no broker yet: %s", error, extra={"action": "claim"})
            return False

    async def _owe_all(self) -> None:
        """Everybody is due a receipt, when that is so. Raises StorageError, and then it still is."""
        if not self._all_due:
            return
        self._all_due = False
        sites = shares.sites(self._settings.partition, self._number) or ()
        loop = asyncio.get_running_loop()
        try:
            self._book.changed(await loop.run_in_executor(self._receipt_thread, self._receipt_writer.accounted, sites))
        except StorageError:
            self._all_due = True
            raise

    async def _send_receipts(self, ending: asyncio.Event) -> None:
        loop = asyncio.get_running_loop()
        live = self.lanes["live"]
        while not ending.is_set():
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(0.25):
                    await ending.wait()
            if not live.consumer.link:
                continue
            try:
                await self._owe_all()
                due = self._book.due(loop.time())
                if not due:
                    continue
                found = await loop.run_in_executor(self._receipt_thread, self._receipt_writer.receipts, due)
            except StorageError as error:
                logger.debug("no receipts now: %s", error)
                continue
            sent = [
                live.consumer.publish(
                    topics.build(*key, Way.DOWN, Leaf.RECEIPT),
                    payloads.encode(payloads.Receipt(boots=boots)),
                    retain=True,
                )
                for _, key, boots in found
            ]
            if sent:
                await asyncio.wait(sent, timeout=10)
            for (device, key, _), future in zip(found, sent, strict=True):
                failure = future.exception() if future.done() and not future.cancelled() else None
                if isinstance(failure, PublishRefused):
                    logger.error("a receipt of %s was refused: %s", "/".join(key), failure, extra={"action": "receipt"})
                if future.done() and (failure is None or isinstance(failure, PublishRefused)):
                    # Refused by an ACL is tried again with the device's next frame, not four times a second.
                    self._book.sent(device, loop.time())
                    self._metrics.receipts.inc(failure is None)
            # Frames made by hand have no boot: there is nothing to receipt.
            for device in set(due) - {device for device, _, _ in found}:
                self._book.sent(device, loop.time())


async def run(settings: IngestSettings, stop: asyncio.Event, registry: CollectorRegistry) -> None:
    """Serve this worker's partitions until `stop`."""
    metrics = IngestMetrics(registry)
    share = settings.partition
    numbers = [n for n in range(share.worker, share.count, share.workers) if shares.sites(share, n) != ()]
    if not numbers:
        logger.warning("no site falls to worker %d of %d", share.worker, share.workers, extra={"action": "partition"})
    async with asyncio.TaskGroup() as tasks:
        ending = asyncio.Event()
        tasks.create_task(upkeep.run(settings.upkeep, settings.database, metrics, ending), name="ingest.upkeep")
        serving = []
        for number in numbers:
            partition = Partition(settings, number, metrics)
            serving.append(tasks.create_task(partition.run(stop), name=f"ingest.p{number}"))
        # A worker whose partitions were all taken over ends, for whoever started it to see.
        await (asyncio.wait(serving) if serving else stop.wait())
        ending.set()
