"""Who did what, when, from where, before and after: written with the change itself, only ever added to."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, LiteralString

import msgspec
from psycopg.types.json import Jsonb

from telemetry.clock import utc_now
from telemetry.storage.pool import Connection, Database

MAX_PAGE: Final = 1000

_WRITE: Final[LiteralString] = (
    "INSERT INTO audit_log (at, who, organisation, address, action, target, site, before, after)"
    " VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s)"
)
_PAGE: Final[LiteralString] = (
    "SELECT audit_id, at, recorded_at, who, organisation, address, action, target, site, before, after FROM audit_log"
    " WHERE (%(sites)s::text[] IS NULL OR site = ANY(%(sites)s))"
    " AND (%(who)s::text IS NULL OR who = %(who)s) AND (%(action)s::text IS NULL OR action = %(action)s)"
    " AND (%(before)s::bigint IS NULL OR audit_id < %(before)s) ORDER BY audit_id DESC LIMIT %(limit)s"
)


@dataclass(frozen=True, slots=True)
class Actor:
    """Who does it, and from where; `address` is an IP address, or `cli`."""

    who: str
    organisation: str | None = None
    address: str | None = None


@dataclass(frozen=True, slots=True)
class Deed:
    """One thing that was done. `before` and `after` never hold a secret."""

    actor: Actor
    action: str  # a word of a closed set per part, as user.add
    target: str
    site: str | None = None
    before: dict[str, Any] | None = None
    after: dict[str, Any] | None = None
    at: datetime | None = None  # when it was not now


@dataclass(frozen=True, slots=True)
class AuditRow:
    """A line of the log."""

    audit_id: int
    at: datetime
    recorded_at: datetime
    who: str
    organisation: str | None
    address: str | None
    action: str
    target: str
    site: str | None
    before: dict[str, Any] | None
    after: dict[str, Any] | None


def _json(said: dict[str, Any] | None) -> Jsonb | None:
    # Moments and words of ours as JSON has them.
    return None if said is None else Jsonb(msgspec.to_builtins(said))


def line(deed: Deed) -> tuple[LiteralString, tuple[Any, ...]]:
    """What writes a line: a statement and its values, for whichever kind of connection."""
    actor = deed.actor
    return _WRITE, (
        deed.at or utc_now(), actor.who, actor.organisation, actor.address, deed.action, deed.target, deed.site,
        _json(deed.before), _json(deed.after),
    )  # fmt: skip


async def write(connection: Connection, deed: Deed) -> None:
    """Add a line inside the caller's transaction."""
    await connection.execute(*line(deed))


async def note(database: Database, deed: Deed) -> None:
    """Add a line on its own, for what was done elsewhere than in the record. Raises StorageError."""
    async with database.connection() as connection:
        await write(connection, deed)


async def page(
    database: Database,
    *,
    sites: list[str] | None = None,
    who: str | None = None,
    action: str | None = None,
    before: int | None = None,
    limit: int = 100,
) -> list[AuditRow]:
    """The log, newest first; with `sites`, only what was done there. Raises StorageError."""
    asked = {"sites": sites, "who": who, "action": action, "before": before, "limit": min(limit, MAX_PAGE)}
    async with database.connection() as connection:
        rows = await (await connection.execute(_PAGE, asked)).fetchall()
    return [AuditRow(**row) for row in rows]
