"""
Publishing once more what a broker may have lost on its way to the record.

A broker that dies has confirmed transitions and reports which ingest had not yet stored, while the database was away
above all. Ingest says, retained, when it opens its session for the log. When that is a new session, or when we lost
the broker since, too (it may have come back as of an older day), everything that the outbox remembers goes out again, a
little at a time, so that no alarm waits behind it.
"""

import asyncio
import logging
from collections.abc import Callable, Sequence
from typing import Final

from analytics.outbox import Outbox
from telemetry.consumer import Consumer
from telemetry.errors import WireError
from telemetry.wire import payloads, topics

logger = logging.getLogger(__name__)

AT_ONCE: Final = 100
PAUSE_S: Final = 0.02


class Repeats:
    """For one partition."""

    def __init__(self, partition: int) -> None:
        self._partition = partition
        self._since = 0
        self._lost_broker = False
        self._links = 0
        self._due = asyncio.Event()
        self.topic = topics.log_session(partition)

    def told(self, payload: bytes) -> None:
        """Ingest has spoken on `topic`."""
        try:
            session = payloads.decode(payloads.LogSession, payload)
        except WireError:
            return
        if session.since == self._since:
            return
        self._since = session.since
        if session.fresh or self._lost_broker:
            self._lost_broker = False
            self._due.set()

    def linked(self) -> None:
        """We have the broker (again)."""
        self._lost_broker = self._links > 0
        self._links += 1

    async def run(self, consumer: Consumer, outbox: Outbox, send: Callable[[Sequence[int]], object]) -> None:
        """Publish again whenever it is due; `send` takes numbers of the outbox. Runs until cancelled."""
        while True:
            await self._due.wait()
            self._due.clear()
            numbers = outbox.again()
            logger.info(
                "partition %d: ingest's log has a new session, publishing %d transitions and reports again",
                self._partition, len(numbers), extra={"action": "log_session"},
            )  # fmt: skip
            for first in range(0, len(numbers), AT_ONCE):
                await consumer.linked()
                send(outbox.still(numbers[first : first + AT_ONCE]))
                await asyncio.sleep(PAUSE_S)
