"""The words of an alarm on its way up a ladder: what a notifier hears, how far it has come, what it has to say."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from telemetry.ladder import Urgency
from telemetry.model import Severity
from telemetry.wire.payloads import Transition

MONITORING = "monitoring"  # the rule of what a notifier observes itself: that nobody watches a site


class Outcome(StrEnum):
    """What became of a step."""

    TOLD = "told"
    NOBODY = "nobody"  # on duty, or with a channel
    SPOKEN_FOR = "spoken_for"  # by another alarm
    SUMMARISED = "summarised"  # with others that are old


class Sort(StrEnum):
    """What a message is."""

    ALARM = "alarm"
    SUMMARY = "summary"
    UNDELIVERED = "undelivered"
    TEST = "test"


@dataclass(frozen=True, slots=True)
class News:
    """A transition that no notifier has looked at; `old`: it is told with others, if at all."""

    position: int
    device_id: int
    recorded_at: datetime
    transition: Transition
    old: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """
    One alarm on its way up, from the transition that raised it (`cause`) until a person has it or it is over.

    turn: how often it has begun anew because it became worse. transition: whose words are sent. position: the place of
    `cause` in the record. attended: the desk is asked, and not only a terminal. active: the condition holds. began:
    steps are counted from here. step: the next one, due at `due`, never when that is None. unseen: a terminal that is
    expected has not rendered it by `render_due`. spoken: another alarm has been told instead of it. nobody: a step
    found nobody, and nobody has been told so yet. told: when people were told last.
    """

    cause: str
    site: str
    device_id: int | None
    rule: str
    urgency: Urgency
    severity: Severity
    turn: int = 0
    transition: str | None = None
    position: int | None = None
    attended: bool = True
    active: bool = True
    began: datetime
    step: int = 0
    due: datetime | None = None
    render_due: datetime | None = None
    unseen: bool = False
    spoken: bool = False
    nobody: bool = False
    told: datetime | None = None
    ended: datetime | None = None
    ended_by: str | None = None
    number: int | None = None  # in the record; None before it is there


@dataclass(frozen=True, slots=True)
class Taken:
    """A step that was taken: as the ladder says whom it means, and whom that was."""

    turn: int
    step: int
    who: str
    contacts: tuple[str, ...]
    outcome: Outcome


@dataclass(frozen=True, slots=True, kw_only=True)
class Message:
    """Something to be sent to one channel of one contact. `key` comes from its causes."""

    key: str
    site: str
    contact: str
    channel: str
    sort: Sort
    life_safety: bool
    title: str
    body: str
    run: int | None = None
    due: datetime | None = None  # None: at once
