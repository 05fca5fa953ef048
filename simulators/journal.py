"""
The fleet's journal: every frame from before it is sent until its receipt, and after it for whoever reconciles.

One SQLite file for all devices of a fleet. A frame is written before it is published; `published_mono_ns` is
`time.monotonic_ns()` just before its first publish (empty if it never was). Rows stay after their receipt until the
bound: then the oldest receipted ones go first, and only when none is left the oldest of all, which is counted.

`produced`, `kept` and `published` read a journal, also while a fleet writes it.
"""

import logging
import sqlite3
from collections.abc import Iterable, Iterator
from contextlib import closing
from pathlib import Path
from types import TracebackType
from typing import NamedTuple, Self

from simulators.resend import Run
from telemetry.errors import ConfigError

logger = logging.getLogger(__name__)

VERSION = 1
PRUNE_EVERY = 2000

_SCHEMA = f"""
CREATE TABLE IF NOT EXISTS box (
    id INTEGER PRIMARY KEY, site TEXT NOT NULL, kind TEXT NOT NULL, device TEXT NOT NULL, boot TEXT NOT NULL,
    run INTEGER NOT NULL, UNIQUE (site, kind, device, boot)
);
CREATE TABLE IF NOT EXISTS frame (
    id INTEGER PRIMARY KEY, box INTEGER NOT NULL REFERENCES box, seq INTEGER NOT NULL, payload BLOB NOT NULL,
    lane TEXT, published_mono_ns INTEGER, sendings INTEGER NOT NULL DEFAULT 0, receipted INTEGER NOT NULL DEFAULT 0,
    UNIQUE (box, seq)
);
CREATE TABLE IF NOT EXISTS run (id INTEGER PRIMARY KEY, seed TEXT NOT NULL, forgotten INTEGER NOT NULL DEFAULT 0);
PRAGMA user_version = {VERSION};
"""


class Produced(NamedTuple):
    """A frame that a device made."""

    site: str
    kind: str
    device: str
    boot: str
    seq: int
    sendings: int  # 0: it never left the device
    receipted: bool


class Kept(NamedTuple):
    """A frame as the journal has it; `lane` is that of its last sending, None when it never left the device."""

    kind: str
    device: str
    boot: str
    seq: int
    payload: bytes
    lane: str | None
    published_mono_ns: int | None
    sendings: int
    receipted: bool


class Forgotten(NamedTuple):
    """A frame that left the journal without a receipt, for want of room."""

    device: str
    boot: str
    seq: int


class Journal:
    """The journal of one running fleet. Writes are in one transaction until `commit`."""

    def __init__(self, path: Path, *, max_frames: int = 2_000_000) -> None:
        """`max_frames` is the bound over all devices (about 500 B a frame). Opens in `with`."""
        self._path = path
        self._max = max_frames
        self._db: sqlite3.Connection
        self._boxes: dict[tuple[str, str, str, str], int] = {}
        self._names: dict[int, tuple[str, str]] = {}
        self._since_prune = 0
        self.run = 0
        self.forgotten = 0

    def __enter__(self) -> Self:
        """Open or make the file. Raises ConfigError when it cannot be used as a journal."""
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            self._db = sqlite3.connect(self._path, isolation_level=None)
            version = self._db.execute("PRAGMA user_version").fetchone()[0]
            if version not in (0, VERSION):
                self._db.close()
                raise ConfigError(f"{self._path}: journal of version {version}, this is {VERSION}")
            # WAL survives the death of the process whatever happens; NORMAL saves an fsync a tick.
            self._db.execute("PRAGMA journal_mode=WAL")
            self._db.execute("PRAGMA synchronous=NORMAL")
            self._db.executescript(_SCHEMA)
        except (OSError, sqlite3.Error) as error:
            raise ConfigError(f"{self._path}: cannot be used as a journal: {error}") from error
        for row in self._db.execute("SELECT id, site, kind, device, boot FROM box"):
            self._boxes[row[1], row[2], row[3], row[4]] = row[0]
            self._names[row[0]] = (row[3], row[4])
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.commit()
        self._db.close()

    def begin_run(self, seed: int) -> int:
        """Note that a run begins; gives its number from 0. It goes into the boots, which are so never used twice."""
        self.run = int(self._db.execute("SELECT count(*) FROM run").fetchone()[0])
        self._db.execute("INSERT INTO run (id, seed) VALUES (?, ?)", (self.run, str(seed)))
        return self.run

    def begin_boot(self, site: str, kind: str, device: str, boot: str) -> None:
        """Note a new boot. Raises ConfigError if the device had it before."""
        try:
            cursor = self._db.execute(
                "INSERT INTO box (site, kind, device, boot, run) VALUES (?, ?, ?, ?, ?)",
                (site, kind, device, boot, self.run),
            )
        except sqlite3.IntegrityError as error:
            raise ConfigError(f"{self._path}: boot {boot} of {device} was used before") from error
        number = int(cursor.lastrowid or 0)
        self._boxes[site, kind, device, boot] = number
        self._names[number] = (device, boot)

    def add(self, site: str, kind: str, device: str, boot: str, seq: int, payload: bytes) -> None:
        """Keep a frame. It is safe from the death of the process after `commit`."""
        self._begin()
        self._db.execute(
            "INSERT INTO frame (box, seq, payload) VALUES (?, ?, ?)",
            (self._boxes[site, kind, device, boot], seq, payload),
        )
        self._since_prune += 1

    def sent(self, site: str, kind: str, device: str, boot: str, seq: int, lane: str, mono_ns: int) -> None:
        """Note a publish: its lane, and its moment if it is the first."""
        self._begin()
        self._db.execute(
            "UPDATE frame SET lane = ?, sendings = sendings + 1, published_mono_ns = coalesce(published_mono_ns, ?)"
            " WHERE box = ? AND seq = ?",
            (lane, mono_ns, self._boxes[site, kind, device, boot], seq),
        )

    def settle(self, site: str, kind: str, device: str, runs: Iterable[Run]) -> None:
        """Note receipts."""
        for run in runs:
            self._begin()
            self._db.execute(
                "UPDATE frame SET receipted = 1 WHERE box = ? AND seq BETWEEN ? AND ?",
                (self._boxes[site, kind, device, run.boot], run.first, run.last),
            )

    def payload(self, site: str, kind: str, device: str, boot: str, seq: int) -> bytes | None:
        """A frame's payload, or None if it is no longer kept."""
        row = self._db.execute(
            "SELECT payload FROM frame WHERE box = ? AND seq = ?", (self._boxes[site, kind, device, boot], seq)
        ).fetchone()
        return bytes(row[0]) if row else None

    def unreceipted(self, site: str, kind: str, device: str) -> list[tuple[str, int]]:
        """The frames of a device without a receipt, from all its boots, oldest first, as (boot, seq)."""
        return [
            (str(boot), int(seq))
            for boot, seq in self._db.execute(
                "SELECT box.boot, frame.seq FROM frame JOIN box ON box.id = frame.box"
                " WHERE box.site = ? AND box.kind = ? AND box.device = ? AND NOT frame.receipted ORDER BY frame.id",
                (site, kind, device),
            )
        ]

    def ended(self, site: str, kind: str, device: str, most: int) -> list[tuple[str, int]]:
        """The last boots of a device that made frames, newest first, each with the last seq that it gave."""
        rows = self._db.execute(
            "SELECT boot, last FROM (SELECT id, boot, (SELECT max(seq) FROM frame WHERE box = box.id) AS last FROM box"
            " WHERE site = ? AND kind = ? AND device = ?) WHERE last IS NOT NULL ORDER BY id DESC LIMIT ?",
            (site, kind, device, most),
        )
        return [(str(boot), int(last)) for boot, last in rows]

    def commit(self) -> list[Forgotten]:
        """Write what was noted; gives the frames without a receipt that had to go."""
        gone = self._prune() if self._since_prune >= PRUNE_EVERY else []
        if self._db.in_transaction:
            self._db.execute("COMMIT")
        return gone

    def _begin(self) -> None:
        if not self._db.in_transaction:
            self._db.execute("BEGIN")

    def _prune(self) -> list[Forgotten]:
        self._since_prune = 0
        over = int(self._db.execute("SELECT count(*) FROM frame").fetchone()[0]) - self._max
        if over <= 0:
            return []
        cursor = self._db.execute(
            "DELETE FROM frame WHERE id IN (SELECT id FROM frame WHERE receipted ORDER BY id LIMIT ?)", (over,)
        )
        over -= cursor.rowcount
        if over <= 0:
            return []
        rows = self._db.execute("SELECT id, box, seq FROM frame ORDER BY id LIMIT ?", (over,)).fetchall()
        self._db.executemany("DELETE FROM frame WHERE id = ?", [(row[0],) for row in rows])
        self.forgotten += len(rows)
        self._db.execute("UPDATE run SET forgotten = ? WHERE id = ?", (self.forgotten, self.run))
        logger.warning(
            "the journal is full: %d frames without a receipt were dropped", len(rows), extra={"action": "journal_full"}
        )
        return [Forgotten(*self._names[row[1]], row[2]) for row in rows]


def produced(path: Path, *, run: int | None = None) -> Iterator[Produced]:
    """Every frame in a journal, in the order in which they were made; of one run, if it is given."""
    with closing(_read(path)) as db:
        rows = db.execute(
            "SELECT box.site, box.kind, box.device, box.boot, frame.seq, frame.sendings, frame.receipted"
            " FROM frame JOIN box ON box.id = frame.box WHERE ?1 IS NULL OR box.run = ?1 ORDER BY frame.id",
            (run,),
        )
        for site, kind, device, boot, seq, sendings, receipted in rows:
            yield Produced(site, kind, device, boot, seq, sendings, bool(receipted))


def kept(path: Path) -> Iterator[Kept]:
    """Every frame in a journal with its payload, boot by boot, in the order of seq."""
    with closing(_read(path)) as db:
        for row in db.execute(
            "SELECT box.kind, box.device, box.boot, frame.seq, frame.payload, frame.lane, frame.published_mono_ns,"
            " frame.sendings, frame.receipted FROM frame JOIN box ON box.id = frame.box ORDER BY frame.box, frame.seq"
        ):
            yield Kept(*row)._replace(receipted=bool(row[-1]))


def published(path: Path, *, lane: str | None = None) -> dict[tuple[str, str, int], int]:
    """
    `time.monotonic_ns()` of the first publish by (device, boot, seq), as the fleet's host counted it.

    With `lane` ("up" or "late") only frames whose last sending was there: latencies are measured on "up".
    """
    with closing(_read(path)) as db:
        return {
            (device, boot, seq): mono_ns
            for device, boot, seq, mono_ns in db.execute(
                "SELECT box.device, box.boot, frame.seq, frame.published_mono_ns"
                " FROM frame JOIN box ON box.id = frame.box"
                " WHERE frame.published_mono_ns IS NOT NULL AND (?1 IS NULL OR frame.lane = ?1)",
                (lane,),
            )
        }


def _read(path: Path) -> sqlite3.Connection:
    if not path.is_file():
        raise ConfigError(f"{path}: no journal")
    return sqlite3.connect(f"file:{path}?mode=ro", uri=True)
