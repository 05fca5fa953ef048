"""
The tables of a site file.

Rule 1: an unknown key is an error: a misspelt limit must not be a missing one.
Rule 2: what a table is called here is what it is called in the file; what each key means stands in `meanings`.
Rule 3: what only a simulator needs stands in a table `simulation`. It is not looked at here, and never written.
"""

from datetime import date, datetime
from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta

from telemetry.ladder import Contact, Duty, Plan
from telemetry.wire.base import Clock

Id = Annotated[str, Meta(pattern=r"^[a-z0-9-]{1,64}\Z")]
BayId = Annotated[str, Meta(pattern=r"^[A-Za-z0-9-]{1,16}\Z")]
Label = Annotated[str, Meta(min_length=1, max_length=64, pattern=r"^[^\x00-\x1f]*\Z")]
Length = Annotated[float, Meta(gt=0, le=1_000)]
Place = Annotated[float, Meta(ge=-100_000, le=100_000)]
Position = tuple[Place, Place]
Bearing = Annotated[float, Meta(ge=-360, le=360)]
Tilt = Annotated[float, Meta(ge=-45, le=45)]
Tonnes = Annotated[float, Meta(gt=0, le=500)]
Moment = Annotated[datetime, Meta(tz=True)]
Interval = Annotated[int, Meta(ge=50, le=3_600_000)]
Numbers = dict[Label, dict[Label, float]]
Range = tuple[float, float]


class Table(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True, omit_defaults=True):
    """The base of all tables of a site file."""


class SiteTable(Table, frozen=True, kw_only=True):
    """`[site]`"""

    id: Id
    display_name: Label | None = None
    timezone: Label = "Asia/Shanghai"
    profile: Label = "cn"
    organisation: Label | None = None
    hours: Annotated[list[tuple[Clock, Clock]], Meta(max_length=4)] = []


class Curve(Table, frozen=True, kw_only=True):
    """One curve of a load chart."""

    falls: Annotated[int, Meta(ge=1, le=16)]
    points: Annotated[
        list[tuple[Annotated[float, Meta(ge=0, le=150)], Tonnes]], Meta(min_length=2, max_length=64)
    ]  # fmt: skip


class HoistSpeed(Table, frozen=True, kw_only=True):
    """The rated hoisting speed at one reeving."""

    falls: Annotated[int, Meta(ge=1, le=16)]
    mps: Annotated[float, Meta(gt=0, le=10)]


class DesignLife(Table, frozen=True, kw_only=True):
    """What a crane was designed for, and what it had done before anybody counted."""

    stated_by: Label
    u_class: Annotated[str, Meta(pattern=r"^U[0-8]\Z")] | None = None
    q_class: Annotated[str, Meta(pattern=r"^Q[1-4]\Z")] | None = None
    cycles: Annotated[int, Meta(ge=1_000, le=100_000_000)] | None = None
    kp: Annotated[float, Meta(gt=0, le=1)] | None = None
    capacity_t: Tonnes | None = None
    before_cycles: Annotated[int, Meta(ge=0, le=100_000_000)] = 0
    before_kp: Annotated[float, Meta(ge=0, le=1)] | None = None


class Model(Table, frozen=True, kw_only=True):
    """`[models.NAME]`: a type of crane, as its maker describes it."""

    maker: Label | None = None
    type: Label | None = None
    jib_m: Length
    counter_jib_m: Length | None = None
    max_moment_tm: Annotated[float, Meta(gt=0, le=20_000)] | None = None
    charts: Annotated[list[Curve], Meta(min_length=1, max_length=16)]
    hoists: Annotated[list[HoistSpeed], Meta(max_length=16)] = []
    balance_radius_m: Length | None = None
    design: DesignLife | None = None
    simulation: dict[str, Any] = {}


class Sensor(Table, frozen=True, kw_only=True):
    """One sensor of a device: what it is, what it can measure, and until when its calibration holds."""

    channel: Label
    unit: str
    range: Range
    maker: Label | None = None
    model: Label | None = None
    serial: Label | None = None
    calibrated_on: date | None = None
    due_on: date | None = None


class Expected(Table, frozen=True, kw_only=True):
    """What one channel showed at commissioning, lowest and highest, with an empty hook and with the test load."""

    empty: Range | None = None
    loaded: Range | None = None
    zero: float | None = None


class Commissioning(Table, frozen=True, kw_only=True):
    """What was measured and set when the device was commissioned: the envelope that later readings are held against."""

    on: date
    by: Label
    test_load_t: Tonnes | None = None
    wind_max_mps: Annotated[float, Meta(gt=0, le=60)] | None = None
    sectors_deg: Annotated[list[tuple[Bearing, Bearing]], Meta(max_length=16)] = []
    envelope: dict[Label, Expected] = {}


class Watched(Table, frozen=True, kw_only=True):
    """What a crane, a bay or a post may say of how it is watched; what it does not say, what is above it says."""

    display_name: Label | None = None
    profile: Label | None = None
    limits: Numbers = {}
    terminal: Literal["none", "cab", "bay", "gate"] | None = None
    organisation: Label | None = None
    call: Label | None = None
    interval_ms: Interval | None = None
    sensors: Annotated[list[Sensor], Meta(max_length=32)] = []


class Boxed(Watched, frozen=True, kw_only=True):
    """What is said of one box."""

    serial: Label | None = None
    params: Label | None = None
    tilt_zero_deg: tuple[Tilt, Tilt] | None = None
    commissioning: Commissioning | None = None


class Crane(Boxed, frozen=True, kw_only=True):
    """`[[cranes]]`"""

    id: Id
    model: Label | None = None
    falls: Annotated[int, Meta(ge=1, le=16)] | None = None
    position_m: Position | None = None
    slew_zero_deg: Bearing | None = None
    hook_max_m: Length | None = None
    mast_m: Length | None = None
    counter_jib_m: Length | None = None
    cab_sound: Literal["all", "extra", "none"] = "extra"
    weathervane: Literal["free", "restrained"] = "free"
    property_no: Label | None = None
    registration_no: Label | None = None
    design: DesignLife | None = None
    simulation: dict[str, Any] = {}


class Post(Boxed, frozen=True, kw_only=True):
    """`[[bays.posts]]`: a post of a bay, where it is not one of a grid; what it does not say, its bay says."""

    id: Id
    position_m: Position | None = None
    design_force_kn: Annotated[float, Meta(gt=0, le=2_000)] | None = None
    neighbours: Annotated[list[Id], Meta(max_length=8)] = []
    span_m: Annotated[float, Meta(gt=0, le=100)] | None = None


class Bay(Watched, frozen=True, kw_only=True):
    """`[[bays]]`: a formwork bay, with its posts on a grid (`count`) or one by one (`posts`)."""

    id: BayId
    design_force_kn: Annotated[float, Meta(gt=0, le=2_000)] | None = None
    count: Annotated[int, Meta(ge=1, le=999)] | None = None
    first: Annotated[int, Meta(ge=1, le=9_999)] = 1
    columns: Annotated[int, Meta(ge=1, le=999)] = 4
    spacing_m: Annotated[float, Meta(gt=0, le=100)] = 0.9
    origin_m: Position = (0.0, 0.0)
    posts: Annotated[list[Post], Meta(max_length=999)] = []
    simulation: dict[str, Any] = {}


class NoGo(Table, frozen=True, kw_only=True):
    """`[[zones]]`: where no hook may go."""

    zh: Label
    en: Label
    corners: Annotated[list[Position], Meta(min_length=3, max_length=16)]
    unloaded: bool = False
    below_m: Annotated[float, Meta(ge=-1_000, le=1_000)] | None = None


class Permit(Table, frozen=True, kw_only=True):
    """`[[pours]]`: a pour permit."""

    permit: Label
    bay: BayId
    begin: Moment
    end: Moment
    order: Annotated[list[Id], Meta(max_length=64)] = []
    max_kn_per_min: Annotated[float, Meta(gt=0, le=10_000)] | None = None
    crane: Id | None = None


class File(Table, frozen=True, kw_only=True):
    """
    A whole site file.

    `contacts`, `notify` and `roster` are None where the file says nothing of them: then what the site has stays.
    """

    site: SiteTable
    models: dict[Label, Model] = {}
    cranes: Annotated[list[Crane], Meta(max_length=200)] = []
    bays: Annotated[list[Bay], Meta(max_length=200)] = []
    zones: Annotated[list[NoGo], Meta(max_length=8)] = []
    pours: Annotated[list[Permit], Meta(max_length=8)] = []
    contacts: Annotated[list[Contact], Meta(max_length=500)] | None = None
    notify: Plan | None = None
    roster: Annotated[list[Duty], Meta(max_length=5_000)] | None = None


def bare(file: File) -> File:
    """The file without what is not its own: people, who have tables of their own, and what simulators need."""
    replace = msgspec.structs.replace
    return replace(
        file,
        models={name: replace(model, simulation={}) for name, model in file.models.items()},
        cranes=[replace(crane, simulation={}) for crane in file.cranes],
        bays=[replace(bay, simulation={}) for bay in file.bays],
        contacts=None, notify=None, roster=None,
    )  # fmt: skip
