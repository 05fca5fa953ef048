"""
History of one device: raw readings, or buckets of them.

Rule 1: the bound on `ts` is always stated, so that only the chunks of that range are touched.
Rule 2: a value that the device marked invalid is in no average; raw rows carry the mask beside the value.
Rule 3: buckets of a minute or more are made from the one-minute functions, which have one signature in every
edition; buckets start where date_bin and time_bucket agree: 2000-01-03.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from psycopg import sql

from telemetry.kinds import KINDS, Kind
from telemetry.storage.pool import Database

# Channels that a mean says nothing about: a reeving, a direction, a battery. They are in raw history only.
NOT_ROLLED: Final = frozenset({"falls", "wind_deg", "battery_pct", "proof_pct"})
MAX_RAW: Final = 20_000
ORIGIN: Final = sql.SQL("TIMESTAMPTZ '2000-01-03 00:00:00+00'")


@dataclass(frozen=True, slots=True)
class RawPoint:
    """One stored sample; `values` in the order of the channels asked for."""

    ts: datetime
    received_at: datetime
    invalid: int
    values: tuple[Any, ...]


@dataclass(frozen=True, slots=True)
class BucketPoint:
    """One bucket: samples in it, and for each channel (n, mean, least, greatest); None where nothing was valid."""

    start: datetime
    n: int
    values: tuple[tuple[int, float | None, float | None, float | None], ...]


def rolled(kind: Kind) -> tuple[str, ...]:
    """The channels that buckets can be had of."""
    return tuple(channel.name for channel in kind.reals if channel.name not in NOT_ROLLED)


def _checked(kind: Kind, channels: Sequence[str], allowed: Sequence[str]) -> None:
    for name in channels:
        if name not in allowed:
            raise ValueError(f"{name!r} is not one of {', '.join(allowed)}")


async def raw(
    database: Database,
    kind_name: str,
    device_id: int,
    begin: datetime,
    end: datetime,
    channels: Sequence[str],
    limit: int,
) -> list[RawPoint]:
    """
    Samples with begin <= ts < end, oldest first, at most `limit` (capped at MAX_RAW).

    Raises ValueError for a channel that the kind does not have, and StorageError.
    """
    kind = KINDS[kind_name]
    _checked(kind, channels, [channel.name for channel in kind.channels])
    columns = sql.SQL("").join(sql.SQL(", {}").format(sql.Identifier(name)) for name in channels)
    query = sql.SQL(
        "SELECT ts, received_at, invalid{columns} FROM {table}"
        " WHERE device_id = %s AND ts >= %s AND ts < %s ORDER BY ts, boot_no, seq, i LIMIT %s"
    ).format(columns=columns, table=sql.Identifier(f"reading_{kind.name}"))
    async with database.connection() as connection:
        cursor = await connection.execute(query, (device_id, begin, end, min(limit, MAX_RAW)))
        rows = await cursor.fetchall()
    return [
        RawPoint(row["ts"], row["received_at"], row["invalid"], tuple(row[name] for name in channels)) for row in rows
    ]


async def buckets(
    database: Database,
    kind_name: str,
    device_id: int,
    begin: datetime,
    end: datetime,
    channels: Sequence[str],
    width: timedelta,
) -> list[BucketPoint]:
    """
    Buckets of `width` that touch [begin, end), oldest first; empty ones are left out.

    Below a minute they are made from raw readings, so the range should be short. Raises ValueError for a channel
    that is not rolled up, and StorageError.
    """
    query = bucketed(KINDS[kind_name], channels, width)
    parameters = {"width": width, "device": device_id, "begin": begin, "end": end}
    async with database.connection() as connection:
        rows = await (await connection.execute(query, parameters)).fetchall()
    return [
        BucketPoint(
            row["bucket"],
            int(row["n"]),
            tuple(
                (int(row[f"{name}_n"] or 0), row[f"{name}_avg"], row[f"{name}_min"], row[f"{name}_max"])
                for name in channels
            ),
        )
        for row in rows
    ]


def bucketed(kind: Kind, channels: Sequence[str], width: timedelta) -> sql.Composed:
    """The question for buckets, of `width`, `device`, `begin`, `end`. Raises ValueError for what is not rolled up."""
    _checked(kind, channels, rolled(kind))
    return _from_raw(kind, channels) if width < timedelta(minutes=1) else _from_minutes(kind, channels)


def _from_raw(kind: Kind, channels: Sequence[str]) -> sql.Composed:
    parts = [
        sql.SQL(
            ", count({c}) FILTER (WHERE invalid & {bit} = 0) AS {n}"
            ", avg({c}) FILTER (WHERE invalid & {bit} = 0) AS {avg}"
            ", min({c}) FILTER (WHERE invalid & {bit} = 0) AS {min}"
            ", max({c}) FILTER (WHERE invalid & {bit} = 0) AS {max}"
        ).format(c=sql.Identifier(name), bit=sql.Literal(kind.bit[name]), **_names(name))
        for name in channels
    ]
    return sql.SQL(
        "SELECT date_bin(%(width)s, ts, {origin}) AS bucket, count(*) AS n{parts} FROM {table}"
        " WHERE device_id = %(device)s AND ts >= %(begin)s AND ts < %(end)s GROUP BY 1 ORDER BY 1"
    ).format(origin=ORIGIN, parts=sql.SQL("").join(parts), table=sql.Identifier(f"reading_{kind.name}"))


def _from_minutes(kind: Kind, channels: Sequence[str]) -> sql.Composed:
    parts = [
        sql.SQL(
            ", sum({n}) AS {n}, sum({avg} * {n}) / nullif(sum({n}), 0) AS {avg}"
            ", min({min}) AS {min}, max({max}) AS {max}"
        ).format(**_names(name))
        for name in channels
    ]
    return sql.SQL(
        "SELECT date_bin(%(width)s, m.bucket, {origin}) AS bucket, sum(m.n) AS n{parts}"
        " FROM {function}(%(device)s, %(begin)s, %(end)s) AS m GROUP BY 1 ORDER BY 1"
    ).format(origin=ORIGIN, parts=sql.SQL("").join(parts), function=sql.Identifier(f"{kind.name}_1m"))


def _names(name: str) -> dict[str, sql.Identifier]:
    return {part: sql.Identifier(f"{name}_{part}") for part in ("n", "avg", "min", "max")}
