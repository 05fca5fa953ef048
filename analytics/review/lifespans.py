"""
Which cranes have nearly used up the life that they were designed for: asked of the record, a few cranes at a look.

Rule 1: a crane is asked for once an hour: a life is used up over years, and the review has other work.
Rule 2: a design that contradicts itself is said in the log, once, and is no life.
"""

import logging
from collections.abc import Iterable
from typing import Final

from telemetry import usage
from telemetry.errors import ConfigError
from telemetry.storage import cycles
from telemetry.storage.pool import Database

AT_ONCE: Final = 4
EVERY_S: Final = 3600.0
LISTED_S: Final = 300.0

logger = logging.getLogger(__name__)


class Lifespans:
    """The used share of each crane's design life, where that is nearly all."""

    def __init__(self) -> None:
        self.near: dict[cycles.DeviceKey, float] = {}  # percent
        self._designed: dict[int, cycles.Designed] = {}
        self._asked: dict[int, float] = {}
        self._listed = float("-inf")

    async def look(self, database: Database, now: float) -> None:
        """Ask for some that are due; `now` is loop time in seconds. Raises StorageError."""
        if now - self._listed >= LISTED_S:
            self._listed = now
            self._list(await cycles.designed(database))
        due = [number for number in self._designed if now - self._asked.get(number, float("-inf")) >= EVERY_S]
        for number in due[:AT_ONCE]:
            self._asked[number] = now
            await self._ask(database, self._designed[number])

    def _list(self, found: Iterable[cycles.Designed]) -> None:
        designed = {one.device_id: one for one in found}
        for number, one in designed.items():
            if number in self._designed and self._designed[number].design != one.design:
                self._asked.pop(number, None)
        for number in self._designed.keys() - designed.keys():
            self.near.pop(self._designed[number].key, None)
            self._asked.pop(number, None)
        self._designed = designed

    async def _ask(self, database: Database, one: cycles.Designed) -> None:
        self.near.pop(one.key, None)
        try:
            life = usage.life(one.design)
        except ConfigError as error:
            logger.warning("%s: %s", "/".join(one.key), error, extra={"action": "design"})
            return
        counted = await cycles.counted(database, one.device_id)
        used = usage.usage(counted.bins, counted.unweighed, life).used_pct
        if used is not None and used >= usage.NEAR_PCT:
            self.near[one.key] = round(used, 1)
