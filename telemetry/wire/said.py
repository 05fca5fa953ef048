"""What devices and terminals say on `up/`, and what a device is told to forget."""

from typing import Annotated, Any

from msgspec import Meta

from telemetry.model import Action, Stage
from telemetry.wire.base import Name, Payload, Text
from telemetry.wire.frames import MAX_INT, Boot, Seq, Ts


class BootEnd(Payload, frozen=True):
    """The last seq that a boot gave to a frame; 0 when it gave none."""

    boot: Boot
    seq: Annotated[int, Meta(ge=0, lt=MAX_INT)]


class Presence(Payload, frozen=True):
    """
    `up/presence`, retained: the device's birth, and its will. Declares the sample interval.

    `ended`: the boots that are over, newest first: the one before this, and earlier ones that are not receipted to
    their end. Without it nobody can know that the last frames of a boot are missing.
    """

    online: bool
    boot: Boot | None = None
    ts: Ts | None = None
    interval_ms: Annotated[int, Meta(ge=50, le=3_600_000)] | None = None
    params: Name | None = None  # hash of chart, reeving and calibration
    proof: bool = False  # it has a test channel, and takes orders for a proof test on `down/proof`
    ended: Annotated[list[BootEnd], Meta(max_length=8)] = []


class Event(Payload, frozen=True):
    """`up/event`: a work cycle, an identity, power off announced (*last gasp*), a fault, a proof test taken up."""

    id: Name
    type: Annotated[str, Meta(pattern=r"^(cycle|identity|power_off|power_on|fault|proof)\Z")]
    ts: Ts
    boot: Boot | None = None
    seq: Seq | None = None
    data: dict[str, Any] = {}


class BootReceipt(Payload, frozen=True):
    """What of one boot is safe to forget: everything up to `upto`, and at most 15 ranges beyond it, ends included."""

    boot: Boot
    upto: int
    ranges: list[tuple[int, int]] = []


class Receipt(Payload, frozen=True):
    """`down/receipt`, retained: up to 8 boots, newest first."""

    boots: Annotated[list[BootReceipt], Meta(max_length=8)]


class Response(Payload, frozen=True):
    """
    `up/response`: what a person answers to an alarm, the mode they set, the shift they begin (`who`; `why` names the
    terminal). Its id is the cause of what follows.
    """

    id: Annotated[str, Meta(pattern=r"^[a-z0-9-]{8,64}\Z")]
    action: Action
    at: Ts
    who: Name
    rule: Name | None = None
    transition: Name | None = None  # the transition it answers
    why: Text | None = None
    until: Ts | None = None  # shelving ends
    mode: Name | None = None
    cause: Name | None = None  # called | stopped | sensor


class Shown(Payload, frozen=True):
    """`up/shown`: how far a transition came at a terminal by `at`; without `transition` its one-second heartbeat."""

    terminal: Name
    at: Ts
    transition: Name | None = None
    stage: Stage = Stage.RENDERED  # delivered: its client has it; rendered: it stands on a screen that can be seen
    visible: bool | None = None
    audio: Name | None = None  # running | suspended | none
    volume: float | None = None
    wake_lock: bool | None = None
    build: Name | None = None
