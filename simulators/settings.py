"""Settings of the simulators."""

from pathlib import Path

from pydantic import Field

from telemetry.settings import Environment, Section


class SimulatorSettings(Section):
    """Which site is simulated, how, and where the devices keep their journal."""

    journal: Path = Field(description="The devices' journal, a SQLite file; made if it is not there.")
    scenario: str = Field(default="demo", description="Name of a scenario that comes along, or path of a file.")
    site: Path | None = Field(default=None, description="Site file; the scenario's own site when not given.")
    seed: int | None = Field(
        default=None, ge=0, lt=2**64, description="Seed of everything random; drawn and logged when not given."
    )
    for_s: float | None = Field(default=None, gt=0, description="Seconds of simulated time; without it until stopped.")
    speed: float = Field(default=1.0, gt=0, le=1000, description="Simulated seconds a second; above 1 needs for_s.")
    crane_interval_ms: int = Field(default=200, ge=50, le=3_600_000, description="Sample interval of cranes.")
    interval_ms: int = Field(default=1000, ge=50, le=3_600_000, description="Sample interval of the other devices.")
    samples_per_frame: int = Field(default=1, ge=1, le=1000, description="Samples in one MQTT message.")
    msgpack: bool = Field(default=False, description="Frames as MessagePack in place of JSON.")
    max_frames: int = Field(default=2_000_000, ge=1000, description="Most frames in the journal, over all devices.")
    drain_s: float = Field(default=0.0, ge=0, description="At the end wait at most so long for receipts of all frames.")


class Settings(Environment):
    """Everything `python -m simulators` needs."""

    simulators: SimulatorSettings
