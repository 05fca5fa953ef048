"""
Messages that could not be understood: kept with their reason, deduplicated by day, capped per device and day.

The first 4 KiB are kept, with the whole length and SHA-256, so that a device's maker can see what was wrong and a
device's journal can be held against it. Beyond the cap they are only counted: a box that sends nonsense at 10 Hz
must not fill the disk that others' readings need.
"""

import hashlib
from datetime import date
from typing import Any, Final, LiteralString

import psycopg

from telemetry.clock import to_datetime
from telemetry.storage.items import Refused

ALL_SOURCES: Final = "*"  # the source of what is only counted because the day is full
HEAD_BYTES: Final = 4096
MAX_PER_SOURCE_AND_DAY: Final = 1000
MAX_PER_DAY: Final = 100_000  # rows of all sources together: names can be made up without end
MAX_SOURCES: Final = 100_000
MAX_TOPIC: Final = 512

_INSERT: Final[LiteralString] = (
    "INSERT INTO quarantine AS q (fingerprint, day, site, kind, device, topic, reason, detail, boot, seq, length,"
    " sha256, head, count, first_received_at, last_received_at)"
    " VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, 1, %s, %s)"
    " ON CONFLICT (fingerprint, day) DO UPDATE"
    " SET count = q.count + 1, last_received_at = EXCLUDED.last_received_at RETURNING xmax = 0"
)
_AGAIN: Final[LiteralString] = (
    "UPDATE quarantine SET count = count + 1, last_received_at = %s WHERE fingerprint = %s AND day = %s"
)
_OVERFLOW: Final[LiteralString] = (
    "INSERT INTO quarantine_overflow AS o (source, day, count, last_reason, last_received_at)"
    " VALUES (%s, %s, 1, %s, %s) ON CONFLICT (source, day) DO UPDATE"
    " SET count = o.count + 1, last_reason = EXCLUDED.last_reason, last_received_at = EXCLUDED.last_received_at"
)
_KEPT_TODAY: Final[LiteralString] = "SELECT count(*) FROM quarantine WHERE day = %s"
_KEPT: Final[LiteralString] = (
    "SELECT count(*) FROM quarantine WHERE day = %s AND coalesce(site || '/' || kind || '/' || device, topic) = %s"
)


class QuarantineWriter:
    """
    Remembers how many different messages were kept of each source today.

    What a transaction adds is counted only when `committed` is called: a batch that is rolled back and tried again
    must not use up the cap twice.
    """

    def __init__(self) -> None:
        self._day: date | None = None
        self._kept: dict[str, int] = {}
        self._added: dict[str, int] = {}
        self._today = 0

    def committed(self) -> None:
        """The transaction of the last `write` is in."""
        for source, number in self._added.items():
            self._kept[source] = self._kept.get(source, 0) + number
            self._today += number
        self._added.clear()

    def write(self, connection: psycopg.Connection[Any], items: list[Refused], received_ms: int) -> None:
        """Keep or count these messages, inside the caller's transaction. Raises psycopg errors."""
        received = to_datetime(received_ms)
        if received.date() != self._day or len(self._kept) > MAX_SOURCES:
            self._day = received.date()
            self._kept.clear()
            row = connection.execute(_KEPT_TODAY, (self._day,)).fetchone()
            self._today = row[0] if row else 0
        self._added.clear()
        added = 0
        for item in items:
            source = _source(item)
            if self._today + added >= MAX_PER_DAY:
                source = ALL_SOURCES
                self._kept[source] = MAX_PER_SOURCE_AND_DAY
            if source not in self._kept:
                row = connection.execute(_KEPT, (self._day, source)).fetchone()
                self._kept[source] = row[0] if row else 0
            fingerprint = hashlib.sha256(_whence(item).encode("utf-8", "replace") + b"\0" + item.payload).digest()
            if self._kept[source] + self._added.get(source, 0) >= MAX_PER_SOURCE_AND_DAY:
                # Full: what is there already is still counted in its own row.
                if not connection.execute(_AGAIN, (received, fingerprint, self._day)).rowcount:
                    connection.execute(_OVERFLOW, (source, self._day, str(item.reason), received))
                continue
            topic = item.topic
            boot, seq = item.identity or (None, None)
            raw_topic = _printable(item.raw_topic)[:MAX_TOPIC]
            row = connection.execute(
                _INSERT,
                (
                    fingerprint,
                    self._day, topic.site if topic else None, topic.kind if topic else None,
                    topic.device if topic else None, raw_topic, str(item.reason), _printable(item.detail)[:500],
                    boot, seq, len(item.payload), hashlib.sha256(item.payload).digest(), item.payload[:HEAD_BYTES],
                    received, received,
                ),
            ).fetchone()  # fmt: skip
            if row is not None and row[0]:
                self._added[source] = self._added.get(source, 0) + 1
                added += 1


def _source(item: Refused) -> str:
    if item.topic is not None:
        return f"{item.topic.site}/{item.topic.kind}/{item.topic.device}"
    return _printable(item.raw_topic)[:MAX_TOPIC]


def _whence(item: Refused) -> str:
    # Without the lane: a frame that was sent live, and again late for want of a receipt, is one message.
    return f"{_source(item)}/{item.topic.leaf}" if item.topic is not None else item.raw_topic


def _printable(text: str) -> str:
    # PostgreSQL has no NUL in text, and a surrogate cannot be encoded.
    return text.replace("\0", "�").encode("utf-8", "replace").decode()
