"""What each device said last, as the record has it: for whoever has just started and has heard nothing yet."""

from dataclasses import dataclass
from typing import Any, Final, LiteralString, cast

from psycopg import sql

from telemetry.clock import to_ms
from telemetry.kinds import KINDS
from telemetry.storage.pool import Database
from telemetry.storage.stored import fields
from telemetry.wire.frames import FRAMES, Frame

_LATEST: Final[LiteralString] = (
    "SELECT d.site, d.device, b.boot, r.* FROM device d CROSS JOIN LATERAL (SELECT ts, received_at, boot_no, seq,"
    " invalid, {names} FROM {table} WHERE device_id = d.device_id ORDER BY ts DESC LIMIT 1) r"
    " LEFT JOIN device_boot b ON b.device_id = d.device_id AND b.boot_no = r.boot_no WHERE d.kind = {kind}"
    " AND coalesce(d.config->>'retired', 'false') IN ('false', 'null')"
    " ORDER BY d.device_id LIMIT {limit}"
)


@dataclass(frozen=True, slots=True)
class Last:
    """A device's newest sample as a frame of its own, and when it was received (Unix ms)."""

    site: str
    kind: str
    device: str
    frame: Frame
    received_ms: int


async def latest(database: Database, kind_name: str, limit: int) -> list[Last]:
    """The newest sample of each of so many devices of a kind. Raises StorageError."""
    kind = KINDS[kind_name]
    query = sql.SQL(_LATEST).format(
        names=sql.SQL(", ").join(sql.Identifier(channel.name) for channel in kind.channels),
        table=sql.Identifier(f"reading_{kind.name}"), kind=sql.Literal(kind.name), limit=sql.Literal(limit),
    )  # fmt: skip
    async with database.connection() as connection:
        rows = await (await connection.execute(query)).fetchall()
    found = []
    for row in rows:
        made: Any = FRAMES[kind.name](boot=row["boot"], seq=row["seq"] or None, **fields(kind.name, row))
        found.append(Last(row["site"], kind.name, row["device"], cast(Frame, made), to_ms(row["received_at"])))
    return found
