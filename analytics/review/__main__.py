"""`python -m analytics.review`: reads the environment and reviews late data until SIGTERM."""

import asyncio
import contextlib
import os

from prometheus_client import CollectorRegistry

from analytics.review.metrics import ReviewMetrics
from analytics.review.service import Review
from analytics.review.settings import ReviewEnvironment
from telemetry import logs
from telemetry.exposition import metrics_server
from telemetry.storage.pool import Database
from telemetry.tasks import stop_on_signals


async def serve(environment: ReviewEnvironment) -> None:
    """Run until a signal."""
    stop = asyncio.Event()
    stop_on_signals(stop)
    registry = CollectorRegistry()
    with metrics_server(registry, environment.metrics_port, environment.metrics_host):
        async with Database(environment.database, application="review") as database:
            await Review(database, environment.mqtt, environment.review, ReviewMetrics(registry)).run(stop)


def main() -> None:
    """Run the process."""
    environment = ReviewEnvironment()  # type: ignore[call-arg]  # from the environment
    logs.configure(environment.log, "review")
    if environment.review.idle and hasattr(os, "SCHED_IDLE"):
        # Hours of readings are replayed beside an analyzer that has milliseconds, and an ingest that may catch up.
        # Where a container forbids it, it is done without.
        with contextlib.suppress(OSError):
            os.sched_setscheduler(0, os.SCHED_IDLE, os.sched_param(0))
    asyncio.run(serve(environment))


if __name__ == "__main__":
    main()
