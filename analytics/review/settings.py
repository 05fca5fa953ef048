"""What the review can be told."""

from pydantic import Field

from telemetry.settings import DatabaseSettings, Environment, Section


class ReviewSettings(Section):
    """When late data is looked at, and what is said of the record."""

    look_s: float = Field(default=10.0, gt=0, le=600, description="Seconds between two looks at the ledger.")
    quiet_s: float = Field(
        default=60.0, gt=0, description="Seconds that a device's late frames must not have grown before their review."
    )
    at_most_s: float = Field(default=900.0, gt=0, description="Seconds after which they are reviewed all the same.")
    again_s: float = Field(
        default=60.0, gt=0, description="Seconds until an unsettled review is done again; twice as long each time."
    )
    overdue_s: float = Field(
        default=900.0, gt=0, description="Seconds that frames may be missing before that is an alarm to the desk."
    )
    found_s: float = Field(default=86_400.0, gt=0, description="Seconds that a finding is kept before people.")
    idle: bool = Field(
        default=True, description="Work only when no other process wants the processor (Linux: SCHED_IDLE)."
    )


class ReviewEnvironment(Environment):
    """All settings of the process, from CRANEWATCH_* variables."""

    database: DatabaseSettings = Field(description="Where the record is.")
    review: ReviewSettings = ReviewSettings()
