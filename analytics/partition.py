"""
The shell of one partition: journal, feed, publish on the consuming connection, acknowledge.

Rule 1: a batch is appended to the journal before it is fed, and acknowledged when the broker has confirmed what it
led to; whole batches, in order.
Rule 2: ticks go through the partition's own session, behind whatever was queued before them; none is acted on after a
(re)connect until the first one sent since has returned.
Rule 3: no database here, and nothing that waits on a disk: syncs and snapshots run in threads.
Rule 4: a journal that cannot be written stops acknowledgements, not alarms. When the broker would send nothing more for
want of acknowledgements, they go on without a journal, loudly: a muted alarm is worse than a lost window.
Rule 5: without its folder a partition that has been there before (its session or its alarms are at the broker) starts
warm: degraded, said so, and before the first input it takes over what is retained there (`adoption`).
"""

import asyncio
import contextlib
import logging
import os
import secrets
import socket
from collections import deque
from collections.abc import Sequence
from typing import Final

import msgspec

from analytics import heartbeat, notes, shares
from analytics.engine import Engine
from analytics.intake import Intake, Taken
from analytics.journal import Folder, Input, Record
from analytics.logbook import Logbook, Saved
from analytics.metrics import AnalyzerMetrics
from analytics.outbox import Outbox
from analytics.outcome import Outcome
from analytics.settings import AnalyzerSettings
from telemetry import broker, clock
from telemetry.claim import PartitionClaim
from telemetry.consumer import Batch, Consumer, PublishRefused
from telemetry.errors import BrokerUnavailable, CranewatchError
from telemetry.settings import MqttSettings, PartitionSettings
from telemetry.wire import payloads, topics
from telemetry.wire.topics import Lane, Leaf

logger = logging.getLogger(__name__)

STARVED_S: Final = 3.0  # no tick came back for this long: the window is full, or the loop is behind
MAX_UNSETTLED: Final = 4_000  # batches; the broker's window is smaller
LOOKS_AT_ONCE: Final = 8  # connections that read retained topics at the start
MANY_RETAINED: Final = 500  # messages; when so many came in the first second, more may follow
HELD_BEHIND_JOURNAL: Final = 50  # messages that may wait for a confirmation once the journal has them


class Fenced(CranewatchError):
    """Another worker has claimed the partition."""


class Partition:
    """One partition of the analyzer."""

    def __init__(
        self,
        number: int,
        mqtt: MqttSettings,
        partition: PartitionSettings,
        settings: AnalyzerSettings,
        metrics: AnalyzerMetrics,
    ) -> None:
        """Only stores its arguments; `run` opens everything."""
        self._number = number
        self._mqtt = mqtt
        self._partition = partition
        self._settings = settings
        self._metrics = metrics
        self._run = secrets.token_hex(8)
        self._tick_topic = topics.tick(number)
        folder = Folder(settings.folder / f"analyze-p{number}")
        self._logbook = Logbook(folder, settings, metrics, self._journal_failed, self._journal_recovered)
        self._engine = Engine(number)
        self._intake = Intake(self._engine, self._tick_topic)
        self._outbox = Outbox(self._refused, metrics.outbox_dropped.inc)
        self._unsettled: deque[tuple[Batch, list[asyncio.Future[None]], bool]] = deque()
        self._settle_more = asyncio.Event()
        self._fresh_link = False
        self._expected_session = False
        self._unremembered: list[Input] | None = None  # retained configuration, while we may have lost our memory
        self._tick_n = 0
        self._tick_first = 1  # the first tick of the present connection
        self._tick_at = 0
        self._ticked = 0.0  # loop time of the last tick acted on
        self._received = 0
        self._version = heartbeat.version()
        self.evaluating = asyncio.Event()  # set when the first tick has come back

    async def run(self, stop: asyncio.Event) -> None:
        """
        Watch until `stop` is set.

        Raises PartitionTaken when another process has the folder, Fenced when another worker has the partition.
        """
        self._logbook.open()
        try:
            worker = f"{socket.gethostname()}-{os.getpid()}-{self._run}"
            claim = PartitionClaim(self._mqtt, "analyze", self._number, worker, wait_s=self._partition.claim_wait_s)
            if not await self._claim(claim, stop):
                return
            faults = self._recover()
            if faults is not None and not await self._look_back(faults, stop):
                return
            consumer = Consumer(
                self._mqtt, f"analyze-p{self._number}", shares.filters(self._partition, self._number),
                may_reconnect=claim.still_mine, on_link=self._linked,
            )  # fmt: skip
            await self._watch(consumer, stop)
        finally:
            self._logbook.close()

    async def _claim(self, claim: PartitionClaim, stop: asyncio.Event) -> bool:
        while not stop.is_set():
            try:
                if await claim.take():
                    return True
                raise Fenced(f"another worker has partition {self._number}")
            except BrokerUnavailable as error:
                logger.warning("no broker yet: %s", error, extra={"action": "claim"})
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(1.0):
                        await stop.wait()
        return False

    # Recovery

    def _recover(self) -> list[str] | None:
        """
        The newest snapshot and every batch since; what they led to is published again on the first link.

        What was wrong with them, empty when there was nothing at all; None when our memory is whole.
        """
        found = self._logbook.recover()
        faults = list(found.faults)
        if found.snapshot is not None:
            try:
                self._restore(found.snapshot)
            except (ValueError, msgspec.MsgspecError) as error:
                faults.append(f"snapshot: {error}")
        for record in found.records:
            self._received = max(self._received, record.received)
            self._keep(self._intake.apply(record.received, record.inputs).outcome)
        self._expected_session = not found.empty
        if faults or found.empty:
            return faults
        logger.info(
            "partition %d recovered %d devices, %d batches",
            self._number, self._engine.devices(), len(found.records),
            extra={"action": "recovered"},
        )  # fmt: skip
        return None

    async def _look_back(self, faults: list[str], stop: asyncio.Event) -> bool:
        """Without our memory: what the broker still has of us, before the first input; False when stopped."""
        while not stop.is_set():
            try:
                configs = await self._retained("down/config", "up/presence", "config")
                alarms = await self._retained("down/alarm/+")
            except BrokerUnavailable as error:
                logger.warning("retained state could not be read: %s", error, extra={"action": "look_back"})
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(1.0):
                        await stop.wait()
                continue
            alarms = {topic: payload for topic, payload in alarms.items() if payload}
            # Sites before devices: a device's own profile is the last word.
            self._unremembered = sorted(configs.items(), key=lambda item: (item[0].count("/"), item[0]))
            if faults or alarms:
                why = "; ".join(faults) or f"its folder is empty, and {len(alarms)} of its alarms are at the broker"
                self._start_warm(why, alarms)
            return True
        return False

    def _start_warm(self, why: str, alarms: dict[str, bytes]) -> None:
        logger.error(
            "partition %d starts warm, its cranes are degraded: %s", self._number, why, extra={"action": "warm_start"}
        )
        # The broker sends a session that it has kept no retained configuration again.
        configs, self._unremembered = self._unremembered or [], None
        self._note([notes.doubt("warm_start"), *configs, *([notes.adopt(alarms)] if alarms else [])])
        for key, rules in self._engine.annunciator.open.items():
            for rule in rules:
                logger.warning("taken over: %s of %s", rule, "/".join(key), extra={"action": "adopted"})

    def _note(self, inputs: list[Input]) -> list[int]:
        """An input of our own: journalled and fed as any other; the numbers of what it led to in the outbox."""
        self._received = max(self._received, clock.now_ms())
        self._logbook.append(Record(self._received, inputs))
        return self._keep(self._intake.apply(self._received, inputs).outcome)

    async def _retained(self, *tails: str) -> dict[str, bytes]:
        """What is retained at the broker of our sites, by the tails of its topics. Raises BrokerUnavailable."""
        mine = shares.filters(self._partition, self._number)
        sites = tuple(one.split("/")[2] for one in mine if one.endswith("/up/+"))
        patterns: list[str] = []
        for tail in tails if sites else ():
            patterns += (
                [topics.site_config(site) for site in sites] if tail == "config" else topics.filters(sites, tail)
            )
        at_once = asyncio.Semaphore(LOOKS_AT_ONCE)

        async def look(n: int, pattern: str) -> dict[str, bytes]:
            name = f"look-p{self._number}-{n}-{self._run}"
            async with at_once:
                part = await broker.fetch_retained(self._mqtt, name, pattern)
                if len(part) >= MANY_RETAINED:
                    part = await broker.fetch_retained(self._mqtt, name, pattern, wait_s=5.0)
            return part

        found: dict[str, bytes] = {}
        for part in await asyncio.gather(*(look(n, pattern) for n, pattern in enumerate(patterns))):
            found |= part
        return found

    def _restore(self, data: bytes) -> None:
        snapshot = msgspec.msgpack.decode(data, type=Saved)
        engine = Engine.restore(snapshot.engine)
        if engine.partition != self._number:
            raise ValueError(f"of partition {engine.partition}")
        engine.unjournalled = not self._logbook.ok
        self._engine = engine
        self._intake = Intake(engine, self._tick_topic)
        for topic, payload, retain in snapshot.outbox:
            self._outbox.put(topic, payload, retain=retain)

    # The work

    async def _watch(self, consumer: Consumer, stop: asyncio.Event) -> None:
        async with asyncio.TaskGroup() as tasks:
            link = tasks.create_task(consumer.run(), name="analytics.link")
            work = [
                tasks.create_task(self._work(consumer), name="analytics.work"),
                tasks.create_task(self._settle(consumer), name="analytics.settle"),
                tasks.create_task(self._tick(consumer), name="analytics.tick"),
                tasks.create_task(self._beat(consumer), name="analytics.heartbeat"),
                tasks.create_task(self._logbook.sync(), name="analytics.sync"),
                tasks.create_task(self._sweep(consumer), name="analytics.sweep"),
            ]
            stopping = tasks.create_task(stop.wait(), name="analytics.stop")
            await asyncio.wait({link, stopping}, return_when=asyncio.FIRST_COMPLETED)
            fenced = link.done() and not stop.is_set()
            await consumer.close()
            for task in (*work, stopping):
                task.cancel()
        if fenced:
            raise Fenced(f"another worker has partition {self._number}")
        writing = self._logbook.snapshot(self._engine.freeze, self._outbox.entries())
        if writing is not None:
            await asyncio.wait({writing})

    def _linked(self, session_present: bool) -> None:
        self._fresh_link = True
        self._tick_first = self._tick_n + 1
        if self._expected_session and not session_present:
            logger.warning(
                "partition %d: the broker has lost the session; what it queued is left to review", self._number,
                extra={"action": "session_lost"},
            )  # fmt: skip
            self._note([notes.doubt("session_lost")])
        elif session_present and self._unremembered is not None:
            self._start_warm("its folder is empty, and the broker has its session", {})
        self._expected_session, self._unremembered = True, None

    async def _work(self, consumer: Consumer) -> None:
        now = asyncio.get_running_loop().time
        while True:
            await consumer.linked()
            if self._fresh_link:
                self._fresh_link = False
                self._republish(consumer)
            if self._logbook.due:
                self._logbook.snapshot(self._engine.freeze, self._outbox.entries())
            try:
                async with asyncio.timeout(self._settings.tick_s):
                    batch = await consumer.batch(self._settings.batch)
            except TimeoutError:
                continue
            if self._fresh_link and batch.link == consumer.link:
                self._fresh_link = False
                self._republish(consumer)
            began = now()
            self._take(consumer, batch)
            self._metrics.feed_seconds.observe(now() - began)
            await asyncio.sleep(0)

    def _take(self, consumer: Consumer, batch: Batch) -> None:
        """One batch: journal, feed, publish."""
        inputs = self._select(batch)
        self._received = max(self._received, clock.now_ms())
        journalled = True
        if inputs:
            journalled = self._logbook.append(Record(self._received, inputs))
            taken = self._intake.apply(self._received, inputs)
            self._count(taken)
            futures = self._send(consumer, self._keep(taken.outcome))
        else:
            futures = []
        if not self._unsettled and not futures and journalled:
            consumer.acknowledge(batch)
            return
        self._unsettled.append((batch, futures, journalled))
        self._settle_more.set()

    def _select(self, batch: Batch) -> list[Input]:
        """What of a batch is an input: no ticks of others or before their time, no terminals' heartbeats."""
        inputs: list[Input] = []
        for message in batch.messages:
            topic = message.topic
            if topic.endswith("/tick"):
                if topic != self._tick_topic or not self._timely(message.payload):
                    self._metrics.ticks_dropped.inc()
                    continue
            elif topic.endswith("/up/shown"):
                continue
            inputs.append((topic, message.payload))
        return inputs

    def _timely(self, payload: bytes) -> bool:
        with contextlib.suppress(CranewatchError):
            tick = payloads.decode(payloads.Tick, payload)
            if tick.run == self._run and tick.n >= self._tick_first:
                self._ticked = asyncio.get_running_loop().time()
                self.evaluating.set()
                return True
        return False

    def _journal_failed(self, error: OSError) -> None:
        logger.error(
            "partition %d: the journal cannot be written (%s); alarms go on, inputs are not acknowledged",
            self._number, error, extra={"action": "journal"},
        )  # fmt: skip
        self._engine.unjournalled = True

    def _journal_recovered(self) -> None:
        logger.warning("partition %d: the journal is written again", self._number, extra={"action": "journal"})
        self._engine.unjournalled = False

    def _count(self, taken: Taken) -> None:
        outcome, metrics = taken.outcome, self._metrics
        for leaf, n in taken.leaves.items():
            metrics.messages.labels(leaf).inc(n)
        for reason, n in taken.ignored.items():
            metrics.ignored.labels(reason).inc(n)
        if outcome.samples:
            metrics.samples.inc(outcome.samples)
            metrics.conditions.inc(outcome.conditions)
        if outcome.late:
            metrics.late.inc(outcome.late)
        for transition in outcome.transitions:
            metrics.transitions.labels(transition.signal).inc()
        for why in outcome.refused:
            metrics.refused_responses.inc()
            logger.info("refused response %s", why, extra={"action": "response"})

    def _keep(self, outcome: Outcome) -> list[int]:
        """Into the outbox, most urgent first."""
        put = self._outbox.put
        numbers: list[int] = []
        for (key, rule), alarm in outcome.alarms.items():
            payload = b"" if alarm is None else payloads.encode(alarm)
            numbers.append(put(topics.build(*key, Lane.DOWN, Leaf.ALARM, rule), payload, retain=True))
        for transition in outcome.transitions:
            topic = topics.build(transition.site, transition.kind, transition.device, Lane.DOWN, Leaf.TRANSITION)
            numbers.append(put(topic, payloads.encode(transition), retain=False))
        for key, report in outcome.evaluated.items():
            numbers.append(put(topics.build(*key, Lane.DOWN, Leaf.EVALUATED), payloads.encode(report), retain=False))
        for key, coverage in outcome.coverage.items():
            numbers.append(put(topics.build(*key, Lane.DOWN, Leaf.COVERAGE), payloads.encode(coverage), retain=True))
        return numbers

    def _send(self, consumer: Consumer, numbers: Sequence[int]) -> list[asyncio.Future[None]]:
        return [self._outbox.send(consumer, number, _is_final) for number in numbers]

    def _republish(self, consumer: Consumer) -> None:
        """On a new connection: all retained state, and what the broker has not confirmed."""
        self._keep(self._engine.retained())
        self._send(consumer, self._outbox.numbers())

    def _refused(self, topic: str, error: Exception) -> None:
        self._metrics.publish_refused.inc()
        logger.error("the broker refuses what we publish to %s: %s", topic, error, extra={"action": "publish_refused"})

    # Acknowledging

    async def _settle(self, consumer: Consumer) -> None:
        """
        Acknowledge batches in order, each when the broker has what it led to.

        One that no journal has waits for the snapshot that covers it: until then the logbook is not `ok`.
        """
        while True:
            while not self._unsettled:
                self._settle_more.clear()
                await self._settle_more.wait()
            batch, futures, journalled = self._unsettled[0]
            while futures and not all(future.done() for future in futures):
                # The journal already keeps this batch. Waiting for the broker's PUBACK is for power cuts, and must
                # not fill the window: rumqttd sends no PUBACK, and no PINGRESP, while all 100 of it are unsettled.
                if journalled and consumer.held >= HELD_BEHIND_JOURNAL:
                    break
                await asyncio.wait(futures, timeout=0.005, return_when=asyncio.ALL_COMPLETED)
            if not journalled and not self._logbook.ok and not await self._may_go_on(consumer, batch):
                continue
            self._unsettled.popleft()
            consumer.acknowledge(batch)

    async def _may_go_on(self, consumer: Consumer, batch: Batch) -> bool:
        """Without a journal: wait, until the broker's window is full and alarms would stop."""
        await asyncio.sleep(0.1)
        if batch.link != consumer.link:
            return True  # it will be delivered again; acknowledging says so
        starved = asyncio.get_running_loop().time() - self._ticked > STARVED_S
        if starved or len(self._unsettled) > MAX_UNSETTLED:
            self._metrics.unjournalled.inc()
            return True
        return False

    # Time

    async def _tick(self, consumer: Consumer) -> None:
        while True:
            await consumer.linked()
            self._tick_n += 1
            self._tick_at = max(clock.now_ms(), self._tick_at + 1)
            tick = payloads.Tick(at=self._tick_at, run=self._run, n=self._tick_n)
            consumer.publish(self._tick_topic, payloads.encode(tick)).add_done_callback(_looked_at)
            await asyncio.sleep(self._settings.tick_s)

    async def _beat(self, consumer: Consumer) -> None:
        """Proof that someone is watching; none while our own ticks do not come back."""
        now = asyncio.get_running_loop().time
        while True:
            await consumer.linked()
            await asyncio.sleep(self._settings.heartbeat_s)
            engine = self._engine
            self._metrics.devices.set(engine.devices())
            self._metrics.open.set(sum(len(rules) for rules in engine.annunciator.open.values()))
            self._metrics.outbox.set(len(self._outbox))
            if not self.evaluating.is_set() or now() - self._ticked > STARVED_S:
                continue
            for site in engine.sites():
                consumer.publish_once(
                    topics.heartbeat(site), payloads.encode(heartbeat.beat(engine, site, self._version, clock.now_ms()))
                )

    async def _sweep(self, consumer: Consumer) -> None:
        """Once: retained alarms at the broker that are not ours any more go; without our memory they become ours."""
        await self.evaluating.wait()
        try:
            found = await self._retained("down/alarm/+")
        except BrokerUnavailable as error:
            logger.warning("retained alarms could not be read: %s", error, extra={"action": "sweep"})
            return
        strange: dict[str, bytes] = {}
        for topic, payload in found.items():
            with contextlib.suppress(CranewatchError):
                where = topics.parse(topic)
                key, rule = (where.site, where.kind, where.device), where.rule or ""
                if not payload or rule in self._engine.annunciator.open.get(key, {}):
                    continue
                if self._engine.lost == "warm_start" and self._engine.annunciator.record(key, rule) is None:
                    strange[topic] = payload
                    continue
                logger.warning("clearing a retained alarm that nobody holds: %s", topic, extra={"action": "sweep"})
                self._send(consumer, [self._outbox.put(topic, b"", retain=True)])
        if strange:
            logger.warning("taken over: %s", ", ".join(sorted(strange)), extra={"action": "adopted"})
            self._send(consumer, self._note([notes.adopt(strange)]))


def _is_final(error: Exception) -> bool:
    return isinstance(error, PublishRefused)


def _looked_at(done: "asyncio.Future[None]") -> None:
    if not done.cancelled():
        done.exception()
