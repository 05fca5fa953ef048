"""Who somebody is at an OpenID provider: the account that its subject is tied to, once and by name."""

from typing import Final, LiteralString

from telemetry.storage.audit import Actor, Deed, write
from telemetry.storage.pool import Database

_OF: Final[LiteralString] = "SELECT user_id FROM login_identity WHERE issuer = %s AND subject = %s"
_TIE: Final[LiteralString] = (
    "INSERT INTO login_identity (issuer, subject, user_id)"
    " SELECT %s, %s, user_id FROM app_user WHERE login = %s AND disabled_at IS NULL"
    # A subject or an account that is tied already stays as it is.
    " ON CONFLICT DO NOTHING RETURNING user_id"
)


async def account_of(database: Database, actor: Actor, issuer: str, subject: str, login: str) -> int | None:
    """
    The account of a subject, tied to the one called `login` when it comes for the first time.

    None when there is no such account, or when it is tied to another subject of this issuer. Raises StorageError.
    """
    async with database.connection() as connection, connection.transaction():
        row = await (await connection.execute(_OF, (issuer, subject))).fetchone()
        if row is not None:
            return int(row["user_id"])
        row = await (await connection.execute(_TIE, (issuer, subject, login))).fetchone()
        if row is None:
            return None
        after = {"issuer": issuer, "subject": subject}
        await write(connection, Deed(actor, "login.tie", login, after=after))
        return int(row["user_id"])
