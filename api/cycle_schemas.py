"""HTTP bodies of work cycles and of a crane's running total. Times are Unix milliseconds."""

from typing import Any, Literal

from pydantic import Field

from api.schemas import Body


class Spot(Body):
    """Where a hook was; null is unknown."""

    slew_deg: float | None = None
    radius_m: float | None = None
    hook_m: float | None = None


class Cycle(Body):
    """One work cycle. What a box told of its own cycle is in `told`, as it told it."""

    position: int = Field(description="Its place in the record.")
    id: str
    origin: Literal["device", "live", "review"] = Field(
        description="`device`: the box counted it itself; else it was recognised from readings."
    )
    verdict: Literal["not_reproduced", "changed"] | None = Field(
        default=None, description="Of the last review of late data. `changed`: the figures are the review's."
    )
    end: int
    start: int | None = None
    duration_s: float | None = None
    load_t: float | None = Field(default=None, description="What hung: not the swing of the pick-up.")
    load_pct: float | None = Field(default=None, description="Of the crane's largest load.")
    max_load_t: float | None = None
    max_moment_pct: float | None = Field(default=None, description="Of the rated load at the radius and reeving.")
    max_gust_mps: float | None = None
    pick: Spot | None = None
    set_down: Spot | None = None
    hook_m: list[float] | None = Field(default=None, description="Lowest and highest.")
    radius_m: list[float] | None = None
    lifted_m: float | None = None
    slewed_deg: float | None = None
    falls: int | None = None
    operator: str | None = Field(default=None, description="A pseudonym.")
    limits: list[str] = Field(default=[], description="Limit switches that came on.")
    alarms: dict[str, int] = Field(default={}, description="Rules that held, with the worst severity of each.")
    flags: list[str] = Field(default=[], description="Why a figure is less than it seems.")
    interval_ms: int | None = None
    told: dict[str, Any] | None = None


class Cycles(Body):
    """A page of work cycles, newest in the record first."""

    items: list[Cycle]
    next: int | None = Field(description="`before` of the next page; null on the last.")


class Design(Body):
    """What the crane was designed for, and who says so."""

    stated_by: str
    cycles: int
    kp: float | None
    before_cycles: int


class Usage(Body):
    """The running total of a crane against its design life (ISO 4301-1, ISO 12482; see `source`)."""

    site: str
    device: str
    display_name: str
    timezone: str
    begin: int | None = Field(description="The first recognised cycle.")
    end: int | None
    cycles: int = Field(description="Recognised from readings, as the last review has them.")
    weighed: int = Field(description="Of those, with a load in per cent of the largest one.")
    total: int = Field(description="With those before monitoring began.")
    told_by_box: int = Field(description="What the box counted itself: beside the total, never in it.")
    kp: float | None = Field(description="Load spectrum factor, the mean of (P/Pmax) cubed.")
    duty: float | None = Field(description="The sum of (P/Pmax) cubed over the recognised cycles.")
    u_class: str
    q_class: str | None
    group: str | None = Field(description="Group A of U and Q; null beyond A8 or without loads.")
    spectrum: list[float] = Field(description="Share of cycles by tenths of the largest load; the last is beyond it.")
    design: Design | None
    design_refused: str | None = None
    used_pct: float | None
    used_by: Literal["duty", "cycles"] | None
    left: int | None = Field(description="Cycles like those so far until the design life is over.")
    days: dict[str, int] = Field(description="Cycles by local day.")
    operators: dict[str, int] | None = Field(default=None, description="By pseudonym, only when asked for.")
    source: str
