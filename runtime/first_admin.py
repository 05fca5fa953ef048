"""The account and the key of a demo: made anew for each run, and nobody else has them."""

import secrets
from datetime import timedelta
from typing import Final

from api.access import tokens
from api.access.passwords import Passwords
from telemetry.clock import utc_now
from telemetry.roles import Role
from telemetry.settings import DatabaseSettings
from telemetry.storage import accounts, keys
from telemetry.storage.accounts import Person
from telemetry.storage.audit import Actor
from telemetry.storage.pool import Database

DEMO_LOGIN: Final = "demo"


async def demo_access(settings: DatabaseSettings) -> tuple[str, str]:
    """The password of the account, new where a kept folder has it already, and a key for programs."""
    password = secrets.token_urlsafe(9)
    kept = await Passwords().hashed(password)
    by = Actor("cli:demo", None, "cli")
    async with Database(settings, application="demo") as database:
        found = await accounts.by_login(database, DEMO_LOGIN)
        if found is None:
            person = Person("演示 Demo", "示范总包 Demo contractor", frozenset({(Role.ADMIN, "*")}))
            await accounts.add(database, by, DEMO_LOGIN, person, kept)
        else:
            await accounts.set_password(database, by, found.user_id, kept, keep=None)
        key_id, secret = tokens.new_id(), tokens.opaque()
        everywhere = frozenset({(Role.ADMIN, "*")})
        expires = utc_now() + timedelta(days=1)
        await keys.add_key(database, by, key_id, "demo", "cranewatch", tokens.digest(secret), everywhere, expires)
    return password, tokens.api_key(key_id, secret)
