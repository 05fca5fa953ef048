"""
What will not come any more: declared lost, with the reason, so that nobody waits for it and the ledger stays small.

A hole is declared lost when it has been open for longer than the devices' journals reach back, and nothing beside it
was received in that time: a long backfill that still goes on is waited for, however old its holes are. What is lost
counts as received in receipts. A frame that comes all the same is stored, and is no longer lost.

A boot in more than MANY ranges goes, as far as it is settled, into `frame_archive`; in more than MOST, its lowest part
whether it is settled or not: a box that sends every second frame only must not make each commit slow. There, what is
missing is declared lost for that reason, and a frame that comes all the same is stored but not counted.
"""

import logging
from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Final, LiteralString

import psycopg

from telemetry.storage import ledger
from telemetry.storage.gaps import MISSING
from telemetry.storage.holdings import COLUMNS, Holdings, from_row
from telemetry.storage.multirange import Ranges, size, union, within

logger = logging.getLogger(__name__)

MANY: Final = 1_000
MOST: Final = 4_000
BOOTS_AT_ONCE: Final = 2_000

_CANDIDATES: Final[LiteralString] = (
    "SELECT l.device_id, l.boot_no FROM frame_ledger l JOIN device_boot b USING (device_id, boot_no)"  # noqa: S608 - ours
    " WHERE l.gaps AND coalesce(least((SELECT min(k.received_at) FROM seq_mark k WHERE k.device_id = l.device_id"
    f"  AND k.boot_no = l.boot_no AND k.seq > lower({MISSING})), l.ended_at), b.first_seen) < %s"
    " ORDER BY l.device_id, l.boot_no LIMIT %s"
)
# A range takes 16 bytes and more, before compression to perhaps a quarter: the sizes spare most rows the counting.
_PIECES: Final[LiteralString] = (
    "pg_column_size(stored) + pg_column_size(evaluated) + pg_column_size(reviewed) + pg_column_size(refused)"
    " + pg_column_size(quarantined) > 4000"
    " AND greatest((SELECT count(*) FROM unnest(stored)), (SELECT count(*) FROM unnest(evaluated)),"
    "  (SELECT count(*) FROM unnest(reviewed)), (SELECT count(*) FROM unnest(refused)),"
    "  (SELECT count(*) FROM unnest(quarantined))) > %s ORDER BY device_id, boot_no LIMIT %s"
)
# What is broken by holes is found by the index; what is broken otherwise (evaluated in pieces) takes the whole ledger.
_BROKEN: Final[LiteralString] = f"SELECT device_id, boot_no FROM frame_ledger WHERE gaps AND {_PIECES}"  # noqa: S608
_BROKEN_ANYHOW: Final[LiteralString] = f"SELECT device_id, boot_no FROM frame_ledger WHERE {_PIECES}"  # noqa: S608
_BOOT: Final[LiteralString] = (
    f"SELECT {COLUMNS} FROM frame_ledger l JOIN device_boot b USING (device_id, boot_no)"  # noqa: S608 - ours
    " WHERE l.device_id = %s AND l.boot_no = %s FOR UPDATE OF l"
)
_OPEN: Final[LiteralString] = "SELECT boot_no FROM frame_ledger WHERE device_id = %s AND gaps ORDER BY boot_no"
_MARKS: Final[LiteralString] = (
    "SELECT seq, received_at FROM seq_mark WHERE device_id = %s AND boot_no = %s ORDER BY seq"
)
_LOSE: Final[LiteralString] = (
    "UPDATE frame_ledger SET lost = lost + %s::int8multirange WHERE device_id = %s AND boot_no = %s"
)
_LOSS: Final[LiteralString] = (
    "INSERT INTO frame_loss (device_id, boot_no, reason, detail, seqs) VALUES (%s, %s, %s, %s, %s::int8multirange)"
)
_ARCHIVE: Final[LiteralString] = (
    "INSERT INTO frame_archive (device_id, boot_no, low, high, stored, quarantined, evaluated, reviewed, refused, lost)"
    " VALUES (%s, %s, %s, %s, %s::int8multirange, %s::int8multirange, %s::int8multirange, %s::int8multirange,"
    " %s::int8multirange, %s::int8multirange)"
)
_ARCHIVED: Final[LiteralString] = (
    "UPDATE frame_ledger SET archived = %(high)s, stored = stored + %(all)s::int8multirange,"
    " evaluated = evaluated + %(all)s::int8multirange, quarantined = quarantined - %(all)s::int8multirange,"
    " reviewed = reviewed - %(all)s::int8multirange, refused = refused - %(all)s::int8multirange,"
    " lost = lost - %(all)s::int8multirange WHERE device_id = %(device)s AND boot_no = %(boot)s"
)


@dataclass(frozen=True, slots=True)
class Declared:
    """What one round did."""

    frames: int = 0  # declared lost
    boots: int = 0  # put into the archive, in part


def given_up(held: Holdings, marks: Sequence[tuple[int, datetime]], before: datetime) -> Ranges:
    """The holes that were open and untouched before that moment; `marks` are (seq, received), rising."""
    seqs = [seq for seq, _ in marks]
    found: Ranges = []
    for low, high in held.missing:
        place = bisect_right(seqs, high)
        # The frame right above a hole has a mark of its own; what is being filled from below has a young mark below.
        beside = [marks[k][1] for k in (bisect_right(seqs, low) - 1, place) if 0 <= k < len(marks)]
        if high > held.reached and held.ended_at is not None:
            beside.append(held.ended_at)
        if not beside:
            beside.append(held.first_seen)
        if all(moment < before for moment in beside):
            found.append((low, high))
    return found


def cut(held: Holdings) -> int:
    """Up to which seq a boot in many pieces goes into the archive; 0 when none of it does."""
    if held.pieces <= MANY:
        return 0
    waiting = union(held.missing, held.unreviewed)
    settled = waiting[0][0] - 1 if waiting else held.top
    longest = max((held.stored, held.quarantined, held.evaluated, held.reviewed, held.refused), key=len)
    if held.pieces > MOST:
        # Half of what is allowed stays: the newest part, which still moves.
        settled = max(settled, longest[len(longest) - MOST // 2][0] - 1)
    # Not by single pieces, minute after minute: each cut is a row of its own.
    return settled if sum(1 for low, _ in longest if low <= settled) >= MANY // 2 else 0


def declare(connection: psycopg.Connection[Any], before: datetime, *, thorough: bool = True) -> Declared:
    """
    Declare lost what has been open, untouched, since before that moment, and archive boots in too many pieces.

    `thorough` looks for these in the whole ledger. One short transaction a boot. Wants autocommit. Raises psycopg
    errors.
    """
    frames = boots = 0
    wanted = dict.fromkeys(connection.execute(_CANDIDATES, (before, BOOTS_AT_ONCE)).fetchall())
    wanted |= dict.fromkeys(
        connection.execute(_BROKEN_ANYHOW if thorough else _BROKEN, (MANY, BOOTS_AT_ONCE)).fetchall()
    )
    for device, boot in wanted:
        with connection.transaction():
            row = connection.execute(_BOOT, (device, boot)).fetchone()
            if row is None:
                continue
            held = from_row(row)
            marks = connection.execute(_MARKS, (device, boot)).fetchall()
            lost = given_up(held, marks, before)
            if lost:
                frames += size(lost)
                connection.execute(_LOSE, (ledger.literal(lost), device, boot))
                connection.execute(_LOSS, (device, boot, "journal", "", ledger.literal(lost)))
                held = replace(held, lost=union(held.lost, lost))
            high = cut(held)
            if high:
                boots += 1
                frames += _archive(connection, device, boot, held, high)
    return Declared(frames, boots)


def give_up(connection: psycopg.Connection[Any], device: int, detail: str) -> int:
    """Declare lost all that is missing of a device now, because a person says so; how many frames. Wants autocommit."""
    frames = 0
    with connection.transaction():
        for (boot,) in connection.execute(_OPEN, (device,)).fetchall():
            row = connection.execute(_BOOT, (device, boot)).fetchone()
            lost = from_row(row).missing if row else []
            if lost:
                frames += size(lost)
                connection.execute(_LOSE, (ledger.literal(lost), device, boot))
                connection.execute(_LOSS, (device, boot, "declared", detail, ledger.literal(lost)))
    return frames


def _archive(connection: psycopg.Connection[Any], device: int, boot: int, held: Holdings, high: int) -> int:
    low = held.archived + 1
    forced = within(held.missing, low, high)
    if forced:
        connection.execute(_LOSS, (device, boot, "fragmented", "", ledger.literal(forced)))
        logger.warning(
            "boot %d of device %d is in %d pieces: %d frames of it are no longer waited for",
            boot, device, held.pieces, size(forced), extra={"action": "fragmented"},
        )  # fmt: skip
    columns = (held.stored, held.quarantined, held.evaluated, held.reviewed, held.refused, union(held.lost, forced))
    connection.execute(
        _ARCHIVE, (device, boot, low, high, *(ledger.literal(within(ranges, low, high)) for ranges in columns))
    )
    connection.execute(_ARCHIVED, {"high": high, "all": f"{{[1,{high}]}}", "device": device, "boot": boot})
    return size(forced)
