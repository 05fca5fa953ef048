"""What the notifier can be told."""

from pydantic import Field

from telemetry.settings import DatabaseSettings, Environment, Section


class NotifySettings(Section):
    """How it looks, sends and gives up."""

    public_url: str | None = Field(
        default=None,
        pattern=r"^https?://[^\s<>\"]+$",
        description="Address under which people's phones reach the API; unset: messages have no link.",
    )
    look_s: float = Field(default=0.25, gt=0, le=10, description="Seconds between two looks at the record.")
    gather_s: float = Field(
        default=1.5, ge=0, le=10, description="Seconds that a first message waits for an alarm that speaks for several."
    )
    old_s: float = Field(
        default=300.0, ge=10, description="Seconds after which an alarm that was not told is told with others."
    )
    lost_s: float = Field(default=15.0, ge=3, description="Seconds without a heartbeat after which a site is lost.")
    parallel: int = Field(default=6, ge=1, le=32, description="Messages being sent at once.")
    timeout_s: float = Field(default=15.0, ge=1, le=60, description="Longest attempt at a message, in seconds.")
    attempts: int = Field(default=8, ge=1, le=100, description="Attempts after which a message is a dead letter.")
    first_s: float = Field(default=2.0, gt=0, description="Seconds until the second attempt; doubles each time.")
    ceiling_s: float = Field(default=60.0, gt=0, description="Longest wait between attempts, in seconds.")
    life_safety_ceiling_s: float = Field(default=15.0, gt=0, description="The same for what is about lives.")
    rate: int = Field(
        default=6,
        ge=1,
        description="Messages a channel gets in rate_s; more are gathered, but for what is about lives.",
    )
    rate_s: float = Field(default=600.0, gt=0, description="Seconds for `rate`.")
    alone: int = Field(
        default=3,
        ge=1,
        description="With more than so many life-safety messages waiting for a channel, they go as one.",
    )


class NotifyEnvironment(Environment):
    """All settings of the process, from CRANEWATCH_* variables."""

    database: DatabaseSettings = Field(description="Where the record is.")
    notify: NotifySettings = NotifySettings()
