"""A work cycle on the wire."""

from msgspec import field

from telemetry.model import Origin, Severity
from telemetry.wire.payloads import Cause, Payload


class Spot(Payload, frozen=True):
    """Where a hook was; null is unknown."""

    slew_deg: float | None = None
    radius_m: float | None = None
    hook_m: float | None = None


class Cycle(Payload, frozen=True):
    """
    `down/cycle`: one work cycle as it was recognised from readings, immutable.

    `start` and `end` are the device times of the first sample with the load and of the first without it, `cause` and
    `last` their places (of an `unfinished` one: of the last sample that was seen), `decided` boot and seq of the frame
    that showed that it is over. `load_t` is what hung; `max_...` take in the pick-up's swing. Ranges are of all that
    was seen between. `flags`, of `telemetry.cycles.Flag`: why a figure is less than it seems.
    """

    id: str
    site: str
    kind: str
    device: str
    start: int
    end: int
    cause: Cause
    last: Cause
    decided: tuple[str | None, int]
    duration_s: float
    pick: Spot
    set_down: Spot
    samples: int
    interval_ms: int
    load_t: float | None = None
    load_pct: float | None = None  # of `capacity_t`
    capacity_t: float | None = None  # the largest load of the crane
    max_load_t: float | None = None
    max_load_pct: float | None = None  # of the largest load at this reeving
    max_moment_pct: float | None = None  # of the rated load at the radius and reeving
    max_gust_mps: float | None = None
    hook_m: tuple[float, float] | None = None  # lowest and highest
    radius_m: tuple[float, float] | None = None
    lifted_m: float | None = None  # highest above the pick point
    slewed_deg: float | None = None
    falls: int | None = None
    operator: str | None = None  # a pseudonym
    limits: list[str] = field(default_factory=list)  # limit switches that came on
    alarms: dict[str, Severity] = field(default_factory=dict)  # rules that held, and the worst step of each
    flags: list[str] = field(default_factory=list)
    origin: Origin = Origin.LIVE
    config: int | None = None  # config version
