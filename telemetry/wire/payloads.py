"""
Everything on the wire that is not a frame, one struct a topic. JSON, times in Unix ms UTC.

Readers ignore fields that they do not know, so that a newer sender can talk to an older receiver.
"""

import zlib
from collections.abc import Iterable
from typing import Annotated, Any, Final, TypeVar

import msgspec
from msgspec import Meta

from telemetry.errors import Refusal, WireError
from telemetry.model import CoverageLevel, Hazard, Origin, Severity, Signal, State
from telemetry.wire.base import Clock, Name
from telemetry.wire.base import Payload as Payload
from telemetry.wire.base import Text as Text
from telemetry.wire.base import Words as Words
from telemetry.wire.frames import MAX_BYTES, MAX_INT, Ts
from telemetry.wire.said import BootEnd as BootEnd
from telemetry.wire.said import BootReceipt as BootReceipt
from telemetry.wire.said import Event as Event
from telemetry.wire.said import Presence as Presence
from telemetry.wire.said import Receipt as Receipt
from telemetry.wire.said import Response as Response
from telemetry.wire.said import Shown as Shown


class Cause(Payload, frozen=True):
    """What made a transition: a sample's (boot, seq, i), or the response or tick that did."""

    boot: str | None = None
    seq: int | None = None
    i: int | None = None
    response: str | None = None
    tick: int | None = None


class Transition(Payload, frozen=True):
    """`down/transition`: one change of one alarm's state, immutable."""

    id: str
    site: str
    kind: str
    device: str
    rule: str
    signal: Signal
    previous: State
    state: State
    severity: Severity
    at: int  # device time of the sample that completed the condition; tick time for observed ones
    cause: Cause
    observed: bool = False
    origin: Origin = Origin.LIVE
    hazard: Hazard | None = None
    channel: str | None = None
    value: float | None = None
    limit: float | None = None
    unit: str | None = None
    text: Words | None = None
    action: Words | None = None  # the one thing to do
    profile: str | None = None  # name/version@hash of the limit profile that decided
    config: int | None = None  # config version
    source: str | None = None  # the clause that the limit cites
    who: str | None = None
    why: str | None = None
    until: int | None = None
    life_safety: bool = False
    after: tuple[str, int] | None = None  # observed ones: boot and seq of the last frame evaluated before it


class Alarm(Payload, frozen=True):
    """`down/alarm/{rule}`, retained, cleared with an empty payload when normal: the present state for terminals."""

    rule: str
    transition: str  # its last transition
    state: State
    severity: Severity
    active: bool
    since: int
    at: int
    cab: str  # none | pulse | continuous | silenced: what the cab should sound now
    desk: str  # unacknowledged | acknowledged | none
    silenced_until: int | None = None
    hazard: Hazard | None = None
    value: float | None = None
    limit: float | None = None
    unit: str | None = None
    text: Words | None = None
    action: Words | None = None
    eta_s: tuple[float, float] | None = None  # time to limit, as an interval in seconds
    life_safety: bool = False
    hold: bool = False
    profile: str | None = None  # name/version@hash of the limit profile that it was raised under
    bay: Name | None = None  # it is of a whole bay, under a device id of the bay's own
    posts: int = 0  # of a bay: how many posts are in this alarm
    parent: str | None = None  # of a post: the id of the bay whose alarm of this rule speaks for it at the desk


class HazardCoverage(Payload, frozen=True):
    """One hazard of one device: how well it is watched, and why not better."""

    level: CoverageLevel
    reason: Words | None = None


class Unwatched(Payload, frozen=True):
    """Rules that are not evaluated on a device that speaks, and what they lack."""

    reason: Words
    rules: list[Name]


class Coverage(Payload, frozen=True):
    """`down/coverage`, retained: every hazard of the kind, the ones we do not compute included."""

    at: int
    level: CoverageLevel  # the worst of the hazards that this device could have watched
    hazards: dict[Hazard, HazardCoverage]
    stale_after_ms: int | None = None
    mode: Name | None = None  # the mode that the device is evaluated by
    mode_sent: Name | None = None  # the mode that the device itself last sent; a person may have set another since
    unwatched: list[Unwatched] = []


class Heartbeat(Payload, frozen=True):
    """`cw/v1/{site}/heartbeat`, QoS 0, every second: someone is watching, and this is what they hold active."""

    partition: int
    version: str
    at: int
    active: int  # alarms that are not normal, all devices of the site
    digest: str  # of all of them
    devices: dict[str, tuple[int, str]] = {}  # number and digest per device; a device not named here has none
    ticked: int = 0  # the last tick that came back: what the broker had queued before it was evaluated


class Claim(Payload, frozen=True):
    """A worker's claim on a partition; the higher epoch has it."""

    epoch: int
    worker: str


class LogSession(Payload, frozen=True):
    """Ingest has opened its session for the log; `fresh`: what the broker held for the one before is gone."""

    since: int
    fresh: bool = True


class Tick(Payload, frozen=True):
    """The analyzer's own clock on its way through its own session."""

    at: int
    run: str  # the process that sent it
    n: int


class Chart(Payload, frozen=True):
    """A load chart for one reeving: rated load in t at rising radii in m, straight between the points."""

    falls: int
    points: Annotated[list[tuple[float, float]], Meta(min_length=2, max_length=64)]


class Hoist(Payload, frozen=True):
    """The rated lowering speed of the hook at one reeving, in m/s."""

    falls: Annotated[int, Meta(ge=1, le=16)]
    mps: Annotated[float, Meta(gt=0, le=10)]


class Zone(Payload, frozen=True):
    """
    Where a hook must not go: a polygon on the site, (east, north) in m. `unloaded`: not even without a load.

    `below_m`: only a hook below this height is in it; without it any is.
    """

    zh: Name
    en: Name
    corners: Annotated[list[tuple[float, float]], Meta(min_length=3, max_length=16)]
    unloaded: bool = False
    below_m: float | None = None


class Design(Payload, frozen=True):
    """
    What a crane was designed for, and what it had done before anybody counted; who says so.

    Either `u_class` and `q_class` (ISO 4301-1) or the numbers that they stand for: `cycles`, and the load spectrum
    factor `kp`. `before_kp` is the factor of the cycles before; without one they count as heavy as the design's.
    """

    stated_by: Annotated[str, Meta(min_length=1, max_length=64, pattern=r"^[^\x00]*\Z")]
    u_class: Annotated[str, Meta(pattern=r"^U[0-8]\Z")] | None = None  # U9 has no end
    q_class: Annotated[str, Meta(pattern=r"^Q[1-4]\Z")] | None = None
    cycles: Annotated[int, Meta(ge=1_000, le=100_000_000)] | None = None
    kp: Annotated[float, Meta(gt=0, le=1)] | None = None
    capacity_t: Annotated[float, Meta(gt=0, le=500)] | None = None  # the largest load; without it the chart's
    before_cycles: Annotated[int, Meta(ge=0, le=100_000_000)] = 0
    before_kp: Annotated[float, Meta(ge=0, le=1)] | None = None


class DeviceConfig(Payload, frozen=True):
    """`down/config`, retained: what a terminal and the analyzer must know of a device. Versions never go back."""

    version: int
    hash: str = ""
    display_name: Name = ""
    profile: Name = "cn"
    limits: dict[str, dict[str, float]] = {}  # rule → {"prewarning": x, "alarm": y}, overriding the profile
    charts: list[Chart] = []
    jib_m: float | None = None
    hook_max_m: float | None = None
    mast_m: float | None = None
    position_m: tuple[float, float] | None = None  # east, north on the site
    slew_zero_deg: float | None = None  # bearing of the jib at slew 0, clockwise from the site's north
    counter_jib_m: float | None = None
    hoists: Annotated[list[Hoist], Meta(max_length=16)] = []
    balance_radius_m: float | None = None  # where the trolley balances the crane while it is climbed
    tilt_zero_deg: tuple[float, float] | None = None  # what the inclinometer reads where a survey finds the mast plumb
    weathervane: Name = "free"  # free | restrained: by a plan, then it is not asked to turn with the wind
    params: Name | None = None  # the approved hash of chart, reeving and calibration, as `up/presence` gives it
    bay: Name | None = None
    design_force_kn: float | None = None  # post-added load design value, formwork
    neighbours: Annotated[list[Name], Meta(max_length=8)] = []  # posts next to this one, by device id
    span_m: Annotated[float, Meta(gt=0, le=100)] | None = None  # to them: L of the differential settlement
    interval_ms: int = 1000
    terminal: Name = "none"  # none | cab | bay | gate
    cab_sound: Name = "extra"  # all | extra | none
    property_no: Name | None = None  # 产权备案编号
    registration_no: Name | None = None  # 使用登记编号
    organisation: Name | None = None
    call: Name | None = None  # how to reach whoever works there: a telephone number, or a radio channel in words
    design: Design | None = None  # of a crane: the life that its work cycles are held against
    retired: bool = False  # taken off the site: it is not expected to speak, and its silence is no alarm


class SiteRules(Payload, frozen=True):
    """What of a site's configuration its devices are judged by; see there."""

    timezone: Name = "Asia/Shanghai"
    zones: list[Zone] = []
    hours: list[tuple[Clock, Clock]] = []


class Terms(Payload, frozen=True):
    """
    What a device is judged by from a place in its readings on: after `seq` of `boot` was evaluated.

    `start`: the analyzer knew nothing of the device before. `line_ms`: its line time less its `ts` at that place.
    `mode` is given where a person set it; modes that come with readings are in the readings. `judged`: the limit
    profile that holds, as name/version@hash; only reports of an older analyzer lack it.
    """

    boot: str
    seq: int
    start: bool = False
    interval_ms: int = 0  # declared; 0 is not declared
    line_ms: int = 0
    profile: str = "cn"  # of the site, when the device has no configuration of its own
    config: DeviceConfig | None = None
    mode: str | None = None
    judged: str | None = None
    site: "SiteRules | None" = None


class Sounded(Payload, frozen=True):
    """How long a cab has sounded in an hour so far, ms: in all, and by rule, where two may sound at once."""

    hour: Ts  # when the hour began
    ms: Annotated[int, Meta(ge=0, le=3_600_000)]
    times: Annotated[int, Meta(ge=0)]  # how often it began to sound
    rules: dict[str, int] = {}


class Evaluated(Payload, frozen=True):
    """
    `down/evaluated`: seq ranges per boot that the analyzer evaluated live, ends included, its terms when new, and how
    long the cab has sounded.
    """

    boots: dict[str, list[tuple[int, int]]] = {}
    terms: list[Terms] = []
    sounded: list[Sounded] = []


class Finding(Payload, frozen=True):
    """The worst that a review of late data has found on a device: a transition that nobody was told of in time."""

    transition: str
    rule: str
    severity: Severity
    at: int
    text: Words | None = None
    life_safety: bool = False
    holds: bool = False  # it has not cleared in what is stored


class Recorded(Payload, frozen=True):
    """One device in `SiteRecord`."""

    kind: str
    device: str
    late: int = 0  # frames stored and not yet reviewed
    missing: int = 0  # frames that the device has sent, or will, and that are not here
    missing_since: int | None = None
    overdue: bool = False
    found: Finding | None = None
    used_pct: float | None = None  # of the design life, where that is nearly over


class SiteRecord(Payload, frozen=True):
    """
    `cw/v1/{site}/record`, retained, from the review: what the record of a device lacks, and what late data showed.

    Devices that lack nothing are not named; `more` counts those that did not fit.
    """

    at: int
    late: int = 0  # frames of all devices that wait for their review
    clean_to: int = 0  # all that was received before this was evaluated, reviewed or refused; 0 is not known
    devices: Annotated[list[Recorded], Meta(max_length=200)] = []
    more: int = 0


class Pour(Payload, frozen=True):
    """
    A pour permit: which bay, in which order its posts are loaded (device ids), and how fast at most.

    `max_kn_per_min` is the sum over the bay's monitored posts. `crane`: the device id of the crane that pours; its cab
    is told what the bay alarms.
    """

    permit: Name
    bay: Name
    valid_from: Ts
    valid_to: Ts
    order: Annotated[list[Name], Meta(max_length=64)] = []
    max_kn_per_min: Annotated[float, Meta(gt=0, le=10_000)] | None = None
    crane: Name | None = None


class SiteConfig(Payload, frozen=True):
    """`cw/v1/{site}/config`, retained."""

    version: int
    hash: str = ""
    display_name: Name = ""
    timezone: Name = "Asia/Shanghai"
    profile: Name = "cn"
    organisation: Name | None = None
    zones: Annotated[list[Zone], Meta(max_length=8)] = []
    hours: Annotated[list[tuple[Clock, Clock]], Meta(max_length=4)] = []  # when cranes may lift; none: always
    pours: Annotated[list[Pour], Meta(max_length=8)] = []

    def rules(self) -> SiteRules:
        """What devices are judged by."""
        return SiteRules(timezone=self.timezone, zones=self.zones, hours=self.hours)


class SiteProfile(Payload, frozen=True):
    """
    `cw/v1/{site}/profile`, retained: the limit profile of a site, as two persons have let it pass.

    `hash`: SHA-256 of all that it says, its base resolved; `text`: TOML, with a base written out that does not come
    with the package; `effective`: from when it holds, Unix ms. Until then `before` does, without one of its own.
    """

    name: Annotated[str, Meta(pattern=r"^[a-z0-9-]{1,32}\Z")]
    version: Annotated[int, Meta(ge=1, le=1_000_000)]
    hash: Annotated[str, Meta(pattern=r"^[0-9a-f]{64}\Z")]
    effective: Annotated[int, Meta(ge=0, lt=MAX_INT)]
    proposed_by: Name
    approved_by: Name
    text: Annotated[str, Meta(max_length=MAX_BYTES)]
    before: "SiteProfile | None" = None


P = TypeVar("P", bound=Payload)
_ENCODER: Final = msgspec.json.Encoder()
_DECODERS: Final[dict[type[Payload], msgspec.json.Decoder[Any]]] = {}


def encode(payload: Payload) -> bytes:
    """A payload as JSON."""
    return _ENCODER.encode(payload)


def decode(type_: type[P], payload: bytes) -> P:
    """A payload of that type. Raises WireError, and nothing else."""
    if len(payload) > MAX_BYTES:
        raise WireError(Refusal.OVERSIZED, f"{len(payload)} bytes, the limit is {MAX_BYTES}")
    decoder = _DECODERS.get(type_)
    if decoder is None:
        decoder = _DECODERS[type_] = msgspec.json.Decoder(type_)
    try:
        return decoder.decode(payload)  # type: ignore[no-any-return]  # the decoder of that type
    except msgspec.ValidationError as error:
        raise WireError(Refusal.INVALID, str(error)) from error
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError, ValueError) as error:
        raise WireError(Refusal.MALFORMED, str(error)) from error


def digest(transitions: Iterable[str]) -> str:
    """
    The digest of a set of active alarms, from the ids of their last transitions: CRC-32 of the sorted ids.

    A terminal computes the same in a few lines of JavaScript; it guards against a stale screen, not an enemy.
    """
    return f"{zlib.crc32(chr(10).join(sorted(transitions)).encode()):08x}"
