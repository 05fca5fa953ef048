"""
What is really there, row by row, for whoever audits: readings, quarantine, ledger and transitions of a site.

Nothing here counts on a counter of ours, and nothing here is for the hot path: everything of a device is read at once.
"""

from collections.abc import Iterable, Iterator
from typing import Any, Final, LiteralString, NamedTuple, Self

import psycopg
from psycopg import sql

from telemetry.kinds import KINDS
from telemetry.settings import DatabaseSettings
from telemetry.storage import ledger
from telemetry.storage.door import connect, translated

_DEVICES: Final[LiteralString] = "SELECT kind, device, device_id FROM device WHERE site = %s ORDER BY device_id"
_BOOTS: Final[LiteralString] = (
    "SELECT device_id, boot_no, boot FROM device_boot JOIN device USING (device_id) WHERE site = %s"
)
_READINGS: Final[LiteralString] = (
    "SELECT boot_no, seq, i, (extract(epoch FROM ts) * 1000)::bigint, invalid, {} FROM {} WHERE device_id = %s"
    " ORDER BY boot_no, seq, i"
)
_MISDATED: Final[LiteralString] = (
    "SELECT boot_no, seq, i, ts_ms, invalid, sample FROM reading_misdated WHERE device_id = %s"
)
_QUARANTINE: Final[LiteralString] = (
    "SELECT kind, device, boot, seq, reason, encode(sha256, 'hex'), count FROM quarantine WHERE site = %s"
)
_OVERFLOW: Final[LiteralString] = "SELECT source, sum(count)::bigint FROM quarantine_overflow GROUP BY source"
_LEDGER: Final[LiteralString] = (
    "SELECT d.kind, d.device, b.boot, l.stored::text, l.quarantined::text, l.evaluated::text,"
    " l.reviewed::text, l.refused::text"
    " FROM frame_ledger l JOIN device d USING (device_id) JOIN device_boot b USING (device_id, boot_no)"
    " WHERE d.site = %s"
)
_TRANSITIONS: Final[LiteralString] = (
    "SELECT t.id, t.observed, t.origin, t.payload FROM transition t JOIN device d USING (device_id)"
    " WHERE d.site = %s ORDER BY t.position"
)
_VERDICTS: Final[LiteralString] = (
    "SELECT v.transition_id, v.verdict FROM transition_review v JOIN transition t ON t.id = v.transition_id"
    " JOIN device d USING (device_id) WHERE d.site = %s"
)
_REFUSALS: Final[LiteralString] = (
    "SELECT d.kind, d.device, min(r.refusal) FROM review r JOIN device d USING (device_id)"
    " WHERE d.site = %s AND r.refusal IS NOT NULL GROUP BY d.kind, d.device"
)
_WAITING: Final[LiteralString] = f"SELECT count(*) FROM frame_ledger l WHERE {ledger.IS_LATE}"  # noqa: S608 - ours
_UNSETTLED: Final[LiteralString] = (
    "SELECT count(*) FROM review WHERE NOT settled AND finished_at < to_timestamp(%s / 1000.0)"
)
_NEWEST: Final[LiteralString] = (
    "SELECT d.device, (SELECT (extract(epoch FROM r.ts) * 1000)::bigint FROM reading_crane r"
    "  WHERE r.device_id = d.device_id AND r.ts BETWEEN now() - interval '20 min' AND now() + interval '1 min'"
    "  ORDER BY r.ts DESC LIMIT 1)"
    " FROM device d WHERE d.site = %s AND d.kind = 'crane' AND d.device = ANY(%s)"
)
_END_SESSIONS: Final[LiteralString] = (
    "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE application_name LIKE %s"
)


class Row(NamedTuple):
    """A stored reading; `values` are the channels of its kind in their order, None where absent."""

    boot_no: int
    seq: int
    i: int
    ts_ms: int
    invalid: int
    values: tuple[Any, ...]


class Misdated(NamedTuple):
    """A reading outside the time window, as it was sent."""

    boot_no: int
    seq: int
    i: int
    ts_ms: int
    invalid: int
    sample: dict[str, Any]


class Quarantined(NamedTuple):
    """A message in quarantine."""

    kind: str | None
    device: str | None
    boot: str | None
    seq: int | None
    reason: str
    sha256: str
    times: int  # how often it came


class Accounted(NamedTuple):
    """The ledger of one boot: ranges, ends included."""

    stored: list[tuple[int, int]]
    quarantined: list[tuple[int, int]]
    evaluated: list[tuple[int, int]]
    reviewed: list[tuple[int, int]]
    refused: list[tuple[int, int]]


class Told(NamedTuple):
    """A recorded transition."""

    id: str
    observed: bool
    origin: str
    payload: dict[str, Any]


class Evidence:
    """A connection that reads, as a context manager. Its methods raise StorageError."""

    def __init__(self, settings: DatabaseSettings) -> None:
        self._settings = settings
        self._connection: psycopg.Connection[Any] | None = None

    def __enter__(self) -> Self:
        self._connection = connect(self._settings, application="evidence")
        self._connection.autocommit = True
        return self

    def __exit__(self, *_: object) -> None:
        if self._connection is not None:
            self._connection.close()

    def devices(self, site: str) -> dict[tuple[str, str], int]:
        """The ids of a site's devices, by (kind, device)."""
        return {(kind, device): number for kind, device, number in self._rows(_DEVICES, site)}

    def boots(self, site: str) -> dict[tuple[int, int], str]:
        """The boots of a site's devices, by (device_id, boot_no)."""
        return {(device, number): boot for device, number, boot in self._rows(_BOOTS, site)}

    def readings(self, kind: str, device_id: int) -> Iterator[Row]:
        """Every stored reading of a device, in order."""
        names = sql.SQL(", ").join(sql.Identifier(channel.name) for channel in KINDS[kind].channels)
        query = sql.SQL(_READINGS).format(names, sql.Identifier(f"reading_{kind}"))
        for boot_no, seq, i, ts, invalid, *values in self._rows(query, device_id):
            yield Row(boot_no, seq, i, ts, invalid, tuple(values))

    def misdated(self, device_id: int) -> list[Misdated]:
        """Every reading of a device outside the time window."""
        return [Misdated(*row) for row in self._rows(_MISDATED, device_id)]

    def quarantine(self, site: str) -> list[Quarantined]:
        """Every message of a site in quarantine."""
        return [Quarantined(*row) for row in self._rows(_QUARANTINE, site)]

    def overflow(self) -> dict[str, int]:
        """How many messages were only counted, by `site/kind/device`."""
        with translated():
            return {row[0]: row[1] for row in self._open().execute(_OVERFLOW)}

    def ledger(self, site: str) -> dict[tuple[str, str, str], Accounted]:
        """The ledger of a site, by (kind, device, boot)."""
        return {
            (kind, device, boot): Accounted(*(ledger.parse(text) for text in texts))
            for kind, device, boot, *texts in self._rows(_LEDGER, site)
        }

    def transitions(self, site: str) -> list[Told]:
        """Every recorded transition of a site, in the order of recording."""
        return [Told(*row) for row in self._rows(_TRANSITIONS, site)]

    def verdicts(self, site: str) -> dict[str, str]:
        """What the last review says of transitions that it has otherwise, by id."""
        return dict(self._rows(_VERDICTS, site))

    def refusals(self, site: str) -> dict[tuple[str, str], str]:
        """The devices with late frames that could not be reviewed, and why."""
        return {(kind, device): why for kind, device, why in self._rows(_REFUSALS, site)}

    def unreviewed(self, since_ms: int) -> tuple[int, int]:
        """
        Boots with frames that were neither evaluated nor reviewed nor refused, and reviews that wait for more frames
        and were last done before `since_ms` (Unix ms).
        """
        return int(self._rows(_WAITING)[0][0]), int(self._rows(_UNSETTLED, since_ms)[0][0])

    def count_transitions(self) -> int:
        """How many transitions are recorded, of all sites."""
        with translated():
            row = self._open().execute("SELECT count(*) FROM transition").fetchone()
        return int(row[0]) if row else 0

    def newest(self, site: str, cranes: Iterable[str]) -> dict[str, int | None]:
        """Device time (Unix ms) of the newest stored reading of these cranes."""
        return dict(self._rows(_NEWEST, site, list(cranes)))

    def end_sessions(self, application: str) -> int:
        """End the connections of this application (a LIKE pattern), as a failover does; how many."""
        return int(self._rows(_END_SESSIONS, application)[0][0])

    def _open(self) -> psycopg.Connection[Any]:
        if self._connection is None:
            raise ValueError("use it as a context manager")
        return self._connection

    def _rows(self, query: LiteralString | sql.Composed, *parameters: object) -> list[tuple[Any, ...]]:
        with translated(), self._open().cursor(binary=True) as cursor:
            return cursor.execute(query, parameters).fetchall()
