"""
Who comes in: sign-in, going on, going out, and who a request is from.

Rule 1: every way in ends here, and what cannot be said for certain is refused.
Rule 2: while the record does not answer, whoever was in stays in (`standing.OUTAGE`) and nobody new comes: a phone
must not go dark because a database is restarted.
Rule 3: an answer to a failed sign-in says nothing about which half was wrong.
"""

import asyncio
import contextlib
import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Final

from api.access import tokens
from api.access.credentials import Credentials
from api.access.passwords import Passwords, weakness
from api.access.standing import OUTAGE, Standing
from api.access.throttle import FORGET, subjects, wait_s
from api.problems import Problem, no_database
from telemetry.clock import utc_now
from telemetry.errors import StorageError
from telemetry.roles import Principal
from telemetry.storage import accounts, idempotency, keys, logins
from telemetry.storage.accounts import Account
from telemetry.storage.audit import Actor
from telemetry.storage.keys import SigningKey
from telemetry.storage.pool import Database

logger = logging.getLogger(__name__)

LOOK_EVERY_S: Final = 2.0  # so long after it a session that was ended elsewhere is ended here
SESSION: Final = timedelta(days=14)  # without use
LATELY: Final = OUTAGE + tokens.ACCESS  # as long as a token may be believed, whatever happens to the record
KEYS_EVERY_S: Final = 5.0
TIDY_EVERY_S: Final = 3600.0


@dataclass(frozen=True, slots=True)
class Tokens:
    """What a person goes on with."""

    principal: Principal
    access: str
    refresh: str | None  # None: the one that was brought stays
    expires: datetime  # of the session


def unauthenticated(detail: str) -> Problem:
    """401."""
    return Problem(401, "unauthenticated", "请先登录 sign in first", detail)


def refuse_weak(password: str, login: str) -> None:
    """Raise Problem(422) for a password that will not do."""
    why = weakness(password, login)
    if why is not None:
        raise Problem(422, "weak-password", f"{why[0]} {why[1]}", why[1])


class Access:
    """All of it, for one process."""

    def __init__(self, database: Database | None, *, now: Callable[[], datetime] = utc_now) -> None:
        self.standing = Standing()
        self.passwords = Passwords()
        self._database = database
        self._now = now
        self._keys: list[SigningKey] = []
        self._keys_at = -KEYS_EVERY_S

    # Who a request is from

    async def identify(self, brought: Credentials, actor: Actor) -> tuple[Principal, Tokens | None]:
        """
        Who asks, and new tokens where the old ones were over and the session goes on.

        Raises Problem: 401 for what is not believed, 503 when it cannot be known.
        """
        if brought.bearer is not None:
            if tokens.split_api_key(brought.bearer) is not None:
                return await self._key(brought.bearer), None
            return await self._token(brought.bearer), None
        if brought.access is not None:
            with contextlib.suppress(Problem):
                return await self._token(brought.access), None
        if brought.refresh is None:
            raise unauthenticated("no token was sent, or it is over")
        found = await self.refresh(brought.refresh, actor)
        return found.principal, found

    def still(self, principal: Principal) -> bool:
        """Whether whoever came in may stay: for pages and connections that last."""
        changed = self.standing.changed.get(principal.user_id or 0)
        return principal.session_id not in self.standing.ended and (changed is None or changed <= principal.since)

    async def _token(self, text: str) -> Principal:
        try:
            claims = tokens.read(text, await self._signing(tokens.signed_with(text)))
        except tokens.TokenRefused as error:
            raise unauthenticated("this token is not one of ours") from error
        now = self._now()
        if not self.standing.believes(claims.principal, claims.issued):
            raise unauthenticated("this session has ended, or its rights have changed: sign in again")
        if not self.standing.lasts(claims.issued, claims.expires, now):
            raise unauthenticated("this token is over: refresh it")
        return replace(claims.principal, stale=now >= claims.expires, since=claims.issued)

    async def _key(self, text: str) -> Principal:
        now = self._now()
        known = self.standing.key(text, now)
        if known is not None:
            return replace(known, stale=self.standing.away)
        parts = tokens.split_api_key(text)
        try:
            row = await keys.of_secret(self._record(), parts[0], tokens.digest(parts[1])) if parts else None
        except StorageError:
            # It has just gone: whoever was in stays in from this question on, and not from the next look.
            self.standing.away = True
            known = self.standing.key(text, now)
            if known is None:
                raise
            return replace(known, stale=True)
        if row is None or not row.valid(now):
            self.standing.forget(text)
            raise unauthenticated("this key is not known, or is over")
        principal = Principal(
            name=f"key:{row.name}", display_name=row.name, organisation=row.organisation, grants=row.grants,
            key_id=row.key_id,
        )  # fmt: skip
        self.standing.remember(text, principal, now, row.expires_at)
        return principal

    # Coming in and going out

    async def login(self, login: str, password: str, actor: Actor, agent: str) -> Tokens:
        """
        Sign in with a password.

        Raises Problem: 401 when it is wrong, 429 with `Retry-After` after too many failures, 503 without the record.
        """
        database, now, address = self._record(), self._now(), actor.address or ""
        login = login.strip().casefold()[:64]
        counted = list(subjects(login, address))
        failures = await logins.failures(database, counted)
        wait = wait_s(login, address, {name: (one.failures, one.last_at) for name, one in failures.items()}, now)
        if wait > 0:
            raise Problem(
                429, "too-many-attempts", "尝试次数过多 too many attempts", f"try again in {wait:.0f} s",
                retry_after_s=int(wait) + 1,
            )  # fmt: skip
        account = await accounts.by_login(database, login)
        open_ = account is not None and account.disabled_at is None
        good, better = await self.passwords.verified(
            password, account.password_hash if account is not None and open_ else None
        )
        by = Actor(login, account.organisation if account else None, actor.address)
        if not good or account is None:
            await logins.failed(database, by, counted, now, FORGET)
            raise unauthenticated("login or password is wrong")
        if better is not None:
            await accounts.keep_hash(database, account.user_id, better)
        await logins.forgiven(database, [f"pair:{login}@{address}", f"login:{login}"])
        return await self.enter(account, by, agent)

    async def enter(self, account: Account, by: Actor, agent: str) -> Tokens:
        """Open a session for somebody who has proved who they are. Raises StorageError."""
        now = self._now()
        session, refresh = tokens.new_id(), tokens.opaque()
        expires = now + SESSION
        await logins.open_session(self._record(), by, session, account.user_id, tokens.digest(refresh), expires, agent)
        principal = replace(_principal(account, session), since=now)
        return Tokens(principal, tokens.issue(principal, (await self._signing())[0], now), refresh, expires)

    async def refresh(self, presented: str, actor: Actor) -> Tokens:
        """Go on with a session. Raises Problem: 401 when it may not, 503 without the record."""
        database, now = self._record(), self._now()
        fresh = tokens.opaque()
        expires = now + SESSION
        found = await logins.refresh(database, actor, tokens.digest(presented), tokens.digest(fresh), now, expires)
        account = await accounts.by_id(database, found.user_id) if found else None
        if found is None or account is None or account.disabled_at is not None:
            raise unauthenticated("this session has ended: sign in again")
        principal = replace(_principal(account, found.session_id), since=now)
        access = tokens.issue(principal, (await self._signing())[0], now)
        return Tokens(principal, access, fresh if found.rotated else None, expires)

    async def logout(self, session_id: str, actor: Actor, why: str = "signed out") -> bool:
        """End a session, here at once and elsewhere within LOOK_EVERY_S; False when it was not open."""
        self.standing.ended.add(session_id)
        return await logins.revoke(self._record(), actor, session_id, why)

    async def invite(self, account: Account, by: Actor) -> str:
        """A token with which that person may set a password, once. Raises StorageError."""
        token = tokens.opaque()
        await logins.invite(
            self._record(), by, account.user_id, account.login, tokens.digest(token), self._now() + tokens.INVITATION
        )
        return token

    async def accept(self, token: str, password: str, actor: Actor, agent: str) -> Tokens:
        """
        Set a password by invitation, and come in.

        Raises Problem: 401 when the invitation is not one or was used, 422 when the password will not do.
        """
        database = self._record()
        refuse_weak(password, "")
        user_id = await logins.take_invitation(database, tokens.digest(token))
        account = await accounts.by_id(database, user_id) if user_id is not None else None
        if account is None or account.disabled_at is not None:
            raise unauthenticated("this invitation was used, or is over: ask for another one")
        by = Actor(account.login, account.organisation, actor.address)
        hash_ = await self.passwords.hashed(password)
        await accounts.set_password(database, by, account.user_id, hash_, keep=None)
        return await self.enter(account, by, agent)

    async def seal(self, said: dict[str, str], lasts: timedelta) -> str:
        """What a browser is to carry for a while and cannot change. Raises Problem."""
        return tokens.seal(said, (await self._signing())[0], self._now() + lasts)

    async def unseal(self, text: str) -> dict[str, str] | None:
        """What was sealed; None when it was not, or is over. Raises Problem."""
        return tokens.unseal(text, await self._signing(tokens.signed_with(text)), self._now())

    # What is kept up

    async def until_over(self, principal: Principal) -> None:
        """Return when whoever came in may no longer stay."""
        while self.still(principal):  # noqa: ASYNC110 - there is no event: the record is looked at so often
            await asyncio.sleep(LOOK_EVERY_S)

    async def run(self) -> None:
        """Ask the record what has ended since, for ever."""
        tidied = 0.0
        clock = asyncio.get_running_loop().time
        while True:
            await self.look()
            if not self.standing.away and clock() - tidied > TIDY_EVERY_S:
                with contextlib.suppress(StorageError):
                    await logins.tidy(self._record(), self._now() - timedelta(days=30))
                    await idempotency.tidy(self._record())
                    tidied = clock()
            await asyncio.sleep(LOOK_EVERY_S)

    async def look(self) -> None:
        """Ask the record once."""
        if self._database is None:
            return
        try:
            self.standing.heard(*await logins.revoked_since(self._database, self._now() - LATELY))
        except StorageError as error:
            if not self.standing.away:
                logger.warning("who may come in cannot be asked: %s", error, extra={"action": "access"})
            self.standing.away = True

    async def _signing(self, wanted: str | None = None) -> list[SigningKey]:
        # Another process may have begun to sign with a new key; asked for, but not as often as rubbish is sent.
        unknown = wanted is not None and all(one.key_id != wanted for one in self._keys)
        clock = asyncio.get_running_loop().time()
        if not self._keys or (unknown and clock - self._keys_at > KEYS_EVERY_S):
            self._keys_at = clock
            fresh = tokens.new_signing_key()
            try:
                self._keys = await keys.signing_keys(self._record(), fresh, self._now() - LATELY)
            except StorageError:
                if not self._keys:
                    raise
        return self._keys

    def _record(self) -> Database:
        if self._database is None:
            raise no_database("no database is configured, so nobody can sign in: set CRANEWATCH_DATABASE__URL")
        return self._database


def _principal(account: Account, session_id: str) -> Principal:
    return Principal(
        name=account.login, display_name=account.display_name, organisation=account.organisation,
        grants=account.grants, user_id=account.user_id, session_id=session_id, language=account.language,
    )  # fmt: skip


def retry_after(problem: Problem) -> Mapping[str, str]:
    """The header that a 429 has."""
    wait = problem.body.get("retry_after_s")
    return {} if wait is None else {"Retry-After": str(wait)}
