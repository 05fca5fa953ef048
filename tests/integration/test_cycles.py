"""Work cycles in the record: whose they are, what a review makes of them, what they add up to."""

import asyncio
from typing import Any

import psycopg
import pytest

from analytics.review.lifespans import Lifespans
from api.app import create_app
from runtime import usage as command
from telemetry.clock import now_ms
from telemetry.errors import ConfigError
from telemetry.settings import DatabaseSettings, MqttSettings
from telemetry.storage import cycles, duty
from telemetry.storage.configure import apply_site
from telemetry.storage.items import Item, Noted
from telemetry.storage.pool import Database
from telemetry.storage.writer import Writer
from telemetry.wire import topics
from telemetry.wire.cycle import Cycle
from telemetry.wire.payloads import Design, DeviceConfig, Event, SiteConfig
from tests.helpers.callers import HEADERS, OneCaller
from tests.helpers.client import TestClient
from tests.helpers.life import KEY, lifting
from tests.helpers.lifting import Crane
from tests.helpers.rows import fetch, value
from tests.helpers.waiting import until
from tests.integration.test_review import keep, reviewing, unreviewed
from tests.unit.api.test_app import settings

WHERE = f"cw/v1/{KEY[0]}/{KEY[1]}/{KEY[2]}"
DESIGN = Design(stated_by="li", cycles=1000, kp=0.125, before_cycles=100)


def recognised(n: int) -> list[Cycle]:
    """Cycles as the engine makes them, of 25 % of the largest load and more."""
    crane = Crane(5000)
    for k in range(n):
        crane.lift(load_t=1.0 + 0.5 * k)
    crane.waits(30)
    return crane.cycles


def noted(cycle: Cycle) -> Item:
    return Noted(topics.parse(f"{WHERE}/down/cycle"), cycle, b"")


def told(number: str, ts: int) -> Item:
    return Noted(
        topics.parse(f"{WHERE}/up/event"), Event(id=number, type="cycle", ts=ts, data={"max_load_t": 2.5}), b""
    )


def store(database: DatabaseSettings, *batches: list[Item]) -> None:
    writer = Writer(database, application="test-writer")
    try:
        for items in batches:
            writer.store(items, now_ms())
    finally:
        writer.close()


async def account(database: DatabaseSettings, **how: Any) -> duty.Account:
    async with Database(database, application="test") as pool:
        row = await duty.crane(pool, KEY[0], KEY[2])
        assert row is not None
        return await duty.account(pool, row, now_ms(), **how)


async def test_what_comes_twice_is_one_and_a_boxs_own_is_kept_beside_and_never_added(
    database: DatabaseSettings,
) -> None:
    found = recognised(3)
    own = [told(found[0].id, found[0].end), told("e-2", 5)]  # a box may choose any id
    store(database, [*map(noted, found), *own], [*map(noted, found), *own])
    assert fetch(database, "SELECT origin, count(*) FROM work_cycle GROUP BY 1 ORDER BY 1") == [
        ("device", 2),
        ("live", 3),
    ]
    one = await account(database)
    assert (one.usage.cycles, one.told) == (3, 2)
    # 25, 37.5 and 50 % of the largest load.
    assert one.usage.kp == pytest.approx((0.25**3 + 0.375**3 + 0.5**3) / 3, rel=1e-4)
    assert one.usage.spectrum == pytest.approx((0, 0, 1 / 3, 1 / 3, 0, 1 / 3, 0, 0, 0, 0, 0))


@pytest.mark.parametrize(("lost", "heard"), [(range(160, 300), 3), (range(145, 210), 4)])
async def test_a_lift_that_a_gap_cut_is_one_cycle_once_its_frames_came(
    database: DatabaseSettings, embedded_broker: MqttSettings, lost: range, heard: int
) -> None:
    """The gap hides the end of one lift and the beginning of the next; or the middle of one, which counts twice."""
    life = lifting(lost=lost, lifts=3, n=380)
    assert [cycle.flags for cycle in life.cycles][:3] == [[], ["unfinished"], ["unseen_start"]]
    assert len(life.cycles) == heard
    keep(database, life)
    assert (await account(database)).usage.cycles == len(life.cycles)
    async with reviewing(database, embedded_broker):
        await until(lambda: unreviewed(database) == 0)
    again = {cycle.id: cycle for cycle in lifting(lost=(), lifts=3, n=380).cycles}
    rows = fetch(
        database,
        "SELECT w.id, w.origin, v.verdict FROM work_cycle w LEFT JOIN work_cycle_review v USING (device_id, id)",
    )
    stands = {number: (origin, verdict) for number, origin, verdict in rows if verdict != "not_reproduced"}
    assert stands.keys() == again.keys()
    assert stands[life.cycles[1].id] == ("live", "changed")
    assert {number for number, _, verdict in rows if verdict == "not_reproduced"} == {life.cycles[2].id}
    assert (await account(database)).usage.cycles == len(again)
    async with Database(database, application="test") as pool:
        row = await duty.crane(pool, KEY[0], KEY[2])
        assert row is not None
        page = await cycles.page(pool, row.device_id)
    said = {one.id: one.as_reviewed or one.data for one in page if one.verdict != "not_reproduced"}
    assert {number: one["duration_s"] for number, one in said.items()} == {
        number: cycle.duration_s for number, cycle in again.items()
    }


async def test_a_cycle_that_arrives_after_the_review_wrote_it_stays_as_the_review_has_it(
    database: DatabaseSettings, embedded_broker: MqttSettings
) -> None:
    life = lifting(lost=range(160, 300), lifts=3, n=380)
    kept, life.cycles = life.cycles, life.cycles[:1]
    keep(database, life)
    async with reviewing(database, embedded_broker):
        await until(lambda: unreviewed(database) == 0)
    before = fetch(database, "SELECT id, origin, data FROM work_cycle ORDER BY 1")
    store(database, [noted(cycle) for cycle in kept[:2]])
    assert fetch(database, "SELECT id, origin, data FROM work_cycle ORDER BY 1") == before


def configured(database: DatabaseSettings, design: Design | None) -> None:
    config = DeviceConfig(version=1, display_name="1#塔机", design=design)
    apply_site(database, KEY[0], SiteConfig(version=1), {("crane", KEY[2]): config})


async def test_a_crane_near_the_end_of_its_design_life_is_told_of(database: DatabaseSettings) -> None:
    configured(database, Design(stated_by="li", cycles=1000, kp=0.0005))
    store(database, [noted(cycle) for cycle in recognised(5)])
    lives = Lifespans()
    async with Database(database, application="test") as pool:
        await lives.look(pool, 0.0)
        # 25 to 75 % of the largest load: the cubes add up to 0.8594 of 0.5.
        assert lives.near == {KEY: pytest.approx(171.9)}
        configured(database, DESIGN)
        await lives.look(pool, 10.0)
        assert lives.near == {KEY: pytest.approx(171.9)}, "asked again when it is due"
        await lives.look(pool, 301.0)
        assert lives.near == {}


def test_a_design_that_contradicts_itself_is_not_written(database: DatabaseSettings) -> None:
    with pytest.raises(ConfigError, match="u_class or cycles"):
        configured(database, Design(stated_by="li"))
    assert value(database, "SELECT count(*) FROM site") == 0


def test_the_api_pages_through_cycles_and_gives_the_total(database: DatabaseSettings) -> None:
    configured(database, DESIGN)
    found = recognised(5)
    store(database, [*map(noted, found), told("e-1", 5)])
    with TestClient(create_app(settings(database=database), doorman=OneCaller()), headers=HEADERS) as client:
        base = f"/api/v1/devices/{KEY[0]}/{KEY[2]}"
        seen: list[dict[str, Any]] = []
        cursor: int | None = None
        while True:
            page = client.get(f"{base}/cycles", params={"limit": 2, **({"before": cursor} if cursor else {})}).json()
            seen += page["items"]
            cursor = page["next"]
            if cursor is None:
                break
        assert [one["id"] for one in seen] == ["e-1", *(cycle.id for cycle in reversed(found))]
        assert (seen[0]["origin"], seen[0]["told"]) == ("device", {"max_load_t": 2.5})
        assert seen[1]["pick"] == {"slew_deg": 100.0, "radius_m": 20.0, "hook_m": 41.5}
        assert len(client.get(f"{base}/cycles", params={"origin": "recognised"}).json()["items"]) == 5
        total = client.get(f"{base}/usage", params={"days": 1}).json()
        assert (total["cycles"], total["total"], total["told_by_box"]) == (5, 105, 1)
        assert total["used_pct"] == pytest.approx(100 * (100 * 0.125 + 0.859375) / 125, abs=0.01)
        assert (total["operators"], total["days"]) == (None, {})
        asked = client.get(f"{base}/usage", params={"operators": True}).json()
        assert asked["operators"] == {"op-1": 5}
        assert client.get("/api/v1/devices/site/nobody/usage").status_code == 404
        assert client.get(f"{base}/cycles", params={"from": "2027-01-15T08:00:00"}).status_code == 422


def test_cycles_are_counted_on_the_sites_own_days(database: DatabaseSettings) -> None:
    configured(database, None)
    (cycle,) = recognised(1)
    store(database, [noted(cycle)])
    # 2027-01-15 08:03 UTC; shifted to 18:30 UTC it is the next day in Shanghai.
    with psycopg.connect(database.url.get_secret_value()) as connection:
        connection.execute("UPDATE work_cycle SET ts_ms = 1800037800000")

    async def days() -> dict[str, int]:
        async with Database(database, application="test") as pool:
            row = await duty.crane(pool, KEY[0], KEY[2])
            assert row is not None
            return (await duty.account(pool, row, 1_800_040_000_000)).days

    assert asyncio.run(days()) == {"2027-01-16": 1}


async def test_the_command_gives_the_same_figures_as_a_table_and_as_json(database: DatabaseSettings) -> None:
    configured(database, DESIGN)
    store(database, [noted(cycle) for cycle in recognised(5)])
    one = await command.account(database, f"{KEY[0]}/{KEY[2]}", now_ms(), days=31, operators=True)
    assert one is not None
    said = command.usage_json(one)
    assert (said["cycles"], said["used_by"], said["stated_by"], said["operators"]) == (5, "duty", "li", {"op-1": 5})
    assert await command.account(database, f"{KEY[0]}/none", now_ms(), days=31, operators=False) is None
    with pytest.raises(ValueError, match="SITE/CRANE"):
        await command.account(database, KEY[0], now_ms(), days=31, operators=False)
