"""
What a partition remembers on disk: the journal of its inputs and snapshots of its state.

Rule 1: nothing here waits for a disk in the event loop but the append itself: syncs and snapshots run in threads.
Rule 2: a disk that refuses is told to the caller once, and tried again with every batch; once it takes records
again a snapshot is due at once, because what was fed meanwhile is in no journal.
"""

import asyncio
import logging
from collections.abc import Callable
from typing import Any

import msgspec

from analytics.engine import pack
from analytics.journal import Folder, Record, Recovered
from analytics.metrics import AnalyzerMetrics
from analytics.outbox import Entry
from analytics.settings import AnalyzerSettings

logger = logging.getLogger(__name__)


class Saved(msgspec.Struct):
    """A snapshot: the engine, and what the broker had not confirmed."""

    engine: bytes
    outbox: list[Entry]


class Logbook:
    """The folder of one partition, with its timing and its failures."""

    def __init__(
        self,
        folder: Folder,
        settings: AnalyzerSettings,
        metrics: AnalyzerMetrics,
        on_failure: Callable[[OSError], None],
        on_recovery: Callable[[], None],
    ) -> None:
        """`on_failure` is called when the journal stops taking records, `on_recovery` when it takes them again."""
        self._folder = folder
        self._settings = settings
        self._metrics = metrics
        self._on_failure = on_failure
        self._on_recovery = on_recovery
        self._appended = asyncio.Event()
        self._snapshot_at = 0.0
        self._snapshotting = False
        self.ok = True

    def open(self) -> None:
        """Take the lock. Raises PartitionTaken or OSError."""
        self._folder.open()

    def close(self) -> None:
        """Let go of it."""
        self._folder.close()

    def recover(self) -> Recovered:
        """What is there; a new journal begins after it."""
        found = self._folder.recover()
        self._snapshot_at = asyncio.get_running_loop().time()
        try:
            self._folder.rotate()
        except OSError as error:
            self._failed(error)
        return found

    def append(self, record: Record) -> bool:
        """Write a record; whether the journal has it."""
        try:
            self._folder.append(record)
        except OSError as error:
            self._failed(error)
            return False
        if not self.ok:
            self.ok = True
            self._snapshot_at = float("-inf")
            self._on_recovery()
        self._appended.set()
        return True

    def _failed(self, error: OSError) -> None:
        self._metrics.journal_errors.inc()
        if self.ok:
            self.ok = False
            self._on_failure(error)

    async def sync(self) -> None:
        """fdatasync what was appended, at most every `sync_s`, until cancelled."""
        while True:
            await self._appended.wait()
            self._appended.clear()
            try:
                await asyncio.to_thread(self._folder.sync)
            except OSError as error:
                self._failed(error)
            await asyncio.sleep(self._settings.sync_s)

    @property
    def due(self) -> bool:
        """Whether it is time for a snapshot."""
        if self._snapshotting:
            return False
        age = asyncio.get_running_loop().time() - self._snapshot_at
        return age >= self._settings.snapshot_s or self._folder.size >= self._settings.snapshot_mb * 1e6

    def snapshot(self, freeze: Callable[[], dict[str, Any]], outbox: list[Entry]) -> "asyncio.Future[None] | None":
        """
        Freeze between two batches, begin a new journal, write in a thread; the future is done when it is written.

        None when the disk refuses a new journal.
        """
        loop = asyncio.get_running_loop()
        self._snapshot_at = began = loop.time()
        try:
            number = self._folder.rotate()
        except OSError as error:
            self._failed(error)
            return None
        frozen = freeze()
        self._metrics.freeze_seconds.set(loop.time() - began)

        def write() -> None:
            self._folder.write_snapshot(number, msgspec.msgpack.encode(Saved(pack(frozen), outbox)))

        self._snapshotting = True
        writing = loop.run_in_executor(None, write)
        writing.add_done_callback(self._written)
        return writing

    def _written(self, done: "asyncio.Future[None]") -> None:
        self._snapshotting = False
        error = None if done.cancelled() else done.exception()
        if isinstance(error, OSError):
            self._failed(error)
        elif error is not None:
            logger.error("the snapshot failed", exc_info=error, extra={"action": "snapshot"})
        else:
            self._metrics.snapshots.inc()
