"""
The people of a site who can be told, with the channels that reach them.

Rule: an address is a secret. It leaves this module inside of an `Address`; what is put in masked keeps what was stored.
"""

import json
from collections.abc import Iterable
from datetime import datetime
from typing import Any, Final, LiteralString

import msgspec

from telemetry import ladder
from telemetry.errors import ConfigError
from telemetry.ladder import Contact, Duty, Plan
from telemetry.storage import audit
from telemetry.storage.audit import Actor, Deed
from telemetry.storage.pool import Check, Connection, Database, lock_site

_LIST: Final[LiteralString] = (
    "SELECT contact, name, organisation, role, language, login, quiet, channels FROM contact"
    " WHERE site = %(site)s AND (%(contact)s::text IS NULL OR contact = %(contact)s) ORDER BY contact"
)
_ORGANISATION: Final[LiteralString] = "INSERT INTO organisation (name) VALUES (%s) ON CONFLICT DO NOTHING"
_PUT: Final[LiteralString] = (
    "INSERT INTO contact (site, contact, name, organisation, role, language, login, quiet, channels)"
    " VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s) ON CONFLICT (site, contact) DO UPDATE SET name = EXCLUDED.name,"
    " organisation = EXCLUDED.organisation, role = EXCLUDED.role, language = EXCLUDED.language,"
    " login = EXCLUDED.login, quiet = EXCLUDED.quiet, channels = EXCLUDED.channels, changed_at = now()"
)
_DELETE: Final[LiteralString] = "DELETE FROM contact WHERE site = %s AND contact = %s"
_CHANGED: Final[LiteralString] = "SELECT changed_at FROM contact WHERE site = %s AND contact = %s"
_ON_DUTY: Final[LiteralString] = "SELECT 1 FROM duty WHERE site = %s AND contact = %s AND ends_at > now() LIMIT 1"
_PAST: Final[LiteralString] = "DELETE FROM duty WHERE site = %s AND contact = %s AND ends_at <= now()"

Version = tuple[Contact, datetime]  # masks hide what an address was changed to, its time does not


async def contacts(database: Database, site: str) -> list[Contact]:
    """All contacts of a site. Raises StorageError."""
    async with database.connection() as connection:
        return await read(connection, site)


async def contact(database: Database, site: str, name: str) -> Contact | None:
    """One of them. Raises StorageError."""
    async with database.connection() as connection:
        return next(iter(await read(connection, site, name)), None)


async def version(database: Database, site: str, name: str) -> Version | None:
    """One of them, and when it was changed last. Raises StorageError."""
    async with database.connection() as connection:
        return await _version(connection, site, name)


async def put(
    database: Database, by: Actor, site: str, one: Contact, check: Check[Version] | None = None
) -> Contact | None:
    """
    Write a contact; a channel whose address is masked keeps the address that a channel of its name had.

    Returns what was there before. Raises StorageError, and ConfigError for an address that nobody knows.
    """
    async with database.connection() as connection, connection.transaction():
        await lock_site(connection, site)
        if check is not None:
            check(await _version(connection, site, one.contact))
        before = await write(connection, site, one)
        await audit.write(connection, Deed(by, "contact.put", one.contact, site, told(before), told(one)))
    return before


async def delete(
    database: Database, by: Actor, site: str, name: str, check: Check[Version] | None = None
) -> Contact | None:
    """
    Take a contact away, with what is over of their duties; returns what it was.

    Raises StorageError, and ConfigError while they are on the roster: whom a duty names has to be reachable.
    """
    async with database.connection() as connection, connection.transaction():
        await lock_site(connection, site)
        if check is not None:
            check(await _version(connection, site, name))
        before = next(iter(await read(connection, site, name)), None)
        if await (await connection.execute(_ON_DUTY, (site, name))).fetchone() is not None:
            raise ConfigError(f"{name} is on the duty roster: take the duties away first")
        await gone(connection, site, name)
        if before is not None:
            await audit.write(connection, Deed(by, "contact.delete", name, site, told(before)))
    return before


async def gone(connection: Connection, site: str, name: str) -> None:
    """Take a contact away with what is over of their duties, inside the caller's transaction."""
    await connection.execute(_PAST, (site, name))
    await connection.execute(_DELETE, (site, name))


async def _version(connection: Connection, site: str, name: str) -> Version | None:
    found = next(iter(await read(connection, site, name)), None)
    row = await (await connection.execute(_CHANGED, (site, name))).fetchone()
    return (found, row["changed_at"]) if found is not None and row is not None else None


def told(one: Contact | Duty | Plan | None) -> dict[str, Any] | None:
    """What the audit log says of one of these: addresses masked."""
    return None if one is None else ladder.plain(one)


async def read(connection: Connection, site: str, name: str | None = None) -> list[Contact]:
    """The contacts of a site, inside the caller's connection. Raises psycopg errors."""
    rows = await (await connection.execute(_LIST, {"site": site, "contact": name})).fetchall()
    return [of_row(row) for row in rows]


async def write(connection: Connection, site: str, one: Contact) -> Contact | None:
    """See `put`."""
    before = next(iter(await read(connection, site, one.contact)), None)
    one = unmasked(one, before)
    ladder.check([one], [], ladder.Plan())
    if one.organisation is not None:
        await connection.execute(_ORGANISATION, (one.organisation,))
    channels = json.dumps([ladder.plain(channel, reveal=True) for channel in one.channels], ensure_ascii=False)
    await connection.execute(
        _PUT,
        (site, one.contact, one.name, one.organisation, one.role, one.language, one.login,
         list(one.quiet) if one.quiet else None, channels),
    )  # fmt: skip
    return before


def of_row(row: dict[str, Any]) -> Contact:
    """A contact from its row."""
    table = {key: value for key, value in row.items() if value is not None}
    return ladder.parse(Contact, table, f"contact {row['contact']}")


def unmasked(one: Contact, before: Contact | None) -> Contact:
    """The contact with the addresses that it keeps. Raises ConfigError for a mask that stands for nothing."""
    kept = {channel.name: channel for channel in before.channels} if before is not None else {}
    return msgspec.structs.replace(one, channels=list(_kept(one.channels, kept)))


def _kept(channels: Iterable[ladder.Channel], kept: dict[str, ladder.Channel]) -> Iterable[ladder.Channel]:
    for n, channel in enumerate(channels):
        if channel.url.reveal() != channel.url.masked:
            yield channel
            continue
        old = kept.get(channel.name)
        if old is None or old.url.masked != channel.url.masked:
            raise ConfigError(f"channels[{n}].url: it is masked, and no channel of that name is known: give it whole")
        yield msgspec.structs.replace(channel, url=old.url)
