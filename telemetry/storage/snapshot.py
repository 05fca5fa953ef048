"""
A record being copied: a snapshot to dump and to describe at once, and what a restored database needs before and after.

Everything that a manifest says is read in one snapshot, the one that the dump is made of.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Final, LiteralString

import msgspec
import psycopg
from psycopg import sql

from telemetry.clock import now_ms
from telemetry.errors import ConfigError
from telemetry.kinds import KINDS
from telemetry.settings import DatabaseSettings
from telemetry.storage.door import connect, translated
from telemetry.storage.manifest import Held, Manifest, Part
from telemetry.storage.migrate import offered
from telemetry.storage.upkeep import LOCK as UPKEEP_LOCK

READINGS: Final = tuple(f"reading_{name}" for name in KINDS)
MAX_WORDS: Final = 20

_BEGIN: Final[LiteralString] = "SET TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY"
_TABLES: Final[LiteralString] = (
    "SELECT c.relname FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace"
    " WHERE n.nspname = 'public' AND c.relkind IN ('r', 'p') ORDER BY 1"
)
_STORED: Final[LiteralString] = (
    "SELECT count(*) FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace WHERE c.relkind = 'r'"
    " AND n.nspname NOT IN ('pg_catalog', 'information_schema', 'pg_toast')"
)
_DIGEST: Final[LiteralString] = "coalesce(sum(('x' || substr(md5(t::text), 1, 16))::bit(64)::bigint::numeric), 0)::text"
_WHOLE: Final[LiteralString] = "SELECT count(*), {digest} FROM {table} t"
_PARTS: Final[LiteralString] = (
    "SELECT CASE WHEN grouping(day) = 0 THEN day::text END, name, count(*), {digest} FROM (SELECT t,"
    " (t.ts AT TIME ZONE 'UTC')::date AS day, coalesce(d.site || '/' || d.kind || '/' || d.device, '?') AS name"
    " FROM {table} t LEFT JOIN device d USING (device_id)) AS t (t, day, name) GROUP BY GROUPING SETS ((day), (name))"
)
_LEDGER: Final[LiteralString] = (
    "SELECT d.site || '/' || d.kind || '/' || d.device, count(*),"
    " least(sum((SELECT coalesce(sum(upper(r) - lower(r)), 0) FROM unnest(l.stored) AS r)), 9007199254740991)::bigint,"
    " md5(string_agg(concat_ws(' ', b.boot, l.stored, l.quarantined, l.evaluated), ',' ORDER BY b.boot))"
    " FROM frame_ledger l JOIN device_boot b USING (device_id, boot_no) JOIN device d USING (device_id) GROUP BY 1"
)
_SCHEMA: Final[LiteralString] = "SELECT name, edition FROM schema_migration ORDER BY number"
_EXTENSION: Final[LiteralString] = "SELECT extversion FROM pg_extension WHERE extname = 'timescaledb'"
_AVAILABLE: Final[LiteralString] = (
    "SELECT version FROM pg_available_extension_versions WHERE name = 'timescaledb' ORDER BY 1"
)
_OTHERS: Final[LiteralString] = (
    "SELECT DISTINCT application_name FROM pg_stat_activity WHERE datname = current_database()"
    " AND pid <> pg_backend_pid() AND backend_type = 'client backend' ORDER BY 1"
)
_COLUMNSTORE: Final[LiteralString] = (
    "SELECT count(*) FROM timescaledb_information.chunks WHERE is_compressed AND hypertable_schema = 'public'"
)
_EVENT: Final[LiteralString] = "INSERT INTO record_event (type, detail) VALUES ('restored', %s)"


@dataclass(frozen=True, slots=True)
class Server:
    """What a server is, for whoever has to choose programs for it."""

    major: int
    edition: str
    version: str
    timescaledb: str | None  # in this database
    columnstore: int  # chunks of ours that are in it
    available: tuple[str, ...]  # versions of TimescaleDB that could be made here
    tables: int
    others: tuple[str, ...]  # who else is connected to this database


class Snapshot:
    """An open snapshot of a record; `name` is what pg_dump takes."""

    def __init__(self, connection: psycopg.Connection[Any], name: str) -> None:
        self._connection = connection
        self.name = name

    def tables(self) -> int:
        """How many tables a dump has to go through, chunks included."""
        return int(_one(self._connection, _STORED))

    def manifest(self, program: str, progress: Callable[[str, int, int], None] = lambda *_: None) -> Manifest:
        """Read everything once. `progress` gets each table before it is read, its number, and of how many."""
        connection = self._connection
        with translated():
            names = [row[0] for row in connection.execute(_TABLES)]
            tables: dict[str, Part] = {}
            days: dict[str, dict[str, Part]] = {}
            devices: dict[str, dict[str, Part]] = {}
            for number, name in enumerate(names):
                progress(name, number, len(names))
                if name in READINGS:
                    days[name], devices[name] = _parts(connection, name)
                    tables[name] = _sum(days[name])
                else:
                    tables[name] = Part(*_ask(connection, _WHOLE, name)[0])
            progress("", len(names), len(names))
            schema = connection.execute(_SCHEMA).fetchall() if "schema_migration" in names else []
            held = connection.execute(_LEDGER).fetchall() if "frame_ledger" in names else []
            extension = connection.execute(_EXTENSION).fetchone()
            return Manifest(
                made_at=now_ms(),
                program=program,
                schema=[row[0] for row in schema],
                edition=schema[0][1] if schema else "",
                server=str(_one(connection, "SHOW server_version")),
                timescaledb=extension[0] if extension else None,
                tables=tables,
                days=days,
                devices=devices,
                ledger={row[0]: Held(*row[1:]) for row in held},
            )


@contextmanager
def snapshot(settings: DatabaseSettings) -> Iterator[Snapshot]:
    """A snapshot that stands for as long as the block, with the record's upkeep kept out. Raises StorageError."""
    with translated():
        connection = connect(settings, application="backup")
    with connection:
        with translated():
            connection.autocommit = True
            connection.execute("SET statement_timeout = 0")
            connection.execute("SET lock_timeout = 0")
            connection.execute("SET idle_in_transaction_session_timeout = 0")
            # Else retention could drop a chunk between the snapshot and pg_dump's lock on it.
            connection.execute("SELECT pg_advisory_lock(%s)", (UPKEEP_LOCK,))
            connection.autocommit = False
            connection.execute(_BEGIN)
            name = str(_one(connection, "SELECT pg_export_snapshot()"))
        yield Snapshot(connection, name)
        connection.rollback()


def inspect(settings: DatabaseSettings) -> Server:
    """Look at a server; changes nothing. Raises StorageError."""
    with translated(), connect(settings, application="backup") as connection:
        connection.autocommit = True
        edition, version = offered(connection)
        extension = connection.execute(_EXTENSION).fetchone()
        return Server(
            major=int(_one(connection, "SHOW server_version_num")) // 10_000,
            edition=str(edition),
            version=version,
            timescaledb=str(extension[0]) if extension else None,
            columnstore=int(_one(connection, _COLUMNSTORE)) if extension else 0,
            available=tuple(str(row[0]) for row in connection.execute(_AVAILABLE)),
            tables=len(connection.execute(_TABLES).fetchall()),
            others=tuple(str(row[0]) for row in connection.execute(_OTHERS)),
        )


def prepare(settings: DatabaseSettings, timescaledb: str) -> None:
    """Make an empty database ready to take a dump that has TimescaleDB in it, of that version. Raises StorageError."""
    with translated(), connect(settings, application="restore") as connection:
        connection.autocommit = True
        connection.execute(sql.SQL("CREATE EXTENSION IF NOT EXISTS timescaledb VERSION {}").format(timescaledb))
    # In a session of its own: the one that makes the extension does not know all of it yet.
    with translated(), connect(settings, application="restore") as connection:
        connection.autocommit = True
        connection.execute("SELECT timescaledb_pre_restore()")


def settle(settings: DatabaseSettings, *, timescaledb: bool) -> None:
    """End a restore: TimescaleDB works again, and the planner knows the tables. Raises StorageError."""
    with translated(), connect(settings, application="restore") as connection:
        connection.autocommit = True
        connection.execute("SET statement_timeout = 0")
        if timescaledb:
            connection.execute("SELECT timescaledb_post_restore()")
        connection.execute("ANALYZE")


def empty(settings: DatabaseSettings) -> None:
    """Drop the database and make it anew, with its owner and encoding. Raises StorageError, ConfigError."""
    options = psycopg.conninfo.conninfo_to_dict(settings.url.get_secret_value())
    name = str(options.get("dbname") or options.get("user"))
    if name in ("postgres", "template0", "template1"):
        raise ConfigError(f"{name} is not a database to be replaced")
    url = psycopg.conninfo.make_conninfo(settings.url.get_secret_value(), dbname="postgres")
    elsewhere = settings.model_copy(update={"url": type(settings.url)(url)})
    with translated(), connect(elsewhere, application="restore") as connection:
        connection.autocommit = True
        row = connection.execute(
            "SELECT pg_get_userbyid(datdba), pg_encoding_to_char(encoding), datcollate, datctype FROM pg_database"
            " WHERE datname = %s",
            (name,),
        ).fetchone()
        if row is None:
            raise ConfigError(f"there is no database {name}")
        connection.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(name)))
        connection.execute(
            sql.SQL("CREATE DATABASE {} OWNER {} TEMPLATE template0 ENCODING {} LC_COLLATE {} LC_CTYPE {}").format(
                sql.Identifier(name), sql.Identifier(str(row[0])), *map(sql.Literal, row[1:])
            )
        )


def note_restored(settings: DatabaseSettings, manifest: Manifest, found: list[str]) -> None:
    """Write down, in the record itself, that it is a copy, of when, and what was found to differ."""
    detail = {"made_at": manifest.made_at, "program": manifest.program, "differences": found[:MAX_WORDS]}
    with translated(), connect(settings, application="restore") as connection:
        connection.execute(_EVENT, (msgspec.json.encode(detail).decode(),))


def environment(settings: DatabaseSettings) -> dict[str, str]:
    """The variables that tell PostgreSQL's own programs where the database is: no password on a command line."""
    found = psycopg.pq.Conninfo.parse(settings.url.get_secret_value().encode())
    return {one.envvar.decode(): one.val.decode() for one in found if one.envvar and one.val}


def _parts(connection: psycopg.Connection[Any], table: str) -> tuple[dict[str, Part], dict[str, Part]]:
    days: dict[str, Part] = {}
    devices: dict[str, Part] = {}
    for day, name, rows, digest in _ask(connection, _PARTS, table):
        (devices if day is None else days)[name if day is None else day] = Part(rows, digest)
    return days, devices


def _sum(parts: dict[str, Part]) -> Part:
    return Part(sum(one.rows for one in parts.values()), str(sum(int(one.digest) for one in parts.values())))


def _ask(connection: psycopg.Connection[Any], query: LiteralString, table: str) -> list[tuple[Any, ...]]:
    statement = sql.SQL(query).format(table=sql.Identifier(table), digest=sql.SQL(_DIGEST))
    return connection.execute(statement).fetchall()


def _one(connection: psycopg.Connection[Any], query: LiteralString) -> Any:
    row = connection.execute(query).fetchone()
    if row is None:
        raise ConfigError(f"no answer to {query}")
    return row[0]
