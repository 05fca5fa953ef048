"""
People: who has an account, and which roles it has where. Each change is in the audit log with it.

`changed_at` moves with every change of what a person may: a token that was issued before it says nothing any more.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, LiteralString

from telemetry.errors import ConfigError, StorageRefused
from telemetry.roles import Role, parse_grants
from telemetry.storage.audit import Actor, Deed, write
from telemetry.storage.pool import Check, Connection, Database

# ruff: noqa: S608 - constants of ours
_COLUMNS: Final[LiteralString] = (
    "u.user_id, u.login, u.display_name, u.organisation, u.password_hash, u.language, u.phone, u.disabled_at,"
    " u.changed_at, u.created_at, COALESCE((SELECT array_agg(ARRAY[g.role, g.site] ORDER BY g.role, g.site)"
    " FROM app_grant g WHERE g.user_id = u.user_id), '{}') AS grants"
)
_ALL: Final[LiteralString] = "SELECT " + _COLUMNS + " FROM app_user u ORDER BY u.login"
_BY_LOGIN: Final[LiteralString] = "SELECT " + _COLUMNS + " FROM app_user u WHERE u.login = %s"
_BY_ID: Final[LiteralString] = "SELECT " + _COLUMNS + " FROM app_user u WHERE u.user_id = %s"
_HOLD: Final[LiteralString] = "SELECT 1 FROM app_user WHERE user_id = %s FOR NO KEY UPDATE"
_ORGANISATION: Final[LiteralString] = "INSERT INTO organisation (name) VALUES (%s) ON CONFLICT DO NOTHING"
_ADD: Final[LiteralString] = (
    "INSERT INTO app_user (login, display_name, organisation, language, phone, password_hash)"
    " VALUES (%s, %s, %s, %s, %s, %s) RETURNING user_id"
)
_SET: Final[LiteralString] = (
    "UPDATE app_user SET display_name = %s, organisation = %s, language = %s, phone = %s WHERE user_id = %s"
)
_GRANT: Final[LiteralString] = "INSERT INTO app_grant (user_id, role, site) VALUES (%s, %s, %s)"
_UNGRANT: Final[LiteralString] = "DELETE FROM app_grant WHERE user_id = %s"
_SET_HASH: Final[LiteralString] = "UPDATE app_user SET password_hash = %s WHERE user_id = %s"
_DISABLE: Final[LiteralString] = (
    "UPDATE app_user SET disabled_at = CASE WHEN %s THEN now() END, changed_at = now() WHERE user_id = %s"
)
_CHANGED: Final[LiteralString] = "UPDATE app_user SET changed_at = now() WHERE user_id = %s"
_LEAVE: Final[LiteralString] = (
    "UPDATE login_session SET revoked_at = now(), revoked_why = %s WHERE user_id = %s AND revoked_at IS NULL"
)
_ADMINS: Final[LiteralString] = (
    "SELECT count(*) AS n FROM app_user u JOIN app_grant g USING (user_id)"
    " WHERE g.role = 'admin' AND g.site = '*' AND u.disabled_at IS NULL AND u.user_id <> %s"
)
_SOMEBODY: Final[LiteralString] = "SELECT EXISTS (SELECT FROM app_user) AS there"


@dataclass(frozen=True, slots=True)
class Account:
    """A person's account; `grants` are roles, each with a site or `*`."""

    user_id: int
    login: str
    display_name: str
    organisation: str
    password_hash: str | None
    language: str | None
    phone: str | None
    disabled_at: datetime | None
    changed_at: datetime
    created_at: datetime
    grants: frozenset[tuple[Role, str]]

    def told(self) -> dict[str, Any]:
        """What the audit log says of it: never the password."""
        return {
            "display_name": self.display_name, "organisation": self.organisation, "language": self.language,
            "phone": self.phone, "disabled": self.disabled_at is not None, "has_password": bool(self.password_hash),
            "grants": sorted([str(role), site] for role, site in self.grants),
        }  # fmt: skip


@dataclass(frozen=True, slots=True)
class Person:
    """What may be said of a person when the account is made or changed."""

    display_name: str
    organisation: str
    grants: frozenset[tuple[Role, str]]
    language: str | None = None
    phone: str | None = None


def _account(row: dict[str, Any]) -> Account:
    return Account(**{**row, "grants": parse_grants((role, site) for role, site in row["grants"])})


async def accounts(database: Database) -> list[Account]:
    """Everybody, disabled ones too. Raises StorageError."""
    async with database.connection() as connection:
        rows = await (await connection.execute(_ALL)).fetchall()
    return [_account(row) for row in rows]


async def by_login(database: Database, login: str) -> Account | None:
    """The account of that name. Raises StorageError."""
    async with database.connection() as connection:
        return await _one(connection, _BY_LOGIN, login)


async def by_id(database: Database, user_id: int) -> Account | None:
    """The account of that number. Raises StorageError."""
    async with database.connection() as connection:
        return await _one(connection, _BY_ID, user_id)


async def anybody(database: Database) -> bool:
    """Whether there is an account at all. Raises StorageError."""
    async with database.connection() as connection:
        row = await (await connection.execute(_SOMEBODY)).fetchone()
    return bool(row and row["there"])


async def _one(connection: Connection, query: LiteralString, value: object) -> Account | None:
    row = await (await connection.execute(query, (value,))).fetchone()
    return _account(row) if row else None


async def _grants(connection: Connection, user_id: int, grants: Iterable[tuple[Role, str]]) -> None:
    await connection.execute(_UNGRANT, (user_id,))
    for role, site in sorted(grants):
        await connection.execute(_GRANT, (user_id, str(role), site))


async def add(database: Database, by: Actor, login: str, person: Person, password_hash: str | None = None) -> Account:
    """Make an account. Raises ConfigError when the login is taken or not one, StorageError."""
    try:
        async with database.connection() as connection, connection.transaction():
            await connection.execute(_ORGANISATION, (person.organisation,))
            row = await (
                await connection.execute(
                    _ADD,
                    (login, person.display_name, person.organisation, person.language, person.phone, password_hash),
                )
            ).fetchone()
            user_id = int(row["user_id"]) if row else 0
            await _grants(connection, user_id, person.grants)
            made = await _one(connection, _BY_ID, user_id)
            if made is None:
                raise StorageRefused("the account is not there after it was made")
            await write(connection, Deed(by, "user.add", login, after=made.told()))
            return made
    except StorageRefused as error:
        if error.code == "23505":
            raise ConfigError(f"login {login!r} is taken") from error
        if error.code == "23514":
            raise ConfigError(
                f"login {login!r}: small letters, digits and . _ @ + -, at most 64, beginning with a letter or digit"
            ) from error
        raise


async def change(
    database: Database, by: Actor, user_id: int, person: Person, check: Check[Account] | None = None
) -> Account | None:
    """
    Say anew who a person is and what they may; None when there is no such account.

    Raises ConfigError when nobody would be left who may change accounts, StorageError.
    """
    async with database.connection() as connection, connection.transaction():
        before = await _held(connection, user_id, check)
        if before is None:
            return None
        if (Role.ADMIN, "*") in before.grants and (Role.ADMIN, "*") not in person.grants:
            await _another_admin(connection, user_id)
        await connection.execute(_ORGANISATION, (person.organisation,))
        await connection.execute(
            _SET, (person.display_name, person.organisation, person.language, person.phone, user_id)
        )
        if person.grants != before.grants:
            await _grants(connection, user_id, person.grants)
            await connection.execute(_CHANGED, (user_id,))
        after = await _one(connection, _BY_ID, user_id)
        if after is not None:
            await write(connection, Deed(by, "user.change", before.login, before=before.told(), after=after.told()))
        return after


async def set_password(database: Database, by: Actor, user_id: int, password_hash: str, *, keep: str | None) -> bool:
    """Set a password and end the person's sessions, but for `keep`; False when there is no such account."""
    async with database.connection() as connection, connection.transaction():
        account = await _one(connection, _BY_ID, user_id)
        if account is None:
            return False
        await connection.execute(_SET_HASH, (password_hash, user_id))
        await connection.execute(_LEAVE + " AND session_id <> %s", ("the password was changed", user_id, keep or ""))
        await write(connection, Deed(by, "user.password", account.login))
        return True


async def keep_hash(database: Database, user_id: int, password_hash: str) -> None:
    """The same password, hashed with stronger parameters. Raises StorageError."""
    async with database.connection() as connection:
        await connection.execute(_SET_HASH, (password_hash, user_id))


async def disable(
    database: Database, by: Actor, user_id: int, *, disabled: bool, check: Check[Account] | None = None
) -> Account | None:
    """
    Close an account and end its sessions, or open it again; None when there is no such account.

    Raises ConfigError when nobody would be left who may change accounts, StorageError.
    """
    async with database.connection() as connection, connection.transaction():
        before = await _held(connection, user_id, check)
        if before is None:
            return None
        if disabled and (Role.ADMIN, "*") in before.grants:
            await _another_admin(connection, user_id)
        await connection.execute(_DISABLE, (disabled, user_id))
        if disabled:
            await connection.execute(_LEAVE, ("the account was disabled", user_id))
        action = "user.disable" if disabled else "user.enable"
        await write(connection, Deed(by, action, before.login))
        return await _one(connection, _BY_ID, user_id)


async def _held(connection: Connection, user_id: int, check: Check[Account] | None) -> Account | None:
    """The account, which nobody else changes until the transaction ends; sessions of it are not held up."""
    await connection.execute(_HOLD, (user_id,))
    found = await _one(connection, _BY_ID, user_id)
    if check is not None:
        check(found)
    return found


async def _another_admin(connection: Connection, user_id: int) -> None:
    row = await (await connection.execute(_ADMINS, (user_id,))).fetchone()
    if not row or not row["n"]:
        raise ConfigError("this is the last account that may change accounts: make another admin first")
