"""The shapes of back-tests and shadow runs in answers. Times are Unix ms."""

from typing import Any, Literal

from pydantic import Field

from api.schemas import Body


class Backtest(Body):
    """A limit profile held against recorded readings: the outcome, and figures over all devices."""

    id: int
    kind: Literal["replay", "shadow"]
    profile: str = Field(description="name/version@hash of the candidate.")
    profile_hash: str = Field(description="SHA-256 of all that it says; another text is another profile.")
    target: str = Field(description="SITE, SITE/DEVICE or SITE/KIND/DEVICE.")
    site: str
    begin: int = Field(description="Device time.")
    end: int
    outcome: Literal["good", "missing", "different", "refused", "empty"] = Field(
        description="`missing`: life-safety alarms would be missing; `different`: the replay under the recorded profile"
        " is not the log; `refused`: not everything could be played."
    )
    missing: int = Field(description="Life-safety alarms that would be missing.")
    accepted: str | None = Field(description="Who accepts that, and why.")
    run_by: str
    finished_at: int
    total: dict[str, Any] | None = Field(
        description="`then` and `now`: alarms, false ones, unknown ones and sound; `became`: how many are the same,"
        " earlier, later, only then, only now."
    )


class Backtests(Body):
    """A page of back-tests, newest first."""

    items: list[Backtest]
    next: int | None = Field(description="Pass as `before` for the next page; null at the end.")


class BacktestResult(Body):
    """All that a back-test found, as `cranewatch replay --json` prints it."""

    id: int
    result: dict[str, Any] = Field(description="By device its alarms on both sides, and the check on ourselves.")


class ShadowRun(Body):
    """A candidate that runs beside what holds, and is heard by nobody."""

    id: int
    site: str
    profile: str
    profile_hash: str
    run_by: str
    begin: int
    end: int
    looked_at: int = Field(description="When it last had all that was evaluated; an old one has no process.")
    ended_at: int | None
    backtest: int | None = Field(description="The back-test that it became when it ended.")
    devices: list["ShadowDevice"]


class ShadowDevice(Body):
    """How far a shadow run has come with a device."""

    kind: str
    device: str
    seen: int | None = Field(description="Device time of the last sample that was played.")
    watched_ms: int
    samples: int
    then: int = Field(description="Alarms under what holds, pre-warning and up.")
    now: int = Field(description="The same under the candidate.")
    different: int = Field(description="Transitions under what holds that are not the live log's: a defect of ours.")
    trouble: str | None = Field(description="Why it is not played, or not under the candidate.")


class ShadowRuns(Body):
    """A page of shadow runs, newest first."""

    items: list[ShadowRun]
    next: int | None = Field(description="Pass as `before` for the next page; null at the end.")
