"""
Messages on their way to people: taken one channel at a time, and only then gone when the channel has them.

Rule 1: who sends holds the row's lock. A process that dies lets go of it at once, and another one sends; what it had
sent and not written down is sent twice. That is the only way in which anything is.
Rule 2: a message is given up after so many attempts, and stays: a dead letter is looked at, and tried again by hand.
"""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final, LiteralString

from telemetry.escalation import Message, Sort
from telemetry.ladder import Contact
from telemetry.storage import audit, contacts
from telemetry.storage.audit import Actor, Deed
from telemetry.storage.pool import Connection, Database

# ruff: noqa: S608 - constants of ours
GATHERED: Final = 50  # messages in one at most
MAX_PAGE: Final = 1000

_WAITS: LiteralString = "sent_at IS NULL AND dead_at IS NULL AND withdrawn_at IS NULL"
_COUNT: Final[LiteralString] = (
    "SELECT count(*) AS n FROM (SELECT 1 FROM outbox WHERE " + _WAITS + " AND due_at <= now() LIMIT %s) AS due"
)
_TAKE: Final[LiteralString] = "SELECT set_config('idle_in_transaction_session_timeout', %(longest)s, true)"
_FIRST: Final[LiteralString] = (
    "SELECT outbox_id, site, contact, channel, life_safety, sort = 'test' AS test FROM outbox WHERE "
    + _WAITS
    + " AND due_at <= now()"
    " ORDER BY life_safety DESC, due_at, outbox_id LIMIT 1 FOR UPDATE SKIP LOCKED"
)
# Two senders at one channel would each gather a part, and each think that it is the only one within the rate.
_ALONE: Final[LiteralString] = "SELECT pg_try_advisory_xact_lock(hashtextextended(%s, 0)) AS mine"
_BESIDE: Final[LiteralString] = (
    "SELECT count(*) AS n FROM outbox WHERE " + _WAITS + " AND due_at <= now() AND site = %(site)s"
    " AND contact = %(contact)s AND channel = %(channel)s AND life_safety = %(life_safety)s"
)
_WITH: Final[LiteralString] = (
    "SELECT outbox_id, key, sort, escalation_id, life_safety, title, body, attempts, created_at FROM outbox WHERE "
    + _WAITS
    + " AND due_at <= now() AND site = %(site)s AND contact = %(contact)s AND channel = %(channel)s"
    " AND life_safety = %(life_safety)s AND (sort = 'test') = %(test)s"
    " ORDER BY outbox_id = %(first)s DESC, due_at, outbox_id LIMIT %(most)s FOR UPDATE"
)
_BUT_LOCKED: Final[LiteralString] = _WITH + " SKIP LOCKED"
_SENT_LATELY: Final[LiteralString] = (
    "SELECT count(DISTINCT sent_at) AS n, min(sent_at) AS first FROM outbox WHERE site = %s AND contact = %s"
    " AND channel = %s AND NOT life_safety AND sent_at > now() - make_interval(secs => %s)"
)
_LATER: Final[LiteralString] = "UPDATE outbox SET due_at = %s WHERE outbox_id = ANY(%s)"
_SENT: Final[LiteralString] = (
    "UPDATE outbox SET sent_at = statement_timestamp(), attempts = attempts + 1, last_error = NULL"
    " WHERE outbox_id = ANY(%s)"
)
_FAILED: Final[LiteralString] = (
    "UPDATE outbox SET attempts = attempts + 1, last_error = %(error)s,"
    " due_at = clock_timestamp() + make_interval(secs => %(wait)s),"
    " dead_at = CASE WHEN attempts + 1 >= %(most)s OR %(hopeless)s THEN clock_timestamp() END"
    " WHERE outbox_id = ANY(%(ids)s) RETURNING dead_at IS NOT NULL AS dead, escalation_id"
)
_SOONER: Final[LiteralString] = (
    "UPDATE escalation SET due_at = now() WHERE escalation_id = ANY(%s) AND ended_at IS NULL AND due_at > now()"
)
_DELIVERY: Final[LiteralString] = "INSERT INTO delivery (outbox_id, took_s, gathered, error) VALUES (%s, %s, %s, %s)"
_QUEUE: Final[LiteralString] = (
    "SELECT outbox_id, site, contact, channel, sort, life_safety, title, created_at, due_at, attempts, last_error,"
    " sent_at, dead_at, withdrawn_at FROM outbox WHERE (%(site)s::text IS NULL OR site = %(site)s)"
    " AND (%(before)s::bigint IS NULL OR outbox_id < %(before)s)"
    " AND CASE %(state)s WHEN 'waiting' THEN sent_at IS NULL AND dead_at IS NULL AND withdrawn_at IS NULL"
    " WHEN 'dead' THEN dead_at IS NOT NULL WHEN 'sent' THEN sent_at IS NOT NULL ELSE true END"
    " ORDER BY outbox_id DESC LIMIT %(limit)s"
)
_RETRY: Final[LiteralString] = (
    "UPDATE outbox SET dead_at = NULL, attempts = 0, due_at = now() WHERE dead_at IS NOT NULL"
    " AND (%(site)s::text IS NULL OR site = %(site)s) AND (%(ids)s::bigint[] IS NULL OR outbox_id = ANY(%(ids)s))"
    " RETURNING outbox_id, site"
)
_TEST: Final[LiteralString] = (
    "INSERT INTO outbox (key, site, contact, channel, sort, life_safety, title, body)"
    " VALUES (%s, %s, %s, %s, %s, %s, %s, %s) ON CONFLICT (key) DO NOTHING"
)
_STATES: Final[LiteralString] = (
    "SELECT channel, sent_at, dead_at, attempts, last_error FROM outbox WHERE key LIKE %s ORDER BY outbox_id"
)
_STANDING: Final[LiteralString] = (
    "SELECT count(*) FILTER (WHERE " + _WAITS + ") AS waiting, count(*) FILTER (WHERE dead_at IS NOT NULL) AS dead,"
    " coalesce(max(extract(epoch FROM now() - due_at)) FILTER (WHERE " + _WAITS + " AND due_at <= now()), 0)::float8"
    " AS oldest_s FROM outbox WHERE sent_at IS NULL AND withdrawn_at IS NULL"
)


@dataclass(frozen=True, slots=True)
class Waiting:
    """A message as it is taken to be sent."""

    outbox_id: int
    sort: Sort
    run: int | None
    life_safety: bool
    title: str
    body: str
    attempts: int
    created_at: datetime


@dataclass(frozen=True, slots=True)
class Queued:
    """A message as it is shown; its text only by its title."""

    outbox_id: int
    site: str
    contact: str
    channel: str
    sort: str
    life_safety: bool
    title: str
    created_at: datetime
    due_at: datetime
    attempts: int
    last_error: str | None
    sent_at: datetime | None
    dead_at: datetime | None
    withdrawn_at: datetime | None


@dataclass(frozen=True, slots=True)
class Level:
    """How full the outbox is; `oldest_s`: for how long what is due has been due."""

    waiting: int
    dead: int
    oldest_s: float


class Parcel:
    """Messages of one channel that go as one, held as long as they are being sent."""

    def __init__(self, connection: Connection, site: str, contact: Contact | None, channel: str,
                 messages: Sequence[Waiting]) -> None:  # fmt: skip
        self._connection = connection
        self.site = site
        self.contact = contact  # None: gone since
        self.channel = channel
        self.messages = messages
        self.life_safety = messages[0].life_safety

    @property
    def _ids(self) -> list[int]:
        return [one.outbox_id for one in self.messages]

    async def sent(self, took_s: float) -> None:
        """The channel has it."""
        await self._connection.execute(_SENT, (self._ids,))
        await self._note(took_s, None)

    async def failed(self, took_s: float, error: str, wait_s: float, most: int, *, hopeless: bool = False) -> int:
        """
        It has not: it is tried again after `wait_s` (seconds), and given up after `most` attempts, at once when that is
        hopeless. A ladder whose message is given up takes its next step now. How many were given up.
        """
        parameters = {"error": error[:500], "wait": wait_s, "most": most, "hopeless": hopeless, "ids": self._ids}
        rows = await (await self._connection.execute(_FAILED, parameters)).fetchall()
        await self._note(took_s, error[:500])
        dead = [row for row in rows if row["dead"]]
        runs = sorted({row["escalation_id"] for row in dead if row["escalation_id"] is not None})
        if runs:
            await self._connection.execute(_SOONER, (runs,))
        return len(dead)

    async def _note(self, took_s: float, error: str | None) -> None:
        async with self._connection.cursor() as cursor:
            await cursor.executemany(_DELIVERY, [(one, took_s, len(self._ids), error) for one in self._ids])


async def due(database: Database, most: int) -> int:
    """How many messages wait to be sent now, `most` at most. Raises StorageError."""
    async with database.connection() as connection:
        row = await (await connection.execute(_COUNT, (most,))).fetchone()
    return int(row["n"]) if row is not None else 0


@asynccontextmanager
async def parcel(
    database: Database, *, longest_s: float, alone: int, rate: int, rate_s: float
) -> AsyncIterator[Parcel | None]:
    """
    The most urgent message that nobody else is sending, with what may go with it; None when there is none.

    longest_s: after so many seconds the database gives the row to somebody else. alone: with more than so many of them
    waiting for one channel, messages about lives go as one, too. rate: of what is not about lives, a channel gets at
    most so many in `rate_s` seconds; what is more waits, and then goes as one. Raises StorageError.
    """
    async with database.connection() as connection, connection.transaction():
        await connection.execute(_TAKE, {"longest": f"{round(longest_s)}s"})
        yield await _taken(connection, alone, rate, rate_s)


async def _taken(connection: Connection, alone: int, rate: int, rate_s: float) -> Parcel | None:
    while True:
        first = await (await connection.execute(_FIRST)).fetchone()
        if first is None:
            return None
        place = (first["site"], first["contact"], first["channel"])
        if not first["life_safety"] and not first["test"]:
            mine = await (await connection.execute(_ALONE, ("/".join(place),))).fetchone()
            if mine is None or not mine["mine"]:
                return None  # whoever is at this channel takes what there is
        rows = await _together(connection, first, alone)
        if first["life_safety"] or first["test"]:
            break
        lately = await (await connection.execute(_SENT_LATELY, (*place, rate_s))).fetchone()
        if lately is None or lately["n"] < rate:
            break
        later = lately["first"] + timedelta(seconds=rate_s)
        await connection.execute(_LATER, (later, [row["outbox_id"] for row in rows]))
    found = await contacts.read(connection, first["site"], first["contact"])
    messages = [
        Waiting(row["outbox_id"], Sort(row["sort"]), row["escalation_id"], row["life_safety"], row["title"],
                row["body"], row["attempts"], row["created_at"])
        for row in rows
    ]  # fmt: skip
    return Parcel(connection, first["site"], next(iter(found), None), first["channel"], messages)


async def _together(connection: Connection, first: dict[str, Any], alone: int) -> list[dict[str, Any]]:
    """
    The messages that go with the first one, it included.

    What is about lives, and a test, goes alone, so that each is read and another sender can have the next one
    meanwhile; until there are so many that they would hold up each other.
    """
    parameters = {**first, "first": first["outbox_id"], "most": GATHERED}
    if first["life_safety"] or first["test"]:
        beside = await (await connection.execute(_BESIDE, parameters)).fetchone()
        if beside is not None and beside["n"] <= alone:
            parameters["most"] = 1
        return await (await connection.execute(_BUT_LOCKED, parameters)).fetchall()
    # The channel is ours: whoever has one of these rows lets go of it as soon as it finds that out.
    return await (await connection.execute(_WITH, parameters)).fetchall()


async def queue(
    database: Database, state: str, *, site: str | None = None, before: int | None = None, limit: int = 100
) -> list[Queued]:
    """Messages that are `waiting`, `dead`, `sent`, or `all`, newest first. Raises StorageError."""
    parameters: dict[str, Any] = {"state": state, "site": site, "before": before, "limit": min(limit, MAX_PAGE)}
    async with database.connection() as connection:
        rows = await (await connection.execute(_QUEUE, parameters)).fetchall()
    return [Queued(**row) for row in rows]


async def retry(
    database: Database, by: Actor, numbers: Sequence[int] | None = None, *, site: str | None = None
) -> list[int]:
    """
    Dead letters, these or all, of a site or all, are tried again from the beginning; their numbers.

    Raises StorageError.
    """
    async with database.connection() as connection, connection.transaction():
        ids = list(numbers) if numbers is not None else None
        rows = await (await connection.execute(_RETRY, {"ids": ids, "site": site})).fetchall()
        for row in rows:
            await audit.write(connection, Deed(by, "message.retry", str(row["outbox_id"]), row["site"]))
    return [row["outbox_id"] for row in rows]


async def put(database: Database, messages: Sequence[Message]) -> None:
    """Put messages out that no alarm is behind. Raises StorageError."""
    async with database.connection() as connection, connection.cursor() as cursor:
        await cursor.executemany(
            _TEST,
            [(m.key, m.site, m.contact, m.channel, m.sort, m.life_safety, m.title, m.body) for m in messages],
        )


async def outcomes(database: Database, prefix: str) -> list[dict[str, Any]]:
    """What became of the messages whose keys begin so, by channel. Raises StorageError."""
    escaped = prefix.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")
    async with database.connection() as connection:
        return await (await connection.execute(_STATES, (escaped + "%",))).fetchall()


async def level(database: Database) -> Level:
    """How full it is. Raises StorageError."""
    async with database.connection() as connection:
        row = await (await connection.execute(_STANDING)).fetchone()
    return Level(**row) if row is not None else Level(0, 0, 0.0)
