"""HTTP bodies: made from the model, never the model itself. Times are Unix milliseconds unless they say otherwise."""

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

Source = Annotated[
    Literal["live", "record"],
    Field(description="`live`: the broker's present state. `record`: the database; the live state is not available."),
]


class Body(BaseModel):
    """The base of answers."""

    model_config = ConfigDict(frozen=True)


class Words(Body):
    """One sentence, in both languages."""

    zh: str
    en: str


class Site(Body):
    """A site."""

    site: str
    display_name: str
    timezone: str
    organisation: str | None = None
    devices: int
    lost: Words | None = Field(description="Why nobody may say that this site is watched now; null when it is.")
    heartbeat_age_ms: int | None = Field(description="Since the analyzer's last heartbeat; null before the first.")


class Sites(Body):
    """All sites."""

    source: Source
    items: list[Site]


class Alarm(Body):
    """An alarm that is not normal."""

    site: str
    kind: str
    device: str
    rule: str
    transition: str
    state: str
    severity: int = Field(description="1 advisory, 2 pre-warning, 3 alarm, 4 critical.")
    active: bool | None = Field(description="Whether the condition holds now; null where only the record is known.")
    since: int
    at: int
    cab: str | None = None
    desk: str | None = None
    hazard: str | None = None
    value: float | None = None
    limit: float | None = None
    unit: str | None = None
    text: Words | None = None
    action: Words | None = None
    life_safety: bool = False
    hold: bool = False
    priority: int | None = Field(default=None, description="At the desk: 1 low, 2 medium, 3 high.")
    parent: str | None = Field(default=None, description="The id of whoever speaks for it at the desk.")
    bay: str | None = Field(default=None, description="It is of a whole bay.")
    posts: int = Field(default=0, description="How many devices this alarm speaks for.")


class Alarms(Body):
    """Alarms, worst first."""

    source: Source
    lost: dict[str, Words] = Field(description="Sites whose alarms cannot be vouched for now, and why.")
    items: list[Alarm]


class Reading(Body):
    """The latest sample."""

    ts: int = Field(description="The device's own time.")
    received_at: int
    age_ms: int
    stale: bool = Field(description="Older than three of the device's declared intervals.")
    boot: str | None
    seq: int | None
    values: dict[str, float | int | bool | str]
    invalid: list[str]


class Device(Body):
    """A device and its present state."""

    site: str
    kind: str
    device: str
    display_name: str
    property_no: str | None = Field(default=None, description="产权备案编号")
    registration_no: str | None = Field(default=None, description="使用登记编号")
    organisation: str | None = None
    registered: bool = Field(description="Whether it is in the database's register.")
    config_version: int | None = None
    call: str | None = Field(default=None, description="Telephone number or radio channel of whoever works there.")
    charts: list[dict[str, Any]] = Field(default=[], description="Load charts: falls, and points of radius m and t.")
    presence: dict[str, Any] | None = None
    coverage: dict[str, Any] | None = None
    reading: Reading | None = None
    alarms: list[Alarm] = []


class Devices(Body):
    """Devices."""

    source: Source
    items: list[Device]


class Series(Body):
    """One channel: for raw history `value`, for buckets the rest; null where nothing valid was measured."""

    unit: str
    zh: str
    en: str
    value: list[float | int | bool | str | None] | None = None
    mean: list[float | None] | None = None
    low: list[float | None] | None = None
    high: list[float | None] | None = None
    n: list[int] | None = None


class History(Body):
    """Readings of one device, column by column."""

    site: str
    kind: str
    device: str
    bucket: str
    begin: int
    end: int
    at: list[int] = Field(description="Start of each bucket, or the device's time of each sample.")
    samples: list[int] | None = Field(default=None, description="Samples in each bucket.")
    invalid: list[list[str]] | None = Field(default=None, description="Channels marked invalid, for each raw sample.")
    truncated: bool = Field(default=False, description="There was more than this answer may hold: ask for less.")
    channels: dict[str, Series]


class Transitions(Body):
    """A page of the transition log, newest first."""

    items: list[dict[str, Any]]
    next: int | None = Field(description="Pass as `before` for the next page; null at the end.")


class Quarantined(Body):
    """A message that could not be understood."""

    id: int
    site: str | None
    kind: str | None
    device: str | None
    topic: str
    reason: str
    detail: str
    boot: str | None
    seq: int | None
    length: int
    sha256: str
    text: str | None = Field(description="Its first bytes, when they are text.")
    hex: str = Field(description="Its first bytes.")
    count: int
    first_received_at: int
    last_received_at: int


class Quarantine(Body):
    """A page of the quarantine, newest first."""

    items: list[Quarantined]
    next: int | None


class Frames(Body):
    """Numbers of frames: sent = stored + quarantined + missing + lost; days, boots and devices add up."""

    sent: int = Field(description="Every seq from 1 to the highest that came or that the device said it had given.")
    stored: int
    misdated: int = Field(description="Of the stored: with a time that cannot be.")
    quarantined: int
    quarantined_by: dict[str, int] = Field(description="By reason; `unnamed`: beyond the cap, only counted.")
    missing: int = Field(description="Still awaited.")
    overdue: int = Field(description="Of the missing: awaited for longer than `overdue_s`.")
    tail: int = Field(description="Of the missing: the end of a boot, known only because the device said so.")
    lost: int = Field(description="Nobody waits for them any more.")
    lost_by: dict[str, int] = Field(
        description="`journal`: older than the devices' journals reach; `fragmented`: the boot was in too many pieces."
    )
    late: int = Field(description="Of the stored: not evaluated when they came.")
    evaluated: int = Field(description="Of the stored: evaluated live.")
    reviewed: int = Field(description="Of the late: looked at since.")
    refused: int = Field(description="Of the late: the review could not use them.")
    unreviewed: int = Field(description="Of the late: not yet looked at.")


class Clock(Body):
    """How far the device's clock was off, by the readings that were evaluated live."""

    live: int = Field(description="Frames that it was judged by.")
    within_5s: int
    median_ms: float | None = Field(description="Device time less time of receipt.")
    repeats: int = Field(description="Readings with the time of the one before.")
    steps_back: int
    jumps: int = Field(description="By more than 5 s from one frame to the next.")


class RecordEvent(Body):
    """What was done to the record itself: restored from a backup, readings deleted by retention."""

    at: int
    type: str
    detail: dict[str, Any]


class BootFrames(Body):
    """The frames of one boot."""

    boot: str
    frames: Frames


class Completeness(Body):
    """What became of a day of a device."""

    site: str
    kind: str
    device: str
    day: str
    timezone: str
    begin: int
    end: int
    frames: Frames
    boots: list[BootFrames]
    unreadable: dict[str, int] = Field(
        description="Messages without a readable boot and seq, by reason, by their day of receipt; in no other number."
    )
    readings: int | None = Field(default=None, description="Stored samples; null where it was not asked for.")
    by_hand: int | None = Field(default=None, description="Of the readings: from frames without boot and seq.")
    conflicts: int | None = Field(
        default=None, description="Readings that share boot, seq and place with another of a different time."
    )
    clock: Clock | None = None
    coverage_ms: dict[str, int] | None = Field(
        default=None, description="How long each level of coverage held; for the rest of the day nothing was said."
    )
    events: list[RecordEvent]


class SiteCompleteness(Body):
    """The statements of all devices of a site; without readings, clocks and coverage."""

    site: str
    day: str
    frames: Frames = Field(description="All devices together.")
    items: list[Completeness]


class Review(Body):
    """A review of late data: what was stored and had not been evaluated live."""

    id: int
    site: str
    kind: str
    device: str
    finished_at: int
    begin: int | None = Field(description="Device time of the first sample that was looked at.")
    end: int | None
    late: dict[str, list[list[int]]] = Field(description="Boot to ranges of seq, ends included.")
    frames: int = Field(description="Late ones.")
    samples: int = Field(description="All that were read for it.")
    added: int = Field(description="Transitions that nobody had seen: `/transitions?origin=review`.")
    not_reproduced: int = Field(description="Live transitions that the whole record does not show.")
    settled: bool = Field(description="Nothing that is still to come can change it.")
    refusal: str | None = Field(description="Why these frames cannot be reviewed.")


class Reviews(Body):
    """A page of reviews, newest first."""

    items: list[Review]
    next: int | None = Field(description="Pass as `before` for the next page; null at the end.")


class Gap(Body):
    """What is missing of one device now."""

    site: str
    kind: str
    device: str
    frames: int
    since: int = Field(description="When the oldest hole became known.")
    overdue: bool


class Gaps(Body):
    """Devices of which frames are missing now, longest first."""

    items: list[Gap]


class Hole(Body):
    """Frames first to last, ends included, that are missing."""

    boot: str
    first: int
    last: int
    frames: int
    begin: int = Field(description="Device time in which they were made, reckoned from their neighbours'.")
    end: int
    since: int = Field(description="When it became known that they are missing.")
    tail: bool = Field(description="The end of a boot, known only because the device said so.")


class Holes(Body):
    """What is missing of a device now, oldest boot first."""

    site: str
    kind: str
    device: str
    holes: list[Hole]
    truncated: bool = Field(description="There are more than this answer may hold.")


class Acknowledge(Body):
    """A person has it."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={"examples": [{"cause": "called", "transition": "3f0c9a1be2d44f10"}]},
    )

    transition: str | None = Field(
        default=None, max_length=64, pattern=r"^[^\x00]*$", description="What was on the screen when they did."
    )
    cause: Literal["called", "stopped", "sensor"] | None = Field(
        default=None, description="called 已联系司机 · stopped 已停止作业 · sensor 疑似传感器"
    )
    why: str | None = Field(default=None, max_length=500, pattern=r"^[^\x00]*$")


class Shelve(Body):
    """Put an alarm aside: by a person, for a reason, until a time."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={"examples": [{"why": "anemometer is being replaced", "until": 1800003600000}]},
    )

    why: str = Field(min_length=3, max_length=500, pattern=r"^[^\x00]+$")
    until: int = Field(gt=0, description="Unix ms; at most 24 h from now.")
    transition: str | None = Field(default=None, max_length=64, pattern=r"^[^\x00]*$")


class Unshelve(Body):
    """Take an alarm back."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"examples": [{"why": "it works again"}]})

    why: str | None = Field(default=None, max_length=500, pattern=r"^[^\x00]*$")


class Accepted(Body):
    """The response was published; what becomes of it is in the transition log."""

    model_config = ConfigDict(frozen=True, json_schema_extra={"examples": [{"response": "api-4f0e12ab90cd3344"}]})

    response: str


class Health(Body):
    """Whether a part is well, in words."""

    ok: bool
    checks: dict[str, Words]


class ProblemBody(Body):
    """RFC 9457."""

    model_config = ConfigDict(
        extra="allow",
        json_schema_extra={
            "examples": [
                {
                    "type": "urn:cranewatch:database-unavailable",
                    "title": "数据库不可用 the database is not available",
                    "status": 503,
                    "detail": "connection refused",
                }
            ]
        },
    )

    type: str
    title: str
    status: int
    detail: str


class Contributor(Body):
    """An alarm that says much."""

    device: str = Field(description="KIND/DEVICE.", examples=["crane/crane-1"])
    rule: str
    times: int
    share: float = Field(description="Of everything that was annunciated, 0 to 1.")


class Acknowledging(Body):
    """How one person acknowledges."""

    who: str
    acknowledged: int
    median_s: float
    rubber_stamps: int = Field(description="Faster than can be read (3 s), or five within ten seconds.")


class Figures(Body):
    """What a desk was told, as ISA-18.2, IEC 62682 and EEMUA 191 count it; times in seconds, shares from 0 to 1."""

    annunciated: int
    per_10_min: float
    per_hour: float
    per_day: float
    peak_10_min: int
    over_10_share: float = Field(description="Of the ten-minute periods: with more than ten.")
    flood_share: float = Field(description="Of the time: in a flood.")
    chattering: list[Contributor] = Field(description="`times` is the most in one minute.")
    fleeting: int = Field(description="Over within ten seconds.")
    stale: int = Field(description="On for more than a day at the end.")
    standing: int = Field(description="On at the end.")
    low: int
    medium: int
    high: int
    acknowledged: int
    median_s: float | None = None
    p90_s: float | None = None
    worst_s: float | None = None
    waiting: int = Field(description="Nobody has acknowledged them at the end.")
    top: list[Contributor]
    people: list[Acknowledging]
    beyond: list[str] = Field(description="The figures that miss their target.")


class CabSound(Body):
    """What one cab, or one operator, has heard."""

    name: str = Field(description="KIND/DEVICE, or an operator; empty where the readings name nobody.")
    sound_s: float
    times: int
    hours: int = Field(description="Hours of the clock in which it sounded at all.")
    s_per_hour: float
    over: bool = Field(description="Beyond the cab's budget of sound.")
    rules: dict[str, float] = Field(description="Seconds by rule; two may sound at once.")


class AlarmQuality(Body):
    """How good the alarms of a site were: two listeners, two budgets."""

    site: str
    begin: int
    end: int
    targets: dict[str, float]
    cab_s_per_hour: float = Field(description="The cab's budget: seconds of sound in an hour.")
    desk: Figures
    devices: dict[str, Figures]
    cabs: list[CabSound]
    operators: list[CabSound]
    operator_lines: dict[str, int] = Field(description="Alarms raised while this person worked on the crane.")
