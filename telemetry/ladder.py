"""
Who is told of an alarm that nobody answers, in which order and how: contacts, duty roster and ladder of a site.

Rule 1: pure words. They are read from plain tables (a site file, an API body); a mistake is a ConfigError with its key.
Rule 2: quiet hours hold back what can wait. Nothing here can hold back what is about people's lives.
Rule 3: a channel's address holds a token: `Address` shows itself to nobody who does not ask with `reveal`.
"""

from collections.abc import Iterable, Mapping
from datetime import datetime, time, timedelta
from enum import StrEnum
from typing import Annotated, Any, Final, Literal, TypeVar
from zoneinfo import ZoneInfo

import msgspec
from msgspec import Meta

from telemetry.errors import ConfigError
from telemetry.model import Severity
from telemetry.roles import Role

ANY: Final = "any"  # of a step: everybody on duty, whatever as
MAX_STEPS: Final = 10
MAX_CONTACTS: Final = 500
MAX_ROSTER: Final = 5_000

Id = Annotated[str, Meta(pattern=r"^[a-z0-9][a-z0-9._@+-]{0,63}\Z")]
Clock = Annotated[str, Meta(pattern=r"^([01][0-9]|2[0-3]):[0-5][0-9]\Z")]
Label = Annotated[str, Meta(min_length=1, max_length=64, pattern=r"^[^\x00-\x1f]*\Z")]
Seconds = Annotated[float, Meta(ge=0, le=86_400)]


class Urgency(StrEnum):
    """Which ladder an alarm goes up."""

    LIFE_SAFETY = "life_safety"  # people may be under it now
    ALARM = "alarm"
    SUPERVISED = "supervised"  # a line at the desk: a site may want to be told of it, by default nobody is


class Means(StrEnum):
    """What kind of thing a channel is: what makes a telephone ring is not what lies in a mailbox."""

    PUSH = "push"  # WeCom, DingTalk, Feishu, an app
    SMS = "sms"
    CALL = "call"
    MAIL = "mail"
    HOOK = "hook"  # a machine


class Shift(StrEnum):
    """Which hours of its days a duty covers, in the site's zone."""

    ALL = "all"
    DAY = "day"
    NIGHT = "night"


class Address:
    """An apprise URL. Its text is a secret: it is in no repr, no log and no answer."""

    __slots__ = ("_url",)

    def __init__(self, url: str) -> None:
        self._url = url

    def reveal(self) -> str:
        """The URL, for the one who sends or stores it."""
        return self._url

    @property
    def masked(self) -> str:
        """Its schema and nothing else."""
        schema, found, _ = self._url.partition("://")
        return f"{schema}://***" if found else "***"

    def __repr__(self) -> str:
        return f"Address({self.masked!r})"

    __str__ = __repr__

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Address) and other._url == self._url

    def __hash__(self) -> int:
        return hash(self._url)


class _Strict(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """The base: frozen, and strict about typos."""


class Channel(_Strict, frozen=True):
    """One way to reach a person."""

    name: Id
    means: Means
    url: Address


class Contact(_Strict, frozen=True):
    """
    A person, or a group chat, who can be told.

    `role`: as whom a step may mean them without a roster. `quiet`: hours of the day, in the site's zone, in which only
    what is about people's lives reaches them.
    """

    contact: Id
    name: Label
    organisation: Label | None = None
    role: Role | None = None
    language: Literal["zh", "en", "both"] = "both"
    login: Id | None = None
    quiet: tuple[Clock, Clock] | None = None
    channels: Annotated[list[Channel], Meta(max_length=8)] = []

    def by(self, means: Iterable[Means]) -> list[Channel]:
        """
        The channels of these kinds; without any, all but a telephone that rings.

        A person who has none of them is told by whatever they have: a wrong channel is better than none.
        """
        wanted = frozenset(means) or frozenset(Means) - {Means.CALL}
        return [channel for channel in self.channels if channel.means in wanted] or list(self.channels)

    def quiet_until(self, at: datetime, zone: ZoneInfo) -> datetime | None:
        """When the quiet hours that hold at `at` end; None when none do."""
        if self.quiet is None:
            return None
        local = at.astimezone(zone)
        begin, end = (time.fromisoformat(clock) for clock in self.quiet)
        if not _within(local.time(), begin, end):
            return None
        day = local.date() if local.time() < end else local.date() + timedelta(days=1)
        return datetime.combine(day, end, zone)


class Step(_Strict, frozen=True):
    """
    One step of a ladder: `after_s` seconds after the alarm, who is told, and by which kinds of channel.

    Exactly one of `duty` (a role on the roster, or `any`), `role` (of contacts, on duty or not) and `contact`.
    """

    after_s: Seconds
    duty: Id | None = None
    role: Role | None = None
    contact: Id | None = None
    means: list[Means] = []

    def __post_init__(self) -> None:
        if sum(who is not None for who in (self.duty, self.role, self.contact)) != 1:
            raise ValueError("a step says exactly one of duty, role and contact")
        if self.duty not in (None, ANY, *Role):
            raise ValueError(f"duty is {ANY!r} or one of {', '.join(Role)}")

    @property
    def who(self) -> str:
        """Whom it means, in short: `duty:safety_officer`, `role:site_manager`, `contact:wang`."""
        if self.duty is not None:
            return f"duty:{self.duty}"
        return f"role:{self.role}" if self.role is not None else f"contact:{self.contact}"


class Ladder(_Strict, frozen=True):
    """Steps in order of time; behind the last one everybody is told again `repeats` times, each `repeat_s` later."""

    steps: Annotated[list[Step], Meta(max_length=MAX_STEPS)] = []
    repeat_s: Annotated[float, Meta(ge=30, le=86_400)] | None = None
    repeats: Annotated[int, Meta(ge=0, le=100)] = 0

    def __post_init__(self) -> None:
        times = [step.after_s for step in self.steps]
        if times != sorted(times):
            raise ValueError("steps are in order of after_s")
        if self.repeats and self.repeat_s is None:
            raise ValueError("repeats need repeat_s")

    def due_s(self, n: int) -> float | None:
        """How many seconds after the alarm the n-th step is due, repeats included; None behind the last one."""
        if n < len(self.steps):
            return self.steps[n].after_s
        again = n - len(self.steps) + 1
        if not self.steps or again > self.repeats or self.repeat_s is None:
            return None
        return self.steps[-1].after_s + again * self.repeat_s

    def at(self, n: int) -> list[Step]:
        """Who is told at the n-th step: that step, or all of them when it is a repeat."""
        return [self.steps[n]] if n < len(self.steps) else self.steps


class Plan(_Strict, frozen=True):
    """
    How a site escalates: a ladder for each urgency, and what its day is. `terminal_s`: how long a terminal that is
    expected may take to render an alarm before people are told.
    """

    life_safety: Ladder | None = None
    alarm: Ladder | None = None
    supervised: Ladder | None = None
    day: tuple[Clock, Clock] = ("07:00", "19:00")
    terminal_s: Annotated[float, Meta(ge=1, le=60)] = 3.0

    def ladder(self, urgency: Urgency) -> Ladder:
        """The ladder of that urgency; where the site has none of its own, the default."""
        own = {Urgency.LIFE_SAFETY: self.life_safety, Urgency.ALARM: self.alarm, Urgency.SUPERVISED: self.supervised}
        found = own[urgency]
        return found if found is not None else DEFAULT[urgency]


class Duty(_Strict, frozen=True):
    """Who is on duty as what, from `begin` to before `end`; in a day or night shift only in those hours of it."""

    contact: Id
    role: Role
    begin: datetime
    end: datetime
    shift: Shift = Shift.ALL

    def __post_init__(self) -> None:
        if self.begin.tzinfo is None or self.end.tzinfo is None:
            raise ValueError("begin and end have an offset, as in 2027-01-15T07:00:00+08:00")
        if not self.begin < self.end:
            raise ValueError("a duty begins before it ends")

    def on(self, at: datetime, day: tuple[str, str], zone: ZoneInfo) -> bool:
        """Whether they are on duty at `at`."""
        if not self.begin <= at < self.end:
            return False
        if self.shift is Shift.ALL:
            return True
        begin, end = (time.fromisoformat(clock) for clock in day)
        return _within(at.astimezone(zone).time(), begin, end) is (self.shift is Shift.DAY)


# Product review 6: three buttons from 15 to 30 s, at 30 s the next in the roster with a telephone that rings; a site's
# manager at 60 s. What is repeated, and the figures of the other ladders, are a cranewatch proposal.
DEFAULT: Final[dict[Urgency, Ladder]] = {
    Urgency.LIFE_SAFETY: Ladder(
        steps=[
            Step(after_s=0, duty=Role.SAFETY_OFFICER),
            Step(after_s=30, duty=ANY, means=[Means.CALL, Means.SMS, Means.PUSH]),
            Step(after_s=60, role=Role.SITE_MANAGER, means=[Means.CALL, Means.SMS, Means.PUSH]),
        ],
        repeat_s=300,
        repeats=3,
    ),
    Urgency.ALARM: Ladder(steps=[Step(after_s=0, duty=Role.SAFETY_OFFICER), Step(after_s=600, role=Role.SITE_MANAGER)]),
    Urgency.SUPERVISED: Ladder(),
}


def urgency(severity: Severity, *, life_safety: bool) -> Urgency:
    """Which ladder an alarm goes up. A pre-warning is no reason to ring anybody, whatever it is about."""
    if severity < Severity.ALARM:
        return Urgency.SUPERVISED
    return Urgency.LIFE_SAFETY if life_safety else Urgency.ALARM


def on_duty(roster: Iterable[Duty], at: datetime, day: tuple[str, str], zone: ZoneInfo) -> list[Duty]:
    """The duties that hold at `at`."""
    return [duty for duty in roster if duty.on(at, day, zone)]


def told(step: Step, contacts: Mapping[str, Contact], duties: Iterable[Duty]) -> list[Contact]:
    """Whom a step means, given who is on duty; nobody twice, and nobody who has no channel."""
    if step.contact is not None:
        names = [step.contact]
    elif step.role is not None:
        names = [name for name, contact in contacts.items() if contact.role is step.role]
    else:
        names = [duty.contact for duty in duties if step.duty in (ANY, duty.role)]
    found = [contacts[name] for name in dict.fromkeys(names) if name in contacts]
    return [contact for contact in found if contact.channels]


def _within(now: time, begin: time, end: time) -> bool:
    """Whether a time of day lies in [begin, end), over midnight when it ends before it begins."""
    return begin <= now < end if begin <= end else now >= begin or now < end


T = TypeVar("T", bound=_Strict)


def parse(type_: type[T], table: Mapping[str, Any], where: str) -> T:
    """One of these from a plain table; `where` names the table. Raises ConfigError with the key that is wrong."""
    try:
        return msgspec.convert(table, type_, strict=True, dec_hook=address)
    except msgspec.ValidationError as error:
        text, _, key = str(error).partition(" - at `$")
        place = f"{where}{key.rstrip('`')}".lstrip(".")
        raise ConfigError(f"{place}: {text}" if place else text) from None  # its context may hold an address


def plain(value: _Strict, *, reveal: bool = False) -> dict[str, Any]:
    """One of these as a plain table that `parse` reads; addresses masked unless they are to be stored."""
    found = msgspec.to_builtins(
        value, enc_hook=lambda one: one.reveal() if reveal else one.masked, builtin_types=(datetime,)
    )
    return {key: part for key, part in found.items() if part is not None}


def check(contacts: Iterable[Contact], roster: Iterable[Duty], plan: Plan) -> None:
    """Hold a site's tables against each other. Raises ConfigError with the first name that nobody bears."""
    known: set[str] = set()
    for n, contact in enumerate(contacts):
        if contact.contact in known:
            raise ConfigError(f"contacts[{n}].contact: {contact.contact!r} stands there twice")
        names = [channel.name for channel in contact.channels]
        if len(set(names)) < len(names):
            raise ConfigError(f"contacts[{n}].channels: two channels have one name")
        known.add(contact.contact)
    for n, duty in enumerate(roster):
        if duty.contact not in known:
            raise ConfigError(f"roster[{n}].contact: no contact {duty.contact!r}")
    for level in Urgency:
        for n, step in enumerate(plan.ladder(level).steps):
            if step.contact is not None and step.contact not in known:
                raise ConfigError(f"notify.{level}.steps[{n}].contact: no contact {step.contact!r}")


def address(type_: type, value: Any) -> Any:
    """The hook by which msgspec reads an `Address`. Raises ValueError, without what was there."""
    if type_ is Address:
        if not isinstance(value, str) or not 4 <= len(value) <= 2_000 or "://" not in value or "\x00" in value:
            raise ValueError("not an apprise URL")
        return Address(value)
    raise NotImplementedError(type_)
