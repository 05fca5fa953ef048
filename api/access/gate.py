"""
The gate: every request passes it, and what is not known to be allowed is refused.

Rule 1: a path is public only when it is in `PUBLIC`; everything else needs somebody who asks.
Rule 2: every route of the API says which permission it needs (`allowed`); `guarded` refuses to start otherwise.
Rule 3: a route that names a site is allowed for that site or not; one that names none shows the sites that the
person may see, and no other.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Annotated, Any, Final, Protocol
from urllib.parse import quote

from fastapi import APIRouter, Depends
from fastapi.dependencies.models import Dependant
from fastapi.routing import APIRoute, APIWebSocketRoute
from starlette.datastructures import MutableHeaders
from starlette.requests import HTTPConnection
from starlette.responses import RedirectResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from api.access.access import Tokens, retry_after, unauthenticated
from api.access.cookies import dropped, kept
from api.access.credentials import Credentials, forged, presented
from api.problems import Problem, no_database
from telemetry.errors import StorageError
from telemetry.roles import EVERYWHERE, Permission, Principal
from telemetry.storage.audit import Actor

PUBLIC: Final = frozenset(
    {"/healthz", "/readyz", "/login", "/login-assets/login.js", "/login-assets/login.css", "/favicon.ico",
     "/api/v1/auth/login", "/api/v1/auth/refresh", "/api/v1/auth/invitation", "/api/v1/auth/ways",
     "/api/v1/auth/oidc/start", "/api/v1/auth/oidc/callback"}
)  # fmt: skip
# The terminals' pages speak to the broker with its own passwords; nothing of the record is behind these.
PUBLIC_BELOW: Final = ("/terminal/", "/terminal-assets/")


class Doorman(Protocol):
    """Says who a request is from."""

    async def identify(self, brought: Credentials, actor: Actor) -> tuple[Principal, Tokens | None]:
        """Who asks, and new tokens for their browser. Raises Problem."""
        ...


def actor_of(connection: HTTPConnection) -> Actor:
    """Who does it, as the audit log says it."""
    principal: Principal | None = connection.scope.get("state", {}).get("principal")
    address = connection.client.host if connection.client else None
    if principal is None:
        return Actor("nobody", None, address)
    return Actor(principal.name, principal.organisation, address)


def public(path: str) -> bool:
    """Whether anybody may have it."""
    return path in PUBLIC or path.startswith(PUBLIC_BELOW)


class Gate:
    """ASGI middleware: nobody passes unknown."""

    def __init__(self, app: ASGIApp, doorman: Doorman) -> None:
        self._app = app
        self._doorman = doorman

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] not in ("http", "websocket") or public(scope["path"]):
            await self._app(scope, receive, send)
            return
        connection = HTTPConnection(scope)
        brought = presented(connection.headers, connection.cookies)
        web = scope["type"] == "websocket"
        try:
            # A browser sends cookies with a socket that another site's page opens: as with a change.
            if forged("SOCKET" if web else scope["method"], connection.headers, brought):
                raise Problem(403, "forged", "请求来源不符 not from a page of ours", "the Origin is not this server's")
            if not brought.any:
                raise unauthenticated("nothing was sent that says who asks")
            principal, tokens = await self._doorman.identify(brought, actor_of(connection))
        except (Problem, StorageError) as error:
            problem = error if isinstance(error, Problem) else no_database(str(error))
            await self._refuse(problem, connection, scope, receive, send)
            return
        scope.setdefault("state", {})["principal"] = principal
        secure = scope.get("scheme") in ("https", "wss")

        async def sending(message: Message) -> None:
            if tokens is not None and message["type"] in ("http.response.start", "websocket.accept"):
                headers = MutableHeaders(scope=message)
                for cookie in kept(tokens, secure=secure):
                    headers.append("set-cookie", cookie)
            await send(message)

        await self._app(scope, receive, sending)

    async def _refuse(
        self, problem: Problem, connection: HTTPConnection, scope: Scope, receive: Receive, send: Send
    ) -> None:
        if scope["type"] == "websocket":
            await self._refuse_socket(problem, scope, send)
            return
        path: str = scope["path"]
        answer: Response
        page = scope["method"] == "GET" and "text/html" in connection.headers.get("accept", "")
        if problem.status == 401 and page and not path.startswith("/api/"):
            query = scope.get("query_string", b"").decode("latin-1")
            wanted = quote(path + (f"?{query}" if query else ""), safe="/")
            answer = RedirectResponse(f"/login?next={wanted}", 303)
        else:
            answer = problem.response()
            answer.headers.update(retry_after(problem))
            if problem.status == 401:
                answer.headers["WWW-Authenticate"] = "Bearer"
        if problem.status == 401:
            for cookie in dropped():
                answer.headers.append("set-cookie", cookie)
        await answer(scope, receive, send)

    async def _refuse_socket(self, problem: Problem, scope: Scope, send: Send) -> None:
        if "websocket.http.response" not in scope.get("extensions", {}):
            # Before it is accepted: the handshake is answered with 403.
            await send({"type": "websocket.close", "code": 1008, "reason": str(problem)[:120]})
            return
        answer = problem.response()
        answer.headers.update(retry_after(problem))
        start = {"type": "websocket.http.response.start", "status": answer.status_code, "headers": answer.raw_headers}
        await send(start)
        await send({"type": "websocket.http.response.body", "body": answer.body})


@dataclass(frozen=True, slots=True)
class Caller:
    """Somebody who was let in to a route: who, what for, and where."""

    principal: Principal
    permission: Permission
    site: str | None  # that the route or its query names
    actor: Actor

    @property
    def sites(self) -> list[str] | None:
        """The sites that may be shown; None is all of them."""
        if self.site is not None:
            return [self.site]
        held = self.principal.sites(self.permission)
        return None if held is None else sorted(held)

    def covers(self, site: str | None) -> bool:
        """Whether something of that site may be shown; what is of no site is for those who may see all."""
        held = self.principal.sites(self.permission)
        return held is None or (site is not None and site in held)


def forbidden(principal: Principal, permission: Permission, site: str | None) -> Problem:
    """403."""
    where = f" at {site}" if site else ""
    roles = ", ".join(principal.roles) or "none"
    detail = f"{principal.name} may not {permission}{where} (roles: {roles})"
    return Problem(403, "forbidden", "没有权限 not allowed", detail)


class Allowed:
    """A dependency: who may not, gets 403. Its `permission` is what the table-driven test looks for."""

    def __init__(self, permission: Permission, *, everywhere: bool = False) -> None:
        """`everywhere`: it is about no site, so the right has to be held at all of them."""
        self.permission = permission
        self.everywhere = everywhere

    def __call__(self, connection: HTTPConnection) -> Caller:
        """Raises Problem(401) and (403)."""
        principal: Principal | None = connection.scope.get("state", {}).get("principal")
        if principal is None:
            raise unauthenticated("nothing was sent that says who asks")
        site = connection.path_params.get("site") or connection.query_params.get("site")
        asked = EVERYWHERE if self.everywhere else site
        good = principal.anywhere(self.permission) if asked is None else principal.may(self.permission, asked)
        if not good:
            raise forbidden(principal, self.permission, site)
        return Caller(principal, self.permission, site, actor_of(connection))


def _needs(dependant: Dependant) -> Iterator["Allowed | Anybody"]:
    if isinstance(dependant.call, Allowed | Anybody):
        yield dependant.call
    for below in dependant.dependencies:
        yield from _needs(below)


def needs(route: APIRoute | APIWebSocketRoute) -> list["Allowed | Anybody"]:
    """What a route asks for."""
    return list(_needs(route.dependant))


@dataclass(frozen=True, slots=True)
class Guarded:
    """A route that somebody has to be let in to; no `allowed` means whoever is signed in."""

    method: str  # WEBSOCKET for a socket
    path: str
    allowed: tuple[Allowed, ...]
    headers: frozenset[str] = frozenset()  # that the route itself takes


def guarded(router: APIRouter, prefix: str = "") -> list[Guarded]:
    """What a router's routes ask for. Raises RuntimeError for one that anybody could ask."""
    found = []
    for route in router.routes:
        path = prefix + getattr(route, "path", "")
        if public(path):
            continue
        asked = needs(route) if isinstance(route, APIRoute | APIWebSocketRoute) else []
        if not asked:
            raise RuntimeError(f"{path} says no permission that it needs: give it a caller (api.access.gate)")
        methods = sorted(route.methods or ()) if isinstance(route, APIRoute) else ["WEBSOCKET"]
        own = tuple(one for one in asked if isinstance(one, Allowed))
        taken = frozenset(one.alias for one in route.dependant.header_params) if isinstance(route, APIRoute) else None
        found += [Guarded(method, path, own, taken or frozenset()) for method in methods]
    return found


def allowed(permission: Permission, *, everywhere: bool = False) -> list[Any]:
    """As `dependencies` of a route, where the route itself does not need to know who asks."""
    return [Depends(Allowed(permission, everywhere=everywhere))]


class Anybody:
    """A dependency for what everybody may who is signed in: what is one's own."""

    permission = None

    def __call__(self, connection: HTTPConnection) -> Caller:
        """Raises Problem(401)."""
        principal: Principal | None = connection.scope.get("state", {}).get("principal")
        if principal is None:
            raise unauthenticated("nothing was sent that says who asks")
        return Caller(principal, Permission.READ, None, actor_of(connection))


def _alias(permission: Permission) -> Any:
    return Depends(Allowed(permission))


AnyCaller = Annotated[Caller, Depends(Anybody())]
Reader = Annotated[Caller, _alias(Permission.READ)]
WorkReader = Annotated[Caller, _alias(Permission.READ_WORK)]
DeviceReader = Annotated[Caller, _alias(Permission.READ_DEVICES)]
Exporter = Annotated[Caller, _alias(Permission.EXPORT)]
Acknowledger = Annotated[Caller, _alias(Permission.ACKNOWLEDGE)]
Closer = Annotated[Caller, _alias(Permission.CLOSE)]
Shelver = Annotated[Caller, _alias(Permission.SHELVE)]
Disabler = Annotated[Caller, _alias(Permission.DISABLE)]
Releaser = Annotated[Caller, _alias(Permission.RELEASE)]
ModeSetter = Annotated[Caller, _alias(Permission.SET_MODE)]
DutyKeeper = Annotated[Caller, _alias(Permission.DUTY)]
Proposer = Annotated[Caller, _alias(Permission.PROPOSE)]
Approver = Annotated[Caller, _alias(Permission.APPROVE)]
UserKeeper = Annotated[Caller, _alias(Permission.USERS)]
AuditReader = Annotated[Caller, _alias(Permission.AUDIT)]
