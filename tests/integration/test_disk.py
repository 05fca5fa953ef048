"""The analyzer on a volume that is full, read-only or not what it should be: alarms go on, and all of it is said."""

import asyncio
import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest

from analytics.frozen import pack
from analytics.journal import Folder
from analytics.logbook import Saved
from telemetry.wire import payloads
from telemetry.wire.payloads import Alarm, Transition
from tests.helpers.hour import SITE, Step, recorded
from tests.helpers.line import Life, Plan

STEPS = recorded({}, steps=210)
JOURNAL = f"cw/v1/{SITE}/analyzer/p0/down/alarm/journal"
RETRY_S = 1.6  # of a snapshot, with its jitter


@pytest.fixture
def volume(tmp_path: Path) -> Iterator[Path]:
    """A file system of its own, of 512 KiB."""
    if os.geteuid() != 0:
        pytest.skip("mounting a tmpfs needs root")
    path = tmp_path / "volume"
    path.mkdir()
    made = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=512k", "tmpfs", path], capture_output=True, text=True)
    if made.returncode:
        pytest.skip(f"no tmpfs here: {made.stderr.strip()}")
    yield path
    subprocess.run(["umount", "-l", path], check=True)


@pytest.fixture(scope="module")
def calm(tmp_path_factory: pytest.TempPathFactory) -> list[bytes]:
    """What an analyzer on a good volume says."""
    life = Life(tmp_path_factory.mktemp("calm"), Plan((), every=10**9))
    asyncio.run(life.play(STEPS))
    return derived(life)


def derived(life: Life) -> list[bytes]:
    return [raw for raw in life.transitions().values() if not payloads.decode(Transition, raw).observed]


def fill(volume: Path) -> Path:
    """Not one byte is left."""
    ballast = volume / "ballast"
    with ballast.open("wb", buffering=0) as file:
        try:
            while True:
                file.write(b"x" * 4096)
        except OSError:
            pass
    return ballast


def journal_alarm(life: Life) -> Alarm | None:
    found = life.line.retained.get(JOURNAL)
    return payloads.decode(Alarm, found) if found else None


async def _full(life: Life, volume: Path, third: list[list[Step]]) -> None:
    await life.begin()
    await life.go_on(third[0])
    assert journal_alarm(life) is None
    ballast = fill(volume)
    await life.go_on(third[1])
    alarm = journal_alarm(life)
    assert alarm is not None
    assert alarm.active
    assert alarm.text is not None
    assert "No space left" in alarm.text.en
    await asyncio.sleep(0.2)
    held = len(life.line.unacknowledged)
    assert life.window - 5 <= held <= life.window, "bounded: beyond it the oldest are acknowledged unjournalled"
    lost = life.partition._metrics.unjournalled._value.get()
    assert lost > 0
    ballast.unlink()
    await asyncio.sleep(RETRY_S)
    await life.go_on(third[2])
    assert life.partition._logbook.ok
    alarm = journal_alarm(life)
    assert alarm is not None
    assert not alarm.active, "over, and left for somebody to have seen"
    assert not life.line.unacknowledged
    await life.restart()
    assert life.faults == [], "a whole snapshot has mended it"
    await life.end()


def thirds() -> list[list[Step]]:
    n = len(STEPS) // 3
    return [STEPS[:n], STEPS[n : 2 * n], STEPS[2 * n :]]


def test_a_full_volume_stops_no_alarm_is_said_and_heals(volume: Path, calm: list[bytes]) -> None:
    life = Life(volume / "p", Plan((), every=10**9))
    life.window = 60
    asyncio.run(_full(life, volume, thirds()))
    assert derived(life) == calm


async def _killed_in_the_hole(life: Life, volume: Path, parts: list[list[Step]]) -> None:
    await life.begin()
    await life.go_on(parts[0])
    fill(volume)
    await life.go_on(parts[1])
    await life.restart()
    await life.end()


def test_a_kill_while_records_are_missing_is_known_at_the_next_start(volume: Path) -> None:
    life = Life(volume / "p", Plan((), every=10**9))
    life.window = 60
    asyncio.run(_killed_in_the_hole(life, volume, thirds()))
    assert any("records are missing" in fault for fault in life.faults)
    assert any("the journal cannot be written" in fault for fault in life.faults)


async def _first(life: Life, part: list[Step]) -> None:
    await life.begin()
    await life.go_on(part)
    await life.end()


async def _read_only(life: Life, parts: list[list[Step]]) -> None:
    life.line.lost()
    await life.begin()
    await life.go_on(parts[1])
    alarm = journal_alarm(life)
    assert alarm is not None
    assert alarm.active
    assert alarm.text is not None
    assert "Read-only" in alarm.text.en
    await life.end()


def test_a_volume_that_became_read_only_is_read_and_what_is_there_is_doubted(volume: Path, calm: list[bytes]) -> None:
    life = Life(volume / "p", Plan((), every=10**9))
    asyncio.run(_first(life, thirds()[0]))
    subprocess.run(["mount", "-o", "remount,ro", volume], check=True)
    asyncio.run(_read_only(life, thirds()))
    assert life.faults == ["the journal cannot be written"]
    n = len(derived(life))
    assert n > 10
    assert derived(life) == calm[:n]


@pytest.mark.parametrize("spoil", ["file", "lock", "hole"])
def test_a_folder_that_is_no_folder_stops_no_alarm(tmp_path: Path, calm: list[bytes], spoil: str) -> None:
    path = tmp_path / "p"
    path.mkdir()
    if spoil == "file":
        (path / "analyze-p0").write_text("what is this")
    else:
        (path / "analyze-p0").mkdir()
        (path / "analyze-p0" / spoil).mkdir()
    life = Life(path, Plan((), every=10**9))
    asyncio.run(life.play(STEPS))
    assert derived(life) == calm
    assert (journal_alarm(life) is not None) == (spoil == "file"), "the others can do without it"


def test_a_snapshot_of_another_partition_is_not_taken_for_ours(tmp_path: Path) -> None:
    life = Life(tmp_path / "a", Plan((), every=10**9))
    asyncio.run(life.play(STEPS[:600]))
    other = life.partition._engine
    other.partition = 7
    shutil.copytree(tmp_path / "a", tmp_path / "b")
    folder = Folder(tmp_path / "b" / "analyze-p0")
    folder.open()
    folder.recover()
    folder.write_snapshot(folder.rotate(), msgspec.msgpack.encode(Saved(pack(other.freeze()), [])))
    folder.close()
    again = Life(tmp_path / "b", Plan((), every=10**9))
    asyncio.run(again.begin())
    asyncio.run(_close(again))
    assert again.faults == ["snapshot: of partition 7"]


async def _close(life: Life) -> None:
    life.partition._logbook.close()
