"""
Back-tests in the record: what a limit profile was held against, and with which outcome.

Rule: a result is written down once and never changed; it names the hash of what was tested, so that it says nothing of
a text that was edited since.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, LiteralString

from telemetry.storage.pool import Database, names

MAX_PAGE: Final = 1000

_KEEP: Final[LiteralString] = (
    "INSERT INTO backtest"
    " (kind, profile, profile_hash, target, site, from_ms, to_ms, outcome, accepted, run_by, result)"
    " VALUES (%(kind)s, %(profile)s, %(profile_hash)s, %(target)s, %(site)s, %(from_ms)s, %(to_ms)s, %(outcome)s,"
    " %(accepted)s, %(run_by)s, %(result)s) RETURNING backtest_id"
)
BRIEF: Final[LiteralString] = (
    "SELECT b.backtest_id, b.kind, b.profile, b.profile_hash, b.target, b.site, b.from_ms, b.to_ms, b.outcome,"
    " b.accepted, b.run_by, b.finished_at, b.result->'total' AS total,"
    " coalesce(jsonb_array_length(b.result->'missing_life_safety'), 0) AS missing FROM backtest b"
)
_LIST: Final[LiteralString] = (
    BRIEF + " WHERE (%(sites)s::text[] IS NULL OR b.site = ANY(%(sites)s))"
    " AND (%(hash)s::text IS NULL OR b.profile_hash LIKE %(hash)s || '%%')"
    " AND (%(before)s::bigint IS NULL OR b.backtest_id < %(before)s) ORDER BY b.backtest_id DESC LIMIT %(limit)s"
)
_RESULT: Final[LiteralString] = "SELECT site, result FROM backtest WHERE backtest_id = %s"


@dataclass(frozen=True, slots=True)
class Backtest:
    """A back-test without its details; `total` are its figures, `missing` the life-safety alarms that would be."""

    backtest_id: int
    kind: str
    profile: str
    profile_hash: str
    target: str
    site: str
    from_ms: int
    to_ms: int
    outcome: str
    accepted: str | None
    run_by: str
    finished_at: datetime
    total: dict[str, Any] | None
    missing: int


async def keep(database: Database, *, kind: str, profile_hash: str, run_by: str, result: Mapping[str, Any]) -> int:
    """Write a result down; its number. Raises StorageError."""
    parameters = {
        "kind": kind, "profile": result["profile"], "profile_hash": profile_hash, "target": result["target"],
        "site": result["target"].partition("/")[0], "from_ms": result["from"], "to_ms": result["to"],
        "outcome": result["outcome"], "accepted": result.get("accepted"), "run_by": run_by,
        "result": json.dumps(result, ensure_ascii=False),
    }  # fmt: skip
    async with database.connection() as connection:
        row = await (await connection.execute(_KEEP, parameters)).fetchone()
    return int(row["backtest_id"]) if row is not None else 0


async def listed(
    database: Database,
    *,
    sites: Sequence[str] | None = None,
    hash_: str | None = None,
    before: int | None = None,
    limit: int = 100,
) -> list[Backtest]:
    """Results with a number below `before`, newest first; `hash_` is a profile's, or how it begins.

    Raises StorageError.
    """
    parameters = {"sites": names(sites), "hash": hash_, "before": before, "limit": min(limit, MAX_PAGE)}
    async with database.connection() as connection:
        rows = await (await connection.execute(_LIST, parameters)).fetchall()
    return [Backtest(**row) for row in rows]


async def result(database: Database, backtest_id: int) -> tuple[str | None, dict[str, Any]] | None:
    """Its site, and all that a back-test found; None when there is none of that number. Raises StorageError."""
    async with database.connection() as connection:
        row = await (await connection.execute(_RESULT, (backtest_id,))).fetchone()
    return (row["site"], row["result"]) if row is not None else None
