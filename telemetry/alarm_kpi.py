"""
How good an alarm system is to the people who hear it: the figures of ANSI/ISA-18.2, IEC 62682 and EEMUA 191. Pure.

Rule 1: two listeners, two budgets. The desk's is of lines (`figures`), the cab's of sound (`CAB_S_PER_HOUR`).
Rule 2: only what a person was told of counts: not what was suppressed, shelved or found by a later review.
Rule 3: a target is what public presentations of these standards give (domain reference 4.3); those are marked below
that nobody here has read in the standard itself.
"""

from collections import Counter, defaultdict, deque
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from statistics import median
from typing import Final

from telemetry.model import PROOF_RULES, Priority, Severity, Signal, State, priority

TEN_MIN_MS: Final = 600_000
MINUTE_MS: Final = 60_000
DAY_MS: Final = 86_400_000
FLOOD_BEGINS: Final = 10  # more than so many in ten minutes
FLOOD_ENDS: Final = 5  # fewer than so many; from memory, unverified
CHATTERS: Final = 3  # in a minute; from memory, unverified
FLEETING_MS: Final = 10_000  # over before anybody could answer: cranewatch proposal
TOP: Final = 10
RUBBER_MS: Final = 3_000  # acknowledged faster than it can be read (product review 2.2)
RUBBER_MANY: Final = 5  # or so many within RUBBER_WITHIN_MS
RUBBER_WITHIN_MS: Final = 10_000
CAB_S_PER_HOUR: Final = 10.0  # of sound, on a legal heavy shift (product review 2.1 no. 15)

# What each figure should not exceed.
TARGETS: Final[dict[str, float]] = {
    "per_10_min": 1.0,
    "per_day": 150.0,  # from memory, unverified
    "peak_10_min": 10.0,
    "over_10_share": 0.01,  # from memory, unverified
    "flood_share": 0.01,  # from memory, unverified
    "chattering": 0.0,
    "stale": 5.0,
    "standing": 10.0,
    "high_share": 0.05,
    "top_share": 0.05,  # from memory, unverified
    "rubber_stamp_share": 0.05,  # cranewatch proposal
}
_TOLD: Final = frozenset({Signal.RAISE, Signal.ESCALATE, Signal.UNSUPPRESS, Signal.RE_ALARM})
_ACTIVE: Final = frozenset({State.UNACKNOWLEDGED, State.ACKNOWLEDGED})
_WAITS: Final = frozenset({State.UNACKNOWLEDGED, State.RETURNED, State.LATCHED_UNACKNOWLEDGED})

Place = tuple[str, str, str]  # kind, device, rule


@dataclass(frozen=True, slots=True)
class Said:
    """One transition of the log; `at` in Unix ms. `previous` is the state before, `who` a person who answered."""

    at: int
    place: Place
    signal: Signal
    previous: State
    state: State
    severity: Severity
    life_safety: bool
    who: str | None = None


@dataclass(frozen=True, slots=True)
class Contributor:
    """An alarm that says much: how often, and its share of everything."""

    place: Place
    times: int
    share: float


@dataclass(frozen=True, slots=True)
class Person:
    """How one person acknowledges; times in seconds."""

    who: str
    acknowledged: int
    median_s: float
    rubber_stamps: int


@dataclass(frozen=True)
class Figures:
    """
    What a desk was told from `begin` to `end` (Unix ms); times in seconds, shares from 0 to 1.

    per_10_min, per_hour, per_day: means; peak_10_min: the most within any ten minutes; over_10_share: of the ten-minute
    periods with more than ten; flood_share: of the time; chattering: alarms raised three times in a minute, with the
    most in one; fleeting: over within ten seconds; stale: on for more than a day at the end; standing: on at the end;
    priorities: how many of each; acknowledged, median_s, p90_s, worst_s: how long they waited; waiting: nobody has
    acknowledged them at the end.
    """

    begin: int
    end: int
    annunciated: int = 0
    per_10_min: float = 0.0
    per_hour: float = 0.0
    per_day: float = 0.0
    peak_10_min: int = 0
    over_10_share: float = 0.0
    flood_share: float = 0.0
    chattering: list[tuple[Place, int]] = field(default_factory=list)
    fleeting: int = 0
    stale: int = 0
    standing: int = 0
    priorities: dict[Priority, int] = field(default_factory=dict)
    acknowledged: int = 0
    median_s: float | None = None
    p90_s: float | None = None
    worst_s: float | None = None
    waiting: int = 0
    top: list[Contributor] = field(default_factory=list)
    people: list[Person] = field(default_factory=list)

    @property
    def high_share(self) -> float:
        """The share of priority high."""
        return self.priorities.get(Priority.HIGH, 0) / self.annunciated if self.annunciated else 0.0

    @property
    def top_share(self) -> float:
        """The share of the ten that say most."""
        return sum(one.share for one in self.top)

    @property
    def rubber_stamp_share(self) -> float:
        """The share of acknowledgements that nobody can have thought about."""
        return sum(one.rubber_stamps for one in self.people) / self.acknowledged if self.acknowledged else 0.0

    def beyond(self) -> list[str]:
        """The figures that miss their target, by name."""
        values = {name: getattr(self, name) for name in TARGETS}
        values["chattering"] = len(self.chattering)
        return [name for name, target in TARGETS.items() if values[name] > target]


def figures(log: Sequence[Said], begin: int, end: int) -> Figures:
    """
    The figures of a log from `begin` to `end`, in order of time; what stands before `begin` says what was on then.

    Raises ValueError for a span that ends before it begins.
    """
    if end <= begin:
        raise ValueError("the span ends before it begins")
    log = [one for one in log if one.place[2] not in PROOF_RULES]
    told = [one for one in log if begin <= one.at < end and annunciated(one)]
    times = [one.at for one in told]
    states, since = _at_end(log, end)
    answers, people = _answers(log, begin, end)
    waits = sorted(answers)
    counted = Counter(one.place for one in told)
    total = len(told)
    return Figures(
        begin=begin, end=end, annunciated=total,
        per_10_min=total / ((end - begin) / TEN_MIN_MS),
        per_hour=total / ((end - begin) / 3_600_000),
        per_day=total / ((end - begin) / DAY_MS),
        peak_10_min=_peak(times, TEN_MIN_MS),
        over_10_share=_over(times, begin, end),
        flood_share=_flooded(times, begin, end) / (end - begin),
        chattering=_chattering(told),
        fleeting=_fleeting(log, begin, end),
        stale=sum(state in _ACTIVE and end - since[place] > DAY_MS for place, state in states.items()),
        standing=sum(state in _ACTIVE for state in states.values()),
        priorities=dict(Counter(priority(one.severity, life_safety=one.life_safety) for one in told)),
        acknowledged=len(waits),
        median_s=median(waits) if waits else None,
        p90_s=waits[max(0, -(-9 * len(waits) // 10) - 1)] if waits else None,
        worst_s=waits[-1] if waits else None,
        waiting=sum(state in _WAITS for state in states.values()),
        top=[Contributor(place, times_, times_ / total) for place, times_ in counted.most_common(TOP)],
        people=people,
    )  # fmt: skip


def annunciated(one: Said) -> bool:
    """Whether the desk was told something new, that it has to answer; a test is none."""
    return one.signal in _TOLD and one.state is State.UNACKNOWLEDGED and one.place[2] not in PROOF_RULES


def _peak(times: Sequence[int], width: int) -> int:
    """The most of these times (rising, ms) within `width`."""
    most, first = 0, 0
    for last, at in enumerate(times):
        while at - times[first] >= width:
            first += 1
        most = max(most, last - first + 1)
    return most


def _over(times: Sequence[int], begin: int, end: int) -> float:
    """The share of ten-minute periods from `begin` on with more than ten."""
    periods = -(-(end - begin) // TEN_MIN_MS)
    counted = Counter((at - begin) // TEN_MIN_MS for at in times)
    return sum(n > FLOOD_BEGINS for n in counted.values()) / periods


def _flooded(times: Sequence[int], begin: int, end: int) -> int:
    """For how long (ms) there was a flood: from more than ten in ten minutes until fewer than five."""
    lately: deque[int] = deque()
    since: int | None = None
    lasted = 0
    # Every moment when the count of the last ten minutes changes: one more, or one that is too old.
    moments = sorted([(at, 1) for at in times] + [(at + TEN_MIN_MS, -1) for at in times])
    for at, step in moments:
        if at >= end:
            break
        if step > 0:
            lately.append(at)
        else:
            lately.popleft()
        if since is None and len(lately) > FLOOD_BEGINS:
            since = at
        elif since is not None and len(lately) < FLOOD_ENDS:
            lasted += at - since
            since = None
    return lasted + (end - max(since, begin) if since is not None else 0)


def _chattering(told: Iterable[Said]) -> list[tuple[Place, int]]:
    by_place: dict[Place, list[int]] = defaultdict(list)
    for one in told:
        by_place[one.place].append(one.at)
    found = [(place, _peak(times, MINUTE_MS)) for place, times in by_place.items()]
    return sorted(((place, n) for place, n in found if n >= CHATTERS), key=lambda one: (-one[1], one[0]))


def _fleeting(log: Iterable[Said], begin: int, end: int) -> int:
    raised: dict[Place, int] = {}
    found = 0
    for one in log:
        if annunciated(one):
            raised[one.place] = one.at
        elif one.signal is Signal.CLEAR and one.place in raised:
            at = raised.pop(one.place)
            found += begin <= at < end and one.at - at <= FLEETING_MS
    return found


def _at_end(log: Iterable[Said], end: int) -> tuple[dict[Place, State], dict[Place, int]]:
    """The state of every alarm at the end, and since when its condition has held."""
    states: dict[Place, State] = {}
    since: dict[Place, int] = {}
    for one in log:
        if one.at >= end:
            break
        if states.get(one.place, State.NORMAL) not in _ACTIVE and one.state in _ACTIVE:
            since[one.place] = one.at
        states[one.place] = one.state
    return states, since


def _answers(log: Iterable[Said], begin: int, end: int) -> tuple[list[float], list[Person]]:
    """How long (s) what was acknowledged in this span had waited; and how each person did it."""
    waits_since: dict[Place, int] = {}
    waited: list[float] = []
    by_person: dict[str, list[tuple[int, float]]] = defaultdict(list)
    for one in log:
        if one.at >= end:
            break
        if annunciated(one):
            waits_since[one.place] = one.at
        elif one.signal is Signal.ACKNOWLEDGE and one.place in waits_since:
            seconds = max(0, one.at - waits_since.pop(one.place)) / 1000
            if one.at >= begin:
                waited.append(seconds)
                by_person[one.who or ""].append((one.at, seconds))
        elif one.state is State.NORMAL:
            waits_since.pop(one.place, None)
    people = [
        Person(who, len(answers), median(seconds for _, seconds in answers), _rubber(answers))
        for who, answers in sorted(by_person.items())
    ]
    return waited, people


def _rubber(answers: Sequence[tuple[int, float]]) -> int:
    """How many of a person's answers (when, after how long) were stamped: too fast to read, or many at once."""
    times = [at for at, _ in answers]
    stamped = 0
    for at, seconds in answers:
        near = max(
            sum(start <= other < start + RUBBER_WITHIN_MS for other in times)
            for start in times
            if at - RUBBER_WITHIN_MS < start <= at
        )
        stamped += seconds * 1000 < RUBBER_MS or near >= RUBBER_MANY
    return stamped
