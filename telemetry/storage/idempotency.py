"""What commands answered, kept for a day, so that the same one sent again is not done again."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final, LiteralString

from psycopg.types.json import Jsonb

from telemetry.clock import utc_now
from telemetry.storage.pool import Database

KEPT: Final = timedelta(hours=24)

_OLD: Final[LiteralString] = (
    "DELETE FROM idempotency WHERE caller = %(caller)s AND key_hash = %(key)s AND at < now() - %(kept)s"
)
_CLAIM: Final[LiteralString] = (
    "INSERT INTO idempotency (caller, key_hash, request_mac) VALUES (%(caller)s, %(key)s, %(mac)s)"
    " ON CONFLICT DO NOTHING RETURNING at"
)
_KNOWN: Final[LiteralString] = (
    "SELECT request_mac, status, headers, body, at, extract(epoch FROM now() - at)::float8 AS age_s FROM idempotency"
    " WHERE caller = %(caller)s AND key_hash = %(key)s"
)
_KEEP: Final[LiteralString] = (
    "UPDATE idempotency SET status = %s, headers = %s, body = %s WHERE caller = %s AND key_hash = %s"
)
_FORGET: Final[LiteralString] = "DELETE FROM idempotency WHERE caller = %s AND key_hash = %s AND status IS NULL"
_TIDY: Final[LiteralString] = "DELETE FROM idempotency WHERE at < now() - %s"


@dataclass(frozen=True, slots=True)
class Answer:
    """What was answered; `body` is None where it is not kept: it held a secret, or was too long."""

    status: int
    headers: dict[str, str]
    body: bytes | None


@dataclass(frozen=True, slots=True)
class Known:
    """A command that came before under this key; `answer` is None while it is being done, or when that is not known."""

    mac: bytes
    answer: Answer | None
    at: datetime
    age_s: float


async def claim(database: Database, caller: str, key: bytes, mac: bytes) -> Known | None:
    """None: the caller may do it, and says `keep` or `forget` after. Else what came before. Raises StorageError."""
    asked = {"caller": caller, "key": key, "mac": mac, "kept": KEPT}
    async with database.connection() as connection:
        await connection.execute(_OLD, asked)
        if await (await connection.execute(_CLAIM, asked)).fetchone() is not None:
            return None
        row = await (await connection.execute(_KNOWN, asked)).fetchone()
    if row is None:  # it was forgotten between the two: as good as being done
        return Known(mac, None, utc_now(), 0.0)
    body = None if row["body"] is None else bytes(row["body"])
    answer = None if row["status"] is None else Answer(row["status"], row["headers"] or {}, body)
    return Known(bytes(row["request_mac"]), answer, row["at"], row["age_s"])


async def keep(database: Database, caller: str, key: bytes, answer: Answer) -> None:
    """This was answered. Raises StorageError."""
    async with database.connection() as connection:
        await connection.execute(_KEEP, (answer.status, Jsonb(answer.headers), answer.body, caller, key))


async def forget(database: Database, caller: str, key: bytes) -> None:
    """It was not done: it may be sent again. Raises StorageError."""
    async with database.connection() as connection:
        await connection.execute(_FORGET, (caller, key))


async def tidy(database: Database) -> None:
    """Let go of what is older than a day. Raises StorageError."""
    async with database.connection() as connection:
        await connection.execute(_TIDY, (KEPT,))
