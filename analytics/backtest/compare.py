"""
Two courses of one device held against each other: what came as before, earlier, later, only then, only now. Pure.

Rule 1: alarms are paired one to one in order of time, when they overlap or are less than `NEAR_MS` apart. What is left
and lies within an alarm of the other side that is paired already is no alarm lost or won: one has become two, or two
have become one.
Rule 2: a life-safety alarm is *missing* when nothing of its rule is on at the severity of an alarm, on the other side,
from `NEAR_MS` before it to `NEAR_MS` behind it.
Rule 3: whether an alarm was false is what a person said, or the labelled truth. What nobody said is *unknown*, and
counted as that.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from analytics.backtest.course import Came
from telemetry.model import Severity

NEAR_MS: Final = 60_000


class Became(StrEnum):
    """What an alarm becomes under the other profile."""

    SAME = "same"
    EARLIER = "earlier"
    LATER = "later"
    ONLY_THEN = "only_then"
    ONLY_NOW = "only_now"
    JOINED = "joined"  # it is a part of another one now
    SPLIT = "split"  # it was a part of another one then


@dataclass(frozen=True, slots=True)
class Pair:
    """An alarm then, an alarm now, or both."""

    then: Came | None
    now: Came | None
    became: Became

    @property
    def rule(self) -> str:
        """The rule that both are of."""
        one = self.then or self.now
        return one.rule if one is not None else ""

    @property
    def at(self) -> int:
        """When the first of the two came, Unix ms."""
        return min(one.at for one in (self.then, self.now) if one is not None)

    @property
    def shift_s(self) -> float | None:
        """Seconds by which it comes later now, at the highest step that both reach; None without a pair."""
        moved = shift_ms(self.then, self.now)
        return None if moved is None else moved / 1000

    @property
    def rises(self) -> int:
        """1 when it rises further now, -1 when less far, 0 when as far."""
        if self.then is None or self.now is None:
            return 0
        return (self.now.severity > self.then.severity) - (self.now.severity < self.then.severity)


def shift_ms(then: Came | None, now: Came | None) -> int | None:
    """How much later the second reached the highest step that both reached; without a common step, how much it came."""
    if then is None or now is None:
        return None
    common = then.steps.keys() & now.steps.keys()
    step = max(common, default=None)
    return now.at - then.at if step is None else now.steps[step] - then.steps[step]


def pairs(then: Sequence[Came], now: Sequence[Came]) -> list[Pair]:
    """All alarms of both, in order of time."""
    found: list[Pair] = []
    for rule in dict.fromkeys(one.rule for one in (*then, *now)):
        found += _of_rule([one for one in then if one.rule == rule], [one for one in now if one.rule == rule])
    return sorted(found, key=lambda pair: (pair.at, pair.rule))


def _of_rule(then: list[Came], now: list[Came]) -> list[Pair]:
    found: list[Pair] = []
    free = sorted(now, key=lambda one: one.at)
    alone: list[Came] = []
    taken: list[Came] = []
    for before in sorted(then, key=lambda one: one.at):
        # The one that it overlaps comes before the one that it is near to.
        near = [one for one in free if _apart(before, one) <= NEAR_MS]
        other = min(near, key=lambda one: (_apart(before, one), abs(one.at - before.at)), default=None)
        if other is None:
            alone.append(before)
            continue
        free.remove(other)
        taken.append(other)
        moved = shift_ms(before, other) or 0
        became = Became.LATER if moved > 0 else Became.EARLIER if moved < 0 else Became.SAME
        found.append(Pair(before, other, became))
    for before in alone:
        within = any(_apart(before, one) == 0 for one in taken)
        found.append(Pair(before, None, Became.JOINED if within else Became.ONLY_THEN))
    for after in free:
        within = any(pair.then is not None and pair.now is not None and _apart(pair.then, after) == 0 for pair in found)
        found.append(Pair(None, after, Became.SPLIT if within else Became.ONLY_NOW))
    return found


def _apart(one: Came, other: Came) -> float:
    """Ms between two alarms, 0 when they overlap."""
    first, second = sorted((one, other), key=lambda came: came.at)
    end = float("inf") if first.until is None else first.until
    return max(0.0, second.at - end)


def missing(then: Sequence[Came], now: Sequence[Came]) -> list[Came]:
    """Life-safety alarms that came then and would not come now, by time."""
    found: list[Came] = []
    for one in then:
        reached = one.steps_at(Severity.ALARM)
        if reached is None or not one.life_safety:
            continue
        last = (one.until if one.until is not None else reached) + NEAR_MS
        if not any(other.rule == one.rule and other.on(Severity.ALARM, reached - NEAR_MS, last) for other in now):
            found.append(one)
    return sorted(found, key=lambda one: (one.at, one.rule))
