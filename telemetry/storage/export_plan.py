"""What an export will be, before its first row: the devices, the columns, and what the file says of itself."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final, LiteralString
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import msgspec

from telemetry.clock import to_ms
from telemetry.errors import ConfigError
from telemetry.export import columns
from telemetry.export.columns import Column
from telemetry.export.wish import Subject, Wish
from telemetry.export.writing import About, shown
from telemetry.kinds import KINDS
from telemetry.storage import completeness, history
from telemetry.storage.pool import Database

SHORTEST: Final = timedelta(hours=1)
COUNTED: Final = timedelta(days=31)  # frames are counted for spans up to this
COUNTED_DEVICES: Final = 50
LONGEST: Final = timedelta(days=400)
ORIGIN: Final = datetime(2000, 1, 3, tzinfo=UTC)
BUSIEST_HZ: Final = 1.0  # of a device that has not said how often it speaks

_SITE: Final[LiteralString] = "SELECT site, display_name, timezone FROM site WHERE site = %s"
_DEVICES: Final[LiteralString] = (
    "SELECT device_id, kind, device, display_name, (presence->>'interval_ms')::float8 AS interval_ms FROM device"
    " WHERE site = %(site)s AND (%(kind)s::text IS NULL OR kind = %(kind)s)"
    " AND (%(device)s::text IS NULL OR device = %(device)s) ORDER BY kind, device"
)
_PROFILES: Final[LiteralString] = (
    "SELECT name || '/' || version || '@' || left(hash, 12) AS label, published_at FROM site_profile WHERE site = %s"
    " AND published_at < %s ORDER BY publication"
)


@dataclass(frozen=True, slots=True)
class Plan:
    """A wish, and all that is known before the first row."""

    wish: Wish
    zone: ZoneInfo
    columns: tuple[Column, ...]
    devices: tuple[tuple[int, str, str], ...]  # id, kind, device
    channels: tuple[str, ...]
    rows: int  # about how many there will be, by how often the devices say that they speak
    about: About


async def plan(database: Database, wish: Wish, now: datetime) -> Plan:
    """Look at what is asked for. Raises ConfigError for what cannot be had, in words for a person, and StorageError."""
    if not wish.begin < wish.end <= wish.begin + LONGEST:
        raise ConfigError(f"from: before `to`, and at most {LONGEST.days} days of it")
    async with database.connection() as connection:
        site = await (await connection.execute(_SITE, (wish.site,))).fetchone()
        asked = {"site": wish.site, "kind": wish.kind, "device": wish.device}
        found = await (await connection.execute(_DEVICES, asked)).fetchall()
        published = await (await connection.execute(_PROFILES, (wish.site, wish.end))).fetchall()
    if site is None:
        raise ConfigError(f"site: nobody knows {wish.site!r}")
    if wish.what is Subject.CYCLES:
        found = [row for row in found if row["kind"] == "crane"]
    if not found:
        raise ConfigError(f"device: none of {wish.site} is what was asked for")
    kinds = sorted({row["kind"] for row in found})
    if wish.what is Subject.READINGS and len(kinds) > 1:
        raise ConfigError(f"kind: devices of several kinds have different columns, name one of {', '.join(kinds)}")
    wish = _aligned(wish)
    channels, made = _columns(wish, kinds[0])
    zone = _zone(site["timezone"])
    about: About = {
        "file": f"cranewatch {wish.what}", "site": wish.site, "site_name": site["display_name"] or wish.site,
        "devices": [row["device"] for row in found],
        "from": shown(to_ms(wish.begin), zone), "to": f"{shown(to_ms(wish.end), zone)} (not included)",
        "zone": zone.key, "made_at": shown(to_ms(now), zone),
        "bucket_s": wish.width_s or None,
        "units": {one.name: one.unit for one in made if one.unit} or None,
        "limit_profiles": _held(published, wish.begin, zone),
        "frames": await _frames(database, wish, [row["device_id"] for row in found]),
        "read": "page by page: what was stored while this was made may be in it or not",
    }  # fmt: skip
    return Plan(
        wish, zone, made, tuple((row["device_id"], row["kind"], row["device"]) for row in found), channels,
        _guess(wish, [row["interval_ms"] for row in found]),
        {name: value for name, value in about.items() if value is not None},
    )  # fmt: skip


def _aligned(wish: Wish) -> Wish:
    """Whole buckets, so that the first and the last one are not cut."""
    if not wish.width_s or wish.what is not Subject.READINGS:
        return wish
    width = timedelta(seconds=wish.width_s)
    begin = ORIGIN + (wish.begin - ORIGIN) // width * width
    end = ORIGIN + -((ORIGIN - wish.end) // width) * width
    return msgspec.structs.replace(wish, begin=begin, end=end)


def _columns(wish: Wish, kind_name: str) -> tuple[tuple[str, ...], tuple[Column, ...]]:
    fixed = {Subject.ALARMS: columns.ALARMS, Subject.EPISODES: columns.EPISODES, Subject.CYCLES: columns.CYCLES}
    if wish.what in fixed:
        return (), fixed[wish.what]
    if kind_name not in KINDS:
        raise ConfigError(f"kind: {kind_name!r} is none that has readings")
    kind = KINDS[kind_name]
    known = history.rolled(kind) if wish.width_s else tuple(one.name for one in kind.channels)
    chosen = tuple(dict.fromkeys(wish.channels)) if wish.channels else known
    if unknown := [name for name in chosen if name not in known]:
        raise ConfigError(f"channels: no {', '.join(unknown)}; there are {', '.join(known)}")
    return chosen, (columns.buckets if wish.width_s else columns.readings)(kind, chosen)


def _held(published: Sequence[dict[str, Any]], begin: datetime, zone: ZoneInfo) -> list[str]:
    """The limit profiles that were published for this span: the last one before it, and those within."""
    before = [row for row in published if row["published_at"] < begin][-1:]
    within = [row for row in published if row["published_at"] >= begin]
    said = [f"{row['label']} since {shown(to_ms(row['published_at']), zone)}" for row in before + within]
    return said or ["none was published: the one that comes with the release"]


async def _frames(database: Database, wish: Wish, devices: list[int]) -> dict[str, Any] | str | None:
    if wish.what is not Subject.READINGS:
        return None
    if wish.end - wish.begin > COUNTED or len(devices) > COUNTED_DEVICES:
        return f"not counted beyond {COUNTED.days} days or {COUNTED_DEVICES} devices: see the completeness statements"
    if wish.end - wish.begin < SHORTEST:
        return "not known for so short a span: what became of frames is dated to about a quarter of an hour"
    found = await completeness.frames(database, devices, wish.begin, wish.end)
    counted = {name: getattr(found, name) for name in ("sent", "stored", "misdated", "quarantined", "missing", "lost")}
    # Where in time a frame is that never came is known by marks: of a day that is little, of a minute all.
    return {**counted, "dated": "to about a quarter of an hour"}


def _guess(wish: Wish, intervals: list[float | None]) -> int:
    span_s = (wish.end - wish.begin).total_seconds()
    if wish.what is not Subject.READINGS:
        return 0
    if wish.width_s:
        return int(span_s / wish.width_s) * len(intervals)
    return int(sum(span_s * (1000 / one if one else BUSIEST_HZ) for one in intervals))


def _zone(name: str) -> ZoneInfo:
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError):
        return ZoneInfo(completeness.DEFAULT_ZONE)
