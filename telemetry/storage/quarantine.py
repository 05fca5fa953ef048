"""The quarantine, read back, newest first: what could not be understood, and why."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final, LiteralString

from telemetry.storage.pool import Database, names

MAX_PAGE: Final = 1000

_PAGE: Final[LiteralString] = (
    "SELECT quarantine_id, site, kind, device, topic, reason, detail, boot, seq, length, sha256,"
    " substring(head FROM 1 FOR 512) AS head, count, first_received_at, last_received_at FROM quarantine"
    " WHERE (%(before)s::bigint IS NULL OR quarantine_id < %(before)s)"
    " AND (%(sites)s::text[] IS NULL OR site = ANY(%(sites)s)) AND (%(device)s::text IS NULL OR device = %(device)s)"
    " AND (%(reason)s::text IS NULL OR reason = %(reason)s) ORDER BY quarantine_id DESC LIMIT %(limit)s"
)


@dataclass(frozen=True, slots=True)
class QuarantineRow:
    """One message, once a day, however often it came; `head` is its first 512 bytes."""

    quarantine_id: int
    site: str | None
    kind: str | None
    device: str | None
    topic: str
    reason: str
    detail: str
    boot: str | None
    seq: int | None
    length: int
    sha256: bytes
    head: bytes
    count: int
    first_received_at: datetime
    last_received_at: datetime


async def page(
    database: Database,
    *,
    before: int | None = None,
    sites: Sequence[str] | None = None,
    device: str | None = None,
    reason: str | None = None,
    limit: int = 100,
) -> list[QuarantineRow]:
    """Quarantined messages older than that id. Raises StorageError."""
    parameters = {
        "before": before, "sites": names(sites), "device": device, "reason": reason, "limit": min(limit, MAX_PAGE)
    }  # fmt: skip
    async with database.connection() as connection:
        rows = await (await connection.execute(_PAGE, parameters)).fetchall()
    return [QuarantineRow(**row) for row in rows]
