"""
What is measured while a campaign runs: how far the record lags, how much memory is held, how late alarms are.

The lag is asked of the database itself, directly and not through the proxy: the age of the newest stored reading of a
few honest cranes. The analyzer is watching when its heartbeat arrives at a terminal.
"""

import asyncio
import contextlib
import math
import os
import re
import time
from collections import deque
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from runtime.chaos.boxes import SITE
from runtime.chaos.stack import ChaosStack
from runtime.probe import LatencyProbe, percentile
from runtime.services import read
from telemetry.clock import now_ms
from telemetry.errors import StorageError
from telemetry.model import Signal
from telemetry.storage.evidence import Evidence

CURRENT_S: Final = 1.0  # the record is current when it lags by no more than this
EVERY_S: Final = 0.25
SETTLED_S: Final = 4.0  # what a process weighs after its imports is where growth begins
_PAGE: Final = os.sysconf("SC_PAGE_SIZE")
_HELD: Final = re.compile(r'^cranewatch_ingest_held\{lane="(\w+)"\} ([\d.e+]+)', re.M)
_OUTBOX: Final = re.compile(r"^cranewatch_analyzer_outbox ([\d.e+]+)", re.M)


@dataclass
class Memory:
    """Resident memory of one service, MB."""

    first: float
    most: float
    last: float
    growth: float = 0.0  # the most that it grew within one process: a restarted one begins anew
    _base: float = math.inf
    _pid: int = 0
    _since: float = 0.0  # monotonic s

    def note(self, pid: int, now: float) -> None:
        """A sample."""
        if pid != self._pid:
            # What a process weighs once it runs: the imports of its first seconds are no growth.
            self._pid, self._base, self._since = pid, math.inf, time.monotonic()
        self.last = now
        self.most = max(self.most, now)
        if self._base is math.inf and time.monotonic() - self._since > SETTLED_S:
            self._base = now
        if self._base is not math.inf:
            self.growth = max(self.growth, now - self._base)


@dataclass
class Span:
    """A time in which something was wrong; monotonic ns. `kind` says what alarms of that time are counted under."""

    kind: str
    began: int
    ended: int = 2**63


@dataclass
class Watch:
    """Everything measured."""

    stack: ChaosStack
    probe: LatencyProbe
    beacons: list[str]
    memory: dict[str, Memory] = field(default_factory=dict)
    held: dict[str, float] = field(default_factory=dict)
    outbox: float = 0.0
    lag_s: float = math.inf
    lag_at: float = 0.0  # monotonic seconds of that answer
    lags: deque[tuple[float, float]] = field(default_factory=lambda: deque(maxlen=20_000))
    unexpected_ends: list[str] = field(default_factory=list)
    spans: list[Span] = field(default_factory=list)
    _ended: bool = False

    async def run(self) -> None:
        """Sample until cancelled."""
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._lag(), name="chaos.lag")
            tasks.create_task(self._sample(), name="chaos.sample")
            tasks.create_task(self.probe.run(), name="chaos.probe")

    async def _lag(self) -> None:
        while True:
            try:
                await asyncio.to_thread(self._follow_lag)
            except StorageError:
                self.lag_s, self.lag_at = math.inf, time.monotonic()
            await asyncio.sleep(0.1)

    def _follow_lag(self) -> None:
        with Evidence(self.stack.database()) as evidence:
            while True:
                newest = [ms for ms in evidence.newest(SITE, self.beacons).values() if ms is not None]
                self.lag_s = (now_ms() - min(newest)) / 1000 if len(newest) == len(self.beacons) else math.inf
                self.lag_at = time.monotonic()
                self.lags.append((self.lag_at, self.lag_s))
                if self._ended:
                    return
                time.sleep(0.05)

    def end(self) -> None:
        """No more questions to the database."""
        self._ended = True

    async def _sample(self) -> None:
        beat = 0
        while True:
            for name, pid in self.stack.pids().items():
                size = rss_mb(pid)
                if size is not None:
                    memory = self.memory.setdefault(name, Memory(size, size, size))
                    memory.note(pid, size)
            if beat % 4 == 0:
                await asyncio.to_thread(self._metrics)
            for name, child in self.stack.services.children.items():
                if not child.running and child.process is not None and name not in self.unexpected_ends:
                    await asyncio.sleep(0.5)  # it may just be being killed
                    if not child.running and child.process is not None:
                        self.unexpected_ends.append(name)
            beat += 1
            await asyncio.sleep(EVERY_S)

    def _metrics(self) -> None:
        for lane, value in _HELD.findall(read(f"http://127.0.0.1:{self.stack.services.ports['ingest']}/metrics")):
            self.held[lane] = max(self.held.get(lane, 0.0), float(value))
        found = _OUTBOX.search(read(f"http://127.0.0.1:{self.stack.services.ports['analyzer']}/metrics"))
        if found:
            self.outbox = max(self.outbox, float(found[1]))

    # Recovery

    async def stored_again(self, since: float, within: float) -> float | None:
        """Seconds from `since` (monotonic) until the record was current again; None when it was not in time."""
        while time.monotonic() - since < within:
            if self.lag_at > since and self.lag_s <= CURRENT_S:
                return max(0.0, self.lag_at - since)
            await asyncio.sleep(0.02)
        return None

    def catch_up(self, since: float, until: float) -> float | None:
        """
        How many times as fast as time itself the record moved on, from when it began to move until it was current.

        None when there was too little to catch up with.
        """
        seen = [(at, lag) for at, lag in self.lags if since <= at <= until and math.isfinite(lag)]
        if len(seen) < 2:
            return None
        at, lag = max(seen, key=lambda pair: pair[1])
        end_at, end_lag = seen[-1]
        if lag < 3.0 or end_at <= at:
            return None
        return round((lag - end_lag + end_at - at) / (end_at - at), 1)

    async def watching_again(self, since: float, within: float) -> float | None:
        """Seconds from `since` (monotonic) until a heartbeat of the analyzer arrived; None when none did in time."""
        while time.monotonic() - since < within:
            if self.probe.beats and self.probe.beats[-1] / 1e9 > since:
                return next(at / 1e9 - since for at in self.probe.beats if at / 1e9 > since)
            await asyncio.sleep(0.02)
        return None

    def span(self, kind: str) -> Span:
        """Alarms from now on are counted under `kind`, until its `ended` is set."""
        found = Span(kind, time.monotonic_ns())
        self.spans.append(found)
        return found

    # Alarms

    def latencies(
        self, published: Mapping[tuple[str, str, int], int], timely: Iterable[str]
    ) -> dict[str, dict[str, float | int | None]]:
        """p50, p99, most (ms) and number from publish to alarm at a terminal, by what was wrong at the time."""
        devices = set(timely)
        found: dict[str, list[float]] = {}
        for id_, at in self.probe.arrived.items():
            transition = self.probe.transitions.get(id_)
            if transition is None or transition.observed or transition.signal not in (Signal.RAISE, Signal.ESCALATE):
                continue
            cause = transition.cause
            sent = published.get((transition.device, cause.boot or "", cause.seq or 0))
            if sent is not None and transition.device in devices:
                found.setdefault(self._kind(sent), []).append((at - sent) / 1e6)
        return {
            kind: {
                "p50": rounded(percentile(values, 0.5)), "p99": rounded(percentile(values, 0.99)),
                "most": rounded(max(values)), "count": len(values),
            }
            for kind, values in sorted(found.items())
        }  # fmt: skip

    def _kind(self, at: int) -> str:
        kinds = [span.kind for span in self.spans if span.began <= at <= span.ended]
        # Where several overlap, the one that alarms can feel.
        return "alarm path down" if "alarm path down" in kinds else (kinds[-1] if kinds else "normal")


def rounded(value: float | None) -> float | None:
    """Two decimals."""
    return None if value is None or not math.isfinite(value) else round(value, 2)


def rss_mb(pid: int) -> float | None:
    """Resident memory of a process, MB."""
    with contextlib.suppress(OSError, ValueError, IndexError):
        return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * _PAGE / 1e6
    return None
