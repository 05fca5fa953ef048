"""
The record as a file, read page by page and written piece by piece.

Rule 1: a page begins behind the last row of the page before, by the index that keeps the order; no transaction is open
between two pages. A cursor would hold its snapshot and its locks for as long as a slow client reads, and would stand in
the way of retention and of a migration. What is stored while a file is made can be in it or not; the file says so.
Rule 2: it blocks. Whoever has an event loop makes it in another process.
"""

import threading
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Final, LiteralString

import psycopg
from psycopg import sql
from psycopg.rows import dict_row, tuple_row

from telemetry.clock import to_ms
from telemetry.export import rows
from telemetry.export.rows import Cells
from telemetry.export.wish import Subject
from telemetry.export.writing import writer
from telemetry.kinds import KINDS, Kind
from telemetry.settings import DatabaseSettings
from telemetry.storage import history
from telemetry.storage.door import connect, translated
from telemetry.storage.export_plan import Plan

PAGE: Final = 5_000  # rows
BUCKETS: Final = 2_000  # a page, of one device
_BOOTS: Final[LiteralString] = "SELECT boot_no, boot FROM device_boot WHERE device_id = %s"
_TRANSITIONS: Final[LiteralString] = (
    "SELECT t.device_id, d.site, d.kind, d.device, t.position, t.id, t.rule, t.signal, t.previous, t.state, t.severity,"
    " t.at_ms, (extract(epoch FROM t.recorded_at) * 1000)::bigint AS recorded_ms, t.origin, t.observed, t.life_safety,"
    " t.payload, v.verdict, c.cause AS closed_as, c.who AS closed_by, c.note AS closing_note"
    " FROM transition t JOIN device d USING (device_id)"
    " LEFT JOIN transition_review v ON v.transition_id = t.id LEFT JOIN alarm_closing c ON c.transition_id = t.id"
    " WHERE t.device_id = ANY(%(devices)s) AND t.position > %(after)s AND t.at_ms >= %(begin)s"
    " AND (%(end)s::bigint IS NULL OR t.at_ms < %(end)s) AND (NOT %(live)s OR t.origin = 'live')"
    " ORDER BY t.position LIMIT %(limit)s"
)
_LAST: Final[LiteralString] = "SELECT coalesce(max(position), 0) AS last FROM transition"
_CYCLES: Final[LiteralString] = (
    "SELECT d.site, d.kind, d.device, w.position, w.id, w.origin, w.ts_ms, w.data, v.verdict, v.payload AS as_reviewed"
    " FROM work_cycle w JOIN device d USING (device_id)"
    " LEFT JOIN work_cycle_review v ON w.origin <> 'device' AND v.device_id = w.device_id AND v.id = w.id"
    " WHERE w.device_id = %(device)s AND w.ts_ms >= %(begin)s AND w.ts_ms < %(end)s"
    " AND (w.ts_ms, w.position) > (%(ts)s, %(position)s) ORDER BY w.ts_ms, w.position LIMIT %(limit)s"
)

Page = tuple[list[Cells], float]  # rows, and how much of the whole is behind them, 0 to 1


@dataclass(frozen=True, slots=True)
class Piece:
    """What a step came to: bytes, rows so far, and how much of the whole is done, 0 to 1."""

    data: bytes
    rows: int
    fraction: float


class Export:
    """One file being made; each `step` blocks, from whatever thread, and `close` ends it from any other."""

    def __init__(self, settings: DatabaseSettings, planned: Plan) -> None:
        """Opens nothing."""
        self._settings = settings
        self._plan = planned
        self._lock = threading.Lock()
        self._closed = False
        self._connection: psycopg.Connection[Any] | None = None
        self._pieces: Iterator[Piece] | None = None

    def step(self) -> Piece | None:
        """The next piece; None when there is no more. Raises StorageError."""
        with self._lock, translated():
            if self._closed:
                return None
            if self._pieces is None:
                opened: psycopg.Connection[Any] = connect(self._settings, application="export")
                self._connection = opened
                opened.autocommit = True
                opened.row_factory = dict_row
                self._pieces = self._made(self._connection)
            piece = next(self._pieces, None)
        if piece is None:
            self.close()
        return piece

    def close(self) -> None:
        """No more of it; waits for a step that is being made."""
        with self._lock:
            self._closed = True
            if self._connection is not None:
                self._connection.close()
                self._connection = None

    def _made(self, connection: psycopg.Connection[Any]) -> Iterator[Piece]:
        wish = self._plan.wish
        file = writer(
            wish.form, self._plan.columns, self._plan.zone, self._plan.about, notes=wish.notes, bom=wish.bom
        )  # fmt: skip
        yield Piece(file.begin(), 0, 0.0)
        done, fraction = 0, 0.0
        for page, fraction in _pages(connection, self._plan):
            done += len(page)
            yield Piece(file.add(page), done, min(fraction, 1.0))
        yield Piece(file.end(), done, 1.0)


def _pages(connection: psycopg.Connection[Any], planned: Plan) -> Iterator[Page]:
    wish = planned.wish
    if wish.what is Subject.ALARMS:
        for found, fraction in _transitions(connection, planned, wish.span_ms[1], live=False):
            yield [rows.alarm(row) for row in found], fraction
        return
    if wish.what is Subject.EPISODES:
        yield from _episodes(connection, planned)
        return
    each = _cycles if wish.what is Subject.CYCLES else _buckets if wish.width_s else _readings
    share = 1 / len(planned.devices)
    for k, device in enumerate(planned.devices):
        for page, fraction in each(connection, planned, device):
            yield page, (k + fraction) * share


def _readings(connection: psycopg.Connection[Any], planned: Plan, device: tuple[int, str, str]) -> Iterator[Page]:
    number, kind_name, name = device
    wish, kind = planned.wish, KINDS[kind_name]
    query = sql.SQL(
        "SELECT ts, (extract(epoch FROM ts) * 1000)::bigint AS ts_ms,"
        " (extract(epoch FROM received_at) * 1000)::bigint AS received_ms, boot_no, seq, i, invalid{columns}"
        " FROM {table} WHERE device_id = %(device)s AND ts >= %(ts)s AND ts < %(end)s"
        " AND (ts, boot_no, seq, i) > (%(ts)s, %(boot)s, %(seq)s, %(i)s) ORDER BY ts, boot_no, seq, i LIMIT %(limit)s"
    ).format(
        columns=sql.SQL("").join(sql.SQL(", {}").format(sql.Identifier(one)) for one in planned.channels),
        table=sql.Identifier(f"reading_{kind.name}"),
    )
    boots = {row["boot_no"]: row["boot"] for row in connection.execute(_BOOTS, (number,)).fetchall()}
    key: dict[str, Any] = {"device": number, "end": wish.end, "limit": PAGE, "ts": wish.begin, "boot": -1, "seq": -1,
                           "i": -1}  # fmt: skip
    span = (wish.end - wish.begin).total_seconds()
    cursor = connection.cursor(row_factory=tuple_row)
    while True:
        found = cursor.execute(query, key).fetchall()
        page = [
            (
                wish.site, kind_name, name, at_ms, at_ms, received_ms, boots.get(boot_no) if boot_no else None, seq, i,
                _marked(kind, invalid) if invalid else None, *cells,
            )
            for _, at_ms, received_ms, boot_no, seq, i, invalid, *cells in found
        ]  # fmt: skip
        if len(found) < PAGE:
            yield page, 1.0
            return
        ts, _, _, boot_no, seq, i, *_ = found[-1]
        key |= {"ts": ts, "boot": boot_no, "seq": seq, "i": i}
        yield page, (ts - wish.begin).total_seconds() / span


def _marked(kind: Kind, invalid: int) -> str | None:
    return " ".join(one for one, bit in kind.bit.items() if invalid & bit) or None


def _buckets(connection: psycopg.Connection[Any], planned: Plan, device: tuple[int, str, str]) -> Iterator[Page]:
    number, kind_name, name = device
    wish = planned.wish
    width = timedelta(seconds=wish.width_s)
    query = history.bucketed(KINDS[kind_name], planned.channels, width)
    begin = wish.begin
    while begin < wish.end:
        end = min(wish.end, begin + BUCKETS * width)
        parts = {"width": width, "device": number, "begin": begin, "end": end}
        page = []
        for row in connection.execute(query, parts).fetchall():
            ms = to_ms(row["bucket"])
            own = (
                (int(row[f"{one}_n"] or 0), row[f"{one}_avg"], row[f"{one}_min"], row[f"{one}_max"])
                for one in planned.channels
            )
            page.append((wish.site, kind_name, name, ms, ms, int(row["n"]), *(cell for cells in own for cell in cells)))
        begin = end
        yield page, (end - wish.begin) / (wish.end - wish.begin)


def _cycles(connection: psycopg.Connection[Any], planned: Plan, device: tuple[int, str, str]) -> Iterator[Page]:
    begin, end = planned.wish.span_ms
    key: dict[str, Any] = {"device": device[0], "begin": begin, "end": end, "ts": begin, "position": -1, "limit": PAGE}
    while True:
        found = connection.execute(_CYCLES, key).fetchall()
        if len(found) < PAGE:
            yield [rows.cycle(row) for row in found], 1.0
            return
        key |= {"ts": found[-1]["ts_ms"], "position": found[-1]["position"]}
        yield [rows.cycle(row) for row in found], (found[-1]["ts_ms"] - begin) / (end - begin)


def _transitions(
    connection: psycopg.Connection[Any], planned: Plan, end_ms: int | None, *, live: bool
) -> Iterator[tuple[list[dict[str, Any]], float]]:
    row = connection.execute(_LAST).fetchone()
    last: int = row["last"] if row is not None else 0
    key: dict[str, Any] = {
        "devices": [device[0] for device in planned.devices], "begin": planned.wish.span_ms[0], "end": end_ms,
        "live": live, "after": -1, "limit": PAGE,
    }  # fmt: skip
    first: int | None = None
    while True:
        found = connection.execute(_TRANSITIONS, key).fetchall()
        if len(found) < PAGE:
            yield found, 1.0
            return
        first = found[0]["position"] if first is None else first
        key["after"] = found[-1]["position"]
        yield found, (key["after"] - first) / max(1, last - first)


def _episodes(connection: psycopg.Connection[Any], planned: Plan) -> Iterator[Page]:
    fold = rows.Episodes(*planned.wish.span_ms)
    # Beyond the end as well: an alarm that was raised within may have ended long after.
    for found, fraction in _transitions(connection, planned, None, live=True):
        yield fold.add(found), fraction
        if found and found[-1]["at_ms"] >= planned.wish.span_ms[1] and not fold.waiting and _passed(found, planned):
            break
    yield fold.rest(), 1.0


def _passed(found: Sequence[dict[str, Any]], planned: Plan) -> bool:
    """Whether a whole page was of after the span: what is of the span has been seen, nearly in the order of time."""
    return all(row["at_ms"] >= planned.wish.span_ms[1] for row in found)
