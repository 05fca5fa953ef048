"""The alarm record, read back: what is not normal now, and every transition, newest first."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, LiteralString

from telemetry.storage.pool import Database, names

MAX_PAGE: Final = 1000

_CURRENT: Final[LiteralString] = (
    "SELECT d.site, d.kind, d.device, a.rule, a.transition_id, a.state, a.severity, a.at_ms, a.since_ms,"
    " a.life_safety, a.payload, a.updated_at FROM alarm a JOIN device d USING (device_id)"
    " WHERE a.state <> 'normal' AND (%(site)s::text IS NULL OR d.site = %(site)s)"
    " AND (%(device)s::text IS NULL OR d.device = %(device)s)"
    " ORDER BY a.severity DESC, a.since_ms DESC LIMIT 10000"
)
_TRANSITIONS: Final[LiteralString] = (
    "SELECT t.position, t.recorded_at, t.payload, v.verdict, v.payload AS as_reviewed"
    " FROM transition t JOIN device d USING (device_id) LEFT JOIN transition_review v ON v.transition_id = t.id"
    " WHERE (%(origin)s::text IS NULL OR t.origin = %(origin)s)"
    " AND (%(before)s::bigint IS NULL OR t.position < %(before)s)"
    " AND (%(sites)s::text[] IS NULL OR d.site = ANY(%(sites)s))"
    " AND (%(device)s::text IS NULL OR d.device = %(device)s)"
    " AND (%(rule)s::text IS NULL OR t.rule = %(rule)s) ORDER BY t.position DESC LIMIT %(limit)s"
)
_HORIZON: Final[LiteralString] = (
    "SELECT coalesce(max(position), 0) AS last, pg_snapshot_xmin(pg_current_snapshot())::text::bigint AS low,"
    " pg_snapshot_xmax(pg_current_snapshot())::text::bigint AS high FROM transition"
)
_AFTER: Final[LiteralString] = (
    "SELECT t.position, d.site, d.kind, d.device, t.id, t.payload FROM transition t JOIN device d USING (device_id)"
    " WHERE t.position > %(after)s AND t.position <= %(upto)s"
    " AND (%(sites)s::text[] IS NULL OR d.site = ANY(%(sites)s))"
    " AND (%(devices)s::text[] IS NULL OR d.device = ANY(%(devices)s)) ORDER BY t.position LIMIT %(limit)s"
)


@dataclass(frozen=True, slots=True)
class AlarmRow:
    """An alarm that is not normal, as recorded."""

    site: str
    kind: str
    device: str
    rule: str
    transition_id: str
    state: str
    severity: int
    at_ms: int
    since_ms: int
    life_safety: bool
    payload: dict[str, Any]
    updated_at: datetime


@dataclass(frozen=True, slots=True)
class TransitionRow:
    """One transition as it was published, and its place in the record."""

    position: int
    recorded_at: datetime
    payload: dict[str, Any]
    verdict: str | None  # of the last review: not_reproduced or changed
    as_reviewed: dict[str, Any] | None


async def current(database: Database, *, site: str | None = None, device: str | None = None) -> list[AlarmRow]:
    """Alarms that are not normal, worst first. Raises StorageError."""
    async with database.connection() as connection:
        rows = await (await connection.execute(_CURRENT, {"site": site, "device": device})).fetchall()
    return [AlarmRow(**row) for row in rows]


async def transitions(
    database: Database,
    *,
    before: int | None = None,
    sites: Sequence[str] | None = None,
    device: str | None = None,
    rule: str | None = None,
    origin: str | None = None,
    limit: int = 100,
) -> list[TransitionRow]:
    """Transitions of these sites (None: all) recorded before that position, newest first. Raises StorageError."""
    parameters = {"before": before, "sites": names(sites), "device": device, "rule": rule, "origin": origin,
                  "limit": min(limit, MAX_PAGE)}  # fmt: skip
    async with database.connection() as connection:
        rows = await (await connection.execute(_TRANSITIONS, parameters)).fetchall()
    return [TransitionRow(**row) for row in rows]


@dataclass(frozen=True, slots=True)
class Horizon:
    """How far the record goes in one view of it: its last position, and which transactions it can and cannot see."""

    last: int
    low: int  # every transaction below this one has ended
    high: int  # no transaction from this one on had begun to write


@dataclass(frozen=True, slots=True)
class Recorded:
    """A transition with its position and whose it is."""

    position: int
    site: str
    kind: str
    device: str
    id: str
    payload: dict[str, Any]


async def horizon(database: Database) -> Horizon:
    """How far the record goes now. Raises StorageError."""
    async with database.connection() as connection:
        [row] = await (await connection.execute(_HORIZON)).fetchall()
    return Horizon(**row)


async def after(
    database: Database,
    position: int,
    upto: int,
    *,
    sites: Sequence[str] | None = None,
    devices: Sequence[str] | None = None,
    limit: int = 500,
) -> list[Recorded]:
    """Transitions of these sites and devices (None: all) in `(position, upto]`, oldest first. Raises StorageError."""
    parameters = {"after": position, "upto": upto, "sites": names(sites), "devices": names(devices),
                  "limit": min(limit, MAX_PAGE)}  # fmt: skip
    async with database.connection() as connection:
        rows = await (await connection.execute(_AFTER, parameters)).fetchall()
    return [Recorded(**row) for row in rows]
