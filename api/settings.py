"""What the API can be told."""

from pydantic import Field

from telemetry.settings import DatabaseSettings, Environment, Section


class HttpSettings(Section):
    """Where the API listens."""

    host: str = Field(default="127.0.0.1", description="Address to listen on; beyond loopback behind TLS only.")
    port: int = Field(default=8080, ge=0, le=65535, description="Port to listen on; 0 takes a free one.")
    allowed_hosts: tuple[str, ...] = Field(
        default=("localhost", "127.0.0.1"),
        description="Host names under which it may be asked; keeps pages of other sites from reading it by DNS tricks.",
    )


class TerminalSettings(Section):
    """What the cab terminal's page is told."""

    broker_url: str | None = Field(
        default=None,
        pattern=r"^wss?://[^\s<>\"]+$",
        description="Broker's WebSocket URL as a browser reaches it; unset: the page's own host and mqtt.ws_port.",
    )


class LiveSettings(Section):
    """Bounds of the live socket."""

    clients_max: int = Field(default=1000, ge=1, description="Most live sockets at once; the next one is refused.")
    mailbox: int = Field(default=256, ge=8, description="Alarm messages that may wait for one client.")


class ApiSettings(Environment):
    """Everything; read from the environment by `__main__` only."""

    http: HttpSettings = HttpSettings()
    terminal: TerminalSettings = TerminalSettings()
    live: LiveSettings = LiveSettings()
    console: bool = Field(default=True, description="Serve the desk's console beside the API.")
    database: DatabaseSettings | None = Field(
        default=None, description="Where the record is kept; without it history answers 503."
    )
