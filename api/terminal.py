"""
Hands out the cab terminal: one static page, told at delivery where the broker is.

Rule: after the page has loaded, nothing of the API is needed; it speaks MQTT to the broker itself. The service
worker keeps a copy for a reload while the API is away (secure origins only: localhost or https).
"""

import json
import zlib
from collections.abc import Mapping
from importlib import resources
from importlib.resources.abc import Traversable
from typing import Annotated, Final

from fastapi import APIRouter, HTTPException, Path
from fastapi.responses import HTMLResponse, Response

from api.settings import TerminalSettings
from telemetry.settings import MqttSettings

Id = Annotated[str, Path(pattern=r"^[a-z0-9-]{1,64}$")]

_MEDIA: Final[Mapping[str, str]] = {
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
}
_MARK: Final = '<script type="application/json" id="setup">{}</script>'


def _folder() -> Traversable:
    return resources.files("api.web") / "terminal"


def assets() -> dict[str, bytes]:
    """The page's own files by name."""
    return {
        file.name: file.read_bytes()
        for file in sorted(_folder().iterdir(), key=lambda file: file.name)
        if file.name[file.name.rfind(".") :] in _MEDIA
    }


def page(setup: Mapping[str, object]) -> str:
    """The page with its setup written in. Values cannot end the script element: `<` is escaped."""
    template = (_folder() / "index.html").read_text("utf-8")
    if template.count(_MARK) != 1:
        raise ValueError("index.html has no setup element")
    written = json.dumps(setup, ensure_ascii=True).replace("<", "\\u003c")
    return template.replace(_MARK, _MARK.replace("{}", written))


def router(settings: TerminalSettings, mqtt: MqttSettings) -> APIRouter:
    """The routes of the terminal. They need neither the broker nor the database."""
    files = assets()
    build = f"{zlib.crc32(b''.join(files.values()) + page({}).encode()):08x}"
    routes = APIRouter(include_in_schema=False)

    @routes.get("/terminal/worker.js")
    async def worker() -> Response:
        return Response(files["worker.js"], media_type=_MEDIA[".js"], headers={"Cache-Control": "no-cache"})

    @routes.get("/terminal/{site}/{device}")
    async def terminal(site: Id, device: Id) -> HTMLResponse:
        setup = {
            "site": site,
            "device": device,
            "broker": settings.broker_url,
            "ws_port": mqtt.ws_port,
            "build": build,
            "worker": "/terminal/worker.js",
        }
        return HTMLResponse(page(setup), headers={"Cache-Control": "no-cache"})

    @routes.get("/terminal-assets/{name}")
    async def asset(name: str) -> Response:
        if name not in files:
            raise HTTPException(404, "no such file")
        media = _MEDIA[name[name.rfind(".") :]]
        return Response(files[name], media_type=media, headers={"Cache-Control": "no-cache"})

    return routes
