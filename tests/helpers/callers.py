"""People who ask, for tests: a doorman that knows one, and keys of a database with any roles."""

import asyncio
import hashlib
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime

from api.access import tokens
from api.access.access import Tokens
from api.access.credentials import Credentials
from api.access.passwords import Passwords
from telemetry.roles import Principal, Role
from telemetry.settings import DatabaseSettings
from telemetry.storage import accounts, keys
from telemetry.storage.accounts import Person
from telemetry.storage.audit import Actor
from telemetry.storage.pool import Database

ADMIN = Principal("li.na", "李娜", "示范总包", frozenset({(Role.ADMIN, "*")}), user_id=1, session_id="test-session")
PASSWORD = "a sentence for tests"  # noqa: S105 - of throw-away databases
HEADERS = {"Authorization": "Bearer of-a-test"}


class OneCaller:
    """Whoever brings anything is this one; the gate itself is the true one."""

    def __init__(self, principal: Principal = ADMIN) -> None:
        self.principal = principal

    async def identify(self, brought: Credentials, actor: Actor) -> tuple[Principal, Tokens | None]:
        assert brought.any
        assert actor.who == "nobody"
        return self.principal, None


async def make_key(settings: DatabaseSettings, *grants: tuple[Role, str], name: str = "test") -> str:
    """A key of the record with these roles: what goes behind `Bearer`."""
    key_id, secret = tokens.new_id(), tokens.opaque()
    digest = hashlib.sha256(secret.encode()).digest()
    expires = datetime(2999, 1, 1, tzinfo=UTC)
    async with Database(settings, application="test") as database:
        await keys.add_key(database, Actor("test"), key_id, name, "test", digest, frozenset(grants), expires)
    return tokens.api_key(key_id, secret)


def key_for(settings: DatabaseSettings, *grants: tuple[Role, str], name: str = "test") -> str:
    """`make_key`, where no event loop runs."""
    with ThreadPoolExecutor(1) as pool:
        return pool.submit(lambda: asyncio.run(make_key(settings, *grants, name=name))).result()


async def make_account(settings: DatabaseSettings, login: str, *grants: tuple[Role, str]) -> str:
    """An account with these roles, or one that is there; its password."""
    async with Database(settings, application="test") as database:
        if await accounts.by_login(database, login) is None:
            person = Person(login, "test", frozenset(grants))
            await accounts.add(database, Actor("test"), login, person, await Passwords().hashed(PASSWORD))
    return PASSWORD


def account_for(settings: DatabaseSettings, login: str, *grants: tuple[Role, str]) -> str:
    """`make_account`, where no event loop of this thread runs."""
    with ThreadPoolExecutor(1) as pool:
        return pool.submit(lambda: asyncio.run(make_account(settings, login, *grants))).result()
