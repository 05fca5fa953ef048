"""Bodies of everything about who was told and who is on duty. Times are Unix milliseconds unless they say otherwise."""

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from api.deps import MomentText
from api.schemas import Body, Words
from telemetry.ladder import Means, Shift
from telemetry.roles import Role

Id = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9._@+-]{0,63}$", examples=["wang"])]
Label = Annotated[str, Field(min_length=1, max_length=64)]
Clock = Annotated[str, Field(pattern=r"^([01][0-9]|2[0-3]):[0-5][0-9]$", examples=["22:00"])]


class Reached(Body):
    """A terminal's word."""

    terminal: str
    transition: str
    at: int = Field(description="By the terminal's clock.")
    received_at: int
    seconds: float | None = Field(description="Since ingest had the raise until it had this word: at most so long.")


class Notice(Body):
    """A message to a person."""

    contact: str
    name: str
    channel: str
    step: int | None = Field(description="Of the ladder, from 1.")
    created_at: int
    sent_at: int | None = Field(description="When the channel had it: not when a person has read it.")
    attempts: int
    state: Literal["waiting", "sent", "dead", "withdrawn"]
    error: str | None = None


class Acknowledgement(Body):
    """Who has it."""

    transition: str
    who: str | None
    why: str | None = None
    at: int
    seconds: float | None


class Chain(Body):
    """One alarm from its raise until a person had it: what is missing here did not happen, or nobody reported it."""

    site: str
    kind: str
    device: str
    rule: str
    transition: str = Field(description="That raised it.")
    severity: int
    life_safety: bool
    attended: bool = Field(description="The desk was asked; else only the cab's terminal has it.")
    text: Words
    at: int = Field(description="When it was raised: time of the device, or of the analyzer's tick.")
    received_at: int | None
    delivered: list[Reached] = Field(description="A terminal's client had it.")
    rendered: list[Reached] = Field(description="It stood on a screen that could be seen.")
    told: list[Notice]
    acknowledged: Acknowledgement | None
    ended: str | None = Field(description="The state by which it was over for the desk; null while it waits.")


class ChainFigure(Body):
    """Of so many chains so many came so far."""

    chains: int
    reached: int
    p50_s: float | None
    p99_s: float | None


class Chains(Body):
    """The chains of a site in a span, newest first, and what they add up to."""

    site: str
    begin: int
    end: int
    truncated: bool = Field(description="There were more than could be counted: ask for a shorter span.")
    figures: dict[Literal["delivered", "rendered", "told", "acknowledged"], ChainFigure] = Field(
        description="delivered and rendered: of all alarms of devices that have a terminal, those included that are"
        " the desk's business and that no cab shows; told and acknowledged: of those that the desk was asked."
    )
    items: list[Chain]


class Channel(BaseModel):
    """One way to reach a person."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: Id
    means: Means
    url: str = Field(
        max_length=2000,
        description="apprise URL. It holds a token: it is answered masked, and a masked one keeps what is stored.",
        examples=["wecombot://***"],
    )


class Contact(BaseModel):
    """A person, or a group chat, who can be told."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: Label
    organisation: Label | None = None
    role: Role | None = Field(default=None, description="As whom a step may mean them without a roster.")
    language: Literal["zh", "en", "both"] = "both"
    login: Id | None = Field(default=None, description="Their account, if they have one.")
    quiet: tuple[Clock, Clock] | None = Field(
        default=None, description="Hours of the site's day in which only what is about lives reaches them."
    )
    channels: list[Channel] = Field(default=[], max_length=8)


class NamedContact(Contact):
    """A contact and its id."""

    contact: Id


class Contacts(Body):
    """Who can be told at a site."""

    items: list[NamedContact]


class Duty(BaseModel):
    """Who is on duty as what, from when to before when."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    contact: Id
    role: Role
    begin: MomentText = Field(examples=["2027-01-15T07:00:00+08:00"])
    end: MomentText = Field(examples=["2027-01-22T07:00:00+08:00"])
    shift: Shift = Shift.ALL


class NumberedDuty(Duty):
    """A duty and the number that it is changed by."""

    id: int


class Roster(Body):
    """The duties of a site, in order of their begin."""

    items: list[NumberedDuty]


class Reach(Body):
    """Whom a ladder reaches now; nobody is a fact, and `why` says it."""

    people: list[str]
    why: Words | None


class OnDuty(Body):
    """Who is on duty now, and whether an alarm would reach anybody."""

    site: str
    at: int
    duties: list[Duty]
    reach: dict[Literal["life_safety", "alarm", "supervised"], Reach]
    undelivered: int = Field(description="Messages that were given up and that nobody has looked at.")


class Step(BaseModel):
    """One step of a ladder: exactly one of duty, role and contact."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    after_s: float = Field(ge=0, le=86_400)
    duty: str | None = Field(default=None, description="A role on the roster, or `any`.")
    role: Role | None = Field(default=None, description="Contacts of that role, on duty or not.")
    contact: Id | None = None
    means: list[Means] = Field(default=[], description="Kinds of channels; empty: all but a telephone that rings.")


class Ladder(BaseModel):
    """Steps in order of time; behind the last one everybody is told again `repeats` times."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    steps: list[Step] = Field(default=[], max_length=10)
    repeat_s: float | None = Field(default=None, ge=30, le=86_400)
    repeats: int = Field(default=0, ge=0, le=100)


class Ladders(BaseModel):
    """How a site escalates; a ladder that is null is the default."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    life_safety: Ladder | None = None
    alarm: Ladder | None = None
    supervised: Ladder | None = None
    day: tuple[Clock, Clock] = ("07:00", "19:00")
    terminal_s: float = Field(
        default=3.0, ge=1, le=60, description="How long a terminal may take before people are told that it is dark."
    )


class SiteLadders(Body):
    """The ladders that hold, and whether the site has any of its own."""

    own: bool
    ladders: Ladders


class Message(Body):
    """A message; its text only by its title."""

    id: int
    site: str
    contact: str
    channel: str
    sort: str
    life_safety: bool
    title: str
    created_at: int
    due_at: int
    attempts: int
    state: Literal["waiting", "sent", "dead", "withdrawn"]
    error: str | None
    sent_at: int | None


class Messages(Body):
    """Messages of a site, newest first."""

    items: list[Message]
    next: int | None


class Retried(Body):
    """Dead letters that are tried again."""

    ids: list[int]
