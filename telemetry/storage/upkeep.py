"""
One connection for the record's upkeep: losses and retention, by one process at a time, however many services run.
"""

from datetime import datetime, timedelta
from typing import Any, Final, LiteralString

import psycopg

from telemetry.errors import ConfigError
from telemetry.settings import DatabaseSettings
from telemetry.storage import losses, retention
from telemetry.storage.door import connect, translated
from telemetry.storage.losses import Declared
from telemetry.storage.retention import Dropped

LOCK: Final = 0x6372616F  # the migrations' and three
_DEVICE: Final[LiteralString] = (
    "SELECT device_id FROM device WHERE site = %(site)s AND device = %(device)s"
    " AND (%(kind)s::text IS NULL OR kind = %(kind)s)"
)


class Upkeep:
    """Opens a connection for each round: rounds are far apart. Not thread-safe."""

    def __init__(self, settings: DatabaseSettings) -> None:
        self._settings = settings

    def declare(self, now: datetime, *, journal_days: float, thorough: bool = True) -> Declared | None:
        """Declare lost what the devices' journals no longer hold. None when another process is at it."""
        with translated(), connect(self._settings, application="upkeep") as connection:
            if not _mine(connection):
                return None
            return losses.declare(connection, now - timedelta(days=journal_days), thorough=thorough)

    def give_up(self, site: str, kind: str | None, device: str, detail: str) -> int:
        """Declare lost all that is missing of a device. Raises ConfigError when that name is nobody's or several's."""
        with translated(), connect(self._settings, application="upkeep") as connection:
            connection.autocommit = True
            found = connection.execute(_DEVICE, {"site": site, "kind": kind, "device": device}).fetchall()
            if len(found) != 1:
                raise ConfigError(f"{len(found)} devices are called {site}/{device}")
            (number,) = found[0]
            return losses.give_up(connection, int(str(number)), detail)

    def retain(self, now: datetime, *, quarantine_days: int, hold_days: int) -> Dropped | None:
        """Delete what has been kept long enough. None when another process is at it."""
        with translated(), connect(self._settings, application="upkeep") as connection:
            if not _mine(connection):
                return None
            return retention.retain(
                connection,
                now,
                retention_days=self._settings.retention_days,
                quarantine_days=quarantine_days,
                hold_days=hold_days,
            )


def _mine(connection: psycopg.Connection[Any]) -> bool:
    # Held until the connection closes.
    connection.autocommit = True
    row = connection.execute("SELECT pg_try_advisory_lock(%s)", (LOCK,)).fetchone()
    return bool(row and row[0])
