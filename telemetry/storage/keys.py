"""API keys of programs, and the keys that sign tokens."""

import hmac
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, LiteralString

from telemetry.roles import Role, parse_grants
from telemetry.storage.audit import Actor, Deed, write
from telemetry.storage.pool import Database

# ruff: noqa: S608 - constants of ours
_COLUMNS: Final[LiteralString] = (
    "k.key_id, k.name, k.organisation, k.created_by, k.created_at, k.expires_at, k.revoked_at, k.used_at,"
    " COALESCE((SELECT array_agg(ARRAY[g.role, g.site] ORDER BY g.role, g.site) FROM app_grant g"
    " WHERE g.key_id = k.key_id), '{}') AS grants"
)
_ALL: Final[LiteralString] = "SELECT " + _COLUMNS + " FROM api_key k ORDER BY k.created_at DESC"
_ONE: Final[LiteralString] = "SELECT " + _COLUMNS + ", k.secret_hash FROM api_key k WHERE k.key_id = %s"
_ORGANISATION: Final[LiteralString] = "INSERT INTO organisation (name) VALUES (%s) ON CONFLICT DO NOTHING"
_ADD: Final[LiteralString] = (
    "INSERT INTO api_key (key_id, name, organisation, secret_hash, created_by, expires_at)"
    " VALUES (%s, %s, %s, %s, %s, %s)"
)
_GRANT: Final[LiteralString] = "INSERT INTO app_grant (key_id, role, site) VALUES (%s, %s, %s)"
_REVOKE: Final[LiteralString] = (
    "UPDATE api_key SET revoked_at = now() WHERE key_id = %s AND revoked_at IS NULL RETURNING name"
)
_USED: Final[LiteralString] = (
    "UPDATE api_key SET used_at = now() WHERE key_id = %s AND (used_at IS NULL OR used_at < now() - interval '1 hour')"
)
_SIGNING: Final[LiteralString] = (
    "SELECT key_id, secret FROM signing_key WHERE retired_at IS NULL OR retired_at > %s ORDER BY created_at DESC"
)
_SIGN: Final[LiteralString] = (
    "INSERT INTO signing_key (key_id, secret) SELECT %s, %s WHERE NOT EXISTS"
    " (SELECT FROM signing_key WHERE retired_at IS NULL)"
)
_RETIRE: Final[LiteralString] = "UPDATE signing_key SET retired_at = now() WHERE retired_at IS NULL"
_LOCK: Final[LiteralString] = "LOCK TABLE signing_key IN EXCLUSIVE MODE"


@dataclass(frozen=True, slots=True)
class KeyRow:
    """A program's key, without its secret."""

    key_id: str
    name: str
    organisation: str
    created_by: str
    created_at: datetime
    expires_at: datetime | None
    revoked_at: datetime | None
    used_at: datetime | None
    grants: frozenset[tuple[Role, str]]

    def valid(self, now: datetime) -> bool:
        """Whether it may be used."""
        return self.revoked_at is None and (self.expires_at is None or now < self.expires_at)


@dataclass(frozen=True, slots=True)
class SigningKey:
    """What tokens are signed with."""

    key_id: str
    secret: bytes


def _key(row: dict[str, Any]) -> KeyRow:
    return KeyRow(**{**row, "grants": parse_grants((role, site) for role, site in row["grants"])})


async def keys(database: Database) -> list[KeyRow]:
    """Every key, the newest first, revoked ones too. Raises StorageError."""
    async with database.connection() as connection:
        rows = await (await connection.execute(_ALL)).fetchall()
    return [_key(row) for row in rows]


async def of_secret(database: Database, key_id: str, secret_hash: bytes) -> KeyRow | None:
    """The key with that secret, whether it is valid or not; None when there is none. Raises StorageError."""
    async with database.connection() as connection:
        row = await (await connection.execute(_ONE, (key_id,))).fetchone()
        if row is None or not hmac.compare_digest(bytes(row.pop("secret_hash")), secret_hash):
            return None
        await connection.execute(_USED, (key_id,))
    return _key(row)


async def add_key(
    database: Database,
    by: Actor,
    key_id: str,
    name: str,
    organisation: str,
    secret_hash: bytes,
    grants: frozenset[tuple[Role, str]],
    expires_at: datetime | None,
) -> None:
    """Make a key. Raises StorageError."""
    async with database.connection() as connection, connection.transaction():
        await connection.execute(_ORGANISATION, (organisation,))
        await connection.execute(_ADD, (key_id, name, organisation, secret_hash, by.who, expires_at))
        for role, site in sorted(grants):
            await connection.execute(_GRANT, (key_id, str(role), site))
        after = {"name": name, "grants": sorted([str(role), site] for role, site in grants)}
        await write(connection, Deed(by, "key.add", key_id, after=after))


async def revoke_key(database: Database, by: Actor, key_id: str) -> bool:
    """End a key; False when there is none that is valid. Raises StorageError."""
    async with database.connection() as connection, connection.transaction():
        row = await (await connection.execute(_REVOKE, (key_id,))).fetchone()
        if row is None:
            return False
        await write(connection, Deed(by, "key.revoke", key_id, before={"name": row["name"]}))
        return True


async def signing_keys(database: Database, fresh: SigningKey, still: datetime) -> list[SigningKey]:
    """
    The keys that tokens are checked with: the one that signs first, then those retired after `still`.

    `fresh` becomes the one that signs when there is none yet; of two processes that start at once, one wins.
    Raises StorageError.
    """
    async with database.connection() as connection, connection.transaction():
        await connection.execute(_LOCK)
        await connection.execute(_SIGN, (fresh.key_id, fresh.secret))
        rows = await (await connection.execute(_SIGNING, (still,))).fetchall()
    return [SigningKey(row["key_id"], bytes(row["secret"])) for row in rows]


async def rotate_signing(database: Database, by: Actor, fresh: SigningKey) -> None:
    """Sign with a new key from now on. Raises StorageError."""
    async with database.connection() as connection, connection.transaction():
        await connection.execute(_LOCK)
        await connection.execute(_RETIRE)
        await connection.execute(_SIGN, (fresh.key_id, fresh.secret))
        await write(connection, Deed(by, "signing_key.rotate", fresh.key_id))
