"""
What a notifier reads and writes in one turn: news taken away, ladders gone up, messages put out; all of it or nothing.

Rule 1: one turn at a time, whoever has it: order within an alarm is the record's. Who dies in it has done nothing.
Rule 2: what is written carries its causes as its key: read twice, it is there once.
Rule 3: time is the database's, so that two notifiers with two clocks have one.
"""

from collections.abc import AsyncIterator, Iterable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, fields
from datetime import datetime
from typing import Any, Final, LiteralString

import msgspec

from telemetry.escalation import Message, News, Run, Taken
from telemetry.ladder import Urgency
from telemetry.model import Severity
from telemetry.storage import roster
from telemetry.storage.pool import Connection, Database
from telemetry.storage.roster import Standing
from telemetry.wire.payloads import Transition

# ruff: noqa: S608 - constants of ours
LOCK: Final = 0x63776E6F  # "cwno"
MOST: Final = 500  # of news, and of runs that are due, in a turn

_TURN: Final[LiteralString] = (
    # A notifier that is stuck in its turn, or whose host is gone, must not keep the other one from it.
    "SELECT set_config('idle_in_transaction_session_timeout', '10s', true),"
    " set_config('statement_timeout', '10s', true), pg_try_advisory_xact_lock(%s) AS mine, clock_timestamp() AS now"
)
_NEWS: Final[LiteralString] = (
    "WITH taken AS (DELETE FROM transition_news WHERE position IN"
    " (SELECT position FROM transition_news ORDER BY position LIMIT %s) RETURNING position)"
    " SELECT t.position, t.device_id, t.recorded_at, t.payload::text AS payload FROM taken JOIN transition t"
    " USING (position) ORDER BY t.position"
)
_RUN: LiteralString = (
    "SELECT escalation_id AS number, cause, site, device_id, rule, urgency, severity, turn,"
    " transition_id AS transition, raised_position AS position, attended, active, began_at AS began, step,"
    " due_at AS due, render_due_at AS render_due, unseen, spoken, nobody, told_at AS told, ended_at AS ended, ended_by"
    " FROM escalation"
)
_OPEN: Final[LiteralString] = (
    _RUN + " WHERE ended_at IS NULL AND (device_id, rule) IN (SELECT * FROM unnest(%s::integer[], %s::text[]))"
    " FOR UPDATE"
)
_DUE: Final[LiteralString] = (
    _RUN
    + " WHERE ended_at IS NULL AND least(due_at, render_due_at) <= %s ORDER BY least(due_at, render_due_at) LIMIT %s"
    " FOR UPDATE"
)
_LOST: Final[LiteralString] = _RUN + " WHERE ended_at IS NULL AND device_id IS NULL FOR UPDATE"
_KNOWN: Final[LiteralString] = "SELECT cause FROM escalation WHERE cause = ANY(%s)"
_ADD: Final[LiteralString] = (
    "INSERT INTO escalation (cause, site, device_id, rule, raised_position, urgency, severity, turn, transition_id,"
    " attended, active, began_at, step, due_at, render_due_at, unseen, spoken, nobody, told_at, ended_at, ended_by)"
    " VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s)"
    " RETURNING escalation_id"
)
_SET: Final[LiteralString] = (
    "UPDATE escalation SET urgency = %s, severity = %s, turn = %s, transition_id = %s, attended = %s, active = %s,"
    " began_at = %s, step = %s, due_at = %s, render_due_at = %s, unseen = %s, spoken = %s, nobody = %s, told_at = %s,"
    " ended_at = %s, ended_by = %s WHERE escalation_id = %s"
)
_TAKEN: Final[LiteralString] = (
    "INSERT INTO escalation_step (escalation_id, turn, step, at, who, contacts, outcome)"
    " VALUES (%s, %s, %s, %s, %s, %s, %s) ON CONFLICT DO NOTHING"
)
_PUT: Final[LiteralString] = (
    "INSERT INTO outbox (key, site, contact, channel, sort, escalation_id, life_safety, title, body, due_at)"
    " VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, coalesce(%s, now())) ON CONFLICT (key) DO NOTHING"
)
# Not what is being sent at this moment: a turn waits for no channel.
_WITHDRAW: Final[LiteralString] = (
    "UPDATE outbox SET withdrawn_at = now() WHERE outbox_id IN (SELECT outbox_id FROM outbox WHERE escalation_id = %s"
    " AND sort = 'alarm' AND sent_at IS NULL AND dead_at IS NULL AND withdrawn_at IS NULL FOR UPDATE SKIP LOCKED)"
)
_CALLED: Final[LiteralString] = (
    "SELECT coalesce(nullif(display_name, ''), device) AS name FROM device WHERE device_id = %s"
)
_RENDERED: Final[LiteralString] = (
    "SELECT EXISTS (SELECT FROM transition t JOIN shown s ON s.device_id = t.device_id AND s.transition_id = t.id"
    " WHERE t.device_id = %s AND t.rule = %s AND t.position >= %s AND s.stage = 'rendered') AS rendered"
)
# What is told of an alarm: its words, what its crane is called, and who drove it in the ten minutes before.
_FACTS: Final[LiteralString] = (
    "SELECT d.kind, d.device, d.display_name, t.payload::text AS payload, o.operator FROM device d"
    " LEFT JOIN transition t ON t.id = %(transition)s"
    " LEFT JOIN LATERAL (SELECT r.operator FROM reading_crane r WHERE d.kind = 'crane' AND r.device_id = d.device_id"
    "  AND r.ts > to_timestamp(t.at_ms / 1000.0) - interval '10 minutes' AND r.ts <= to_timestamp(t.at_ms / 1000.0)"
    "  AND r.operator IS NOT NULL ORDER BY r.ts DESC LIMIT 1) o ON true WHERE d.device_id = %(device)s"
)
# Where a terminal has to be: the configuration says so, and the crane is not one that people have left.
_TERMINAL: Final[LiteralString] = (
    "SELECT d.device_id FROM device d LEFT JOIN coverage c USING (device_id) WHERE d.device_id = ANY(%s)"
    " AND coalesce(d.config ->> 'terminal', 'none') <> 'none'"
    " AND coalesce(c.payload ->> 'mode', '') NOT IN ('parked', 'storm')"
)
_HEARD: Final[LiteralString] = (
    # In one order, because two notifiers write the same rows; and not each beat of each site, because one will do.
    "INSERT INTO site_heard AS h (site, heard_at) SELECT s.site, now() FROM site s WHERE s.site = ANY(%s)"
    " ORDER BY s.site ON CONFLICT (site) DO UPDATE SET heard_at = EXCLUDED.heard_at"
    " WHERE h.heard_at < EXCLUDED.heard_at - make_interval(secs => %s)"
)
_SILENT: Final[LiteralString] = (
    "UPDATE site_heard SET lost_at = now() WHERE lost_at IS NULL AND heard_at < now() - make_interval(secs => %s)"
    " RETURNING site, heard_at"
)
_BACK: Final[LiteralString] = "UPDATE site_heard SET lost_at = NULL WHERE lost_at < heard_at RETURNING site"
_TOLD: Final[LiteralString] = (
    "SELECT DISTINCT contact, channel FROM outbox WHERE escalation_id = %s AND sort = 'alarm' AND withdrawn_at IS NULL"
)
_BEHIND: Final[LiteralString] = (
    "SELECT coalesce(extract(epoch FROM now() - added_at), 0)::float8 AS s FROM transition_news"
    " ORDER BY position LIMIT 1"
)
_WAITING: Final[LiteralString] = "SELECT count(*) AS n FROM (SELECT 1 FROM transition_news LIMIT 100000) AS n"


@dataclass(frozen=True, slots=True)
class Facts:
    """What a message says of an alarm beside its ladder; `operator` is a pseudonym."""

    kind: str
    device: str
    display_name: str
    transition: Transition | None
    operator: str | None


class Turn:
    """What can be read and written while the turn is ours."""

    def __init__(self, connection: Connection, now: datetime) -> None:
        self._connection = connection
        self.now = now

    async def news(self, old_s: float) -> list[News]:
        """The oldest news, taken away; what is older than `old_s` (seconds) is marked so."""
        rows = await self._rows(_NEWS, (MOST,))
        found: list[News] = []
        for row in rows:
            one = msgspec.json.decode(row["payload"], type=Transition)
            said = min(row["recorded_at"].timestamp(), one.at / 1000)
            old = self.now.timestamp() - said > old_s
            found.append(News(row["position"], row["device_id"], row["recorded_at"], one, old))
        return found

    async def open(self, places: Iterable[tuple[int, str]]) -> dict[tuple[int, str], Run]:
        """The runs that are open, by device and rule."""
        wanted = list(places)
        rows = await self._rows(_OPEN, ([device for device, _ in wanted], [rule for _, rule in wanted]))
        return {(row["device_id"], row["rule"]): _run(row) for row in rows}

    async def due(self) -> list[Run]:
        """Runs with something to do by now, the longest waiting first."""
        return [_run(row) for row in await self._rows(_DUE, (self.now, MOST))]

    async def lost(self) -> list[Run]:
        """The open runs of sites that nobody watches."""
        return [_run(row) for row in await self._rows(_LOST, ())]

    async def known(self, causes: Sequence[str]) -> set[str]:
        """Which of these have had a run."""
        return {row["cause"] for row in await self._rows(_KNOWN, (list(causes),))}

    async def save(self, run: Run, taken: Iterable[Taken] = ()) -> int:
        """Write a run and the steps that it took; its number."""
        number = run.number
        now = (
            run.urgency, int(run.severity), run.turn, run.transition, run.attended, run.active, run.began, run.step,
            run.due, run.render_due, run.unseen, run.spoken, run.nobody, run.told, run.ended, run.ended_by,
        )  # fmt: skip
        if number is None:
            cause = (run.cause, run.site, run.device_id, run.rule, run.position)
            row = await (await self._connection.execute(_ADD, (*cause, *now))).fetchone()
            number = int(row["escalation_id"]) if row is not None else 0
        else:
            await self._connection.execute(_SET, (*now, number))
            if run.ended is not None and run.ended_by != "over":
                await self._connection.execute(_WITHDRAW, (number,))
        for one in taken:
            await self._connection.execute(
                _TAKEN, (number, one.turn, one.step, self.now, one.who, list(one.contacts), one.outcome)
            )
        return number

    async def put(self, messages: Iterable[Message]) -> None:
        """Put messages out; one that is there already stays as it is."""
        rows = [
            (one.key, one.site, one.contact, one.channel, one.sort, one.run, one.life_safety, one.title, one.body,
             one.due)
            for one in messages
        ]  # fmt: skip
        if rows:
            async with self._connection.cursor() as cursor:
                await cursor.executemany(_PUT, rows)

    async def standing(self, site: str) -> Standing | None:
        """Who is told at a site now."""
        return await roster.read(self._connection, site, self.now)

    async def facts(self, run: Run) -> Facts | None:
        """What is told of a run's alarm; None for one of a site."""
        if run.device_id is None:
            return None
        rows = await self._rows(_FACTS, {"transition": run.transition, "device": run.device_id})
        if not rows:
            return None
        row = rows[0]
        transition = msgspec.json.decode(row["payload"], type=Transition) if row["payload"] is not None else None
        return Facts(row["kind"], row["device"], row["display_name"], transition, row["operator"])

    async def called(self, device_id: int) -> str:
        """What people call a device."""
        rows = await self._rows(_CALLED, (device_id,))
        return str(rows[0]["name"]) if rows else ""

    async def rendered(self, run: Run) -> bool:
        """Whether a terminal has rendered the alarm since it was raised."""
        rows = await self._rows(_RENDERED, (run.device_id, run.rule, run.position))
        return bool(rows[0]["rendered"])

    async def terminals(self, devices: Iterable[int]) -> set[int]:
        """Those of these devices where a terminal is expected."""
        return {row["device_id"] for row in await self._rows(_TERMINAL, (list(devices),))}

    async def silent(self, lost_s: float) -> list[tuple[str, datetime]]:
        """Sites that have just been without a heartbeat for so long (seconds), and since when."""
        return [(row["site"], row["heard_at"]) for row in await self._rows(_SILENT, (lost_s,))]

    async def returned(self) -> set[str]:
        """Sites whose analyzer has just been heard again."""
        return {row["site"] for row in await self._rows(_BACK, ())}

    async def told(self, run: Run) -> list[tuple[str, str]]:
        """The contacts, and their channels, that were told of a run."""
        return [(row["contact"], row["channel"]) for row in await self._rows(_TOLD, (run.number,))]

    async def _rows(self, sql: LiteralString, parameters: Any) -> list[dict[str, Any]]:
        return await (await self._connection.execute(sql, parameters)).fetchall()


@asynccontextmanager
async def turn(database: Database) -> AsyncIterator[Turn | None]:
    """A turn, or None while another notifier has it; what was done in it counts when it ends. Raises StorageError."""
    async with database.connection() as connection, connection.transaction():
        row = await (await connection.execute(_TURN, (LOCK,))).fetchone()
        if row is None or not row["mine"]:
            yield None
            return
        yield Turn(connection, row["now"])


async def heard(database: Database, sites: Iterable[str], every_s: float) -> None:
    """
    The analyzer of these sites has just been heard; noted at most every `every_s` seconds. Raises StorageError.
    """
    wanted = list(sites)
    if wanted:
        async with database.connection() as connection:
            await connection.execute(_HEARD, (wanted, every_s))


async def waiting(database: Database) -> int:
    """How many news nobody has looked at, 100,000 at most. Raises StorageError."""
    async with database.connection() as connection:
        row = await (await connection.execute(_WAITING)).fetchone()
    return int(row["n"]) if row is not None else 0


async def behind_s(database: Database) -> float:
    """For how long (seconds) the oldest of the news has waited; 0 when there are none. Raises StorageError."""
    async with database.connection() as connection:
        row = await (await connection.execute(_BEHIND)).fetchone()
    return float(row["s"]) if row is not None else 0.0


_FIELDS: Final = {field.name for field in fields(Run)}


def _run(row: dict[str, Any]) -> Run:
    found = {name: value for name, value in row.items() if name in _FIELDS}
    return Run(**found | {"urgency": Urgency(row["urgency"]), "severity": Severity(row["severity"])})
