"""Hands out the sign-in page: static, and the same for everybody."""

from importlib import resources
from typing import Final

from fastapi import APIRouter, HTTPException
from fastapi.responses import Response

_MEDIA: Final = {".html": "text/html; charset=utf-8", ".css": "text/css; charset=utf-8",
                 ".js": "text/javascript; charset=utf-8"}  # fmt: skip
# Nothing but our own files, no page of others around it, and the place that a person came from stays unknown.
HEADERS: Final = {
    "Content-Security-Policy": "default-src 'self'; img-src 'self' data:; frame-ancestors 'none'; base-uri 'none'; "
    "form-action 'self'",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "Cache-Control": "no-cache",
}


def _file(name: str) -> Response:
    found = resources.files("api.web") / "login" / name
    if not found.is_file():
        raise HTTPException(404, "no such file")
    return Response(found.read_bytes(), media_type=_MEDIA[name[name.rfind(".") :]], headers=HEADERS)


def router() -> APIRouter:
    """`/login` and its two files."""
    routes = APIRouter(include_in_schema=False)

    @routes.get("/login")
    async def page() -> Response:
        return _file("login.html")

    @routes.get("/login-assets/login.js")
    async def script() -> Response:
        return _file("login.js")

    @routes.get("/login-assets/login.css")
    async def style() -> Response:
        return _file("login.css")

    return routes
