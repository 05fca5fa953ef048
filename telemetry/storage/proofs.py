"""Proof tests in the record: ordered, looked up, and when a site wants them."""

import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final, LiteralString

from telemetry.proof import ASK_S, Link, Outcome, Source, State, Step
from telemetry.proof_schedule import Schedule, check
from telemetry.storage.audit import Actor, Deed, write
from telemetry.storage.pool import Connection, Database

MAX_PAGE: Final = 200
ORDERED_S: Final = 60.0  # an order that no notifier has sent by then was not done
KINDS: Final = ("crane",)  # that declare a test channel

COLUMNS: Final[LiteralString] = (
    "p.proof_id, p.test, p.device_id, d.site, d.kind, d.device, d.display_name, p.source, p.ordered_by, p.note,"
    " p.state, p.asked_at, p.until_at, p.begun_by, p.sent_at, p.hold_s, p.links, p.raised, p.outcome, p.failed_link,"
    " p.detail, p.judged_at FROM proof_test p JOIN device d USING (device_id)"
)
_DEVICE: Final[LiteralString] = (
    "SELECT device_id, kind, online, coalesce((presence ->> 'proof')::boolean, false) AS channel,"
    " coalesce(config ->> 'terminal', 'none') <> 'none' AS terminal FROM device"
    " WHERE site = %s AND kind = %s AND device = %s"
)
_ORDER: Final[LiteralString] = (
    "INSERT INTO proof_test (test, device_id, source, ordered_by, note, state, asked_at, until_at, tap, begun_by)"
    " VALUES (%(test)s, %(device)s, %(source)s, %(by)s, %(note)s, %(state)s, now(),"
    " now() + make_interval(secs => %(within)s), %(tap)s, %(begun)s) ON CONFLICT DO NOTHING RETURNING proof_id"
)
_LIST: Final[LiteralString] = (
    "SELECT " + COLUMNS + " WHERE d.site = %(site)s AND (%(kind)s::text IS NULL OR d.kind = %(kind)s)"
    " AND (%(device)s::text IS NULL OR d.device = %(device)s)"
    " AND (%(before)s::bigint IS NULL OR p.proof_id < %(before)s) ORDER BY p.proof_id DESC LIMIT %(limit)s"
)
_ONE: Final[LiteralString] = "SELECT " + COLUMNS + " WHERE p.proof_id = %s"
_LAST: Final[LiteralString] = (
    "SELECT DISTINCT ON (p.device_id) " + COLUMNS + " WHERE d.site = %s ORDER BY p.device_id, p.proof_id DESC"
)
_CANCEL: Final[LiteralString] = (
    "UPDATE proof_test SET state = 'over', outcome = 'not_done', detail = 'asked', judged_at = now()"
    " WHERE proof_id = %s AND state = 'asked' RETURNING proof_id"
)
_SCHEDULES: Final[LiteralString] = (
    "SELECT s.site, d.kind, d.device, s.every_days, s.begins, s.ends, s.since FROM proof_schedule s"
    " LEFT JOIN device d USING (device_id) WHERE s.site = %s ORDER BY d.kind NULLS FIRST, d.device"
)
_SET: Final[LiteralString] = (
    "INSERT INTO proof_schedule (site, device_id, every_days, begins, ends) VALUES (%s, %s, %s, %s, %s)"
    " ON CONFLICT (site, device_id) DO UPDATE SET every_days = EXCLUDED.every_days, begins = EXCLUDED.begins,"
    " ends = EXCLUDED.ends"
)
_UNSET: Final[LiteralString] = "DELETE FROM proof_schedule WHERE site = %s AND device_id IS NOT DISTINCT FROM %s"
_KNOWN: Final[LiteralString] = "SELECT 1 FROM site WHERE site = %s"


@dataclass(frozen=True, slots=True, kw_only=True)
class Test:
    """A test as the record has it; times are aware."""

    proof_id: int
    test: str
    device_id: int
    site: str
    kind: str
    device: str
    display_name: str
    source: Source
    ordered_by: str
    note: str
    state: State
    asked_at: datetime
    until_at: datetime
    begun_by: str | None
    sent_at: datetime | None
    hold_s: float | None
    steps: list[Step]
    raised: str | None
    outcome: Outcome | None
    failed_link: str | None
    detail: str
    judged_at: datetime | None


@dataclass(frozen=True, slots=True)
class Wanted:
    """A site's schedule, or that of one device."""

    site: str
    kind: str | None
    device: str | None
    schedule: Schedule
    since: datetime


class Refused(Exception):
    """A test that cannot be ordered; `why` is device, channel, offline or under_way."""

    def __init__(self, why: str, detail: str) -> None:
        super().__init__(detail)
        self.why = why


async def order(
    database: Database, by: Actor, site: str, kind: str, device: str, *, told: bool, note: str = ""
) -> Test:
    """
    Order a test. Where a terminal is expected the operator is asked to begin it, unless he has been `told` of it.

    Raises StorageError, and Refused.
    """
    async with database.connection() as connection, connection.transaction():
        row = await (await connection.execute(_DEVICE, (site, kind, device))).fetchone()
        if row is None:
            raise Refused("device", f"no {kind} {site}/{device}")
        # Of a device that is away nobody knows whether it has a channel: its will says nothing of it.
        if row["kind"] not in KINDS or (row["online"] is True and not row["channel"]):
            raise Refused("channel", f"{site}/{device} has no test channel: its way of an alarm cannot be proved")
        if row["online"] is not True:
            raise Refused("offline", f"{site}/{device} is not connected")
        asks = row["terminal"] and not told
        number = await put(
            connection, f"test-{secrets.token_hex(8)}", row["device_id"], Source.PERSON, by.who,
            state=State.ASKED if asks else State.ORDERED, within_s=ASK_S if asks else ORDERED_S, note=note,
        )  # fmt: skip
        if number is None:
            raise Refused("under_way", f"a test of {site}/{device} is asked for or under way")
        after = {"told": told, "note": note}
        await write(connection, Deed(by, "proof_test.order", f"{site}/{kind}/{device}", site, after=after))
        found = await (await connection.execute(_ONE, (number,))).fetchone()
    if found is None:
        raise Refused("device", "the test is gone")
    return test_of(found)


async def put(
    connection: Connection, test: str, device_id: int, source: Source, by: str, *, state: State, within_s: float,
    note: str = "", tap: str | None = None, begun_by: str | None = None,
) -> int | None:  # fmt: skip
    """A new test; its number, None when the device has one already. Raises psycopg errors."""
    parameters = {
        "test": test, "device": device_id, "source": source, "by": by, "note": note, "state": state,
        "within": within_s, "tap": tap, "begun": begun_by,
    }  # fmt: skip
    row = await (await connection.execute(_ORDER, parameters)).fetchone()
    return int(row["proof_id"]) if row is not None else None


async def cancel(database: Database, by: Actor, site: str, number: int) -> Test | None:
    """Take back a test that nobody has begun; None when there is none such. Raises StorageError."""
    async with database.connection() as connection, connection.transaction():
        row = await (await connection.execute(_ONE, (number,))).fetchone()
        if row is None or row["site"] != site:
            return None
        if await (await connection.execute(_CANCEL, (number,))).fetchone() is None:
            return None
        await write(connection, Deed(by, "proof_test.cancel", f"{site}/{row['kind']}/{row['device']}", site))
        row = await (await connection.execute(_ONE, (number,))).fetchone()
    return test_of(row) if row is not None else None


async def listed(
    database: Database, site: str, *, kind: str | None = None, device: str | None = None, before: int | None = None,
    limit: int = 50,
) -> list[Test]:  # fmt: skip
    """Tests of a site or of one device, newest first. Raises StorageError."""
    parameters = {"site": site, "kind": kind, "device": device, "before": before, "limit": min(limit, MAX_PAGE)}
    async with database.connection() as connection:
        rows = await (await connection.execute(_LIST, parameters)).fetchall()
    return [test_of(row) for row in rows]


async def last(database: Database, site: str) -> list[Test]:
    """The last test of each device of a site. Raises StorageError."""
    async with database.connection() as connection:
        rows = await (await connection.execute(_LAST, (site,))).fetchall()
    return [test_of(row) for row in rows]


async def schedules(database: Database, site: str) -> list[Wanted]:
    """The site's schedule first, then those of single devices. Raises StorageError."""
    async with database.connection() as connection:
        rows = await (await connection.execute(_SCHEDULES, (site,))).fetchall()
    return [wanted_of(row) for row in rows]


async def schedule(
    database: Database, by: Actor, site: str, wanted: Schedule | None, *, kind: str | None = None,
    device: str | None = None,
) -> bool:  # fmt: skip
    """
    Set the schedule of a site or of one device, or take it away (None); False for what nobody knows.

    Raises StorageError, and ValueError for hours that are none.
    """
    if wanted is not None:
        check(wanted)
    async with database.connection() as connection, connection.transaction():
        number = None
        if device is not None:
            row = await (await connection.execute(_DEVICE, (site, kind, device))).fetchone()
            if row is None:
                return False
            number = row["device_id"]
        elif await (await connection.execute(_KNOWN, (site,))).fetchone() is None:
            return False
        if wanted is None:
            await connection.execute(_UNSET, (site, number))
        else:
            await connection.execute(_SET, (site, number, wanted.every_days, wanted.begins, wanted.ends))
        target = site if device is None else f"{site}/{kind}/{device}"
        after = (
            None if wanted is None
            else {"every_days": wanted.every_days, "begins": wanted.begins, "ends": wanted.ends}
        )  # fmt: skip
        await write(connection, Deed(by, "proof_test.schedule", target, site, after=after))
    return True


def wanted_of(row: dict[str, Any]) -> Wanted:
    """A row of `proof_schedule`."""
    hours = Schedule(row["every_days"], row["begins"], row["ends"])
    return Wanted(row["site"], row["kind"], row["device"], hours, row["since"])


def test_of(row: dict[str, Any]) -> Test:
    """A row of COLUMNS."""
    found = {name: value for name, value in row.items() if name in Test.__slots__}
    steps = [
        Step(Link(one["link"]), datetime.fromisoformat(one["at"]), one["seconds"], one["who"], one["said_ms"])
        for one in row["links"]
    ]
    return Test(
        **found | {
            "source": Source(row["source"]), "state": State(row["state"]), "steps": steps,
            "outcome": Outcome(row["outcome"]) if row["outcome"] is not None else None,
        }
    )  # fmt: skip


def plain(steps: list[Step]) -> list[dict[str, Any]]:
    """Steps as they are kept."""
    return [
        {"link": one.link, "at": one.at.isoformat(), "seconds": one.seconds, "who": one.who, "said_ms": one.said_ms}
        for one in steps
    ]


def over_s(test: Test) -> timedelta:
    """How long after its order a terminal may still take it for one that is under way."""
    return timedelta(seconds=(test.hold_s or 0.0) + ORDERED_S)
