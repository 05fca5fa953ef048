"""What alarms were, as people say when they are over: each once, and for good."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any, Final, LiteralString

from telemetry.storage.audit import Actor, Deed, write
from telemetry.storage.pool import Database

_RAISED: Final[LiteralString] = (
    "SELECT d.site, d.kind, d.device, t.rule, c.cause, c.note, c.who, c.at FROM transition t JOIN device d"
    " USING (device_id) LEFT JOIN alarm_closing c ON c.transition_id = t.id WHERE t.id = %s AND t.signal = 'raise'"
)
_CLOSE: Final[LiteralString] = (
    "INSERT INTO alarm_closing (transition_id, cause, note, who) VALUES (%s, %s, %s, %s)"
    " ON CONFLICT DO NOTHING RETURNING at"
)
_OPEN: Final[LiteralString] = (
    "SELECT t.id, t.position, d.site, d.kind, d.device, t.rule, t.severity, t.life_safety, t.at_ms, t.payload"
    " FROM transition t JOIN device d USING (device_id) LEFT JOIN alarm_closing c ON c.transition_id = t.id"
    " WHERE t.signal = 'raise' AND t.origin = 'live' AND t.severity >= 3 AND c.transition_id IS NULL"
    " AND t.payload ->> 'parent' IS NULL AND d.site = %(site)s"
    " AND (%(before)s::bigint IS NULL OR t.position < %(before)s) ORDER BY t.position DESC LIMIT %(limit)s"
)
_BY_CAUSE: Final[LiteralString] = (
    "SELECT c.cause, count(*) AS n FROM alarm_closing c JOIN transition t ON t.id = c.transition_id"
    " JOIN device d USING (device_id) WHERE d.site = %s AND t.at_ms >= %s AND t.at_ms < %s GROUP BY c.cause"
)


class Cause(StrEnum):
    """What an alarm turned out to be."""

    TRUE_DANGER = "true_danger"  # 真实危险
    ALLOWED_WORK = "allowed_work"  # 允许的作业
    SENSOR = "sensor"  # 传感器
    TEST = "test"  # 测试
    UNKNOWN = "unknown"  # 不明


@dataclass(frozen=True, slots=True)
class Closing:
    """What one alarm was."""

    site: str
    kind: str
    device: str
    rule: str
    cause: Cause
    note: str | None
    who: str
    at: datetime


@dataclass(frozen=True, slots=True)
class ToClose:
    """An alarm of which nobody has said what it was; `position` is its place in the log."""

    id: str
    position: int
    site: str
    kind: str
    device: str
    rule: str
    severity: int
    life_safety: bool
    at_ms: int
    payload: dict[str, Any]


async def raised_at(database: Database, transition: str) -> str | None:
    """The site of the alarm that this transition raised; None when it raised none. Raises StorageError."""
    async with database.connection() as connection:
        row = await (await connection.execute(_RAISED, (transition,))).fetchone()
    return row["site"] if row else None


async def close(database: Database, by: Actor, transition: str, cause: Cause, note: str | None) -> Closing | None:
    """
    Say what the alarm was that this transition raised; None when it raised none.

    What was said first stays: the answer has it, whoever it was. Raises StorageError.
    """
    async with database.connection() as connection, connection.transaction():
        if await (await connection.execute(_RAISED, (transition,))).fetchone() is None:
            return None
        fresh = await (await connection.execute(_CLOSE, (transition, str(cause), note, by.who))).fetchone()
        row = await (await connection.execute(_RAISED, (transition,))).fetchone()
        if row is None:
            return None
        if fresh is not None:
            after = {"cause": str(cause), "note": note}
            await write(connection, Deed(by, "alarm.close", transition, row["site"], after=after))
    return Closing(**{**row, "cause": Cause(row["cause"])})


async def to_close(database: Database, site: str, *, before: int | None = None, limit: int = 100) -> list[ToClose]:
    """Alarms of a site of which nobody has said what they were, newest first. Raises StorageError."""
    async with database.connection() as connection:
        rows = await (
            await connection.execute(_OPEN, {"site": site, "before": before, "limit": min(limit, 1000)})
        ).fetchall()
    return [ToClose(**row) for row in rows]


async def by_cause(database: Database, site: str, begin_ms: int, end_ms: int) -> dict[Cause, int]:
    """How many alarms raised in a span were what. Raises StorageError."""
    async with database.connection() as connection:
        rows = await (await connection.execute(_BY_CAUSE, (site, begin_ms, end_ms))).fetchall()
    return {Cause(row["cause"]): row["n"] for row in rows}
