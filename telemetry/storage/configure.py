"""
Site and device configuration into the record, versioned: a version only rises, and only when the content changed.
"""

import hashlib
from collections.abc import Mapping
from typing import Any, LiteralString, TypeVar

import msgspec
import psycopg

from telemetry import usage
from telemetry.settings import DatabaseSettings
from telemetry.storage.door import connect, translated
from telemetry.wire.payloads import DeviceConfig, SiteConfig

ORGANISATION: LiteralString = "INSERT INTO organisation (name) VALUES (%s) ON CONFLICT DO NOTHING"
SITE_NOW: LiteralString = "SELECT config, config_version FROM site WHERE site = %s FOR UPDATE"
SITE: LiteralString = (
    "INSERT INTO site (site, display_name, timezone, organisation, config, config_version)"
    " VALUES (%s, %s, %s, %s, %s, %s) ON CONFLICT (site) DO UPDATE SET display_name = EXCLUDED.display_name,"
    " timezone = EXCLUDED.timezone, organisation = EXCLUDED.organisation, config = EXCLUDED.config,"
    " config_version = EXCLUDED.config_version"
)
DEVICE_NOW: LiteralString = (
    "SELECT config, config_version FROM device WHERE site = %s AND kind = %s AND device = %s FOR UPDATE"
)
DEVICE: LiteralString = (
    "INSERT INTO device (site, kind, device, display_name, organisation, property_no, registration_no, config,"
    " config_version, registered_by) VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, 'site file')"
    " ON CONFLICT (site, kind, device) DO UPDATE SET display_name = EXCLUDED.display_name,"
    " organisation = EXCLUDED.organisation, property_no = EXCLUDED.property_no,"
    " registration_no = EXCLUDED.registration_no, config = EXCLUDED.config, config_version = EXCLUDED.config_version"
)

C = TypeVar("C", SiteConfig, DeviceConfig)


def stamped(config: C, version: int) -> C:
    """The configuration with its version, and the hash of everything else in it."""
    bare = msgspec.structs.replace(config, version=0, hash="")
    digest = hashlib.sha256(msgspec.json.encode(bare)).hexdigest()[:16]
    return msgspec.structs.replace(config, version=version, hash=digest)


def apply_site(
    settings: DatabaseSettings, site: str, config: SiteConfig, devices: Mapping[tuple[str, str], DeviceConfig]
) -> list[str]:
    """
    Write a site and its devices, by (kind, device), all or none.

    Returns what changed, as `site` or `kind/device`. Raises StorageError, and ConfigError for a design life that
    contradicts itself.
    """
    for stated in devices.values():
        usage.life(stated.design)
    changed: list[str] = []
    with translated(), connect(settings, application="configure") as connection, connection.transaction():
        for organisation in {config.organisation, *(device.organisation for device in devices.values())} - {None}:
            connection.execute(ORGANISATION, (organisation,))
        now: tuple[Any, ...] = connection.execute(SITE_NOW, (site,)).fetchone() or ({}, 0)
        new = following(config, *now)
        if new is not None:
            changed.append(site)
            connection.execute(SITE, site_row(site, new))
        for (kind, device), wanted in sorted(devices.items()):
            if _apply_device(connection, site, kind, device, wanted):
                changed.append(f"{kind}/{device}")
    return changed


def _apply_device(connection: psycopg.Connection[Any], site: str, kind: str, device: str, wanted: DeviceConfig) -> bool:
    row = connection.execute(DEVICE_NOW, (site, kind, device)).fetchone()
    new = following(wanted, *(row or ({}, 0)))
    if new is None:
        return False
    connection.execute(DEVICE, device_row(site, kind, device, new))
    return True


def following(wanted: C, before: Mapping[str, Any], version: int) -> C | None:
    """What is to be written over a configuration of this version, one version on; None when nothing changed."""
    new = stamped(wanted, version + 1)
    return None if before.get("hash") == new.hash else new


def site_row(site: str, config: SiteConfig) -> tuple[Any, ...]:
    """The parameters of `SITE`."""
    return site, config.display_name, config.timezone, config.organisation, _json(config), config.version


def device_row(site: str, kind: str, device: str, config: DeviceConfig) -> tuple[Any, ...]:
    """The parameters of `DEVICE`."""
    return (
        site, kind, device, config.display_name, config.organisation, config.property_no, config.registration_no,
        _json(config), config.version,
    )  # fmt: skip


def _json(config: SiteConfig | DeviceConfig) -> str:
    return msgspec.json.encode(config).decode()
