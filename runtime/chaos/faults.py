"""
What each fault does to the stack, and for how long. When a method returns, the cause is gone; what it left is measured.
"""

import asyncio
import contextlib
import time
from collections.abc import Callable, Coroutine
from random import Random
from typing import Any, Final

from runtime.chaos.plan import PERSISTENT, Fault, Step
from runtime.chaos.stack import ChaosStack
from telemetry.errors import StorageError
from telemetry.storage.door import connect
from telemetry.storage.evidence import Evidence

LAG_BEFORE_S: Final = 2.0  # beyond the lag: what was published then may not have been delivered at a broker's death
LAG_MOST_S: Final = 10.0
CUT_SHARE: Final = 0.5
FLOOD_RATE: Final = 150.0
SAVED_AFTER_S: Final = 6.0  # by then a persistent broker has saved

ALARM_PATH: Final = "alarm path down"
DATABASE_AWAY: Final = "database away"
CATCHING_UP: Final = "catching up"
KINDS: Final[dict[Fault, str]] = {
    **dict.fromkeys(
        (
            Fault.KILL_ANALYZER, Fault.KILL_ALL, Fault.BROKER_KILL, Fault.BROKER_RESTART, Fault.BROKER_KILL_PERSISTENT,
            Fault.BROKER_RESTART_PERSISTENT, Fault.BROKER_FORGETS, Fault.OUTAGE_AND_BROKER,
        ),
        ALARM_PATH,
    ),
    **dict.fromkeys((fault for fault in Fault if fault.startswith("db-")), DATABASE_AWAY),
    Fault.KILL_INGEST: "ingest killed",
    Fault.KILL_API: "api killed",
    Fault.LINK_LOSS: "links cut",
    Fault.FLOOD: "flood",
}  # fmt: skip


class Faults:
    """Carries out steps of a plan, one at a time."""

    def __init__(self, stack: ChaosStack, lag_s: Callable[[], float]) -> None:
        """`lag_s` says how far the record lags: what was published before that may still be at the broker."""
        self._stack = stack
        self._lag_s = lag_s
        self._persistent = False
        self.losses: list[tuple[float, float]] = []  # monotonic s: what the broker acknowledged then may be lost
        self._lost_from: float | None = None

    def why_not(self, fault: Fault) -> str | None:
        """Why a fault cannot be made here, or None."""
        if fault is Fault.DB_FULL and self._stack.volume is None:
            return self._stack.no_volume or "no volume of its own"
        return None

    async def do(self, step: Step) -> str:
        """Make it happen; what exactly was done, in words."""
        random = Random(step.seed)  # noqa: S311 - a plan, not a secret
        if step.fault in PERSISTENT and not self._persistent:
            await self._broker(wait=0.5, persistence=True)
        return await self._actions()[step.fault](step, random)

    def _doubtful_from(self) -> float:
        return time.monotonic() - LAG_BEFORE_S - min(self._lag_s(), LAG_MOST_S)

    def recovered(self) -> None:
        """All sessions are open again: from now on the broker loses nothing."""
        if self._lost_from is not None:
            self.losses.append((self._lost_from, time.monotonic() + 1.0))
            self._lost_from = None

    def _actions(self) -> dict[Fault, Callable[[Step, Random], Coroutine[Any, Any, str]]]:
        return {
            Fault.KILL_INGEST: self._kill("ingest"),
            Fault.KILL_ANALYZER: self._kill("analyzer"),
            Fault.KILL_API: self._kill("api"),
            Fault.KILL_ALL: self._kill("ingest", "analyzer", "review", "api"),
            Fault.BROKER_KILL: self._broker_kill,
            Fault.BROKER_RESTART: self._broker_restart,
            Fault.BROKER_KILL_PERSISTENT: self._broker_kill_persistent,
            Fault.BROKER_RESTART_PERSISTENT: self._broker_restart_persistent,
            Fault.BROKER_FORGETS: self._broker_forgets,
            Fault.DB_STOP: self._db_stop,
            Fault.DB_RESTART: self._db_restart,
            Fault.DB_KILL: self._db_kill,
            Fault.DB_FULL: self._db_full,
            Fault.DB_EXHAUSTED: self._db_exhausted,
            Fault.DB_SLOW: self._db_slow,
            Fault.DB_CUT: self._db_cut,
            Fault.DB_DEAF: self._db_deaf,
            Fault.DB_STRANDED: self._db_stranded,
            Fault.OUTAGE_AND_BROKER: self._outage_and_broker,
            Fault.LINK_LOSS: self._link_loss,
            Fault.FLOOD: self._flood,
        }

    # Services

    def _kill(self, *names: str) -> Callable[[Step, Random], Coroutine[Any, Any, str]]:
        async def work(step: Step, random: Random) -> str:
            end = time.monotonic() + step.lasts
            number = 0
            while number == 0 or time.monotonic() < end:
                for name in names:
                    await asyncio.to_thread(self._stack.kill, name)
                number += 1
                await asyncio.sleep(random.uniform(0.3, 2.5))
            return f"{number} × SIGKILL"

        return work

    # The broker

    async def _broker(
        self, *, wait: float, kill: bool = False, persistence: bool = False, forget: bool = False
    ) -> None:
        broker = self._stack.broker
        if self._lost_from is None and not (self._persistent and persistence and not kill and not forget):
            self._lost_from = self._doubtful_from()
        await asyncio.to_thread(broker.kill if kill else broker.stop)
        if forget:
            broker.forget()
        await asyncio.sleep(wait)
        await asyncio.to_thread(lambda: broker.start(persistence=persistence))
        self._persistent = persistence

    async def _broker_kill(self, step: Step, random: Random) -> str:
        await self._broker(wait=step.lasts, kill=True)
        return f"away for {step.lasts:.1f} s, state lost"

    async def _broker_restart(self, step: Step, random: Random) -> str:
        await self._broker(wait=step.lasts)
        return f"away for {step.lasts:.1f} s, state lost"

    async def _broker_kill_persistent(self, step: Step, random: Random) -> str:
        # Once it has saved, and some time after that: it will come back as of then.
        await asyncio.sleep(SAVED_AFTER_S)
        await self._broker(wait=max(0.5, step.lasts - SAVED_AFTER_S), kill=True, persistence=True)
        return "came back as of its last save"

    async def _broker_restart_persistent(self, step: Step, random: Random) -> str:
        await self._broker(wait=step.lasts, persistence=True)
        return f"away for {step.lasts:.1f} s"

    async def _broker_forgets(self, step: Step, random: Random) -> str:
        await self._broker(wait=step.lasts, persistence=True, forget=True)
        return "came back with its file deleted"

    # The database

    async def _db_stop(self, step: Step, random: Random) -> str:
        await asyncio.to_thread(self._stack.cluster.stop)
        await asyncio.sleep(step.lasts)
        await asyncio.to_thread(self._stack.cluster.start)
        return f"away for {step.lasts:.1f} s"

    async def _db_restart(self, step: Step, random: Random) -> str:
        await asyncio.to_thread(self._stack.cluster.stop)
        await asyncio.to_thread(self._stack.cluster.start)
        return "at once"

    async def _db_kill(self, step: Step, random: Random) -> str:
        await asyncio.to_thread(self._stack.cluster.kill)
        await asyncio.sleep(step.lasts)
        await asyncio.to_thread(self._stack.cluster.start)
        return f"away for {step.lasts:.1f} s"

    async def _db_full(self, step: Step, random: Random) -> str:
        volume, cluster = self._stack.volume, self._stack.cluster
        assert volume is not None  # noqa: S101 - `why_not` was asked
        written = await asyncio.to_thread(volume.fill)
        await asyncio.sleep(step.lasts)
        await asyncio.to_thread(volume.free)
        words = f"tmpfs of {volume.megabytes} MB filled with {written / 1e6:.0f} MB, ENOSPC for {step.lasts:.1f} s"
        if cluster.process is None or cluster.process.poll() is not None:
            await asyncio.to_thread(cluster.start)
            words += "; the server had ended and was started"
        return words

    async def _db_exhausted(self, step: Step, random: Random) -> str:
        end = time.monotonic() + step.lasts
        taken = await asyncio.to_thread(self._exhaust, end)
        return f"{taken} connections taken for {step.lasts:.1f} s"

    def _exhaust(self, end: float) -> int:
        settings = self._stack.database()
        with contextlib.ExitStack() as held, Evidence(settings) as evidence:
            number = 0
            ended = False
            while time.monotonic() < end:
                try:
                    held.enter_context(connect(settings, application="chaos"))
                    number += 1
                except StorageError:
                    if not ended:
                        evidence.end_sessions("cranewatch-ingest%")
                        ended = True
                    else:
                        time.sleep(0.05)
            return number

    async def _db_slow(self, step: Step, random: Random) -> str:
        delay = random.uniform(0.1, 0.3)
        self._stack.proxy.delay = delay
        await asyncio.sleep(step.lasts)
        self._stack.proxy.delay = 0.0
        return f"{delay * 1000:.0f} ms on every packet for {step.lasts:.1f} s"

    async def _db_cut(self, step: Step, random: Random) -> str:
        proxy = self._stack.proxy
        end = time.monotonic() + step.lasts
        cuts = 0
        while time.monotonic() < end:
            proxy.cut_after = proxy.forwarded + random.randint(2_000, 60_000)
            await asyncio.sleep(random.uniform(0.3, 1.2))
            cuts += proxy.cut_after is None
        proxy.cut_after = None
        return f"{cuts} × cut"

    async def _db_deaf(self, step: Step, random: Random) -> str:
        self._stack.proxy.deaf = True
        await asyncio.sleep(step.lasts)
        self._stack.proxy.deaf = False
        return f"for {step.lasts:.1f} s"

    async def _db_stranded(self, step: Step, random: Random) -> str:
        self._stack.proxy.strand()
        await asyncio.sleep(step.lasts)
        return "new connections work"

    async def _outage_and_broker(self, step: Step, random: Random) -> str:
        self._lost_from = self._doubtful_from()
        await asyncio.to_thread(self._stack.cluster.stop)
        await asyncio.sleep(step.lasts * 0.6)
        self._stack.broker.kill()
        # What ingest has taken and cannot store is gone, too.
        await asyncio.to_thread(self._stack.kill, "ingest")
        await asyncio.sleep(0.5)
        await asyncio.to_thread(self._stack.broker.start)
        self._persistent = False
        await asyncio.sleep(step.lasts * 0.4)
        await asyncio.to_thread(self._stack.cluster.start)
        return f"database away for {step.lasts:.1f} s; in it ingest killed, and the broker's queues lost"

    # Devices

    async def _link_loss(self, step: Step, random: Random) -> str:
        self._stack.order(do="cut", share=CUT_SHARE, seed=step.seed, **{"for": step.lasts})
        await asyncio.sleep(step.lasts)
        return f"for up to {step.lasts:.1f} s"

    async def _flood(self, step: Step, random: Random) -> str:
        self._stack.order(do="flood", rate=FLOOD_RATE)
        await asyncio.sleep(step.lasts)
        self._stack.order(do="flood", rate=0.0)
        return f"{FLOOD_RATE:.0f} messages/s for {step.lasts:.1f} s"
