"""
The shift's handover: what one shift tells the next about how well a site is watched. Pure.

Rule 1: it says what is known and names what could not be asked; a section that nobody could fill is no empty one.
Rule 2: words are kept in both languages, so that a signed sheet can be read in either, years later.
Rule 3: what is signed is the text of `text`, byte for byte; its hash is of that.
"""

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

import msgspec

from telemetry.model import PLANNED_OFF, CoverageLevel
from telemetry.wire.payloads import Coverage, Words

VERSION: Final = 1
DAY_MS: Final = 86_400_000


class _Part(msgspec.Struct, frozen=True, kw_only=True):
    """The base of all parts."""


class Named(_Part, frozen=True, kw_only=True):
    """A device by its kind, its id and the site's own name for it."""

    kind: str
    device: str
    name: str


class Unwatched(_Part, frozen=True, kw_only=True):
    """A hazard of a device that is not fully watched now; `hazard` is None where the device itself is not."""

    of: Named
    hazard: str | None
    level: str
    reason: Words | None = None


class Gap(_Part, frozen=True, kw_only=True):
    """How long a device was blind since the last sign-off: so often, in all, the longest; ms."""

    of: Named
    times: int
    total_ms: int
    longest_begin: int
    longest_end: int | None  # None: it goes on
    reason: Words | None = None
    announced: bool = False  # the power was taken away as announced, parked


class Standing(_Part, frozen=True, kw_only=True):
    """An alarm that is not normal."""

    of: Named
    rule: str
    state: str
    severity: int
    since: int
    text: Words
    hold: bool = False
    life_safety: bool = False


class Ear(_Part, frozen=True, kw_only=True):
    """A terminal, by its last heartbeat."""

    terminal: str
    at: int
    visible: bool | None = None
    audio: str | None = None
    volume: float | None = None


class Begun(_Part, frozen=True, kw_only=True):
    """Who began a shift at a terminal, and when."""

    who: str
    at: int


class OnCrane(_Part, frozen=True, kw_only=True):
    """A crane at the start of a shift: who is on it, in which mode, and whether its terminal can be heard."""

    of: Named
    mode: str | None = None
    operator: str | None = None  # by the box
    begun: Begun | None = None  # by the terminal
    expected: str = "none"  # a terminal of which sort
    ears: list[Ear] = []
    stopped: Words | None = None  # it must not lift, and why


class Work(_Part, frozen=True, kw_only=True):
    """A work of the day with its gate: a pour's permit, a mode that is no everyday one."""

    what: Words
    begin: int | None = None
    end: int | None = None


class Share(_Part, frozen=True, kw_only=True):
    """How much of the time so far a device was fully watched, by its own words about its coverage; ms."""

    of: Named
    watched_ms: int
    degraded_ms: int
    blind_ms: int
    silent_ms: int  # nothing was said


class Yesterday(_Part, frozen=True, kw_only=True):
    """The day before, in its numbers; `begin` to `end` in Unix ms."""

    begin: int
    end: int
    shares: list[Share]
    annunciated: int = 0
    by_rule: list[tuple[str, int]] = []
    causes: dict[str, int] = {}  # of those that were closed
    acknowledged: int = 0
    rubber_stamps: int = 0


class Sheet(_Part, frozen=True, kw_only=True):
    """All of it. `unasked` names what could not be asked, so that nothing missing looks like nothing wrong."""

    version: int = VERSION
    site: str
    name: str
    timezone: str
    at: int
    since: int
    lost: Words | None = None  # nobody watches the site now
    unwatched: list[Unwatched] = []
    gaps: list[Gap] | None = None
    standing: list[Standing] = []
    cranes: list[OnCrane] = []
    works: list[Work] = []
    yesterday: Yesterday | None = None
    unasked: list[str] = []
    signed_by: str = ""
    organisation: str | None = None
    note: str = ""
    previous: str | None = None


@dataclass(frozen=True, slots=True)
class Change:
    """A device said how well it is watched, at `at` (Unix ms)."""

    of: Named
    at: int
    level: CoverageLevel
    reason: Words | None


@dataclass(frozen=True, slots=True)
class Outage:
    """A device was blind; `end` is None where it still is."""

    of: Named
    begin: int
    end: int | None
    reason: Words | None

    @property
    def announced(self) -> bool:
        """Whether its power was taken away as announced."""
        return self.reason is not None and (self.reason.zh, self.reason.en) == PLANNED_OFF


def text(sheet: Sheet) -> str:
    """What is signed: JSON in one order."""
    return msgspec.json.encode(sheet, order="deterministic").decode()


def digest(signed: str) -> str:
    """The hash of a signed text, hexadecimal."""
    return hashlib.sha256(signed.encode()).hexdigest()


def read(signed: str) -> Sheet:
    """A signed text as a sheet. Raises ValueError where it is none."""
    return msgspec.json.decode(signed, type=Sheet)


def reason(coverage: Coverage) -> Words | None:
    """Why a device is not fully watched: of its worst hazard that gives a reason."""
    order = (CoverageLevel.BLIND, CoverageLevel.DEGRADED)
    return next(
        (one.reason for level in order for one in coverage.hazards.values() if one.level is level and one.reason), None
    )


def outages(changes: Sequence[Change], begin: int, end: int) -> list[Outage]:
    """When devices were blind in [begin, end), from their changes in order of time."""
    found = []
    for own in _by_device(changes):
        for k, change in enumerate(own):
            until = own[k + 1].at if k + 1 < len(own) else None
            if change.level is not CoverageLevel.BLIND or (until is not None and until <= begin) or change.at >= end:
                continue
            found.append(Outage(change.of, max(change.at, begin), until, change.reason))
    return found


def gaps(found: Iterable[Outage], end: int) -> list[Gap]:
    """Outages by device and by whether they were announced, the longest in all first."""
    grouped: dict[tuple[Named, bool], list[Outage]] = {}
    for one in found:
        grouped.setdefault((one.of, one.announced), []).append(one)
    made = []
    for (of, announced), own in grouped.items():
        longest = max(own, key=lambda one: (one.end or end) - one.begin)
        made.append(
            Gap(
                of=of, times=len(own), total_ms=sum((one.end or end) - one.begin for one in own),
                longest_begin=longest.begin, longest_end=longest.end, reason=longest.reason, announced=announced,
            )
        )  # fmt: skip
    return sorted(made, key=lambda one: (one.announced, -one.total_ms, one.of.device))


def shares(changes: Sequence[Change], begin: int, end: int) -> list[Share]:
    """How each device was watched in [begin, end); what it said before holds until it says otherwise."""
    made = []
    for own in _by_device(changes):
        held = dict.fromkeys(CoverageLevel, 0)
        for k, change in enumerate(own):
            until = own[k + 1].at if k + 1 < len(own) else end
            held[change.level] += max(0, min(until, end) - max(change.at, begin))
        blind = held[CoverageLevel.BLIND]
        # A whole device is not monitored only when it was taken off the site: of that time nothing was expected.
        asked = end - begin - held[CoverageLevel.NOT_MONITORED]
        if asked <= 0:
            continue
        watched, degraded = held[CoverageLevel.MONITORED], held[CoverageLevel.DEGRADED]
        said = watched + degraded + blind
        made.append(
            Share(
                of=own[0].of, watched_ms=watched, degraded_ms=degraded, blind_ms=blind,
                silent_ms=max(0, asked - said),
            )
        )  # fmt: skip
    return sorted(made, key=lambda one: (one.watched_ms, one.of.device))


def _by_device(changes: Sequence[Change]) -> list[list[Change]]:
    grouped: dict[Named, list[Change]] = {}
    for change in changes:
        grouped.setdefault(change.of, []).append(change)
    return [sorted(own, key=lambda one: one.at) for own in grouped.values()]
