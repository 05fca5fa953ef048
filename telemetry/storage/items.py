"""
What one message is, once it was understood: the unit that is stored, quarantined or retried.

The order of items is the order of receipt. A batch that the database refuses is halved by items until the one
that it cannot take is alone, so an item stands for exactly one message. Items are structs, not dataclasses: there
is one for every message of the hot path, and a frozen dataclass costs ten times as much to make.
"""

from typing import TypeAlias

import msgspec

from telemetry.errors import Refusal
from telemetry.wire.cycle import Cycle
from telemetry.wire.frames import Frame
from telemetry.wire.payloads import Coverage, Evaluated, Event, Presence, Response, Shown, Transition
from telemetry.wire.topics import Topic

Note: TypeAlias = Event | Presence | Response | Shown | Transition | Cycle | Coverage | Evaluated


class Reading(msgspec.Struct, frozen=True, gc=False):
    """A frame."""

    topic: Topic
    frame: Frame
    payload: bytes


class Noted(msgspec.Struct, frozen=True, gc=False):
    """Any other payload of the contract."""

    topic: Topic
    note: Note
    payload: bytes


class Refused(msgspec.Struct, frozen=True, gc=False):
    """A message that goes to quarantine, with the reason; `topic` is parsed where that was possible."""

    raw_topic: str
    topic: Topic | None
    payload: bytes
    reason: Refusal
    detail: str
    identity: tuple[str, int] | None = None


Item: TypeAlias = Reading | Noted | Refused
