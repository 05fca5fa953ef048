"""
Exports: small ones straight to whoever asks, long ones as jobs in the background.

Rule 1: a step of a file is made in a thread, one piece at a time; the event loop, which carries alarms to pages, only
hands pieces on. A client that reads slowly slows its own export down and nothing else.
Rule 2: everything is bounded: streams and jobs at once, jobs that wait, rows of a stream, bytes and days of a file.
Rule 3: a job belongs to who asked for it, and to nobody who may not export from its site (any more).
"""

import asyncio
import contextlib
import hashlib
import logging
import shutil
import tempfile
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path
from typing import Final

from api.access import tokens
from api.problems import Problem
from api.settings import ExportSettings
from telemetry import tasks
from telemetry.clock import utc_now
from telemetry.errors import ConfigError, StorageError
from telemetry.export.wish import Wish
from telemetry.storage import export_jobs, exporting
from telemetry.storage.audit import Actor
from telemetry.storage.export_jobs import Job, JobState
from telemetry.storage.export_plan import Plan, plan
from telemetry.storage.exporting import Export
from telemetry.storage.pool import Database

logger = logging.getLogger(__name__)

LOOK_S: Final = 2.0
BEAT_S: Final = 1.0
TIDY_S: Final = 30.0


def invalid(detail: str) -> Problem:
    """422."""
    return Problem(422, "invalid-export", "导出请求无效 this cannot be exported", detail)


def busy(detail: str) -> Problem:
    """429."""
    found = Problem(429, "busy", "导出任务过多 too many exports", detail)
    found.headers["Retry-After"] = "10"
    return found


class Exports:
    """One process's exports."""

    def __init__(self, database: Database | None, settings: ExportSettings) -> None:
        self._database = database
        self._settings = settings
        self._own: Path | None = None  # a folder of this process alone
        self._streams = 0
        self._running: dict[str, asyncio.Task[None]] = {}
        self._asked = asyncio.Event()

    # Straight

    async def planned(self, database: Database, wish: Wish) -> Plan:
        """What it will be. Raises Problem(422) and StorageError."""
        try:
            return await plan(database, wish, utc_now())
        except ConfigError as error:
            raise invalid(str(error)) from None

    async def stream(self, database: Database, wish: Wish) -> AsyncIterator[bytes]:
        """The file's pieces; the first one is made. Raises Problem (422, 429) and StorageError."""
        found = await self.planned(database, wish)
        if found.rows > self._settings.stream_rows:
            detail = f"about {found.rows:,} rows; up to {self._settings.stream_rows:,} come straight: POST /exports"
            raise Problem(422, "too-long", "数据太多，请建立导出任务 too long: start a job", detail)
        if self._streams >= self._settings.streams_at_once:
            raise busy(f"{self._streams} are being sent: try again soon, or POST /exports")
        self._streams += 1
        made = Export(database.settings, found)
        try:
            first = await asyncio.to_thread(made.step)
        except BaseException:
            self._end(made)
            raise
        return self._pieces(made, first)

    async def _pieces(self, made: Export, piece: exporting.Piece | None) -> AsyncIterator[bytes]:
        try:
            while piece is not None:
                if piece.data:
                    yield piece.data
                piece = await asyncio.to_thread(made.step)
        finally:
            self._end(made)

    def _end(self, made: Export) -> None:
        # Not awaited: whoever went away has cancelled us, and a step that is being made ends first.
        self._streams -= 1
        asyncio.get_running_loop().run_in_executor(None, made.close)

    # Jobs

    async def start(self, database: Database, by: Actor, owner: str, wish: Wish) -> Job:
        """Ask for one in the background. Raises Problem (422, 429) and StorageError."""
        await self.planned(database, wish)
        settings = self._settings
        try:
            job = await export_jobs.add(
                database,
                by,
                owner,
                tokens.new_id() + tokens.new_id()[:4],
                wish,
                most=settings.waiting,
                own=settings.own,
            )
        except ConfigError as error:
            raise busy(str(error)) from None
        self._asked.set()
        return job

    async def cancel(self, database: Database, by: Actor, job: Job) -> bool:
        """Stop it and drop its file; False when it had ended. Raises StorageError."""
        cancelled = await export_jobs.cancel(database, by, job.export_id)
        if cancelled:
            if (task := self._running.get(job.export_id)) is not None:
                task.cancel()
            await asyncio.to_thread(self._drop, job.export_id)
        return cancelled

    def file(self, job: Job) -> Path | None:
        """The file of one that is done, where this process has it."""
        path = self._path(job.export_id)
        return path if job.state is JobState.DONE and path.is_file() else None

    async def run(self) -> None:
        """Make what is asked for, until cancelled; what is unfinished then is left to the next process."""
        if self._database is None:
            return
        database, tidied = self._database, -TIDY_S
        clock = asyncio.get_running_loop().time
        try:
            while True:
                self._asked.clear()
                with contextlib.suppress(StorageError):
                    if clock() - tidied >= TIDY_S:
                        tidied = clock()
                        await export_jobs.give_back(database)
                        await asyncio.to_thread(self._keep, await export_jobs.tidy(database))
                    while len(self._running) < self._settings.jobs_at_once:
                        job = await export_jobs.take(database)
                        if job is None:
                            break
                        self._running[job.export_id] = tasks.spawn(self._make(database, job), name="api.export")
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(self._asked.wait(), LOOK_S)
        finally:
            await self._stop(database)

    async def _stop(self, database: Database) -> None:
        left = dict(self._running)
        for task in left.values():
            task.cancel()
        await asyncio.gather(*left.values(), return_exceptions=True)
        with contextlib.suppress(StorageError):
            for export_id in left:
                await export_jobs.give_back(database, export_id)
        if self._own is not None:
            await asyncio.to_thread(shutil.rmtree, self._own, ignore_errors=True)

    async def _make(self, database: Database, job: Job) -> None:
        try:
            await self._write(database, job)
        except (ConfigError, StorageError, OSError, ValueError) as error:
            logger.warning("export %s: %s", job.export_id, error, extra={"action": "export"})
            await asyncio.to_thread(self._drop, job.export_id)
            with contextlib.suppress(StorageError):
                await export_jobs.fail(database, job, str(error)[:500])
        finally:
            self._running.pop(job.export_id, None)
            self._asked.set()

    async def _write(self, database: Database, job: Job) -> None:
        found = await plan(database, job.wish, utc_now())
        made, part = Export(database.settings, found), self._path(job.export_id, ".part")
        digest, length, piece = hashlib.sha256(), 0, exporting.Piece(b"", 0, 0.0)
        clock = asyncio.get_running_loop().time
        told = clock()
        try:
            with part.open("wb") as out:

                def step() -> exporting.Piece | None:
                    next_ = made.step()
                    if next_ is not None:
                        out.write(next_.data)
                        digest.update(next_.data)
                    return next_

                while (next_ := await asyncio.to_thread(step)) is not None:
                    piece, length = next_, length + len(next_.data)
                    if length > self._settings.max_mb * 1_000_000:
                        raise ConfigError(f"文件超过上限 more than {self._settings.max_mb:,} MB: ask for less at once")
                    if clock() - told >= BEAT_S:
                        told = clock()
                        if not await export_jobs.beat(database, job, piece.rows, length, piece.fraction):
                            await asyncio.to_thread(self._drop, job.export_id)
                            return
            part.rename(self._path(job.export_id))
        finally:
            await asyncio.shield(asyncio.to_thread(made.close))
        kept = timedelta(hours=self._settings.keep_hours)
        if not await export_jobs.done(database, job, piece.rows, length, digest.hexdigest(), kept):
            await asyncio.to_thread(self._drop, job.export_id)

    # Files

    def _path(self, export_id: str, suffix: str = ".file") -> Path:
        return self._folder() / f"export-{export_id}{suffix}"

    def _folder(self) -> Path:
        folder = self._settings.folder
        if folder is None:
            if self._own is None:
                self._own = Path(tempfile.mkdtemp(prefix="cranewatch-exports-"))
            return self._own
        folder.mkdir(parents=True, exist_ok=True)
        return folder

    def _drop(self, export_id: str) -> None:
        for suffix in (".file", ".part"):
            self._path(export_id, suffix).unlink(missing_ok=True)

    def _keep(self, ids: set[str]) -> None:
        """Delete every file of ours but those."""
        for path in self._folder().glob("export-*.*"):
            if path.suffix in (".file", ".part") and path.stem.removeprefix("export-") not in ids:
                path.unlink(missing_ok=True)
