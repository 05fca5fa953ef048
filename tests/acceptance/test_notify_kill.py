"""Two notifiers as processes, one of them killed again and again: nothing is lost, and hardly anything sent twice."""

import asyncio
import random
import subprocess
from collections import Counter
from pathlib import Path

from telemetry.ladder import Ladder, Plan, Step
from telemetry.roles import Role
from telemetry.settings import DatabaseSettings, MqttSettings
from tests.helpers import services
from tests.helpers.duty import Alarm, on_duty, person, record, staff
from tests.helpers.rows import fetch, value
from tests.helpers.sink import Sink
from tests.helpers.waiting import until

ALARMS = 45
KILLS = 3
PARALLEL = 4


async def test_a_notifier_killed_at_any_moment_loses_nothing(
    postgres_database: DatabaseSettings, embedded_broker: MqttSettings, tmp_path: Path
) -> None:
    rng = random.Random(5)  # noqa: S311 - when to kill
    plan = Plan(
        life_safety=Ladder(steps=[Step(after_s=0, duty=Role.SAFETY_OFFICER), Step(after_s=3, role=Role.SITE_MANAGER)])
    )
    env = services.environment(
        embedded_broker, postgres_database, CRANEWATCH_NOTIFY__LOOK_S="0.05", CRANEWATCH_NOTIFY__GATHER_S="0.1",
        CRANEWATCH_NOTIFY__PARALLEL=str(PARALLEL), CRANEWATCH_NOTIFY__ALONE="1000", CRANEWATCH_LOG__LEVEL="debug",
    )  # fmt: skip
    log = tmp_path / "notify.log"

    def start() -> "subprocess.Popen[bytes]":
        return services.start("api.notify", env, log=log)

    with Sink() as sink:
        await staff(
            postgres_database, [person(sink, "wang"), person(sink, "boss", role="site_manager")],
            [on_duty("wang")], plan,
        )  # fmt: skip
        sink.delay_s = 0.03  # so that a kill finds messages on their way
        running = [start(), start()]
        try:
            record(postgres_database, Alarm("first").raised())
            await until(lambda: sink.paths["wang"] == 1)
            raised = 0
            for _ in range(KILLS):
                for _ in range(ALARMS // KILLS):
                    alarm = Alarm(f"crane-{raised}")
                    record(postgres_database, alarm.raised(), alarm.cleared())
                    raised += 1
                    await asyncio.sleep(rng.uniform(0, 0.04))
                running[0].kill()
                running[0].wait(10)
                running[0] = start()
                running.reverse()
            await until(
                lambda: (
                    value(postgres_database, "SELECT count(*) FROM outbox WHERE sent_at IS NOT NULL")
                    == 2 * (ALARMS + 1)
                ),
                60,
            )
        finally:
            for process in running:
                services.end(process)
    told = Counter((path, body["title"]) for path, body in sink.messages)
    assert len(told) == 2 * (ALARMS + 1)
    # What was on its way when its sender died, and nothing else.
    assert sum(told.values()) - len(told) <= KILLS * PARALLEL
    assert fetch(postgres_database, "SELECT 1 FROM transition_news") == []
    assert value(postgres_database, "SELECT count(*) FROM escalation") == ALARMS + 1
    assert value(postgres_database, "SELECT count(*) FROM escalation_step WHERE outcome = 'told'") == 2 * (ALARMS + 1)
    said = log.read_text()
    assert "127.0.0.1:" + str(sink.port) not in said  # the addresses are secrets, at the debug level too
    assert "a defect of ours" not in said
