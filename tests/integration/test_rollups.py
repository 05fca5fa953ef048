"""The one-minute functions of the record, which must say the same in every edition."""

from typing import LiteralString

import psycopg
import pytest

from telemetry.settings import DatabaseSettings
from tests.helpers.rows import fetch, value


@pytest.mark.parametrize(
    ("begin", "end", "minutes"),
    [
        ("08:00:00", "08:03:00", ["08:00", "08:01", "08:02"]),
        ("08:01:00", "08:02:00", ["08:01"]),
        ("08:00:30", "08:01:30", ["08:00", "08:01"]),
        ("08:00:59.999999", "08:01:00.000001", ["08:00", "08:01"]),
        ("08:01:00", "08:01:00", []),
        ("-infinity", "infinity", ["08:00", "08:01", "08:02"]),
    ],
)
def test_minutes_are_whole_wherever_the_range_begins_and_ends(
    database: DatabaseSettings, begin: str, end: str, minutes: list[str]
) -> None:
    with psycopg.connect(database.url.get_secret_value(), autocommit=True) as connection:
        connection.execute(
            "INSERT INTO reading_crane (device_id, ts, received_at, boot_no, seq, i, invalid, load_t)"
            " SELECT 1, '2026-06-01 08:00Z'::timestamptz + n * '1 second'::interval, now(), 1, n, 0, 0, n"
            " FROM generate_series(0, 179) AS n"
        )
    bounds = [bound if "infinity" in bound else f"2026-06-01 {bound}+00" for bound in (begin, end)]
    ask: LiteralString = (
        "SELECT to_char(bucket AT TIME ZONE 'UTC', 'HH24:MI'), n FROM crane_1m(1, %s, %s) ORDER BY bucket"
    )
    assert fetch(database, ask, *bounds) == [(minute, 60) for minute in minutes]
    if value(database, "SELECT min(edition) FROM schema_migration") == "community":
        with psycopg.connect(database.url.get_secret_value(), autocommit=True) as connection:
            connection.execute("CALL refresh_continuous_aggregate('crane_1m_rollup', '2026-05-01', '2026-07-01')")
        assert fetch(database, ask, *bounds) == [(minute, 60) for minute in minutes]
