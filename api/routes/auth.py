"""
Signing in, going on, going out; one's own password and sessions.

A program keeps the tokens itself; a browser asks for cookies, which no script can read.
"""

from typing import Annotated, Any, Final

from fastapi import APIRouter, Path, Request, Response

from api import access_schemas as bodies
from api import schemas
from api.access import tokens
from api.access.access import Tokens, refuse_weak, retry_after, unauthenticated
from api.access.cookies import dropped, kept
from api.access.credentials import REFRESH_COOKIE, same_origin
from api.access.gate import AnyCaller, actor_of
from api.deps import Parts
from api.problems import Problem, not_found
from telemetry.clock import to_ms
from telemetry.errors import StorageError
from telemetry.roles import GRANTS, Permission, Principal
from telemetry.storage import accounts, logins

ANSWERS: Final[dict[int | str, dict[str, Any]]] = {
    code: {"model": schemas.ProblemBody, "content": {"application/problem+json": {}}} for code in (401, 403, 422, 503)
}
SessionPath = Annotated[str, Path(pattern=r"^[a-z0-9]{12}$", examples=["k3v9x0q2m7ab"])]


def me(principal: Principal) -> bodies.Me:
    """Who it is, as an answer."""
    allowed: dict[str, set[Permission]] = {}
    for role, site in principal.grants:
        allowed.setdefault(site, set()).update(GRANTS[role])
    language: Any = principal.language
    return bodies.Me(
        name=principal.name, display_name=principal.display_name, organisation=principal.organisation,
        language=language, grants=granted(principal.grants), stale=principal.stale,
        permissions={site: sorted(found) for site, found in sorted(allowed.items())},
    )  # fmt: skip


def granted(grants: Any) -> list[bodies.Granted]:
    """Roles with their sites, as an answer."""
    return [bodies.Granted(role=role, site=site) for role, site in sorted(grants)]


def router(parts: Parts, oidc: str | None) -> APIRouter:
    """`/auth/...`, `/me/...`; `oidc` is the name of the other way in, if there is one."""
    routes = APIRouter(tags=["access"])
    access = parts.access

    def answer(request: Request, response: Response, found: Tokens, *, cookies: bool) -> bodies.SignedIn:
        if cookies:
            # A page of another site must not sign a person in as somebody else.
            if not same_origin(request.headers.get("origin"), request.headers.get("host")):
                raise Problem(403, "forged", "请求来源不符 not from a page of ours", "the Origin is not this server's")
            for cookie in kept(found, secure=request.url.scheme == "https"):
                response.headers.append("set-cookie", cookie)
        response.headers["Cache-Control"] = "no-store"
        return bodies.SignedIn(
            access_token=None if cookies else found.access, refresh_token=None if cookies else found.refresh,
            expires_in=int(tokens.ACCESS.total_seconds()), me=me(found.principal),
        )  # fmt: skip

    def agent(request: Request) -> str:
        return request.headers.get("user-agent", "")

    @routes.get("/auth/ways", summary="How one can sign in here")
    async def ways() -> bodies.Ways:
        empty: bool | None = None
        if parts.database is not None:
            try:
                empty = not await accounts.anybody(parts.database)
            except StorageError:
                empty = None
        return bodies.Ways(password=True, oidc=oidc, empty=empty)

    @routes.post("/auth/login", responses={**ANSWERS, 429: ANSWERS[401]}, summary="Sign in with a password")
    async def login(request: Request, response: Response, body: bodies.Login) -> bodies.SignedIn:
        try:
            found = await access.login(body.login, body.password, actor_of(request), agent(request))
        except Problem as problem:
            problem.headers.update(retry_after(problem))
            raise
        return answer(request, response, found, cookies=body.cookies)

    @routes.post("/auth/refresh", responses=ANSWERS, summary="New tokens for one that goes on; the old one is over")
    async def refresh(request: Request, response: Response, body: bodies.Refresh | None = None) -> bodies.SignedIn:
        own = body.refresh_token if body else None
        presented = own or request.cookies.get(REFRESH_COOKIE)
        if not presented:
            raise unauthenticated("no refresh token was sent")
        found = await access.refresh(presented, actor_of(request))
        return answer(request, response, found, cookies=own is None)

    @routes.post("/auth/invitation", responses=ANSWERS, summary="Set a password with an invitation, and come in")
    async def invitation(request: Request, response: Response, body: bodies.Invited) -> bodies.SignedIn:
        found = await access.accept(body.token, body.password, actor_of(request), agent(request))
        return answer(request, response, found, cookies=body.cookies)

    @routes.post("/auth/logout", status_code=204, responses=ANSWERS, summary="End this session")
    async def logout(who: AnyCaller) -> Response:
        if who.principal.session_id is not None:
            await access.logout(who.principal.session_id, who.actor)
        response = Response(status_code=204)
        for cookie in dropped():
            response.headers.append("set-cookie", cookie)
        return response

    @routes.get("/me", responses=ANSWERS, summary="Who is signed in, and what they may")
    async def myself(who: AnyCaller) -> bodies.Me:
        return me(who.principal)

    @routes.put("/me/password", status_code=204, responses=ANSWERS, summary="Change one's own password")
    async def password(who: AnyCaller, body: bodies.NewPassword) -> Response:
        account = await _own(parts, who.principal)
        good, _ = await access.passwords.verified(body.old, account.password_hash)
        if not good:
            raise Problem(403, "wrong-password", "原口令不正确 the old password is wrong", "nothing was changed")
        refuse_weak(body.new, account.login)
        hash_ = await access.passwords.hashed(body.new)
        await accounts.set_password(parts.record(), who.actor, account.user_id, hash_, keep=who.principal.session_id)
        await access.look()
        return Response(status_code=204)

    @routes.get("/me/sessions", responses=ANSWERS, summary="One's open sign-ins")
    async def sessions(who: AnyCaller) -> bodies.Sessions:
        account = await _own(parts, who.principal)
        rows = await logins.sessions(parts.record(), account.user_id)
        items = [
            bodies.Session(
                id=row.session_id, created_at=to_ms(row.created_at), used_at=to_ms(row.rotated_at),
                expires_at=to_ms(row.expires_at), address=row.address, agent=row.agent,
                this=row.session_id == who.principal.session_id,
            )
            for row in rows
        ]  # fmt: skip
        return bodies.Sessions(items=items)

    @routes.delete("/me/sessions/{session}", status_code=204, responses=ANSWERS, summary="End one of one's sign-ins")
    async def end(who: AnyCaller, session: SessionPath) -> Response:
        account = await _own(parts, who.principal)
        if session not in {row.session_id for row in await logins.sessions(parts.record(), account.user_id)}:
            raise not_found(f"session {session} of {account.login}")
        await access.logout(session, who.actor, "ended by its owner")
        return Response(status_code=204)

    return routes


async def _own(parts: Parts, principal: Principal) -> accounts.Account:
    account = await accounts.by_id(parts.record(), principal.user_id) if principal.user_id is not None else None
    if account is None:
        raise Problem(403, "no-account", "程序密钥没有账户 a key has no account", "only a person has one")
    return account
