"""
What whoever judges proof tests reads and writes in one turn; all of it or nothing.

Rule 1: one turn at a time, whoever has it; no test is judged twice, because a verdict is written once.
Rule 2: time is the database's.
Rule 3: what a test came to is read from the record that every alarm has: events, readings, transitions, receipts,
messages.
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final, LiteralString

import psycopg
from psycopg.types.json import Jsonb

from telemetry.clock import to_datetime
from telemetry.model import PROOF_REFUSED, PROOF_RULES, PROOF_TEST, Signal, Stage
from telemetry.proof import WATCH_S, Evidence, Moment, Source, State, Verdict
from telemetry.storage import proofs, roster
from telemetry.storage.pool import Connection, Database
from telemetry.storage.proofs import COLUMNS, KINDS, Test, Wanted
from telemetry.storage.roster import Standing

LOCK: Final = 0x63777066  # "cwpf"
MOST: Final = 200
DRIVEN_S: Final = 5.0  # beyond its time a channel may be driven, because the order took its way
TAP_S: Final = 15.0  # an older tap begins nothing: the person does not stand there any more

_TURN: Final[LiteralString] = (
    "SELECT set_config('idle_in_transaction_session_timeout', '10s', true),"
    " set_config('statement_timeout', '10s', true), pg_try_advisory_xact_lock(%s) AS mine, clock_timestamp() AS now"
)
_OPEN: Final[LiteralString] = (
    "SELECT " + COLUMNS.replace(
        " FROM",
        ", coalesce(d.config ->> 'terminal', 'none') <> 'none' AS terminal,"
        " coalesce((d.presence ->> 'interval_ms')::float8, (d.config ->> 'interval_ms')::float8, 1000) AS interval_ms"
        " FROM",
        1,
    ) + " WHERE p.outcome IS NULL OR p.watched_until > %s ORDER BY p.proof_id LIMIT %s"
)  # fmt: skip
_TAPS: Final[LiteralString] = (
    "SELECT r.id, r.device_id, r.who, d.kind, coalesce((d.presence ->> 'proof')::boolean, false) AS channel,"
    " (SELECT p.proof_id FROM proof_test p WHERE p.device_id = r.device_id AND p.state = 'asked') AS asked"
    " FROM response r JOIN device d USING (device_id) WHERE r.action = 'begin_test'"
    " AND r.received_at > %s - make_interval(secs => %s) AND NOT EXISTS (SELECT FROM proof_test p"
    "  WHERE p.device_id = r.device_id AND (p.tap = r.id OR p.sent_at > r.received_at OR p.judged_at > r.received_at))"
    " ORDER BY r.received_at"
)
_BEGIN: Final[LiteralString] = (
    "UPDATE proof_test SET state = 'ordered', until_at = %s, tap = %s, begun_by = %s WHERE proof_id = %s"
    " AND state = 'asked'"
)
_DRIVEN: Final[LiteralString] = (
    "SELECT proof_id FROM proof_test WHERE device_id = %s AND proof_id <> %s"
    " AND sent_at + make_interval(secs => hold_s + %s) > %s LIMIT 1"
)
_WAIT: Final[LiteralString] = "UPDATE proof_test SET until_at = %s WHERE proof_id = %s"
_SENT: Final[LiteralString] = "UPDATE proof_test SET state = 'sent', sent_at = %s, hold_s = %s WHERE proof_id = %s"
_JUDGED: Final[LiteralString] = (
    "UPDATE proof_test SET links = %(links)s, raised = %(raised)s, state = %(state)s, outcome = %(outcome)s,"
    " failed_link = %(failed)s, detail = %(detail)s, judged_at = %(at)s, watched_until = %(until)s"
    " WHERE proof_id = %(number)s AND outcome IS NULL"
)
_LINKS: Final[LiteralString] = "UPDATE proof_test SET links = %s, raised = %s WHERE proof_id = %s"
_EVENT: Final[LiteralString] = (
    "SELECT ts_ms, boot, seq, data, received_at FROM device_event WHERE device_id = %s AND id = %s AND type = 'proof'"
)
# By the device's own time around its word, so that the index serves; then by where the frames stand.
_STORED: Final[dict[str, LiteralString]] = {
    "crane": (
        "SELECT r.ts, r.received_at FROM reading_crane r JOIN device_boot b USING (device_id, boot_no)"
        " WHERE r.device_id = %(device)s AND r.ts >= %(from)s AND r.ts < %(to)s AND b.boot = %(boot)s"
        " AND r.seq >= %(seq)s AND r.proof_pct IS NOT NULL ORDER BY r.seq, r.i LIMIT 1"
    )
}
_LOG: Final[LiteralString] = (
    "SELECT id, position, rule, signal, at_ms, received_at, payload ->> 'source' AS source, payload ->> 'who' AS who,"
    " payload #>> '{cause,boot}' AS boot, (payload #>> '{cause,seq}')::bigint AS seq FROM transition"
    " WHERE device_id = %s AND rule = ANY(%s) AND origin = 'live' AND received_at >= %s ORDER BY position LIMIT 100"
)
_SHOWN: Final[LiteralString] = (
    "SELECT terminal, stage, at_ms, received_at FROM shown WHERE device_id = %s AND transition_id = %s"
    " ORDER BY received_at"
)
_CONFIRMED: Final[LiteralString] = (
    "SELECT who, at_ms, received_at FROM response WHERE device_id = %s AND action = 'confirm' AND transition_id = %s"
    " ORDER BY received_at LIMIT 1"
)
_TOLD: Final[LiteralString] = (
    "SELECT contact, channel, sent_at, dead_at, due_at FROM outbox WHERE site = %s AND sort = 'test'"
    " AND starts_with(key, %s)"
)
# A real alarm that a cab may show instead: of the crane itself, or of a bay.
_REAL: Final[LiteralString] = (
    "SELECT EXISTS (SELECT FROM transition t JOIN device d USING (device_id) WHERE t.position > %(position)s"
    " AND d.site = %(site)s AND (t.device_id = %(device)s OR d.kind = 'formwork') AND t.severity >= 3"
    " AND t.signal IN ('raise', 'escalate') AND t.rule NOT LIKE 'proof\\_%%') AS real"
)
_STILL: Final[LiteralString] = (
    "SELECT count(*) AS n, count(load_t) AS known, max(load_t) AS most, max(hook_m) - min(hook_m) AS moved"
    " FROM reading_crane WHERE device_id = %s AND ts > %s AND ts <= %s"
)
_SCHEDULED: Final[LiteralString] = (
    "SELECT d.device_id, d.site, d.kind, d.device, s.every_days, s.begins, s.ends, s.since, i.timezone,"
    " d.online IS TRUE AND coalesce((d.presence ->> 'proof')::boolean, false) AS able,"
    " (SELECT max(p.judged_at) FROM proof_test p WHERE p.device_id = d.device_id"
    "   AND p.outcome IN ('passed', 'failed')) AS done,"
    " (SELECT max(p.asked_at) FROM proof_test p WHERE p.device_id = d.device_id) AS asked"
    " FROM proof_schedule s JOIN site i USING (site) JOIN device d ON d.site = s.site AND d.kind = ANY(%s)"
    " AND (s.device_id = d.device_id OR (s.device_id IS NULL AND NOT EXISTS (SELECT FROM proof_schedule o"
    "  WHERE o.device_id = d.device_id)))"
    " WHERE coalesce((d.presence ->> 'proof')::boolean, false) OR EXISTS (SELECT FROM proof_test p"
    "  WHERE p.device_id = d.device_id) ORDER BY d.device_id"
)
# The last test of each device that passed or failed; a failed one that somebody has closed with a cause counts no more.
_FAILED: Final[LiteralString] = (
    "SELECT * FROM (SELECT DISTINCT ON (p.device_id) p.test, p.device_id, d.site, d.kind, d.device, p.outcome,"
    " p.failed_link, p.detail, p.judged_at FROM proof_test p JOIN device d USING (device_id)"
    " WHERE p.outcome IN ('passed', 'failed') ORDER BY p.device_id, p.proof_id DESC) AS l WHERE l.outcome = 'failed'"
    " AND NOT EXISTS (SELECT FROM alarm_closing c JOIN transition t ON t.id = c.transition_id"
    "  WHERE t.device_id = l.device_id AND t.rule = 'proof_failed' AND c.at > l.judged_at)"
)
_SITES: Final[LiteralString] = (
    "SELECT site FROM proof_schedule UNION SELECT d.site FROM proof_test p JOIN device d USING (device_id)"
)


@dataclass(frozen=True, slots=True)
class Open:
    """A test that is not over, or whose late links are still written down, and what its device is like."""

    test: Test
    terminal: bool
    interval_s: float


@dataclass(frozen=True, slots=True)
class Tap:
    """An operator lets a test begin; `asked` is the number of one that he was asked for."""

    response: str
    device_id: int
    who: str
    able: bool
    asked: int | None


@dataclass(frozen=True, slots=True)
class Scheduled:
    """A device under a schedule: when its last test was done, and asked for. `able`: it is there, with a channel."""

    device_id: int
    wanted: Wanted
    timezone: str
    able: bool
    done: datetime | None
    asked: datetime | None


@dataclass(frozen=True, slots=True)
class Failing:
    """A device whose last test failed, and nobody has said why that may be."""

    site: str
    kind: str
    device: str
    test: str
    failed_link: str
    detail: str


class Turn:
    """What can be read and written while the turn is ours."""

    def __init__(self, connection: Connection, now: datetime) -> None:
        self._connection = connection
        self.now = now

    async def open(self) -> list[Open]:
        """Tests that want something, the oldest first."""
        return [
            Open(proofs.test_of(row), row["terminal"], row["interval_ms"] / 1000)
            for row in await self._rows(_OPEN, (self.now, MOST))
        ]

    async def taps(self) -> list[Tap]:
        """What operators have tapped lately and nothing has come of."""
        return [
            Tap(row["id"], row["device_id"], row["who"], row["channel"] and row["kind"] in KINDS, row["asked"])
            for row in await self._rows(_TAPS, (self.now, TAP_S))
        ]

    async def scheduled(self) -> list[Scheduled]:
        """Every device that a schedule means."""
        return [
            Scheduled(row["device_id"], proofs.wanted_of(row), row["timezone"], row["able"], row["done"], row["asked"])
            for row in await self._rows(_SCHEDULED, (list(KINDS),))
        ]

    async def failing(self) -> list[Failing]:
        """Devices whose last test failed."""
        return [
            Failing(row["site"], row["kind"], row["device"], row["test"], row["failed_link"], row["detail"])
            for row in await self._rows(_FAILED, ())
        ]

    async def sites(self) -> list[str]:
        """Sites that have tests, or want some."""
        return [row["site"] for row in await self._rows(_SITES, ())]

    async def put(self, test: str, device_id: int, source: Source, by: str, **more: Any) -> int | None:
        """See `proofs.put`."""
        return await proofs.put(self._connection, test, device_id, source, by, **more)

    async def begin(self, number: int, tap: str | None, who: str | None) -> None:
        """A test that was asked for begins."""
        until = self.now + timedelta(seconds=proofs.ORDERED_S)
        await self._connection.execute(_BEGIN, (until, tap, who, number))

    async def driven(self, test: Test) -> bool:
        """
        Whether the device's channel is still driven by an earlier test; then this one has its time from now on.
        """
        row = next(iter(await self._rows(_DRIVEN, (test.device_id, test.proof_id, DRIVEN_S, self.now))), None)
        if row is not None:
            until = self.now + timedelta(seconds=proofs.ORDERED_S)
            await self._connection.execute(_WAIT, (until, test.proof_id))
        return row is not None

    async def sent(self, number: int, hold_s: float) -> None:
        """The order has gone out."""
        await self._connection.execute(_SENT, (self.now, hold_s, number))

    async def judged(self, number: int, verdict: Verdict, raised: str | None) -> None:
        """How far it has come, and what it came to, once."""
        over = verdict.outcome is not None
        parameters = {
            "links": Jsonb(proofs.plain(verdict.steps)), "raised": raised, "outcome": verdict.outcome,
            "state": State.OVER if over else State.SENT, "failed": verdict.failed, "detail": verdict.detail,
            "at": self.now if over else None, "number": number,
            "until": self.now + timedelta(seconds=WATCH_S) if over else None,
        }  # fmt: skip
        await self._connection.execute(_JUDGED, parameters)

    async def links(self, number: int, verdict: Verdict, raised: str | None) -> None:
        """Links that came behind the verdict."""
        await self._connection.execute(_LINKS, (Jsonb(proofs.plain(verdict.steps)), raised, number))

    async def standing(self, site: str) -> Standing | None:
        """Who is told at a site now. Raises ConfigError."""
        return await roster.read(self._connection, site, self.now)

    async def still(self, test: Test, within_s: float, empty_t: float) -> bool:
        """Whether the device's readings of the last seconds show an empty hook that does not move."""
        begin = self.now - timedelta(seconds=within_s)
        rows = await self._rows(_STILL, (test.device_id, begin, self.now + timedelta(seconds=5)))
        row = rows[0]
        known = row["n"] > 0 and row["known"] == row["n"]
        return bool(known and row["most"] <= empty_t and (row["moved"] or 0.0) < 0.5)

    async def evidence(self, test: Test) -> tuple[Evidence, str | None]:
        """What the record has of a test that was sent, and the transition that it raised."""
        sent = test.sent_at or self.now
        found: dict[str, Any] = {"now": self.now, "sent": sent}
        event = next(iter(await self._rows(_EVENT, (test.device_id, test.test))), None)
        if event is None:
            return Evidence(**found), None
        if not event["data"].get("begins", True):
            return Evidence(**found, declined=str(event["data"].get("why", ""))[:64]), None
        found["accepted"] = Moment(event["received_at"], said_ms=event["ts_ms"])
        found["stored"] = await self._stored(test, event)
        log = await self._rows(_LOG, (test.device_id, sorted(PROOF_RULES), sent - timedelta(seconds=60)))
        own = [one for one in log if one["boot"] == event["boot"] and (one["seq"] or 0) >= (event["seq"] or 0)]
        refused = next((one for one in own if one["rule"] == PROOF_REFUSED and one["signal"] == Signal.RAISE), None)
        if refused is not None:
            found["refused"], found["why"] = Moment(refused["received_at"]), refused["source"] or ""
        raised = next((one for one in own if one["rule"] == PROOF_TEST and one["signal"] == Signal.RAISE), None)
        if raised is None:
            return Evidence(**found), None
        found["raised"] = Moment(raised["received_at"], said_ms=raised["at_ms"])
        acknowledged = next(
            (one for one in log if one["position"] > raised["position"] and one["signal"] == Signal.ACKNOWLEDGE), None
        )
        if acknowledged is not None:
            found["acknowledged"] = Moment(acknowledged["received_at"], acknowledged["who"], acknowledged["at_ms"])
        found |= await self._reached(test, raised["id"])
        real = {"position": raised["position"], "site": test.site, "device": test.device_id}
        found["alarm"] = bool((await self._rows(_REAL, real))[0]["real"])
        return Evidence(**found), raised["id"]

    async def _stored(self, test: Test, event: dict[str, Any]) -> Moment | None:
        query = _STORED.get(test.kind)
        if query is None or event["boot"] is None:
            return None
        try:
            said = to_datetime(event["ts_ms"])
            span = {"from": said - timedelta(seconds=30), "to": said + proofs.over_s(test)}
        except (OverflowError, ValueError):
            return None  # a time that no calendar has: its readings are stored as misdated, and not found by it
        where = {"device": test.device_id, "boot": event["boot"], "seq": event["seq"] or 0, **span}
        row = next(iter(await self._rows(query, where)), None)
        return Moment(row["received_at"], said_ms=round(row["ts"].timestamp() * 1000)) if row is not None else None

    async def _reached(self, test: Test, raised: str) -> dict[str, Any]:
        """What terminals and people have said of it, and the messages about it."""
        found: dict[str, Any] = {}
        for row in await self._rows(_SHOWN, (test.device_id, raised)):
            stage = "rendered" if row["stage"] == Stage.RENDERED else "delivered"
            found.setdefault(stage, Moment(row["received_at"], row["terminal"], row["at_ms"]))
        for row in await self._rows(_CONFIRMED, (test.device_id, raised)):
            found["confirmed"] = Moment(row["received_at"], row["who"], row["at_ms"])
        messages = await self._rows(_TOLD, (test.site, f"proof/{raised}/"))
        sent = [row for row in messages if row["sent_at"] is not None]
        if sent:
            first = min(sent, key=lambda row: row["sent_at"])
            found["notified"] = Moment(first["sent_at"], f"{first['contact']}/{first['channel']}")
        found["told"] = bool(messages)
        found["dead"] = bool(messages) and all(row["dead_at"] is not None for row in messages)
        found["held"] = bool(messages) and all(row["due_at"] > self.now + timedelta(minutes=1) for row in messages)
        return found

    async def _rows(self, sql: LiteralString, parameters: Any) -> list[dict[str, Any]]:
        return await (await self._connection.execute(sql, parameters)).fetchall()


@asynccontextmanager
async def turn(database: Database) -> AsyncIterator[Turn | None]:
    """A turn, or None while another process has it; what was done counts when it ends. Raises StorageError."""
    async with database.connection() as connection, connection.transaction():
        row: psycopg.rows.DictRow | None = await (await connection.execute(_TURN, (LOCK,))).fetchone()
        if row is None or not row["mine"]:
            yield None
            return
        yield Turn(connection, row["now"])
