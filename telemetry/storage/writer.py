"""
A batch of items in one transaction: readings by COPY, quarantine, notes, ledger.

Rule 1: all of it or none of it. What `store` returned without an error is committed.
Rule 2: duplicates inside a batch are dropped here; duplicates of stored rows make COPY fail once, and then the
next 64 batches go through a staging table with ON CONFLICT DO NOTHING. After a reconnect likewise.
Rule 3: device time never chooses the chunk unchecked: readings outside the window go to `reading_misdated`.
Rule 4: this runs in a thread of its own, never in an event loop.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Final, LiteralString

import numpy as np
import psycopg
from psycopg import sql

from telemetry.errors import StorageRefused
from telemetry.kinds import KINDS, Kind
from telemetry.settings import DatabaseSettings
from telemetry.storage import copy, ledger
from telemetry.storage.door import connect, translated
from telemetry.storage.items import Item, Noted, Reading, Refused
from telemetry.storage.notes import write_notes
from telemetry.storage.quarantine_writer import QuarantineWriter
from telemetry.storage.registry import DeviceKey, Registry
from telemetry.wire.columns import columns
from telemetry.wire.payloads import BootReceipt

STAGED_BATCHES: Final = 64
FUTURE_MS: Final = 3_600_000
DAY_MS: Final = 86_400_000
MAX_PAST_DAYS: Final = 400
UNIQUE_VIOLATION: Final = "23505"

_MISDATED: Final[LiteralString] = (
    "INSERT INTO reading_misdated (device_id, received_at, ts_ms, boot_no, seq, i, invalid, sample)"
    " VALUES (%s, to_timestamp(%s / 1000.0), %s, %s, %s, %s, %s, %s) ON CONFLICT DO NOTHING"
)


@dataclass(slots=True)
class Stored:
    """What one call of `store` committed."""

    frames: int = 0
    readings: int = 0
    duplicates: int = 0  # inside the batch; those of stored rows are not counted by COPY
    misdated: int = 0
    quarantined: int = 0
    notes: int = 0
    devices: set[int] = field(default_factory=set)  # whose ledger changed


class Writer:
    """One connection and what it has learnt. Not thread-safe: one thread at a time."""

    def __init__(self, settings: DatabaseSettings, *, application: str) -> None:
        """Opens nothing yet; the first `store` does."""
        self._settings = settings
        self._application = application
        self._connection: psycopg.Connection[Any] | None = None
        self._quarantine = QuarantineWriter()
        self.registry = Registry()
        # A fresh process cannot know what its predecessor had committed and not acknowledged.
        self.staged_left = STAGED_BATCHES
        past_days = min(MAX_PAST_DAYS, settings.retention_days - 7)
        self._past_ms = past_days * DAY_MS

    def expect_duplicates(self) -> None:
        """The broker may now deliver again what is already stored: go through staging for a while."""
        self.staged_left = STAGED_BATCHES

    def close(self) -> None:
        """Close the connection, if there is one."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def store(self, items: Sequence[Item], received_ms: int) -> Stored:
        """
        Store these items, all or none.

        Raises StorageUnavailable (retry later), StorageRefused (halve until the item is alone), StorageStrained
        (halve first, then retry).
        """
        try:
            with translated():
                return self._store(items, received_ms)
        except StorageRefused as error:
            if error.code != UNIQUE_VIOLATION or self.staged_left:
                raise
            self.staged_left = STAGED_BATCHES
            return self.store(items, received_ms)
        finally:
            if self._connection is not None and self._connection.broken:
                self.close()

    def receipts(self, device_ids: list[int]) -> list[tuple[int, DeviceKey, list[BootReceipt]]]:
        """What these devices may forget: (id, name, boots) of each that has a boot. Raises StorageError."""
        try:
            with translated():
                return ledger.receipts(self._open(), device_ids)
        finally:
            if self._connection is not None and self._connection.broken:
                self.close()

    def _open(self) -> psycopg.Connection[Any]:
        if self._connection is None or self._connection.closed:
            connection = connect(self._settings, application=self._application)
            connection.autocommit = True
            for kind in KINDS.values():
                connection.execute(
                    sql.SQL("CREATE TEMP TABLE {} (LIKE {}) ON COMMIT DELETE ROWS").format(
                        sql.Identifier(f"stage_{kind.name}"), sql.Identifier(f"reading_{kind.name}")
                    )
                )
            self._connection = connection
            self.expect_duplicates()
        return self._connection

    def _store(self, items: Sequence[Item], received_ms: int) -> Stored:
        connection = self._open()
        self.registry.learn(connection, _names(items))
        done = Stored()
        with connection.transaction():
            self._readings(connection, [item for item in items if isinstance(item, Reading)], received_ms, done)
            refused = [item for item in items if isinstance(item, Refused)]
            if refused:
                self._quarantine.write(connection, refused, received_ms)
                self._quarantined_ledger(connection, refused, done)
            noted = [item for item in items if isinstance(item, Noted)]
            if noted:
                write_notes(connection, self.registry, noted, received_ms)
                done.notes = len(noted)
        if self.staged_left:
            self.staged_left -= 1
        return done

    def _readings(
        self, connection: psycopg.Connection[Any], items: list[Reading], received_ms: int, done: Stored
    ) -> None:
        by_kind: dict[str, list[Reading]] = {}
        for item in items:
            by_kind.setdefault(item.topic.kind, []).append(item)
        seqs: dict[tuple[int, int], list[int]] = {}
        for name, readings in sorted(by_kind.items()):
            found = columns(name, [item.frame for item in readings])
            devices = np.empty(len(readings), np.int32)
            boots = np.empty(len(readings), np.int32)
            for place, item in enumerate(readings):
                topic, frame = item.topic, item.frame
                device = self.registry.device((topic.site, topic.kind, topic.device))
                boot_no = self.registry.boot(device, frame.boot)
                devices[place], boots[place] = device, boot_no
                if frame.seq is not None:
                    seqs.setdefault((device, boot_no), []).append(frame.seq)
            rows = copy.Rows(
                found, devices[found.frame], boots[found.frame], np.full(len(found), received_ms, np.int64)
            )
            self._rows(connection, KINDS[name], rows, received_ms, done)
            done.frames += len(readings)
            done.devices.update(devices.tolist())
        ledger.record(connection, "stored", {key: ledger.ranges_of(numbers) for key, numbers in seqs.items()})

    def _rows(
        self, connection: psycopg.Connection[Any], kind: Kind, rows: copy.Rows, received_ms: int, done: Stored
    ) -> None:
        ts = rows.columns.ts
        timely = (ts >= received_ms - self._past_ms) & (ts <= received_ms + FUTURE_MS)
        if not timely.all():
            done.misdated += self._misdated(connection, rows.take(~timely))
            rows = rows.take(timely)
        first = rows.distinct()
        if len(first) < len(rows.columns):
            done.duplicates += len(rows.columns) - len(first)
            rows = rows.take(first)
        if not len(rows.columns):
            return
        target = f"stage_{kind.name}" if self.staged_left else f"reading_{kind.name}"
        names = sql.SQL(", ").join(map(sql.Identifier, copy.column_names(kind)))
        statement = sql.SQL("COPY {} ({}) FROM STDIN (FORMAT BINARY)").format(sql.Identifier(target), names)
        with connection.cursor() as cursor:
            with cursor.copy(statement) as stream:
                stream.write(copy.encode(rows))
            if self.staged_left:
                moved = cursor.execute(
                    sql.SQL("INSERT INTO {} ({}) SELECT {} FROM {} ON CONFLICT DO NOTHING").format(
                        sql.Identifier(f"reading_{kind.name}"), names, names, sql.Identifier(target)
                    )
                )
                done.duplicates += len(rows.columns) - moved.rowcount
                done.readings += moved.rowcount
            else:
                done.readings += len(rows.columns)

    def _misdated(self, connection: psycopg.Connection[Any], rows: copy.Rows) -> int:
        c = rows.columns
        with connection.cursor() as cursor:
            cursor.executemany(
                _MISDATED,
                [
                    (
                        int(rows.device_id[k]), int(rows.received_ms[k]), int(c.ts[k]), int(rows.boot_no[k]),
                        int(c.seq[k]), int(c.i[k]), int(c.invalid[k]), json.dumps(_sample(rows, k)),
                    )
                    for k in range(len(c))
                ],
            )  # fmt: skip
        return len(c)

    def _quarantined_ledger(self, connection: psycopg.Connection[Any], refused: list[Refused], done: Stored) -> None:
        seqs: dict[tuple[int, int], list[int]] = {}
        for item in refused:
            key = _identified(item)
            if key is not None and item.identity is not None:
                device = self.registry.device(key)
                boot_no = self.registry.boot(device, item.identity[0])
                seqs.setdefault((device, boot_no), []).append(item.identity[1])
                done.devices.add(device)
        ledger.record(connection, "quarantined", {key: ledger.ranges_of(found) for key, found in seqs.items()})
        done.quarantined = len(refused)


def _names(items: Sequence[Item]) -> list[tuple[DeviceKey, str | None]]:
    """Whom these items need registered."""
    wanted: list[tuple[DeviceKey, str | None]] = []
    for item in items:
        if isinstance(item, Reading):
            wanted.append(((item.topic.site, item.topic.kind, item.topic.device), item.frame.boot))
        elif isinstance(item, Noted):
            key = (item.topic.site, item.topic.kind, item.topic.device)
            boots = getattr(item.note, "boots", None)
            wanted += [(key, boot) for boot in boots] if boots else [(key, None)]
        elif (key_ := _identified(item)) is not None and item.identity is not None:
            wanted.append((key_, item.identity[0]))
    return wanted


def _identified(item: Refused) -> DeviceKey | None:
    """The device of a quarantined frame whose boot and seq could be read: it gets its receipt like any other."""
    if item.topic is None or item.identity is None or item.topic.kind not in KINDS:
        return None
    return (item.topic.site, item.topic.kind, item.topic.device)


def _sample(rows: copy.Rows, k: int) -> dict[str, Any]:
    """One sample as it was sent, for the table that has no columns."""
    c = rows.columns
    found: dict[str, Any] = {}
    for place, channel in enumerate(c.kind.reals):
        value = float(c.values[k, place])
        if not np.isnan(value):
            found[channel.name] = value
    found |= {name: int(column[k]) for name, column in c.bits.items() if column[k] >= 0}
    found |= {name: bool(column[k]) for name, column in c.flags.items() if column[k] >= 0}
    found |= {name: words[k] for name, words in c.words.items() if words[k] is not None}
    return found
