"""
What the review of late data reads and writes.

Rule 1: what a review found is one transaction: transitions, annotations, the ledger, the review itself.
Rule 2: a device's history is read by time, which is where its index is; marks say where in time a frame is.
"""

import json
from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, LiteralString

import msgspec
from psycopg import AsyncConnection, sql
from psycopg.rows import DictRow

from telemetry.clock import to_datetime
from telemetry.kinds import KINDS
from telemetry.storage import cycle_review, ledger
from telemetry.storage.marks import APART_MS
from telemetry.storage.multirange import Ranges, minus, size, union, within
from telemetry.storage.notes import TRANSITION, transition_row
from telemetry.storage.pool import Database, names
from telemetry.storage.stored import frames_of, row_of_misdated
from telemetry.wire.cycle import Cycle
from telemetry.wire.frames import Frame
from telemetry.wire.payloads import Finding, Terms, Transition

MAX_LATE: Final = 100_000  # ledger rows looked at in one round; those with the lowest device first
LOCK: Final = 0x63727677  # "crvw"
MAX_ROWS: Final = 400_000  # samples of one review

# All boots that a device ever had are too many to look at every ten seconds: the newest ones, and those that are known.
_EVERY: Final[LiteralString] = "SELECT device_id, boot_no FROM frame_ledger"
_RECENT: Final[LiteralString] = (
    "SELECT d.device_id, r.boot_no FROM device d CROSS JOIN LATERAL (SELECT boot_no FROM frame_ledger f"
    " WHERE f.device_id = d.device_id ORDER BY boot_no DESC LIMIT 8) AS r"
    " UNION SELECT * FROM unnest(%(devices)s::integer[], %(boots)s::integer[])"
)
_LATE: Final[LiteralString] = (
    "SELECT l.device_id, l.boot_no, d.site, d.kind, d.device, b.boot,"  # noqa: S608 - constants of ours
    f" ({ledger.LATE})::text AS late, upper(l.evaluated) AS evaluated_to"
    " FROM frame_ledger l JOIN device d USING (device_id) JOIN device_boot b USING (device_id, boot_no)"
    " JOIN looked USING (device_id, boot_no)"
    f" WHERE {ledger.IS_LATE} ORDER BY l.device_id, l.boot_no LIMIT %(limit)s"
)
_STARTS: Final[LiteralString] = (
    "SELECT t.device_id, d.site, d.kind, d.device, b.boot, t.seq, t.position"
    " FROM evaluation_terms t JOIN device d USING (device_id) JOIN device_boot b USING (device_id, boot_no)"
    " WHERE t.start AND NOT t.reviewed AND EXISTS (SELECT FROM evaluation_terms e"
    "  WHERE e.device_id = t.device_id AND e.start AND e.position < t.position)"
    " ORDER BY t.device_id, t.position LIMIT 10000"
)
_UNSETTLED: Final[LiteralString] = (
    "SELECT DISTINCT ON (r.device_id) r.review_id, r.device_id, d.site, d.kind, d.device, r.late,"
    " extract(epoch FROM now() - r.finished_at)::float8 AS age_s,"
    " (SELECT count(*) FROM review n WHERE n.device_id = r.device_id AND n.late = r.late)::integer AS times"
    " FROM review r JOIN device d USING (device_id) WHERE NOT r.settled"
    " ORDER BY r.device_id, r.review_id DESC LIMIT 10000"
)
_BOOTS: Final[LiteralString] = (
    "SELECT b.boot_no, b.boot, l.stored::text AS stored, l.evaluated::text AS evaluated, l.archived"
    " FROM device_boot b JOIN frame_ledger l USING (device_id, boot_no) WHERE b.device_id = %s ORDER BY b.boot_no"
)
_SPAN: Final[LiteralString] = (
    "SELECT min(ts_ms) AS low, max(ts_ms) AS high FROM seq_mark WHERE device_id = %(device)s AND boot_no = %(boot)s"
    " AND seq >= coalesce((SELECT max(seq) FROM seq_mark"
    "  WHERE device_id = %(device)s AND boot_no = %(boot)s AND seq <= %(low)s), 0)"
    " AND seq <= coalesce((SELECT min(seq) FROM seq_mark"
    "  WHERE device_id = %(device)s AND boot_no = %(boot)s AND seq >= %(high)s), 9223372036854775807)"
)
_FIRST: Final[LiteralString] = (
    "SELECT min(ts_ms) AS first FROM seq_mark WHERE device_id = %(device)s AND boot_no = %(boot)s"
)
_TERMS: Final[LiteralString] = "SELECT payload FROM evaluation_terms WHERE device_id = %s ORDER BY position"
# Answers and derived transitions since a time, and of each rule the last one before it.
_LOG: Final[LiteralString] = (
    "WITH own AS (SELECT t.position, t.rule, t.id, t.at_ms, t.payload FROM transition t WHERE t.device_id = %(device)s"
    "  AND (NOT t.observed OR t.payload ? 'after'))"
    " SELECT o.payload, v.verdict, v.payload AS changed FROM ("
    "  SELECT * FROM own WHERE at_ms >= %(since)s"
    "  UNION (SELECT DISTINCT ON (rule) * FROM own WHERE at_ms < %(since)s ORDER BY rule, at_ms DESC, position DESC)"
    " ) AS o LEFT JOIN transition_review v ON v.transition_id = o.id ORDER BY o.position"
)
_REVIEW: Final[LiteralString] = (
    "INSERT INTO review (device_id, from_ms, to_ms, late, frames, samples, added, not_reproduced, settled, refusal,"
    " finding) VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s) RETURNING review_id"
)
_VERDICT: Final[LiteralString] = (
    "INSERT INTO transition_review (transition_id, review_id, verdict, payload) VALUES (%s, %s, %s, %s)"
    " ON CONFLICT (transition_id) DO UPDATE SET review_id = EXCLUDED.review_id, verdict = EXCLUDED.verdict,"
    " payload = EXCLUDED.payload"
)
_AGREED: Final[LiteralString] = "DELETE FROM transition_review WHERE transition_id = ANY(%s)"
_STARTED: Final[LiteralString] = (
    "UPDATE evaluation_terms SET reviewed = true WHERE device_id = %s AND position = ANY(%s)"
)
_SUPERSEDED: Final[LiteralString] = "UPDATE review SET settled = true WHERE device_id = %s AND NOT settled"
_OF_BOOT: Final[LiteralString] = (
    " FROM device_boot b WHERE l.device_id = %s AND b.device_id = l.device_id AND b.boot_no = l.boot_no AND b.boot = %s"
)
_LEDGER: Final[dict[str, LiteralString]] = {
    "reviewed": "UPDATE frame_ledger l SET reviewed = l.reviewed + %s::int8multirange" + _OF_BOOT,  # noqa: S608 - constants of ours
    "refused": "UPDATE frame_ledger l SET refused = l.refused + %s::int8multirange" + _OF_BOOT,  # noqa: S608 - constants of ours
}
_DONE: Final[LiteralString] = (
    "SELECT r.review_id, d.site, d.kind, d.device, r.finished_at, r.from_ms, r.to_ms, r.late, r.frames, r.samples,"
    " r.added, r.not_reproduced, r.settled, r.refusal FROM review r JOIN device d USING (device_id)"
    " WHERE (%(before)s::bigint IS NULL OR r.review_id < %(before)s)"
    " AND (%(sites)s::text[] IS NULL OR d.site = ANY(%(sites)s))"
    " AND (%(device)s::text IS NULL OR d.device = %(device)s) ORDER BY r.review_id DESC LIMIT %(limit)s"
)
_FINDINGS: Final[LiteralString] = (
    "SELECT DISTINCT ON (r.device_id) d.site, d.kind, d.device, r.finding FROM review r JOIN device d USING (device_id)"
    " WHERE r.finding IS NOT NULL AND r.finished_at > now() - make_interval(secs => %s)"
    " ORDER BY r.device_id, r.review_id DESC"
)

Connection = AsyncConnection[DictRow]
DeviceKey = tuple[str, str, str]


@dataclass(frozen=True, slots=True)
class Late:
    """One boot with frames that are stored and neither evaluated nor reviewed nor refused."""

    device_id: int
    boot_no: int
    key: DeviceKey
    boot: str
    ranges: Ranges
    evaluated_to: int  # the highest seq of the boot that was evaluated live; 0 when none was


@dataclass(frozen=True, slots=True)
class Start:
    """A place behind which a device was evaluated without memory of what was before."""

    device_id: int
    key: DeviceKey
    boot: str
    seq: int
    position: int


@dataclass(frozen=True, slots=True)
class Unsettled:
    """A review that ended where nothing more was stored."""

    review_id: int
    device_id: int
    key: DeviceKey
    late: dict[str, Ranges]
    age_s: float
    times: int


@dataclass(frozen=True, slots=True)
class Stretch:
    """A part of a device's stored history."""

    boots: list[str]  # in the device's order
    frames: list[tuple[Frame, int]]
    terms: list[Terms]
    log: list[tuple[Transition, str | None, Transition | None]]  # with the last review's verdict on it
    whole: bool  # from the device's first frame on
    lacking: Ranges  # frames that the ledger has in here and that were not found
    cut: bool  # there are more than MAX_ROWS samples
    evaluated: dict[str, Ranges]  # live, by boot
    cycles: list[tuple[Cycle, str | None, Cycle | None]]  # work cycles, with the last review's verdict


async def late(database: Database, known: Iterable[Late] | None = None) -> list[Late]:
    """
    Boots with late frames, in order of device and boot, at most MAX_LATE.

    Every boot is looked at; with `known`, an earlier answer, only those and each device's newest eight. Raises
    StorageError.
    """
    before = list(known or ())
    query = "WITH looked AS (" + (_EVERY if known is None else _RECENT) + ") " + _LATE
    parameters = {
        "limit": MAX_LATE, "devices": [one.device_id for one in before], "boots": [one.boot_no for one in before]
    }  # fmt: skip
    async with database.connection() as connection:
        rows = await (await connection.execute(query, parameters)).fetchall()
    return [
        Late(row["device_id"], row["boot_no"], (row["site"], row["kind"], row["device"]), row["boot"],
             ledger.parse(row["late"]), (row["evaluated_to"] or 1) - 1)
        for row in rows
    ]  # fmt: skip


async def starts(database: Database) -> list[Start]:
    """Where devices were begun anew and nobody has looked at it yet. Raises StorageError."""
    async with database.connection() as connection:
        rows = await (await connection.execute(_STARTS)).fetchall()
    return [
        Start(row["device_id"], (row["site"], row["kind"], row["device"]), row["boot"], row["seq"], row["position"])
        for row in rows
    ]


async def unsettled(database: Database) -> list[Unsettled]:
    """The last review of each device that has one to be done again. Raises StorageError."""
    async with database.connection() as connection:
        rows = await (await connection.execute(_UNSETTLED)).fetchall()
    return [
        Unsettled(row["review_id"], row["device_id"], (row["site"], row["kind"], row["device"]),
                  {boot: [(low, high) for low, high in ranges] for boot, ranges in row["late"].items()},
                  row["age_s"], row["times"])
        for row in rows
    ]  # fmt: skip


async def sites(database: Database) -> list[str]:
    """Every site that has a device. Raises StorageError."""
    async with database.connection() as connection:
        rows = await (await connection.execute("SELECT DISTINCT site FROM device ORDER BY site")).fetchall()
    return [row["site"] for row in rows]


@dataclass(frozen=True, slots=True)
class Done:
    """A review that was done, or refused."""

    review_id: int
    site: str
    kind: str
    device: str
    finished_at: datetime
    from_ms: int | None
    to_ms: int | None
    late: dict[str, Ranges]
    frames: int
    samples: int
    added: int
    not_reproduced: int
    settled: bool
    refusal: str | None


async def done(
    database: Database,
    *,
    sites: Sequence[str] | None = None,
    device: str | None = None,
    before: int | None = None,
    limit: int = 100,
) -> list[Done]:
    """Reviews with a number below `before`, newest first. Raises StorageError."""
    parameters = {"sites": names(sites), "device": device, "before": before, "limit": min(limit, 1000)}
    async with database.connection() as connection:
        rows = await (await connection.execute(_DONE, parameters)).fetchall()
    return [Done(**row) for row in rows]


async def findings(database: Database, within_s: float) -> dict[DeviceKey, Finding]:
    """What recent reviews found that a person must hear of. Raises StorageError."""
    async with database.connection() as connection:
        rows = await (await connection.execute(_FINDINGS, (within_s,))).fetchall()
    return {(row["site"], row["kind"], row["device"]): msgspec.convert(row["finding"], Finding) for row in rows}


@asynccontextmanager
async def reader(database: Database, device_id: int, kind: str) -> AsyncIterator["Reader"]:
    """A reader of one device's history, in one snapshot of the database. Raises StorageError."""
    async with database.connection() as connection, connection.transaction():
        await connection.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
        yield Reader(connection, device_id, kind)


@asynccontextmanager
async def alone(database: Database) -> AsyncIterator[bool]:
    """Whether no other review works on this database; it keeps others out for as long as the block lasts."""
    async with database.connection() as connection:
        row = await (await connection.execute("SELECT pg_try_advisory_lock(%s) AS got", (LOCK,))).fetchone()
        got = row is not None and bool(row["got"])
        try:
            yield got
        finally:
            if got and not connection.closed:
                await connection.execute("SELECT pg_advisory_unlock(%s)", (LOCK,))


class Reader:
    """The history of one device."""

    def __init__(self, connection: Connection, device_id: int, kind: str) -> None:
        self._connection = connection
        self._device = device_id
        self._kind = kind
        self._boots: dict[int, str] = {}
        self._stored: dict[int, Ranges] = {}
        self._archived: dict[int, int] = {}
        self._evaluated: dict[int, Ranges] = {}
        self._unheard: set[int] = set()

    async def span(self, ranges: Mapping[str, Ranges]) -> tuple[int, int] | None:
        """Between which device times (Unix ms) these frames lie, to an hour; None when nothing says where."""
        await self._learn()
        found: list[tuple[int, int]] = []
        for number, boot in self._boots.items():
            for low, high in ranges.get(boot, ()):
                row = await self._one(_SPAN, {"device": self._device, "boot": number, "low": low, "high": high})
                if row is not None and row["low"] is not None:
                    found.append((row["low"] - APART_MS, row["high"] + APART_MS))
        return (min(low for low, _ in found), max(high for _, high in found)) if found else None

    async def log(self, since_ms: int) -> list[tuple[Transition, str | None, Transition | None]]:
        """Derived transitions and answers from a time on, with the last one of each rule before it."""
        rows = await (await self._connection.execute(_LOG, {"device": self._device, "since": since_ms})).fetchall()
        return [
            (
                msgspec.convert(row["payload"], Transition),
                row["verdict"],
                msgspec.convert(row["changed"], Transition) if row["changed"] is not None else None,
            )
            for row in rows
        ]

    async def stretch(self, since_ms: int, until_ms: int) -> Stretch:
        """Everything between these device times, both included. Raises ValueError when a frame lacks a sample."""
        await self._learn()
        kind = KINDS[self._kind]
        names = sql.SQL(", ").join(sql.Identifier(channel.name) for channel in kind.channels)
        query = sql.SQL(
            "SELECT ts, received_at, boot_no, seq, i, invalid, {names} FROM {table}"
            " WHERE device_id = %s AND ts >= %s AND ts <= %s AND boot_no > 0 ORDER BY ts LIMIT %s"
        ).format(names=names, table=sql.Identifier(f"reading_{kind.name}"))
        bounds = (to_datetime(max(0, since_ms)), to_datetime(until_ms))
        cursor = await self._connection.execute(query, (self._device, *bounds, MAX_ROWS + 1))
        rows: list[Mapping[str, Any]] = list(await cursor.fetchall())
        cut = len(rows) > MAX_ROWS
        found: dict[int, list[int]] = {}
        for row in rows:
            found.setdefault(row["boot_no"], []).append(row["seq"])
        rows += await self._misdated(found)
        frames = frames_of(self._kind, rows, self._boots)
        lacking: Ranges = []
        whole = True
        numbers = {boot: number for number, boot in self._boots.items()}
        have: dict[int, list[tuple[int, int]]] = {}
        for frame, _ in frames:
            if frame.boot is not None and frame.seq is not None:
                have.setdefault(numbers[frame.boot], []).append((frame.seq, frame.seq))
        for number, ones in have.items():
            own = union(ones)
            # Up to `archived` the ledger says stored of everything, whatever it was: see `losses`.
            low = max(own[0][0], self._archived[number] + 1)
            lacking += minus(within(self._stored[number], low, own[-1][1]), own)
            whole = whole and self._stored[number][0][0] >= own[0][0]
        order = await self._order()
        first = min((order.index(number) for number in have), default=0)
        whole = whole and first == 0
        terms = await (await self._connection.execute(_TERMS, (self._device,))).fetchall()
        return Stretch(
            [self._boots[number] for number in order], frames,
            [msgspec.convert(row["payload"], Terms) for row in terms],
            await self.log(0 if whole else since_ms), whole, lacking, cut,
            {self._boots[number]: ranges for number, ranges in self._evaluated.items()},
            await cycle_review.known(self._connection, self._device, 0 if whole else since_ms),
        )  # fmt: skip

    async def _misdated(self, found: Mapping[int, Sequence[int]]) -> list[Mapping[str, Any]]:
        """Samples of the same stretch of seq whose time could not be believed."""
        rows: list[Mapping[str, Any]] = []
        for number, seqs in found.items():
            cursor = await self._connection.execute(
                "SELECT ts_ms, received_at, boot_no, seq, i, invalid, sample FROM reading_misdated"
                " WHERE device_id = %s AND boot_no = %s AND seq BETWEEN %s AND %s LIMIT %s",
                (self._device, number, min(seqs), max(seqs), MAX_ROWS),
            )
            rows += [row_of_misdated(row) for row in await cursor.fetchall()]
        return rows

    async def _learn(self) -> None:
        if not self._boots:
            for row in await (await self._connection.execute(_BOOTS, (self._device,))).fetchall():
                self._boots[row["boot_no"]] = row["boot"]
                self._stored[row["boot_no"]] = ledger.parse(row["stored"])
                self._archived[row["boot_no"]] = row["archived"]
                self._evaluated[row["boot_no"]] = ledger.parse(row["evaluated"])
                if not self._evaluated[row["boot_no"]]:
                    self._unheard.add(row["boot_no"])

    async def _order(self) -> list[int]:
        """
        The boots in the device's order.

        Those that were heard live are numbered in that order; one that came late as a whole stands where its time is.
        """
        order = [number for number in self._boots if number not in self._unheard]
        times = {number: await self._first_ms(number) for number in self._boots} if self._unheard else {}
        for number in sorted(self._unheard, key=lambda number: (times[number], number)):
            later = (place for place, other in enumerate(order) if times[other] > times[number])
            order.insert(next(later, len(order)), number)
        return order

    async def _first_ms(self, number: int) -> int:
        row = await self._one(_FIRST, {"device": self._device, "boot": number})
        return int(row["first"]) if row is not None and row["first"] is not None else 0

    async def _one(self, query: LiteralString, parameters: Mapping[str, Any]) -> DictRow | None:
        return await (await self._connection.execute(query, parameters)).fetchone()


async def settle(
    database: Database,
    device_id: int,
    late: Mapping[str, Ranges],
    *,
    positions: Sequence[int] = (),
    added: Sequence[Transition] = (),
    changed: Sequence[Transition] = (),
    not_reproduced: Sequence[str] = (),
    agreed: Sequence[str] = (),
    cycles: cycle_review.Found = cycle_review.NOTHING,
    samples: int = 0,
    span_ms: tuple[int | None, int | None] = (None, None),
    settled: bool = True,
    refusal: str | None = None,
    finding: Finding | None = None,
) -> int:
    """
    Write what a review found, or why it could not be done (`refusal`), in one transaction; the review's number.

    Raises StorageError.
    """
    async with database.connection() as connection, connection.transaction():
        column = "refused" if refusal is not None else "reviewed"
        for boot in sorted(late):
            await connection.execute(_LEDGER[column], (ledger.literal(late[boot]), device_id, boot))
        await connection.execute(_SUPERSEDED, (device_id,))
        row = await (
            await connection.execute(
                _REVIEW,
                (device_id, *span_ms, json.dumps(late), sum(size(ranges) for ranges in late.values()), samples,
                 len(added), len(not_reproduced), settled, refusal,
                 msgspec.json.encode(finding).decode() if finding is not None else None),
            )
        ).fetchone()  # fmt: skip
        number = int(row["review_id"]) if row is not None else 0
        for transition in added:
            await connection.execute(TRANSITION, transition_row(device_id, transition, None))
        verdicts: Iterable[tuple[str, str, str | None]] = [
            *((one.id, "changed", msgspec.json.encode(one).decode()) for one in changed),
            *((one, "not_reproduced", None) for one in not_reproduced),
        ]
        for transition_id, verdict, payload in verdicts:
            await connection.execute(_VERDICT, (transition_id, number, verdict, payload))
        if agreed:
            await connection.execute(_AGREED, (list(agreed),))
        await cycle_review.settle(connection, device_id, number, cycles)
        if positions:
            await connection.execute(_STARTED, (device_id, list(positions)))
    return number
