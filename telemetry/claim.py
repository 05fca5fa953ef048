"""
Claiming a partition: a retained epoch that only rises, so that of two workers the older one gives way.

A claim is read before a session is opened, and read again after a take-over or two quick losses, because the
embedded broker gives no reason code that would tell "taken over" from "link lost".
"""

import asyncio
import contextlib
import logging

from telemetry.broker import Arrival, Link, connected
from telemetry.errors import BrokerUnavailable, WireError
from telemetry.settings import MqttSettings
from telemetry.wire import payloads, topics

logger = logging.getLogger(__name__)


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

        def note(arrival: Arrival) -> None:
            with contextlib.suppress(WireError):
                claim = payloads.decode(payloads.Claim, arrival.payload)
                if claim.worker != self._worker:
                    seen.append(claim)

        name = f"claim-{self._service}-p{self._partition}-{self._worker}"
        link = Link(self._settings, name, filters=[(topic, 1)], on_arrival=note)
        try:
            async with asyncio.timeout(10):
                async with connected(link):
                    await asyncio.sleep(0.2)
                    if publish:
                        self.epoch = max([self.epoch, *(claim.epoch for claim in seen)]) + 1
                        mine = payloads.Claim(epoch=self.epoch, worker=self._worker)
                        await link.publish(topic, payloads.encode(mine), retain=True)
                        await asyncio.sleep(self._wait_s)
        except TimeoutError as error:
            raise BrokerUnavailable("no answer while claiming a partition") from error
        return max(seen, key=lambda claim: claim.epoch, default=None)
