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

_ORGANISATION: LiteralString = "INSERT INTO organisation (name) VALUES (%s) ON CONFLICT DO NOTHING"
_SITE_NOW: LiteralString = "SELECT config, config_version FROM site WHERE site = %s FOR UPDATE"
_SITE: LiteralString = (
    "INSERT INTO site (site, display_name, timezone, organisation, config, config_version)"
    " VALUES (%s, %s, %s, %s, %s, %s) ON CONFLICT (site) DO UPDATE SET display_name = EXCLUDED.display_name,"
    " timezone = EXCLUDED.timezone, organisation = EXCLUDED.organisation, config = EXCLUDED.config,"
    " config_version = EXCLUDED.config_version"
)
_DEVICE_NOW: LiteralString = (
    "SELECT config, config_version FROM device WHERE site = %s AND kind = %s AND device = %s FOR UPDATE"
)
_DEVICE: LiteralString = (
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
            connection.execute(_ORGANISATION, (organisation,))
        row = connection.execute(_SITE_NOW, (site,)).fetchone()
        new = _next(config, row)
        if new is not None:
            changed.append(site)
            connection.execute(_SITE, (site, new.display_name, new.timezone, new.organisation, _json(new), new.version))
        for (kind, device), wanted in sorted(devices.items()):
            if _apply_device(connection, site, kind, device, wanted):
                changed.append(f"{kind}/{device}")
    return changed


def _apply_device(connection: psycopg.Connection[Any], site: str, kind: str, device: str, wanted: DeviceConfig) -> bool:
    row = connection.execute(_DEVICE_NOW, (site, kind, device)).fetchone()
    new = _next(wanted, row)
    if new is None:
        return False
    connection.execute(
        _DEVICE,
        (site, kind, device, new.display_name, new.organisation, new.property_no, new.registration_no, _json(new),
         new.version),
    )  # fmt: skip
    return True


def _next(wanted: C, row: tuple[Any, ...] | None) -> C | None:
    """What is to be written, one version on; None when nothing changed."""
    before, version = row if row is not None else ({}, 0)
    new = stamped(wanted, version + 1)
    return None if before.get("hash") == new.hash else new


def _json(config: SiteConfig | DeviceConfig) -> str:
    return msgspec.json.encode(config).decode()
