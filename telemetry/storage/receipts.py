"""What the record has of how alarms reached people; the chains are made of it in `telemetry/receipts.py`."""

from datetime import datetime
from typing import Any, Final, LiteralString

from telemetry import receipts
from telemetry.clock import to_ms
from telemetry.model import Severity, Signal, Stage, State
from telemetry.receipts import Chain, Notice, Reached, Said
from telemetry.storage.pool import Connection, Database

MAX_CHAINS: Final = 2_000
MAX_LOG: Final = 20_000
BACK: Final = 200  # transitions of one alarm that are looked at for its last raise

_SNAPSHOT: Final[LiteralString] = "SET TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY"
_SAID: LiteralString = (
    "SELECT t.id, t.position, d.kind, d.device, t.rule, t.signal, t.previous, t.state, t.severity, t.life_safety,"
    " t.at_ms AS at, t.received_at AS received, t.payload ->> 'who' AS who, t.payload ->> 'why' AS why,"
    " t.payload #>> '{text,zh}' AS zh, t.payload #>> '{text,en}' AS en"
    " FROM transition t JOIN device d USING (device_id) WHERE t.origin = 'live' AND d.site = %(site)s"
)
_ALARM: Final[LiteralString] = (
    _SAID + " AND d.device = %(device)s AND t.rule = %(rule)s ORDER BY t.position DESC LIMIT %(limit)s"
)
_SITE: Final[LiteralString] = (
    _SAID + " AND t.at_ms >= %(begin)s AND t.at_ms < %(end)s ORDER BY t.position LIMIT %(limit)s"
)
_SHOWN: Final[LiteralString] = (
    "SELECT s.transition_id AS transition, s.terminal, s.stage, s.at_ms AS at, s.received_at AS received FROM shown s"
    " JOIN transition t ON t.id = s.transition_id AND t.device_id = s.device_id WHERE t.id = ANY(%s)"
)
_TOLD: Final[LiteralString] = (
    "SELECT e.cause, o.contact, coalesce(c.name, o.contact) AS name, o.channel, o.key, o.created_at AS created,"
    " o.sent_at AS sent, o.attempts, o.last_error AS error, CASE WHEN o.sent_at IS NOT NULL THEN 'sent'"
    " WHEN o.dead_at IS NOT NULL THEN 'dead' WHEN o.withdrawn_at IS NOT NULL THEN 'withdrawn' ELSE 'waiting' END"
    " AS state"
    " FROM escalation e JOIN outbox o USING (escalation_id) LEFT JOIN contact c ON c.site = o.site"
    " AND c.contact = o.contact WHERE e.cause = ANY(%s) AND o.sort = 'alarm' ORDER BY o.outbox_id"
)


async def chain(database: Database, site: str, device: str, rule: str) -> Chain | None:
    """The chain of that alarm's last raise; None when it has had none. Raises StorageError."""
    async with database.connection() as connection, connection.transaction():
        await connection.execute(_SNAPSHOT)
        parameters = {"site": site, "device": device, "rule": rule, "limit": BACK}
        rows = await (await connection.execute(_ALARM, parameters)).fetchall()
        found = await _chains(connection, [_said(row) for row in reversed(rows)])
    return found[-1] if found else None


async def chains(database: Database, site: str, begin: datetime, end: datetime) -> tuple[list[Chain], bool]:
    """
    The chains of a site in this span of the alarms' own time, and whether there are more.

    Raises StorageError.
    """
    parameters = {"site": site, "begin": to_ms(begin), "end": to_ms(end), "limit": MAX_LOG + 1}
    async with database.connection() as connection, connection.transaction():
        await connection.execute(_SNAPSHOT)
        rows = await (await connection.execute(_SITE, parameters)).fetchall()
        found = await _chains(connection, [_said(row) for row in rows[:MAX_LOG]])
    return found[:MAX_CHAINS], len(rows) > MAX_LOG or len(found) > MAX_CHAINS


async def _chains(connection: Connection, log: list[Said]) -> list[Chain]:
    ids = [one.id for one in log]
    shown = await (await connection.execute(_SHOWN, (ids,))).fetchall()
    told: dict[str, list[Notice]] = {}
    for row in await (await connection.execute(_TOLD, (ids,))).fetchall():
        told.setdefault(row["cause"], []).append(_notice(row))
    return receipts.chains(log, [Reached(**row | {"stage": Stage(row["stage"])}) for row in shown], told)


def _said(row: dict[str, Any]) -> Said:
    return Said(
        **row
        | {
            "signal": Signal(row["signal"]), "previous": State(row["previous"]), "state": State(row["state"]),
            "severity": Severity(row["severity"]), "zh": row["zh"] or "", "en": row["en"] or "",
        }
    )  # fmt: skip


def _notice(row: dict[str, Any]) -> Notice:
    key = row.pop("key").split("/")
    # cause/turn/step/contact/channel
    return Notice(**row, step=int(key[2]) + 1 if len(key) == 5 and key[2].isdigit() else None)
