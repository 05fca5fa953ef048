"""
Errors as problem details (RFC 9457), in words for a person, Chinese and English.

What needs the database or the broker while it is away answers 503 and says which; nothing answers an empty list
instead of "I cannot know".
"""

import logging
import re
from typing import Any, Final

from fastapi import APIRouter, FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException
from starlette.routing import Match, Route, compile_path
from starlette.types import Receive, Scope, Send

from telemetry.errors import BrokerUnavailable, StorageError

logger = logging.getLogger(__name__)

MEDIA: Final = "application/problem+json"


class Problem(Exception):
    """An answer that is an error."""

    def __init__(self, status: int, type_: str, title: str, detail: str, **more: Any) -> None:
        """`type_` is the last part of the problem's URN; `title` is in both languages."""
        super().__init__(detail)
        self.status = status
        self.headers: dict[str, str] = {"Retry-After": "5"} if status == 503 else {}
        self.body = {"type": f"urn:cranewatch:{type_}", "title": title, "status": status, "detail": detail, **more}

    def response(self) -> JSONResponse:
        """The answer."""
        return JSONResponse(self.body, self.status, self.headers, MEDIA)


def not_found(what: str) -> Problem:
    """404."""
    return Problem(404, "not-found", "没有找到 not found", f"no such {what}")


def no_database(detail: str) -> Problem:
    """503 for what is in the record."""
    return Problem(503, "database-unavailable", "数据库不可用 the database is not available", detail)


def no_broker(detail: str) -> Problem:
    """503 for what has to be published."""
    return Problem(503, "broker-unavailable", "消息服务器不可用 the broker is not available", detail)


async def _problem(_: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, Problem)  # noqa: S101 - registered for this class
    return error.response()


async def _storage(_: Request, error: Exception) -> JSONResponse:
    return no_database(str(error)).response()


async def _broker(_: Request, error: Exception) -> JSONResponse:
    return no_broker(str(error)).response()


def methods(router: APIRouter, prefix: str) -> list[tuple[re.Pattern[str], set[str]]]:
    """Which methods each path of a router has, for `app.state.methods`."""
    routes = [route for route in router.routes if isinstance(route, Route) and route.methods]
    return [(compile_path(prefix + route.path)[0], set(route.methods or ())) for route in routes]


async def _http(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, HTTPException)  # noqa: S101 - registered for this class
    answer = Problem(error.status_code, f"http-{error.status_code}", str(error.detail), str(error.detail)).response()
    answer.headers.update(error.headers or {})
    if error.status_code == 405:
        # A path's methods may be several routes; the router that says no knows only one of them.
        known = (found for path, found in getattr(request.app.state, "methods", ()) if path.match(request.url.path))
        answer.headers["Allow"] = ", ".join(sorted(set().union(*known))) or answer.headers.get("Allow", "")
    return answer


async def _invalid(_: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, RequestValidationError)  # noqa: S101 - registered for this class
    errors = [{"at": [str(part) for part in one["loc"]], "message": one["msg"]} for one in error.errors()]
    detail = "; ".join(f"{'.'.join(one['at'])}: {one['message']}" for one in errors)
    return Problem(422, "invalid-request", "请求无效 the request is not valid", detail, errors=errors).response()


async def _unexpected(request: Request, error: Exception) -> JSONResponse:
    logger.error("%s %s failed", request.method, request.url.path, exc_info=error, extra={"action": "request"})
    return Problem(500, "internal", "内部错误 internal error", "the server made a mistake; it is in its log").response()


class _Nowhere:
    """An ASGI endpoint for what no route knows; a route that knows the path for other methods says so itself: 405."""

    def __init__(self, app: FastAPI) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        for route in self._app.router.routes:
            match, more = route.matches(scope)
            if match is Match.PARTIAL:
                scope.update(more)
                await route.handle(scope, receive, send)
                return
        await not_found(f"path {scope['path']}; what there is: /docs").response()(scope, receive, send)


def unknown(app: FastAPI, prefix: str) -> None:
    """
    Answer what is below `prefix` and known to no route, as a problem; to be called after all routes are in.

    Without it the console, mounted at the root, would answer in HTML.
    """
    for path in (prefix, f"{prefix}/{{rest:path}}"):
        app.router.routes.append(Route(path, _Nowhere(app), include_in_schema=False))


def install(app: FastAPI) -> None:
    """Make every error of this application a problem."""
    app.add_exception_handler(Problem, _problem)
    app.add_exception_handler(StorageError, _storage)
    app.add_exception_handler(BrokerUnavailable, _broker)
    app.add_exception_handler(HTTPException, _http)
    app.add_exception_handler(RequestValidationError, _invalid)
    app.add_exception_handler(Exception, _unexpected)
