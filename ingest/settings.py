"""What ingest can be told."""

from pydantic import Field

from telemetry.settings import DatabaseSettings, Environment, Section


class UpkeepSettings(Section):
    """What becomes of the record with time; how long readings are kept is `database.retention_days`."""

    journal_days: float = Field(
        default=7.0, gt=0, description="Days that a hole is waited for: how far back the devices' journals reach."
    )
    quarantine_days: int = Field(
        default=400, ge=1, description="Days that quarantined and misdated messages and coverage changes are kept."
    )
    hold_days: int = Field(
        default=30, ge=0, description="Days more that readings are kept while some of them wait for their review."
    )
    interval_s: float = Field(default=60.0, ge=1, description="Seconds between two rounds of upkeep.")


class IngestSettings(Environment):
    """Settings of `python -m ingest`, from CRANEWATCH_* variables."""

    database: DatabaseSettings = Field(description="Where readings are stored.")
    upkeep: UpkeepSettings = UpkeepSettings()
    receive_maximum: int = Field(
        default=4000, ge=10, le=65_535, description="Unacknowledged messages held per session."
    )
