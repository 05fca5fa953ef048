"""
The receipt chain of an alarm: raised, delivered, rendered, told, acknowledged; who or what it was, and after how long.
Pure.

Rule 1: seconds are between two moments of one clock, ingest's: when the transition came to it, and when a terminal's
word of it did. So they contain the way of that word, too, and say at most how long it took. What the terminal's own
clock said stands beside it.
Rule 2: silence in the cab is no link of the chain. What nobody reported is missing, and is never taken for done.
Rule 3: a transition that came before there were such moments (`received` is None) has its chain, without seconds.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from math import ceil
from typing import Final

from telemetry.model import Severity, Signal, Stage, State

_RAISING: Final = frozenset({Signal.RAISE, Signal.ESCALATE, Signal.UNSUPPRESS, Signal.RE_ALARM})
_WAITS: Final = frozenset({State.UNACKNOWLEDGED, State.RETURNED, State.LATCHED_UNACKNOWLEDGED})


@dataclass(frozen=True, slots=True)
class Said:
    """One transition of the log; `at` in Unix ms, of the device or a tick."""

    id: str
    position: int
    kind: str
    device: str
    rule: str
    signal: Signal
    previous: State
    state: State
    severity: Severity
    life_safety: bool
    at: int
    received: datetime | None
    who: str | None = None
    why: str | None = None
    zh: str = ""
    en: str = ""


@dataclass(frozen=True, slots=True)
class Reached:
    """A terminal's word that it had a transition, or showed it; `at` in Unix ms of its own clock."""

    transition: str
    terminal: str
    stage: Stage
    at: int
    received: datetime
    seconds: float | None = None  # since the alarm was raised


@dataclass(frozen=True, slots=True)
class Notice:
    """A message to a person: on which step, by which channel, and what became of it."""

    cause: str
    contact: str
    name: str
    channel: str
    step: int | None
    created: datetime
    sent: datetime | None
    attempts: int
    state: str  # waiting, sent, dead, withdrawn
    error: str | None = None


@dataclass(frozen=True, slots=True)
class Answer:
    """Who acknowledged it, when (Unix ms), and after how long."""

    transition: str
    who: str | None
    why: str | None
    at: int
    seconds: float | None


@dataclass(slots=True)
class Chain:
    """One alarm from its raise until a person had it or it was over."""

    raised: Said
    transitions: list[str]
    attended: bool  # the desk was asked
    severity: Severity  # the highest
    delivered: list[Reached] = field(default_factory=list)
    rendered: list[Reached] = field(default_factory=list)
    told: list[Notice] = field(default_factory=list)
    acknowledged: Answer | None = None
    ended: Said | None = None  # by which it was over for the desk: acknowledged, normal, shelved, …

    def after(self, stage: str) -> float | None:
        """After how many seconds it had come so far for the first time; None when it has not."""
        if stage == "acknowledged":
            return self.acknowledged.seconds if self.acknowledged is not None else None
        if stage == "told":
            sent = [one.sent for one in self.told if one.sent is not None]
            return _seconds(self.raised.received, min(sent)) if sent else None
        found = self.delivered if stage == Stage.DELIVERED else self.rendered
        return min((one.seconds for one in found if one.seconds is not None), default=None)

    def reached(self, stage: str) -> bool:
        """Whether it has come so far."""
        return bool(
            {
                "delivered": self.delivered, "rendered": self.rendered, "acknowledged": self.acknowledged,
                "told": [one for one in self.told if one.sent is not None],
            }[stage]
        )  # fmt: skip


STAGES: Final = ("delivered", "rendered", "told", "acknowledged")


@dataclass(frozen=True, slots=True)
class Figure:
    """Of so many chains so many came so far, after so many seconds at half and at 99 of 100 of them."""

    chains: int
    reached: int
    p50_s: float | None
    p99_s: float | None


def chains(
    log: Iterable[Said], shown: Sequence[Reached] = (), told: Mapping[str, Sequence[Notice]] | None = None
) -> list[Chain]:
    """
    The chains of a log, in its order. `told`: messages by the transition that they were caused by.

    What a terminal says of a later transition of an alarm is said of the alarm: it may never have painted the first.
    """
    open_: dict[tuple[str, str, str], Chain] = {}
    found: list[Chain] = []
    for one in log:
        place = (one.kind, one.device, one.rule)
        chain = open_.get(place)
        if one.signal in _RAISING and chain is None:
            chain = open_[place] = Chain(one, [], one.state is State.UNACKNOWLEDGED, one.severity)
            found.append(chain)
        if chain is None:
            continue
        chain.transitions.append(one.id)
        chain.severity = max(chain.severity, one.severity)
        chain.attended = chain.attended or one.state is State.UNACKNOWLEDGED
        if one.signal is Signal.ACKNOWLEDGE:
            chain.acknowledged = Answer(one.id, one.who, one.why, one.at, _seconds(chain.raised.received, one.received))
        if one.state not in _WAITS and (chain.attended or one.state is State.NORMAL):
            chain.ended = one
            del open_[place]
    by_transition = {number: chain for chain in found for number in chain.transitions}
    for word in sorted(shown, key=lambda word: word.received):
        chain = by_transition.get(word.transition)
        if chain is not None:
            _reach(chain, word)
    for chain in found:
        for number in chain.transitions:
            chain.told += (told or {}).get(number, [])
    return found


def _reach(chain: Chain, word: Reached) -> None:
    seconds = _seconds(chain.raised.received, word.received)
    into = chain.delivered if word.stage is Stage.DELIVERED else chain.rendered
    into.append(Reached(word.transition, word.terminal, word.stage, word.at, word.received, seconds))


def _seconds(begin: datetime | None, end: datetime | None) -> float | None:
    # Two sessions of ingest bring the two: the second one may be the first to be written down.
    return max(0.0, (end - begin).total_seconds()) if begin is not None and end is not None else None


def figure(found: Iterable[Chain], stage: str) -> Figure:
    """How far these came, and how fast."""
    counted = list(found)
    reached = [chain for chain in counted if chain.reached(stage)]
    times = sorted(seconds for chain in reached if (seconds := chain.after(stage)) is not None)
    return Figure(len(counted), len(reached), _nearest(times, 0.5), _nearest(times, 0.99))


def _nearest(times: Sequence[float], share: float) -> float | None:
    """The nearest rank."""
    return times[max(0, ceil(share * len(times)) - 1)] if times else None
