"""Handovers in the record: what they are made of, and those that were signed, which stay as they are."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, LiteralString

import msgspec

from telemetry.handover import Begun, Change, Ear, Named, Sheet, digest, reason, text
from telemetry.model import CoverageLevel
from telemetry.storage.audit import Actor, Deed, write
from telemetry.storage.pool import Database
from telemetry.wire.payloads import Coverage

MAX_PAGE: Final = 200
MAX_CHANGES: Final = 50_000

_CHANGES: Final[LiteralString] = (
    "SELECT d.kind, d.device, d.display_name, c.at_ms, c.level, c.payload FROM device d CROSS JOIN LATERAL ("
    " (SELECT * FROM coverage_change b WHERE b.device_id = d.device_id AND b.at_ms < %(begin)s"
    "  ORDER BY b.at_ms DESC LIMIT 1) UNION ALL (SELECT * FROM coverage_change b WHERE b.device_id = d.device_id"
    "  AND b.at_ms >= %(begin)s AND b.at_ms < %(end)s)) AS c"
    " WHERE d.site = %(site)s ORDER BY d.kind, d.device, c.at_ms LIMIT %(limit)s"
)
_EARS: Final[LiteralString] = (
    "SELECT d.kind, d.device, t.terminal, t.at_ms, t.visible, t.audio, t.volume FROM terminal t"
    " JOIN device d USING (device_id) WHERE d.site = %s ORDER BY t.at_ms DESC LIMIT 500"
)
_BEGUN: Final[LiteralString] = (
    "SELECT DISTINCT ON (r.device_id) d.kind, d.device, r.who, r.at_ms FROM response r JOIN device d USING (device_id)"
    " WHERE d.site = %s AND r.action = 'begin_shift' AND r.at_ms >= %s ORDER BY r.device_id, r.at_ms DESC"
)
_LIST: Final[LiteralString] = (
    "SELECT handover_id, site, begin_ms, signed_ms, signed_by, organisation, note, sha256, previous, recorded_at"
    " FROM handover WHERE site = %(site)s AND (%(before)s::bigint IS NULL OR handover_id < %(before)s)"
    " ORDER BY handover_id DESC LIMIT %(limit)s"
)
_ONE: Final[LiteralString] = (
    "SELECT handover_id, site, begin_ms, signed_ms, signed_by, organisation, note, sha256, previous, recorded_at, body"
    " FROM handover WHERE site = %s AND handover_id = %s"
)
_SIGN: Final[LiteralString] = (
    "INSERT INTO handover (site, begin_ms, signed_ms, signed_by, organisation, note, body, sha256, previous)"
    " VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s) ON CONFLICT DO NOTHING RETURNING handover_id"
)


@dataclass(frozen=True, slots=True)
class Signed:
    """A handover that was signed; times in Unix ms. `body` is None where only the list was asked for."""

    handover_id: int
    site: str
    begin_ms: int
    signed_ms: int
    signed_by: str
    organisation: str | None
    note: str
    sha256: str
    previous: str | None
    recorded_at: datetime
    body: str | None = None


async def changes(database: Database, site: str, begin: int, end: int) -> list[Change]:
    """What the devices of a site said of their coverage in [begin, end), and last before it. Raises StorageError."""
    parameters = {"site": site, "begin": begin, "end": end, "limit": MAX_CHANGES}
    async with database.connection() as connection:
        rows = await (await connection.execute(_CHANGES, parameters)).fetchall()
    return [
        Change(
            Named(kind=row["kind"], device=row["device"], name=row["display_name"] or row["device"]),
            row["at_ms"], CoverageLevel(row["level"]), reason(msgspec.convert(row["payload"], Coverage)),
        )
        for row in rows
    ]  # fmt: skip


async def ears(database: Database, site: str) -> dict[tuple[str, str], list[Ear]]:
    """The terminals of each device by their last heartbeat, newest first. Raises StorageError."""
    async with database.connection() as connection:
        rows = await (await connection.execute(_EARS, (site,))).fetchall()
    found: dict[tuple[str, str], list[Ear]] = {}
    for row in rows:
        ear = Ear(
            terminal=row["terminal"], at=row["at_ms"], visible=row["visible"], audio=row["audio"], volume=row["volume"]
        )
        found.setdefault((row["kind"], row["device"]), []).append(ear)
    return found


async def begun(database: Database, site: str, since: int) -> dict[tuple[str, str], Begun]:
    """Who began the latest shift of each device since then (Unix ms). Raises StorageError."""
    async with database.connection() as connection:
        rows = await (await connection.execute(_BEGUN, (site, since))).fetchall()
    return {(row["kind"], row["device"]): Begun(who=row["who"], at=row["at_ms"]) for row in rows}


async def listed(database: Database, site: str, *, before: int | None = None, limit: int = 50) -> list[Signed]:
    """Those that were signed, newest first, without their text. Raises StorageError."""
    parameters: dict[str, Any] = {"site": site, "before": before, "limit": min(limit, MAX_PAGE)}
    async with database.connection() as connection:
        rows = await (await connection.execute(_LIST, parameters)).fetchall()
    return [Signed(**row) for row in rows]


async def one(database: Database, site: str, handover_id: int) -> Signed | None:
    """One of them with its text. Raises StorageError."""
    async with database.connection() as connection:
        row = await (await connection.execute(_ONE, (site, handover_id))).fetchone()
    return Signed(**row) if row is not None else None


async def sign(database: Database, by: Actor, sheet: Sheet) -> int | None:
    """
    Keep a sheet; its number. None when another one was signed since this one's `previous`: look at it first.

    Raises StorageError.
    """
    body = text(sheet)
    values = (
        sheet.site, sheet.since, sheet.at, sheet.signed_by, sheet.organisation, sheet.note, body, digest(body),
        sheet.previous,
    )  # fmt: skip
    async with database.connection() as connection, connection.transaction():
        row = await (await connection.execute(_SIGN, values)).fetchone()
        if row is None:
            return None
        after = {"sha256": digest(body)}
        await write(connection, Deed(by, "handover.sign", f"handover {row['handover_id']}", sheet.site, after=after))
    return int(row["handover_id"])
