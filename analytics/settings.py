"""What the analyzer can be told."""

from pathlib import Path

from pydantic import Field

from telemetry.settings import Environment, Section


class AnalyzerSettings(Section):
    """Where the analyzer keeps its partitions, and how often it does what."""

    folder: Path = Field(
        default=Path("data/analyzer"),
        description="Folder of journals, snapshots and locks. It is the partitions: keep it on a local disk.",
    )
    tick_s: float = Field(default=0.5, gt=0, le=5, description="Seconds between ticks.")
    heartbeat_s: float = Field(default=1.0, gt=0, le=5, description="Seconds between heartbeats.")
    sync_s: float = Field(default=0.1, gt=0, le=5, description="Least seconds between two fdatasync of the journal.")
    snapshot_s: float = Field(default=60.0, gt=0, description="Seconds between snapshots.")
    snapshot_mb: float = Field(default=64.0, gt=0, description="Megabytes of journal after which a snapshot is made.")
    devices_max: int = Field(
        default=20_000, ge=1, le=1_000_000, description="Most devices of a partition; new ones beyond it are left out."
    )
    batch: int = Field(default=500, ge=1, le=10_000, description="Most messages taken at once.")


class AnalyticsEnvironment(Environment):
    """All settings of the service, from CRANEWATCH_* variables."""

    analyzer: AnalyzerSettings = AnalyzerSettings()
