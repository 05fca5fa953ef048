"""Shadow runs on real databases: what a candidate would do, live, and that nobody hears any of it."""

import asyncio
import json
import signal
from pathlib import Path
from typing import Any, LiteralString

import httpx
import psycopg
import pytest

from analytics.backtest.outcome import Range
from runtime.backtest.device import Plan
from runtime.backtest.run import Asked, run
from runtime.backtest.shadow import Shadow, report
from telemetry import broker as door
from telemetry.clock import now_ms
from telemetry.roles import Role
from telemetry.settings import DatabaseSettings, MqttSettings
from telemetry.storage import backtests, shadows
from telemetry.storage.pool import Database
from telemetry.storage.shadows import Run
from tests.helpers.api import ApiProcess
from tests.helpers.callers import make_key
from tests.helpers.life import Life
from tests.helpers.limits import BASE
from tests.helpers.rows import fetch, value
from tests.helpers.services import environment, start
from tests.helpers.shift import IDLE, record, shift
from tests.helpers.waiting import until
from tests.integration.test_replay import HEAVY, LOWER, OVER, candidate, lift


def recently() -> Life:
    """A crane that begins an hour ago."""
    life = Life(0, samples=0, gaps=0)
    life.ts = now_ms() - 3_600_000
    return life


async def begun(database: DatabaseSettings, begin: int, end: int, body: str = LOWER) -> Run:
    async with Database(database, application="test") as pool:
        return await shadows.begin(pool, "site", candidate(body), "li", begin, end)


async def go_on(database: DatabaseSettings, run_: Run, samples: int | None = None) -> int | None:
    """One process of a run, until it ends by itself, or has so many samples and dies."""
    stop = asyncio.Event()
    if samples is None:
        return await Shadow(database, run_).go_on(stop, look_s=0.05, grace_s=0.0)
    query: LiteralString = "SELECT coalesce(sum(samples), 0) FROM shadow_device"
    async with asyncio.TaskGroup() as tasks:
        running = Shadow(database, run_).go_on(stop, look_s=0.05, grace_s=1e9)
        shadow = tasks.create_task(running, name="test.shadow")
        await until(lambda: value(database, query) == samples)
        stop.set()
    return shadow.result()


def found(database: DatabaseSettings) -> list[tuple[Any, ...]]:
    return fetch(
        database,
        "SELECT side, rule, at_ms, until_ms, severity, payload->'sounded' FROM shadow_alarm ORDER BY side, rule, at_ms",
    )


async def test_a_run_ends_by_itself_with_what_a_back_test_of_the_same_time_finds(database: DatabaseSettings) -> None:
    life = recently()
    began = life.ts
    lift(life)
    record(database, life)
    before = fetch(database, "SELECT * FROM alarm"), fetch(database, "SELECT id, payload FROM transition ORDER BY id")
    run_ = await begun(database, began, life.ts + 1)
    number = await go_on(database, run_)
    assert number is not None
    async with Database(database, application="test") as pool:
        _, kept = await backtests.result(pool, number) or (None, {})
        (one,) = await backtests.listed(pool, hash_=run_.profile_hash)
    assert kept is not None
    assert (one.kind, one.outcome, one.missing) == ("shadow", "good", 0)
    plan = Plan(Range(began, life.ts + 1), candidate(LOWER))
    again = await run(database, Asked("site", "site", None, None, plan))
    assert kept["devices"][0]["alarms"] == json.loads(json.dumps(again["devices"][0]["alarms"]))
    for name in ("then", "now", "became", "days", "samples"):
        assert kept["devices"][0][name] == again["devices"][0][name], name
    assert kept["devices"][0]["check"]["compared"] == len(life.derived)
    assert kept["devices"][0]["check"]["equal"]
    after = fetch(database, "SELECT * FROM alarm"), fetch(database, "SELECT id, payload FROM transition ORDER BY id")
    assert after == before, "nothing of it is in what people are told"
    assert value(database, "SELECT ended_at IS NOT NULL FROM shadow_run")


async def test_a_process_that_died_in_the_middle_of_an_alarm_is_gone_on_with_and_nothing_is_there_twice(
    postgres_database: DatabaseSettings,
) -> None:
    database = postgres_database
    life = recently()
    began = life.ts
    shift([(20, IDLE), (30, HEAVY), (15, OVER)], life=life)
    record(database, life)
    run_ = await begun(database, began, began + 200_000)
    assert await go_on(database, run_, samples=65) is None
    assert all(row[3] is None for row in found(database)), "both are on"
    known = len(life.frames), len(life.live)
    shift([(15, OVER), (20, IDLE), (30, HEAVY), (10, OVER), (20, IDLE)], life=life)
    record(database, life, told=life.frames[known[0] :])
    resumed = await begun(database, life.ts, life.ts + 1000)
    assert resumed.run_id == run_.run_id, "open, and not begun again"
    assert await go_on(database, resumed) is not None
    rows = found(database)
    assert [(row[0], row[1]) for row in rows] == [("now", "moment")] * 2 + [("then", "moment")] * 2
    assert value(database, "SELECT samples FROM shadow_device") == 160
    assert value(database, "SELECT different FROM shadow_device") == 0
    assert value(database, "SELECT watched_ms FROM shadow_device") == 159_000
    # The same in one go gives the same, to the sound.
    with psycopg.connect(database.url.get_secret_value(), autocommit=True) as connection:
        connection.execute("TRUNCATE shadow_alarm, shadow_device, shadow_run")
    assert await go_on(database, await begun(database, began, began + 200_000)) is not None
    assert found(database) == rows


async def test_one_process_has_a_run_and_what_it_has_found_is_readable_meanwhile(
    postgres_database: DatabaseSettings,
) -> None:
    life = recently()
    lift(life)
    record(postgres_database, life)
    run_ = await begun(postgres_database, life.ts - 80_000, now_ms() + 600_000)
    stop = asyncio.Event()
    async with asyncio.TaskGroup() as tasks:
        one = tasks.create_task(Shadow(postgres_database, run_).go_on(stop, look_s=0.05), name="test.shadow")
        query: LiteralString = "SELECT coalesce(sum(samples), 0) FROM shadow_device"
        await until(lambda: value(postgres_database, query) >= 80)
        with pytest.raises(ValueError, match="has a process already"):
            await Shadow(postgres_database, run_).go_on(asyncio.Event())
        async with Database(postgres_database, application="test") as pool:
            until_now = await report(pool, run_)
        stop.set()
    assert one.result() is None
    assert [(row["became"], row["shift_s"]) for row in until_now["devices"][0]["alarms"]] == [("earlier", -30.0)]
    assert value(postgres_database, "SELECT count(*) FROM backtest") == 0, "it is not over"


async def test_the_whole_broker_hears_nothing_of_a_shadow_run(
    postgres_database: DatabaseSettings, embedded_broker: MqttSettings, tmp_path: Path
) -> None:
    life = recently()
    life.ts = now_ms() - 200_000
    record(postgres_database, lift(life))
    heard: list[str] = []
    file = tmp_path / "works.toml"
    file.write_text(BASE.format(name="works", version=7) + LOWER, encoding="utf-8")
    link = door.Link(
        embedded_broker,
        "everything",
        filters=[("#", 0)],
        on_arrival=lambda arrival: arrival.retain or heard.append(arrival.topic),
    )
    async with door.connected(link):
        await link.publish("cw/v1/site/heartbeat", b"{}")
        process = start(
            "runtime.cli", environment(embedded_broker, postgres_database), "shadow", "--site", "site", "--profile",
            str(file), "--for", "1h", log=tmp_path / "log",
        )  # fmt: skip
        try:
            # The run begins now: what comes from here on is its own.
            await until(lambda: value(postgres_database, "SELECT count(*) FROM shadow_run") == 1)
            life.ts = now_ms()
            known = len(life.frames)
            lift(life)
            record(postgres_database, life, told=life.frames[known:])
            query = "SELECT count(*) FROM shadow_alarm WHERE side = 'now' AND severity = 3"
            await until(lambda: value(postgres_database, query) == 1)
        finally:
            process.send_signal(signal.SIGTERM)
            assert process.wait(20) == 0, (tmp_path / "log").read_text(encoding="utf-8")
    assert heard == ["cw/v1/site/heartbeat"], "our own, and nothing else"
    said = (tmp_path / "log").read_text(encoding="utf-8")
    assert "影子 SHADOW 候选 candidate: site/c1 moment alarm" in said


async def test_the_api_shows_what_was_tried(postgres_database: DatabaseSettings, embedded_broker: MqttSettings) -> None:
    life = recently()
    began = life.ts
    record(postgres_database, lift(life))
    ended, other = await begun(postgres_database, began, life.ts + 1), candidate(LOWER).hash
    number = await go_on(postgres_database, ended)
    api = ApiProcess(embedded_broker, postgres_database, console=False)
    key = await make_key(postgres_database, (Role.ADMIN, "*"))
    api.start()
    try:
        headers = {"Authorization": f"Bearer {key}"}
        async with httpx.AsyncClient(base_url=f"{api.url}/api/v1", timeout=10, headers=headers) as client:
            (one,) = (await client.get("/backtests", params={"profile_hash": other[:12]})).json()["items"]
            assert (one["id"], one["kind"], one["outcome"], one["site"]) == (number, "shadow", "good", "site")
            assert one["total"]["became"]["earlier"] == 1
            assert (await client.get("/backtests", params={"profile_hash": "0" * 12})).json()["items"] == []
            assert (await client.get("/backtests", params={"profile_hash": "%"})).status_code == 422
            whole = (await client.get(f"/backtests/{number}")).json()["result"]
            assert [row["shift_s"] for row in whole["devices"][0]["alarms"]] == [-30.0]
            assert (await client.get("/backtests/99")).status_code == 404
            (run_,) = (await client.get("/shadow-runs", params={"site": "site"})).json()["items"]
            assert (run_["backtest"], run_["end"]) == (number, life.ts + 1)
            (device,) = run_["devices"]
            assert (device["then"], device["now"], device["samples"], device["different"]) == (1, 1, 80, 0)
            # The first page ends where the next begins.
            page = (await client.get("/shadow-runs", params={"limit": 1})).json()
            assert (await client.get("/shadow-runs", params={"before": page["next"]})).json()["items"] == []
    finally:
        api.stop()
