"""The devices' journal."""

import sqlite3
from pathlib import Path

import pytest

from simulators import journal
from simulators.journal import Journal
from simulators.resend import Run
from telemetry.errors import ConfigError

DEVICE = ("demo", "crane", "crane-1")


def test_what_was_committed_is_there_after_the_process_died(tmp_path: Path) -> None:
    path = tmp_path / "j.db"
    dying = Journal(path)
    dying.__enter__()
    dying.begin_run(7)
    dying.begin_boot(*DEVICE, "boot-one")
    dying.add(*DEVICE, "boot-one", 1, b"one")
    dying.commit()
    dying.add(*DEVICE, "boot-one", 2, b"two")
    dying._db.close()  # dies before the commit
    with Journal(path) as again:
        assert again.unreceipted(*DEVICE) == [("boot-one", 1)]
        assert again.payload(*DEVICE, "boot-one", 1) == b"one"
        assert again.payload(*DEVICE, "boot-one", 2) is None


def test_the_first_publish_keeps_its_moment(tmp_path: Path) -> None:
    path = tmp_path / "j.db"
    with Journal(path) as book:
        book.begin_run(7)
        book.begin_boot(*DEVICE, "boot-one")
        for seq in (1, 2, 3):
            book.add(*DEVICE, "boot-one", seq, b"x")
        book.sent(*DEVICE, "boot-one", 1, "up", 111)
        book.sent(*DEVICE, "boot-one", 2, "up", 222)
        book.sent(*DEVICE, "boot-one", 2, "late", 999)
        book.settle(*DEVICE, [Run("boot-one", 1, 1)])
    assert journal.published(path) == {("crane-1", "boot-one", 1): 111, ("crane-1", "boot-one", 2): 222}
    assert journal.published(path, lane="up") == {("crane-1", "boot-one", 1): 111}
    assert [(row.seq, row.sendings, row.receipted) for row in journal.produced(path)] == [
        (1, 1, True),
        (2, 2, False),
        (3, 0, False),
    ]


def test_a_journal_can_be_read_while_it_is_written(tmp_path: Path) -> None:
    with Journal(tmp_path / "j.db") as book:
        book.begin_run(7)
        book.begin_boot(*DEVICE, "boot-one")
        book.add(*DEVICE, "boot-one", 1, b"x")
        book.commit()
        book.add(*DEVICE, "boot-one", 2, b"x")
        assert [row.seq for row in journal.produced(tmp_path / "j.db")] == [1]


def test_a_boot_is_never_taken_twice(tmp_path: Path) -> None:
    with Journal(tmp_path / "j.db") as book:
        book.begin_run(7)
        book.begin_boot(*DEVICE, "boot-one")
        with pytest.raises(ConfigError, match="used before"):
            book.begin_boot(*DEVICE, "boot-one")


def test_runs_are_counted_and_can_be_read_apart(tmp_path: Path) -> None:
    path = tmp_path / "j.db"
    for number, boot in enumerate(("boot-one", "boot-two")):
        with Journal(path) as book:
            assert book.begin_run(7) == number
            book.begin_boot(*DEVICE, boot)
            book.add(*DEVICE, boot, 1, b"x")
    assert [row.boot for row in journal.produced(path)] == ["boot-one", "boot-two"]
    assert [row.boot for row in journal.produced(path, run=1)] == ["boot-two"]


def test_boots_that_are_over_are_told_newest_first_with_their_last_seq(tmp_path: Path) -> None:
    with Journal(tmp_path / "j.db") as book:
        book.begin_run(7)
        for boot, last in (("boot-one", 3), ("boot-two", 0), ("boot-three", 2), ("boot-four", 1)):
            book.begin_boot(*DEVICE, boot)
            for seq in range(1, last + 1):
                book.add(*DEVICE, boot, seq, b"x")
        book.begin_boot("demo", "crane", "crane-2", "boot-five")
        book.add("demo", "crane", "crane-2", "boot-five", 9, b"x")
        assert book.ended(*DEVICE, 8) == [("boot-four", 1), ("boot-three", 2), ("boot-one", 3)]
        assert book.ended(*DEVICE, 2) == [("boot-four", 1), ("boot-three", 2)]


def test_at_the_bound_receipted_frames_go_first_and_the_rest_is_counted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(journal, "PRUNE_EVERY", 10)
    with Journal(tmp_path / "j.db", max_frames=20) as book:
        book.begin_run(7)
        book.begin_boot(*DEVICE, "boot-one")
        for seq in range(1, 31):
            book.add(*DEVICE, "boot-one", seq, b"x")
        book.settle(*DEVICE, [Run("boot-one", 16, 20)])
        gone = book.commit()
        # 30 frames, room for 20: the five receipted ones go, and the five oldest of the others.
        assert [frame.seq for frame in gone] == [1, 2, 3, 4, 5]
        assert book.forgotten == 5
        left = [seq for _, seq in book.unreceipted(*DEVICE)]
        assert left == [*range(6, 16), *range(21, 31)]


def test_a_file_of_something_else_is_refused_and_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "other.db"
    path.write_bytes(b"not a database, but long enough to be looked at" * 100)
    with pytest.raises(ConfigError, match="cannot be used as a journal"), Journal(path):
        pass
    newer = tmp_path / "newer.db"
    with sqlite3.connect(newer) as db:
        db.execute("PRAGMA user_version = 99")
    db.close()
    with pytest.raises(ConfigError, match="version 99"), Journal(newer):
        pass


def test_reading_what_is_not_there_is_an_error_and_makes_no_file(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="no journal"):
        journal.published(tmp_path / "none.db")
    assert not (tmp_path / "none.db").exists()
