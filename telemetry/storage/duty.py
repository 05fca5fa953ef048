"""
The account of one crane: its running total against its design life, and its cycles by day and by operator.

Rule 1: cycles by operator only when they are asked for: what a person lifted is no business of a page about a crane.
Rule 2: a design that contradicts itself is said, and the total is given without it.
"""

from dataclasses import dataclass
from typing import Final
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import msgspec

from telemetry import usage
from telemetry.errors import ConfigError
from telemetry.storage import cycles
from telemetry.storage.devices import DeviceRow, devices, sites
from telemetry.storage.pool import Database
from telemetry.wire.payloads import Design

DAY_MS: Final = 86_400_000
KIND: Final = "crane"


@dataclass(frozen=True, slots=True)
class Account:
    """What a crane has done. Times are Unix ms; days are of the site's zone."""

    site: str
    device: str
    display_name: str
    timezone: str
    usage: usage.Usage
    design: Design | None
    refused: str | None  # why the design cannot be used
    first_ms: int | None
    last_ms: int | None
    told: int  # cycles that the box counted itself: beside the total, never in it
    days: dict[str, int]
    operators: dict[str, int] | None


async def crane(database: Database, site: str, device: str) -> DeviceRow | None:
    """The crane of that name. Raises StorageError."""
    return next((row for row in await devices(database, site=site, device=device) if row.kind == KIND), None)


async def account(
    database: Database, row: DeviceRow, now_ms: int, *, days: int = 31, operators: bool = False
) -> Account:
    """The account of a registered crane; `days` back from now for the counts by day. Raises StorageError."""
    zone = next((one.timezone for one in await sites(database) if one.site == row.site), "UTC")
    zone = zone if _known(zone) else "UTC"
    design, life, refused = _design(row)
    counted = await cycles.counted(database, row.device_id)
    end = now_ms + DAY_MS
    by_day = await cycles.by_day(database, row.device_id, now_ms - days * DAY_MS, end, zone)
    by_operator = await cycles.by_operator(database, row.device_id) if operators else None
    return Account(
        row.site, row.device, row.display_name, zone, usage.usage(counted.bins, counted.unweighed, life), design,
        refused, counted.first_ms, counted.last_ms, counted.told, by_day, by_operator,
    )  # fmt: skip


def _design(row: DeviceRow) -> tuple[Design | None, usage.Life | None, str | None]:
    stated = row.config.get("design")
    if stated is None:
        return None, None, None
    try:
        design = msgspec.convert(stated, Design)
        return design, usage.life(design), None
    except (msgspec.ValidationError, ConfigError) as error:
        return None, None, str(error)


def _known(zone: str) -> bool:
    try:
        ZoneInfo(zone)
    except (ZoneInfoNotFoundError, ValueError):
        return False
    return True
