"""The way in by an OpenID provider: out to it, and back; what goes wrong is said on the login page."""

import logging
import re
from typing import Annotated, Final
from urllib.parse import quote

from fastapi import APIRouter, Query, Request
from starlette.responses import RedirectResponse

from api.access.cookies import kept
from api.access.gate import actor_of
from api.access.oidc import LASTS, Oidc, Refused
from api.problems import Problem
from telemetry.errors import StorageError

logger = logging.getLogger(__name__)

COOKIE: Final = "cw_oidc"
PATH: Final = "/api/v1/auth/oidc"
_OWN: Final = re.compile(r"^/(?![/\\])[^\x00-\x20\x7f]*\Z")  # a page of this server, and no other's


def router(oidc: Oidc) -> APIRouter:
    """`/auth/oidc/start`, `/auth/oidc/callback`."""
    routes = APIRouter(tags=["access"])

    def back(request: Request) -> str:
        return oidc.settings.redirect_url or str(request.url_for("oidc_callback"))

    @routes.get("/auth/oidc/start", summary="To the OpenID provider", status_code=303, response_class=RedirectResponse)
    async def start(
        request: Request, page: Annotated[str, Query(alias="next", max_length=2000)] = "/"
    ) -> RedirectResponse:
        page = page if _OWN.match(page) else "/"
        try:
            url, carried = await oidc.start(back(request), page)
        except (Refused, Problem, StorageError) as error:
            return _sorry(error, page)
        answer = RedirectResponse(url, 303)
        answer.set_cookie(
            COOKIE, carried, max_age=int(LASTS.total_seconds()), path=PATH, httponly=True, samesite="lax",
            secure=request.url.scheme == "https",
        )  # fmt: skip
        answer.headers["Cache-Control"] = "no-store"
        return answer

    @routes.get(
        "/auth/oidc/callback", name="oidc_callback", summary="Back from the OpenID provider", status_code=303,
        response_class=RedirectResponse,
    )  # fmt: skip
    async def callback(request: Request) -> RedirectResponse:
        carried = request.cookies.get(COOKIE, "")
        query = {name: value[:4000] for name, value in request.query_params.items()}
        agent = request.headers.get("user-agent", "")
        try:
            found, page = await oidc.finish(query, carried, back(request), actor_of(request), agent)
        except (Refused, Problem, StorageError) as error:
            answer = _sorry(error, "/")
        else:
            answer = RedirectResponse(page, 303)
            for cookie in kept(found, secure=request.url.scheme == "https"):
                answer.headers.append("set-cookie", cookie)
        answer.delete_cookie(COOKIE, path=PATH)
        answer.headers["Cache-Control"] = "no-store"
        answer.headers["Referrer-Policy"] = "no-referrer"
        return answer

    return routes


def _sorry(error: Exception, page: str) -> RedirectResponse:
    why = error.why if isinstance(error, Refused) else "away"
    logger.warning("sign-in by the OpenID provider refused (%s): %s", why, error, extra={"action": "oidc"})
    return RedirectResponse(f"/login?oidc={why}&next={quote(page, safe='/')}", 303)
