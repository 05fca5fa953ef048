"""
Acknowledging batches in order, each when the broker has what it led to.

Rule 1: a batch that the journal has need not wait for the broker when the window fills: rumqttd sends no PUBACK, and
no PINGRESP, while all 100 of it are unsettled. Waiting is for power cuts, recovery covers the rest.
Rule 2: one that no journal has waits for the snapshot that covers it, until the window is nearly full; then the oldest
goes, counted: what is in the window cannot stop alarms. Bounded by the broker's window, which is ours.
"""

import asyncio
from collections import deque
from collections.abc import Callable
from typing import Final

from telemetry.consumer import RECEIVE_MAXIMUM, Batch, Consumer

HELD_BEHIND_JOURNAL: Final = 50  # messages that may wait for a confirmation once the journal has them
FULL_S: Final = 1.5  # without a journal: no tick for this long means that the window is smaller than was asked for


class Settling:
    """The batches that were fed and not yet acknowledged."""

    def __init__(self, journal_ok: Callable[[], bool], unjournalled: Callable[[int], None]) -> None:
        """`unjournalled` is told how many messages were acknowledged though no journal has them."""
        self._journal_ok = journal_ok
        self._unjournalled = unjournalled
        self._waiting: deque[tuple[Batch, list[asyncio.Future[None]], bool]] = deque()
        self._more = asyncio.Event()
        self._may_wait = RECEIVE_MAXIMUM // 2  # messages, for a journal; learnt, because rumqttd's window is 100
        self.ticked = 0.0  # loop time of the last tick that came back

    def put(self, consumer: Consumer, batch: Batch, futures: list[asyncio.Future[None]], *, journalled: bool) -> None:
        """A batch that was fed; `futures` are the broker's answers to what it led to."""
        if not self._waiting and not futures and journalled:
            consumer.acknowledge(batch)
            return
        self._waiting.append((batch, futures, journalled))
        self._more.set()

    async def run(self, consumer: Consumer) -> None:
        """Acknowledge, until cancelled."""
        while True:
            while not self._waiting:
                self._more.clear()
                await self._more.wait()
            batch, futures, journalled = self._waiting[0]
            while futures and not all(future.done() for future in futures):
                if journalled and consumer.held >= HELD_BEHIND_JOURNAL:
                    break
                await asyncio.wait(futures, timeout=0.005, return_when=asyncio.ALL_COMPLETED)
            if not journalled and not self._journal_ok() and not await self._may_go_on(consumer, batch):
                continue
            self._waiting.popleft()
            consumer.acknowledge(batch)

    async def _may_go_on(self, consumer: Consumer, batch: Batch) -> bool:
        """Without a journal: wait, until the broker's window is nearly full and alarms would stop."""
        if batch.link != consumer.link:
            return True  # it will be delivered again; acknowledging says so
        if consumer.held and asyncio.get_running_loop().time() - self.ticked > FULL_S:
            self._may_wait = min(self._may_wait, max(HELD_BEHIND_JOURNAL, consumer.held // 2))
        if consumer.held > self._may_wait:
            self._unjournalled(len(batch.messages))
            return True
        await asyncio.sleep(0.05)
        return False
