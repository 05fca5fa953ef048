"""Two workers on one partition, in every order, and two partitions: who was paused does nothing over its successor."""

import asyncio
import signal
import time
from pathlib import Path

import pytest

from telemetry import clock
from telemetry.broker import Link, connected
from telemetry.settings import DatabaseSettings, MqttSettings
from telemetry.shares import partition_of
from telemetry.wire import payloads
from telemetry.wire.payloads import DeviceConfig, Transition
from tests.helpers import services
from tests.helpers.publisher import frame, publish
from tests.helpers.rows import value
from tests.helpers.site import CHART
from tests.helpers.waiting import until
from tests.integration.test_analyzer import Desk, Site, degraded_by, forget_alarms, overload, site

ENDED = 20.0


def start(here: Site, folder: Path, log: Path) -> "services.subprocess.Popen[bytes]":
    """An analyzer of another host: with a folder of its own."""
    env = services.environment(
        here.mqtt, CRANEWATCH_ANALYZER__FOLDER=str(folder), CRANEWATCH_PARTITION__CLAIM_WAIT_S="0.1"
    )
    process = services.start("analytics", env, log=log)
    here.processes.append(process)
    return process


def rules(desk: Desk) -> list[tuple[str, str, str]]:
    said = [payloads.decode(Transition, raw) for raw in desk.transitions.values()]
    return [(one.device, one.rule, str(one.signal)) for one in said if one.rule == "moment"]


async def test_a_paused_analyzer_that_wakes_gives_way_and_says_nothing(broker: MqttSettings, tmp_path: Path) -> None:
    await forget_alarms(broker)
    async with site(broker, tmp_path) as here:
        logs = {name: tmp_path / f"{name}.log" for name in ("first", "second", "third")}
        first = start(here, tmp_path / "a", logs["first"])
        for crane in ("c1", "c2", "c3", "c4"):
            await here.configure(crane, DeviceConfig(version=1, charts=[CHART]))
        await here.watching()
        await here.send("c1", overload(1))
        await until(lambda: here.desk.alarms.get(("c1", "moment")))
        raised = here.desk.alarms["c1", "moment"]
        first.send_signal(signal.SIGSTOP)
        await here.send("c2", overload(1))  # it stands in the paused one's socket, unacknowledged
        second = start(here, tmp_path / "b", logs["second"])
        await until(lambda: here.desk.alarms.get(("c2", "moment")), ENDED)
        await here.watching()
        assert here.desk.alarms["c1", "moment"] == raised, "taken over as it stands"
        await here.send("c1", overload(2))
        await until(lambda: degraded_by(here, "c1", "lost its state"))
        connections = logs["second"].read_text().count("connected, session")
        before = list(here.desk.transitions)
        first.send_signal(signal.SIGCONT)
        await until(lambda: first.poll() is not None, ENDED)
        assert first.returncode == 1
        assert "another worker" in logs["first"].read_text()
        await here.send("c3", overload(1))
        await until(lambda: here.desk.alarms.get(("c3", "moment")), ENDED)
        assert logs["second"].read_text().count("connected, session") == connections, "its session was left alone"
        assert rules(here.desk).count(("c2", "moment", "raise")) == 1
        assert set(before) <= set(here.desk.transitions)
        # Back to the first host, whose folder knows nothing of what the second one did.
        third = start(here, tmp_path / "a", logs["third"])
        await until(lambda: second.poll() is not None, ENDED)
        assert second.returncode == 1
        await here.send("c4", overload(1))
        await until(lambda: here.desk.alarms.get(("c4", "moment")), ENDED)
        assert "another worker had the partition since" in logs["third"].read_text()
        await until(lambda: here.desk.beats[-1].active >= 4, ENDED)
        held = [here.desk.alarms[crane, "moment"] for crane in ("c1", "c2", "c3", "c4")]
        assert all(alarm is not None and alarm.active and alarm.hold for alarm in held)
        assert sorted(rules(here.desk)) == sorted((f"c{n}", "moment", "raise") for n in (1, 2, 3, 4))
        assert services.end(third) == 0


async def test_a_paused_ingest_that_wakes_acknowledges_nothing_for_its_successor(
    broker: MqttSettings, postgres_database: DatabaseSettings, tmp_path: Path
) -> None:
    env = services.environment(broker, postgres_database, CRANEWATCH_PARTITION__CLAIM_WAIT_S="0.1")
    topic = f"cw/v1/{tmp_path.name[:40].replace('_', '-').lower()}/crane/c1/up/reading"
    ts = clock.now_ms()
    messages = [(topic, frame("boot-00000001", n, ts + n, load_t=1.0)) for n in range(1, 601)]
    stored = "SELECT count(*) FROM reading_crane"
    first = services.start("ingest", env, log=tmp_path / "first.log")
    second = None
    try:
        await until(lambda: (tmp_path / "first.log").read_text().count("connected, session") == 3, ENDED)
        await publish(broker, messages[:200])
        await until(lambda: value(postgres_database, stored) == 200, ENDED)
        first.send_signal(signal.SIGSTOP)
        await publish(broker, messages[200:400])
        second = services.start("ingest", env, log=tmp_path / "second.log")
        await until(lambda: value(postgres_database, stored) == 400, ENDED)
        connections = (tmp_path / "second.log").read_text().count("connected, session")
        first.send_signal(signal.SIGCONT)
        await publish(broker, messages[400:])
        await until(lambda: first.poll() is not None, ENDED)
        await until(lambda: value(postgres_database, stored) == 600, ENDED)
        assert (tmp_path / "second.log").read_text().count("connected, session") == connections
        assert value(postgres_database, "SELECT stored::text FROM frame_ledger") == "{[1,601)}"
    finally:
        for process in (first, second):
            if process is not None:
                process.kill()
                process.wait(5)


def names() -> tuple[str, str]:
    """A site of each of two partitions."""
    found: dict[int, str] = {}
    n = time.time_ns()  # noqa: TID251 - a name that no other test has
    while len(found) < 2:
        n += 1
        found.setdefault(partition_of(f"s{n}", 2), f"s{n}")
    return found[0], found[1]


@pytest.mark.timeout(240)
async def test_two_partitions_have_two_workers_each_and_move_to_one(
    broker: MqttSettings, postgres_database: DatabaseSettings, tmp_path: Path
) -> None:
    sites = names()
    share = {
        "CRANEWATCH_PARTITION__CLAIM_WAIT_S": "0.1",
        "CRANEWATCH_PARTITION__COUNT": "2",
        "CRANEWATCH_PARTITION__SITES": str(list(sites)).replace("'", '"'),
        "CRANEWATCH_ANALYZER__FOLDER": str(tmp_path / "analyzer"),
    }
    running: dict[str, services.subprocess.Popen[bytes]] = {}

    def run(name: str, worker: int, workers: int) -> None:
        env = services.environment(
            broker, postgres_database, CRANEWATCH_PARTITION__WORKER=str(worker),
            CRANEWATCH_PARTITION__WORKERS=str(workers), **share,
        )  # fmt: skip
        running[f"{name}{worker}"] = services.start(name, env, log=tmp_path / f"{name}{worker}.log")

    desks = [Desk(name) for name in sites]

    def hear(arrival: object) -> None:
        for desk in desks:
            if f"/{desk.site}/" in arrival.topic and not arrival.topic.endswith("/config"):  # type: ignore[attr-defined]
                desk.hear(arrival)  # type: ignore[arg-type]

    filters = [(f"cw/v1/{name}/+/+/down/#", 1) for name in sites] + [(f"cw/v1/{name}/heartbeat", 0) for name in sites]
    ts = clock.now_ms()

    def overloaded(seq: int) -> list[tuple[str, bytes]]:
        return [
            (f"cw/v1/{name}/crane/c1/up/reading", frame("boot-00000001", seq, ts + seq, load_t=4.55, rated_load_t=3.64))
            for name in sites
        ]

    async with connected(Link(broker, "desks", filters=filters, on_arrival=hear)):
        try:
            for worker in (0, 1):
                run("analytics", worker, 2)
                run("ingest", worker, 2)
            await until(
                lambda: (
                    sum((tmp_path / f"ingest{w}.log").read_text().count("connected, session") for w in (0, 1)) == 6
                    and all("connected" in (tmp_path / f"analytics{w}.log").read_text() for w in (0, 1))
                ),
                40,
            )
            await publish(broker, overloaded(1))
            await until(lambda: all(desk.alarms.get(("c1", "moment")) and desk.beats for desk in desks), 30)
            assert [desk.beats[-1].partition for desk in desks] == [0, 1]
            await until(lambda: value(postgres_database, "SELECT count(*) FROM reading_crane") == 2, 30)
            stored = "SELECT count(*) FROM frame_ledger WHERE stored = evaluated AND stored = '{[1,2)}'"
            await until(lambda: value(postgres_database, stored) == 2, 40)
            held = [desk.alarms["c1", "moment"] for desk in desks]
            for name, process in list(running.items()):
                assert services.end(process) == 0, name
            running.clear()
            await publish(broker, overloaded(2))  # they wait in the sessions
            run("analytics", 0, 1)
            run("ingest", 0, 1)
            await until(lambda: value(postgres_database, "SELECT count(*) FROM reading_crane") == 4, 40)
            await until(lambda: value(postgres_database, stored.replace("2)", "3)")) == 2, 40)
            assert [desk.alarms["c1", "moment"] for desk in desks] == held
            assert all(
                [one for one in rules(desk) if one[2] == "raise"] == [("c1", "moment", "raise")] for desk in desks
            )
        finally:
            for process in running.values():
                process.kill()
                process.wait(5)
                await asyncio.sleep(0)
