"""What becomes of the record with time: holes are given up, readings are deleted, and nothing else."""

import getpass
from collections.abc import Callable, Iterable, Iterator
from typing import Any

import psycopg
import pytest

from runtime import record
from telemetry.clock import now_ms, to_datetime
from telemetry.errors import ConfigError
from telemetry.model import Edition
from telemetry.settings import DatabaseSettings
from telemetry.storage.items import Item, Reading
from telemetry.storage.losses import MANY, MOST
from telemetry.storage.upkeep import LOCK, Upkeep
from telemetry.storage.writer import Writer
from telemetry.wire import frames, topics
from tests.helpers.publisher import frame
from tests.helpers.rows import fetch, value

BOOT = "5f2c77e01b9d4a36"
DAY = 86_400_000
NOW = now_ms() // 1000 * 1000
Store = Callable[..., Any]


def read(seqs: Iterable[int], ts: int, device: str = "c-1") -> list[Item]:
    """Frames of a crane, one a second from `ts` on."""
    topic = topics.parse(f"cw/v1/s/crane/{device}/up/reading")
    payloads = [(seq, frame(BOOT, seq, ts + seq * 1000, load_t=1.0)) for seq in seqs]
    return [Reading(topic, frames.decode("crane", payload), payload) for _, payload in payloads]


@pytest.fixture
def writer(database: DatabaseSettings) -> Iterator[Writer]:
    found = Writer(database, application="test")
    yield found
    found.close()


def run(settings: DatabaseSettings, statement: str, *parameters: object) -> None:
    with psycopg.connect(settings.url.get_secret_value(), autocommit=True) as connection:
        connection.execute(statement, parameters)


def declare(settings: DatabaseSettings, days: float = 7.0) -> Any:
    return Upkeep(settings).declare(to_datetime(NOW), journal_days=days)


def retain(settings: DatabaseSettings, now: int = NOW) -> Any:
    return Upkeep(settings).retain(to_datetime(now), quarantine_days=400, hold_days=30)


def test_a_hole_is_given_up_after_the_journals_length_and_what_comes_then_is_stored(
    database: DatabaseSettings, writer: Writer
) -> None:
    ago = NOW - 8 * DAY
    writer.store(read([1, 2, 5, 6], ago), ago)
    writer.store(read([9, 10], NOW - DAY), NOW - DAY)
    assert declare(database).frames == 2
    row = ("{[3,5)}", True, "journal", "{[3,5)}")
    assert fetch(database, "SELECT lost::text, gaps, reason, seqs::text FROM frame_ledger, frame_loss") == [row]
    ((_, _, (receipt,)),) = writer.receipts([1])
    assert (receipt.upto, receipt.ranges) == (6, [(9, 10)]), "the prefix passes over what is lost"
    assert declare(database).frames == 0, "once"
    writer.store(read([3, 7, 8], NOW), NOW)
    assert fetch(database, "SELECT stored::text, gaps FROM frame_ledger") == [("{[1,4),[5,11)}", False)]


def test_a_boot_in_many_pieces_leaves_the_ledger_and_the_truth_is_kept(
    database: DatabaseSettings, writer: Writer
) -> None:
    ago = NOW - 9 * DAY
    seqs = range(1, 2 * MANY + 3, 2)
    writer.store(read(seqs, ago), ago)
    run(database, "UPDATE frame_ledger SET evaluated = stored")
    found = declare(database)
    assert (found.frames, found.boots) == (MANY, 1)
    top = seqs[-1]
    assert fetch(database, "SELECT stored::text, evaluated::text, lost::text, gaps, archived FROM frame_ledger") == [
        (f"{{[1,{top + 1})}}", f"{{[1,{top + 1})}}", "{}", False, top)
    ]
    kept = "SELECT (SELECT array_agg(lower(r) ORDER BY r) FROM unnest(stored) r), evaluated = stored, low, high,"
    kept += " (SELECT sum(upper(r) - lower(r))::int FROM unnest(lost) r) FROM frame_archive"
    assert fetch(database, kept) == [(list(seqs), True, 1, top, MANY)]
    assert declare(database).boots == 0
    writer.store(read([top + 1, top + 3], NOW), NOW)
    assert value(database, "SELECT stored::text FROM frame_ledger") == f"{{[1,{top + 2}),[{top + 3},{top + 4})}}"


def test_a_boot_in_far_too_many_pieces_is_given_up_in_part_and_said_so(
    database: DatabaseSettings, writer: Writer
) -> None:
    ago = NOW - DAY  # too young to be given up for its age
    seqs = range(1, 2 * MOST + 3, 2)
    for k in range(0, len(seqs), 500):
        writer.store(read(seqs[k : k + 500], ago), ago)
    found = Upkeep(database).declare(to_datetime(NOW), journal_days=7, thorough=False)
    assert found is not None
    assert (found.frames, found.boots) == (MOST // 2 + 1, 1)
    pieces = "SELECT (SELECT count(*)::int FROM unnest(stored)), gaps FROM frame_ledger"
    assert fetch(database, pieces) == [(MOST // 2, True)]
    assert [row[0] for row in fetch(database, "SELECT reason FROM frame_loss")] == ["fragmented"]
    ((_, _, (receipt,)),) = writer.receipts([1])
    assert receipt.upto >= MOST, "it need not be sent again"


def test_a_person_may_give_up_what_is_missing_of_a_device(database: DatabaseSettings, writer: Writer) -> None:
    writer.store([*read([1, 4], NOW), *read([1, 4], NOW, "c-2")], NOW)
    assert record.give_up(database, "s/c-1", "box replaced") == 2
    losses = fetch(database, "SELECT device_id, reason, detail, seqs::text FROM frame_loss")
    assert losses == [(1, "declared", f"{getpass.getuser()}: box replaced", "{[2,4)}")]
    assert [row[0] for row in fetch(database, "SELECT gaps FROM frame_ledger ORDER BY device_id")] == [False, True]
    assert record.give_up(database, "s/crane/c-1", "again") == 0
    with pytest.raises(ValueError, match="one device at a time"):
        record.give_up(database, "s", "all")
    with pytest.raises(ConfigError, match="0 devices"):
        record.give_up(database, "s/crane/c-9", "typo")


def test_one_process_at_a_time_does_it(database: DatabaseSettings) -> None:
    with psycopg.connect(database.url.get_secret_value(), autocommit=True) as connection:
        connection.execute("SELECT pg_advisory_lock(%s)", (LOCK,))
        assert declare(database) is None
        assert retain(database) is None
        # A server lets go of the lock of a closed connection when it comes to it.
        connection.execute("SELECT pg_advisory_unlock(%s)", (LOCK,))
    assert declare(database) is not None


def kept(settings: DatabaseSettings) -> list[int]:
    return [row[0] for row in fetch(settings, "SELECT DISTINCT seq FROM reading_crane ORDER BY seq")]


def test_readings_go_after_retention_in_whole_days_and_that_is_written_down(
    database: DatabaseSettings, writer: Writer
) -> None:
    if value(database, "SELECT edition FROM schema_migration LIMIT 1") == Edition.COMMUNITY:
        pytest.skip("the community edition drops by its own policies, see test_community.py")
    old, young = NOW - 380 * DAY, NOW - 370 * DAY
    writer.store(read([1, 2], old) + read([3], young), NOW)
    run(database, "UPDATE frame_ledger SET evaluated = stored")
    assert retain(database).before == to_datetime((NOW - 400 * DAY) // DAY * DAY)
    assert kept(database) == [1, 2, 3]
    later = NOW + 25 * DAY
    done = retain(database, later)
    assert not done.held
    assert kept(database) == [3]
    (event,) = fetch(database, "SELECT type, detail FROM record_event")
    assert event[0] == "retention"
    assert list(event[1]["deleted"]) == ["reading_crane"]
    assert retain(database, later).chunks == {}
    assert value(database, "SELECT count(*) FROM record_event") == 1
    assert value(database, "SELECT stored::text FROM frame_ledger") == "{[1,4)}", "what came is never forgotten"


def test_what_waits_for_its_review_is_kept_thirty_days_more(database: DatabaseSettings, writer: Writer) -> None:
    if value(database, "SELECT edition FROM schema_migration LIMIT 1") == Edition.COMMUNITY:
        pytest.skip("the community edition drops by its own policies, see test_community.py")
    writer.store(read([1, 2], NOW - 390 * DAY), NOW)
    done = retain(database, NOW + 20 * DAY)
    assert done.held
    assert kept(database) == [1, 2]
    done = retain(database, NOW + 45 * DAY)
    assert done.held
    assert kept(database) == []
    assert value(database, "SELECT detail->'held' FROM record_event") is True


def test_what_is_no_reading_goes_by_its_receipt_and_the_last_coverage_stays(
    database: DatabaseSettings, writer: Writer
) -> None:
    writer.store(read([1], 5), NOW - 500 * DAY)
    writer.store(read([2], 5), NOW)
    run(
        database,
        "INSERT INTO coverage_change (device_id, at_ms, level, payload, received_at)"
        " SELECT 1, 100 - n, 'monitored', '{}', now() - n * '100 days'::interval FROM generate_series(1, 6) AS n",
    )
    retain(database)
    assert [row[0] for row in fetch(database, "SELECT seq FROM reading_misdated ORDER BY seq")] == [2]
    days = "SELECT round(extract(epoch FROM now() - received_at) / 86400)::int FROM coverage_change ORDER BY 1"
    assert [row[0] for row in fetch(database, days)] == [100, 200, 300, 400, 500]
    run(database, "DELETE FROM coverage_change WHERE received_at > now() - '450 days'::interval")
    retain(database)
    assert [row[0] for row in fetch(database, days)] == [500], "how it has been watched since then"
