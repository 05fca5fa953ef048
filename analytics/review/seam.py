"""
What late frames change in the log of alarms. Pure.

The same engine runs from `HORIZON_MS` before the first late frame over all that is stored, until at least as long
behind the last one every rule is in the state that the log has. In front of the first late frame the alarms are put
into the state that the log has there, so that nothing before it is judged again.

Rule 1: a transition whose id the log does not have is added; one of the log that does not come again is annotated.
Rule 2: what nobody was told of waits for nobody to acknowledge it (`Replay.heard`).
Rule 3: a rule with a longer memory than that (an envelope learned over weeks) is judged only from the first frame on.
Rule 4: a review that ends because nothing more is stored is not settled, and is done again from the same place.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from typing import Final, NamedTuple

import msgspec
import numpy as np

from analytics import adoption, hung
from analytics.replay import History, Place, Ranges, Replay, Told, steps, within
from analytics.review.lifts import Compared, Known, compare
from analytics.rulebook import LONG
from telemetry.model import Origin, Severity, Signal, State
from telemetry.wire.payloads import Finding, Terms, Transition

# The longest window that a condition looks at is the trend's, 20 min; the longest delay is minutes.
HORIZON_MS: Final = 30 * 60_000
DAY_MS: Final = 86_400_000
AT_ONCE: Final = 64


class Logged(NamedTuple):
    """A transition of the log, and what the last review said of it."""

    transition: Transition
    changed: Transition | None = None  # as that review had it
    denied: bool = False  # that review did not reproduce it

    @property
    def effective(self) -> Transition:
        """As it stands."""
        return self.changed or self.transition


@dataclass(frozen=True)
class Reviewed:
    """What a review found. Lists are in the device's order."""

    added: list[Transition]  # with origin `review`
    not_reproduced: list[str]
    changed: list[Transition]
    agreed: list[str]  # annotated by an earlier review, and not any more
    settled: bool
    samples: int
    first_ms: int | None
    last_ms: int | None
    finding: Finding | None
    cycles: Compared = field(default_factory=Compared)


class Log:
    """The log of one device: derived transitions and answers about rules on readings, each with its place."""

    def __init__(self, history: History, entries: Iterable[Logged]) -> None:
        self._entries: list[tuple[Place, int, Logged]] = []
        for entry in entries:
            transition = entry.transition
            if transition.observed:
                place = history.place(*transition.after) if transition.after is not None else None
                behind = 1 << 31
            else:
                place = history.place(transition.cause.boot, transition.cause.seq)
                behind = transition.cause.i or 0
            if place is not None:
                self._entries.append((place, behind, entry))
        self._entries.sort(key=lambda one: one[:2])

    def without(self, rules: frozenset[str]) -> "Log":
        """The same without these rules."""
        kept = Log.__new__(Log)
        kept._entries = [one for one in self._entries if one[2].transition.rule not in rules]
        return kept

    def states(self, before: Place, *, included: bool = False) -> dict[str, Transition]:
        """By rule the last transition that stands, in front of a frame, or behind it when that is `included`."""
        found: dict[str, Transition] = {}
        for place, _, entry in self._entries:
            if place > before or (place == before and not included):
                break
            if not entry.denied:
                found[entry.transition.rule] = entry.effective
        return found

    def derived(self, first: Place, last: Place) -> list[Logged]:
        """What was decided at these frames, both included."""
        return [entry for place, _, entry in self._entries if first <= place <= last and not entry.transition.observed]

    def heard(self) -> set[str]:
        """Everything that was annunciated."""
        return {e.transition.id for _, _, e in self._entries if e.transition.origin is Origin.LIVE}


def begin_ms(log: Iterable[Logged], late_ms: int) -> int:
    """
    From which device time on (Unix ms) the history is wanted, when the first late frame is of `late_ms`.

    A window before it, and further back to where no alarm was active, for at most a day: an alarm that is active keeps
    the limits that it was raised with, which are not in the log.
    """
    begin = late_ms - HORIZON_MS
    active: dict[str, int] = {}
    for entry in sorted(log, key=lambda entry: entry.effective.at):
        one = entry.effective
        if one.at > begin:
            break
        if one.state in adoption.QUIET:
            active.pop(one.rule, None)
        else:
            active.setdefault(one.rule, one.at)
    return max(min([begin, *(since - HORIZON_MS for since in active.values())]), begin - DAY_MS)


def review(
    history: History,
    log: Sequence[Logged],
    late: Ranges,
    starts: Sequence[tuple[str, int]] = (),
    *,
    whole: bool,
    cycles: Sequence[Known] = (),
) -> Reviewed | None:
    """
    Review these late frames, and what was evaluated without memory behind `starts` (boot and seq).

    `whole`: the history begins with the device's first frame. None when nothing of it is in the history.
    Raises ConfigError when the device's terms cannot be applied any more.
    """
    told = Log(history, log)
    unjudged: frozenset[str] = frozenset() if whole else LONG[history.key[1]]
    player = Replay(history.key, told.heard(), history.profiles)
    order = list(steps(history))
    is_late = [isinstance(step, Told) and within(late, step.frame) for _, step in order]
    for begun in (history.place(*start) for start in starts):
        # The first frame that was evaluated without memory; all behind it are, for as long as a window is long.
        where = (n for n, (place, step) in enumerate(order) if isinstance(step, Told) and begun and place > begun)
        if (n := next(where, None)) is not None:
            is_late[n] = True
    if True not in is_late:
        return None
    begin, end = is_late.index(True), len(order) - 1 - is_late[::-1].index(True)
    # Terms and answers right in front of the first late frame belong to what was before it.
    first, last = order[begin][0], order[end][0]
    first_frame = next(place for place, step in order if isinstance(step, Told))
    if not whole:
        _begin_at(player, history, told, first_frame)
    _play(player, [step for _, step in order[:begin]])
    fleet = player.engine.fleets[history.key[1]]
    adoption.assume(player.engine.annunciator, fleet, history.key, told.states(first))
    before = len(player.cycles)
    found = _play(player, [step for _, step in order[begin : end + 1]])
    row = fleet.row(history.key[0], history.key[2])
    bound = int(fleet.table["line"][row]) + HORIZON_MS
    at, settled = end + 1, False
    while at < len(order) and not settled:
        part = order[at : at + AT_ONCE]
        found += _play(player, [step for _, step in part])
        at += len(part)
        last = part[-1][0]
        settled = int(fleet.table["line"][row]) >= bound and _agree(player, told.states(last, included=True), unjudged)
    found = [transition for transition in found if transition.rule not in unjudged]
    frames = [step.frame for _, step in order[:at] if isinstance(step, Told)]
    times = [sample.ts for frame in frames for sample in frame.samples or (frame,)]
    lifts = compare(
        history, cycles, player.cycles[before:], (first, last), since=None if whole else first_frame,
        open_id=hung.under_way(fleet.table, row, history.key) if history.key[1] == "crane" else None,
    )  # fmt: skip
    result = _compare(
        player, told.without(unjudged).derived(first, last), found, settled, [ts for ts in times if ts is not None]
    )
    return replace(result, cycles=lifts)


def _begin_at(player: Replay, history: History, told: Log, first: Place) -> None:
    """In the middle of a life: under the terms and with the alarms of that place, on its line of time."""
    under: Terms | None = None
    for place, terms in history.under():
        if place < first:
            under = terms
    if under is not None:
        player.take(under)
    fleet = player.engine.fleets[history.key[1]]
    adoption.assume(player.engine.annunciator, fleet, history.key, told.states(first))
    if under is not None and under.line_ms:
        player.shift(under.line_ms)


def _play(player: Replay, part: Iterable[Told | Terms | Transition]) -> list[Transition]:
    found: list[Transition] = []
    frames: list[Told] = []
    for step in part:
        if isinstance(step, Told):
            frames.append(step)
            continue
        found += player.feed(frames)
        frames.clear()
        player.take(step)
    return found + player.feed(frames)


def _agree(player: Replay, states: dict[str, Transition], unjudged: frozenset[str]) -> bool:
    """Whether every rule is in the state that the log has."""
    key = player.key
    rules = player.engine.fleets[key[1]].limits[player.engine.fleets[key[1]].row(key[0], key[2])].rules
    for rule in set(rules) - unjudged:
        record = player.engine.annunciator.record(key, rule)
        known = states.get(rule)
        if (record.state if record else State.NORMAL) is not (known.state if known else State.NORMAL):
            return False
    return True


def _compare(
    player: Replay, logged: list[Logged], found: list[Transition], settled: bool, times: list[int]
) -> Reviewed:
    again = {transition.id: transition for transition in found}
    known = {entry.transition.id for entry in logged}
    added = [msgspec.structs.replace(t, origin=Origin.REVIEW) for t in again.values() if t.id not in known]
    changed: list[Transition] = []
    agreed: list[str] = []
    missed: list[str] = []
    for entry in logged:
        one = again.get(entry.transition.id)
        if one is None:
            if not entry.denied:
                missed.append(entry.transition.id)
            continue
        now = msgspec.structs.replace(one, origin=entry.transition.origin)
        if now == entry.transition:
            if entry.denied or entry.changed is not None:
                agreed.append(now.id)
        elif entry.denied or now != entry.changed:
            changed.append(now)
    return Reviewed(
        added=added,
        not_reproduced=missed,
        changed=changed,
        agreed=agreed,
        settled=settled,
        samples=len(times),
        first_ms=int(np.min(times)) if times else None,
        last_ms=int(np.max(times)) if times else None,
        finding=_worst(player, added),
    )


def _worst(player: Replay, added: list[Transition]) -> Finding | None:
    """What a person must hear of although it is over: the worst raise that nobody was told of."""
    raises = [t for t in added if t.signal in (Signal.RAISE, Signal.ESCALATE) and t.severity >= Severity.ALARM]
    if not raises:
        return None
    worst = max(raises, key=lambda t: (t.life_safety, t.severity, t.at))
    record = player.engine.annunciator.record(player.key, worst.rule)
    return Finding(
        transition=worst.id, rule=worst.rule, severity=worst.severity, at=worst.at, text=worst.text,
        life_safety=worst.life_safety, holds=record is not None and record.level > Severity.NONE,
    )  # fmt: skip
