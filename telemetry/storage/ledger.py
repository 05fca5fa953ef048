"""
The frame ledger: what arrived and what was evaluated, per device and boot, as multiranges of seq.

Its complement is what is missing. It is written in the batch's own transaction, one statement, sorted by key. What is
declared lost counts as received in receipts: the device may forget it, and the prefix passes over it.
"""

from collections.abc import Iterable, Mapping
from typing import Any, Final, Literal, LiteralString

import psycopg

from telemetry.storage.registry import DeviceKey
from telemetry.wire.payloads import BootReceipt

MAX_BOOTS: Final = 8
MAX_RANGES: Final = 15

# What is stored and was neither evaluated live nor reviewed nor refused by a review; of frame_ledger l.
LATE: Final[LiteralString] = "l.stored - (l.evaluated + l.reviewed + l.refused)"
IS_LATE: Final[LiteralString] = "NOT (l.evaluated + l.reviewed + l.refused) @> l.stored"

Column = Literal["stored", "quarantined", "evaluated", "reviewed", "refused"]


def _upsert(column: LiteralString) -> LiteralString:
    return (
        f"INSERT INTO frame_ledger AS l (device_id, boot_no, {column})"  # noqa: S608 - a column name of ours
        " SELECT * FROM unnest(%s::integer[], %s::integer[], %s::int8multirange[])"
        f" ON CONFLICT (device_id, boot_no) DO UPDATE SET {column} = l.{column} + EXCLUDED.{column}"
    )


_UPSERT: Final[dict[str, LiteralString]] = {
    "stored": _upsert("stored"),
    "quarantined": _upsert("quarantined"),
    "evaluated": _upsert("evaluated"),
    "reviewed": _upsert("reviewed"),
    "refused": _upsert("refused"),
}
_END: Final[LiteralString] = (
    "INSERT INTO frame_ledger AS l (device_id, boot_no, ended, ended_at)"
    " SELECT device_id, boot_no, ended, now()"
    " FROM unnest(%s::integer[], %s::integer[], %s::bigint[]) AS e (device_id, boot_no, ended)"
    " ON CONFLICT (device_id, boot_no) DO UPDATE SET ended = EXCLUDED.ended, ended_at = EXCLUDED.ended_at"
    " WHERE l.ended IS NULL OR l.ended < EXCLUDED.ended"
)
_RECEIPTS: LiteralString = (
    "SELECT l.device_id, d.site, d.kind, d.device, b.boot, (l.stored + l.quarantined + l.lost)::text"
    " FROM frame_ledger l JOIN device_boot b USING (device_id, boot_no) JOIN device d USING (device_id)"
    " WHERE l.device_id = ANY(%s) ORDER BY l.device_id, l.boot_no DESC"
)

_DEVICES: LiteralString = (
    "SELECT DISTINCT device_id FROM frame_ledger JOIN device USING (device_id)"
    " WHERE %(sites)s::text[] = '{}' OR site = ANY(%(sites)s)"
)


def ranges_of(numbers: Iterable[int]) -> list[tuple[int, int]]:
    """Numbers as rising ranges, ends included."""
    ranges: list[tuple[int, int]] = []
    for number in sorted(set(numbers)):
        if ranges and ranges[-1][1] == number - 1:
            ranges[-1] = (ranges[-1][0], number)
        else:
            ranges.append((number, number))
    return ranges


def literal(ranges: Iterable[tuple[int, int]]) -> str:
    """Ranges, ends included, as PostgreSQL writes a multirange."""
    return "{" + ",".join(f"[{low},{high}]" for low, high in ranges) + "}"


def parse(text: str) -> list[tuple[int, int]]:
    """PostgreSQL's multirange text as ranges, ends included."""
    inner = text.strip("{}")
    if not inner:
        return []
    pairs = (part.split(",") for part in inner.strip("[)").split("),["))
    return [(int(low), int(high) - 1) for low, high in pairs]


def receipt(boot: str, ranges: list[tuple[int, int]]) -> BootReceipt:
    """What of this boot is safe to forget; seq begins at 1, so the contiguous prefix does too."""
    upto = 0
    rest = ranges
    if ranges and ranges[0][0] <= 1:
        upto, rest = ranges[0][1], ranges[1:]
    # The newest ranges are the ones that a device still holds.
    return BootReceipt(boot=boot, upto=upto, ranges=rest[-MAX_RANGES:])


def record(
    connection: psycopg.Connection[Any],
    column: Column,
    seqs: Mapping[tuple[int, int], Iterable[tuple[int, int]]],
) -> None:
    """Add ranges (ends included) by (device_id, boot_no), in key order, so that two sessions cannot deadlock."""
    if not seqs:
        return
    keys = sorted(seqs)
    connection.execute(
        _UPSERT[column],
        ([key[0] for key in keys], [key[1] for key in keys], [literal(seqs[key]) for key in keys]),
    )


def end(connection: psycopg.Connection[Any], ends: Mapping[tuple[int, int], int]) -> None:
    """Note the last seq of boots that are over, by (device_id, boot_no); the highest ever declared holds."""
    if not ends:
        return
    keys = sorted(ends)
    connection.execute(_END, ([key[0] for key in keys], [key[1] for key in keys], [ends[key] for key in keys]))


def devices(connection: psycopg.Connection[Any], sites: Iterable[str]) -> set[int]:
    """The devices of these sites that have a ledger; without sites those of all."""
    return {row[0] for row in connection.execute(_DEVICES, {"sites": list(sites)})}


def receipts(
    connection: psycopg.Connection[Any], device_ids: list[int]
) -> list[tuple[int, DeviceKey, list[BootReceipt]]]:
    """The receipts that these devices are due: (id, name, boots), newest boots first, at most MAX_BOOTS each."""
    found: dict[int, tuple[DeviceKey, list[BootReceipt]]] = {}
    for device_id, site, kind, device, boot, text in connection.execute(_RECEIPTS, (device_ids,)):
        _, boots = found.setdefault(device_id, ((site, kind, device), []))
        if len(boots) < MAX_BOOTS:
            boots.append(receipt(boot, parse(text)))
    return [(device_id, key, boots) for device_id, (key, boots) in found.items()]
