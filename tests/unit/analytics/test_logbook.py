"""What is remembered on a disk that refuses: holes are mended by a snapshot, attempts are spaced."""

import asyncio
from pathlib import Path

import pytest
from prometheus_client import CollectorRegistry

from analytics.engine import Engine
from analytics.journal import Folder, PartitionTaken, Record
from analytics.logbook import Logbook
from analytics.metrics import AnalyzerMetrics
from analytics.settings import AnalyzerSettings

ENGINE = Engine()


class Disk(Folder):
    """A folder on a disk that can be told to refuse."""

    appends = True
    snapshots = True
    attempts = 0

    def append(self, record: Record) -> None:
        if not self.appends:
            raise OSError(28, "no space")
        super().append(record)

    def write_snapshot(self, number: int, data: bytes) -> None:
        self.attempts += 1
        if not self.snapshots:
            raise OSError(28, "no space")
        super().write_snapshot(number, data)


class Book:
    """A logbook, and what it said."""

    def __init__(self, path: Path) -> None:
        self.disk = Disk(path / "p0")
        self.said: list[str] = []
        self.log = Logbook(
            self.disk, AnalyzerSettings(folder=path), AnalyzerMetrics(CollectorRegistry()),
            lambda _: self.said.append("failed"), lambda: self.said.append("recovered"),
        )  # fmt: skip
        self.log.open()
        self.log.recover()
        self.n = 0

    def batch(self) -> bool:
        self.n += 1
        return self.log.append(Record(self.n, [("t", b"x")]))

    async def snapshot(self) -> None:
        writing = self.log.snapshot(ENGINE.freeze, [])
        assert writing is not None
        await asyncio.wait({writing})
        await asyncio.sleep(0)

    def kept(self) -> list[int]:
        """The records that the next start would find."""
        self.log.close()
        again = Folder(self.disk.path)
        again.open()
        try:
            return [record.received for record in again.recover().records]
        finally:
            again.close()


async def test_snapshots_that_fail_are_spaced_and_stop_no_journal(tmp_path: Path) -> None:
    book = Book(tmp_path)
    book.disk.snapshots = False
    assert book.batch()
    await book.snapshot()
    for _ in range(100):
        assert book.batch()
        if book.log.due:
            await book.snapshot()
    assert (book.log.ok, book.said, book.disk.attempts) == (True, [], 1)
    assert book.kept() == list(range(1, 102)), "the older generation and all journals since"


async def test_nothing_is_appended_behind_a_hole_and_only_a_whole_snapshot_mends_it(tmp_path: Path) -> None:
    book = Book(tmp_path)
    assert book.batch()
    book.disk.appends = book.disk.snapshots = False
    assert not book.batch()
    book.disk.appends = True
    assert not book.batch(), "behind the hole"
    assert book.log.due
    await book.snapshot()
    assert (book.log.ok, book.log.due) == (False, False), "it waits before the next attempt"
    book.disk.snapshots = True
    await book.snapshot()
    assert (book.log.ok, book.said) == (True, ["failed", "recovered"])
    assert book.batch()
    assert book.kept() == [4]


async def test_a_record_refused_while_the_snapshot_is_written_is_not_covered_by_it(tmp_path: Path) -> None:
    book = Book(tmp_path)
    book.disk.appends = False
    assert not book.batch()
    writing = book.log.snapshot(ENGINE.freeze, [])
    assert writing is not None
    assert not book.batch()
    await asyncio.wait({writing})
    await asyncio.sleep(0)
    assert book.said == ["failed"]
    book.disk.appends = True
    await book.snapshot()
    assert book.said == ["failed", "recovered"]
    book.log.close()


async def test_attempts_on_a_full_disk_leave_no_row_of_empty_journals(tmp_path: Path) -> None:
    book = Book(tmp_path)
    book.disk.appends = book.disk.snapshots = False
    for _ in range(5):
        assert not book.batch()
        await book.snapshot()
    assert len(list(book.disk.path.glob("journal-*"))) == 1
    book.log.close()


async def test_the_folder_is_locked_until_it_is_closed(tmp_path: Path) -> None:
    book = Book(tmp_path)
    with pytest.raises(PartitionTaken):
        Book(tmp_path)
    book.log.close()
    Book(tmp_path).log.close()
