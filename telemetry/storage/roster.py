"""Who is on duty at a site, and the ladders that say what follows from it."""

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, LiteralString
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from telemetry import ladder
from telemetry.errors import ConfigError
from telemetry.ladder import Contact, Duty, Plan, Urgency
from telemetry.storage import audit, contacts
from telemetry.storage.audit import Actor, Deed
from telemetry.storage.pool import Check, Connection, Database, lock_site

MAX_ROWS: Final = ladder.MAX_ROSTER

_SITE: Final[LiteralString] = (
    "SELECT s.site, s.display_name, s.timezone, p.body AS plan FROM site s LEFT JOIN notify_plan p USING (site)"
    " WHERE s.site = %s"
)
_ROSTER: Final[LiteralString] = (
    "SELECT duty_id, contact, role, begins_at, ends_at, shift FROM duty WHERE site = %(site)s"
    " AND (%(from)s::timestamptz IS NULL OR ends_at > %(from)s) AND (%(to)s::timestamptz IS NULL OR begins_at < %(to)s)"
    " ORDER BY begins_at, duty_id LIMIT %(limit)s"
)
_ADD: Final[LiteralString] = (
    "INSERT INTO duty (site, contact, role, begins_at, ends_at, shift) VALUES (%s, %s, %s, %s, %s, %s)"
    " ON CONFLICT (site, contact, role, begins_at, ends_at, shift) DO UPDATE SET role = EXCLUDED.role RETURNING duty_id"
)
_SET: Final[LiteralString] = (
    "UPDATE duty SET contact = %s, role = %s, begins_at = %s, ends_at = %s, shift = %s"
    " WHERE site = %s AND duty_id = %s RETURNING duty_id"
)
_DELETE: Final[LiteralString] = (
    "DELETE FROM duty WHERE site = %s AND duty_id = %s RETURNING contact, role, begins_at, ends_at, shift"
)
_ONE: Final[LiteralString] = (
    "SELECT duty_id, contact, role, begins_at, ends_at, shift FROM duty WHERE site = %s AND duty_id = %s"
)
_CANCEL: Final[LiteralString] = (
    "DELETE FROM duty WHERE site = %s AND contact = %s AND role = %s AND begins_at = %s AND ends_at = %s AND shift = %s"
)
_KNOWN: Final[LiteralString] = "SELECT 1 FROM contact WHERE site = %s AND contact = %s"
_PLAN: Final[LiteralString] = (
    "INSERT INTO notify_plan (site, body) VALUES (%s, %s) ON CONFLICT (site) DO UPDATE SET body = EXCLUDED.body,"
    " changed_at = now()"
)
_NO_PLAN: Final[LiteralString] = "DELETE FROM notify_plan WHERE site = %s"


@dataclass(frozen=True, slots=True)
class Rostered:
    """A duty, and the number that it is changed by."""

    duty_id: int
    duty: Duty


@dataclass(frozen=True, slots=True)
class Standing:
    """All that decides who is told at a site: its people, who is on duty now, its ladders."""

    site: str
    display_name: str
    zone: ZoneInfo
    plan: Plan
    own: bool  # the site has ladders of its own
    contacts: dict[str, Contact]
    duties: list[Duty]  # that hold at the moment it was asked for

    def reached(self, urgency: Urgency) -> dict[str, Contact]:
        """Everybody whom the ladder of that urgency reaches now; empty is a fact that people must be shown."""
        steps = self.plan.ladder(urgency).steps
        return {contact.contact: contact for step in steps for contact in ladder.told(step, self.contacts, self.duties)}


async def standing(database: Database, site: str, at: datetime) -> Standing | None:
    """Who would be told at `at`; None for a site that nobody knows. Raises StorageError."""
    async with database.connection() as connection:
        return await read(connection, site, at)


async def read(connection: Connection, site: str, at: datetime) -> Standing | None:
    """See `standing`; inside the caller's connection. Raises psycopg errors."""
    row = await (await connection.execute(_SITE, (site,))).fetchone()
    if row is None:
        return None
    plan = ladder.parse(Plan, row["plan"], "notify") if row["plan"] is not None else Plan()
    zone = _zone(row["timezone"])
    known = await contacts.read(connection, site)
    parameters = {"site": site, "from": at, "to": at, "limit": MAX_ROWS}
    # `begins_at < at` and not `<=`: what begins at this very microsecond is found a poll later.
    rows = await (await connection.execute(_ROSTER, parameters)).fetchall()
    return Standing(
        site=site, display_name=row["display_name"] or site, zone=zone, plan=plan, own=row["plan"] is not None,
        contacts={one.contact: one for one in known},
        duties=ladder.on_duty((_duty(row) for row in rows), at, plan.day, zone),
    )  # fmt: skip


async def roster(
    database: Database, site: str, begin: datetime | None = None, end: datetime | None = None
) -> list[Rostered]:
    """The duties of a site that touch this span, in order of their begin. Raises StorageError."""
    parameters = {"site": site, "from": begin, "to": end, "limit": MAX_ROWS}
    async with database.connection() as connection:
        rows = await (await connection.execute(_ROSTER, parameters)).fetchall()
    return [Rostered(row["duty_id"], _duty(row)) for row in rows]


async def one(database: Database, site: str, number: int) -> Duty | None:
    """The duty of that number. Raises StorageError."""
    async with database.connection() as connection:
        return await _one(connection, site, number)


async def _one(connection: Connection, site: str, number: int) -> Duty | None:
    row = await (await connection.execute(_ONE, (site, number))).fetchone()
    return _duty(row) if row is not None else None


async def put(
    database: Database, by: Actor, site: str, duty: Duty, number: int | None = None, check: Check[Duty] | None = None
) -> int | None:
    """
    Add a duty, or change the one of that number; its number, None when there is none of that number.

    The same duty twice is there once. Raises StorageError, and ConfigError for a contact that nobody knows.
    """
    async with database.connection() as connection, connection.transaction():
        await lock_site(connection, site)
        if await (await connection.execute(_KNOWN, (site, duty.contact))).fetchone() is None:
            raise ConfigError(f"contact: no contact {duty.contact!r} at {site}")
        before = await _one(connection, site, number) if number is not None else None
        if check is not None and number is not None:
            check(before)
        if number is None:
            row = await (await connection.execute(_ADD, (site, *_columns(duty)))).fetchone()
        else:
            row = await (await connection.execute(_SET, (*_columns(duty), site, number))).fetchone()
        if row is None:
            return None
        action = "duty.add" if number is None else "duty.put"
        await audit.write(
            connection, Deed(by, action, str(row["duty_id"]), site, contacts.told(before), contacts.told(duty))
        )
    return int(row["duty_id"])


async def delete(
    database: Database, by: Actor, site: str, number: int, check: Check[Duty] | None = None
) -> Duty | None:
    """Take a duty away; what it was. Raises StorageError."""
    async with database.connection() as connection, connection.transaction():
        await lock_site(connection, site)
        if check is not None:
            check(await _one(connection, site, number))
        row = await (await connection.execute(_DELETE, (site, number))).fetchone()
        if row is None:
            return None
        await audit.write(connection, Deed(by, "duty.delete", str(number), site, contacts.told(_duty(row))))
    return _duty(row)


async def put_plan(
    database: Database, by: Actor, site: str, plan: Plan | None, check: Callable[[Plan | None], None] | None = None
) -> Plan | None:
    """
    Write a site's ladders; None brings back the defaults. Returns what was there before.

    Raises StorageError, and ConfigError for a contact that nobody knows.
    """
    async with database.connection() as connection, connection.transaction():
        await lock_site(connection, site)
        before = await plan_of(connection, site)
        if check is not None:
            check(before)
        if plan is None:
            await connection.execute(_NO_PLAN, (site,))
        else:
            ladder.check(await contacts.read(connection, site), [], plan)
            await connection.execute(_PLAN, (site, json.dumps(ladder.plain(plan))))
        action = "ladders.delete" if plan is None else "ladders.put"
        deed = Deed(by, action, site, site, contacts.told(before), contacts.told(plan))
        await audit.write(connection, deed)
    return before


async def plan_of(connection: Connection, site: str) -> Plan | None:
    """The site's own ladders; None where the defaults hold."""
    row = await (await connection.execute(_SITE, (site,))).fetchone()
    return ladder.parse(Plan, row["plan"], "notify") if row is not None and row["plan"] is not None else None


async def ahead(connection: Connection, site: str, at: datetime) -> list[Duty]:
    """The duties that are not over at `at`."""
    parameters = {"site": site, "from": at, "to": None, "limit": MAX_ROWS}
    return [_duty(row) for row in await (await connection.execute(_ROSTER, parameters)).fetchall()]


async def replace(
    connection: Connection,
    site: str,
    people: Sequence[Contact] | None,
    duties: Sequence[Duty] | None,
    plan: Plan | None,
    at: datetime,
) -> None:
    """
    The people of a site as its file says them: contacts that it does not name go, and all duties that it does not
    name and that are not over at `at`. What is None stays; what has not changed is not written.

    Inside the caller's transaction. Raises psycopg errors, and ConfigError when the tables contradict each other.
    """
    known = {one.contact: one for one in await contacts.read(connection, site)}
    if people is not None:
        for one in people:
            if known.get(one.contact) != one:
                await contacts.write(connection, site, one)
        known = {**known, **{one.contact: one for one in people}}
    staying = list(people) if people is not None else list(known.values())
    coming = [duty for duty in duties if duty.end > at] if duties is not None else await ahead(connection, site, at)
    ladder.check(staying, coming, plan if plan is not None else await plan_of(connection, site) or Plan())
    if duties is not None:
        wanted = {_columns(duty) for duty in coming}
        there = {_columns(duty) for duty in await ahead(connection, site, at)}
        for own in there - wanted:
            await connection.execute(_CANCEL, (site, *own))
        for own in sorted(wanted - there, key=lambda own: own[2]):
            await connection.execute(_ADD, (site, *own))
    for name in known.keys() - {one.contact for one in staying}:
        await contacts.gone(connection, site, name)
    if plan is not None and plan != await plan_of(connection, site):
        await connection.execute(_PLAN, (site, json.dumps(ladder.plain(plan))))


def _columns(duty: Duty) -> tuple[str, str, datetime, datetime, str]:
    return duty.contact, str(duty.role), duty.begin, duty.end, str(duty.shift)


def _duty(row: dict[str, Any]) -> Duty:
    return ladder.parse(
        Duty,
        {"contact": row["contact"], "role": row["role"], "begin": row["begins_at"], "end": row["ends_at"],
         "shift": row["shift"]},
        "duty",
    )  # fmt: skip


def _zone(name: str) -> ZoneInfo:
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError):
        return ZoneInfo("UTC")  # a site with a wrong zone is told at a wrong hour, and not never
