"""`python -m analytics`: reads the environment and runs the analyzer until SIGTERM."""

import asyncio
import logging
import sys

from prometheus_client import CollectorRegistry

from analytics.metrics import AnalyzerMetrics
from analytics.service import Analyzer
from analytics.settings import AnalyticsEnvironment
from telemetry import logs
from telemetry.errors import CranewatchError
from telemetry.exposition import metrics_server
from telemetry.tasks import stop_on_signals

logger = logging.getLogger(__name__)


async def serve(environment: AnalyticsEnvironment) -> None:
    """Run until a signal."""
    stop = asyncio.Event()
    stop_on_signals(stop)
    registry = CollectorRegistry()
    with metrics_server(registry, environment.metrics_port, environment.metrics_host):
        analyzer = Analyzer(environment.mqtt, environment.partition, environment.analyzer, AnalyzerMetrics(registry))
        await analyzer.run(stop)


def main() -> int:
    """The exit status: 0 after a signal, 1 when somebody else has the partition."""
    environment = AnalyticsEnvironment()
    logs.configure(environment.log, "analytics")
    try:
        asyncio.run(serve(environment))
    except CranewatchError as error:
        logger.error("%s", error, extra={"action": "stopped"})  # noqa: TRY400 - the words are enough
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
