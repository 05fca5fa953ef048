"""
Claiming a partition: a retained epoch that only rises, so that of two workers the older one gives way.

A claim is read before a session is opened, and read again before every reconnect: the embedded broker gives no reason
code that would tell "taken over" from "link lost", and a worker that was paused or cut off must not take the session
back from its successor, not even for a moment.
"""

import asyncio
import contextlib
import logging
import secrets
from typing import Final

from telemetry.broker import Arrival, Link, connected
from telemetry.errors import BrokerUnavailable, WireError
from telemetry.settings import MqttSettings
from telemetry.wire import payloads, topics

logger = logging.getLogger(__name__)

FIRST_S: Final = 0.3  # a retained claim comes right behind the SUBACK; at a first start there is none
AGAIN_S: Final = 2.0  # at least our own must be there, or the broker has forgotten it


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
        self._asked = 0
        self._token = secrets.token_hex(6)  # rumqttd refuses client ids with some signs, a worker's name may have any
        self.epoch = 0
        self.before: str | None = None  # the worker who had the partition before us

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

        # Several sessions of one worker may ask at once: with one client id they would take each other over.
        self._asked += 1
        name = f"claim-{self._service}-p{self._partition}-{self._token}-{self._asked}"
        link = Link(self._settings, name, filters=[(topic, 1)], on_arrival=note)
        try:
            async with asyncio.timeout(10):
                async with connected(link):
                    # Whoever has the partition has left a claim; without one the broker has forgotten it.
                    with contextlib.suppress(TimeoutError):
                        async with asyncio.timeout(FIRST_S if publish else AGAIN_S):
                            await answered.wait()
                    if publish:
                        latest = max(seen, key=lambda claim: claim.epoch, default=None)
                        self.before = latest.worker if latest is not None else None
                        self.epoch = max([self.epoch, *(claim.epoch for claim in seen)]) + 1
                        mine = payloads.Claim(epoch=self.epoch, worker=self._worker)
                        await link.publish(topic, payloads.encode(mine), retain=True)
                        await asyncio.sleep(self._wait_s)
        except TimeoutError as error:
            raise BrokerUnavailable("no answer while claiming a partition") from error
        return max(seen, key=lambda claim: claim.epoch, default=None)
