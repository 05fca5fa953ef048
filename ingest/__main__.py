"""`python -m ingest`: reads settings from CRANEWATCH_* variables, serves until SIGTERM or SIGINT."""

import asyncio
import sys
from typing import Final

from prometheus_client import CollectorRegistry

from ingest.service import run
from ingest.settings import IngestSettings
from telemetry.exposition import metrics_server
from telemetry.logs import configure
from telemetry.tasks import stop_on_signals

# A thread that comes back from the database waits for the interpreter until the loop lets go of it, and a busy loop
# does so after this long: with Python's own 5 ms, a transaction of ten questions takes 50 ms longer in a catch-up.
SWITCH_S: Final = 0.0005


async def _serve(settings: IngestSettings) -> None:
    stop = asyncio.Event()
    stop_on_signals(stop)
    registry = CollectorRegistry()
    with metrics_server(registry, settings.metrics_port, settings.metrics_host):
        await run(settings, stop, registry)


def main() -> None:
    """Run the service."""
    settings = IngestSettings()  # type: ignore[call-arg]  # from the environment
    configure(settings.log, "ingest")
    sys.setswitchinterval(SWITCH_S)
    asyncio.run(_serve(settings))


if __name__ == "__main__":
    main()
