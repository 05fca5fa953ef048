"""
What is deleted, and when: readings by their own time, after `retention_days`, in whole days; what cannot be a reading
(misdated, quarantine) and changes of coverage by their time of receipt.

Rule 1: what waits for its review is not dropped, for `hold_days` more; then it is, and that is written down. A disk
that is full because a review stands still would cost the readings of today.
Rule 2: the ledger, alarms and their transitions, responses, events and work cycles are never deleted here.
Rule 3: every deletion of readings leaves a row in `record_event`.

On the community edition TimescaleDB's own policies drop the chunks: here they are only told the days. The refresh of
the rollups begins later than what is dropped: else it would erase the rollups of dropped readings.
"""

import json
import logging
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, Final, LiteralString

import psycopg
from psycopg import sql

from telemetry.clock import to_datetime
from telemetry.kinds import KINDS
from telemetry.model import Edition
from telemetry.storage import ledger

logger = logging.getLogger(__name__)

DELETE_AT_ONCE: Final = 20_000
DELETES: Final = 50  # of so many rows in one round: the rest next time
REFRESH_MARGIN_DAYS: Final = 7
MARK_MARGIN: Final = timedelta(days=31)

_EDITION: Final[LiteralString] = "SELECT edition FROM schema_migration ORDER BY number LIMIT 1"
# The device time of the oldest frame that was neither evaluated live nor reviewed nor refused by a review.
_WAITING: Final[LiteralString] = (
    "SELECT min(k.ts_ms) FROM frame_ledger l CROSS JOIN LATERAL (SELECT m.ts_ms FROM seq_mark m"  # noqa: S608 - constants of ours
    "  WHERE m.device_id = l.device_id AND m.boot_no = l.boot_no"
    f"  AND m.seq <= lower({ledger.LATE}) ORDER BY m.seq DESC LIMIT 1) AS k"
    f" WHERE {ledger.IS_LATE}"
)
_DROP: Final[LiteralString] = "SELECT count(*) FROM drop_chunks(%s, older_than => %s::timestamptz)"
_BY_RECEIPT: Final[dict[str, LiteralString]] = {
    "reading_misdated": "received_at < %(before)s",
    "quarantine": "last_received_at < %(before)s",
    "quarantine_overflow": "last_received_at < %(before)s",
    # The last one of a device says how it is watched now, however long ago that began.
    "coverage_change": (
        "received_at < %(before)s AND EXISTS (SELECT FROM coverage_change n"
        " WHERE n.device_id = t.device_id AND n.at_ms > t.at_ms AND n.received_at < %(before)s)"
    ),
}
_RETAIN: Final[LiteralString] = (
    "SELECT alter_job(job_id, config => config || jsonb_build_object('drop_after', %(days)s || ' days'))"
    " FROM timescaledb_information.jobs WHERE proc_name = 'policy_retention' AND hypertable_name = %(table)s"
    " AND (config->>'drop_after')::interval <> make_interval(days => %(days)s::integer)"
)
_REFRESH: Final[LiteralString] = (
    "SELECT alter_job(j.job_id, config => j.config || jsonb_build_object('start_offset', %(days)s || ' days'))"
    " FROM timescaledb_information.jobs j JOIN timescaledb_information.continuous_aggregates a"
    " ON j.hypertable_name IN (a.view_name, a.materialization_hypertable_name)"
    " WHERE j.proc_name = 'policy_refresh_continuous_aggregate' AND a.hypertable_name = %(table)s"
    " AND (j.config->>'start_offset')::interval <> make_interval(days => %(days)s::integer)"
)
_EVENT: Final[LiteralString] = "INSERT INTO record_event (type, detail) VALUES ('retention', %s)"


@dataclass(slots=True)
class Dropped:
    """What one round deleted: chunks of hypertables, rows of the others; by table, nothing left out that is not 0."""

    before: datetime  # readings up to this time of their device
    held: bool  # later than the setting says, because of what waits for its review
    chunks: dict[str, int] = field(default_factory=dict)
    rows: dict[str, int] = field(default_factory=dict)


def horizon(now: datetime, retention_days: int, hold_days: int, waiting_ms: int | None) -> tuple[datetime, bool]:
    """Up to when readings go, a whole day in UTC, and whether something that waits held that back."""
    wanted = now - timedelta(days=retention_days)
    found = wanted
    if waiting_ms is not None and to_datetime(waiting_ms) < wanted:
        # A frame may be an hour from its mark, and spans at most a day.
        found = max(to_datetime(waiting_ms) - timedelta(days=2), wanted - timedelta(days=hold_days))
    day = datetime(found.year, found.month, found.day, tzinfo=UTC)
    return day, found < wanted


def retain(
    connection: psycopg.Connection[Any], now: datetime, *, retention_days: int, quarantine_days: int, hold_days: int
) -> Dropped:
    """Delete what has been kept long enough. Wants autocommit. Raises psycopg errors."""
    row = connection.execute(_WAITING).fetchone()
    before, held = horizon(now, retention_days, hold_days, row[0] if row else None)
    done = Dropped(before, held)
    found = connection.execute(_EDITION).fetchone()
    edition = Edition(found[0]) if found else Edition.PLAIN
    for table in (f"reading_{name}" for name in KINDS):
        if edition is Edition.COMMUNITY:
            # Whole days, rounded up: the policy counts from the moment at which it runs.
            days = -((before - now) // timedelta(days=1))
            connection.execute(_REFRESH, {"table": table, "days": days - REFRESH_MARGIN_DAYS})
            connection.execute(_RETAIN, {"table": table, "days": days})
        elif edition is Edition.APACHE:
            _note(done.chunks, table, _count(connection, _DROP, (table, before)))
        else:
            _note(done.rows, table, _delete(connection, table, "ts < %(before)s", before))
    gone = {**done.chunks, **done.rows}
    if gone:
        detail = {"before": before.isoformat(), "held": held, "deleted": gone}
        connection.execute(_EVENT, (json.dumps(detail),))
        logger.info("readings up to %s deleted: %s", before, gone, extra={"action": "retention"})
    received = now - timedelta(days=quarantine_days)
    for table, condition in _BY_RECEIPT.items():
        _note(done.rows, table, _delete(connection, table, condition, received))
    marks = "ts_ms < (extract(epoch FROM %(before)s::timestamptz) * 1000)::bigint"
    _note(done.rows, "seq_mark", _delete(connection, "seq_mark", marks, before - MARK_MARGIN))
    if held:
        logger.warning(
            "readings are kept longer than %d days: some wait for their review, the oldest of %s",
            retention_days, before.date(), extra={"action": "retention_held"},
        )  # fmt: skip
    return done


def _note(found: dict[str, int], table: str, number: int) -> None:
    if number:
        found[table] = number


def _count(connection: psycopg.Connection[Any], query: LiteralString, parameters: tuple[object, ...]) -> int:
    row = connection.execute(query, parameters).fetchone()
    return int(row[0]) if row else 0


def _delete(connection: psycopg.Connection[Any], table: str, condition: LiteralString, before: datetime) -> int:
    """In short transactions, at most DELETES of them; the number of rows."""
    statement = sql.SQL(
        "DELETE FROM {table} WHERE ctid = ANY(ARRAY(SELECT t.ctid FROM {table} t WHERE {condition} LIMIT {most}))"
    ).format(table=sql.Identifier(table), condition=sql.SQL(condition), most=sql.Literal(DELETE_AT_ONCE))
    total = 0
    for _ in range(DELETES):
        gone = connection.execute(statement, {"before": before}).rowcount
        total += gone
        if gone < DELETE_AT_ONCE:
            break
    return total
