"""
Hands out the page for a supervisor's phone: static files, and which alarm it is about. No state of a page is kept here.

Rule: the page says nothing by itself; what it shows it asks of the API and of the live socket, with the rights of
whoever is signed in.
"""

from typing import Annotated

from fastapi import APIRouter, HTTPException, Path
from fastapi.responses import HTMLResponse, Response

from api.access.gate import AnyCaller, Reader
from api.deps import DevicePath, RulePath, SitePath
from api.routes.login import HEADERS
from api.web.shelf import Shelf, media

Name = Annotated[str, Path(pattern=r"^[a-z-]{1,32}\.[a-z]{2,4}$")]


def router() -> APIRouter:
    """`/m`, my alarms; `/m/{site}/{device}/{rule}`, one of them; and their files."""
    shelf = Shelf("phone")
    routes = APIRouter(include_in_schema=False)

    @routes.get("/m")
    async def mine(who: Reader) -> HTMLResponse:
        return HTMLResponse(shelf.page({}), headers=HEADERS)

    @routes.get("/m/{site}/{device}/{rule}")
    async def one(who: Reader, site: SitePath, device: DevicePath, rule: RulePath) -> HTMLResponse:
        return HTMLResponse(shelf.page({"site": site, "device": device, "rule": rule}), headers=HEADERS)

    @routes.get("/m-assets/{name}")
    async def asset(who: AnyCaller, name: Name) -> Response:
        if name not in shelf.files:
            raise HTTPException(404, "no such file")
        return Response(shelf.files[name], media_type=media(name), headers=HEADERS)

    return routes
