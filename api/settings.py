"""What the API can be told."""

from pathlib import Path

from pydantic import Field, SecretStr

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


class OidcSettings(Section):
    """An OpenID provider by which people may sign in, beside their passwords."""

    issuer: str = Field(
        pattern=r"^(https://|http://(localhost|127\.0\.0\.1)[:/])[^\s?#]+$",
        description="Its issuer, exactly as it calls itself; https, but on this machine.",
    )
    client_id: str = Field(min_length=1, description="Our name at the provider.")
    client_secret: SecretStr | None = Field(default=None, description="Our secret there; unset for a public client.")
    name: str = Field(default="SSO", min_length=1, max_length=40, description="What the login page calls it.")
    scope: str = Field(default="openid profile email", pattern=r"\bopenid\b", description="What is asked for.")
    login_claim: str = Field(
        default="preferred_username",
        description="Claim that holds the login of an account here, at a first sign-in; people must not be able to"
        " change it themselves.",
    )
    redirect_url: str | None = Field(
        default=None,
        description="Our callback as the provider has it (…/api/v1/auth/oidc/callback); unset: as the browser came.",
    )


class ExportSettings(Section):
    """Bounds of exported files."""

    folder: Path | None = Field(
        default=None,
        description="Folder of files, shared by all processes of the API; unset: a private one, gone at its end.",
    )
    jobs_at_once: int = Field(default=1, ge=1, le=16, description="Exports made in the background at once.")
    waiting: int = Field(default=50, ge=1, description="Exports that may wait or run, of everybody.")
    own: int = Field(default=5, ge=1, description="Exports that may wait or run, of one person.")
    max_mb: int = Field(default=2000, ge=1, description="Largest file of a job, in MB.")
    keep_hours: float = Field(default=24, gt=0, le=720, description="Hours that a finished file is kept.")
    streams_at_once: int = Field(default=4, ge=1, le=32, description="Exports sent straight at once.")
    stream_rows: int = Field(default=500_000, ge=1, description="Most rows, by estimate, of one that is sent straight.")


class ApiSettings(Environment):
    """Everything; read from the environment by `__main__` only."""

    http: HttpSettings = HttpSettings()
    terminal: TerminalSettings = TerminalSettings()
    live: LiveSettings = LiveSettings()
    oidc: OidcSettings | None = Field(default=None, description="An OpenID provider; unset, passwords only.")
    exports: ExportSettings = ExportSettings()
    console: bool = Field(default=True, description="Serve the desk's console beside the API.")
    database: DatabaseSettings | None = Field(
        default=None, description="Where the record is kept; without it history answers 503."
    )
