"""
One durable session of a broker, in memory, and a partition of the analyzer in front of it that can be killed anywhere.

What is under test is real: Partition, Settling, Logbook, Folder, Intake, Engine, Outbox, on a real folder. What stands
in is the broker and its link: QoS 1 in order, redelivery of everything unacknowledged, retained topics, PUBACKs that
come when they are told to. A kill is an exception that nobody catches: the object is dropped with its memory, and what
was written with `os.write` stays, as it does after SIGKILL.
"""

import asyncio
import contextlib
import os
from collections import deque
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from prometheus_client import CollectorRegistry

from analytics import journal
from analytics.intake import Intake, Taken
from analytics.journal import Folder, Input, Record
from analytics.metrics import AnalyzerMetrics
from analytics.partition import Partition
from analytics.settings import AnalyzerSettings
from telemetry.consumer import Batch, Message
from telemetry.settings import MqttSettings, PartitionSettings
from telemetry.wire import payloads, topics
from tests.helpers.hour import Step

# In the order in which a batch passes them.
POINTS = (
    "taken", "torn", "appended", "fed", "publish", "published", "confirmed", "acknowledge", "acknowledged",
)  # fmt: skip
SNAPSHOT_POINTS = ("rotated", "partial", "renamed")
BATCH = 3


class Killed(BaseException):
    """SIGKILL."""


Fuse = Callable[[str], None]


class Line:
    """The broker's side of the session."""

    def __init__(self, fuse: Fuse) -> None:
        self.fuse = fuse
        self.link = 1
        self.waiting: deque[Message] = deque()
        self.unacknowledged: deque[Message] = deque()
        self.retained: dict[str, bytes] = {}
        self.published: list[tuple[str, bytes]] = []
        self._pending: list[asyncio.Future[None]] = []
        self._next = 0

    @property
    def held(self) -> int:
        return len(self.unacknowledged)

    def put(self, topic: str, payload: bytes) -> None:
        self._next += 1
        self.waiting.append(Message(topic, payload, False, self._next))

    def batch(self) -> Batch:
        messages = [self.waiting.popleft() for _ in range(min(BATCH, len(self.waiting)))]
        self.unacknowledged += messages
        return Batch(self.link, messages)

    def acknowledge(self, batch: Batch) -> bool:
        if batch.link != self.link:
            return False
        self.fuse("acknowledge")
        for message in batch.messages:
            assert self.unacknowledged.popleft() is message, "a settled prefix"
        self.fuse("acknowledged")
        return True

    def publish(self, topic: str, payload: bytes, *, retain: bool = False) -> "asyncio.Future[None]":
        self.fuse("publish")
        future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._pending.append(future)
        if topic.endswith("/up/tick"):
            self.put(topic, payload)
            return future
        self.published.append((topic, payload))
        if retain and payload:
            self.retained[topic] = payload
        elif retain:
            self.retained.pop(topic, None)
        self.fuse("published")
        return future

    def confirm(self) -> None:
        """PUBACK everything."""
        for future in self._pending:
            if not future.done():
                future.set_result(None)
        self._pending.clear()

    def lost(self) -> None:
        """The connection is gone: what was not acknowledged comes again, in order."""
        self._pending.clear()
        self.link += 1
        self.waiting.extendleft(reversed(self.unacknowledged))
        self.unacknowledged.clear()


class FragileFolder(Folder):
    """A real folder that a kill can leave in the middle of a write."""

    fuse: Fuse

    def append(self, record: Record) -> None:
        self.fuse("taken")
        try:
            self.fuse("torn")
        except Killed:
            data = journal.encode(record)
            os.write(self._journal or -1, data[: len(data) * 2 // 3])
            raise
        super().append(record)
        self.fuse("appended")

    def rotate(self) -> int:
        number = super().rotate()
        self.fuse("rotated")
        return number

    def write_snapshot(self, number: int, data: bytes) -> None:
        try:
            self.fuse("partial")
        except Killed:
            (self.path / f"snapshot-{number:08d}.partial").write_bytes(data[: len(data) // 2])
            raise
        super().write_snapshot(number, data)
        self.fuse("renamed")


class FragileIntake(Intake):
    """A real intake that a kill can follow."""

    fuse: Fuse

    def apply(self, received: int, inputs: Sequence[Input]) -> Taken:
        taken = super().apply(received, inputs)
        self.fuse("fed")
        return taken


class Life:
    """A partition at its line, killed where `plan` says, and started again."""

    def __init__(self, path: Path, plan: Callable[[str], bool], *, snapshot_bytes: int = 12_000) -> None:
        """`plan` is asked at each point that is passed; True kills there."""
        self._path = path
        self._plan = plan
        self._settings = AnalyzerSettings(folder=path, snapshot_mb=snapshot_bytes / 1e6, snapshot_s=1e9)
        self._alive = False
        self._settle: asyncio.Task[None] | None = None
        self.line = Line(self._fuse)
        self.now = 0
        self.kills = 0
        self.window = 1_000  # messages that may wait for a journal
        self.faults: list[str] = []
        self.partition: Partition

    def _fuse(self, point: str) -> None:
        if self._alive and self._plan(point):
            self.kills += 1
            self._alive = False
            raise Killed(point)

    async def play(self, steps: Sequence[Step]) -> None:
        """Everything that is published, at its time; then until nothing waits, and the end."""
        await self.begin()
        await self.go_on(steps)
        await self.end()

    async def go_on(self, steps: Sequence[Step]) -> None:
        """Everything that is published, at its time; then until nothing waits."""
        for step in steps:
            self.now = max(self.now, step.at)
            if step.topic:
                self.line.put(step.topic, step.payload)
            else:
                await self._surviving(self._ticks)
            if not step.topic or len(self.line.waiting) >= BATCH:
                await self._surviving(self._drain)
        await self._surviving(self._drain)

    async def restart(self) -> None:
        """A kill between two batches, and the next start."""
        self.kills += 1
        await self._restart()

    async def _surviving(self, work: Callable[[], Any]) -> None:
        while True:
            try:
                await work()
                return
            except Killed:
                await self._restart()

    async def _ticks(self) -> None:
        self.partition._send_tick(self.line)  # type: ignore[arg-type]  # a Line is all of a Consumer that it needs

    async def _drain(self) -> None:
        line: Any = self.line
        while line.waiting:
            self.partition._take(line, line.batch())
            self._fuse("confirmed")
            line.confirm()
            await self._settled()
            if self.partition._logbook.due:
                writing = self.partition._logbook.snapshot(
                    self.partition._engine.freeze, self.partition._outbox.entries()
                )
                if writing is not None:
                    await asyncio.wait({writing})
                    await asyncio.sleep(0)
                    if isinstance(writing.exception(), Killed):
                        raise Killed
        self.partition._say_troubles(line)

    async def _settled(self) -> None:
        for n in range(120):
            await asyncio.sleep(0 if n < 20 else 0.01)
            if self._settle is not None and self._settle.done():
                self._settle.result()
            if not self.line.unacknowledged:
                return
            if n == 20 and not self.partition._logbook.ok:
                return  # no journal has them: they may wait
        raise AssertionError("a batch is not settled though everything is confirmed")

    async def _restart(self) -> None:
        await self.end()
        self.line.lost()
        while True:
            try:
                await self.begin()
                return
            except Killed:
                await self.end()
                self.line.lost()

    async def end(self) -> None:
        """The process is gone."""
        if self._settle is not None:
            self._settle.cancel()
            await asyncio.wait({self._settle})
            with contextlib.suppress(asyncio.CancelledError, Killed):
                self._settle.result()
            self._settle = None
        self.partition._logbook.close()

    async def begin(self) -> None:
        """A new process, on what the last one left."""
        line: Any = self.line
        first = not hasattr(self, "partition")
        self.partition = made = Partition(
            0, MqttSettings(), PartitionSettings(), self._settings, AnalyzerMetrics(CollectorRegistry()),
            lambda: self.now,
        )  # fmt: skip
        folder = FragileFolder(self._path / "analyze-p0")
        folder.fuse = self._fuse
        made._logbook._folder = folder
        made._logbook.open()
        self.faults += made._recover() or []
        intake = FragileIntake(made._engine, made._tick_topic)
        intake.fuse = self._fuse
        made._intake = intake
        made._settling._may_wait = self.window
        self._settle = asyncio.get_running_loop().create_task(made._settling.run(line))
        self._alive = True
        made._linked(not first)
        made._fresh_link = False
        made._republish(line)
        made._send_tick(line)
        line.confirm()

    # What came of it

    def transitions(self) -> dict[str, bytes]:
        """Each transition by its id, in the order of first publishing; two different ones under one id fail."""
        found: dict[str, bytes] = {}
        for topic, payload in self.line.published:
            if topic.endswith("/down/transition"):
                number = payloads.decode(payloads.Transition, payload).id
                assert found.setdefault(number, payload) == payload, "decided twice"
        return found

    def alarms(self) -> dict[str, bytes]:
        """What is retained for terminals."""
        return {topic: payload for topic, payload in self.line.retained.items() if "/down/alarm/" in topic}

    def own_alarms(self) -> dict[str, bytes]:
        """What the engine would have retained."""
        engine = self.partition._engine
        return {
            topics.build(*key, topics.Lane.DOWN, topics.Leaf.ALARM, rule): payloads.encode(alarm)
            for (key, rule), alarm in engine.retained().alarms.items()
            if alarm is not None
        }


class Plan:
    """Kills once at every `every`-th batch, each time at the next of `points`, beginning with the `first`-th."""

    def __init__(self, points: Sequence[str], every: int = 1, first: int = 0) -> None:
        self._points = points
        self._every = every
        self._kills = first
        self._batches = 0
        self._armed = False
        self._settled = True
        self.seen: dict[str, int] = dict.fromkeys(points, 0)

    def __call__(self, point: str) -> bool:
        # A batch that comes again after a kill is not killed again: progress must be made, as it is made out there.
        if point == "taken" and self._settled:
            self._settled = False
            self._batches += 1
            self._armed = self._armed or self._batches % self._every == 0
        kill = self._armed and point == self._points[self._kills % len(self._points)]
        if point == "acknowledged":
            self._settled = True
        if kill:
            self.seen[point] += 1
            self._kills += 1
            self._armed = False
        return kill
