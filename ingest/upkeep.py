"""
The record's upkeep, beside the lanes and never in their way: what will not come is declared lost, what is old enough
is deleted. In every worker, but in the database only one at a time does it.
"""

import asyncio
import contextlib
import logging
from typing import Final

from ingest.metrics import IngestMetrics
from ingest.settings import UpkeepSettings
from telemetry.clock import utc_now
from telemetry.errors import StorageError
from telemetry.settings import DatabaseSettings
from telemetry.storage.upkeep import Upkeep

logger = logging.getLogger(__name__)

RETENTION_EVERY: Final = 60  # rounds; then also the whole ledger is looked through


async def run(
    settings: UpkeepSettings, database: DatabaseSettings, metrics: IngestMetrics, stop: asyncio.Event
) -> None:
    """A round every `interval_s`, until `stop`; retention in the first and then in every sixtieth."""
    upkeep = Upkeep(database)
    number = 0
    while not stop.is_set():
        try:
            thorough = number % RETENTION_EVERY == 0
            declared = await asyncio.to_thread(
                upkeep.declare, utc_now(), journal_days=settings.journal_days, thorough=thorough
            )
            if declared is not None:
                metrics.lost.inc(declared.frames)
            if thorough:
                dropped = await asyncio.to_thread(
                    upkeep.retain,
                    utc_now(),
                    quarantine_days=settings.quarantine_days,
                    hold_days=settings.hold_days,
                )
                if dropped is not None:
                    metrics.held_back.set(dropped.held)
            number += 1
        except StorageError as error:
            # The lanes say loudly that the database is away; what is not done now is done in the next round.
            logger.debug("no upkeep now: %s", error)
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(settings.interval_s):
                await stop.wait()
