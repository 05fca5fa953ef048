"""
The shell of one partition: journal, feed, publish on the consuming connection, acknowledge.

Rule 1: a batch is appended to the journal before it is fed, and acknowledged when the broker has confirmed what it
led to; whole batches, in order.
Rule 2: ticks go through the partition's own session, behind whatever was queued before them; none is acted on after a
(re)connect until the first one sent since has returned.
Rule 3: no database here, and nothing that waits on a disk: syncs and snapshots run in threads.
Rule 4: a journal that cannot be written stops acknowledgements, not alarms. Before the broker's window is full they go
on without a journal, oldest first, counted and with an alarm to the desk: a muted alarm is worse than a lost window.
What a kill loses then is known at the next start (the folder is marked), which is a warm one.
Rule 5: without its folder a partition that has been there before (its session or its alarms are at the broker) starts
warm: degraded, said so, and before the first input it takes over what is retained there (`adoption`).
"""

import asyncio
import contextlib
import logging
import os
import secrets
import socket
from collections.abc import Callable, Sequence
from typing import Final

import msgspec

from analytics import dropped, heartbeat, notes, shares
from analytics.engine import Engine
from analytics.identity import DeviceKey
from analytics.intake import Intake, Taken
from analytics.journal import Folder, Input, Record
from analytics.logbook import Logbook, Saved
from analytics.metrics import AnalyzerMetrics
from analytics.outbox import Outbox
from analytics.repeats import Repeats
from analytics.retained import newer, rank, retained
from analytics.settings import AnalyzerSettings
from analytics.settling import Settling
from analytics.terminal_book import TerminalBook
from analytics.troubles import Trouble, Troubles
from telemetry import clock
from telemetry.claim import PartitionClaim
from telemetry.consumer import UNHEARD, Batch, Consumer, PublishRefused
from telemetry.errors import BrokerUnavailable, CranewatchError
from telemetry.settings import MqttSettings, PartitionSettings
from telemetry.wire import payloads, topics

logger = logging.getLogger(__name__)

BATCH_BYTES: Final = (
    48 * 1024
)  # 240 frames of one sample; one of a thousand samples alone holds the loop for half a second
STARVED_S: Final = 3.0  # no tick came back for this long: the window is full, or the loop is behind


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
        now_ms: Callable[[], int] = clock.now_ms,
    ) -> None:
        """Only stores its arguments; `run` opens everything. `now_ms` is the wall clock, in Unix ms."""
        self._now_ms = now_ms
        self._number = number
        self._mqtt = mqtt
        self._partition = partition
        self._settings = settings
        self._metrics = metrics
        self._run = secrets.token_hex(8)
        self._tick_topic = topics.tick(number)
        self._repeats = Repeats(number)
        folder = Folder(settings.folder / f"analyze-p{number}")
        self._logbook = Logbook(folder, settings, metrics, self._journal_failed, self._journal_recovered)
        self._engine = Engine(number)
        self._intake = Intake(self._engine, self._tick_topic, settings.devices_max)
        self._terminals = TerminalBook(lambda key: self._engine.knows(key))
        self._outbox = Outbox(self._refused, metrics.outbox_dropped.inc)
        self._settling = Settling(lambda: self._logbook.ok, metrics.unjournalled.inc)
        self._fresh_link = False
        self._expected_session = False
        self._unremembered: list[Input] | None = None  # retained configuration, while we may have lost our memory
        self._modes: dict[str, bytes] = {}  # retained coverage, with it
        self._tick_n = 0
        self._tick_first = 1  # the first tick of the present connection
        self._tick_at = 0
        self._remembered = 0  # received time of the last thing that our memory knows of
        self._troubles = Troubles()
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
            worker = f"{self._logbook.id}/{socket.gethostname()}-{os.getpid()}-{self._run}"
            claim = PartitionClaim(self._mqtt, "analyze", self._number, worker, wait_s=self._partition.claim_wait_s)
            if not await self._claim(claim, stop):
                return
            faults = self._recover(claim.before)
            if faults is not None and not await self._look_back(faults, stop):
                return
            consumer = Consumer(
                self._mqtt, f"analyze-p{self._number}",
                [*shares.filters(self._partition, self._number), self._repeats.topic],
                may_reconnect=claim.still_mine, on_link=self._linked, on_answer=self._answered,
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

    def _recover(self, before: str | None = None) -> list[str] | None:
        """
        The newest snapshot and every batch since; what they led to is published again on the first link.

        `before` is who had the partition last: when that was from another folder, what is in ours is old.

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
            self._outbox.keep(self._intake.apply(record.received, record.inputs).outcome)
        other, of_a_folder, _ = (before or "").partition("/")
        if of_a_folder and other != self._logbook.id and not found.empty:
            faults.append("another worker had the partition since, with a folder of its own")
        self._remembered = max(self._received, self._engine.now)
        self._terminals.restore(self._engine.terminals.showing)
        said = {rule: detail for rule, (_, detail) in self._engine.ourselves.troubles.items()}
        self._troubles.restore(said, asyncio.get_running_loop().time())
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
                configs = await self._retained("down/config", "up/presence", "config", "profile")
                alarms = await self._retained("down/alarm/+")
                modes = await self._retained("down/coverage")
            except BrokerUnavailable as error:
                logger.warning("retained state could not be read: %s", error, extra={"action": "look_back"})
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(1.0):
                        await stop.wait()
                continue
            alarms = {topic: payload for topic, payload in alarms.items() if payload}
            # Sites before devices: a device's own profile is the last word.
            self._unremembered = sorted(configs.items(), key=rank)
            self._modes = modes
            if faults or alarms:
                why = "; ".join(faults) or f"its folder is empty, and {len(alarms)} of its alarms are at the broker"
                self._start_warm(why, alarms, modes)
            return True
        return False

    def _start_warm(self, why: str, alarms: dict[str, bytes], modes: dict[str, bytes]) -> None:
        logger.error(
            "partition %d starts warm, its cranes are degraded: %s", self._number, why, extra={"action": "warm_start"}
        )
        # The broker sends a session that it has kept no retained configuration again.
        configs, self._unremembered = self._unremembered or [], None
        # Modes before alarms: they decide what is suppressed.
        self._note(
            [
                notes.doubt("warm_start"), *configs, *([notes.modes(modes)] if modes else []),
                *([notes.adopt(alarms)] if alarms else []),
            ]
        )  # fmt: skip
        self._logbook.mend()
        for key, rules in self._engine.annunciator.open.items():
            for rule in rules:
                logger.warning("taken over: %s of %s", rule, "/".join(key), extra={"action": "adopted"})

    def _note(self, inputs: list[Input]) -> list[int]:
        """An input of our own: journalled and fed as any other; the numbers of what it led to in the outbox."""
        self._received = max(self._received, self._now_ms())
        self._logbook.append(Record(self._received, inputs))
        return self._outbox.keep(self._intake.apply(self._received, inputs).outcome)

    async def _retained(self, *tails: str) -> dict[str, bytes]:
        """What is retained at the broker of our sites, by the tails of its topics. Raises BrokerUnavailable."""
        return await retained(self._mqtt, self._partition, self._number, self._run, *tails)

    def _restore(self, data: bytes) -> None:
        snapshot = msgspec.msgpack.decode(data, type=Saved)
        engine = Engine.restore(snapshot.engine)
        if engine.partition != self._number:
            raise ValueError(f"of partition {engine.partition}")
        engine.ourselves.unjournalled = not self._logbook.ok
        self._engine = engine
        self._intake = Intake(engine, self._tick_topic, self._settings.devices_max)
        for topic, payload, retain in snapshot.outbox:
            self._outbox.put(topic, payload, retain=retain)

    # The work

    async def _watch(self, consumer: Consumer, stop: asyncio.Event) -> None:
        name = f"sys-p{self._number}-{self._run}"
        async with asyncio.TaskGroup() as tasks:
            link = tasks.create_task(consumer.run(), name="analytics.link")
            work = [
                tasks.create_task(self._work(consumer), name="analytics.work"),
                tasks.create_task(self._settling.run(consumer), name="analytics.settle"),
                tasks.create_task(self._tick(consumer), name="analytics.tick"),
                tasks.create_task(self._beat(consumer), name="analytics.heartbeat"),
                tasks.create_task(self._logbook.sync(), name="analytics.sync"),
                tasks.create_task(self._sweep(consumer), name="analytics.sweep"),
                tasks.create_task(dropped.watch(self._mqtt, name, self._troubles), name="analytics.broker"),
                tasks.create_task(
                    self._repeats.run(consumer, self._outbox, lambda numbers: self._send(consumer, numbers)),
                    name="analytics.repeat",
                ),
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
        self._repeats.linked()
        self._terminals.linked()
        self._tick_first = self._tick_n + 1
        if self._expected_session and not session_present:
            logger.warning(
                "partition %d: the broker has lost the session; what it queued is left to review", self._number,
                extra={"action": "session_lost"},
            )  # fmt: skip
            self._note([notes.doubt("session_lost")])
            self._troubles.happened(Trouble.SESSION, "", asyncio.get_running_loop().time())
        elif session_present and self._unremembered is not None:
            self._start_warm("its folder is empty, and the broker has its session", {}, self._modes)
        self._expected_session, self._unremembered, self._modes = True, None, {}

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
                    batch = await consumer.batch(self._settings.batch, BATCH_BYTES)
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
        self._received = max(self._received, self._now_ms())
        journalled = True
        if inputs:
            journalled = self._logbook.append(Record(self._received, inputs))
            taken = self._intake.apply(self._received, inputs)
            self._count(taken)
            futures = self._send(consumer, self._outbox.keep(taken.outcome))
        else:
            futures = []
        self._settling.put(consumer, batch, futures, journalled=journalled)

    def _select(self, batch: Batch) -> list[Input]:
        """What of a batch is an input: no ticks of others or before their time, and of terminals what is new."""
        inputs: list[Input] = []
        for message in batch.messages:
            topic = message.topic
            if topic.endswith("/tick"):
                if topic != self._tick_topic or not self._timely(message.payload):
                    self._metrics.ticks_dropped.inc()
                    continue
                inputs += self._seen(message.payload)
            elif topic == self._repeats.topic:
                self._repeats.told(message.payload)
                continue
            elif topic.endswith("/up/shown"):
                self._terminals.heard(topic, message.payload)
                continue
            inputs.append((topic, message.payload))
        return inputs

    def _timely(self, payload: bytes) -> bool:
        with contextlib.suppress(CranewatchError):
            tick = payloads.decode(payloads.Tick, payload)
            if tick.run == self._run and tick.n >= self._tick_first:
                self._settling.ticked = asyncio.get_running_loop().time()
                self.evaluating.set()
                return True
        return False

    def _seen(self, tick: bytes) -> list[Input]:
        """In front of a tick of ours: of which terminals something else is true by now."""
        found = self._terminals.changes(payloads.decode(payloads.Tick, tick).at)
        return [notes.terminals(found)] if found else []

    def _journal_failed(self, error: OSError) -> None:
        logger.error(
            "partition %d: the journal cannot be written (%s); alarms go on, inputs are not acknowledged",
            self._number, error, extra={"action": "journal"},
        )  # fmt: skip
        self._engine.ourselves.unjournalled = True

    def _journal_recovered(self) -> None:
        logger.warning("partition %d: the journal is written again", self._number, extra={"action": "journal"})
        self._engine.ourselves.unjournalled = False

    def _count(self, taken: Taken) -> None:
        if taken.ignored["devices"]:
            limit = str(self._intake.max_devices)
            self._troubles.happened(Trouble.DEVICES, limit, asyncio.get_running_loop().time())
        self._metrics.count(taken.leaves, taken.ignored, taken.outcome)
        for why in taken.outcome.refused:
            logger.info("refused response %s", why, extra={"action": "response"})

    def _send(self, consumer: Consumer, numbers: Sequence[int]) -> list[asyncio.Future[None]]:
        return [self._outbox.send(consumer, number, _is_final) for number in numbers]

    def _republish(self, consumer: Consumer) -> None:
        """On a new connection: all retained state, and what the broker has not confirmed."""
        self._outbox.keep(self._engine.retained())
        self._send(consumer, self._outbox.numbers())

    def _refused(self, topic: str, error: Exception) -> None:
        self._metrics.publish_refused.inc()
        logger.error("the broker refuses what we publish to %s: %s", topic, error, extra={"action": "publish_refused"})
        self._troubles.happened(Trouble.REFUSED, topic, asyncio.get_running_loop().time())

    # Time

    async def _tick(self, consumer: Consumer) -> None:
        while True:
            await consumer.linked()
            self._send_tick(consumer)
            await asyncio.sleep(self._settings.tick_s)

    def _send_tick(self, consumer: Consumer) -> None:
        self._tick_n += 1
        self._tick_at = max(self._now_ms(), self._tick_at + 1)
        tick = payloads.Tick(at=self._tick_at, run=self._run, n=self._tick_n)
        consumer.publish(self._tick_topic, payloads.encode(tick)).add_done_callback(_looked_at)

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
            self._say_troubles(consumer)
            if not self.evaluating.is_set() or now() - self._settling.ticked > STARVED_S:
                continue
            for site in engine.sites():
                consumer.publish_once(
                    topics.heartbeat(site), payloads.encode(heartbeat.beat(engine, site, self._version, self._now_ms()))
                )

    # Ourselves

    def _answered(self, topic: str, reason: int) -> None:
        """The broker took a publish; whether anybody subscribes to what has to be recorded."""
        if topic.endswith(("/down/transition", "/down/evaluated", "/down/cycle")):
            self._troubles.answered(topic, heard=reason != UNHEARD, now=asyncio.get_running_loop().time())

    def _say_troubles(self, consumer: Consumer) -> None:
        self._troubles.holds(Trouble.JOURNAL, None if self._logbook.ok else self._logbook.error)
        for trouble, detail in self._troubles.changes(asyncio.get_running_loop().time()):
            if detail is not None:
                logger.error("trouble: %s %s", trouble, detail, extra={"action": "trouble"})
            else:
                logger.warning("over: %s", trouble, extra={"action": "trouble"})
            self._send(consumer, self._note([notes.trouble(trouble, detail)]))

    async def _sweep(self, consumer: Consumer) -> None:
        """
        Once: retained configuration that has not come is read; retained alarms at the broker that are not ours any
        more go, and without our memory they become ours.

        One that is younger than all that we know of its device shows that a part of our memory is gone.
        """
        await self.evaluating.wait()
        try:
            missed = newer(await self._retained("down/config", "config", "profile"), self._engine)
            found = await self._retained("down/alarm/+")
        except BrokerUnavailable as error:
            logger.warning("retained alarms could not be read: %s", error, extra={"action": "sweep"})
            return
        if missed:
            logger.info("retained configuration: %d read", len(missed), extra={"action": "sweep"})
            self._send(consumer, self._note(missed))
        strange: dict[str, bytes] = {}
        for topic, payload in found.items():
            with contextlib.suppress(CranewatchError):
                where = topics.parse(topic)
                key, rule = (where.site, where.kind, where.device), where.rule or ""
                if not payload or rule in self._engine.annunciator.open.get(key, {}):
                    continue
                unknown = self._engine.annunciator.record(key, rule) is None
                if (self._engine.ourselves.lost == "warm_start" and unknown) or self._unknown(key, payload):
                    strange[topic] = payload
                    continue
                logger.warning("clearing a retained alarm that nobody holds: %s", topic, extra={"action": "sweep"})
                self._send(consumer, [self._outbox.put(topic, b"", retain=True)])
        if strange:
            logger.warning("taken over: %s", ", ".join(sorted(strange)), extra={"action": "adopted"})
            doubt = [] if self._engine.ourselves.lost == "warm_start" else [notes.doubt("warm_start")]
            self._send(consumer, self._note([*doubt, notes.adopt(strange)]))

    def _unknown(self, key: DeviceKey, payload: bytes) -> bool:
        """Whether a retained alarm is of a moment that our memory knows nothing of: then it is lost, not over."""
        try:
            alarm = payloads.decode(payloads.Alarm, payload)
        except CranewatchError:
            return False
        last = self._engine.last_sample(key)
        return alarm.at > (self._remembered if last is None else last) and alarm.transition != ""


def _is_final(error: Exception) -> bool:
    return isinstance(error, PublishRefused)


def _looked_at(done: "asyncio.Future[None]") -> None:
    if not done.cancelled():
        done.exception()
