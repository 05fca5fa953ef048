"""`python -m ingest`: reads settings from CRANEWATCH_* variables, serves until SIGTERM or SIGINT."""

import asyncio

from prometheus_client import CollectorRegistry

from ingest.service import run
from ingest.settings import IngestSettings
from telemetry.exposition import metrics_server
from telemetry.logs import configure
from telemetry.tasks import stop_on_signals


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
    asyncio.run(_serve(settings))


if __name__ == "__main__":
    main()
