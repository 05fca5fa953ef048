"""Exports that are made in the background: who asked for what, how far it is, where it ended."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any, Final, LiteralString

import msgspec
from psycopg.types.json import Jsonb

from telemetry.errors import ConfigError
from telemetry.export.wish import Wish, recalled
from telemetry.storage.audit import Actor, Deed, write
from telemetry.storage.pool import Database

MAX_PAGE: Final = 200
ATTEMPTS: Final = 2
SILENT: Final = timedelta(seconds=30)  # without a beat: who made it is gone
KEPT: Final = timedelta(days=30)  # of the row, after its end

# ruff: noqa: S608 - constants of ours
_COLUMNS: Final[LiteralString] = (
    "export_id, position, owner, site, wish, file_name, state, attempts, rows, bytes, fraction, sha256, error,"
    " created_at, ended_at, expires_at"
)
_OPEN: Final[LiteralString] = (
    "SELECT count(*) AS n, count(*) FILTER (WHERE owner = %s) AS own FROM export_job"
    " WHERE state IN ('waiting', 'running')"
)
_LOCK: Final[LiteralString] = "LOCK TABLE export_job IN SHARE ROW EXCLUSIVE MODE"
_ADD: Final[LiteralString] = (
    "INSERT INTO export_job (export_id, owner, site, wish, file_name) VALUES (%s, %s, %s, %s, %s) RETURNING " + _COLUMNS
)
_ONE: Final[LiteralString] = "SELECT " + _COLUMNS + " FROM export_job WHERE export_id = %s"
_LIST: Final[LiteralString] = (
    "SELECT " + _COLUMNS + " FROM export_job WHERE owner = %(owner)s"
    " AND (%(before)s::bigint IS NULL OR position < %(before)s) ORDER BY position DESC LIMIT %(limit)s"
)
_TAKE: Final[LiteralString] = (
    "UPDATE export_job SET state = 'running', beat_at = now(), attempts = attempts + 1, rows = 0, bytes = 0,"
    " fraction = 0 WHERE export_id = (SELECT export_id FROM export_job WHERE state = 'waiting' ORDER BY position"
    " LIMIT 1 FOR UPDATE SKIP LOCKED) RETURNING " + _COLUMNS
)
_BEAT: Final[LiteralString] = (
    "UPDATE export_job SET beat_at = now(), rows = %s, bytes = %s, fraction = %s"
    " WHERE export_id = %s AND attempts = %s AND state = 'running' RETURNING export_id"
)
_DONE: Final[LiteralString] = (
    "UPDATE export_job SET state = 'done', rows = %s, bytes = %s, fraction = 1, sha256 = %s, ended_at = now(),"
    " expires_at = now() + %s WHERE export_id = %s AND attempts = %s AND state = 'running' RETURNING export_id"
)
_FAIL: Final[LiteralString] = (
    "UPDATE export_job SET state = 'failed', error = %s, ended_at = now()"
    " WHERE export_id = %s AND attempts = %s AND state = 'running'"
)
_BACK: Final[LiteralString] = (
    "UPDATE export_job SET state = CASE WHEN attempts < %(most)s THEN 'waiting' ELSE 'failed' END,"
    " error = CASE WHEN attempts < %(most)s THEN NULL ELSE %(why)s END,"
    " ended_at = CASE WHEN attempts < %(most)s THEN NULL ELSE now() END, rows = 0, bytes = 0, fraction = 0"
    " WHERE state = 'running' AND (export_id = %(one)s OR beat_at < now() - %(silent)s)"
)
_CANCEL: Final[LiteralString] = (
    "UPDATE export_job SET state = 'cancelled', ended_at = now() WHERE export_id = %s"
    " AND state IN ('waiting', 'running', 'done') RETURNING site, file_name"
)
_EXPIRE: Final[LiteralString] = "UPDATE export_job SET state = 'expired' WHERE state = 'done' AND expires_at <= now()"
_FORGET: Final[LiteralString] = "DELETE FROM export_job WHERE ended_at < now() - %s"
_FILES: Final[LiteralString] = "SELECT export_id FROM export_job WHERE state IN ('running', 'done')"


class JobState(StrEnum):
    """Of an export."""

    WAITING = "waiting"
    RUNNING = "running"
    DONE = "done"
    FAILED = "failed"
    CANCELLED = "cancelled"
    EXPIRED = "expired"


@dataclass(frozen=True, slots=True)
class Job:
    """One export. `fraction` is by the time that is covered, or by the place in the record; 0 to 1."""

    export_id: str
    position: int
    owner: str
    site: str
    wish: Wish
    file_name: str
    state: JobState
    attempts: int
    rows: int
    bytes: int
    fraction: float
    sha256: str | None
    error: str | None
    created_at: datetime
    ended_at: datetime | None
    expires_at: datetime | None


def _job(row: dict[str, Any]) -> Job:
    return Job(**{**row, "wish": recalled(row["wish"]), "state": JobState(row["state"])})


async def add(database: Database, by: Actor, owner: str, export_id: str, wish: Wish, *, most: int, own: int) -> Job:
    """
    Ask for an export; it waits until somebody takes it.

    Raises ConfigError when `most` wait already, or `own` of this person; StorageError.
    """
    async with database.connection() as connection, connection.transaction():
        await connection.execute(_LOCK)  # so that two at once do not both find the last place free
        row = await (await connection.execute(_OPEN, (owner,))).fetchone()
        if row is not None and (row["n"] >= most or row["own"] >= own):
            raise ConfigError(
                f"{row['own']} of yours and {row['n']} in all are being made or wait: at most {own}, {most}"
            )
        sent = (export_id, owner, wish.site, Jsonb(msgspec.to_builtins(wish)), wish.file_name)
        made = await (await connection.execute(_ADD, sent)).fetchone()
        await write(connection, Deed(by, "export.start", export_id, wish.site, after=wish.told()))
    assert made is not None  # noqa: S101 - RETURNING
    return _job(made)


async def one(database: Database, export_id: str) -> Job | None:
    """The export of that id. Raises StorageError."""
    async with database.connection() as connection:
        row = await (await connection.execute(_ONE, (export_id,))).fetchone()
    return _job(row) if row is not None else None


async def listed(database: Database, owner: str, *, before: int | None = None, limit: int = 50) -> list[Job]:
    """A person's exports, newest first. Raises StorageError."""
    asked = {"owner": owner, "before": before, "limit": min(limit, MAX_PAGE)}
    async with database.connection() as connection:
        rows = await (await connection.execute(_LIST, asked)).fetchall()
    return [_job(row) for row in rows]


async def take(database: Database) -> Job | None:
    """The one that has waited longest; it is the caller's now. Raises StorageError."""
    async with database.connection() as connection:
        row = await (await connection.execute(_TAKE)).fetchone()
    return _job(row) if row is not None else None


async def beat(database: Database, job: Job, rows: int, length: int, fraction: float) -> bool:
    """How far it is; False when it is not wanted any more, or somebody else's. Raises StorageError."""
    return await _changed(database, _BEAT, (rows, length, fraction, job.export_id, job.attempts))


async def done(database: Database, job: Job, rows: int, length: int, sha256: str, kept: timedelta) -> bool:
    """The file is whole; False when it is not wanted any more. Raises StorageError."""
    return await _changed(database, _DONE, (rows, length, sha256, kept, job.export_id, job.attempts))


async def fail(database: Database, job: Job, why: str) -> None:
    """It cannot be made. Raises StorageError."""
    async with database.connection() as connection:
        await connection.execute(_FAIL, (why, job.export_id, job.attempts))


async def give_back(database: Database, export_id: str | None = None) -> None:
    """
    One that this process cannot end, and those of processes that are gone: they wait again, from the first row, or have
    failed when that has been tried. Raises StorageError.
    """
    why = "进程中断，请重新导出 the process that made it ended, twice: ask for it again"
    async with database.connection() as connection:
        await connection.execute(_BACK, {"most": ATTEMPTS, "why": why, "one": export_id, "silent": SILENT})


async def cancel(database: Database, by: Actor, export_id: str) -> bool:
    """Not wanted any more, its file neither; False when it had ended otherwise. Raises StorageError."""
    async with database.connection() as connection, connection.transaction():
        row = await (await connection.execute(_CANCEL, (export_id,))).fetchone()
        if row is None:
            return False
        await write(connection, Deed(by, "export.cancel", export_id, row["site"], {"file": row["file_name"]}))
    return True


async def tidy(database: Database) -> set[str]:
    """Let go of what is over; the ids of which there is a file still. Raises StorageError."""
    async with database.connection() as connection:
        await connection.execute(_EXPIRE)
        await connection.execute(_FORGET, (KEPT,))
        rows = await (await connection.execute(_FILES)).fetchall()
    return {row["export_id"] for row in rows}


async def _changed(database: Database, query: LiteralString, parameters: tuple[Any, ...]) -> bool:
    async with database.connection() as connection:
        return await (await connection.execute(query, parameters)).fetchone() is not None
