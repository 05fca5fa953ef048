"""Counting what is really there, row by row: for reconciliation, never for the hot path."""

from typing import Any, LiteralString

import psycopg
from psycopg import sql

from telemetry.settings import DatabaseSettings
from telemetry.storage.door import connect, translated
from telemetry.storage.migrate import offered

_STORED: LiteralString = (
    "SELECT DISTINCT r.seq FROM {} r JOIN device_boot b USING (device_id, boot_no) JOIN device d USING (device_id)"
    " WHERE d.site = %s AND d.kind = %s AND d.device = %s AND b.boot = %s"
)
_QUARANTINED: LiteralString = (
    "SELECT DISTINCT seq FROM quarantine WHERE site = %s AND kind = %s AND device = %s AND boot = %s"
)
_READINGS: LiteralString = (
    "SELECT (SELECT count(*) FROM reading_crane) + (SELECT count(*) FROM reading_formwork)"
    " + (SELECT count(*) FROM reading_misdated)"
)
_CYCLES: LiteralString = (
    "SELECT count(*) FILTER (WHERE origin <> 'device'), count(*) FILTER (WHERE origin = 'device') FROM work_cycle"
)
_RAISED: LiteralString = (
    "SELECT rule, count(*) FROM transition WHERE signal IN ('raise', 'escalate') GROUP BY rule ORDER BY rule"
)


class Census:
    """A connection that counts."""

    def __init__(self, settings: DatabaseSettings) -> None:
        self._settings = settings
        self._connection: psycopg.Connection[Any] | None = None

    def __enter__(self) -> "Census":
        self._connection = connect(self._settings, application="census")
        self._connection.autocommit = True
        return self

    def __exit__(self, *_: object) -> None:
        if self._connection is not None:
            self._connection.close()

    def stored(self, site: str, kind: str, device: str, boot: str) -> set[int]:
        """The seqs of a boot of which at least one reading is stored, in time or misdated."""
        return {
            row[0]
            for table in (f"reading_{kind}", "reading_misdated")
            for row in self._rows(sql.SQL(_STORED).format(sql.Identifier(table)), (site, kind, device, boot))
        }

    def quarantined(self, site: str, kind: str, device: str, boot: str) -> set[int]:
        """The seqs of a boot that are in quarantine."""
        return {row[0] for row in self._rows(sql.SQL(_QUARANTINED), (site, kind, device, boot))}

    def readings(self) -> int:
        """All stored readings."""
        return int(self._rows(sql.SQL(_READINGS), ())[0][0])

    def quarantine_rows(self) -> int:
        """All messages in quarantine, duplicates counted once."""
        return int(self._rows(sql.SQL("SELECT count(*) FROM quarantine"), ())[0][0])

    def transitions(self) -> int:
        """All recorded transitions."""
        return int(self._rows(sql.SQL("SELECT count(*) FROM transition"), ())[0][0])

    def cycles(self) -> dict[str, int]:
        """Work cycles: those that were recognised, and those that boxes counted themselves."""
        recognised, told = self._rows(sql.SQL(_CYCLES), ())[0]
        return {"recognised": int(recognised), "told_by_boxes": int(told)}

    def raised(self) -> dict[str, int]:
        """How often each rule raised or rose."""
        return {row[0]: int(row[1]) for row in self._rows(sql.SQL(_RAISED), ())}

    def edition(self) -> tuple[str, str]:
        """The edition of the schema, and the server's versions in words."""
        with translated():
            edition, version = offered(self._open())
        return str(edition), version

    def _open(self) -> psycopg.Connection[Any]:
        if self._connection is None:
            raise ValueError("use it as a context manager")
        return self._connection

    def _rows(self, query: sql.SQL | sql.Composed, parameters: tuple[object, ...]) -> list[tuple[Any, ...]]:
        with translated():
            return self._open().execute(query, parameters).fetchall()
