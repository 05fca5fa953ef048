"""
Claiming a partition: a retained epoch that only rises, so that of two workers the older one gives way.

A claim is read before a session is opened, and read again before every reconnect: the embedded broker gives no reason
code that would tell "taken over" from "link lost", and a worker that was paused or cut off must not take the session
back from its successor, not even for a moment.
"""

import asyncio
import contextlib
import logging
from typing import Final

from telemetry.broker import Arrival, Link, connected
from telemetry.errors import BrokerUnavailable, WireError
from telemetry.settings import MqttSettings
from telemetry.wire import payloads, topics

logger = logging.getLogger(__name__)

ANSWER_S: Final = 0.3  # a retained claim comes right behind the SUBACK


class PartitionClaim:
    """One worker's claim on one partition of one service."""

    def __init__(
        self, settings: MqttSettings, service: str, partition: int, worker: str, *, wait_s: float = 1.0
    ) -> None:
        """`worker` tells this process from every other one, for example host and process id."""
        self._wait_s = wait_s
        self._settings = settings
        self._service = service
        self._partition = partition
        self._worker = worker
        self.epoch = 0

    async def take(self) -> bool:
        """Publish a higher epoch and wait `wait_s`; False when somebody else then has a higher one still."""
        seen = await self._highest(publish=True)
        return seen is None or seen.epoch <= self.epoch

    async def still_mine(self) -> bool:
        """Whether nobody has claimed a higher epoch. Without a broker to ask, the answer is yes: nobody can have."""
        try:
            seen = await self._highest(publish=False)
        except BrokerUnavailable:
            return True
        return seen is None or seen.epoch <= self.epoch

    async def _highest(self, *, publish: bool) -> payloads.Claim | None:
        topic = topics.claim(self._service, self._partition)
        seen: list[payloads.Claim] = []
        answered = asyncio.Event()

        def note(arrival: Arrival) -> None:
            answered.set()
            with contextlib.suppress(WireError):
                claim = payloads.decode(payloads.Claim, arrival.payload)
                if claim.worker != self._worker:
                    seen.append(claim)

        name = f"claim-{self._service}-p{self._partition}-{self._worker}"
        link = Link(self._settings, name, filters=[(topic, 1)], on_arrival=note)
        try:
            async with asyncio.timeout(10):
                async with connected(link):
                    # Whoever has the partition has left a claim; without one the broker has forgotten it.
                    with contextlib.suppress(TimeoutError):
                        async with asyncio.timeout(ANSWER_S):
                            await answered.wait()
                    if publish:
                        self.epoch = max([self.epoch, *(claim.epoch for claim in seen)]) + 1
                        mine = payloads.Claim(epoch=self.epoch, worker=self._worker)
                        await link.publish(topic, payloads.encode(mine), retain=True)
                        await asyncio.sleep(self._wait_s)
        except TimeoutError as error:
            raise BrokerUnavailable("no answer while claiming a partition") from error
        return max(seen, key=lambda claim: claim.epoch, default=None)
