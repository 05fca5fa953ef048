"""
What was recorded of a device in a range of time, in its own order and page by page, for whoever plays it again.

Rule 1: a range is a stretch of the device's order: from the first frame with a sample in it to the last one, and all
between them, whatever their time.
Rule 2: nothing is held that grows with the range but transitions, terms and answers: a page is an hour or so of frames,
found by the marks that say where in time a seq is.
"""

from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Final, LiteralString

import msgspec
from psycopg import sql

from telemetry.clock import to_datetime
from telemetry.kinds import KINDS
from telemetry.storage import ledger
from telemetry.storage.marks import APART_MS
from telemetry.storage.multirange import Ranges, minus, size, union, within
from telemetry.storage.pool import Database
from telemetry.storage.review import DeviceKey, Reader
from telemetry.storage.stored import frames_of, row_of_misdated
from telemetry.wire.frames import Frame
from telemetry.wire.payloads import Terms, Transition

PAGE: Final = 4_000  # frames, unless a quarter of an hour has more
PAGE_MS: Final = 3_600_000  # that a page's marks may span: a leap of a clock makes a page of its own
DAY_MS: Final = 86_400_000
MAX_ROWS: Final = 500_000  # samples of a page

_DEVICES: Final[LiteralString] = (
    "SELECT device_id, site, kind, device FROM device WHERE (%(site)s::text IS NULL OR site = %(site)s)"
    " AND (%(kind)s::text IS NULL OR kind = %(kind)s) AND (%(device)s::text IS NULL OR device = %(device)s)"
    " ORDER BY site, kind, device"
)
_WHERE: Final[LiteralString] = (
    "SELECT boot_no, min(seq) AS low, max(seq) AS high FROM {} WHERE device_id = %s AND boot_no > 0"
    # One sample of a clock that was wrong months ago must not stretch the range to there.
    " AND ts >= %s AND ts <= %s AND received_at >= %s GROUP BY boot_no"
)
_MARKS: Final[LiteralString] = (
    "SELECT seq, min(ts_ms) AS low, max(ts_ms) AS high FROM seq_mark WHERE device_id = %(device)s"
    " AND boot_no = %(boot)s AND seq <= %(last)s AND seq >= coalesce((SELECT max(seq) FROM seq_mark"
    "  WHERE device_id = %(device)s AND boot_no = %(boot)s AND seq <= %(first)s), 0)"
    " GROUP BY seq ORDER BY seq"
)
_PAGE: Final[LiteralString] = (
    "SELECT ts, received_at, boot_no, seq, i, invalid, {names} FROM {table} WHERE device_id = %s AND boot_no = %s"
    " AND seq BETWEEN %s AND %s AND ts >= %s AND ts <= %s ORDER BY seq, i LIMIT %s"
)
_MISDATED: Final[LiteralString] = (
    "SELECT ts_ms, received_at, boot_no, seq, i, invalid, sample FROM reading_misdated"
    " WHERE device_id = %s AND boot_no = %s AND seq BETWEEN %s AND %s LIMIT %s"
)
_TERMS: Final[LiteralString] = "SELECT payload, reviewed FROM evaluation_terms WHERE device_id = %s ORDER BY position"
_OPEN: Final[LiteralString] = (
    f"SELECT b.boot, ({ledger.LATE})::text AS late FROM frame_ledger l"  # noqa: S608 - constants of ours
    f" JOIN device_boot b USING (device_id, boot_no) WHERE l.device_id = %s AND {ledger.IS_LATE}"
)
_ANSWERS: Final[LiteralString] = (
    "SELECT at_ms, rule, transition_id, payload->>'cause' AS cause FROM response"
    " WHERE device_id = %s AND at_ms >= %s AND action IN ('acknowledge', 'release') ORDER BY at_ms, id"
)


@dataclass(frozen=True, slots=True)
class Part:
    """Frames of one boot, ends included."""

    boot_no: int
    boot: str
    first: int
    last: int


@dataclass(frozen=True, slots=True)
class Outline:
    """
    A stretch of a device's history, without its frames.

    boots: all of the device, in its order; whole: it begins with the device's first frame; unreviewed: of the frames in
    it, those that nobody has evaluated, live or in a review; evaluated (live) and stored: by boot.
    """

    boots: list[str]
    parts: list[Part]
    terms: list[Terms]  # `start` only where that was not reviewed yet
    log: list[tuple[Transition, str | None, Transition | None]]  # with the last review's verdict on it
    whole: bool
    unreviewed: int
    evaluated: dict[str, Ranges]
    stored: dict[str, Ranges]

    @property
    def frames(self) -> int:
        """How many seqs it spans."""
        return sum(part.last - part.first + 1 for part in self.parts)


@dataclass(frozen=True, slots=True)
class Page:
    """Frames in the device's order, and seqs that the ledger has here and that are not stored."""

    frames: list[tuple[Frame, int]]
    span: int  # seqs
    lacking: int


@dataclass(frozen=True, slots=True)
class Answered:
    """A person's answer to an alarm; `cause` is what it was about, where that was asked."""

    at_ms: int
    rule: str | None
    transition_id: str | None
    cause: str | None


async def devices(
    database: Database, site: str | None, kind: str | None, device: str | None
) -> list[tuple[int, DeviceKey]]:
    """The devices of these names. Raises StorageError."""
    parameters = {"site": site, "kind": kind, "device": device}
    async with database.connection() as connection:
        rows = await (await connection.execute(_DEVICES, parameters)).fetchall()
    return [(row["device_id"], (row["site"], row["kind"], row["device"])) for row in rows]


@asynccontextmanager
async def recording(database: Database, device_id: int, kind: str) -> AsyncIterator["Recording"]:
    """A device's record, in one snapshot of the database for as long as the block lasts. Raises StorageError."""
    async with database.connection() as connection, connection.transaction():
        await connection.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
        yield Recording(connection, device_id, kind)


class Recording(Reader):
    """The record of one device. Its methods raise StorageError."""

    async def outline(self, begin_ms: int, until_ms: int) -> Outline:
        """What there is between these device times, both included."""
        await self._learn()
        found = await self._where(begin_ms, until_ms)
        order = await self._order()
        ranks = [order.index(number) for number in found if number in self._boots]
        parts: list[Part] = []
        for rank in range(min(ranks), max(ranks) + 1) if ranks else ():
            number = order[rank]
            stored = self._stored[number]
            low, high = (stored[0][0], stored[-1][1]) if stored else (1, 0)
            first = found[number][0] if rank == min(ranks) else low
            last = found[number][1] if rank == max(ranks) else high
            if first <= last:
                parts.append(Part(number, self._boots[number], first, last))
        whole = bool(parts) and min(ranks) == 0 and parts[0].first <= self._stored[parts[0].boot_no][0][0]
        terms = []
        for row in await (await self._connection.execute(_TERMS, (self._device,))).fetchall():
            one = msgspec.convert(row["payload"], Terms)
            terms.append(msgspec.structs.replace(one, start=one.start and not row["reviewed"]))
        late = await (await self._connection.execute(_OPEN, (self._device,))).fetchall()
        waiting = {row["boot"]: ledger.parse(row["late"]) for row in late}
        return Outline(
            [self._boots[number] for number in order], parts, terms, await self.log(0 if whole else begin_ms), whole,
            sum(size(within(waiting.get(part.boot, []), part.first, part.last)) for part in parts),
            {self._boots[number]: ranges for number, ranges in self._evaluated.items()},
            {self._boots[number]: ranges for number, ranges in self._stored.items()},
        )  # fmt: skip

    async def answers(self, since_ms: int) -> list[Answered]:
        """What people answered to alarms from that time (Unix ms) on."""
        rows = await (await self._connection.execute(_ANSWERS, (self._device, since_ms))).fetchall()
        return [Answered(row["at_ms"], row["rule"], row["transition_id"], row["cause"]) for row in rows]

    async def pages(self, outline: Outline) -> AsyncIterator[Page]:
        """All frames of an outline, in order. Raises ValueError when a frame lacks a sample."""
        for part in outline.parts:
            parameters = {"device": self._device, "boot": part.boot_no, "first": part.first, "last": part.last}
            rows = await (await self._connection.execute(_MARKS, parameters)).fetchall()
            marks = [(row["seq"], row["low"], row["high"]) for row in rows]
            unmarked = min(marks[0][0] - 1 if marks else part.last, part.last)
            if part.first <= unmarked:
                # Nothing says any more where in time they are.
                stored = within(self._stored[part.boot_no], part.first, unmarked)
                yield Page([], unmarked - part.first + 1, size(stored))
            for first, last, low, high in _pages(part, marks):
                yield await self._page(part, first, last, low - APART_MS, high + APART_MS)

    async def _page(self, part: Part, first: int, last: int, low_ms: int, high_ms: int) -> Page:
        names = sql.SQL(", ").join(sql.Identifier(channel.name) for channel in KINDS[self._kind].channels)
        query = sql.SQL(_PAGE).format(names=names, table=sql.Identifier(f"reading_{self._kind}"))
        bounds = (to_datetime(max(0, low_ms)), to_datetime(high_ms))
        where = (self._device, part.boot_no, first, last)
        rows: list[Any] = await (await self._connection.execute(query, (*where, *bounds, MAX_ROWS + 1))).fetchall()
        if len(rows) > MAX_ROWS:
            raise ValueError(f"more than {MAX_ROWS} samples between seq {first} and {last} of boot {part.boot}")
        misdated = await (await self._connection.execute(_MISDATED, (*where, MAX_ROWS))).fetchall()
        frames = frames_of(self._kind, [*rows, *map(row_of_misdated, misdated)], {part.boot_no: part.boot})
        frames.sort(key=lambda one: one[0].seq or 0)
        have = union([(frame.seq, frame.seq) for frame, _ in frames if frame.seq is not None])
        # Up to `archived` the ledger says stored of everything, whatever it was: see `losses`.
        wanted = within(self._stored[part.boot_no], max(first, self._archived[part.boot_no] + 1), last)
        return Page(frames, last - first + 1, size(minus(wanted, have)))

    async def _where(self, begin_ms: int, until_ms: int) -> dict[int, tuple[int, int]]:
        """By boot the lowest and the highest seq with a sample of that time; asked a day at a time."""
        found: dict[int, tuple[int, int]] = {}
        query = sql.SQL(_WHERE).format(sql.Identifier(f"reading_{self._kind}"))
        earliest = to_datetime(max(0, begin_ms)) - timedelta(days=1)
        for first in range(begin_ms, until_ms + 1, DAY_MS):
            last = min(first + DAY_MS, until_ms)
            bounds = (to_datetime(max(0, first)), to_datetime(last), earliest)
            for row in await (await self._connection.execute(query, (self._device, *bounds))).fetchall():
                low, high = found.get(row["boot_no"], (row["low"], row["high"]))
                found[row["boot_no"]] = (min(low, row["low"]), max(high, row["high"]))
        return found


def _pages(part: Part, marks: list[tuple[int, int, int]]) -> Iterator[tuple[int, int, int, int]]:
    """
    A part in pages: first and last seq, and the least and greatest time (Unix ms) of their marks.

    marks: seq, least and greatest time that it was marked with, by seq; a frame's time is that of the mark up to it.
    """
    ends = [seq - 1 for seq, _, _ in marks[1:]] + [part.last]
    page: tuple[int, int, int, int] | None = None
    for (seq, low, high), last in zip(marks, ends, strict=True):
        first = max(seq, part.first)
        last = min(last, part.last)
        if first > last:
            continue
        if page is not None:
            wide = max(page[3], high) - min(page[2], low) > PAGE_MS
            if last - page[0] < PAGE and not wide:
                page = (page[0], last, min(page[2], low), max(page[3], high))
                continue
            yield page
        page = (first, last, low, high)
    if page is not None:
        yield page
