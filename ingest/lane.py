"""
The shell around one durable session: take what arrived, store it, acknowledge it. In this order, for ever.

Two batches are in work at most: one in the database's thread, one being decoded. What waits beyond them waits at
the broker, bounded by receive-maximum.
"""

import asyncio
import contextlib
import logging
import random
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Final

from ingest.intake import Intake, quarantined
from ingest.metrics import IngestMetrics
from ingest.pace import Pace
from telemetry.backoff import Backoff
from telemetry.clock import now_ms
from telemetry.consumer import Batch, Consumer
from telemetry.errors import Refusal, StorageRefused, StorageStrained, StorageUnavailable
from telemetry.storage.items import Item, Refused
from telemetry.storage.writer import Stored, Writer

logger = logging.getLogger(__name__)

GRACE_S: Final = 5.0
AGAIN_S: Final = 1.0  # the longest until a database that was away is asked again


class Lane:
    """One session of ingest: `live`, `late` or `log`."""

    def __init__(
        self,
        name: str,
        consumer: Consumer,
        writer: Writer,
        metrics: IngestMetrics,
        *,
        on_stored: Callable[[set[int]], None] = lambda _: None,
    ) -> None:
        """`on_stored` is told the ids of the devices whose ledger has grown, after the commit."""
        self.name = name
        self.consumer = consumer
        self._writer = writer
        self._metrics = metrics
        self._on_stored = on_stored
        self._intake = Intake()
        self._pace = Pace(consumer.receive_maximum)
        self._busy = False
        # One thread: the writer and its connection belong to it.
        self._thread = ThreadPoolExecutor(1, thread_name_prefix=f"ingest.{name}")

    async def run(self, stop: asyncio.Event) -> None:
        """Take, store, acknowledge, until `stop`; what was taken is settled first, for at most GRACE_S."""
        prepared: asyncio.Queue[tuple[Batch, list[Item], int]] = asyncio.Queue(maxsize=1)
        try:
            async with asyncio.TaskGroup() as tasks:
                taking = tasks.create_task(self._take(prepared), name=f"ingest.{self.name}.take")
                settling = tasks.create_task(self._settle(prepared), name=f"ingest.{self.name}.settle")
                await stop.wait()
                taking.cancel()
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(GRACE_S):
                        await prepared.join()
                settling.cancel()
        finally:
            self._thread.shutdown(wait=True)
            self._writer.close()

    def linked(self, session_present: bool) -> None:
        """The session is open (again): whatever was in flight comes a second time."""
        self._pace.reset()
        self._writer.expect_duplicates(2 * self.consumer.receive_maximum)
        self._metrics.connected.labels(self.name).set(1)
        if not session_present and self.consumer.connections > 1:
            self._metrics.sessions_lost.labels(self.name).inc()
            logger.warning(
                "the broker no longer had the session of lane %s: what it held is gone, devices send it again",
                self.name,
                extra={"action": "session_lost"},
            )

    async def _take(self, prepared: "asyncio.Queue[tuple[Batch, list[Item], int]]") -> None:
        now = asyncio.get_running_loop().time
        while True:
            await self.consumer.arrival()
            while not self._ripe(now()):  # noqa: ASYNC110 - a timer as much as a flag
                await asyncio.sleep(0.001)
            self._pace.began(now())
            batch = await self.consumer.batch()
            received = now_ms()
            self._metrics.held.labels(self.name).set(self.consumer.held)
            await prepared.put((batch, self._intake.items(batch.messages), received))

    def _ripe(self, now: float) -> bool:
        return self._pace.ripe(waiting=self.consumer.waiting(), held=self.consumer.held, busy=self._busy, now=now)

    async def _settle(self, prepared: "asyncio.Queue[tuple[Batch, list[Item], int]]") -> None:
        while True:
            batch, items, received = await prepared.get()
            self._busy = True
            stored = await self._store(items, received) if items else Stored()
            self.consumer.acknowledge(batch)
            self._count(items, stored)
            self._on_stored(stored.devices)
            self._busy = False
            prepared.task_done()

    async def _store(self, items: list[Item], received: int) -> Stored:
        """Store all of these items, whatever it takes: retried while the database is away, halved when it refuses."""
        loop = asyncio.get_running_loop()
        backoff = Backoff(first=0.05, ceiling=AGAIN_S, random=random.random)
        done = Stored()
        work = [items]
        while work:
            part = work[-1]
            try:
                with self._metrics.store_seconds.labels(self.name).time():
                    found = await loop.run_in_executor(self._thread, self._writer.store, part, received)
            except (StorageRefused, StorageStrained) as error:
                work.pop()
                if len(part) > 1:
                    middle = len(part) // 2
                    work += [part[middle:], part[:middle]]
                elif isinstance(error, StorageRefused):
                    work.append([quarantined(part[0], str(error))])
                else:
                    # Alone, and still too much: it is the database, not the data.
                    work.append(part)
                    await self._wait(backoff, error)
            except StorageUnavailable as error:
                await self._wait(backoff, error)
            else:
                work.pop()
                backoff.reset()
                self._metrics.commits.labels(self.name).inc()
                _add(done, found)
        return done

    async def _wait(self, backoff: Backoff, error: Exception) -> None:
        delay = backoff.delay()
        self._metrics.retries.labels(self.name).inc()
        logger.warning(
            "lane %s holds %d messages, the database cannot take them (%s), retrying in %.1f s",
            self.name, self.consumer.held, error, delay,
            extra={"action": "database_retry"},
        )  # fmt: skip
        await asyncio.sleep(delay)

    def _count(self, items: list[Item], stored: Stored) -> None:
        m = self._metrics
        m.frames.labels(self.name).inc(stored.frames)
        m.readings.labels(self.name).inc(stored.readings)
        m.duplicates.labels(self.name).inc(stored.duplicates)
        m.misdated.labels(self.name).inc(stored.misdated)
        m.notes.labels(self.name).inc(stored.notes)
        for item in items:
            if isinstance(item, Refused):
                m.quarantined.labels(self.name, str(item.reason)).inc()
        if stored.unregistered:
            m.quarantined.labels(self.name, str(Refusal.DEVICES)).inc(stored.unregistered)
        m.held.labels(self.name).set(self.consumer.held)


def _add(total: Stored, part: Stored) -> None:
    total.frames += part.frames
    total.readings += part.readings
    total.duplicates += part.duplicates
    total.misdated += part.misdated
    total.quarantined += part.quarantined
    total.notes += part.notes
    total.unregistered += part.unregistered
    total.devices |= part.devices
