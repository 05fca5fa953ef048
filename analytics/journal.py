"""
The partition's folder: a lock, the journal of inputs, and snapshots.

    lock              held with flock for as long as a worker has the partition
    id                random, made with the folder: tells a claim of this folder from one of another
    hole              one byte, 1 while records are missing that were fed; overwritten in place: a full disk allows it
    journal-00000007  inputs since snapshot 7 was begun: records of length, CRC-32, body
    snapshot-00000007 state before the first record of journal 7, with its own length and CRC-32

Rule 1: a record is appended before it is fed; a torn last record is an input that was never acknowledged, so it
comes again.
Rule 2: a file is renamed into place only when it is whole and synced; the last two generations stay.
Rule 3: what cannot be read is said, never guessed at.
"""

import contextlib
import fcntl
import os
import re
import secrets
import struct
import threading
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import msgspec

from telemetry.errors import CranewatchError

_JOURNAL: Final = b"CWJ1"
_SNAPSHOT: Final = b"CWS1"
_HEAD: Final = struct.Struct("<II")
_LONG_HEAD: Final = struct.Struct("<QI")
_ID: Final = re.compile(r"[0-9a-f]{16}\Z")
_NAME: Final = re.compile(r"(journal|snapshot)-(\d{8})\Z")
MAX_RECORD: Final = 1 << 30

Input = tuple[str, bytes]  # topic, payload


class PartitionTaken(CranewatchError):
    """Another worker has this partition's folder."""


@dataclass(frozen=True, slots=True)
class Record:
    """One batch of inputs, with the time of receipt that it was stamped with."""

    received: int
    inputs: Sequence[Input]


@dataclass(frozen=True, slots=True)
class Recovered:
    """What a folder held: a snapshot's bytes if there was a whole one, the records since, and what was wrong."""

    snapshot: bytes | None
    records: list[Record]
    faults: list[str]
    empty: bool
    size: int = 0  # bytes of those records' journals


def encode(record: Record) -> bytes:
    """A record with its length and CRC-32."""
    body = msgspec.msgpack.encode((record.received, record.inputs))
    return _HEAD.pack(len(body), zlib.crc32(body)) + body


_BODY: Final = msgspec.msgpack.Decoder(tuple[int, list[tuple[str, bytes]]])


def decode(data: bytes) -> tuple[list[Record], bool]:
    """
    The whole records of a journal's bytes, magic excluded, and whether the rest is damaged.

    A record cut short is what a kill leaves and no damage; one of full length that is wrong is.
    """
    records: list[Record] = []
    at = 0
    while at + _HEAD.size <= len(data):
        length, crc = _HEAD.unpack_from(data, at)
        body = data[at + _HEAD.size : at + _HEAD.size + length]
        if length <= MAX_RECORD and len(body) < length:
            return records, False
        if length > MAX_RECORD or zlib.crc32(body) != crc:
            return records, True
        try:
            received, inputs = _BODY.decode(body)
        except msgspec.MsgspecError:
            return records, True
        records.append(Record(received, inputs))
        at += _HEAD.size + length
    return records, False


class Folder:
    """A partition's folder. Not for use from two tasks at once, but for `write_snapshot`."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.size = 0  # of the present journal
        self.id = ""  # of the folder, as long as it lives
        self._lock: int | None = None
        self._hole: int | None = None
        self._was_marked = False
        self._journal: int | None = None
        self._number = 0
        self._writing = threading.Lock()  # the last snapshot may be asked for while one is being written

    def open(self) -> None:
        """
        Take the lock. Raises PartitionTaken, or OSError when nothing can be locked there.

        A folder that cannot be written is locked and read all the same.
        """
        with contextlib.suppress(OSError):
            self.path.mkdir(parents=True, exist_ok=True)
        try:
            lock = os.open(self.path / "lock", os.O_RDWR | os.O_CREAT, 0o644)
        except OSError:
            lock = os.open(self.path / "lock", os.O_RDONLY)
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            os.close(lock)
            raise PartitionTaken(f"another analyzer has {self.path}") from error
        self._lock = lock
        self.id = self._identify()
        self._was_marked = self._marked()
        with contextlib.suppress(OSError):
            self._hole = os.open(self.path / "hole", os.O_RDWR | os.O_CREAT, 0o644)
            if os.fstat(self._hole).st_size == 0:
                # Now, while there is room for it.
                os.pwrite(self._hole, b"0", 0)

    def _identify(self) -> str:
        path = self.path / "id"
        with contextlib.suppress(OSError, UnicodeDecodeError):
            if _ID.match(found := path.read_text()):
                return found
        made = secrets.token_hex(8)
        with contextlib.suppress(OSError):
            path.write_text(made)
        return made

    def mark(self, *, hole: bool) -> None:
        """Whether records are missing that were fed. Raises OSError."""
        if self._hole is None:
            raise OSError("there is no place for the mark")
        os.pwrite(self._hole, b"1" if hole else b"0", 0)

    def _marked(self) -> bool:
        """Whether the last run left a hole; a mark that cannot be read is taken for the worse."""
        try:
            return (self.path / "hole").read_bytes() != b"0"
        except FileNotFoundError:
            return False
        except OSError:
            return True

    def close(self) -> None:
        """Let go of everything."""
        for fd in (self._journal, self._hole, self._lock):
            if fd is not None:
                os.close(fd)
        self._journal = self._hole = self._lock = None

    def _files(self, what: str) -> dict[int, Path]:
        found: dict[int, Path] = {}
        for path in self.path.iterdir() if self.path.is_dir() else ():
            match = _NAME.match(path.name)
            if match and match[1] == what:
                found[int(match[2])] = path
        return dict(sorted(found.items()))

    def recover(self) -> Recovered:
        """The newest whole snapshot and every whole record after it, in order."""
        snapshots, journals = self._files("snapshot"), self._files("journal")
        faults: list[str] = []
        snapshot: bytes | None = None
        start = 0
        for number in sorted(snapshots, reverse=True):
            try:
                snapshot = _read_snapshot(snapshots[number])
            except (ValueError, OSError) as error:
                faults.append(f"{snapshots[number].name}: {error}")
                continue
            start = number
            break
        later = [number for number in journals if number >= start]
        if snapshot is None and later and later[0] > 1:
            faults.append("no whole snapshot, and the journals before it are gone")
        expected = range(start or min(later, default=0), max(later, default=-1))
        faults += [f"journal-{number:08d}: gone" for number in expected if number not in later]
        records: list[Record] = []
        size = 0
        for number in later:
            try:
                data = journals[number].read_bytes()
            except OSError as error:
                faults.append(f"{journals[number].name}: {error.strerror}")
                continue
            if data[: len(_JOURNAL)] != _JOURNAL:
                if data:
                    faults.append(f"{journals[number].name}: not a journal of this version")
                continue
            found, damaged = decode(data[len(_JOURNAL) :])
            records += found
            size += len(data)
            if damaged:
                faults.append(f"{journals[number].name}: damaged after {len(found)} records")
        if self._was_marked and (snapshots or journals):
            faults.append("records are missing that were evaluated: the disk refused them")
        self._number = max([*snapshots, *journals, 0])
        return Recovered(snapshot, records, faults, snapshot is None and not records, size if records else 0)

    def rotate(self) -> int:
        """
        Begin a new journal; its number is that of the snapshot of the state before it. Raises OSError.

        One without a record is begun already: attempts on a full disk leave no row of empty files.
        """
        if self._journal is not None and self.size == len(_JOURNAL):
            os.ftruncate(self._journal, self.size)
            return self._number
        number = self._number + 1
        fd = os.open(self.path / f"journal-{number:08d}", os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_APPEND, 0o644)
        try:
            os.write(fd, _JOURNAL)
        except OSError:
            os.close(fd)
            raise
        if self._journal is not None:
            # What the last 100 ms wrote must not be younger on disk than the snapshot that follows.
            with contextlib.suppress(OSError):
                os.fdatasync(self._journal)
            os.close(self._journal)
        self._journal, self._number, self.size = fd, number, len(_JOURNAL)
        return number

    def append(self, record: Record) -> None:
        """Write a record. Raises OSError, and then the journal is as it was."""
        if self._journal is None:
            raise OSError("the journal is not open")
        data = encode(record)
        view = memoryview(data)
        try:
            while view:
                view = view[os.write(self._journal, view) :]
        except OSError:
            with contextlib.suppress(OSError):
                os.ftruncate(self._journal, self.size)
            raise
        self.size += len(data)

    def sync(self) -> None:
        """fdatasync; for a thread."""
        if self._journal is not None:
            # The file may be rotated meanwhile: a duplicate of the descriptor stays valid.
            fd = os.dup(self._journal)
            try:
                os.fdatasync(fd)
            finally:
                os.close(fd)

    def write_snapshot(self, number: int, data: bytes) -> None:
        """Write snapshot `number` and drop what it makes superfluous; for a thread. Raises OSError."""
        with self._writing:
            self._write_snapshot(number, data)

    def _write_snapshot(self, number: int, data: bytes) -> None:
        target = self.path / f"snapshot-{number:08d}"
        partial = target.with_suffix(".partial")
        with partial.open("wb") as file:
            file.write(_SNAPSHOT + _LONG_HEAD.pack(len(data), zlib.crc32(data)))
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        partial.rename(target)
        folder = os.open(self.path, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)
        before = [n for n in self._files("snapshot") if n < number]
        keep = max(before, default=number)
        for path in self._superfluous(keep):
            # What is no file of ours stays; the snapshot is whole all the same.
            with contextlib.suppress(OSError):
                path.unlink(missing_ok=True)

    def _superfluous(self, keep: int) -> Iterator[Path]:
        for what in ("snapshot", "journal"):
            for number, path in self._files(what).items():
                if number < keep:
                    yield path


def _read_snapshot(path: Path) -> bytes:
    data = path.read_bytes()
    if data[:4] != _SNAPSHOT:
        raise ValueError("not a snapshot of this version")
    start = 4 + _LONG_HEAD.size
    if len(data) < start:
        raise ValueError("torn")
    length, crc = _LONG_HEAD.unpack_from(data, 4)
    body = data[start:]
    if len(body) != length or zlib.crc32(body) != crc:
        raise ValueError("torn")
    return body
