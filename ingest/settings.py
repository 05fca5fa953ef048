"""What ingest can be told."""

from pydantic import Field

from telemetry.settings import DatabaseSettings, Environment


class IngestSettings(Environment):
    """Settings of `python -m ingest`, from CRANEWATCH_* variables."""

    database: DatabaseSettings = Field(description="Where readings are stored.")
    receive_maximum: int = Field(
        default=2000, ge=10, le=65_535, description="Unacknowledged messages held per session."
    )
