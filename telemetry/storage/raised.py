"""Alarms of one device that were raised in a span of time: for marks in a chart."""

from dataclasses import dataclass
from typing import Any, Final, LiteralString

from telemetry.storage.pool import Database

MAX_MARKS: Final = 500

_RAISED: Final[LiteralString] = (
    "SELECT at_ms, rule, severity, payload FROM transition WHERE device_id = %s AND at_ms >= %s AND at_ms < %s"
    " AND signal IN ('raise', 'escalate') AND severity >= 2 ORDER BY at_ms DESC LIMIT %s"
)


@dataclass(frozen=True, slots=True)
class Raised:
    """One of them, with its transition as it was published."""

    at_ms: int
    rule: str
    severity: int
    payload: dict[str, Any]


async def raised(database: Database, device_id: int, begin: int, end: int) -> list[Raised]:
    """The newest MAX_MARKS of [begin, end) in Unix ms, newest first. Raises StorageError."""
    async with database.connection() as connection:
        rows = await (await connection.execute(_RAISED, (device_id, begin, end, MAX_MARKS))).fetchall()
    return [Raised(**row) for row in rows]
