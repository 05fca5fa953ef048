"""
Hands out the terminal's page, of a crane's cab or of a bay: one static page, told at delivery where the broker is.

Rule: after the page has loaded, nothing of the API is needed; it speaks MQTT to the broker itself. The service
worker keeps a copy for a reload while the API is away (secure origins only: localhost or https).
"""

from collections.abc import Mapping
from typing import Annotated, Any, Final
from urllib.parse import quote

from fastapi import APIRouter, HTTPException, Path, Query
from fastapi.responses import HTMLResponse, JSONResponse, Response

from api.settings import TerminalSettings
from api.web.shelf import Shelf, media
from telemetry.settings import MqttSettings
from telemetry.wire import topics

Id = Annotated[str, Path(pattern=r"^[a-z0-9-]{1,64}$")]
Bay = Annotated[str, Path(max_length=64, pattern=r"^[^\x00-\x1f/]+$")]
FRESH: Final = {"Cache-Control": "no-cache"}
ICONS: Final = (("icon-192.png", 192), ("icon-512.png", 512))


def served(settings: TerminalSettings, mqtt: MqttSettings) -> dict[str, object]:
    """Where the page finds the broker when the API hands it out: at the broker's own WebSocket listener."""
    return {"broker": settings.broker_url, "ws_port": mqtt.ws_port}


def router(broker: Mapping[str, object]) -> APIRouter:
    """The routes of the terminal. They need neither the broker nor the database; `broker` says where it is."""
    shelf = Shelf("terminal")
    routes = APIRouter(include_in_schema=False)

    def page(**place: str) -> HTMLResponse:
        return HTMLResponse(shelf.page({**place, **broker, "worker": "/terminal/worker.js"}), headers=FRESH)

    @routes.get("/terminal/worker.js")
    async def worker() -> Response:
        return Response(shelf.worker(), media_type=media("worker.js"), headers=FRESH)

    @routes.get("/terminal/manifest.webmanifest")
    async def manifest(start: Annotated[str, Query(max_length=400)] = "/terminal/") -> Response:
        if not start.startswith("/terminal/"):
            raise HTTPException(404, "no page of ours")
        return JSONResponse(_manifest(start), media_type="application/manifest+json", headers=FRESH)

    @routes.get("/terminal/{site}/{device}")
    async def terminal(site: Id, device: Id) -> HTMLResponse:
        return page(site=site, device=device)

    @routes.get("/terminal/{site}/bay/{bay}")
    async def bay(site: Id, bay: Bay) -> HTMLResponse:
        return page(site=site, bay=bay)

    @routes.get("/terminal-assets/{name}")
    async def asset(name: str) -> Response:
        if name not in shelf.files:
            raise HTTPException(404, "no such file")
        return Response(shelf.files[name], media_type=media(name), headers=FRESH)

    return routes


def _manifest(start: str) -> dict[str, Any]:
    """What makes the page installable: it opens where it was installed, full screen and across."""
    return {
        "id": start,
        "name": "cranewatch 司机室终端 cab terminal",
        "short_name": "cranewatch",
        "start_url": start,
        "scope": "/terminal",
        "display": "fullscreen",
        "orientation": "landscape",
        "background_color": "#ffffff",
        "theme_color": "#000000",
        "icons": [
            {"src": f"/terminal-assets/{name}", "sizes": f"{size}x{size}", "type": "image/png", "purpose": "any"}
            for name, size in ICONS
        ],
    }


def place(site: str, device: str | None, bay: str | None) -> str:
    """The path of a terminal's page. Raises ValueError for ids outside [a-z0-9-]{1,64} and for no place at all."""
    for name in (site, device) if device is not None else (site,):
        if not topics.ID.match(name):
            raise ValueError(f"{name!r} is not of [a-z0-9-]{{1,64}}")
    if (device is None) == (bay is None):
        raise ValueError("name a device or a bay")
    if device is not None:
        return f"/terminal/{site}/{device}"
    if not bay or len(bay) > 64 or any(ord(sign) < 32 or sign == "/" for sign in bay):
        raise ValueError(f"{bay!r} is no name of a bay")
    return f"/terminal/{site}/bay/{quote(bay)}"
