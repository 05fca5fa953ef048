"""
Shadow runs in the record: a candidate profile beside the one that holds, and what each would have alarmed.

Rule 1: a run is resumed and not begun again while it is open; one process has it at a time (`alone`).
Rule 2: what is written is found again by its cause, so that what is played twice is there once.
Rule 3: these tables are read by reports only: nothing that is annunciated comes from them.
"""

import json
from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, LiteralString

import msgspec

from telemetry.limit_profile import Profile
from telemetry.storage.pool import Database, names

LOCK: Final = 0x63777368  # "cwsh"
MAX_RUNS: Final = 1000

_RUN: LiteralString = (
    "SELECT r.run_id, r.site, r.profile, r.profile_hash, r.body, r.run_by, r.begun_ms, r.until_ms, r.looked_at,"
    " r.ended_at, r.backtest_id FROM shadow_run r"
)
_BEGIN: Final[LiteralString] = (
    "INSERT INTO shadow_run (site, profile, profile_hash, body, run_by, begun_ms, until_ms)"
    " VALUES (%s, %s, %s, %s, %s, %s, %s) ON CONFLICT (site, profile_hash) WHERE ended_at IS NULL DO NOTHING"
)
_OPEN: Final[LiteralString] = _RUN + " WHERE r.site = %s AND r.profile_hash = %s AND r.ended_at IS NULL"
_ONE: Final[LiteralString] = _RUN + " WHERE r.run_id = %s"
_ALL: Final[LiteralString] = (
    _RUN + " WHERE (%(sites)s::text[] IS NULL OR r.site = ANY(%(sites)s))"
    " AND (%(hash)s::text IS NULL OR r.profile_hash = %(hash)s)"
    " AND (%(before)s::bigint IS NULL OR r.run_id < %(before)s) ORDER BY r.run_id DESC LIMIT %(limit)s"
)
_LOOKED: Final[LiteralString] = "UPDATE shadow_run SET looked_at = now() WHERE run_id = %s"
_END: Final[LiteralString] = (
    "UPDATE shadow_run SET ended_at = now(), backtest_id = %s WHERE run_id = %s AND ended_at IS NULL"
)
_EVALUATED: Final[LiteralString] = (
    "SELECT d.device_id, d.kind, d.device, string_agg(l.boot_no || l.evaluated::text, ';' ORDER BY l.boot_no) AS stands"
    " FROM device d CROSS JOIN LATERAL (SELECT f.boot_no, f.evaluated FROM frame_ledger f"
    "  WHERE f.device_id = d.device_id ORDER BY f.boot_no DESC LIMIT 8) AS l"
    " WHERE d.site = %s GROUP BY d.device_id ORDER BY d.kind, d.device"
)
_DEVICES: Final[LiteralString] = (
    "SELECT s.device_id, d.site, d.kind, d.device, s.seen_ms, s.watched_ms, s.samples, s.compared, s.different,"
    " s.lead_in_ms, s.not_judged, s.trouble"
    " FROM shadow_device s JOIN device d USING (device_id) WHERE s.run_id = %s ORDER BY d.kind, d.device"
)
_DEVICE: Final[LiteralString] = (
    "INSERT INTO shadow_device"
    " (run_id, device_id, seen_ms, watched_ms, samples, compared, different, lead_in_ms, not_judged, trouble)"
    " VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s) ON CONFLICT (run_id, device_id) DO UPDATE SET"
    " seen_ms = EXCLUDED.seen_ms, watched_ms = EXCLUDED.watched_ms, samples = EXCLUDED.samples,"
    " compared = EXCLUDED.compared, different = EXCLUDED.different, lead_in_ms = EXCLUDED.lead_in_ms,"
    " not_judged = EXCLUDED.not_judged, trouble = EXCLUDED.trouble"
)
_ALARM: Final[LiteralString] = (
    "INSERT INTO shadow_alarm AS a (run_id, device_id, side, rule, at_ms, boot, seq, i, until_ms, severity,"
    " life_safety, payload) VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s)"
    " ON CONFLICT (run_id, device_id, side, rule, boot, seq, i) DO UPDATE SET until_ms = EXCLUDED.until_ms,"
    " severity = EXCLUDED.severity, life_safety = EXCLUDED.life_safety, payload = EXCLUDED.payload"
)
_ALARMS: Final[LiteralString] = (
    "SELECT device_id, side, payload FROM shadow_alarm WHERE run_id = %s ORDER BY device_id, side, at_ms, rule"
)
_COUNTS: Final[LiteralString] = (
    "SELECT device_id, side, count(*) AS n FROM shadow_alarm WHERE run_id = %s AND severity >= 2"
    " AND NOT coalesce((payload->>'standing')::boolean, false) GROUP BY device_id, side"
)
_SINCE: Final[LiteralString] = (
    "SELECT min(at_ms) AS at FROM shadow_alarm WHERE run_id = %s AND device_id = %s AND until_ms IS NULL"
)


@dataclass(frozen=True, slots=True)
class Run:
    """A shadow run. Times in Unix ms; `looked_at` is when it last had all that was evaluated."""

    run_id: int
    site: str
    profile: str
    profile_hash: str
    body: dict[str, Any]
    run_by: str
    begun_ms: int
    until_ms: int
    looked_at: datetime
    ended_at: datetime | None
    backtest_id: int | None

    def candidate(self) -> Profile:
        """What runs in it."""
        return msgspec.convert(self.body, Profile)


@dataclass(frozen=True, slots=True)
class Shadowed:
    """How far a run has come with a device; `trouble` is why it is not played under the candidate."""

    device_id: int
    site: str
    kind: str
    device: str
    seen_ms: int | None = None
    watched_ms: int = 0
    samples: int = 0
    compared: int = 0
    different: int = 0
    lead_in_ms: int | None = None
    not_judged: Sequence[str] = ()
    trouble: str | None = None


@dataclass(frozen=True, slots=True)
class ShadowAlarm:
    """An alarm on one of the two sides; `payload` is all that is known of it."""

    side: str
    rule: str
    at_ms: int
    boot: str
    seq: int
    i: int
    until_ms: int | None
    severity: int
    life_safety: bool
    payload: Mapping[str, Any]


async def begin(database: Database, site: str, profile: Profile, who: str, begun_ms: int, until_ms: int) -> Run:
    """A new run, or the one of the same profile that is open at the site. Raises StorageError."""
    body = msgspec.json.encode(profile).decode()
    async with database.connection() as connection, connection.transaction():
        await connection.execute(_BEGIN, (site, profile.label, profile.hash, body, who, begun_ms, until_ms))
        row = await (await connection.execute(_OPEN, (site, profile.hash))).fetchone()
    if row is None:
        raise RuntimeError("a shadow run was ended while it was begun")
    return Run(**row)


@asynccontextmanager
async def alone(database: Database, run_id: int) -> AsyncIterator[bool]:
    """Whether no other process has this run; it keeps others out for as long as the block lasts."""
    async with database.connection() as connection:
        row = await (await connection.execute("SELECT pg_try_advisory_lock(%s, %s) AS got", (LOCK, run_id))).fetchone()
        got = row is not None and bool(row["got"])
        try:
            yield got
        finally:
            if got and not connection.closed:
                await connection.execute("SELECT pg_advisory_unlock(%s, %s)", (LOCK, run_id))


async def one(database: Database, run_id: int) -> Run | None:
    """The run of that number. Raises StorageError."""
    async with database.connection() as connection:
        row = await (await connection.execute(_ONE, (run_id,))).fetchone()
    return Run(**row) if row is not None else None


async def runs(
    database: Database,
    *,
    sites: Sequence[str] | None = None,
    hash_: str | None = None,
    before: int | None = None,
    limit: int = 100,
) -> list[Run]:
    """Runs with a number below `before`, newest first. Raises StorageError."""
    parameters = {"sites": names(sites), "hash": hash_, "before": before, "limit": min(limit, MAX_RUNS)}
    async with database.connection() as connection:
        rows = await (await connection.execute(_ALL, parameters)).fetchall()
    return [Run(**row) for row in rows]


async def stands(database: Database, site: str) -> dict[int, tuple[tuple[str, str, str], str]]:
    """By device its name, and a text that changes when more of it was evaluated. Raises StorageError."""
    async with database.connection() as connection:
        rows = await (await connection.execute(_EVALUATED, (site,))).fetchall()
    return {row["device_id"]: ((site, row["kind"], row["device"]), row["stands"]) for row in rows}


async def devices(database: Database, run_id: int) -> list[Shadowed]:
    """How far a run has come. Raises StorageError."""
    async with database.connection() as connection:
        rows = await (await connection.execute(_DEVICES, (run_id,))).fetchall()
    return [Shadowed(**row) for row in rows]


async def open_since(database: Database, run_id: int, device_id: int) -> int | None:
    """Since when (Unix ms) the oldest alarm has been on that a run left open on a device. Raises StorageError."""
    async with database.connection() as connection:
        row = await (await connection.execute(_SINCE, (run_id, device_id))).fetchone()
    return row["at"] if row is not None else None


async def alarms(database: Database, run_id: int) -> dict[tuple[int, str], list[dict[str, Any]]]:
    """What a run has found, by device and side, in order of time. Raises StorageError."""
    found: dict[tuple[int, str], list[dict[str, Any]]] = {}
    async with database.connection() as connection:
        for row in await (await connection.execute(_ALARMS, (run_id,))).fetchall():
            found.setdefault((row["device_id"], row["side"]), []).append(row["payload"])
    return found


async def counts(database: Database, run_id: int) -> dict[tuple[int, str], int]:
    """How many alarms, pre-warning and up, a run has found, by device and side. Raises StorageError."""
    async with database.connection() as connection:
        rows = await (await connection.execute(_COUNTS, (run_id,))).fetchall()
    return {(row["device_id"], row["side"]): row["n"] for row in rows}


async def keep(database: Database, run_id: int, device: Shadowed, found: Iterable[ShadowAlarm]) -> None:
    """How far a run has come with a device, and the alarms that are new or have changed: all or nothing."""
    rows = [
        (run_id, device.device_id, a.side, a.rule, a.at_ms, a.boot, a.seq, a.i, a.until_ms, a.severity, a.life_safety,
         json.dumps(a.payload, ensure_ascii=False))
        for a in found
    ]  # fmt: skip
    async with database.connection() as connection, connection.transaction():
        if rows:
            async with connection.cursor() as cursor:
                await cursor.executemany(_ALARM, rows)
        await connection.execute(
            _DEVICE,
            (run_id, device.device_id, device.seen_ms, device.watched_ms, device.samples, device.compared,
             device.different, device.lead_in_ms, list(device.not_judged), device.trouble),
        )  # fmt: skip


async def looked(database: Database, run_id: int) -> None:
    """The run has all that was evaluated. Raises StorageError."""
    async with database.connection() as connection:
        await connection.execute(_LOOKED, (run_id,))


async def end(database: Database, run_id: int, backtest_id: int | None) -> None:
    """The run is over; its result is that back-test. Raises StorageError."""
    async with database.connection() as connection:
        await connection.execute(_END, (backtest_id, run_id))
