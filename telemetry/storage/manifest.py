"""
What a record holds, in numbers and digests that a copy of it can be held against. Pure.

A digest is the sum of the MD5 of each row as text, as 64-bit numbers: it does not depend on the order of rows, on
chunks or on compression, and parts add up to the whole. It shows what was damaged or left out, not what was forged.
Readings are digested by day and by device, so that a difference can be told in words. Nothing that may differ between
two healthy copies is in it.
"""

from typing import Final

import msgspec

FORMAT: Final = 1


class Part(msgspec.Struct, frozen=True):
    """So many rows, and the digest of all of them."""

    rows: int
    digest: str


class Held(msgspec.Struct, frozen=True):
    """What the ledger says of a device: boots, frames stored, and the digest of its ranges."""

    boots: int
    frames: int
    digest: str


class Manifest(msgspec.Struct, frozen=True, kw_only=True):
    """What is in a record."""

    format: int = FORMAT
    made_at: int  # Unix ms
    program: str
    schema: list[str]  # migrations
    edition: str
    server: str
    timescaledb: str | None
    tables: dict[str, Part]
    days: dict[str, dict[str, Part]]  # of each table of readings, by the UTC day of `ts`
    devices: dict[str, dict[str, Part]]  # the same by site/kind/device
    ledger: dict[str, Held]
    dump_bytes: int = 0
    dump_sha256: str = ""


def differences(wanted: Manifest, found: Manifest) -> list[str]:
    """In words, what a copy has that the original had not, or has not; empty when they are the same."""
    words: list[str] = []
    for name in ("schema", "edition", "timescaledb"):
        if getattr(wanted, name) != getattr(found, name):
            words.append(f"{name}: {getattr(wanted, name)} in the backup, {getattr(found, name)} here")
    for table in sorted({*wanted.tables, *found.tables}):
        words += _differ(f"table {table}", wanted.tables.get(table), found.tables.get(table))
    for what, one, other in (("day", wanted.days, found.days), ("device", wanted.devices, found.devices)):
        for table in sorted({*one, *other}):
            before, after = one.get(table, {}), other.get(table, {})
            for key in sorted({*before, *after}):
                words += _differ(f"{table}, {what} {key}", before.get(key), after.get(key))
    for key in sorted({*wanted.ledger, *found.ledger}):
        a, b = wanted.ledger.get(key), found.ledger.get(key)
        if a != b:
            words.append(f"ledger of {key}: {_frames(a)} in the backup, {_frames(b)} here")
    return words


def _differ(what: str, a: Part | None, b: Part | None) -> list[str]:
    if a == b:
        return []
    if a is None or b is None:
        return [f"{what}: not {'in the backup' if a is None else 'here'}"]
    if a.rows != b.rows:
        return [f"{what}: {a.rows} rows in the backup, {b.rows} here"]
    return [f"{what}: {a.rows} rows, but not the same"]


def _frames(held: Held | None) -> str:
    return "nothing" if held is None else f"{held.frames} frames of {held.boots} boots ({held.digest[:8]})"
