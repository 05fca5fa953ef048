"""A short look at a database: which edition, which migrations, what time it has."""

from dataclasses import dataclass

from telemetry.clock import now_ms, to_ms
from telemetry.model import Edition
from telemetry.settings import DatabaseSettings
from telemetry.storage.door import connect, translated
from telemetry.storage.migrate import migrations, offered


@dataclass(frozen=True, slots=True)
class Checkup:
    """What was found."""

    edition: Edition
    version: str
    applied: int
    missing: list[str]
    clock_offset_ms: float  # the database's clock less ours


def checkup(settings: DatabaseSettings) -> Checkup:
    """Look; changes nothing. Raises StorageError, ConfigError."""
    with translated(), connect(settings, application="doctor") as connection:
        connection.autocommit = True
        edition, version = offered(connection)
        exists = connection.execute("SELECT to_regclass('schema_migration') IS NOT NULL").fetchone()
        done: set[str] = set()
        if exists and exists[0]:
            done = {str(row[0]) for row in connection.execute("SELECT name FROM schema_migration")}
        before = now_ms()
        row = connection.execute("SELECT clock_timestamp()").fetchone()
        after = now_ms()
        theirs = to_ms(row[0]) if row else after  # type: ignore[arg-type]  # a timestamptz comes as a datetime
        missing = [migration.name for migration in migrations(edition) if migration.name not in done]
        return Checkup(edition, version, len(done), missing, theirs - (before + after) / 2)
