"""
A scenario: what happens at a site, and when.

A scenario is a TOML file (`simulators/scenarios/README.md` documents every key). Times are seconds of the run. Each
`[[event]]` has a `type`, an `at`, the devices it happens to, and may have `repeat_s`. A key or a device that does not
exist is an error that names the event: a scenario that silently does less than it says proves nothing.
"""

import heapq
import itertools
import tomllib
from collections.abc import Iterable, Sequence
from importlib import resources
from pathlib import Path
from typing import Annotated, Any

import msgspec
from msgspec import Meta

from simulators.site import CraneSite, Site
from telemetry.errors import ConfigError
from telemetry.kinds import KINDS
from telemetry.model import Mode
from telemetry.wire.frames import Word

Seconds = Annotated[float, Meta(ge=0, le=10_000_000)]
Period = Annotated[float, Meta(ge=1)]
Positive = Annotated[float, Meta(gt=0)]
Percent = Annotated[float, Meta(gt=0, le=200)]
Share = Annotated[float, Meta(ge=0, le=1)]


class Event(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True, tag_field="type"):
    """The base of all events."""

    at: Seconds
    repeat_s: Period | None = None


class DeviceEvent(Event, frozen=True):
    """An event that happens to named devices, to each of them."""

    devices: Annotated[list[str], Meta(min_length=1)]


class CraneEvent(DeviceEvent, frozen=True):
    """An event of cranes only."""


class PostEvent(DeviceEvent, frozen=True):
    """An event of formwork posts only."""


# Cranes


class Work(CraneEvent, frozen=True, tag="work"):
    """From now on lifts follow one another, drawn at random; `percent` of rated load, `heavy` the share at 92-97 %."""

    percent: tuple[Percent, Percent] = (30.0, 85.0)
    heavy: Share = 0.1
    attach_s: tuple[Positive, Positive] = (60.0, 120.0)
    position_s: tuple[Positive, Positive] = (60.0, 180.0)
    for_s: Positive | None = None


class LiftEvent(CraneEvent, frozen=True, tag="lift"):
    """
    One lift, as soon as the crane is free. Its weight is `percent` of the rated load at its largest radius.

    With `out_to_m` it is picked up at `radius_m` and trolleyed out until the limiter cuts or it is there; then
    `percent` is of the rated load at `out_to_m`. `dynamic` is the overshoot of the pick-up.
    """

    percent: Percent
    radius_m: Positive
    slew_deg: float = 40.0
    to_slew_deg: float | None = None
    out_to_m: Positive | None = None
    attach_s: Positive = 2.0
    position_s: Positive = 10.0
    hold_s: Positive = 8.0
    dynamic: Annotated[float, Meta(ge=0, le=0.5)] | None = None


class Stand(CraneEvent, frozen=True, kw_only=True, tag="stand"):
    """Where the crane stands when the run begins; only at 0 s, cranes do not jump later."""

    slew_deg: float = 0.0
    radius_m: Positive
    hook_m: float = 12.0


class Reeve(CraneEvent, frozen=True, tag="reeve"):
    """The rope is reeved to another number of falls, between lifts."""

    falls: int


class Snag(CraneEvent, frozen=True, tag="snag"):
    """The hook is caught: the load rises by `percent` of rated within a second and nothing moves, for `for_s`."""

    percent: Percent
    for_s: Positive = 4.0


class LoadLost(CraneEvent, frozen=True, tag="load_lost"):
    """The sling fails while a load hangs; without a load nothing happens."""


class SetMode(CraneEvent, frozen=True, tag="mode"):
    """The crane's mode as its box reports it. In any mode but `working` and `testing` no new lift begins."""

    mode: Mode


class Operator(CraneEvent, frozen=True, tag="operator"):
    """Another operator identifies himself; an empty pseudonym is nobody."""

    operator: Word | str


class Bypass(CraneEvent, frozen=True, tag="bypass"):
    """The limiter is bridged by its key for `for_s`."""

    for_s: Positive


class Power(DeviceEvent, frozen=True, tag="power"):
    """Mains off for `for_s`: the battery runs; `gasp` lets the box announce it. With `dies_after_s` it then dies."""

    for_s: Positive
    gasp: bool = True
    dies_after_s: Positive | None = None


# Weather, for the whole site


class GustFront(Event, frozen=True, tag="gust_front"):
    """The mean wind at the anemometers rises by `rise_mps` within `ramp_s`, stays, falls."""

    rise_mps: Annotated[float, Meta(gt=0, le=40)] = 8.0
    ramp_s: Positive = 30.0
    hold_s: Positive = 120.0
    fall_s: Positive = 60.0
    veer_deg: float = 25.0


class Squall(Event, frozen=True, tag="squall"):
    """A gust front to storm strength: `rise_mps` above the mean within two minutes, so gusts to 28 m/s, for ten."""

    rise_mps: Annotated[float, Meta(gt=0, le=40)] = 12.0
    ramp_s: Positive = 120.0
    hold_s: Positive = 600.0
    fall_s: Positive = 300.0
    veer_deg: float = 60.0


# Formwork


class PourEvent(Event, frozen=True, tag="pour"):
    """Concrete is poured in a bay: the front passes its posts in their order, `front_s` apart."""

    bay: str
    front_s: Positive = 60.0
    tau_s: tuple[Positive, Positive] = (300.0, 900.0)


class SinkEvent(PostEvent, frozen=True, tag="sink"):
    """The base of a post gives way, ever faster; neighbours in the bay take the share of force that it sheds."""

    depth_mm: Positive
    over_s: Positive
    shed: Share = 0.2


class LeanEvent(PostEvent, frozen=True, tag="lean"):
    """A post leans under constant load."""

    tilt_deg: Positive
    over_s: Positive
    direction_deg: float = 0.0


class VibrateEvent(PostEvent, frozen=True, tag="vibrate"):
    """A vibrator works beside the post."""

    share: Share = 0.15
    for_s: Positive = 8.0


class Rezero(PostEvent, frozen=True, tag="rezero"):
    """The post is shimmed or replaced and its sensors are zeroed."""


class Strip(Event, frozen=True, tag="strip"):
    """The formwork of a bay is struck and set anew."""

    bay: str


# Faults, on any device


class ChannelFault(DeviceEvent, frozen=True):
    """The base of faults of one channel, for `for_s` or for good."""

    channel: str
    for_s: Positive | None = None


class StuckEvent(ChannelFault, frozen=True, tag="stuck"):
    """The channel repeats its last value."""


class SpikeEvent(ChannelFault, frozen=True, kw_only=True, tag="spike"):
    """The channel jumps by `height` in a share of `chance` of the samples."""

    height: float
    chance: Share = 0.05


class DriftEvent(ChannelFault, frozen=True, kw_only=True, tag="drift"):
    """The channel's zero walks."""

    per_hour: float


class DropoutEvent(ChannelFault, frozen=True, tag="dropout"):
    """The channel is missing, or with `flagged` known bad."""

    flagged: bool = True


class ClockStepEvent(DeviceEvent, frozen=True, tag="clock_step"):
    """The device's clock jumps, for `for_s` or for good."""

    step_s: float
    for_s: Positive | None = None


class DeadEvent(DeviceEvent, frozen=True, tag="dead"):
    """The device is dead: no samples, no connection. Afterwards it comes back with a new boot."""

    for_s: Positive | None = None


class LinkLossEvent(DeviceEvent, frozen=True, tag="link_loss"):
    """The device has no connection; it goes on measuring and keeps its journal."""

    for_s: Positive


AnyEvent = (
    Work | LiftEvent | Stand | Reeve | Snag | LoadLost | SetMode | Operator | Bypass | Power | GustFront | Squall
    | PourEvent | SinkEvent | LeanEvent | VibrateEvent | Rezero | Strip | StuckEvent | SpikeEvent | DriftEvent
    | DropoutEvent | ClockStepEvent | DeadEvent | LinkLossEvent
)  # fmt: skip


class WindTable(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """The weather of a scenario: mean at 10 m, where it comes from, roughness length of the surroundings."""

    mean_mps: Annotated[float, Meta(ge=0, le=40)] = 4.0
    direction_deg: Annotated[float, Meta(ge=0, le=360)] = 225.0
    roughness_m: Annotated[float, Meta(gt=0, le=3)] = 0.3
    swing: Share = 0.1


class Title(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What a scenario is called."""

    zh: str
    en: str


class Scenario(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A scenario file."""

    title: Title
    site: str = "demo"
    wind: WindTable = WindTable()
    event: list[AnyEvent] = []


def builtin(name: str) -> Path:
    """The path of a scenario that comes with the package. Raises ConfigError."""
    path = Path(str(resources.files("simulators") / "scenarios" / f"{name}.toml"))
    if not path.is_file():
        known = ", ".join(sorted(file.stem for file in path.parent.glob("*.toml")))
        raise ConfigError(f"no scenario {name!r}; there are: {known}")
    return path


def load(path: Path) -> Scenario:
    """Read a scenario file. Raises ConfigError, which names the file and the place in it."""
    try:
        with path.open("rb") as file:
            return parse(tomllib.load(file))
    except (OSError, tomllib.TOMLDecodeError, ConfigError) as error:
        raise ConfigError(f"{path}: {error}") from error


def parse(raw: dict[str, Any]) -> Scenario:
    """A scenario from its parsed TOML. Raises ConfigError."""
    try:
        return msgspec.convert(raw, Scenario)
    except msgspec.ValidationError as error:
        raise ConfigError(str(error)) from error


def check(scenario: Scenario, site: Site) -> None:
    """Hold a scenario against its site. Raises ConfigError for a device, bay, channel or reeving that is not there."""
    cranes = {crane.id: crane for crane in site.cranes}
    posts = {post.id for post in site.posts}
    bays = {post.bay for post in site.posts}
    for number, event in enumerate(scenario.event, 1):
        where = f"event {number} ({event.__struct_config__.tag} at {event.at:g} s)"
        for device in event.devices if isinstance(event, DeviceEvent) else ():
            if device not in cranes and device not in posts:
                raise ConfigError(f"{where}: no device {device!r} at site {site.id!r}")
            if isinstance(event, CraneEvent) and device not in cranes:
                raise ConfigError(f"{where}: {device} is not a crane")
            if isinstance(event, PostEvent) and device not in posts:
                raise ConfigError(f"{where}: {device} is not a formwork post")
            kind = KINDS["crane" if device in cranes else "formwork"]
            if isinstance(event, ChannelFault) and event.channel not in kind.column:
                raise ConfigError(f"{where}: {kind.name} measures no {event.channel!r}")
            if isinstance(event, LiftEvent | Reeve | Stand):
                _check_crane(where, event, device, cranes[device])
        if isinstance(event, PourEvent | Strip) and event.bay not in bays:
            raise ConfigError(f"{where}: no bay {event.bay!r} at site {site.id!r}")


def _check_crane(where: str, event: LiftEvent | Reeve | Stand, device: str, crane: CraneSite) -> None:
    model = crane.model
    if isinstance(event, Reeve):
        if event.falls not in {chart.falls for chart in model.charts}:
            raise ConfigError(f"{where}: {device} has no load curve for {event.falls} falls")
        return
    if isinstance(event, Stand):
        if event.at > 0 or event.repeat_s is not None:
            raise ConfigError(f"{where}: a crane can be stood somewhere at 0 s only, once")
        far = event.radius_m
    else:
        far = max(event.radius_m, event.out_to_m or 0.0)
    if not model.radius_min_m <= event.radius_m or far > model.jib_m - 0.5:
        raise ConfigError(f"{where}: radius outside {model.radius_min_m}-{model.jib_m - 0.5} m of {device}")


class Timeline:
    """Events in the order of their time, with their repetitions."""

    def __init__(self, events: Iterable[AnyEvent]) -> None:
        # The number keeps events of one instant in order, and keeps the heap from comparing events.
        self._numbers = itertools.count()
        self._heap: list[tuple[float, int, AnyEvent]] = [(event.at, next(self._numbers), event) for event in events]
        heapq.heapify(self._heap)

    def add(self, event: AnyEvent) -> None:
        """One more event, also while the run goes on."""
        heapq.heappush(self._heap, (event.at, next(self._numbers), event))

    def due(self, t: float) -> Sequence[tuple[float, AnyEvent]]:
        """The events up to and at t that were not yet taken, each with its time."""
        found = []
        while self._heap and self._heap[0][0] <= t:
            at, n, event = heapq.heappop(self._heap)
            found.append((at, event))
            if event.repeat_s is not None:
                heapq.heappush(self._heap, (at + event.repeat_s, n, event))
        return found
