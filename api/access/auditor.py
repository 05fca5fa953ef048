"""
Lines of the audit log for what is done elsewhere than in the record: answers that go to the broker.

They wait here while the database is away, in order, up to BOUND; beyond it the oldest is given up, counted and logged,
and ingest's own record of every response still has it.
"""

import asyncio
import logging
from collections import deque
from typing import Final

from telemetry.errors import StorageError, StorageRefused
from telemetry.storage.audit import Deed, note
from telemetry.storage.pool import Database

logger = logging.getLogger(__name__)

BOUND: Final = 10_000
AGAIN_S: Final = 2.0


class Auditor:
    """Writes what it was told, as soon as it can."""

    def __init__(self, database: Database | None) -> None:
        self._database = database
        self._waiting: deque[Deed] = deque()
        self._some = asyncio.Event()
        self.lost = 0

    def note(self, deed: Deed) -> None:
        """This was done. Never waits."""
        if len(self._waiting) >= BOUND:
            gone = self._waiting.popleft()
            self.lost += 1
            logger.error("audit line lost: %s %s", gone.action, gone.target, extra={"action": "audit"})
        self._waiting.append(deed)
        self._some.set()

    async def run(self) -> None:
        """Write, for ever."""
        while True:
            await self._some.wait()
            while self._waiting:
                if not await self.write_one():
                    await asyncio.sleep(AGAIN_S)
            self._some.clear()

    async def write_one(self) -> bool:
        """Write the oldest line; False when the record could not take it now."""
        if self._database is None or not self._waiting:
            return False
        deed = self._waiting[0]
        try:
            await note(self._database, deed)
        except StorageRefused:
            logger.exception("audit line refused: %s %s", deed.action, deed.target, extra={"action": "audit"})
        except StorageError:
            return False
        if self._waiting and self._waiting[0] is deed:
            self._waiting.popleft()
        return True

    async def drain(self, within_s: float = 2.0) -> None:
        """Write what waits before the process ends, as far as the record takes it in time."""
        try:
            async with asyncio.timeout(within_s):
                while self._waiting and await self.write_one():
                    pass
        except TimeoutError:
            pass
        if self._waiting:
            logger.error("%d audit lines were not written", len(self._waiting), extra={"action": "audit"})
