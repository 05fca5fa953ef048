"""What is missing now: from the ledger, as soon as it is committed, and since the moment it could be known."""

import asyncio
from collections.abc import Callable, Iterable, Iterator
from datetime import datetime

import msgspec
import psycopg
import pytest

from telemetry.clock import now_ms, to_datetime, to_ms
from telemetry.errors import Refusal
from telemetry.settings import DatabaseSettings
from telemetry.storage.gaps import Gap, open_gaps
from telemetry.storage.items import Item, Noted, Reading, Refused
from telemetry.storage.pool import Database
from telemetry.storage.writer import Writer
from telemetry.wire import frames, payloads, topics
from telemetry.wire.payloads import BootEnd, Presence
from tests.helpers.publisher import frame
from tests.helpers.rows import fetch, value

BOOT = "5f2c77e01b9d4a36"
OLDER = "00000000000000aa"
NOW = now_ms() // 1000 * 1000
Store = Callable[..., object]


def read(seqs: Iterable[int], device: str = "c-1", boot: str = BOOT, start: int = NOW - 60_000) -> list[Item]:
    """Frames of a crane, one a second, number 0 at `start`."""
    topic = topics.parse(f"cw/v1/s/crane/{device}/up/reading")
    items: list[Item] = []
    for seq in seqs:
        payload = frame(boot, seq, start + seq * 1000, load_t=1.0)
        items.append(Reading(topic, frames.decode("crane", payload), payload))
    return items


def born(device: str = "c-1", boot: str = BOOT, *ended: tuple[str, int]) -> Item:
    """A birth."""
    note = Presence(online=True, boot=boot, ended=[BootEnd(boot=old, seq=seq) for old, seq in ended])
    return Noted(topics.parse(f"cw/v1/s/crane/{device}/up/presence"), note, payloads.encode(note))


@pytest.fixture
def store(database: DatabaseSettings) -> Iterator[Store]:
    """Store items, as if they had been received so many seconds from NOW."""
    writer = Writer(database, application="test")
    yield lambda items, after=0: writer.store(items, NOW + after * 1000)
    writer.close()


def gaps(settings: DatabaseSettings, overdue_s: float = 60.0) -> list[Gap]:
    async def ask() -> list[Gap]:
        async with Database(settings, application="test") as database:
            return await open_gaps(database, overdue_s=overdue_s)

    return asyncio.run(ask())


def at(seconds: float) -> datetime:
    return to_datetime(NOW + round(seconds * 1000))


def test_nothing_is_missing_of_a_boot_that_came_whole(database: DatabaseSettings, store: Store) -> None:
    store(read(range(1, 20)))
    store(read(range(20, 40)))
    assert gaps(database) == []
    assert value(database, "SELECT count(*) FROM seq_mark") in (1, 2)


def test_a_hole_is_open_since_the_first_frame_above_it_was_received_and_closes(
    database: DatabaseSettings, store: Store
) -> None:
    store(read(range(1, 11)), -300)
    store(read(range(21, 31)), -200)
    store(read(range(31, 41)), -100)
    store(read(range(51, 61)), -50)
    assert gaps(database) == [Gap("s", "crane", "c-1", 20, at(-200), True)]
    assert gaps(database, 86_400) == [Gap("s", "crane", "c-1", 20, at(-200), False)]
    # Half of it is filled: what is left is as old as it was.
    store(read(range(11, 16)), -20)
    assert gaps(database) == [Gap("s", "crane", "c-1", 15, at(-200), True)]
    store(read(range(16, 21)), -10)
    assert gaps(database, 40) == [Gap("s", "crane", "c-1", 10, at(-50), True)]
    store(read(range(41, 51)))
    assert gaps(database) == []


def test_the_frames_before_the_first_one_that_came_are_missing(database: DatabaseSettings, store: Store) -> None:
    store(read([5, 6]), -10)
    assert gaps(database, 86_400) == [Gap("s", "crane", "c-1", 4, at(-10), False)]


def test_the_end_of_a_boot_is_missing_once_the_device_has_said_where_it_was(
    database: DatabaseSettings, store: Store
) -> None:
    store(read(range(1, 11), boot=OLDER), -100)
    assert gaps(database) == []
    store([born("c-1", BOOT, (OLDER, 14)), *read(range(1, 3))])
    found = gaps(database)
    assert [(gap.device, gap.frames) for gap in found] == [("c-1", 4)]
    assert abs(to_ms(found[0].since) - now_ms()) < 60_000, "since it was declared"
    # A birth is retained, and comes again; an older statement does not take back a newer one.
    store([born("c-1", BOOT, (OLDER, 12))])
    assert gaps(database)[0] == found[0]
    store(read(range(11, 15), boot=OLDER))
    assert gaps(database) == []


def test_a_boot_of_which_nothing_came_is_missing_whole_and_numbered_before_the_next(
    database: DatabaseSettings, store: Store
) -> None:
    store([*read(range(1, 3)), born("c-1", BOOT, (OLDER, 7), ("ffffffff", 2))])
    assert [gap.frames for gap in gaps(database)] == [9]
    order = fetch(database, "SELECT boot FROM device_boot ORDER BY boot_no")
    assert order == [("ffffffff",), (OLDER,), (BOOT,)]


def test_what_is_quarantined_or_declared_lost_is_not_missing(database: DatabaseSettings, store: Store) -> None:
    topic = topics.parse("cw/v1/s/crane/c-1/up/reading")
    refused = Refused("cw/v1/s/crane/c-1/up/reading", topic, b"{}", Refusal.INVALID, "", (BOOT, 3))
    store([*read([1, 2, 4, 5, 8]), refused])
    assert [gap.frames for gap in gaps(database)] == [2]
    with psycopg.connect(database.url.get_secret_value()) as connection:
        connection.execute("UPDATE frame_ledger SET lost = '{[6,8)}'")
    assert gaps(database) == []
    writer = Writer(database, application="test")
    (_, _, (receipt,)) = writer.receipts([1])[0]
    writer.close()
    assert (receipt.upto, receipt.ranges) == (8, []), "what is lost may be forgotten"


def test_boxes_that_claim_absurd_numbers_hide_nobody_else(database: DatabaseSettings, store: Store) -> None:
    store(read([2**53 - 1], "c-mad", start=NOW - 60_000 - (2**53 - 1) * 1000), -20)
    with psycopg.connect(database.url.get_secret_value()) as connection:
        connection.execute("INSERT INTO device_boot SELECT 1, n, 'many-' || n FROM generate_series(100, 2000) n")
        connection.execute(
            "INSERT INTO frame_ledger (device_id, boot_no, stored)"
            " SELECT 1, n, '{[9007199254740990,9007199254740991)}' FROM generate_series(100, 2000) n"
        )
    store(read([1, 3], "c-2"), -10)
    found = {gap.device: gap.frames for gap in gaps(database)}
    assert found == {"c-mad": 2**53 - 1, "c-2": 1}


def test_who_waits_longest_comes_first(database: DatabaseSettings, store: Store) -> None:
    store(read([1, 3], "c-2"), -10)
    store(read([1, 3], "c-1"), -20)
    store(read([1, 2], "c-3"), -30)
    assert [gap.device for gap in gaps(database)] == ["c-1", "c-2"]


def test_a_birth_that_declares_nothing_is_encoded_as_before() -> None:
    assert payloads.encode(Presence(online=True, boot=BOOT)) == msgspec.json.encode({"online": True, "boot": BOOT})
