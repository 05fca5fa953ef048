"""
One campaign: set everything up, produce frames, make the faults of the plan, let everything come to rest, audit.

Whatever it finds, it ends: each phase has a bound.
"""

import asyncio
import time
from collections.abc import Callable
from pathlib import Path
from random import Random
from typing import Final

from ingest.settings import IngestSettings
from runtime.chaos.audit import Audit, audit
from runtime.chaos.boxes import BEACONS, TIMELY, fleet
from runtime.chaos.faults import ALARM_PATH, CATCHING_UP, KINDS, Faults
from runtime.chaos.fleet import JOURNAL
from runtime.chaos.plan import FORGETFUL, Fault, Options, Step, steps
from runtime.chaos.report import Happened, Report
from runtime.chaos.stack import ChaosStack
from runtime.chaos.watch import Watch
from runtime.probe import LatencyProbe
from simulators import journal as journals
from telemetry.clock import now_ms
from telemetry.storage.evidence import Evidence

AFTER_S: Final = 7.0  # of producing after the last fault
RECOVERY_S: Final = 60.0
DRAIN_S: Final = 90.0
REVIEW_S: Final = 400.0
RSS_GROWTH_MB: Final = 100.0
HELD_MOST: Final[int] = IngestSettings.model_fields["receive_maximum"].default
OUTBOX_MOST: Final = 200_000

Tell = Callable[[str, float], None]  # what is being done, and how much of all is done (0 to 1)


class Campaign:
    """One run."""

    def __init__(self, options: Options, *, folder: Path | None, no_volume: str | None, tell: Tell) -> None:
        """`no_volume` says why no volume can be filled here. Raises RuntimeError when a server is missing."""
        self.options = options
        self._tell = tell
        self._specs = fleet(options)
        self._stack = ChaosStack(options, folder)
        self._stack.no_volume = no_volume
        beacons = [spec.device for spec in self._specs[:BEACONS]]
        self._watch = Watch(self._stack, LatencyProbe(self._stack.mqtt), beacons)
        self._faults = Faults(self._stack, lambda: self._watch.lag_s)
        self._happened: list[Happened] = []
        self._began = 0.0

    async def run(self, stop: asyncio.Event) -> Report:
        """Run it; `stop` ends the producing early. Raises RuntimeError when the stack does not come up."""
        started = time.monotonic()
        self._tell("starting broker, database and services", 0.0)
        async with self._stack as stack:
            async with asyncio.TaskGroup() as tasks:
                watching = tasks.create_task(self._watch.run(), name="chaos.watch")
                await asyncio.sleep(1.0)
                stack.start_fleet()
                following = tasks.create_task(stack.follow_fleet(), name="chaos.fleet")
                self._tell("connecting devices", 0.0)
                await self._current()
                self._began = time.monotonic()
                await self._work(stop)
                produced = time.monotonic() - self._began
                stack.order(do="finish")
                drained = await self._drain()
                stack.order(do="end")
                await following
                await self._settled()
                self._watch.end()
                watching.cancel()
            self._tell("auditing", 0.97)
            found = await asyncio.to_thread(audit, stack.database(), stack.folder, self._specs, self._faults.losses)
            report = self._report(found, produced, drained)
            report.seconds = time.monotonic() - started
            return report

    async def _work(self, stop: asyncio.Event) -> None:
        options = self.options
        if options.kills is not None:
            await self._kill_often(options.kills, stop)
            await self._until(time.monotonic() + AFTER_S, stop, "no fault")
            return
        for step in steps(options):
            await self._until(self._began + step.at, stop, f"next: {step.fault}")
            if stop.is_set():
                return
            await self._one(step)
        end = self._began + options.duration_s if options.outage_s is None else 0.0
        # A device learns that its last frames were lost when later ones get their receipt: so there are later ones.
        await self._until(max(end, time.monotonic() + AFTER_S), stop, "no fault")

    async def _one(self, step: Step) -> None:
        """One fault, and how long it takes until all is well again."""
        reason = self._faults.why_not(step.fault)
        if reason is not None:
            self._happened.append(Happened(step.fault, 0.0, 0.0, "", left_out=reason))
            return
        self._tell(str(step.fault), self._done())
        span = self._watch.span(KINDS[step.fault])
        began = time.monotonic()
        detail = await self._faults.do(step)
        ended = time.monotonic()
        if step.fault.startswith("db-"):
            # Where the alarm path is whole, catching up is a time of its own.
            span.ended = time.monotonic_ns()
            span = self._watch.span(CATCHING_UP)
        self._tell(f"{step.fault}: recovering", self._done())
        stored = await self._watch.stored_again(ended, RECOVERY_S + 2 * step.lasts)
        current = time.monotonic()
        happened = Happened(step.fault, round(began - self._began, 1), round(ended - began, 1), detail, stored)
        happened.catch_up = self._watch.catch_up(ended - 0.5, current)
        if KINDS[step.fault] == ALARM_PATH:
            happened.watching_again_s = await self._watch.watching_again(ended, RECOVERY_S)
        span.ended = time.monotonic_ns()
        if step.fault in FORGETFUL or step.fault is Fault.BROKER_RESTART_PERSISTENT:
            await self._stack.services.ready()
        self._faults.recovered()
        self._happened.append(happened)

    async def _kill_often(self, kills: int, stop: asyncio.Event) -> None:
        """SIGKILL of ingest and of the analyzer, each so often, at random moments, independently of each other."""
        victims = {"ingest": Fault.KILL_INGEST, "analyzer": Fault.KILL_ANALYZER}
        victims = {name: fault for name, fault in victims.items() if fault in self.options.faults} or victims
        span = self._watch.span(ALARM_PATH)
        began = time.monotonic()

        async def work(name: str, random: Random) -> None:
            for _ in range(kills):
                await asyncio.sleep(random.uniform(0.2, 3.0))
                if stop.is_set():
                    return
                await asyncio.to_thread(self._stack.kill, name)
                done = min(self._stack.kills[victim] for victim in victims)
                self._tell(f"{done} of {kills} kills of each", 0.9 * done / kills)

        async with asyncio.TaskGroup() as tasks:
            for name in victims:
                seed = f"kill-{name}-{self.options.seed}"
                tasks.create_task(work(name, Random(seed)), name=f"chaos.kill.{name}")  # noqa: S311 - a plan
        ended = time.monotonic()
        for name, fault in victims.items():
            stored = await self._watch.stored_again(ended, RECOVERY_S)
            happened = Happened(fault, 0.0, round(ended - began, 1), f"{self._stack.kills[name]} × SIGKILL", stored)
            happened.watching_again_s = await self._watch.watching_again(ended, RECOVERY_S)
            self._happened.append(happened)
        span.ended = time.monotonic_ns()

    # Waiting

    def _done(self) -> float:
        planned = self.options.duration_s
        return min(0.9, 0.9 * (time.monotonic() - self._began) / planned)

    async def _until(self, moment: float, stop: asyncio.Event, words: str) -> None:
        while time.monotonic() < moment and not stop.is_set():
            self._tell(words, self._done())
            await asyncio.sleep(min(0.25, max(0.0, moment - time.monotonic())))

    async def _current(self) -> None:
        """Wait until the record of the beacons is current for the first time."""
        if await self._watch.stored_again(time.monotonic(), RECOVERY_S) is None:
            tail = self._stack.services.tail
            raise RuntimeError(f"nothing is stored\n{tail('ingest')}\n{tail('fleet')}")

    async def _drain(self) -> float | None:
        """Until every journal is empty; seconds, None when it was not in time."""
        began = time.monotonic()
        while time.monotonic() - began < DRAIN_S:
            status = self._stack.status
            self._tell(f"draining: {status['open']} frames without a receipt", 0.92)
            if not status["open"] and not status["unacknowledged"] and time.monotonic() - began > 1.0:
                return round(time.monotonic() - began, 1)
            await asyncio.sleep(0.25)
        return None

    async def _settled(self) -> None:
        """
        Until every stored frame was evaluated, reviewed or refused, every review that waits for more frames has seen
        the last one, and no transition comes any more.
        """
        since = now_ms()
        end = time.monotonic() + REVIEW_S
        before = -1
        while time.monotonic() < end:
            waiting, unsettled, transitions = await asyncio.to_thread(self._unsettled, since)
            self._tell(f"reviewing late frames: {waiting} boots wait, {unsettled} reviews to be done again", 0.95)
            if not waiting and not unsettled and transitions == before:
                return
            before = transitions
            await asyncio.sleep(2.0)

    def _unsettled(self, since: int) -> tuple[int, int, int]:
        with Evidence(self._stack.database()) as evidence:
            return (*evidence.unreviewed(since), evidence.count_transitions())

    # The report

    def _report(self, found: Audit, produced: float, drained: float | None) -> Report:
        watch, stack = self._watch, self._stack
        published = journals.published(stack.folder / JOURNAL, lane="up")
        timely = [spec.device for spec in self._specs if spec.habit in TIMELY]
        report = Report(
            seed=self.options.seed,
            rate=round(found.total.sent / produced, 1) if produced else 0.0,
            devices=len(self._specs),
            produced_s=round(produced, 1),
            servers={"database": f"{stack.version} ({stack.edition})", "broker": "Mosquitto"},
            audit=found,
            faults=self._happened,
            kills=stack.kills,
            memory_mb={
                name: {"first": round(m.first, 1), "most": round(m.most, 1), "growth": round(m.growth, 1)}
                for name, m in watch.memory.items()
            },
            held=watch.held,
            outbox=watch.outbox,
            alarm_latency_ms=watch.latencies(published, timely),
            drained_s=drained,
        )
        self._bounds(report)
        return report

    def _bounds(self, report: Report) -> None:
        audit = report.audit
        for name in self._stack.services.children:
            growth = report.memory_mb.get(name, {}).get("growth", 0.0)
            if growth > RSS_GROWTH_MB:
                audit.differs("memory grew by more than 100 MB", f"{name}: {growth:.0f} MB")
        for lane, number in report.held.items():
            if number > HELD_MOST:
                audit.differs("ingest held more than receive-maximum", f"{lane}: {number:.0f}")
        if report.outbox > OUTBOX_MOST:
            audit.differs("the analyzer's outbox is beyond its bound", report.outbox)
        for name in self._watch.unexpected_ends:
            audit.differs("a service ended by itself", f"{name}: {self._stack.services.tail(name, 3)}")
        if report.drained_s is None:
            audit.differs("devices still wait for receipts at the end", f"{self._stack.status['open']} frames")
        for one in report.faults:
            if one.left_out is None and one.stored_again_s is None:
                audit.differs("the record was not current again in time", one.fault)
            if one.left_out is None and KINDS[one.fault] == ALARM_PATH and one.watching_again_s is None:
                audit.differs("the analyzer was not watching again in time", one.fault)
