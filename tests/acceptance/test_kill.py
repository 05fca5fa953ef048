"""
SIGKILL of ingest and of the analyzer in the middle of a run of 20,000 frames.

Promised: every frame stored once, and derived transitions byte for byte those of an undisturbed run. Everything is
real: broker, database, both services as processes. The devices of the run resend nothing: what the broker has taken
must be enough.
"""

import asyncio
import math
import time
from pathlib import Path

import pytest

from telemetry.clock import now_ms
from telemetry.settings import DatabaseSettings, MqttSettings
from tests.fix_broker import Mosquitto, Rumqttd
from tests.fix_database import Server
from tests.helpers import services
from tests.helpers.publisher import frame, publish
from tests.helpers.rows import fetch, value
from tests.helpers.waiting import until

DEVICES = 20
FRAMES_EACH = 1000
FRAMES = DEVICES * FRAMES_EACH
SITE = "kill"
KILLS = 8


def load(device: int, n: int) -> float:
    """Lifts between 0 and 115 % of a rated load of 4 t, another phase for every device: raises, rises and clears."""
    return round(max(0.0, 4.6 * math.sin(2 * math.pi * (n / 250 + device / DEVICES))), 3)


def frames(base: int) -> list[list[tuple[str, bytes]]]:
    """All frames in bursts, in the order of their seq."""
    bursts: list[list[tuple[str, bytes]]] = []
    for first in range(0, FRAMES_EACH, 25):
        bursts.append(
            [
                (
                    f"cw/v1/{SITE}/crane/c-{device:02d}/up/reading",
                    frame(
                        f"boot-{device:08d}", n + 1, base + n * 200, load_t=load(device, n), radius_m=30.0, falls=2,
                        rated_load_t=4.0, wind_mps=round(6 + 9 * math.sin(n / 90 + device), 1), mode="working",
                    ),
                )
                for n in range(first, first + 25)
                for device in range(DEVICES)
            ]
        )  # fmt: skip
    return bursts


@pytest.fixture(params=["rumqttd-postgres", "mosquitto-timescale"])
def flavour(request: pytest.FixtureRequest) -> tuple[type[Mosquitto] | type[Rumqttd], Server]:
    broker, server = str(request.param).split("-")
    found: Server = request.getfixturevalue(f"{server}_server")
    return (Mosquitto if broker == "mosquitto" else Rumqttd), found


class Services:
    """Ingest and analyzer, as processes that can be killed and come back."""

    def __init__(self, mqtt: MqttSettings, database: DatabaseSettings, folder: Path) -> None:
        self.env = services.environment(
            mqtt, database,
            CRANEWATCH_ANALYZER__FOLDER=str(folder / "analyzer"),
            CRANEWATCH_PARTITION__CLAIM_WAIT_S="0.1",
            CRANEWATCH_ANALYZER__SNAPSHOT_S="2",
        )  # fmt: skip
        self.folder = folder
        self.running = {name: self._start(name) for name in ("ingest", "analytics")}

    def _start(self, name: str) -> "services.subprocess.Popen[bytes]":
        return services.start(name, self.env, log=self.folder / f"{name}.log")

    def kill(self, name: str) -> None:
        self.running[name].kill()
        self.running[name].wait(10)
        self.running[name] = self._start(name)

    def logs(self) -> str:
        return "\n".join(f"--- {name}\n{(self.folder / f'{name}.log').read_text()[-3000:]}" for name in self.running)

    def end(self) -> None:
        for process in self.running.values():
            services.end(process)


async def run(
    broker_type: type[Mosquitto] | type[Rumqttd], server: Server, folder: Path, base: int, kills: int
) -> tuple[DatabaseSettings, int]:
    """One run; the database it filled, and how many kills it saw."""
    broker = broker_type()
    broker.start()
    database = server.copy()
    mqtt = broker.settings()
    done = 0
    try:
        both = Services(mqtt, database, folder)
        try:
            await sessions_open(mqtt, database)
            bursts = frames(base)
            for number, burst in enumerate(bursts):
                await publish(mqtt, burst, at_once=500)
                if kills and number % (len(bursts) // kills) == 2:
                    both.kill("ingest" if done % 2 else "analytics")
                    done += 1
                    if done % 4 == 0:
                        both.kill("ingest")
                        both.kill("analytics")
                        done += 2
            await until(lambda: value(database, "SELECT count(*) FROM reading_crane WHERE seq > 0") >= FRAMES, 90)
            await until(lambda: evaluated(database) == DEVICES, 60)
            await settled(database)
        except (TimeoutError, AssertionError) as error:
            raise AssertionError(f"not there in time\n{both.logs()}") from error
        finally:
            both.end()
    finally:
        broker.stop()
    return database, done


async def sessions_open(mqtt: MqttSettings, database: DatabaseSettings) -> None:
    """Wait until both services have their durable sessions: a frame made by hand goes all the way through both."""
    # Another device each time: a transition that was published before the log's session existed is gone, and an
    # alarm that is already active makes no second one.
    deadline = time.monotonic() + 40
    number = 0
    while not value(database, "SELECT count(*) FROM alarm WHERE rule IN ('moment', 'load')"):
        assert time.monotonic() < deadline, "the services do not open their sessions"
        number += 1
        topic = f"cw/v1/{SITE}/crane/hand-{number}/up/reading"
        await publish(mqtt, [(topic, b'{"ts":%d,"load_t":6.0,"radius_m":30.0,"rated_load_t":4.0}' % now_ms())])
        await asyncio.sleep(0.2)


def evaluated(database: DatabaseSettings) -> int:
    """Devices of which every frame was evaluated live."""
    return int(value(database, "SELECT count(*) FROM frame_ledger WHERE evaluated @> int8range(1, 1001)"))


async def settled(database: DatabaseSettings) -> None:
    """Wait until no transition has come for a while."""
    before, since = -1, time.monotonic()
    while time.monotonic() - since < 2:
        now = value(database, "SELECT count(*) FROM transition")
        if now != before:
            before, since = now, time.monotonic()
        await until(lambda: True)


def derived(database: DatabaseSettings) -> list[tuple[str, str]]:
    return fetch(
        database,
        "SELECT t.id, t.payload::text FROM transition t JOIN device d USING (device_id)"
        " WHERE NOT t.observed AND d.device NOT LIKE 'hand%%' ORDER BY t.id",
    )


@pytest.mark.timeout(400)
async def test_sigkill_loses_nothing_doubles_nothing_and_changes_no_derived_transition(
    flavour: tuple[type[Mosquitto] | type[Rumqttd], Server], tmp_path: Path
) -> None:
    broker_type, server = flavour
    base = now_ms() - 100_000
    for name in ("calm", "rough"):
        (tmp_path / name).mkdir()
    calm, _ = await run(broker_type, server, tmp_path / "calm", base, kills=0)
    rough, kills = await run(broker_type, server, tmp_path / "rough", base, kills=KILLS)
    try:
        assert kills >= KILLS
        for database in (calm, rough):
            assert value(database, "SELECT count(*) FROM reading_crane WHERE seq > 0") == FRAMES
            once = "SELECT count(DISTINCT (device_id, boot_no, seq)) FROM reading_crane WHERE seq > 0"
            assert value(database, once) == FRAMES
            assert value(database, "SELECT count(*) FROM frame_ledger WHERE stored = '{[1,1001)}'") == DEVICES
        expected = derived(calm)
        assert len(expected) > DEVICES * 4
        assert derived(rough) == expected
    finally:
        server.drop(calm)
        server.drop(rough)
