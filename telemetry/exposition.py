"""/metrics for services that have no web server of their own."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager

from prometheus_client import CollectorRegistry, start_http_server

logger = logging.getLogger(__name__)


@contextmanager
def metrics_server(registry: CollectorRegistry, port: int, host: str = "127.0.0.1") -> Iterator[None]:
    """Serve the registry while the block lasts; `port` 0 serves nothing. Raises OSError for a taken port."""
    if not port:
        yield
        return
    server, thread = start_http_server(port, addr=host, registry=registry)
    logger.info("metrics on http://%s:%d/metrics", host, port, extra={"action": "metrics"})
    try:
        yield
    finally:
        server.shutdown()
        server.server_close()
        thread.join(timeout=2)
