"""The register, read back: sites, devices, and the configuration that is published for them."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, LiteralString

from telemetry.storage.pool import Database

_SITES: Final[LiteralString] = (
    "SELECT s.site, s.display_name, s.timezone, s.organisation, count(d.device_id) AS devices"
    " FROM site s LEFT JOIN device d USING (site) GROUP BY s.site ORDER BY s.site"
)
_DEVICES: Final[LiteralString] = (
    "SELECT d.device_id, d.site, d.kind, d.device, d.display_name, d.organisation, d.property_no, d.registration_no,"
    " d.config, d.config_version, d.registered_by, d.online, d.presence, d.presence_at, d.created_at,"
    " c.payload AS coverage, c.received_at AS coverage_at"
    " FROM device d LEFT JOIN coverage c USING (device_id)"
    " WHERE (%(site)s::text IS NULL OR d.site = %(site)s) AND (%(device)s::text IS NULL OR d.device = %(device)s)"
    " ORDER BY d.site, d.kind, d.device"
)
_CONFIGURED: Final[LiteralString] = (
    "SELECT site, NULL::text AS kind, NULL::text AS device, config, config_version FROM site WHERE config_version > 0"
    " UNION ALL SELECT site, kind, device, config, config_version FROM device WHERE config_version > 0"
    " ORDER BY 1, 2 NULLS FIRST, 3"
)
_PING: Final[LiteralString] = "SELECT count(*) AS migrations FROM schema_migration"


@dataclass(frozen=True, slots=True)
class SiteRow:
    """A site as registered."""

    site: str
    display_name: str
    timezone: str
    organisation: str | None
    devices: int


@dataclass(frozen=True, slots=True)
class DeviceRow:
    """A device as registered, with its last recorded presence and coverage."""

    device_id: int
    site: str
    kind: str
    device: str
    display_name: str
    organisation: str | None
    property_no: str | None
    registration_no: str | None
    config: dict[str, Any]
    config_version: int
    registered_by: str
    online: bool | None
    presence: dict[str, Any] | None
    presence_at: datetime | None
    created_at: datetime
    coverage: dict[str, Any] | None
    coverage_at: datetime | None


@dataclass(frozen=True, slots=True)
class ConfigRow:
    """A configuration to publish; of a site where kind and device are None."""

    site: str
    kind: str | None
    device: str | None
    config: dict[str, Any]
    config_version: int


async def sites(database: Database) -> list[SiteRow]:
    """All sites. Raises StorageError."""
    async with database.connection() as connection:
        rows = await (await connection.execute(_SITES)).fetchall()
    return [SiteRow(**row) for row in rows]


async def devices(database: Database, *, site: str | None = None, device: str | None = None) -> list[DeviceRow]:
    """All devices, of one site, or those of one name. Raises StorageError."""
    async with database.connection() as connection:
        rows = await (await connection.execute(_DEVICES, {"site": site, "device": device})).fetchall()
    return [DeviceRow(**row) for row in rows]


async def configured(database: Database) -> list[ConfigRow]:
    """Every configuration that has a version. Raises StorageError."""
    async with database.connection() as connection:
        rows = await (await connection.execute(_CONFIGURED)).fetchall()
    return [ConfigRow(**row) for row in rows]


async def migrations(database: Database) -> int:
    """How many migrations are applied: the question that tells whether the database answers. Raises StorageError."""
    async with database.connection() as connection:
        row = await (await connection.execute(_PING)).fetchone()
    return int(row["migrations"]) if row else 0
