"""
Sign-ins: sessions with their rotating refresh tokens, what was revoked, failed attempts, invitations.

Rule 1: the record holds hashes only; a token is nowhere to be read.
Rule 2: a refresh token works once. Its predecessor works for GRACE_S more, because two tabs may use it at one moment;
after that whoever brings it has a copy, and the session ends.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final, LiteralString

from telemetry.storage.audit import Actor, Deed, write
from telemetry.storage.pool import Database

GRACE_S: Final = 20.0

_OPEN: Final[LiteralString] = (
    "INSERT INTO login_session (session_id, user_id, refresh_hash, expires_at, address, agent)"
    " VALUES (%s, %s, %s, %s, %s, %s)"
)
_FIND: Final[LiteralString] = (
    "SELECT session_id, user_id, refresh_hash = %(hash)s AS newest, rotated_at, expires_at, revoked_at"
    " FROM login_session WHERE refresh_hash = %(hash)s OR previous_hash = %(hash)s FOR UPDATE"
)
_ROTATE: Final[LiteralString] = (
    "UPDATE login_session SET previous_hash = refresh_hash, refresh_hash = %s, rotated_at = %s, expires_at = %s"
    " WHERE session_id = %s"
)
_REVOKE: Final[LiteralString] = (
    "UPDATE login_session SET revoked_at = now(), revoked_why = %s WHERE session_id = %s AND revoked_at IS NULL"
    " RETURNING user_id"
)
_REVOKED: Final[LiteralString] = "SELECT session_id FROM login_session WHERE revoked_at > %s"
_CHANGED: Final[LiteralString] = "SELECT user_id, changed_at FROM app_user WHERE changed_at > %s"
_OF: Final[LiteralString] = (
    "SELECT session_id, created_at, rotated_at, expires_at, address, agent FROM login_session"
    " WHERE user_id = %s AND revoked_at IS NULL AND expires_at > now() ORDER BY rotated_at DESC"
)
_FAILURES: Final[LiteralString] = "SELECT subject, failures, last_at FROM login_failure WHERE subject = ANY(%s)"
_FAILED: Final[LiteralString] = (
    "INSERT INTO login_failure AS f (subject, failures, last_at) VALUES (%(subject)s, 1, %(at)s)"
    " ON CONFLICT (subject) DO UPDATE SET last_at = %(at)s,"
    " failures = CASE WHEN f.last_at < %(forget)s THEN 1 ELSE f.failures + 1 END"
)
_FORGIVEN: Final[LiteralString] = "DELETE FROM login_failure WHERE subject = ANY(%s)"
_INVITE: Final[LiteralString] = (
    "INSERT INTO invitation (token_hash, user_id, created_by, expires_at) VALUES (%s, %s, %s, %s)"
)
_TAKE: Final[LiteralString] = (
    "UPDATE invitation SET used_at = now() WHERE token_hash = %s AND used_at IS NULL AND expires_at > now()"
    " RETURNING user_id"
)
_TIDY: Final[LiteralString] = (
    "WITH a AS (DELETE FROM login_session WHERE expires_at < %(old)s OR revoked_at < %(old)s),"
    " b AS (DELETE FROM invitation WHERE expires_at < %(old)s)"
    " DELETE FROM login_failure WHERE last_at < %(old)s"
)


@dataclass(frozen=True, slots=True)
class Refreshed:
    """A session that goes on. `rotated` is False for a token that was used a moment ago by another tab."""

    session_id: str
    user_id: int
    rotated: bool


@dataclass(frozen=True, slots=True)
class SessionRow:
    """A session that is open."""

    session_id: str
    created_at: datetime
    rotated_at: datetime
    expires_at: datetime
    address: str
    agent: str


@dataclass(frozen=True, slots=True)
class Failures:
    """How often signing in has failed for a subject, and when last."""

    failures: int
    last_at: datetime


async def open_session(
    database: Database, by: Actor, session_id: str, user_id: int, refresh_hash: bytes, expires_at: datetime, agent: str
) -> None:
    """Record a sign-in. Raises StorageError."""
    async with database.connection() as connection, connection.transaction():
        await connection.execute(_OPEN, (session_id, user_id, refresh_hash, expires_at, by.address or "", agent[:200]))
        await write(connection, Deed(by, "login", by.who))


async def refresh(
    database: Database, by: Actor, presented: bytes, fresh: bytes, now: datetime, expires_at: datetime
) -> Refreshed | None:
    """
    Go on with a session: `presented` becomes invalid, `fresh` valid. None when it may not go on.

    A token that was replaced longer ago than GRACE_S ends the session, and the audit log says so.
    """
    async with database.connection() as connection, connection.transaction():
        row = await (await connection.execute(_FIND, {"hash": presented})).fetchone()
        if row is None or row["revoked_at"] is not None or row["expires_at"] <= now:
            return None
        session: str = row["session_id"]
        if row["newest"]:
            await connection.execute(_ROTATE, (fresh, now, expires_at, session))
            return Refreshed(session, row["user_id"], rotated=True)
        if now - row["rotated_at"] <= timedelta(seconds=GRACE_S):
            return Refreshed(session, row["user_id"], rotated=False)
        await connection.execute(_REVOKE, ("an old refresh token was used again", session))
        await write(connection, Deed(by, "login.stolen", session))
        return None


async def revoke(database: Database, by: Actor, session_id: str, why: str) -> bool:
    """End a session; False when it was not open. Raises StorageError."""
    async with database.connection() as connection, connection.transaction():
        row = await (await connection.execute(_REVOKE, (why, session_id))).fetchone()
        if row is None:
            return False
        await write(connection, Deed(by, "logout", by.who, after={"why": why}))
        return True


async def revoked_since(database: Database, since: datetime) -> tuple[set[str], dict[int, datetime]]:
    """Sessions that were ended since then, and when people's rights changed since then. Raises StorageError."""
    async with database.connection() as connection:
        sessions = await (await connection.execute(_REVOKED, (since,))).fetchall()
        people = await (await connection.execute(_CHANGED, (since,))).fetchall()
    return {row["session_id"] for row in sessions}, {row["user_id"]: row["changed_at"] for row in people}


async def sessions(database: Database, user_id: int) -> list[SessionRow]:
    """A person's open sessions, the last used first. Raises StorageError."""
    async with database.connection() as connection:
        rows = await (await connection.execute(_OF, (user_id,))).fetchall()
    return [SessionRow(**row) for row in rows]


async def failures(database: Database, subjects: list[str]) -> dict[str, Failures]:
    """Failed attempts by subject. Raises StorageError."""
    async with database.connection() as connection:
        rows = await (await connection.execute(_FAILURES, (subjects,))).fetchall()
    return {row["subject"]: Failures(row["failures"], row["last_at"]) for row in rows}


async def failed(database: Database, by: Actor, subjects: list[str], now: datetime, forget: timedelta) -> None:
    """Count a failed attempt for each subject; one whose last is longer ago than `forget` begins at 1 again."""
    async with database.connection() as connection, connection.transaction():
        for subject in sorted(subjects):  # one order, so that two attempts never wait for each other
            await connection.execute(_FAILED, {"subject": subject, "at": now, "forget": now - forget})
        await write(connection, Deed(by, "login.failed", by.who))


async def forgiven(database: Database, subjects: list[str]) -> None:
    """Forget failed attempts. Raises StorageError."""
    async with database.connection() as connection:
        await connection.execute(_FORGIVEN, (subjects,))


async def invite(
    database: Database, by: Actor, user_id: int, login: str, token_hash: bytes, expires_at: datetime
) -> None:
    """Record an invitation to set a password. Raises StorageError."""
    async with database.connection() as connection, connection.transaction():
        await connection.execute(_INVITE, (token_hash, user_id, by.who, expires_at))
        await write(connection, Deed(by, "user.invite", login))


async def take_invitation(database: Database, token_hash: bytes) -> int | None:
    """The user whose invitation this is, once; None when it was used, is over, or never was. Raises StorageError."""
    async with database.connection() as connection:
        row = await (await connection.execute(_TAKE, (token_hash,))).fetchone()
    return int(row["user_id"]) if row else None


async def tidy(database: Database, old: datetime) -> None:
    """Delete sessions, invitations and failures that have been over since `old`."""
    async with database.connection() as connection:
        await connection.execute(_TIDY, {"old": old})
