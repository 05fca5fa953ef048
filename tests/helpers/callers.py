"""People who ask, for tests: a doorman that knows one, and keys of a database with any roles."""

import asyncio
import hashlib
from datetime import UTC, datetime

from api.access import tokens
from api.access.access import Tokens
from api.access.credentials import Credentials
from telemetry.roles import Principal, Role
from telemetry.settings import DatabaseSettings
from telemetry.storage import keys
from telemetry.storage.audit import Actor
from telemetry.storage.pool import Database

ADMIN = Principal("li.na", "李娜", "示范总包", frozenset({(Role.ADMIN, "*")}), user_id=1, session_id="test-session")
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
    return asyncio.run(make_key(settings, *grants, name=name))
