"""
A batch of items in one transaction: readings by COPY, quarantine, notes, ledger.

Rule 1: all of it or none of it. What `store` returned without an error is committed.
Rule 2: duplicates inside a batch are dropped here; duplicates of stored rows make COPY fail once, and then the
next 64 batches go through a staging table with ON CONFLICT DO NOTHING. Likewise after a reconnect to the broker, which
delivers again what was in flight; and one batch after a reconnect to the database, which may have committed it.
Rule 3: device time never chooses the chunk unchecked: readings outside the window go to `reading_misdated`.
Rule 4: this runs in a thread of its own, never in an event loop.
"""

import contextlib
import json
from collections.abc import Callable, Iterable, Iterator, Sequence, Set
from dataclasses import dataclass, field
from typing import Any, Final, LiteralString

import msgspec
import numpy as np
import psycopg
from numpy.typing import NDArray
from psycopg import sql
from psycopg.pq import TransactionStatus

from telemetry.errors import Refusal, StorageRefused
from telemetry.kinds import KINDS, Kind
from telemetry.settings import DatabaseSettings
from telemetry.storage import copy, ledger
from telemetry.storage.door import connect, translated
from telemetry.storage.items import Item, Note, Noted, Reading, Refused
from telemetry.storage.marks import Marks
from telemetry.storage.notes import write_notes
from telemetry.storage.quarantine_writer import QuarantineWriter
from telemetry.storage.registry import MAX_DEVICES, DeviceKey, Registry
from telemetry.wire.columns import columns
from telemetry.wire.frames import Frame
from telemetry.wire.payloads import BootReceipt, Evaluated, Presence
from telemetry.wire.topics import Topic

STAGED_BATCHES: Final = 64
FUTURE_MS: Final = 3_600_000
DAY_MS: Final = 86_400_000
MAX_PAST_DAYS: Final = 400
UNIQUE_VIOLATION: Final = "23505"

_MISDATED: Final[LiteralString] = (
    "INSERT INTO reading_misdated (device_id, received_at, ts_ms, boot_no, seq, i, invalid, sample)"
    " VALUES (%s, to_timestamp(%s / 1000.0), %s, %s, %s, %s, %s, %s) ON CONFLICT DO NOTHING"
)


Statement = Callable[[psycopg.Connection[Any]], None]
Last = list[Statement]


@dataclass(slots=True)
class Stored:
    """What one call of `store` committed."""

    unregistered: int = 0  # messages of devices that there was no room for
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
        self._marks = Marks()
        self.registry = Registry()
        self.staged_left = 0
        self._staged_items: int | None = None
        self.expect_duplicates()
        past_days = min(MAX_PAST_DAYS, settings.retention_days - 7)
        self._past_ms = past_days * DAY_MS

    def expect_duplicates(self, items: int | None = None) -> None:
        """
        What is stored already may come again: go through staging for the next 64 batches.

        With `items` also no longer than for so many of them: after a reconnect the broker delivers again what was
        in flight, and that is never more than receive-maximum.
        """
        self.staged_left = STAGED_BATCHES
        self._staged_items = items

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
            self.expect_duplicates()
            return self.store(items, received_ms)
        finally:
            self._keep_only_good()

    def accounted(self, sites: Sequence[str]) -> set[int]:
        """The devices of these sites (all, without one) that are due a receipt at all. Raises StorageError."""
        try:
            with translated():
                return ledger.devices(self._open(), sites)
        finally:
            self._keep_only_good()

    def receipts(self, device_ids: list[int]) -> list[tuple[int, DeviceKey, list[BootReceipt]]]:
        """What these devices may forget: (id, name, boots) of each that has a boot. Raises StorageError."""
        try:
            with translated():
                return ledger.receipts(self._open(), device_ids)
        finally:
            self._keep_only_good()

    def _keep_only_good(self) -> None:
        """
        Between two questions a connection is idle, or it is given up.

        One that was lost may not know it: libpq refuses to send in a pipeline that it could not leave, and so never
        reads that the server has gone.
        """
        connection = self._connection
        if connection is not None and connection.pgconn.transaction_status != TransactionStatus.IDLE:
            self.close()

    def _open(self) -> psycopg.Connection[Any]:
        if self._connection is None or self._connection.closed:
            connection = connect(self._settings, application=self._application)
            connection.autocommit = True
            try:
                for kind in KINDS.values():
                    connection.execute(
                        sql.SQL("CREATE TEMP TABLE {} (LIKE {}) ON COMMIT DELETE ROWS").format(
                            sql.Identifier(f"stage_{kind.name}"), sql.Identifier(f"reading_{kind.name}")
                        )
                    )
            except BaseException:
                connection.close()
                raise
            self._connection = connection
            if not self.staged_left:
                # What was in work when the connection was lost may have been committed: the batch that comes now.
                self.expect_duplicates(1)
        return self._connection

    def _store(self, items: Sequence[Item], received_ms: int) -> Stored:
        connection = self._open()
        self.registry.learn(connection, _names(items))
        done = Stored()
        if self.registry.left_out:
            items = [self._registered(item, done) for item in items]
        self._marks.begin()
        with _transaction(connection) as last:
            self._readings(connection, [item for item in items if isinstance(item, Reading)], received_ms, done, last)
            refused = [item for item in items if isinstance(item, Refused)]
            if refused:
                self._quarantine.write(connection, refused, received_ms)
                last.append(self._quarantined_ledger(refused, done))
            noted = [item for item in items if isinstance(item, Noted)]
            if noted:
                last.append(write_notes(connection, self.registry, noted, received_ms))
                done.notes = len(noted)
        self._quarantine.committed()
        self._marks.committed()
        if self.staged_left:
            self.staged_left -= 1
            if self._staged_items is not None:
                self._staged_items -= len(items)
                if self._staged_items <= 0:
                    self.staged_left = 0
        return done

    def _readings(
        self, connection: psycopg.Connection[Any], items: list[Reading], received_ms: int, done: Stored, last: Last
    ) -> None:
        # By topic object, which the intake makes once per device: names are looked up per device, not per frame.
        groups: dict[int, tuple[Topic, list[Frame]]] = {}
        for item in items:
            group = groups.get(id(item.topic))
            if group is None:
                groups[id(item.topic)] = (item.topic, [item.frame])
            else:
                group[1].append(item.frame)
        seqs: dict[tuple[int, int], list[int]] = {}
        for name in sorted({topic.kind for topic, _ in groups.values()}):
            frames: list[Frame] = []
            devices: list[int] = []
            boots: list[int] = []
            for topic, sent in groups.values():
                if topic.kind != name:
                    continue
                device = self.registry.device((topic.site, topic.kind, topic.device))
                frames += sent
                devices += [device] * len(sent)
                for boot in {frame.boot for frame in sent}:
                    boot_no = self.registry.boot(device, boot)
                    numbers = [frame.seq for frame in sent if frame.boot == boot and frame.seq is not None]
                    if numbers:
                        seqs.setdefault((device, boot_no), []).extend(numbers)
                boots += [self.registry.boot(device, frame.boot) for frame in sent]
            found = columns(name, frames)
            rows = copy.Rows(
                found,
                np.array(devices, np.int32)[found.frame],
                np.array(boots, np.int32)[found.frame],
                np.full(len(found), received_ms, np.int64),
            )
            timely = (found.ts >= received_ms - self._past_ms) & (found.ts <= received_ms + FUTURE_MS)
            self._rows(connection, KINDS[name], rows, timely, done)
            last.append(self._mark(rows, timely, received_ms))
            done.frames += len(frames)
            done.devices.update(devices)
        stored = {key: ledger.ranges_of(numbers) for key, numbers in seqs.items()}
        last.append(lambda connection: ledger.record(connection, "stored", stored))

    def _rows(
        self, connection: psycopg.Connection[Any], kind: Kind, rows: copy.Rows, timely: NDArray[np.bool_], done: Stored
    ) -> None:
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

    def _mark(self, rows: copy.Rows, timely: NDArray[np.bool_], received_ms: int) -> Statement:
        own = np.flatnonzero(rows.boot_no > 0)
        # The first usable sample of each frame, or its first one, which is then dated by its receipt.
        own = own[np.lexsort((~timely[own], rows.columns.frame[own]))]
        _, first = np.unique(rows.columns.frame[own], return_index=True)
        of = own[first]
        ts = np.where(timely[of], rows.columns.ts[of], received_ms)
        ids, boots = rows.device_id[of].astype(np.int64), rows.boot_no[of].astype(np.int64)
        seqs = rows.columns.seq[of]
        return lambda connection: self._marks.write(connection, ids, boots, seqs, ts, received_ms)

    def _registered(self, item: Item, done: Stored) -> Item:
        """The item, or its refusal when there is no room for its device; without identity, which needs a device."""
        topic = item.topic
        if topic is None or (topic.site, topic.kind, topic.device) not in self.registry.left_out:
            return item
        if type(item) is Refused:
            return msgspec.structs.replace(item, identity=None)
        done.unregistered += 1
        return Refused(str(topic), topic, item.payload, Refusal.DEVICES, f"more than {MAX_DEVICES} devices")

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

    def _quarantined_ledger(self, refused: list[Refused], done: Stored) -> Statement:
        seqs: dict[tuple[int, int], list[int]] = {}
        for item in refused:
            key = _identified(item)
            if key is not None and item.identity is not None:
                device = self.registry.device(key)
                boot_no = self.registry.boot(device, item.identity[0])
                seqs.setdefault((device, boot_no), []).append(item.identity[1])
                done.devices.add(device)
        done.quarantined = len(refused)
        quarantined = {key: ledger.ranges_of(found) for key, found in seqs.items()}
        return lambda connection: ledger.record(connection, "quarantined", quarantined)


@contextlib.contextmanager
def _transaction(connection: psycopg.Connection[Any]) -> Iterator[Last]:
    """
    A transaction; what is put into the list is done at its end, with the COMMIT, in one exchange with the server.

    On a machine that is busy catching up a question waits longer for its turn than for its answer; and the rows of the
    ledger, which sessions share, are locked for no longer than this.
    """
    last: Last = []
    connection.execute("BEGIN")
    try:
        yield last
        with connection.pipeline():
            for statement in last:
                statement(connection)
            connection.execute("COMMIT")
    except BaseException:
        if not connection.closed:
            with contextlib.suppress(psycopg.Error):
                connection.execute("ROLLBACK")
        raise


def _names(items: Sequence[Item]) -> Set[tuple[DeviceKey, str | None]]:
    """Whom these items need registered; boots in the order in which they are to be numbered."""
    wanted: dict[tuple[DeviceKey, str | None], None] = {}
    for item in items:
        if type(item) is Noted:
            # Before the readings: a birth names boots that are over, perhaps of a device that was never heard before.
            key = (item.topic.site, item.topic.kind, item.topic.device)
            wanted[key, None] = None
            for named in _boots(item.note):
                wanted[key, named] = None
    readings = {(id(item.topic), item.frame.boot): item.topic for item in items if type(item) is Reading}
    for (_, boot), topic in readings.items():
        wanted[(topic.site, topic.kind, topic.device), boot] = None
    for item in items:
        if type(item) is Refused and (key_ := _identified(item)) is not None and item.identity is not None:
            wanted[key_, item.identity[0]] = None
    return wanted.keys()


def _boots(note: Note) -> Iterable[str]:
    """The boots that a note speaks of."""
    if isinstance(note, Evaluated):
        return [*note.boots, *(terms.boot for terms in note.terms)]
    # The oldest is named last, and gets the lowest number if nothing of it was ever seen.
    return [past.boot for past in reversed(note.ended)] if isinstance(note, Presence) else ()


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
