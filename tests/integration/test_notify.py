"""The notifier on a real database, a real broker and a webhook of ours: who is told, how often, and in which words."""

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator, Callable, Iterator

import msgspec
import psycopg
import pytest
from click.testing import Result
from prometheus_client import CollectorRegistry
from pydantic import SecretStr
from typer.testing import CliRunner

from api.notify.metrics import NotifyMetrics
from api.notify.service import Notifier
from api.notify.settings import NotifySettings
from runtime.cli import app
from runtime.doctor import Verdict
from runtime.notify import findings
from telemetry.clock import now_ms
from telemetry.ladder import Ladder, Means, Plan, Step
from telemetry.model import Severity, Stage
from telemetry.roles import Role
from telemetry.settings import DatabaseSettings, MqttSettings
from telemetry.wire import payloads, topics
from telemetry.wire.payloads import Shown
from tests.fix_proxy import Proxy
from tests.helpers.duty import SITE, Alarm, on_duty, person, record, staff
from tests.helpers.publisher import publish
from tests.helpers.rows import fetch, value
from tests.helpers.sink import Sink
from tests.helpers.waiting import until

QUICK = NotifySettings(
    look_s=0.05, gather_s=0.1, first_s=0.05, ceiling_s=0.1, life_safety_ceiling_s=0.1, attempts=3, timeout_s=5
)
SHORT = Plan(
    life_safety=Ladder(
        steps=[
            Step(after_s=0, duty=Role.SAFETY_OFFICER),
            Step(after_s=1, role=Role.SITE_MANAGER, means=[Means.PUSH]),
        ]
    )
)


@pytest.fixture
def sink() -> Iterator[Sink]:
    with Sink() as found:
        yield found


@contextlib.asynccontextmanager
async def notifying(
    database: DatabaseSettings, mqtt: MqttSettings, settings: NotifySettings = QUICK
) -> AsyncIterator[CollectorRegistry]:
    """A notifier in this process for as long as the block lasts."""
    stop, registry = asyncio.Event(), CollectorRegistry()
    notifier = Notifier(database, mqtt, settings, NotifyMetrics(registry))
    async with asyncio.TaskGroup() as tasks:
        running = tasks.create_task(notifier.run(stop), name="test.notify")
        try:
            await until(lambda: notifier._link.up.is_set())
            yield registry
        finally:
            stop.set()
            await running


def settled(database: DatabaseSettings) -> bool:
    """Whether nothing is to be done: no news, no message that is due, no step that is overdue."""
    return bool(
        value(
            database,
            "SELECT NOT EXISTS (SELECT FROM transition_news) AND NOT EXISTS (SELECT FROM outbox WHERE sent_at IS NULL"
            " AND dead_at IS NULL AND withdrawn_at IS NULL AND due_at <= now()) AND NOT EXISTS (SELECT FROM escalation"
            " WHERE ended_at IS NULL AND due_at <= now() + interval '1 second')",
        )
    )


async def test_an_alarm_of_a_second_is_told_to_whoever_is_on_duty_and_then_to_the_next(
    postgres_database: DatabaseSettings, embedded_broker: MqttSettings, sink: Sink
) -> None:
    people = [person(sink, "wang"), person(sink, "boss", "push", "sms", role="site_manager"), person(sink, "li")]
    await staff(postgres_database, people, [on_duty("wang"), on_duty("li", Role.SIGNALLER)], SHORT)
    alarm = Alarm()
    record(postgres_database, alarm.raised(), alarm.cleared())
    async with notifying(
        postgres_database, embedded_broker, QUICK.model_copy(update={"public_url": "https://site.example/"})
    ):
        await until(lambda: sink.paths["boss"])
        record(postgres_database, alarm.acknowledged())
        await until(lambda: fetch(postgres_database, "SELECT 1 FROM escalation WHERE ended_by = 'acknowledged'"))
    assert sink.paths == {"wang": 1, "boss": 1}
    assert sink.titles("wang") == [
        "【生命安全 报警】crane-3 超载 104 % (限值 100 %) [LIFE SAFETY ALARM] crane-3 OVERLOAD 104 % (limit 100 %)"
    ]
    (body,) = sink.bodies("wang")
    assert "停止起升\n东门工地\n" in body
    assert "已恢复，未确认" in body
    assert "nobody has acknowledged it" in body
    assert body.endswith("https://site.example/m/gate/crane-3/moment")
    assert "第 2 级通知" in sink.bodies("boss")[0]
    steps = fetch(postgres_database, "SELECT who, contacts, outcome FROM escalation_step ORDER BY step")
    assert steps == [("duty:safety_officer", ["wang"], "told"), ("role:site_manager", ["boss"], "told")]


async def test_messages_speak_the_language_of_whoever_gets_them_and_times_are_the_sites(
    postgres_database: DatabaseSettings, embedded_broker: MqttSettings, sink: Sink
) -> None:
    people = [person(sink, "wang", language="zh"), person(sink, "smith", language="en")]
    await staff(postgres_database, people, [on_duty("wang"), on_duty("smith")])
    record(postgres_database, Alarm().raised(at=1_800_000_000_000))  # 2027-01-15 08:00:00 UTC
    async with notifying(postgres_database, embedded_broker, QUICK.model_copy(update={"old_s": 1e9})):
        await until(lambda: sink.paths["wang"] and sink.paths["smith"])
    assert sink.titles("wang") == ["【生命安全 报警】crane-3 超载 104 % (限值 100 %)"]
    assert sink.titles("smith") == ["[LIFE SAFETY ALARM] crane-3 OVERLOAD 104 % (limit 100 %)"]
    assert "01-15 16:00:00 起" in sink.bodies("wang")[0]
    assert "since 01-15 16:00:00" in sink.bodies("smith")[0]


async def test_what_a_person_has_is_told_to_nobody(
    postgres_database: DatabaseSettings, embedded_broker: MqttSettings, sink: Sink
) -> None:
    await staff(postgres_database, [person(sink, "wang")], [on_duty("wang")])
    quick, cab = Alarm("crane-1"), Alarm("crane-2", severity=Severity.PREWARNING)
    record(postgres_database, quick.raised(), quick.acknowledged(), cab.of("raise", "acknowledged"))
    async with notifying(postgres_database, embedded_broker):
        last = Alarm("crane-9")
        record(postgres_database, last.raised())
        await until(lambda: sink.paths["wang"])
        await until(lambda: settled(postgres_database))
    assert len(sink.messages) == 1
    assert "crane-9" in sink.titles("wang")[0]


async def test_nobody_on_duty_is_told_to_the_next_step_and_nobody_at_all_is_a_fact(
    postgres_database: DatabaseSettings, embedded_broker: MqttSettings, sink: Sink
) -> None:
    await staff(postgres_database, [person(sink, "boss", role="site_manager")], [], SHORT)
    await staff(postgres_database, [], [], SHORT, site="empty")
    record(postgres_database, Alarm().raised(), Alarm(site="empty").raised())
    async with notifying(postgres_database, embedded_broker) as registry:
        await until(lambda: sink.paths["boss"])
        await until(
            lambda: registry.get_sample_value("cranewatch_notify_unreachable_total", {"urgency": "life_safety"})
        )
    assert "上一级无人值班" in sink.bodies("boss")[0]
    assert fetch(postgres_database, "SELECT site, told_at IS NULL FROM escalation WHERE nobody") == [("empty", True)]


async def test_a_channel_that_fails_is_tried_again_and_then_is_a_dead_letter_that_takes_the_next_step(
    postgres_database: DatabaseSettings, embedded_broker: MqttSettings, sink: Sink
) -> None:
    plan = Plan(
        life_safety=Ladder(steps=[Step(after_s=0, duty=Role.SAFETY_OFFICER), Step(after_s=600, role=Role.SITE_MANAGER)])
    )
    people = [person(sink, "wang"), person(sink, "boss", role="site_manager")]
    await staff(postgres_database, people, [on_duty("wang")], plan)
    sink.refuse = 2
    record(postgres_database, Alarm().raised())
    async with notifying(postgres_database, embedded_broker) as registry:
        await until(lambda: sink.paths["wang"])
        await until(lambda: settled(postgres_database))
        assert fetch(postgres_database, "SELECT error IS NULL FROM delivery ORDER BY delivery_id") == [
            (False,), (False,), (True,),
        ]  # fmt: skip
        assert sink.paths["boss"] == 0
        sink.refuse = 3
        record(postgres_database, Alarm("crane-4").raised())
        await until(lambda: sink.paths["boss"])  # ten minutes before its time
        await until(lambda: registry.get_sample_value("cranewatch_notify_messages_total", {"outcome": "dead"}) == 1)
    error = value(postgres_database, "SELECT last_error FROM outbox WHERE dead_at IS NOT NULL")
    assert "error=500" in error
    assert "wang" not in error  # the address is a secret


async def test_a_storm_on_a_channel_is_gathered_and_what_is_about_lives_is_not(
    postgres_database: DatabaseSettings, embedded_broker: MqttSettings, sink: Sink
) -> None:
    await staff(postgres_database, [person(sink, "wang")], [on_duty("wang")])
    settings = QUICK.model_copy(update={"rate": 1, "rate_s": 2.0})
    async with notifying(postgres_database, embedded_broker, settings):
        record(postgres_database, Alarm("calm-0", life_safety=False).raised())
        await until(lambda: sink.paths["wang"])
        record(postgres_database, *(Alarm(f"calm-{n}", life_safety=False).raised() for n in range(1, 8)))
        record(postgres_database, Alarm("danger").raised())
        await until(lambda: sink.paths["wang"] == 2)
        await until(lambda: value(postgres_database, "SELECT count(*) FROM outbox WHERE sent_at IS NULL") == 0)
    first, second, third = sink.titles("wang")
    assert "calm-0" in first
    assert "danger" in second
    assert third == "7 条通知 7 messages"
    assert all(f"calm-{n}" in sink.bodies("wang")[-1] for n in range(1, 8))


async def test_quiet_hours_hold_back_what_can_wait_and_nothing_that_is_about_lives(
    postgres_database: DatabaseSettings, embedded_broker: MqttSettings, sink: Sink
) -> None:
    always = ["00:00", "23:59"]
    await staff(postgres_database, [person(sink, "wang", quiet=always)], [on_duty("wang")])
    calm, danger = Alarm("calm", life_safety=False), Alarm("danger")
    record(postgres_database, calm.raised(), danger.raised())
    async with notifying(postgres_database, embedded_broker):
        await until(lambda: sink.paths["wang"])
        await until(lambda: settled(postgres_database))
        assert [("danger" in title) for title in sink.titles("wang")] == [True]
        held = "SELECT withdrawn_at IS NULL FROM outbox WHERE sent_at IS NULL"
        assert fetch(postgres_database, held) == [(True,)]
        record(postgres_database, calm.acknowledged())
        await until(lambda: fetch(postgres_database, held) == [(False,)])  # nobody needs it in the morning


async def test_what_happened_while_nobody_told_is_one_message_and_what_is_about_lives_is_told_by_itself(
    postgres_database: DatabaseSettings, embedded_broker: MqttSettings, sink: Sink
) -> None:
    await staff(postgres_database, [person(sink, "wang")], [on_duty("wang")])
    calm = [Alarm(f"calm-{n}", life_safety=False) for n in range(12)]
    danger, over = Alarm("danger"), Alarm("over")
    record(postgres_database, *(one.raised() for one in calm), danger.raised(), over.raised(), over.acknowledged())
    with psycopg.connect(postgres_database.url.get_secret_value(), autocommit=True) as connection:
        connection.execute("UPDATE transition SET recorded_at = now() - interval '1 hour'")
    async with notifying(postgres_database, embedded_broker):
        await until(lambda: sink.paths["wang"] >= 2)
        await until(lambda: settled(postgres_database))
    titles = sorted(sink.titles("wang"))
    assert len(titles) == 2
    assert "【补报】东门工地 通知中断期间 13 条报警" in titles[1]
    (late,) = [body for body in sink.bodies("wang") if "calm-0" in body]
    assert "其中 1 条已结束或已确认" in late
    assert "另有 3 条" in late
    assert "danger" in titles[0]


async def test_one_alarm_speaks_for_others_and_they_are_not_told(
    postgres_database: DatabaseSettings, embedded_broker: MqttSettings, sink: Sink
) -> None:
    await staff(postgres_database, [person(sink, "wang")], [on_duty("wang")])
    children = [Alarm(f"post-{n}").raised() for n in range(3)]
    parent = Alarm("bay-a").raised()
    async with notifying(postgres_database, embedded_broker):
        retained = [
            (
                topics.build(SITE, "crane", one.device, topics.Lane.DOWN, topics.Leaf.ALARM, one.rule),
                payloads.encode(
                    payloads.Alarm(
                        rule=one.rule, transition=one.id, state=one.state, severity=one.severity, active=True,
                        since=one.at, at=one.at, cab="none", desk="none", parent="bay-a",
                    )
                ),
            )
            for one in children
        ]  # fmt: skip
        await publish(embedded_broker, retained)
        record(postgres_database, *children, parent)
        await until(lambda: sink.paths["wang"])
        await until(
            lambda: value(postgres_database, "SELECT count(*) FROM escalation_step WHERE outcome = 'spoken_for'") == 3
        )
        await until(lambda: settled(postgres_database))
    assert len(sink.messages) == 1
    assert "bay-a" in sink.titles("wang")[0]


async def test_a_terminal_that_is_expected_and_stays_dark_is_told_and_one_that_rendered_is_not(
    postgres_database: DatabaseSettings, embedded_broker: MqttSettings, sink: Sink
) -> None:
    plan = Plan(
        life_safety=Ladder(
            steps=[Step(after_s=0, duty=Role.SAFETY_OFFICER), Step(after_s=600, role=Role.SITE_MANAGER)]
        ),
        terminal_s=2.0,
    )
    people = [person(sink, "wang"), person(sink, "boss", role="site_manager")]
    await staff(postgres_database, people, [on_duty("wang")], plan)
    with psycopg.connect(postgres_database.url.get_secret_value(), autocommit=True) as connection:
        for name in ("dark", "lit", "late", "parked"):
            connection.execute(
                "INSERT INTO device (site, kind, device, config)"
                " VALUES ('gate', 'crane', %s, '{\"terminal\": \"cab\"}')",
                (name,),
            )
    alarms = {name: Alarm(name).raised() for name in ("dark", "lit", "late", "parked", "without")}
    async with notifying(postgres_database, embedded_broker):
        retained = [
            (
                topics.build(SITE, "crane", one.device, topics.Lane.DOWN, topics.Leaf.ALARM, one.rule),
                payloads.encode(
                    payloads.Alarm(
                        rule=one.rule, transition=one.id, state=one.state, severity=one.severity, active=True,
                        since=one.at, at=one.at, cab="continuous", desk="unacknowledged",
                    )
                ),
            )
            for one in alarms.values()
        ]  # fmt: skip
        await publish(embedded_broker, retained)
        coverage = payloads.Coverage(at=1, level=payloads.CoverageLevel.MONITORED, hazards={}, mode="parked")
        record(postgres_database, coverage, device="parked")
        record(postgres_database, *alarms.values())
        for name, stage in (("lit", "rendered"), ("late", "delivered")):
            shown = Shown(terminal="t1", at=now_ms(), transition=alarms[name].id, stage=Stage(stage))
            record(postgres_database, shown, device=name)
        await until(lambda: sink.paths["boss"] == 2)
        await until(lambda: settled(postgres_database))
    assert sink.paths["boss"] == 2
    told = " ".join(sink.titles("boss"))
    assert "dark" in told
    assert "late" in told  # delivered is not rendered
    assert all("驾驶室终端未显示" in body for body in sink.bodies("boss"))


async def test_a_site_that_nobody_watches_is_told_once_and_once_when_it_is_back(
    postgres_database: DatabaseSettings, embedded_broker: MqttSettings, sink: Sink, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("api.notify.service.BEAT_S", 0.1)
    await staff(postgres_database, [person(sink, "wang")], [on_duty("wang")])
    beat = payloads.encode(payloads.Heartbeat(partition=0, version="t", at=1, active=0, digest="0"))

    async def heard(times: int) -> None:
        for _ in range(times):
            await publish(embedded_broker, [(topics.heartbeat(SITE), beat)])
            await asyncio.sleep(0.05)

    # A second one beside it would say the same a second time, if saying were not once for all.
    settings = QUICK.model_copy(update={"lost_s": 1.0})
    async with (
        notifying(postgres_database, embedded_broker, settings),
        notifying(postgres_database, embedded_broker, settings) as registry,
    ):
        await heard(10)
        assert sink.messages == []
        await until(lambda: sink.paths["wang"])
        await until(lambda: settled(postgres_database))
        await heard(3)
        await until(lambda: sink.paths["wang"] == 2)
        assert registry.get_sample_value("cranewatch_notify_database_up") == 1
    lost, back = sink.titles("wang")
    assert lost == "【监测中断】东门工地 未监测 [NOT MONITORED] 东门工地"
    assert back == "【监测恢复】东门工地 [MONITORING BACK] 东门工地"
    assert "限位器仍有效" in sink.bodies("wang")[0]
    assert fetch(postgres_database, "SELECT ended_by FROM escalation") == [("back",)]


async def test_without_its_database_nobody_is_told_and_that_is_said_and_then_everybody_is(
    postgres_database: DatabaseSettings, embedded_broker: MqttSettings, sink: Sink, proxy_to: Callable[[int], Proxy]
) -> None:
    await staff(postgres_database, [person(sink, "wang")], [on_duty("wang")])
    url = postgres_database.url.get_secret_value()
    port = int(url.rsplit("/", 1)[0].rsplit(":", 1)[1])
    proxy = proxy_to(port)
    behind = postgres_database.model_copy(update={"url": SecretStr(url.replace(f":{port}/", f":{proxy.port}/"))})
    async with notifying(behind, embedded_broker) as registry:
        await until(lambda: registry.get_sample_value("cranewatch_notify_database_up") == 1)
        proxy.stop()
        record(postgres_database, Alarm().raised())
        await until(lambda: registry.get_sample_value("cranewatch_notify_database_up") == 0)
        assert sink.messages == []
        proxy.start()
        await until(lambda: sink.paths["wang"], 40)
        await until(lambda: settled(postgres_database))
    assert sink.paths == {"wang": 1}


async def test_news_are_told_once_however_often_they_are_recorded_and_a_review_is_no_news(
    postgres_database: DatabaseSettings, embedded_broker: MqttSettings, sink: Sink
) -> None:
    await staff(postgres_database, [person(sink, "wang")], [on_duty("wang")])
    one = Alarm().raised()
    found = Alarm("crane-5").raised()
    reviewed = Alarm("crane-6").raised()
    async with notifying(postgres_database, embedded_broker):
        record(postgres_database, msgspec.structs.replace(found, origin="review"))
        record(postgres_database, msgspec.structs.replace(reviewed, origin="review"))
        record(postgres_database, one, one)
        await until(lambda: sink.paths["wang"])
        record(postgres_database, one)
        with psycopg.connect(postgres_database.url.get_secret_value(), autocommit=True) as connection:
            connection.execute("INSERT INTO transition_news SELECT position FROM transition WHERE id = %s", (one.id,))
        record(postgres_database, found)  # heard live after the review had found it
        await until(lambda: sink.paths["wang"] == 2)
        await until(lambda: settled(postgres_database))
    assert len(sink.messages) == 2
    assert "crane-5" in sink.titles("wang")[1]


async def cranewatch(database: DatabaseSettings, *arguments: str) -> Result:
    """The command, in a thread: it has an event loop of its own."""
    env = {"CRANEWATCH_DATABASE__URL": database.url.get_secret_value(), "COLUMNS": "200"}
    return await asyncio.to_thread(CliRunner().invoke, app, arguments, env=env)


async def test_a_test_message_takes_the_path_of_alarms_and_says_what_failed(
    postgres_database: DatabaseSettings, embedded_broker: MqttSettings, sink: Sink
) -> None:
    await staff(postgres_database, [person(sink, "wang", "push", "sms", quiet=["00:00", "23:59"])], [])
    nobody = await cranewatch(postgres_database, "notify", "test", "gate/wang", "--wait", "1")
    assert nobody.exit_code == 1
    assert "is a notifier running?" in nobody.output
    async with notifying(postgres_database, embedded_broker):
        await until(lambda: sink.paths["wang-1"])  # of the one that nobody had sent
        done = await cranewatch(postgres_database, "notify", "test", "gate/wang")
        assert done.exit_code == 0, done.output
        sink.refuse = 99
        failed = await cranewatch(postgres_database, "notify", "test", "gate/wang")
    assert failed.exit_code == 1
    assert "error=500" in failed.output
    assert sink.paths == {"wang": 2, "wang-1": 2}
    assert all(title.startswith("【测试】东门工地") for title in sink.titles("wang"))
    queue = await cranewatch(postgres_database, "notify", "queue", "--dead", "--json")
    assert queue.exit_code == 1
    assert {(one["channel"], one["dead"]) for one in json.loads(queue.stdout)} == {("push-0", True), ("sms-1", True)}
    again = await cranewatch(postgres_database, "notify", "queue", "--retry")
    assert again.exit_code == 0
    assert "tried again: 2" in again.output
    unknown = await cranewatch(postgres_database, "notify", "test", "gate/li")
    assert unknown.exit_code == 1
    assert "no contact gate/li" in unknown.output


async def test_the_doctor_says_that_nobody_is_told(postgres_database: DatabaseSettings) -> None:
    await staff(postgres_database, [], [])
    record(postgres_database, Alarm().raised())
    found = {one.verdict: one.text for one in await findings(postgres_database)}
    assert found == {Verdict.DOUBTFUL: "nobody can be told of a danger to life at gate"}
    with psycopg.connect(postgres_database.url.get_secret_value(), autocommit=True) as connection:
        connection.execute("UPDATE transition_news SET added_at = now() - interval '2 minutes'")
    bad = {one.verdict: one.text for one in await findings(postgres_database)}[Verdict.BAD]
    assert "waited 120 s for a notifier" in bad
