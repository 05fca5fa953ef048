"""
What one message is, once it was understood: the unit that is stored, quarantined or retried.

The order of items is the order of receipt. A batch that the database refuses is halved by items until the one
that it cannot take is alone, so an item stands for exactly one message.
"""

from dataclasses import dataclass
from typing import TypeAlias

from telemetry.errors import Refusal
from telemetry.wire.frames import Frame
from telemetry.wire.payloads import Coverage, Evaluated, Event, Presence, Response, Shown, Transition
from telemetry.wire.topics import Topic

Note: TypeAlias = Event | Presence | Response | Shown | Transition | Coverage | Evaluated


@dataclass(frozen=True, slots=True)
class Reading:
    """A frame."""

    topic: Topic
    frame: Frame
    payload: bytes


@dataclass(frozen=True, slots=True)
class Noted:
    """Any other payload of the contract."""

    topic: Topic
    note: Note
    payload: bytes


@dataclass(frozen=True, slots=True)
class Refused:
    """A message that goes to quarantine, with the reason; `topic` is parsed where that was possible."""

    raw_topic: str
    topic: Topic | None
    payload: bytes
    reason: Refusal
    detail: str
    identity: tuple[str, int] | None = None


Item: TypeAlias = Reading | Noted | Refused
