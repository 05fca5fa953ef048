"""What the review of late data reads and writes of work cycles: inside its own transactions."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final, LiteralString

import msgspec
from psycopg import AsyncConnection
from psycopg.rows import DictRow

from telemetry.storage.cycles import RECOGNISED, recognised_row
from telemetry.wire.cycle import Cycle

_KNOWN: Final[LiteralString] = (
    "SELECT w.data, v.verdict, v.payload AS changed FROM work_cycle w LEFT JOIN work_cycle_review v"
    " ON v.device_id = w.device_id AND v.id = w.id"
    " WHERE w.device_id = %s AND w.origin <> 'device' AND w.ts_ms >= %s ORDER BY w.ts_ms, w.position LIMIT 100000"
)
_VERDICT: Final[LiteralString] = (
    "INSERT INTO work_cycle_review (device_id, id, review_id, verdict, payload) VALUES (%s, %s, %s, %s, %s)"
    " ON CONFLICT (device_id, id) DO UPDATE SET review_id = EXCLUDED.review_id, verdict = EXCLUDED.verdict,"
    " payload = EXCLUDED.payload"
)
_AGREED: Final[LiteralString] = "DELETE FROM work_cycle_review WHERE device_id = %s AND id = ANY(%s)"
Connection = AsyncConnection[DictRow]


@dataclass(frozen=True, slots=True)
class Found:
    """What a review found of work cycles."""

    added: Sequence[Cycle] = ()
    changed: Sequence[Cycle] = ()
    not_reproduced: Sequence[str] = ()
    agreed: Sequence[str] = ()


NOTHING: Final = Found()


async def known(connection: Connection, device_id: int, since_ms: int) -> list[tuple[Cycle, str | None, Cycle | None]]:
    """Recognised work cycles that ended at a time or later, with the last review's verdict."""
    rows = await (await connection.execute(_KNOWN, (device_id, since_ms))).fetchall()
    return [
        (
            msgspec.convert(row["data"], Cycle),
            row["verdict"],
            msgspec.convert(row["changed"], Cycle) if row["changed"] is not None else None,
        )
        for row in rows
    ]


async def settle(connection: Connection, device_id: int, review: int, cycles: Found) -> None:
    """Write what was found, in the transaction of the review with that number."""
    for one in cycles.added:
        await connection.execute(RECOGNISED, recognised_row(device_id, one))
    verdicts: Iterable[tuple[str, str, str | None]] = [
        *((one.id, "changed", msgspec.json.encode(one).decode()) for one in cycles.changed),
        *((name, "not_reproduced", None) for name in cycles.not_reproduced),
    ]
    for name, verdict, payload in verdicts:
        await connection.execute(_VERDICT, (device_id, name, review, verdict, payload))
    if cycles.agreed:
        await connection.execute(_AGREED, (device_id, list(cycles.agreed)))
