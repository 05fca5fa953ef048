"""
Work cycles, stored and read back: those that were recognised from readings, and those that boxes count themselves.

Rule 1: a total is of recognised cycles alone, as the last review has them; what a box counted stands beside it.
Rule 2: what a box says of a cycle is kept as it said it.
"""

import contextlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, LiteralString

import msgspec

from telemetry.storage.pool import Database
from telemetry.usage import BINS, Bin
from telemetry.wire.cycle import Cycle
from telemetry.wire.payloads import Design

MAX_PAGE: Final = 1000
MAX_DAYS: Final = 400
DAY_MS: Final = 86_400_000

DeviceKey = tuple[str, str, str]

TOLD: Final[LiteralString] = (
    "INSERT INTO work_cycle (device_id, id, ts_ms, data, received_at, origin)"
    " VALUES (%s, %s, %s, %s, %s, 'device') ON CONFLICT (device_id, id) WHERE origin = 'device' DO NOTHING"
)
RECOGNISED: Final[LiteralString] = (
    "INSERT INTO work_cycle (device_id, id, ts_ms, data, received_at, origin, load_pct, operator)"
    # What the review wrote before it was heard of live stays: the review has read at least as much.
    " VALUES (%s, %s, %s, %s, now(), %s, %s, %s) ON CONFLICT (device_id, id) WHERE origin <> 'device' DO NOTHING"
)
_PAGE: Final[LiteralString] = (
    "SELECT w.position, w.id, w.origin, w.ts_ms, w.received_at, w.data, v.verdict, v.payload AS as_reviewed,"
    " d.site, d.kind, d.device FROM work_cycle w JOIN device d USING (device_id)"
    " LEFT JOIN work_cycle_review v ON w.origin <> 'device' AND v.device_id = w.device_id AND v.id = w.id"
    " WHERE w.device_id = %(device)s AND (%(before)s::bigint IS NULL OR w.position < %(before)s)"
    " AND (%(origin)s::text IS NULL OR (%(origin)s = 'device') = (w.origin = 'device'))"
    " AND (%(since)s::bigint IS NULL OR w.ts_ms >= %(since)s) AND (%(until)s::bigint IS NULL OR w.ts_ms < %(until)s)"
    " ORDER BY w.position DESC LIMIT %(limit)s"
)
# As the last review has them: what it did not reproduce is left out, what it has otherwise is as it has it.
_COUNTED: Final[LiteralString] = (
    "WITH counted AS (SELECT w.ts_ms, w.operator, CASE WHEN v.verdict = 'changed'"
    " THEN (v.payload->>'load_pct')::float8 ELSE w.load_pct::float8 END AS pct"
    " FROM work_cycle w LEFT JOIN work_cycle_review v ON v.device_id = w.device_id AND v.id = w.id"
    " WHERE w.device_id = %(device)s AND w.origin <> 'device' AND w.ts_ms >= %(since)s AND w.ts_ms < %(until)s"
    " AND v.verdict IS DISTINCT FROM 'not_reproduced')"
)
_BINS: Final[LiteralString] = (
    _COUNTED + " SELECT CASE WHEN pct IS NULL THEN NULL WHEN pct > 100 THEN %(bins)s"  # noqa: S608 - constants of ours
    " ELSE least(%(bins)s - 1, greatest(0, floor(pct * %(bins)s / 100))) END::integer AS bin, count(*) AS n,"
    " coalesce(sum(power(greatest(pct, 0) / 100, 3)), 0)::float8 AS weight, min(ts_ms) AS first, max(ts_ms) AS last"
    " FROM counted GROUP BY 1"
)
_BY_DAY: Final[LiteralString] = (
    _COUNTED + " SELECT (to_timestamp(ts_ms / 1000.0) AT TIME ZONE %(zone)s)::date::text AS name, count(*) AS n"  # noqa: S608 - constants of ours
    " FROM counted GROUP BY 1 ORDER BY 1"
)
_BY_OPERATOR: Final[LiteralString] = (
    _COUNTED + " SELECT coalesce(operator, '') AS name, count(*) AS n FROM counted GROUP BY 1 ORDER BY 2 DESC, 1"  # noqa: S608 - constants of ours
    " LIMIT 1000"
)
_DESIGNED: Final[LiteralString] = (
    "SELECT device_id, site, kind, device, config->'design' AS design FROM device"
    " WHERE config->'design' IS NOT NULL AND config->'design' <> 'null' ORDER BY device_id"
)
_TOLD_COUNT: Final[LiteralString] = (
    "SELECT count(*) AS n FROM work_cycle WHERE device_id = %(device)s AND origin = 'device'"
    " AND ts_ms >= %(since)s AND ts_ms < %(until)s"
)


@dataclass(frozen=True, slots=True)
class CycleRow:
    """One cycle as it was recorded, and what the last review says of it."""

    position: int
    id: str
    origin: str
    ts_ms: int
    received_at: datetime
    data: dict[str, Any]
    verdict: str | None
    as_reviewed: dict[str, Any] | None
    site: str
    kind: str
    device: str


@dataclass(frozen=True, slots=True)
class Designed:
    """A crane whose design life is stated."""

    device_id: int
    key: DeviceKey
    design: Design


@dataclass(frozen=True, slots=True)
class Counted:
    """Recognised cycles of one crane, by tenths of its largest load; `told` is what its box counted."""

    bins: list[Bin]
    unweighed: int
    first_ms: int | None
    last_ms: int | None
    told: int


def recognised_row(device: int, cycle: Cycle) -> tuple[Any, ...]:
    """The parameters of `RECOGNISED`."""
    return (
        device, cycle.id, cycle.end, msgspec.json.encode(cycle).decode(), str(cycle.origin), cycle.load_pct,
        cycle.operator,
    )  # fmt: skip


async def designed(database: Database) -> list[Designed]:
    """Every crane whose design life is stated, and can be read. Raises StorageError."""
    async with database.connection() as connection:
        rows = await (await connection.execute(_DESIGNED)).fetchall()
    found: list[Designed] = []
    for row in rows:
        # A row that somebody wrote by hand must not end the review of everybody else.
        with contextlib.suppress(msgspec.ValidationError):
            design = msgspec.convert(row["design"], Design)
            found.append(Designed(row["device_id"], (row["site"], row["kind"], row["device"]), design))
    return found


async def page(
    database: Database,
    device_id: int,
    *,
    before: int | None = None,
    origin: str | None = None,
    since_ms: int | None = None,
    until_ms: int | None = None,
    limit: int = 100,
) -> list[CycleRow]:
    """Cycles recorded before that position, newest first; `origin` device, or any other for ours. StorageError."""
    parameters = {"device": device_id, "before": before, "origin": origin, "since": since_ms, "until": until_ms,
                  "limit": min(limit, MAX_PAGE)}  # fmt: skip
    async with database.connection() as connection:
        rows = await (await connection.execute(_PAGE, parameters)).fetchall()
    return [CycleRow(**row) for row in rows]


async def counted(database: Database, device_id: int, since_ms: int = 0, until_ms: int = 2**62) -> Counted:
    """The spectrum of a crane's recognised cycles between two times, the later one excluded. Raises StorageError."""
    parameters = {"device": device_id, "since": since_ms, "until": until_ms, "bins": BINS}
    async with database.connection() as connection:
        rows = await (await connection.execute(_BINS, parameters)).fetchall()
        told = await (await connection.execute(_TOLD_COUNT, parameters)).fetchone()
    found = {row["bin"]: row for row in rows}
    bins = [Bin(found[k]["n"], found[k]["weight"]) if k in found else Bin(0, 0.0) for k in range(BINS + 1)]
    return Counted(
        bins, found[None]["n"] if None in found else 0,
        min((row["first"] for row in rows), default=None), max((row["last"] for row in rows), default=None),
        told["n"] if told is not None else 0,
    )  # fmt: skip


async def by_day(database: Database, device_id: int, since_ms: int, until_ms: int, zone: str) -> dict[str, int]:
    """Cycles by the local day on which they ended, for at most MAX_DAYS. Raises StorageError."""
    since_ms = max(since_ms, until_ms - MAX_DAYS * DAY_MS)
    return await _counts(database, _BY_DAY, {"device": device_id, "since": since_ms, "until": until_ms, "zone": zone})


async def by_operator(database: Database, device_id: int, since_ms: int = 0, until_ms: int = 2**62) -> dict[str, int]:
    """Cycles by the operator's pseudonym, '' where none was told. Raises StorageError."""
    return await _counts(database, _BY_OPERATOR, {"device": device_id, "since": since_ms, "until": until_ms})


async def _counts(database: Database, query: LiteralString, parameters: dict[str, Any]) -> dict[str, int]:
    async with database.connection() as connection:
        rows: Sequence[Any] = await (await connection.execute(query, parameters)).fetchall()
    return {row["name"]: row["n"] for row in rows}
