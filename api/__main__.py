"""Reads the settings and serves the API: `python -m api`."""

import uvicorn

from api.app import create_app
from api.settings import ApiSettings
from telemetry import logs


def main() -> None:
    """Serve until SIGTERM or SIGINT."""
    settings = ApiSettings()
    logs.configure(settings.log, "api")
    uvicorn.run(
        create_app(settings),
        host=settings.http.host,
        port=settings.http.port,
        log_config=None,
        access_log=False,
        timeout_graceful_shutdown=3,
    )


if __name__ == "__main__":
    main()
