"""Accounts of people, keys of programs, and the audit log."""

import hashlib
from datetime import timedelta
from typing import Annotated, Any, Final

from fastapi import APIRouter, Path, Query, Response

from api import access_schemas as bodies
from api import schemas
from api.access import tokens
from api.access.gate import AuditReader, Caller, UserKeeper, forbidden
from api.access.tokens import INVITATION
from api.deps import Before, Limit, Parts, SiteQuery
from api.etags import Condition, When, said, tag
from api.problems import Problem, not_found
from api.routes.auth import granted
from telemetry.clock import to_ms, utc_now
from telemetry.errors import ConfigError
from telemetry.roles import Permission, Role
from telemetry.storage import accounts, audit, keys
from telemetry.storage.accounts import Account, Person
from telemetry.storage.keys import KeyRow

ANSWERS: Final[dict[int | str, dict[str, Any]]] = {
    code: {"model": schemas.ProblemBody, "content": {"application/problem+json": {}}}
    for code in (401, 403, 404, 409, 412, 422, 503)
}
Number = Annotated[int, Path(ge=1, lt=1 << 31, examples=[7])]
KeyPath = Annotated[str, Path(pattern=r"^[a-z0-9]{12}$", examples=["k3v9x0q2m7ab"])]


def _user(one: Account) -> bodies.User:
    return bodies.User(
        id=one.user_id, login=one.login, display_name=one.display_name, organisation=one.organisation,
        language=one.language, phone=one.phone, grants=granted(one.grants), disabled=one.disabled_at is not None,
        has_password=one.password_hash is not None, created_at=to_ms(one.created_at),
    )  # fmt: skip


def _version(one: Account) -> str:
    return tag(_user(one))


def _key(row: KeyRow) -> bodies.Key:
    return bodies.Key(
        id=row.key_id, name=row.name, organisation=row.organisation, grants=granted(row.grants),
        created_by=row.created_by, created_at=to_ms(row.created_at),
        expires_at=to_ms(row.expires_at) if row.expires_at else None,
        revoked_at=to_ms(row.revoked_at) if row.revoked_at else None,
        used_at=to_ms(row.used_at) if row.used_at else None,
    )  # fmt: skip


def _grants(body: list[bodies.Granted]) -> frozenset[tuple[Role, str]]:
    return frozenset((one.role, one.site) for one in body)


def _within(who: Caller, grants: frozenset[tuple[Role, str]]) -> None:
    """Nobody gives, or takes from somebody, what reaches beyond the sites where they may. Raises Problem(403)."""
    for _, site in grants:
        if not who.principal.may(Permission.USERS, site):
            raise forbidden(who.principal, Permission.USERS, site)


def router(parts: Parts) -> APIRouter:
    """`/users`, `/keys`, `/audit`."""
    routes = APIRouter(tags=["access"], responses=ANSWERS)

    async def known(who: Caller, number: int) -> Account:
        found = await accounts.by_id(parts.record(), number)
        if found is None or not _visible(who, found.grants):
            raise not_found(f"user {number}")
        return found

    async def invited(who: Caller, account: Account, response: Response) -> bodies.Invitation:
        response.headers["Cache-Control"] = "no-store"  # nobody keeps what opens an account
        token = await parts.access.invite(account, who.actor)
        return bodies.Invitation(path=f"/login#invitation={token}", expires_at=to_ms(utc_now() + INVITATION))

    @routes.get("/users", summary="Accounts")
    async def users(who: UserKeeper) -> bodies.Users:
        return bodies.Users(
            items=[_user(one) for one in await accounts.accounts(parts.record()) if _visible(who, one.grants)]
        )

    @routes.post("/users", status_code=201, summary="Make an account; its owner sets the password")
    async def add(who: UserKeeper, response: Response, body: bodies.NewPerson) -> bodies.NewUser:
        _within(who, _grants(body.grants))
        try:
            made = await accounts.add(parts.record(), who.actor, body.login, _person(body))
        except ConfigError as error:
            raise Problem(409, "login-taken", "用户名已被使用 the login is taken", str(error)) from error
        return bodies.NewUser(user=_user(made), invitation=await invited(who, made, response))

    @routes.get("/users/{number}", summary="One account")
    async def user(who: UserKeeper, response: Response, number: Number) -> bodies.User:
        return said(response, _user(await known(who, number)))

    @routes.put("/users/{number}", summary="Say anew who a person is and what they may")
    async def change(
        who: UserKeeper, response: Response, number: Number, body: bodies.Person, when: When
    ) -> bodies.User:
        before = await known(who, number)
        _within(who, _grants(body.grants) | before.grants)
        try:
            after = await accounts.change(parts.record(), who.actor, number, _person(body), when.check(_version))
        except ConfigError as error:
            raise Problem(409, "last-admin", "最后一个管理员 the last admin", str(error)) from error
        await parts.access.look()
        if after is None:
            raise not_found(f"user {number}")
        return said(response, _user(after))

    @routes.post("/users/{number}/invitation", status_code=201, summary="A link to set a new password")
    async def invite(who: UserKeeper, number: Number, response: Response) -> bodies.Invitation:
        account = await known(who, number)
        _within(who, account.grants)
        return await invited(who, account, response)

    @routes.post("/users/{number}/disable", summary="Close an account, and end its sessions")
    async def disable(who: UserKeeper, response: Response, number: Number, when: When) -> bodies.User:
        return said(response, await switched(who, number, when, disabled=True))

    @routes.post("/users/{number}/enable", summary="Open an account again")
    async def enable(who: UserKeeper, response: Response, number: Number, when: When) -> bodies.User:
        return said(response, await switched(who, number, when, disabled=False))

    async def switched(who: Caller, number: int, when: Condition, *, disabled: bool) -> bodies.User:
        _within(who, (await known(who, number)).grants)
        try:
            after = await accounts.disable(
                parts.record(), who.actor, number, disabled=disabled, check=when.check(_version)
            )
        except ConfigError as error:
            raise Problem(409, "last-admin", "最后一个管理员 the last admin", str(error)) from error
        await parts.access.look()
        if after is None:
            raise not_found(f"user {number}")
        return _user(after)

    @routes.get("/keys", summary="Keys of programs")
    async def all_keys(who: UserKeeper) -> bodies.Keys:
        return bodies.Keys(items=[_key(row) for row in await keys.keys(parts.record()) if _visible(who, row.grants)])

    @routes.post("/keys", status_code=201, summary="Make a key; its secret is shown this once")
    async def add_key(who: UserKeeper, response: Response, body: bodies.NewKey) -> bodies.MadeKey:
        response.headers["Cache-Control"] = "no-store"
        grants = _grants(body.grants)
        _within(who, grants)
        key_id, secret = tokens.new_id(), tokens.opaque()
        expires = utc_now() + timedelta(days=body.days) if body.days else None
        await keys.add_key(
            parts.record(), who.actor, key_id, body.name, body.organisation, hashlib.sha256(secret.encode()).digest(),
            grants, expires,
        )  # fmt: skip
        row = next(row for row in await keys.keys(parts.record()) if row.key_id == key_id)
        return bodies.MadeKey(key=_key(row), secret=tokens.api_key(key_id, secret))

    @routes.delete("/keys/{key}", status_code=204, summary="End a key")
    async def revoke_key(who: UserKeeper, key: KeyPath) -> Response:
        row = next((row for row in await keys.keys(parts.record()) if row.key_id == key), None)
        if row is None or not _visible(who, row.grants):
            raise not_found(f"key {key}")
        _within(who, row.grants)
        await keys.revoke_key(parts.record(), who.actor, key)
        parts.access.standing.forget_key(key)
        return Response(status_code=204)

    @routes.get("/audit", summary="Who did what, newest first")
    async def log(
        who: AuditReader,
        site: SiteQuery = None,
        actor: Annotated[str | None, Query(max_length=80, pattern=r"^[^\x00]*$", examples=["li.na"])] = None,
        action: Annotated[str | None, Query(max_length=64, pattern=r"^[a-z_.]*$", examples=["alarm.shelve"])] = None,
        before: Before = None,
        limit: Limit = 100,
    ) -> bodies.Audit:
        rows = await audit.page(parts.record(), sites=who.sites, who=actor, action=action, before=before, limit=limit)
        items = [
            bodies.AuditLine(
                id=row.audit_id, at=to_ms(row.at), recorded_at=to_ms(row.recorded_at), who=row.who,
                organisation=row.organisation, address=row.address, action=row.action, target=row.target,
                site=row.site, before=row.before, after=row.after,
            )
            for row in rows
        ]  # fmt: skip
        return bodies.Audit(items=items, next=rows[-1].audit_id if len(rows) == limit else None)

    return routes


def _visible(who: Caller, grants: frozenset[tuple[Role, str]]) -> bool:
    """Whoever keeps the users of a site sees those who have anything to do there, and those who have nothing yet."""
    held = who.principal.sites(Permission.USERS)
    return held is None or not grants or any(site in held or site == "*" for _, site in grants)


def _person(body: bodies.Person) -> Person:
    return Person(body.display_name, body.organisation, _grants(body.grants), body.language, body.phone)
