"""
What devices said before this process began: out of the record, once, so that a silent one is old and not unheard of.

Rule: what was heard live is never replaced by what was stored.
"""

import asyncio
import logging
from typing import Final

from api.live.feed import Feed
from api.live.picture import latest as sample
from telemetry.errors import StorageError
from telemetry.kinds import KINDS
from telemetry.storage.latest import latest
from telemetry.storage.pool import Database

logger = logging.getLogger(__name__)

DEVICES_MAX: Final = 2_000  # of a kind; what speaks is heard in a moment, and most devices do
AGAIN_S: Final = 5.0


async def recall(feed: Feed, database: Database) -> None:
    """Fill the picture as soon as the record answers."""
    for kind in KINDS:
        while True:
            try:
                found = await latest(database, kind, DEVICES_MAX)
                break
            except StorageError as error:
                logger.debug("what devices said last has to wait: %s", error)
                await asyncio.sleep(AGAIN_S)
        for one in found:
            feed.recall((one.site, one.kind, one.device), sample(one.kind, one.frame, one.received_ms))
