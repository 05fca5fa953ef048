"""
The schema: numbered SQL files, forward only, applied in order, once, under an advisory lock.

`0001_base.sql` is for every edition; `0002_hypertables.apache.sql` only for that one. The edition is what the
server offers at the first migration, and is written down: later migrations keep to it, so that a licence or
package that changes under a running deployment is noticed instead of silently mixing two schemas.
"""

import logging
import re
from collections.abc import Callable
from dataclasses import dataclass
from importlib import resources
from typing import Any, Final, LiteralString, NamedTuple

import psycopg

from telemetry.errors import ConfigError
from telemetry.model import Edition
from telemetry.settings import DatabaseSettings
from telemetry.storage.door import connect, translated
from telemetry.storage.profiles import record_packaged

logger = logging.getLogger(__name__)

LOCK: Final = 0x6372616E  # "cran"
_LICENCE: Final[LiteralString] = "SHOW timescaledb.license"
_NAME: Final = re.compile(r"(\d{4})_([a-z0-9_]+?)(?:\.(community|apache|plain))?\.sql\Z")


@dataclass(frozen=True, slots=True)
class Migration:
    """One numbered file."""

    number: int
    name: str
    edition: Edition | None
    sql: str


def migrations(edition: Edition) -> list[Migration]:
    """All migrations of an edition, in order. Raises ConfigError for a file name outside the grammar, or a gap."""
    found: dict[int, Migration] = {}
    for file in sorted((resources.files("telemetry.storage") / "migrations").iterdir(), key=lambda f: f.name):
        if not file.name.endswith(".sql"):
            continue
        match = _NAME.match(file.name)
        if match is None:
            raise ConfigError(f"migration {file.name} is not NNNN_name[.edition].sql")
        wanted = Edition(match[3]) if match[3] else None
        if wanted in (None, edition):
            number = int(match[1])
            if number in found:
                raise ConfigError(f"migration {number} exists twice for the {edition} edition")
            found[number] = Migration(number, file.name, wanted, file.read_text("utf-8"))
    if sorted(found) != list(range(1, len(found) + 1)):
        raise ConfigError(f"migrations of the {edition} edition are not numbered without gaps: {sorted(found)}")
    return [found[number] for number in sorted(found)]


def offered(connection: psycopg.Connection[Any]) -> tuple[Edition, str]:
    """The edition that this server offers, and its versions in words. Changes nothing. Wants autocommit."""
    server = connection.execute("SHOW server_version").fetchone()
    version = f"PostgreSQL {server[0].split()[0]}" if server else "PostgreSQL"
    timescale = _timescale(connection)
    if timescale is None:
        return Edition.PLAIN, version
    if timescale.installed:
        licence = connection.execute(_LICENCE).fetchone()
    else:
        # What is preloaded is only a loader, to which the licence is not known; the library that knows it comes with
        # the extension. So the extension is made for as long as the question takes.
        with connection.transaction(force_rollback=True):
            connection.execute("CREATE EXTENSION timescaledb")
            licence = connection.execute(_LICENCE).fetchone()
    edition = Edition.COMMUNITY if licence and licence[0] == "timescale" else Edition.APACHE
    return edition, f"{version}, TimescaleDB {timescale.version}"


class _Timescale(NamedTuple):
    version: str
    installed: bool  # in this database


def _timescale(connection: psycopg.Connection[Any]) -> _Timescale | None:
    """What there is of TimescaleDB, or None where it is not preloaded and so cannot be used."""
    row = connection.execute(
        "SELECT coalesce(installed_version, default_version), installed_version IS NOT NULL"
        " FROM pg_available_extensions WHERE name = 'timescaledb'"
    ).fetchone()
    loaded = connection.execute("SELECT setting FROM pg_settings WHERE name = 'shared_preload_libraries'").fetchone()
    return _Timescale(*row) if row and loaded and "timescaledb" in loaded[0] else None


def migrate(
    settings: DatabaseSettings, *, progress: Callable[[str], None] = lambda _: None
) -> tuple[Edition, str, list[str]]:
    """
    Bring the database to the newest schema; several services may call it at once.

    Returns the edition, the server's versions in words, and the names of what was applied now.
    Raises StorageError, and ConfigError when the recorded edition is not what the server offers any more.
    """
    applied: list[str] = []
    with translated(), connect(settings, application="migrate") as connection:
        connection.autocommit = True
        connection.execute("SET statement_timeout = 0")
        connection.execute("SET lock_timeout = 0")
        connection.execute("SELECT pg_advisory_lock(%s)", (LOCK,))
        connection.execute(
            "CREATE TABLE IF NOT EXISTS schema_migration (number integer PRIMARY KEY, name text NOT NULL,"
            " edition text NOT NULL, applied_at timestamptz NOT NULL DEFAULT now())"
        )
        rows = connection.execute("SELECT number, name, edition FROM schema_migration ORDER BY number").fetchall()
        recorded = {str(row[2]) for row in rows}
        if recorded != {str(Edition.PLAIN)} and _timescale(connection) is not None:
            # Before the question which edition it is: one session cannot make the extension after taking it back.
            connection.execute("CREATE EXTENSION IF NOT EXISTS timescaledb")
        edition, version = offered(connection)
        if recorded and recorded != {str(edition)}:
            raise ConfigError(
                f"the schema was made for the {'/'.join(sorted(recorded))} edition, this server offers {edition}:"
                " restore the old server's packages, or restore a backup into a new database"
            )
        wanted = migrations(edition)
        if len(rows) > len(wanted):
            raise ConfigError(f"the schema is at {len(rows)}, newer than this program's {len(wanted)}: upgrade first")
        for migration in wanted[len(rows) :]:
            progress(migration.name)
            logger.info("applying %s", migration.name, extra={"action": "migrate"})
            _apply(connection, migration, edition)
            applied.append(migration.name)
        record_packaged(connection)
        connection.execute("SELECT pg_advisory_unlock(%s)", (LOCK,))
    return edition, version, applied


def _apply(connection: psycopg.Connection[Any], migration: Migration, edition: Edition) -> None:
    # A continuous aggregate cannot be made inside a transaction block with data, but WITH NO DATA it can.
    with connection.transaction():
        connection.execute(migration.sql)
        connection.execute(
            "INSERT INTO schema_migration (number, name, edition) VALUES (%s, %s, %s)",
            (migration.number, migration.name, str(edition)),
        )
