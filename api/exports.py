"""
Exports: small ones straight to whoever asks, long ones as jobs in the background.

Rule 1: a file is made by a process of its own (`export_worker.py`); the event loop, which carries alarms to pages, only
hands pieces on. A client that reads slowly slows its own export down and nothing else.
Rule 2: everything is bounded: streams and jobs at once, jobs that wait, rows of a stream, bytes and days of a file.
Rule 3: a job belongs to who asked for it, and to nobody who may not export from its site (any more).
"""

import asyncio
import contextlib
import json
import logging
import shutil
import subprocess
import sys
import tempfile
from asyncio.subprocess import Process
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path
from typing import Any, Final

import msgspec

from api.access import tokens
from api.problems import Problem
from api.settings import ExportSettings
from telemetry import tasks
from telemetry.clock import utc_now
from telemetry.errors import ConfigError, StorageError, StorageUnavailable
from telemetry.export.wish import Wish
from telemetry.storage import export_jobs
from telemetry.storage.audit import Actor
from telemetry.storage.export_jobs import Job, JobState
from telemetry.storage.export_plan import Plan, plan
from telemetry.storage.pool import Database

logger = logging.getLogger(__name__)

LOOK_S: Final = 2.0
PIPE: Final = 256 * 1024
TIDY_S: Final = 30.0


def invalid(detail: str) -> Problem:
    """422."""
    return Problem(422, "invalid-export", "导出请求无效 this cannot be exported", detail)


def busy(detail: str) -> Problem:
    """429."""
    found = Problem(429, "busy", "导出任务过多 too many exports", detail)
    found.headers["Retry-After"] = "10"
    return found


async def _read(worker: Process) -> bytes:
    """The next piece; none at the end of a whole file. Raises StorageUnavailable."""
    assert worker.stdout is not None  # noqa: S101 - a pipe
    piece = await worker.stdout.read(PIPE)
    if not piece:
        await _ended_well(worker)
    return piece


async def _ended_well(worker: Process) -> None:
    """Raise StorageUnavailable, in the worker's words, when it did not."""
    assert worker.stderr is not None  # noqa: S101 - a pipe
    said = (await worker.stderr.read(PIPE)).decode(errors="replace").strip().splitlines()
    if await worker.wait() != 0:
        raise StorageUnavailable(said[-1] if said else f"the export ended with {worker.returncode}")


def _kill(worker: Process) -> None:
    with contextlib.suppress(ProcessLookupError):
        worker.kill()


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
        try:
            worker = await self._worker(database, wish)
        except BaseException:
            self._streams -= 1
            raise
        try:
            first = await _read(worker)
        except BaseException:
            self._end(worker)
            raise
        return self._pieces(worker, first)

    async def _pieces(self, worker: Process, piece: bytes) -> AsyncIterator[bytes]:
        try:
            while piece:
                yield piece
                piece = await _read(worker)
        finally:
            self._end(worker)

    def _end(self, worker: Process) -> None:
        # Not awaited: whoever went away has cancelled us.
        self._streams -= 1
        _kill(worker)

    async def _worker(self, database: Database, wish: Wish, path: Path | None = None) -> Process:
        """A process that makes the file: to its stdout, or to `path`. Raises OSError."""
        worker = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "api.export_worker",
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, limit=PIPE,
        )  # fmt: skip
        settings = database.settings.model_dump(mode="json")
        settings["url"] = database.settings.url.get_secret_value()  # by a pipe: an argument could be read by anybody
        asked = {
            "database": settings, "wish": msgspec.to_builtins(wish), "path": str(path) if path else None,
            "max_bytes": self._settings.max_mb * 1_000_000,
        }  # fmt: skip
        assert worker.stdin is not None  # noqa: S101 - a pipe
        worker.stdin.write(json.dumps(asked).encode() + b"\n")
        worker.stdin.close()
        return worker

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
        part = self._path(job.export_id, ".part")
        worker = await self._worker(database, job.wish, part)
        assert worker.stdout is not None  # noqa: S101 - a pipe
        told: dict[str, Any] = {}
        try:
            async for line in worker.stdout:
                told = json.loads(line)
                if not await export_jobs.beat(database, job, told["rows"], told["bytes"], told["fraction"]):
                    await asyncio.to_thread(self._drop, job.export_id)
                    return
            await _ended_well(worker)
        finally:
            _kill(worker)
        part.rename(self._path(job.export_id))
        kept = timedelta(hours=self._settings.keep_hours)
        if not await export_jobs.done(database, job, told["rows"], told["bytes"], told["sha256"], kept):
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
