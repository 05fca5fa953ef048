"""
What of the record is missing now, and since when.

A frame is missing when its seq lies below the highest one known of its boot (stored, quarantined, or declared by the
device as the boot's end), and it is neither here nor declared lost. A hole is open since the first frame above it was
received: that frame was not stored right after the one before it, so it has a mark (`telemetry/storage/marks.py`);
a missing end of a boot is open since the device declared the end.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Final, LiteralString

from telemetry.storage.pool import Database

MAX_DEVICES: Final = 10_000

# Missing seqs of one ledger row `l`; the bound is the one in the generated column `gaps`.
MISSING: Final[LiteralString] = (
    "(int8multirange(int8range(1, greatest(upper(l.stored), upper(l.quarantined), l.ended + 1, 1)))"
    " - (l.stored + l.quarantined + l.lost))"
)
# A seq may be as great as 2^53, and a broken box may have many boots of such: their sum is more than a bigint holds.
# Of one boot no hole is older than its lowest one: what was received above another was received above that too.
_OPEN: Final[LiteralString] = (
    "SELECT d.site, d.kind, d.device,"  # noqa: S608 - an expression of ours
    " least(sum(g.frames), 9007199254740991)::bigint AS frames, min(g.since) AS since,"
    " min(g.since) < now() - make_interval(secs => %(overdue_s)s) AS overdue"
    " FROM frame_ledger l JOIN device d USING (device_id) JOIN device_boot b USING (device_id, boot_no)"
    f" CROSS JOIN LATERAL (SELECT {MISSING} AS seqs OFFSET 0) AS m"
    " CROSS JOIN LATERAL (SELECT (SELECT sum(upper(r) - lower(r)) FROM unnest(m.seqs) AS r) AS frames,"
    "  coalesce(least((SELECT min(k.received_at) FROM seq_mark k WHERE k.device_id = l.device_id"
    "   AND k.boot_no = l.boot_no AND k.seq > lower(m.seqs)), l.ended_at), b.first_seen) AS since) AS g"
    " WHERE l.gaps GROUP BY d.device_id ORDER BY since, d.device_id LIMIT %(limit)s"
)


@dataclass(frozen=True, slots=True)
class Gap:
    """What is missing of one device, all boots together."""

    site: str
    kind: str
    device: str
    frames: int
    since: datetime  # the oldest hole is known since then
    overdue: bool


async def open_gaps(database: Database, *, overdue_s: float) -> list[Gap]:
    """
    The devices of which frames are missing now, those that wait longest first, at most MAX_DEVICES.

    `overdue` when the oldest hole has been open for more than `overdue_s` seconds. Raises StorageError.
    """
    async with database.connection() as connection:
        rows = await (await connection.execute(_OPEN, {"overdue_s": overdue_s, "limit": MAX_DEVICES})).fetchall()
    return [Gap(**row) for row in rows]
