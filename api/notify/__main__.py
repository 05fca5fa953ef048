"""`python -m api.notify`: reads the environment and tells people until SIGTERM."""

import asyncio

from prometheus_client import CollectorRegistry

from api.notify.metrics import NotifyMetrics
from api.notify.service import Notifier
from api.notify.settings import NotifyEnvironment
from telemetry import logs
from telemetry.exposition import metrics_server
from telemetry.tasks import stop_on_signals


async def serve(environment: NotifyEnvironment) -> None:
    """Run until a signal."""
    stop = asyncio.Event()
    stop_on_signals(stop)
    registry = CollectorRegistry()
    with metrics_server(registry, environment.metrics_port, environment.metrics_host):
        metrics = NotifyMetrics(registry)
        await Notifier(environment.database, environment.mqtt, environment.notify, metrics).run(stop)


def main() -> None:
    """Run the process."""
    environment = NotifyEnvironment()  # type: ignore[call-arg]  # from the environment
    logs.configure(environment.log, "notify")
    asyncio.run(serve(environment))


if __name__ == "__main__":
    main()
