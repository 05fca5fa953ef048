"""
What a partition remembers on disk: the journal of its inputs and snapshots of its state.

Rule 1: nothing here waits for a disk in the event loop but the append itself: syncs and snapshots run in threads.
Rule 2: a record that the disk refused is a hole: nothing is appended behind it, and only a whole snapshot that was
begun after the last refusal mends it, because what was fed meanwhile is in no journal. Until then `ok` is False, and
the folder is marked, so that a kill before the hole is mended does not leave a memory that looks whole.
Rule 3: a snapshot that fails leaves no hole, since the older one and all journals since are still there. Either way
the next attempt waits, twice as long each time, up to `RETRY_S`: a full disk is not helped by being written to.
"""

import asyncio
import logging
import random
from collections.abc import Callable
from typing import Any, Final

import msgspec

from analytics.frozen import pack
from analytics.journal import Folder, Record, Recovered
from analytics.metrics import AnalyzerMetrics
from analytics.outbox import Entry
from analytics.settings import AnalyzerSettings
from telemetry.backoff import Backoff

logger = logging.getLogger(__name__)

RETRY_S: Final = 30.0
LONG_REPLAY: Final = 1_000_000  # bytes of journals; after a start that had to replay so much a snapshot is due


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
        """`on_failure` is called when the journal stops taking records, `on_recovery` when nothing is missing again."""
        self._folder = folder
        self._settings = settings
        self._metrics = metrics
        self._on_failure = on_failure
        self._on_recovery = on_recovery
        self._appended = asyncio.Event()
        self._snapshot_at = 0.0
        self._snapshotting = False
        self._backoff = Backoff(first=1.0, ceiling=RETRY_S, random=random.random)
        self._retry_at = float("-inf")  # no snapshot before this loop time
        self._refusals = 0
        self._hole = False  # in the present journal
        self._replayed = 0  # bytes of journals before the present one that no snapshot covers yet
        self.ok = True
        self.error = ""  # the last refusal, in the system's words

    def open(self) -> None:
        """
        Take the lock. Raises PartitionTaken.

        A folder that cannot even be locked is a journal that cannot be written: alarms go on without it, fenced by
        the claim alone.
        """
        try:
            self._folder.open()
        except OSError as error:
            self._failed(error)

    @property
    def id(self) -> str:
        """The folder's name for itself, empty when there is none."""
        return self._folder.id

    def close(self) -> None:
        """Let go of it."""
        self._folder.close()

    def recover(self) -> Recovered:
        """What is there; a new journal begins after it. One that cannot begin makes what is there doubtful."""
        self._snapshot_at = asyncio.get_running_loop().time()
        try:
            found = self._folder.recover()
        except OSError as error:
            found = Recovered(None, [], [f"{self._folder.path}: {error}"], empty=True)
        # An analyzer that is killed again and again before its next snapshot would else replay ever more.
        self._replayed = found.size
        if found.size >= LONG_REPLAY:
            self._snapshot_at = float("-inf")
        try:
            self._folder.rotate()
        except OSError as error:
            self._failed(error)
        if not self.ok:
            # The last run may have been in the same need, and what is here older than it looks.
            found.faults.append("the journal cannot be written")
        return found

    def mend(self) -> None:
        """What was missing is noted in the journal itself: the next start has no need of the mark."""
        if self.ok:
            self._mark(hole=False)

    def _mark(self, *, hole: bool) -> None:
        try:
            self._folder.mark(hole=hole)
        except OSError as error:
            logger.error("the folder cannot be marked: %s", error, extra={"action": "journal"})  # noqa: TRY400

    def append(self, record: Record) -> bool:
        """Write a record; whether the journal has it, with all before it but for a snapshot that is on its way."""
        if self._hole:
            self._metrics.journal_errors.inc()
            return False
        try:
            self._folder.append(record)
        except OSError as error:
            self._failed(error)
            return False
        self._appended.set()
        return True

    def _failed(self, error: OSError) -> None:
        """The journal has not taken a record, or may not have it on the disk."""
        self._metrics.journal_errors.inc()
        self.error = error.strerror or str(error)
        self._refusals += 1
        self._hole = True
        if self.ok:
            self.ok = False
            self._mark(hole=True)
            self._on_failure(error)

    def _later(self, error: OSError) -> None:
        """A snapshot was refused: the next attempt waits."""
        delay = self._backoff.delay()
        self._retry_at = asyncio.get_running_loop().time() + delay
        self._metrics.journal_errors.inc()
        logger.error("no snapshot (%s); next attempt in %.0f s", error, delay, extra={"action": "snapshot"})

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
        now = asyncio.get_running_loop().time()
        if self._snapshotting or now < self._retry_at:
            return False
        age = now - self._snapshot_at
        size = self._folder.size + self._replayed
        return not self.ok or age >= self._settings.snapshot_s or size >= self._settings.snapshot_mb * 1e6

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
            self._later(error)
            return None
        self._hole = False
        refusals = self._refusals
        frozen = freeze()
        self._metrics.freeze_seconds.set(loop.time() - began)

        def write() -> None:
            self._folder.write_snapshot(number, msgspec.msgpack.encode(Saved(pack(frozen), outbox)))

        self._snapshotting = True
        writing = loop.run_in_executor(None, write)
        writing.add_done_callback(lambda done: self._written(done, refusals))
        return writing

    def _written(self, done: "asyncio.Future[None]", refusals: int) -> None:
        """A snapshot is written, or not; `refusals` is how many records were refused before it was begun."""
        self._snapshotting = False
        if done.cancelled():
            return
        error = done.exception()
        if isinstance(error, OSError):
            self._later(error)
            return
        if error is not None:
            logger.error("the snapshot failed", exc_info=error, extra={"action": "snapshot"})
            self._retry_at = asyncio.get_running_loop().time() + self._backoff.delay()
            return
        self._metrics.snapshots.inc()
        self._backoff.reset()
        self._replayed = 0
        if not self.ok and refusals == self._refusals:
            self.ok = True
            self._mark(hole=False)
            self._on_recovery()
