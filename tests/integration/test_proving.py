"""Whoever judges proof tests, on a real database: what begins, what is asked for, what is said, and once."""

import asyncio
import os
import subprocess
import sys
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from typing import Any, cast

import msgspec
import psycopg
import pytest
from prometheus_client import CollectorRegistry

from api.notify.metrics import NotifyMetrics
from api.notify.prover import Prover
from telemetry.broker import Link
from telemetry.clock import now_ms
from telemetry.ladder import Plan
from telemetry.model import PROOF_TEST, Action, Severity, Stage
from telemetry.proof import Outcome, State
from telemetry.proof_schedule import Schedule
from telemetry.settings import DatabaseSettings
from telemetry.storage import closings, proofs, proving
from telemetry.storage.audit import Actor
from telemetry.storage.items import Item, Noted, Reading
from telemetry.storage.pool import Database
from telemetry.storage.proofs import Refused
from telemetry.storage.writer import Writer
from telemetry.wire import frames, payloads, topics
from telemetry.wire.payloads import Cause, Event, Presence, Response, Shown
from telemetry.wire.proof import ProofOrder, ProofState, SiteProofs
from telemetry.wire.topics import Lane, Leaf
from tests.helpers.duty import SITE, Alarm, staff
from tests.helpers.rows import fetch, value
from tests.helpers.services import ROOT

BOOT = "boot-00000001"
ACTOR = Actor("li", None, "test")
CRANE = "crane-3"


class ListLink:
    """A link that is up and keeps what is published."""

    def __init__(self) -> None:
        self.up = asyncio.Event()
        self.up.set()
        self.connections = 1
        self.said: list[tuple[str, bytes, bool]] = []

    async def publish(self, topic: str, payload: bytes, *, qos: int = 1, retain: bool = False) -> None:
        self.said.append((topic, payload, retain))

    def of(self, leaf: str) -> list[bytes]:
        return [payload for topic, payload, _ in self.said if topic.endswith(f"/{leaf}")]


class Proving:
    """A prover, its database, and what devices, terminals and people say to it."""

    def __init__(self, settings: DatabaseSettings, database: Database) -> None:
        self.settings, self.database = settings, database
        self.link = ListLink()
        self.prover = self.another()
        self._seq = 0

    def another(self) -> Prover:
        return Prover(self.database, cast("Link", self.link), NotifyMetrics(CollectorRegistry()))

    async def turn(self, times: int = 1) -> None:
        for _ in range(times):
            self.prover._looked = -100.0  # as if five seconds had gone by
            await self.prover.turn()

    def store(self, leaf: Leaf, note: Any, lane: Lane = Lane.UP) -> None:
        topic = topics.build(SITE, "crane", CRANE, lane, leaf)
        writer = Writer(self.settings, application="test-writer")
        try:
            item: Item = Noted(topics.parse(topic), note, payloads.encode(note))
            writer.store([item], now_ms())
        finally:
            writer.close()

    def born(self, **more: Any) -> None:
        self.store(Leaf.PRESENCE, Presence(online=True, boot=BOOT, interval_ms=200, proof=True, **more))

    def execute(self, sql: Any, *parameters: object) -> None:
        with psycopg.connect(self.settings.url.get_secret_value(), autocommit=True) as connection:
            connection.execute(sql, parameters)

    def terminal(self) -> None:
        self.execute('UPDATE device SET config = \'{"terminal": "cab"}\'')

    async def order(self, *, told: bool = True) -> proofs.Test:
        return await proofs.order(self.database, ACTOR, SITE, "crane", CRANE, told=told)

    async def last(self) -> proofs.Test:
        return (await proofs.listed(self.database, SITE))[0]

    def ordered(self) -> ProofOrder:
        return payloads.decode(ProofOrder, self.link.of("proof")[-1])

    def accept(self, ts: int | None = None) -> None:
        """The device takes the order up, by its clock at `ts`, and its reading is stored."""
        self._seq += 10
        test = self.ordered().test
        self.store(
            Leaf.EVENT, Event(id=test, type="proof", ts=now_ms(), boot=BOOT, seq=self._seq, data={"begins": True})
        )
        topic = topics.parse(topics.build(SITE, "crane", CRANE, Lane.UP, Leaf.READING))
        body = {"boot": BOOT, "seq": self._seq, "ts": now_ms(), "load_t": 0.0, "proof_pct": 110.0}
        raw = msgspec.json.encode(body)
        writer = Writer(self.settings, application="test-writer")
        try:
            writer.store([Reading(topic, frames.decode("crane", raw), raw)], now_ms())
        finally:
            writer.close()

    def declines(self) -> None:
        """The device does not take the order up."""
        said = {"begins": False, "why": "expired"}
        self.store(Leaf.EVENT, Event(id=self.ordered().test, type="proof", ts=now_ms(), boot=BOOT, data=said))

    def raised(self) -> str:
        one = Alarm(CRANE, PROOF_TEST, severity=Severity.ADVISORY, life_safety=False).raised()
        one = msgspec.structs.replace(one, cause=Cause(boot=BOOT, seq=self._seq, i=0))
        self.store(Leaf.TRANSITION, one, Lane.DOWN)
        return one.id

    def shown(self, transition: str) -> None:
        for stage in Stage:
            self.store(Leaf.SHOWN, Shown(terminal="t-1", at=now_ms(), transition=transition, stage=stage))

    def taps(self, action: Action, transition: str | None = None) -> None:
        number = f"{now_ms():016x}"
        said = Response(id=number, action=action, at=now_ms(), who="op-7", rule=PROOF_TEST, transition=transition)
        self.store(Leaf.RESPONSE, said)

    def acknowledged(self) -> None:
        one = Alarm(CRANE, PROOF_TEST, severity=Severity.ADVISORY, life_safety=False)
        one.raised()
        said = msgspec.structs.replace(one.acknowledged(), cause=Cause(response="r-1"))
        self.store(Leaf.TRANSITION, said, Lane.DOWN)


@pytest.fixture
async def site(postgres_database: DatabaseSettings) -> AsyncIterator[Proving]:
    await staff(postgres_database, [], [], Plan())
    async with Database(postgres_database, application="test") as database:
        made = Proving(postgres_database, database)
        made.born()
        yield made


async def test_an_order_goes_out_once_and_the_whole_chain_passes(site: Proving) -> None:
    await site.order()
    await site.turn(3)
    assert len(site.link.of("proof")) == 1
    assert [retain for topic, _, retain in site.link.said if topic.endswith("/proof")] == [False], (
        "an order is no state"
    )
    site.accept()
    site.raised()
    await site.turn()
    assert (await site.last()).outcome is None
    site.acknowledged()
    await site.turn()
    test = await site.last()
    assert (test.outcome, [str(one.link) for one in test.steps]) == (
        Outcome.PASSED, ["accepted", "stored", "raised", "acknowledged"],
    )  # fmt: skip
    state = topics.build(SITE, "crane", CRANE, Lane.DOWN, Leaf.PROOF_STATE)
    said = [(payload, retain) for topic, payload, retain in site.link.said if topic == state]
    assert [retain for _, retain in said] == [True, True, False]
    assert said[1][0] == b"", "cleared, and then how it ended"
    assert payloads.decode(ProofState, said[2][0]).state == "passed"


async def test_two_notifiers_order_and_judge_once(site: Proving) -> None:
    await site.order()
    both = [site.prover, site.another()]
    await asyncio.gather(*(prover.turn() for prover in both * 3))
    assert len(site.link.of("proof")) == 1
    site.execute("UPDATE proof_test SET sent_at = sent_at - interval '1 minute'")
    await asyncio.gather(*(prover.turn() for prover in both * 3))
    test = await site.last()
    assert (test.outcome, test.failed_link) == (Outcome.FAILED, "accepted")
    ended = [payload for payload in site.link.of("proof_state") if b'"failed"' in payload]
    assert len(ended) == 1


async def test_where_a_terminal_is_expected_the_operator_begins_it(site: Proving) -> None:
    site.terminal()
    asked = await site.order(told=False)
    assert asked.state is State.ASKED
    await site.turn(2)
    assert site.link.of("proof") == []
    site.taps(Action.BEGIN_TEST)
    await site.turn()
    test = await site.last()
    assert (test.state, test.begun_by, test.proof_id) == (State.SENT, "op-7", asked.proof_id)
    await site.turn(2)
    assert len(site.link.of("proof")) == 1, "one tap, one test"


async def test_what_nobody_begins_in_time_was_not_done(site: Proving) -> None:
    site.terminal()
    await site.order(told=False)
    site.execute("UPDATE proof_test SET until_at = now() - interval '1 second'")
    await site.turn()
    test = await site.last()
    assert (test.outcome, test.detail) == (Outcome.NOT_DONE, "asked")


async def test_a_tap_in_the_cab_alone_begins_one(site: Proving) -> None:
    site.terminal()
    site.taps(Action.BEGIN_TEST)
    await site.turn()
    test = await site.last()
    assert (test.source, test.ordered_by, test.state) == ("cab", "op-7", State.SENT)


async def test_without_a_terminal_a_test_that_was_asked_for_waits_for_an_empty_still_hook(site: Proving) -> None:
    site.terminal()
    await site.order(told=False)
    site.execute("UPDATE device SET config = '{}'")
    await site.turn()
    assert site.link.of("proof") == [], "nothing is known of the hook"
    number = value(site.settings, "SELECT device_id FROM device")
    site.execute(
        "INSERT INTO reading_crane (device_id, ts, received_at, boot_no, seq, i, invalid, load_t, hook_m)"
        " VALUES (%s, now(), now(), 1, 1, 0, 0, 0.02, 20)", number,
    )  # fmt: skip
    await site.turn(2)
    assert len(site.link.of("proof")) == 1


async def test_what_has_no_channel_is_away_or_busy_is_refused_in_words(site: Proving) -> None:
    await site.order()
    with pytest.raises(Refused, match="under way"):
        await site.order()
    with pytest.raises(Refused, match="no crane"):
        await proofs.order(site.database, ACTOR, SITE, "crane", "nobody", told=True)
    site.store(Leaf.PRESENCE, Presence(online=True, boot=BOOT))
    with pytest.raises(Refused, match="no test channel"):
        await site.order()
    site.store(Leaf.PRESENCE, Presence(online=False))
    with pytest.raises(Refused, match="not connected"):
        await site.order()


async def test_a_failed_test_is_named_until_one_passes_or_somebody_closes_its_alarm(site: Proving) -> None:
    def named() -> list[str | None]:
        return [one.failed for one in payloads.decode(SiteProofs, site.link.of("proofs")[-1]).devices]

    await site.order()
    await site.turn()
    assert named() == []
    site.execute("UPDATE proof_test SET sent_at = sent_at - interval '1 minute'")
    await site.turn(2)
    assert named() == ["accepted"]
    alarm = Alarm(CRANE, "proof_failed", life_safety=False).raised()
    site.store(Leaf.TRANSITION, alarm, Lane.DOWN)
    await closings.close(site.database, ACTOR, alarm.id, closings.Cause.SENSOR, "box was off")
    await site.turn()
    assert named() == []


async def test_a_statement_that_says_the_same_is_said_once(site: Proving) -> None:
    await site.order()
    await site.turn(4)
    assert len(site.link.of("proofs")) == 1
    site.link.connections += 1  # a new connection, maybe to a broker that has forgotten
    await site.turn()
    assert len(site.link.of("proofs")) == 2


async def test_a_schedule_asks_once_a_day_and_what_is_overdue_is_said(site: Proving) -> None:
    site.terminal()
    await proofs.schedule(site.database, ACTOR, SITE, Schedule(7, "00:00", "23:59"))
    site.execute("UPDATE site SET timezone = 'UTC'")
    if datetime.now(UTC).strftime("%H:%M") == "23:59":
        pytest.skip("the last minute of a day has no hours left")
    await site.turn(3)
    test = await site.last()
    assert (test.source, test.state, test.ordered_by) == ("schedule", State.ASKED, "schedule")
    assert len(await proofs.listed(site.database, SITE)) == 1
    site.execute("UPDATE proof_test SET until_at = now()")
    await site.turn(2)
    assert len(await proofs.listed(site.database, SITE)) == 1, "not again on the same day"
    site.execute("UPDATE proof_schedule SET since = now() - interval '9 days'")
    await site.turn()
    (one,) = payloads.decode(SiteProofs, site.link.of("proofs")[-1]).devices
    assert (one.device, one.overdue_days) == (CRANE, 9.0)


async def test_a_device_s_own_schedule_comes_before_its_site_s(site: Proving) -> None:
    await proofs.schedule(site.database, ACTOR, SITE, Schedule(7, "00:00", "23:59"))
    await proofs.schedule(site.database, ACTOR, SITE, Schedule(30, "01:00", "02:00"), kind="crane", device=CRANE)
    async with proving.turn(site.database) as turn:
        assert turn is not None
        assert [one.wanted.schedule.every_days for one in await turn.scheduled()] == [30]
    assert [one.device for one in await proofs.schedules(site.database, SITE)] == [None, CRANE]
    await proofs.schedule(site.database, ACTOR, SITE, None)
    assert [one.device for one in await proofs.schedules(site.database, SITE)] == [CRANE]


async def test_after_the_record_was_away_nothing_that_is_missing_is_held_against_anybody(site: Proving) -> None:
    await site.order()
    await site.turn()
    site.execute("UPDATE proof_test SET sent_at = sent_at - interval '1 minute'")
    site.prover.away()
    await site.turn()
    assert (await site.last()).outcome is None
    site.prover._doubted -= 60
    await site.turn()
    assert (await site.last()).outcome is Outcome.FAILED


async def test_links_that_come_behind_the_verdict_are_written_down(site: Proving) -> None:
    site.terminal()
    await site.order()
    await site.turn()
    site.accept()
    raised = site.raised()
    await site.turn()
    site.execute("UPDATE transition SET received_at = received_at - interval '10 seconds'")
    await site.turn()
    assert (await site.last()).failed_link == "delivered"
    site.shown(raised)
    await site.turn()
    test = await site.last()
    assert (test.outcome, [str(one.link) for one in test.steps][-2:]) == (Outcome.FAILED, ["delivered", "rendered"])


async def test_only_what_nobody_has_begun_can_be_taken_back(site: Proving) -> None:
    site.terminal()
    asked = await site.order(told=False)
    assert await proofs.cancel(site.database, ACTOR, "elsewhere", asked.proof_id) is None
    done = await proofs.cancel(site.database, ACTOR, SITE, asked.proof_id)
    assert done is not None
    assert done.outcome is Outcome.NOT_DONE
    begun = await site.order()
    assert await proofs.cancel(site.database, ACTOR, SITE, begun.proof_id) is None
    lines = fetch(site.settings, "SELECT action FROM audit_log ORDER BY audit_id")
    assert [row[0] for row in lines] == ["proof_test.order", "proof_test.cancel", "proof_test.order"]


async def test_a_test_that_waits_is_taken_back_by_command(site: Proving) -> None:
    site.terminal()
    asked = await site.order(told=False)
    env = {**os.environ, "CRANEWATCH_DATABASE__URL": site.settings.url.get_secret_value()}
    for wanted in (0, 1):
        done = await asyncio.to_thread(
            subprocess.run, [sys.executable, "-m", "runtime.cli", "prooftest", "withdraw", SITE, str(asked.proof_id)],
            env=env, cwd=ROOT, capture_output=True, text=True, check=False,
        )  # fmt: skip
        assert done.returncode == wanted, done.stderr
    assert "that waits to be begun" in done.stderr


async def test_while_the_channel_of_the_test_before_is_driven_the_next_one_waits(site: Proving) -> None:
    await site.order()
    await site.turn()
    site.declines()
    await site.turn()
    assert (await site.last()).outcome is Outcome.REFUSED
    await site.order()
    await site.turn(2)
    assert len(site.link.of("proof")) == 1
    site.execute("UPDATE proof_test SET sent_at = sent_at - interval '1 minute'")
    await site.turn()
    assert len(site.link.of("proof")) == 2


async def test_a_tap_while_a_test_is_under_way_begins_no_other_one_behind_it(site: Proving) -> None:
    await site.order()
    await site.turn()
    site.taps(Action.BEGIN_TEST)
    await site.turn()
    site.declines()
    await site.turn(3)
    assert [one.outcome for one in await proofs.listed(site.database, SITE)] == [Outcome.REFUSED]


async def test_an_alarm_that_the_cab_shows_instead_interrupts_it(site: Proving) -> None:
    site.terminal()
    await site.order()
    await site.turn()
    site.accept()
    site.raised()
    site.store(Leaf.TRANSITION, Alarm(CRANE).raised(), Lane.DOWN)
    site.execute("UPDATE transition SET received_at = received_at - interval '10 seconds'")
    await site.turn()
    test = await site.last()
    assert (test.outcome, test.detail) == (Outcome.INTERRUPTED, "alarm")


async def test_a_device_whose_clock_is_absurd_fails_its_own_test_and_stops_nobody_s(site: Proving) -> None:
    await site.order()
    await site.turn()
    site.accept(ts=2**52)
    await site.turn()
    assert (await site.last()).outcome is None
    site.execute("UPDATE proof_test SET sent_at = sent_at - interval '25 seconds'")
    await site.turn()
    assert (await site.last()).failed_link in ("accepted", "stored")
