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
