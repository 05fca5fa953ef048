"""
Proof tests on their way: asked for, ordered, followed link by link, judged, and said to terminals and analyzer.

Rule 1: what is decided stands in the record; the connection to the broker only carries it. Killed anywhere, another
notifier goes on; an order that went out twice is begun once, because the device knows its name.
Rule 2: without the record no test begins, and while it was away nothing that is missing is held against anybody.
Rule 3: nothing here moves a machine: an order asks a device for a number on a channel that measures nothing.
"""

import logging
from datetime import datetime, timedelta
from time import monotonic
from typing import Final
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from api.notify.metrics import NotifyMetrics
from telemetry import proof, proof_schedule
from telemetry.broker import Link
from telemetry.clock import to_ms
from telemetry.errors import BrokerUnavailable, ConfigError
from telemetry.ladder import Plan
from telemetry.proof import ORDER_S, PERCENT, Outcome, Source, State, Verdict
from telemetry.storage import proofs, proving
from telemetry.storage.pool import Database
from telemetry.storage.proofs import Test
from telemetry.storage.proving import Open, Scheduled, Turn
from telemetry.wire import payloads, topics
from telemetry.wire.proof import ProofOrder, ProofState, Proved, SiteProofs
from telemetry.wire.topics import Lane, Leaf

logger = logging.getLogger(__name__)

SCHEDULE_S: Final = 5.0  # between two looks at schedules
SAY_S: Final = 60.0  # a statement is said again so often: a broker may have lost it
DOUBT_S: Final = 30.0  # after the record was away: what is missing may be on its way into it
STILL_S: Final = 30.0  # an empty hook has been still for so long where nobody in the cab is asked
EMPTY_T: Final = 0.3  # as the cab's terminal has it
MOST_NAMED: Final = 200
NAME: Final = "schedule"


class Prover:
    """One that judges; another one may run beside it."""

    def __init__(self, database: Database, link: Link, metrics: NotifyMetrics) -> None:
        """Only stores its arguments."""
        self._database = database
        self._link = link
        self._metrics = metrics
        self._looked = -SCHEDULE_S
        self._doubted = -DOUBT_S
        self._states: dict[int, tuple[str, str]] = {}  # by device: what its terminals were told
        self._said: dict[str, tuple[bytes, float]] = {}  # by site: the statement, and when
        self._connections = 0

    def away(self) -> None:
        """The record did not answer."""
        self._doubted = monotonic()

    async def turn(self) -> bool:
        """Do what is due, if the turn is ours. Raises StorageError."""
        if self._link.connections != self._connections:
            # A new connection, maybe to a broker that has forgotten: all that is retained is said again.
            self._connections = self._link.connections
            self._states.clear()
            self._said.clear()
        async with proving.turn(self._database) as turn:
            if turn is None:
                return False
            await self._taps(turn)
            if monotonic() - self._looked >= SCHEDULE_S:
                self._looked = monotonic()
                scheduled = await turn.scheduled()
                await self._ask(turn, scheduled)
                await self._state(turn, scheduled)
            for one in await turn.open():
                await self._advance(turn, one)
        return False

    # What begins

    async def _taps(self, turn: Turn) -> None:
        for tap in await turn.taps():
            if tap.asked is not None:
                await turn.begin(tap.asked, tap.response, tap.who)
            elif tap.able:
                await turn.put(
                    f"tap-{tap.response}"[:64], tap.device_id, Source.CAB, tap.who, state=State.ORDERED,
                    within_s=proofs.ORDERED_S, tap=tap.response, begun_by=tap.who,
                )  # fmt: skip

    async def _ask(self, turn: Turn, scheduled: list[Scheduled]) -> None:
        for one in scheduled:
            if not one.able:
                continue
            until = proof_schedule.asks(one.wanted.schedule, _zone(one.timezone), turn.now, one.done, one.asked)
            if until is not None:
                within_s = (until - turn.now).total_seconds()
                name = f"due-{one.device_id}-{turn.now:%Y%m%d}"
                await turn.put(name, one.device_id, Source.SCHEDULE, NAME, state=State.ASKED, within_s=within_s)

    # What goes on

    async def _advance(self, turn: Turn, one: Open) -> None:
        test = one.test
        match test.state:
            case State.ASKED:
                if turn.now >= test.until_at:
                    await self._over(turn, test, Verdict([], Outcome.NOT_DONE, detail="asked"))
                    return
                if not one.terminal and await turn.still(test, STILL_S, EMPTY_T):
                    await turn.begin(test.proof_id, None, None)
                await self._tell(test, "asked", test.until_at)
            case State.ORDERED:
                await self._order(turn, one)
            case State.SENT:
                await self._judge(turn, one)
            case State.OVER:
                verdict, raised = await self._verdict(turn, one)
                if len(verdict.steps) > len(test.steps):
                    await turn.links(test.proof_id, verdict, raised)

    async def _order(self, turn: Turn, one: Open) -> None:
        test = one.test
        if await turn.driven(test):
            return  # its channel is driven by the test before: what it raised would be taken for this one's
        if turn.now >= test.until_at:
            await self._over(turn, test, Verdict([], Outcome.NOT_DONE, detail="broker"))
            return
        if not self._link.up.is_set():
            return
        hold = proof.hold_s(one.interval_s)
        # Its end is in the payload: MQTT's own expiry is a property, with which rumqttd's listener for 3.1.1 dies.
        until = turn.now + timedelta(seconds=ORDER_S)
        order = ProofOrder(test=test.test, at=to_ms(turn.now), until=to_ms(until), percent=PERCENT, hold_s=hold)
        topic = topics.build(test.site, test.kind, test.device, Lane.DOWN, Leaf.PROOF)
        try:
            await self._link.publish(topic, payloads.encode(order))
        except BrokerUnavailable as error:
            logger.warning("proof test %s was not sent: %s", test.test, error, extra={"action": "proof"})
            return
        await turn.sent(test.proof_id, hold)
        await self._tell(test, "under_way", turn.now + timedelta(seconds=hold + proofs.ORDERED_S))

    async def _judge(self, turn: Turn, one: Open) -> None:
        verdict, raised = await self._verdict(turn, one)
        absent = verdict.outcome is Outcome.FAILED and verdict.detail in ("missing", "nobody")
        if absent and monotonic() - self._doubted < DOUBT_S:
            return
        if verdict.outcome is not None:
            await self._over(turn, one.test, verdict, raised)
        elif len(verdict.steps) > len(one.test.steps):
            await turn.judged(one.test.proof_id, verdict, raised)

    async def _verdict(self, turn: Turn, one: Open) -> tuple[Verdict, str | None]:
        evidence, raised = await turn.evidence(one.test)
        try:
            standing = await turn.standing(one.test.site)
        except ConfigError:
            standing = None
        plan = standing.plan if standing is not None else Plan()
        contacts = standing is not None and any(contact.channels for contact in standing.contacts.values())
        wanted = proof.expected(plan, terminal=one.terminal, contacts=contacts, interval_s=one.interval_s)
        return proof.judge(evidence, wanted), raised

    async def _over(self, turn: Turn, test: Test, verdict: Verdict, raised: str | None = None) -> None:
        outcome = verdict.outcome or Outcome.NOT_DONE
        await turn.judged(test.proof_id, verdict, raised)
        self._looked = -SCHEDULE_S  # the analyzer is told with the next turn
        self._metrics.proofs.labels(str(outcome)).inc()
        logger.log(
            logging.WARNING if outcome is Outcome.FAILED else logging.INFO, "proof test %s of %s/%s: %s %s", test.test,
            test.site, test.device, outcome, verdict.failed or verdict.detail, extra={"action": "proof"},
        )  # fmt: skip
        self._states.pop(test.device_id, None)
        words = proof.words(outcome, verdict.failed, verdict.detail)
        ended = ProofState(test=test.test, state=str(outcome), at=to_ms(turn.now), until=to_ms(turn.now), words=words)
        await self._publish(_state_topic(test), b"", retain=True)
        await self._publish(_state_topic(test), payloads.encode(ended))

    # What is said

    async def _tell(self, test: Test, state: str, until: datetime) -> None:
        if self._states.get(test.device_id) == (test.test, state) or not self._link.up.is_set():
            return
        said = ProofState(test=test.test, state=state, at=to_ms(test.asked_at), until=to_ms(until))
        if await self._publish(_state_topic(test), payloads.encode(said), retain=True):
            self._states[test.device_id] = (test.test, state)

    async def _state(self, turn: Turn, scheduled: list[Scheduled]) -> None:
        """The statement of each site: what failed, what is overdue."""
        named: dict[str, dict[tuple[str, str], Proved]] = {site: {} for site in [*await turn.sites(), *self._said]}
        for fail in await turn.failing():
            words = proof.words(Outcome.FAILED, fail.failed_link, fail.detail)
            named[fail.site][fail.kind, fail.device] = Proved(
                kind=fail.kind, device=fail.device, test=fail.test, failed=fail.failed_link, words=words
            )
        for one in scheduled:
            wanted = one.wanted
            days = proof_schedule.overdue_days(wanted.schedule, turn.now, one.done, wanted.since)
            kind, device = wanted.kind or "", wanted.device or ""
            if days is not None:
                before = named[wanted.site].get((kind, device), Proved(kind=kind, device=device))
                # Whole days: a statement that changed with every look would be an input with every look.
                named[wanted.site][kind, device] = _with_days(before, float(int(days)))
        for site, found in named.items():
            devices = [found[key] for key in sorted(found)]
            body = SiteProofs(
                at=0, devices=devices[:MOST_NAMED], more=max(0, len(devices) - MOST_NAMED)
            )  # compared without its time
            was, when = self._said.get(site, (b"", -SAY_S))
            encoded = payloads.encode(body)
            if encoded == was and monotonic() - when < SAY_S:
                continue
            stated = SiteProofs(at=to_ms(turn.now), devices=body.devices, more=body.more)
            if await self._publish(topics.proofs(site), payloads.encode(stated), retain=True):
                self._said[site] = (encoded, monotonic())

    async def _publish(self, topic: str, payload: bytes, *, retain: bool = False) -> bool:
        if not self._link.up.is_set():
            return False
        try:
            await self._link.publish(topic, payload, retain=retain)
        except BrokerUnavailable as error:
            logger.warning("%s was not said: %s", topic, error, extra={"action": "proof"})
            return False
        return True


def _with_days(one: Proved, days: float) -> Proved:
    return Proved(
        kind=one.kind, device=one.device, test=one.test, failed=one.failed, words=one.words, overdue_days=days
    )


def _state_topic(test: Test) -> str:
    return topics.build(test.site, test.kind, test.device, Lane.DOWN, Leaf.PROOF_STATE)


def _zone(name: str) -> ZoneInfo:
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError):
        return ZoneInfo("UTC")
