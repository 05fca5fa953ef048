"""The completeness statement on real databases: what was sent on a day, and what became of it."""

import asyncio
import json
import subprocess
import sys
from collections.abc import Callable, Iterable, Iterator
from datetime import UTC, date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import psycopg
import pytest

from telemetry.clock import to_ms, utc_now
from telemetry.errors import Refusal
from telemetry.settings import DatabaseSettings, MqttSettings
from telemetry.storage import completeness
from telemetry.storage.balance import Frames, total
from telemetry.storage.completeness import DeviceHoles, Statement
from telemetry.storage.items import Item, Noted, Reading, Refused
from telemetry.storage.losses import MANY
from telemetry.storage.pool import Database
from telemetry.storage.upkeep import Upkeep
from telemetry.storage.writer import Writer
from telemetry.wire import frames, payloads, topics
from telemetry.wire.payloads import BootEnd, Evaluated, Presence
from tests.helpers.api import ApiProcess
from tests.helpers.publisher import frame
from tests.helpers.services import environment

BOOT = "5f2c77e01b9d4a36"
NEXT = "77ab01c2d3e4f506"
ZONE = ZoneInfo("Asia/Shanghai")
TODAY = (utc_now() - timedelta(days=20)).astimezone(ZONE).date()
MIDNIGHT = to_ms(datetime(TODAY.year, TODAY.month, TODAY.day, tzinfo=ZONE).astimezone(UTC))
TOPIC = "cw/v1/s/crane/c-1"
Store = Callable[..., Any]


def read(seqs: Iterable[int], start: int, step: int = 1000, boot: str = BOOT) -> list[Item]:
    """Frames of a crane, number 0 at `start`."""
    topic = topics.parse(f"{TOPIC}/up/reading")
    sent = [(seq, frame(boot, seq, start + seq * step, load_t=1.0)) for seq in seqs]
    return [Reading(topic, frames.decode("crane", payload), payload) for _, payload in sent]


def noted(leaf: str, note: Any) -> Item:
    return Noted(topics.parse(f"{TOPIC}/{leaf}"), note, payloads.encode(note))


@pytest.fixture
def store(database: DatabaseSettings) -> Iterator[Store]:
    """Store items as if received at a moment in Unix ms."""
    writer = Writer(database, application="test")
    yield writer.store
    writer.close()


def ask(settings: DatabaseSettings, day: date = TODAY, *, details: bool = True) -> Statement:
    async def work() -> list[Statement]:
        async with Database(settings, application="test") as database:
            return await completeness.statements(database, day, site="s", overdue_s=3600, details=details)

    (found,) = asyncio.run(work())
    return found


def holes(settings: DatabaseSettings) -> DeviceHoles:
    async def work() -> list[DeviceHoles]:
        async with Database(settings, application="test") as database:
            return await completeness.missing(database, site="s", device="c-1")

    (found,) = asyncio.run(work())
    return found


def test_every_frame_of_the_day_is_accounted_for(database: DatabaseSettings, store: Store) -> None:
    noon = MIDNIGHT + 12 * 3_600_000
    refused = Refused(f"{TOPIC}/up/reading", topics.parse(f"{TOPIC}/up/reading"), b"{}", Refusal.INVALID, "", (BOOT, 8))
    unreadable = Refused(f"{TOPIC}/up/reading", topics.parse(f"{TOPIC}/up/reading"), b"x", Refusal.MALFORMED, "")
    store([*read([1, 2, 3, 4], noon), refused, unreadable], noon + 4000)
    store(read([11, 12], noon), noon + 12_000)
    store(read([5, 6], noon), noon + 60_000)
    store([noted("down/evaluated", Evaluated(boots={BOOT: [(1, 4), (11, 12)]}))], noon + 60_000)
    store([noted("up/presence", Presence(online=True, boot=NEXT, ended=[BootEnd(boot=BOOT, seq=15)]))], noon + 90_000)
    found = ask(database)
    assert found.frames == Frames(
        sent=15, stored=8, quarantined=1, missing=6, overdue=3, tail=3, evaluated=6, unreviewed=2,
        quarantined_by={"invalid": 1},
    )  # fmt: skip
    assert found.frames.late == 2
    assert found.boots == [(BOOT, found.frames)]
    assert found.unreadable == {"malformed": 1}
    assert (found.day.date, found.day.zone) == (TODAY, "Asia/Shanghai")
    assert found.readings == 8
    assert [(hole.first, hole.last, hole.tail) for hole in holes(database).holes] == [
        (7, 7, False), (9, 10, False), (13, 15, True),
    ]  # fmt: skip
    first = holes(database).holes[0]
    assert (to_ms(first.since), first.boot) == (noon + 12_000, BOOT)
    assert noon + 5000 <= first.from_ms <= noon + 11_000


def test_days_add_up_and_a_missing_weekend_is_in_its_days(database: DatabaseSettings, store: Store) -> None:
    step = 600_000  # one frame in ten minutes: 144 a day
    store(read(range(1, 145), MIDNIGHT - step, step), MIDNIGHT + 86_400_000)
    store(read(range(433, 577), MIDNIGHT - step, step), MIDNIGHT + 4 * 86_400_000)
    days = [ask(database, TODAY + timedelta(days=k), details=False).frames for k in range(-1, 6)]
    assert [(day.sent, day.stored) for day in days] == [
        (0, 0), (144, 144), (144, 0), (144, 0), (144, 144), (0, 0), (0, 0),
    ]  # fmt: skip
    assert total(days) == Frames(sent=576, stored=288, missing=288, overdue=288, unreviewed=288)


def test_a_box_without_a_clock_is_in_the_days_in_which_it_was_received(
    database: DatabaseSettings, store: Store
) -> None:
    store(read([1, 2], 0), MIDNIGHT - 1000)
    store(read([3, 4, 5], 0), MIDNIGHT + 1000)
    days = [ask(database, TODAY + timedelta(days=k)).frames for k in (-1, 0)]
    assert [(day.stored, day.misdated) for day in days] == [(2, 2), (3, 3)]


def test_how_far_the_clock_was_off_is_told_by_what_was_live(database: DatabaseSettings, store: Store) -> None:
    noon = MIDNIGHT + 12 * 3_600_000
    for seq in range(1, 11):
        store(read([seq], noon), noon + seq * 1000 + 200)
    for seq in range(11, 14):
        store(read([seq], noon - 7000), noon + seq * 1000 + 200)  # set back by seven seconds
    store(read([14], noon - 1000, 1000), noon + 14_200)  # 13 s: as the one in which it was set back by one
    store([noted("down/evaluated", Evaluated(boots={BOOT: [(1, 14)]}))], noon + 60_000)
    store(read(range(20, 30), noon), noon + 5_000_000)  # late: says nothing of the clock
    clock = ask(database).clock
    assert clock is not None
    assert (clock.live, clock.within_5s, clock.median_ms) == (14, 11, -200.0)
    assert (clock.steps_back, clock.jumps, clock.repeats) == (1, 2, 0)
    store(read([30, 31], noon + 29_000, 0), noon + 60_000)  # stands still at the time of number 29
    clock = ask(database).clock
    assert clock is not None
    assert clock.repeats == 2


def test_what_was_lost_and_archived_is_still_accounted_for(database: DatabaseSettings, store: Store) -> None:
    seqs = range(1, 2 * MANY + 3, 2)
    store(read(seqs, MIDNIGHT, 10), MIDNIGHT)
    store([noted("down/evaluated", Evaluated(boots={BOOT: [(seq, seq) for seq in seqs]}))], MIDNIGHT)
    before = ask(database).frames
    declared = Upkeep(database).declare(utc_now(), journal_days=7)
    assert declared is not None
    assert (declared.frames, declared.boots) == (MANY, 1)
    after = ask(database).frames
    assert (before.sent, before.stored, before.missing) == (after.sent, after.stored, after.lost)
    assert after.lost_by == {"journal": MANY}
    assert (after.evaluated, after.unreviewed, after.missing) == (MANY + 1, 0, 0)


def test_coverage_is_added_up_by_its_levels(database: DatabaseSettings, store: Store) -> None:
    store(read([1], MIDNIGHT), MIDNIGHT)
    hour = 3_600_000
    with psycopg.connect(database.url.get_secret_value(), autocommit=True) as connection:
        for at, level in ((-5, "monitored"), (6, "blind"), (7, "degraded"), (20, "monitored"), (30, "blind")):
            connection.execute(
                "INSERT INTO coverage_change (device_id, at_ms, level, payload, received_at)"
                " VALUES (1, %s, %s, '{}', now())",
                (MIDNIGHT + at * hour, level),
            )
        connection.execute("INSERT INTO record_event (type, detail, at) VALUES ('restored', '{\"from\": 1}', %s)",
                           (datetime.fromtimestamp(MIDNIGHT / 1000 + 60, UTC),))  # fmt: skip
    found = ask(database)
    assert found.coverage_ms == {"monitored": 10 * hour, "blind": hour, "degraded": 13 * hour}
    assert [(type_, detail) for _, type_, detail in found.events] == [("restored", {"from": 1})]


def test_the_api_and_the_command_say_the_same(postgres_database: DatabaseSettings) -> None:
    writer = Writer(postgres_database, application="test")
    writer.store(read([1, 2, 5, 6], MIDNIGHT), MIDNIGHT + 6000)
    writer.close()
    env = environment(MqttSettings(port=1), postgres_database)

    def command(*arguments: str) -> Any:
        found = subprocess.run(
            [sys.executable, "-m", "runtime.cli", *arguments], env=env, capture_output=True, check=False, text=True
        )
        assert found.returncode == 0, found.stderr
        return json.loads(found.stdout) if "--json" in arguments else found.stdout

    with ApiProcess(MqttSettings(port=1), postgres_database, console=False) as api, api.http as client:
        base = f"{api.url}/api/v1"
        day = {"day": TODAY.isoformat()}
        answer = client.get(f"{base}/devices/s/c-1/completeness", params=day).json()
        (said,) = command("completeness", "s/crane/c-1", "--day", TODAY.isoformat(), "--json")
        assert answer["frames"] == said["frames"]
        assert (said["frames"]["sent"], said["frames"]["missing"], said["frames"]["overdue"]) == (6, 2, 2)
        assert answer["readings"] == said["readings"] == 4
        whole = client.get(f"{base}/sites/s/completeness", params=day).json()
        assert whole["frames"] == answer["frames"]
        assert [one["device"] for one in whole["items"]] == ["c-1"]
        listed = command("gaps", "s/c-1", "--json")
        assert client.get(f"{base}/gaps").json()["items"] == listed["devices"]
        (hole,) = client.get(f"{base}/devices/s/c-1/gaps").json()["holes"]
        assert (hole["first"], hole["last"], hole["frames"]) == (3, 4, 2)
        assert [(one["first"], one["since"]) for one in listed["holes"]] == [(3, hole["since"])]
        for path, status in (
            ("devices/s/c-9/gaps", 404), ("sites/t/completeness", 404), ("devices/s/c-1/completeness", 422),
            ("devices/s/c-1/completeness?day=9999-12-31", 422),
        ):  # fmt: skip
            found = client.get(f"{base}/{path}", params={} if "?" in path or "devices" in path else day)
            assert (found.status_code, found.headers["content-type"]) == (status, "application/problem+json"), path
    assert "逾期 overdue" in command("gaps")
    assert "缺失 missing" in command("completeness", "s", "--day", TODAY.isoformat())


def test_a_zone_that_nobody_knows_is_the_default_one() -> None:
    assert completeness.day_of(TODAY, "Mars/Base").zone == "Asia/Shanghai"
    spring = completeness.day_of(date(2026, 3, 29), "Europe/Berlin")
    assert spring.end - spring.begin == timedelta(hours=23)
