"""The partition's folder: cut at every byte, damaged, foreign, locked."""

from pathlib import Path

import pytest

from analytics import journal
from analytics.journal import Folder, PartitionTaken, Record

RECORDS = [Record(1000 + k, [(f"cw/v1/a/crane/c{k}/up/reading", b"x" * k), ("t", b"\x00\xff")]) for k in range(4)]
DATA = b"".join(journal.encode(record) for record in RECORDS)
ENDS = [sum(len(journal.encode(r)) for r in RECORDS[: k + 1]) for k in range(4)]


@pytest.fixture
def folder(tmp_path: Path) -> Folder:
    made = Folder(tmp_path / "p0")
    made.open()
    made.recover()
    return made


def begin(folder: Folder, records: list[Record]) -> int:
    number = folder.rotate()
    for record in records:
        folder.append(record)
    return number


@pytest.mark.parametrize("cut", range(len(DATA) + 1))
def test_a_journal_cut_anywhere_gives_the_whole_records_before_the_cut(cut: int) -> None:
    records, damaged = journal.decode(DATA[:cut])
    assert records == RECORDS[: sum(end <= cut for end in ENDS)]
    assert not damaged, "a kill is no damage"


@pytest.mark.parametrize("place", range(8, ENDS[0]))
def test_a_flipped_bit_is_damage_and_nothing_after_it_is_believed(place: int) -> None:
    wrong = bytearray(DATA)
    wrong[place] ^= 0x10
    assert journal.decode(bytes(wrong)) == ([], True)


def test_what_was_appended_is_recovered_in_order(folder: Folder, tmp_path: Path) -> None:
    begin(folder, RECORDS[:2])
    begin(folder, RECORDS[2:])
    folder.close()
    again = Folder(tmp_path / "p0")
    again.open()
    found = again.recover()
    assert (found.snapshot, found.records, found.faults, found.empty) == (None, RECORDS, [], False)


def test_a_snapshot_replaces_the_journals_before_it_and_two_generations_stay(folder: Folder, tmp_path: Path) -> None:
    for k, record in enumerate(RECORDS):
        number = begin(folder, [record])
        folder.write_snapshot(number, b"state %d" % k)
    found = folder.recover()
    assert found.snapshot == b"state 3"
    assert found.records == RECORDS[3:]
    assert sorted(path.name for path in (tmp_path / "p0").iterdir() if "-" in path.name) == [
        "journal-00000003", "journal-00000004", "snapshot-00000003", "snapshot-00000004",
    ]  # fmt: skip


@pytest.mark.parametrize("spoil", ["torn", "flipped", "foreign", "empty"])
def test_a_bad_snapshot_falls_back_to_the_one_before_and_all_records_since(
    folder: Folder, tmp_path: Path, spoil: str
) -> None:
    for k in (0, 1):
        number = begin(folder, [RECORDS[k]])
        folder.write_snapshot(number, b"state %d" % k)
    path = tmp_path / "p0" / f"snapshot-{number:08d}"
    data = path.read_bytes()
    path.write_bytes({"torn": data[:-1], "flipped": data[:-1] + b"?", "foreign": b"hello", "empty": b""}[spoil])
    found = folder.recover()
    assert found.snapshot == b"state 0"
    assert found.records == RECORDS[:2]
    assert len(found.faults) == 1
    assert path.name in found.faults[0]


def test_a_folder_without_any_whole_snapshot_says_that_something_is_missing(folder: Folder, tmp_path: Path) -> None:
    for k in range(3):
        number = begin(folder, [RECORDS[k]])
        folder.write_snapshot(number, b"state")
    for path in (tmp_path / "p0").glob("snapshot-*"):
        path.write_bytes(b"")
    found = folder.recover()
    assert found.snapshot is None
    assert any("no whole snapshot" in fault for fault in found.faults)


def test_a_fresh_folder_is_empty_and_no_fault(folder: Folder) -> None:
    assert folder.recover() == journal.Recovered(None, [], [], True)


def test_a_second_worker_does_not_get_the_folder(folder: Folder, tmp_path: Path) -> None:
    second = Folder(tmp_path / "p0")
    with pytest.raises(PartitionTaken, match="another analyzer"):
        second.open()
    folder.close()
    second.open()
    second.close()


def test_a_kill_while_a_snapshot_is_written_leaves_the_older_one(folder: Folder, tmp_path: Path) -> None:
    number = begin(folder, [RECORDS[0]])
    folder.write_snapshot(number, b"state")
    (tmp_path / "p0" / "snapshot-00000009.partial").write_bytes(b"CWS1 half")
    found = folder.recover()
    assert (found.snapshot, found.faults) == (b"state", [])


def test_a_journal_that_is_gone_from_the_middle_is_said(folder: Folder, tmp_path: Path) -> None:
    number = begin(folder, [RECORDS[0]])
    folder.write_snapshot(number, b"state")
    begin(folder, [RECORDS[1]])
    begin(folder, [RECORDS[2]])
    for gone in (number, number + 1):
        (tmp_path / "p0" / f"journal-{gone:08d}").unlink()
        assert f"journal-{gone:08d}: gone" in folder.recover().faults


@pytest.mark.parametrize("what", ["journal", "snapshot"])
def test_a_directory_in_place_of_a_file_is_a_fault_and_no_end(folder: Folder, tmp_path: Path, what: str) -> None:
    begin(folder, [RECORDS[0]])
    (tmp_path / "p0" / f"{what}-00000007").mkdir()
    found = folder.recover()
    assert len(found.faults) >= 1
    assert any(f"{what}-00000007" in fault for fault in found.faults)
    number = begin(folder, [RECORDS[1]])
    assert number == 8
    folder.write_snapshot(number, b"state")
    assert folder.recover().snapshot == b"state"


@pytest.mark.parametrize("cut", range(4 + 12 + 6))
def test_a_snapshot_cut_anywhere_is_torn(folder: Folder, tmp_path: Path, cut: int) -> None:
    number = begin(folder, [RECORDS[0]])
    folder.write_snapshot(number, b"state!")
    path = tmp_path / "p0" / f"snapshot-{number:08d}"
    path.write_bytes(path.read_bytes()[:cut])
    found = folder.recover()
    assert found.snapshot is None
    assert any(path.name in fault for fault in found.faults)


def test_a_hole_is_marked_in_place_and_found_by_the_next_start(folder: Folder, tmp_path: Path) -> None:
    begin(folder, RECORDS[:1])
    for hole, faults in ((True, 1), (True, 1), (False, 0)):
        folder.mark(hole=hole)
        folder.close()
        folder = Folder(tmp_path / "p0")
        folder.open()
        assert len(folder.recover().faults) == faults


def test_a_folder_of_before_there_was_a_mark_has_none(folder: Folder, tmp_path: Path) -> None:
    begin(folder, RECORDS[:1])
    folder.close()
    (tmp_path / "p0" / "hole").unlink()
    again = Folder(tmp_path / "p0")
    again.open()
    assert again.recover().faults == []
    # A mark that could not be written in time is taken for the worse.
    (tmp_path / "p0" / "hole").write_bytes(b"")
    again.close()
    again.open()
    assert len(again.recover().faults) == 1
