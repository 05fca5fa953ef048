"""Sites and devices: what is known of them, live and as registered."""

from fastapi import APIRouter

from api import present, schemas
from api.access.gate import Reader, allowed
from api.deps import DevicePath, Parts, SitePath, SiteQuery
from telemetry.clock import now_ms
from telemetry.errors import StorageError
from telemetry.roles import Permission
from telemetry.storage import devices


def router(parts: Parts) -> APIRouter:
    """`/sites`, `/devices`, `/devices/{site}/{device}`."""
    routes = APIRouter(tags=["sites and devices"], dependencies=allowed(Permission.READ))
    picture = parts.feed.picture

    @routes.get("/sites", summary="All sites, and whether each is watched now")
    async def sites(who: Reader) -> schemas.Sites:
        now = now_ms()
        registered: dict[str, devices.SiteRow] = {}
        source: schemas.Source = "record"
        try:
            if parts.database is None:
                source = "live"
            else:
                registered = {row.site: row for row in await devices.sites(parts.database)}
        except StorageError:
            source = "live"
        items = []
        for name in sorted(name for name in {*registered, *picture.sites} if who.covers(name)):
            row, view = registered.get(name), picture.sites.get(name)
            config = view.config if view else None
            items.append(
                schemas.Site(
                    site=name,
                    display_name=(row.display_name if row else "") or (config.display_name if config else "") or name,
                    timezone=row.timezone if row else (config.timezone if config else "Asia/Shanghai"),
                    organisation=row.organisation if row else None,
                    devices=max(row.devices if row else 0, len(picture.of(name))),
                    lost=present.words(picture.lost(name, now)),
                    heartbeat_age_ms=now - view.heartbeat_ms if view and view.heartbeat else None,
                )
            )
        return schemas.Sites(source=source, items=items)

    @routes.get("/devices", summary="Devices with their latest reading, presence, coverage and alarms")
    async def all_devices(who: Reader, site: SiteQuery = None) -> schemas.Devices:
        rows = await parts.rows(site=site)
        items = [one for one in present.devices(picture, rows, site, now_ms()) if who.covers(one.site)]
        return schemas.Devices(source="live" if picture.broker_up else "record", items=items)

    @routes.get("/devices/{site}/{device}", summary="One device")
    async def one_device(site: SitePath, device: DevicePath) -> schemas.Device:
        view, row = await parts.one(site, device)
        return present.device(view, row, now_ms())

    return routes
