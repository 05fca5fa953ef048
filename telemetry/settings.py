"""
Settings sections: frozen, described, strict about typos.

Only an entry point (`__main__`, `runtime/cli.py`) reads the environment, through `Environment`;
everything else gets its section as an argument. Variables are `CRANEWATCH_<SECTION>__<FIELD>`,
for example `CRANEWATCH_MQTT__HOST`.
"""

from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, SecretStr
from pydantic_settings import BaseSettings, SettingsConfigDict


class Section(BaseModel):
    """A group of settings of one part."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class MqttSettings(Section):
    """Where the broker is and who we are there."""

    host: str = Field(default="localhost", description="Broker host name or address.")
    port: int = Field(default=1884, ge=1, le=65535, description="Broker port for MQTT 5 (our services).")
    port_v3: int = Field(
        default=1883, ge=1, le=65535, description="Broker port for MQTT 3.1.1 (devices); may equal port."
    )
    ws_port: int = Field(default=1885, ge=1, le=65535, description="Broker's WebSocket port (browser terminals).")
    username: str | None = Field(default=None, description="User name at the broker.")
    password: SecretStr | None = Field(default=None, description="Password at the broker.")
    tls_ca: Path | None = Field(default=None, description="CA certificate file; TLS is used when set.")
    keepalive_s: int = Field(default=15, ge=2, le=600, description="Keepalive in seconds.")
    prefix: str = Field(default="", description="Prefix of client ids, so that two stacks can share a broker.")


class DatabaseSettings(Section):
    """Where the record is kept."""

    url: SecretStr = Field(
        description="libpq connection string or URI, for example postgresql://user:password@host/db."
    )
    statement_timeout_s: float = Field(default=30.0, gt=0, description="Longest statement, in seconds.")
    connect_timeout_s: int = Field(default=5, ge=1, description="Longest wait for a connection, in seconds.")
    pool_max: int = Field(default=8, ge=1, le=64, description="Most connections of one service's query pool.")
    retention_days: int = Field(default=400, ge=8, description="Days of raw readings kept.")


class LogSettings(Section):
    """How much is logged, and in which form."""

    level: Literal["debug", "info", "warning", "error"] = Field(default="info", description="Lowest level logged.")
    format: Literal["text", "json"] = Field(default="text", description="Text for people or JSON lines for collectors.")


class PartitionSettings(Section):
    """Which share of the sites this worker has."""

    count: int = Field(default=1, ge=1, le=256, description="P: partitions of the deployment, fixed when it is made.")
    worker: int = Field(default=0, ge=0, description="i: this worker's number, from 0.")
    workers: int = Field(
        default=1, ge=1, description="N: workers of the deployment; this one opens p with p mod N = i."
    )
    claim_wait_s: float = Field(default=1.0, ge=0, le=60, description="Seconds that a claim must stand unopposed.")
    sites: tuple[str, ...] = Field(default=(), description="Sites served when P > 1; with one partition all are.")


class Environment(BaseSettings):
    """Base of each service's settings: reads CRANEWATCH_* variables; entry points only."""

    model_config = SettingsConfigDict(env_prefix="CRANEWATCH_", env_nested_delimiter="__", frozen=True, extra="ignore")

    mqtt: MqttSettings = MqttSettings()
    log: LogSettings = LogSettings()
    partition: PartitionSettings = PartitionSettings()
    metrics_port: int = Field(default=0, ge=0, le=65535, description="Port of /metrics; 0 is off.")
    metrics_host: str = Field(
        default="127.0.0.1",
        description="Address of /metrics; it has no login, so beyond loopback only inside a private network.",
    )
