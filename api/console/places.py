"""A site as its pages need it: its name, its zone, and whether anybody knows it."""

from dataclasses import dataclass
from zoneinfo import ZoneInfo

from api.deps import Parts
from api.i18n import zone
from telemetry.errors import StorageError
from telemetry.storage import devices
from telemetry.wire import payloads


@dataclass(frozen=True, slots=True)
class Place:
    """A site. `known`: the record or the broker knows it, or the record does not answer."""

    site: str
    name: str
    zone: ZoneInfo
    known: bool


async def rows(parts: Parts) -> list[devices.SiteRow] | None:
    """The registered sites; None when the record does not answer."""
    if parts.database is None:
        return []  # nothing but the broker says which sites there are
    try:
        return await devices.sites(parts.database)
    except StorageError:
        return None


async def every(parts: Parts) -> set[str]:
    """All sites that the record or the broker knows."""
    return {*(row.site for row in await rows(parts) or []), *parts.feed.picture.sites}


async def place(parts: Parts, site: str) -> Place:
    """What is known of a site."""
    found = await rows(parts)
    return of(parts, site, found)


def of(parts: Parts, site: str, found: list[devices.SiteRow] | None) -> Place:
    """A site from the live picture and the register."""
    view = parts.feed.picture.sites.get(site)
    config = view.config if view is not None else None
    row = next((one for one in found or [] if one.site == site), None)
    name = (config.display_name if config else "") or (row.display_name if row else "") or site
    named = config.timezone if config else row.timezone if row else payloads.SiteConfig(0).timezone
    return Place(site, name, zone(named), known=view is not None or row is not None or found is None)
