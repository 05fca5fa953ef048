"""Reads the settings and serves the API: `python -m api`."""

import gc
import logging
import signal
import sys

import uvicorn
from prometheus_client import CollectorRegistry

from api.app import create_app
from api.settings import ApiSettings
from telemetry import logs
from telemetry.exposition import metrics_server

logger = logging.getLogger(__name__)


def main() -> None:
    """Serve until SIGTERM or SIGINT."""
    settings = ApiSettings()
    logs.configure(settings.log, "api")
    # uvicorn says at info level when a page's socket opens and closes: once for every page of every visitor.
    logging.getLogger("uvicorn.error").setLevel(logging.WARNING)
    logger.info("console and API on http://%s:%d", settings.http.host, settings.http.port, extra={"action": "start"})
    # uvicorn raises the signal again once it has stopped in good order: that is a success, not a death.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    registry = CollectorRegistry()
    with metrics_server(registry, settings.metrics_port, settings.metrics_host):
        serve(settings, registry)


def serve(settings: ApiSettings, registry: CollectorRegistry) -> None:
    """Serve until a signal."""
    app = create_app(settings, registry)
    # A full collection with a thousand sockets open stands still for 0.2 s: what lives as long as the process is left
    # out of it, and it is not begun for every few thousand new objects. Most of ours go by their count of references.
    gc.collect()
    gc.freeze()
    gc.set_threshold(20_000, 20, 50)
    uvicorn.run(
        app,
        host=settings.http.host,
        port=settings.http.port,
        log_config=None,
        access_log=False,
        timeout_graceful_shutdown=3,
    )


if __name__ == "__main__":
    main()
