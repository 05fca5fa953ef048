"""
The completeness statement: for a device and a day of its site, what was sent and what became of it; and what is
missing now. The numbers are made in `telemetry/storage/balance.py`, days in `dating.py`; here they are fetched.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Any, Final, LiteralString, TypeVar
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from psycopg import sql

from telemetry.clock import to_ms
from telemetry.kinds import KINDS
from telemetry.storage import ledger
from telemetry.storage.balance import Boot, Frames, Hole, count, holes, total
from telemetry.storage.gaps import Gap, open_gaps
from telemetry.storage.holdings import NAMES, Holdings
from telemetry.storage.multirange import Ranges, minus, union, within
from telemetry.storage.pool import Connection, Database

__all__ = [
    "Clock",
    "Day",
    "DeviceHoles",
    "Gap",
    "Of",
    "Statement",
    "day_of",
    "frames",
    "missing",
    "open_gaps",
    "statements",
]

MAX_HOLES: Final = 1_000
DEFAULT_ZONE: Final = "Asia/Shanghai"

# All questions see one moment of the record: ledger, marks and archive belong together.
_SNAPSHOT: Final[LiteralString] = "SET TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY"
_DEVICES: Final[LiteralString] = (
    "SELECT d.device_id, d.site, d.kind, d.device, s.timezone FROM device d JOIN site s USING (site)"
    " WHERE d.site = %(site)s AND (%(kind)s::text IS NULL OR d.kind = %(kind)s)"
    " AND (%(device)s::text IS NULL OR d.device = %(device)s) ORDER BY d.kind, d.device"
)
_NAMED: Final[LiteralString] = "SELECT device_id, site, kind, device FROM device WHERE device_id = ANY(%s)"
# A seq's moment lies between those of its boot's marks: boots whose marks do not reach the span have none in it.
_BOOTS: Final[LiteralString] = (
    "SELECT l.boot_no, b.boot, l.ended, l.ended_at, l.archived, b.first_seen,"  # noqa: S608 - names of ours
    f" {NAMES} FROM frame_ledger l JOIN device_boot b USING (device_id, boot_no)"
    " LEFT JOIN (SELECT boot_no, min(ts_ms) AS begin, max(ts_ms) AS finish FROM seq_mark"
    "  WHERE device_id = %(device_id)s GROUP BY boot_no) AS h USING (boot_no)"
    " WHERE l.device_id = %(device_id)s AND CASE WHEN h.boot_no IS NULL"
    "  THEN b.first_seen >= %(begin)s AND b.first_seen < %(end)s"
    "  ELSE h.begin < %(end_ms)s AND h.finish >= %(begin_ms)s END ORDER BY l.boot_no"
)
_OPEN: Final[LiteralString] = (
    "SELECT l.boot_no, b.boot, l.ended, l.ended_at, l.archived, b.first_seen,"  # noqa: S608 - names of ours
    f" {NAMES} FROM frame_ledger l JOIN device_boot b USING (device_id, boot_no)"
    " WHERE l.device_id = %(device_id)s AND l.gaps ORDER BY l.boot_no"
)
_MARKS: Final[LiteralString] = (
    "SELECT boot_no, seq, ts_ms, received_at FROM seq_mark WHERE device_id = %s AND boot_no = ANY(%s)"
    " ORDER BY boot_no, seq"
)
_ARCHIVES: Final[LiteralString] = (
    "SELECT boot_no, low, high, stored::text, quarantined::text, evaluated::text, reviewed::text, refused::text,"
    " lost::text FROM frame_archive WHERE device_id = %s AND boot_no = ANY(%s) ORDER BY boot_no, low"
)
_LOSSES: Final[LiteralString] = (
    "SELECT boot_no, reason, seqs::text FROM frame_loss WHERE device_id = %s AND boot_no = ANY(%s) ORDER BY loss_id"
)
_MISDATED: Final[LiteralString] = (
    "SELECT boot_no, range_agg(int8range(seq, seq, '[]'))::text AS seqs FROM reading_misdated"
    " WHERE device_id = %s AND boot_no = ANY(%s) GROUP BY boot_no"
)
_REFUSED: Final[LiteralString] = (
    "SELECT boot, reason, range_agg(int8range(seq, seq, '[]'))::text AS seqs FROM quarantine"
    " WHERE site = %s AND kind = %s AND device = %s AND boot = ANY(%s) AND seq IS NOT NULL GROUP BY boot, reason"
)
_UNREADABLE: Final[LiteralString] = (
    "SELECT reason, count(*) AS n FROM quarantine WHERE site = %s AND kind = %s AND device = %s"
    " AND (boot IS NULL OR seq IS NULL) AND first_received_at >= %s AND first_received_at < %s GROUP BY reason"
)
_EVENTS: Final[LiteralString] = (
    "SELECT type, detail, at FROM record_event WHERE at >= %s AND at < %s ORDER BY at LIMIT 100"
)
# A frame's last sample is as old as the frame; only what was evaluated live says how late a clock is, what was sent
# late says how long the link was down.
_CLOCK: Final[LiteralString] = (
    "WITH r AS (SELECT r.boot_no, r.seq, r.i, r.ts, extract(epoch FROM r.ts - r.received_at) * 1000 AS off,"
    "  lead(r.seq) OVER w IS DISTINCT FROM r.seq AND coalesce(l.evaluated @> r.seq, false) AS live,"
    "  lag(r.ts) OVER w AS before, lag(r.seq) OVER w = r.seq AND lag(r.i) OVER w = r.i AS again"
    "  FROM {table} r LEFT JOIN frame_ledger l USING (device_id, boot_no)"
    "  WHERE r.device_id = %(device_id)s AND r.ts >= %(begin)s AND r.ts < %(end)s"
    "  WINDOW w AS (PARTITION BY r.boot_no ORDER BY r.seq, r.i, r.ts)),"
    " s AS (SELECT r.*, off - lag(off) OVER (PARTITION BY boot_no, live ORDER BY seq, i) AS jump FROM r)"
    " SELECT count(*) AS readings, count(*) FILTER (WHERE boot_no = 0) AS by_hand,"
    " count(*) FILTER (WHERE live) AS live, count(*) FILTER (WHERE live AND abs(off) <= 5000) AS near,"
    " percentile_cont(0.5) WITHIN GROUP (ORDER BY off) FILTER (WHERE live) AS median,"
    " count(*) FILTER (WHERE boot_no > 0 AND ts = before AND NOT again) AS repeats,"
    " count(*) FILTER (WHERE boot_no > 0 AND ts < before AND NOT again) AS back,"
    " count(*) FILTER (WHERE boot_no > 0 AND live AND abs(jump) > 5000) AS jumps,"
    " count(*) FILTER (WHERE boot_no > 0 AND again) AS conflicts FROM s"
)
_COVERAGE: Final[LiteralString] = (
    "(SELECT at_ms, level FROM coverage_change WHERE device_id = %(device_id)s AND at_ms < %(begin_ms)s"
    "  ORDER BY at_ms DESC LIMIT 1) UNION ALL (SELECT at_ms, level FROM coverage_change"
    "  WHERE device_id = %(device_id)s AND at_ms >= %(begin_ms)s AND at_ms < %(end_ms)s) ORDER BY at_ms"
)

Row = Mapping[str, Any]
Of = TypeVar("Of", "Statement", "DeviceHoles")


@dataclass(frozen=True, slots=True)
class Day:
    """A day of a site, as moments: [begin, end), 23 to 25 hours."""

    date: date
    zone: str
    begin: datetime
    end: datetime


@dataclass(frozen=True, slots=True)
class Clock:
    """How far the device's clock was off, by the readings of the day that were evaluated live."""

    live: int
    within_5s: int
    median_ms: float | None  # device time less time of receipt; negative by the way through the network alone
    repeats: int  # readings with the time of the one before
    steps_back: int
    jumps: int  # by more than 5 s against our clock, from one frame to the next


@dataclass(frozen=True, slots=True)
class Statement:
    """What became of a day of a device. Of the details: None where they were not asked for."""

    site: str
    kind: str
    device: str
    day: Day
    frames: Frames
    boots: list[tuple[str, Frames]]
    unreadable: dict[str, int]  # messages without a readable boot and seq, by reason, by their day of receipt
    events: list[tuple[datetime, str, dict[str, Any]]]  # what was done to the record on that day
    readings: int | None = None
    by_hand: int | None = None  # of the readings: from frames without boot and seq
    conflicts: int | None = None  # readings that share (boot, seq, i) with another of a different time
    clock: Clock | None = None
    coverage_ms: dict[str, int] | None = None  # by level; the rest of the day nothing was said


@dataclass(frozen=True, slots=True)
class DeviceHoles:
    """What is missing of a device now, at most MAX_HOLES, the oldest boot first."""

    site: str
    kind: str
    device: str
    holes: list[Hole]
    truncated: bool


def day_of(day: date, zone: str) -> Day:
    """A day in a zone; an unknown zone is the default one."""
    try:
        place = ZoneInfo(zone)
    except (ZoneInfoNotFoundError, ValueError):
        zone, place = DEFAULT_ZONE, ZoneInfo(DEFAULT_ZONE)
    begin, end = (datetime.combine(one, time(), place).astimezone(UTC) for one in (day, day + timedelta(days=1)))
    return Day(day, zone, begin, end)


async def statements(
    database: Database, day: date, *, site: str, kind: str | None = None, device: str | None = None, overdue_s: float,
    details: bool,
) -> list[Statement]:  # fmt: skip
    """
    The statement of each device of a site, or of those of one name or kind, in order; none is an empty list.

    `details` counts the readings themselves, their clocks and the coverage: about a second for a day at 5 Hz.
    Raises StorageError.
    """
    found = []
    async with database.connection() as connection, connection.transaction():
        await connection.execute(_SNAPSHOT)
        for row in await _all(connection, _DEVICES, {"site": site, "kind": kind, "device": device}):
            span = day_of(day, row["timezone"])
            found.append(await _statement(connection, row, span, overdue_s=overdue_s, details=details))
    return found


async def missing(
    database: Database, *, site: str, kind: str | None = None, device: str | None = None
) -> list[DeviceHoles]:
    """The holes of the devices of a site, or of those of one name or kind. Raises StorageError."""
    found = []
    async with database.connection() as connection, connection.transaction():
        await connection.execute(_SNAPSHOT)
        for row in await _all(connection, _DEVICES, {"site": site, "kind": kind, "device": device}):
            boots = await _boots(connection, row, await _all(connection, _OPEN, row))
            every = [hole for boot in boots for hole in holes(boot)]
            name = (row["site"], row["kind"], row["device"])
            found.append(DeviceHoles(*name, every[:MAX_HOLES], len(every) > MAX_HOLES))
    return found


async def frames(database: Database, device_ids: Sequence[int], begin: datetime, end: datetime) -> Frames:
    """What became of the frames of these devices in a span. Raises StorageError."""
    found = Frames()
    async with database.connection() as connection, connection.transaction():
        await connection.execute(_SNAPSHOT)
        for row in await _all(connection, _NAMED, (list(device_ids),)):
            span = _span(row, begin, end)
            boots = await _boots(connection, row, await _all(connection, _BOOTS, span))
            found += total(count(boot, span["begin_ms"], span["end_ms"], begin) for boot in boots)
    return found


def _span(row: Row, begin: datetime, end: datetime) -> dict[str, Any]:
    return {
        "device_id": row["device_id"], "begin": begin, "end": end, "begin_ms": to_ms(begin), "end_ms": to_ms(end),
    }  # fmt: skip


async def _statement(connection: Connection, row: Row, day: Day, *, overdue_s: float, details: bool) -> Statement:
    span = _span(row, day.begin, day.end)
    (now,) = [one["now"] for one in await _all(connection, "SELECT now() AS now", {})]
    boots = await _boots(connection, row, await _all(connection, _BOOTS, span))
    overdue = now - timedelta(seconds=overdue_s)
    parts = [(boot.boot, count(boot, span["begin_ms"], span["end_ms"], overdue)) for boot in boots]
    name = (row["site"], row["kind"], row["device"])
    unreadable = await _all(connection, _UNREADABLE, (*name, day.begin, day.end))
    events = await _all(connection, _EVENTS, (day.begin, day.end))
    more: dict[str, Any] = await _details(connection, row["kind"], span, to_ms(now)) if details else {}
    return Statement(
        *name,
        day,
        total(part for _, part in parts),
        [(boot, part) for boot, part in parts if part.sent],
        {one["reason"]: one["n"] for one in unreadable},
        [(one["at"], one["type"], one["detail"]) for one in events],
        **more,
    )


async def _details(connection: Connection, kind: str, span: dict[str, Any], now_ms: int) -> dict[str, Any]:
    changes = await _all(connection, _COVERAGE, span)
    found: dict[str, Any] = {"coverage_ms": _levels(changes, span["begin_ms"], min(span["end_ms"], now_ms))}
    if kind in KINDS:
        query = sql.SQL(_CLOCK).format(table=sql.Identifier(f"reading_{kind}"))
        (row,) = await (await connection.execute(query, span)).fetchall()
        found |= {name: row[name] for name in ("readings", "by_hand", "conflicts")}
        median = None if row["median"] is None else float(row["median"])
        found["clock"] = Clock(row["live"], row["near"], median, row["repeats"], row["back"], row["jumps"])
    return found


def _levels(changes: Sequence[Row], begin: int, end: int) -> dict[str, int]:
    """How long each level held, in ms, from the changes of [begin, end) and the last one before it."""
    found: dict[str, int] = {}
    for k, change in enumerate(changes):
        until = changes[k + 1]["at_ms"] if k + 1 < len(changes) else end
        held = min(until, end) - max(change["at_ms"], begin)
        if held > 0:
            found[change["level"]] = found.get(change["level"], 0) + held
    return found


async def _boots(connection: Connection, device: Row, rows: Sequence[Row]) -> list[Boot]:
    """The boots of these rows of the ledger, with all that is known of each."""
    if not rows:
        return []
    numbers = (device["device_id"], [row["boot_no"] for row in rows])
    marks: dict[int, list[tuple[int, int, datetime]]] = {}
    for one in await _all(connection, _MARKS, numbers):
        marks.setdefault(one["boot_no"], []).append((one["seq"], one["ts_ms"], one["received_at"]))
    archives: dict[int, list[Row]] = {}
    for one in await _all(connection, _ARCHIVES, numbers):
        archives.setdefault(one["boot_no"], []).append(one)
    losses: dict[int, dict[str, Ranges]] = {}
    for one in await _all(connection, _LOSSES, numbers):
        _join(losses.setdefault(one["boot_no"], {}), one["reason"], one["seqs"])
    misdated = {one["boot_no"]: ledger.parse(one["seqs"]) for one in await _all(connection, _MISDATED, numbers)}
    refused: dict[str, dict[str, Ranges]] = {}
    name = (device["site"], device["kind"], device["device"], [row["boot"] for row in rows])
    for one in await _all(connection, _REFUSED, name):
        _join(refused.setdefault(one["boot"], {}), one["reason"], one["seqs"])
    return [
        Boot(
            boot=row["boot"],
            held=_held(row, archives.get(row["boot_no"], [])),
            heard_ms=to_ms(row["first_seen"]),
            marks=marks.get(row["boot_no"], []),
            misdated=misdated.get(row["boot_no"], []),
            refused=refused.get(row["boot"], {}),
            losses=losses.get(row["boot_no"], {}),
        )
        for row in rows
    ]


def _join(found: dict[str, Ranges], reason: str, seqs: str) -> None:
    found[reason] = union(found.get(reason, []), ledger.parse(seqs))


def _held(row: Row, archives: Sequence[Row]) -> Holdings:
    """The ledger's row, with what the archive says put in the place of what it left behind."""
    columns = {}
    for name in ("stored", "quarantined", "evaluated", "reviewed", "refused", "lost"):
        own = minus(ledger.parse(row[name]), [(1, row["archived"])] if row["archived"] else [])
        kept = (within(ledger.parse(one[name]), one["low"], one["high"]) for one in archives)
        columns[name] = union(own, *kept)
    return Holdings(
        **columns, ended=row["ended"], ended_at=row["ended_at"], archived=row["archived"], first_seen=row["first_seen"]
    )


async def _all(connection: Connection, query: LiteralString, parameters: Any) -> list[dict[str, Any]]:
    return await (await connection.execute(query, parameters)).fetchall()
