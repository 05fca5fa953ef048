"""
What is known of the alarms of a range: what people closed them with, or a file of labelled intervals. Pure.

Rule: *false* is what somebody said was the sensor, a test or allowed work, or, with a file, what no interval of danger
covers. What nobody said anything of is unknown.
"""

import re
import tomllib
from collections.abc import Iterable, Sequence
from datetime import datetime
from enum import StrEnum
from typing import Annotated, Any, Final

import msgspec
from msgspec import Meta

from analytics.backtest.course import Came
from telemetry.clock import to_ms
from telemetry.errors import ConfigError


class Verdict(StrEnum):
    """What an alarm was about."""

    DANGER = "danger"
    ALLOWED = "allowed"
    SENSOR = "sensor"
    TEST = "test"
    NOTHING = "nothing"  # the labelled truth has nothing there
    UNKNOWN = "unknown"

    @property
    def false(self) -> bool:
        """Whether nobody needed the alarm."""
        return self in (Verdict.ALLOWED, Verdict.SENSOR, Verdict.TEST, Verdict.NOTHING)


# What a terminal or the desk answers with (`up/response`, cause). That the driver was called says nothing of why.
CAUSES: Final = {
    "stopped": Verdict.DANGER, "danger": Verdict.DANGER, "sensor": Verdict.SENSOR, "test": Verdict.TEST,
    "allowed": Verdict.ALLOWED, "allowed_work": Verdict.ALLOWED,
}  # fmt: skip


_HEADER: Final = re.compile(r"^[ \t]*(\[\[)[ \t]*[\"']?interval[\"']?[ \t]*\]\]", re.MULTILINE)


class Answer(msgspec.Struct, frozen=True):
    """What a person answered to an alarm; `at` is Unix ms."""

    at: int
    rule: str | None
    transition: str | None
    cause: str | None


def said(came: Sequence[Came], answers: Iterable[Answer], at_of: dict[str, tuple[str, int]]) -> dict[int, Verdict]:
    """
    By the place of an alarm in `came` what a person closed it with; the last one counts.

    at_of: the rule and time of a transition, by its id.
    """
    found: dict[int, Verdict] = {}
    for answer in sorted(answers, key=lambda one: one.at):
        verdict = CAUSES.get(answer.cause or "")
        rule, at = at_of.get(answer.transition or "", (answer.rule, answer.at))
        mine = [n for n, one in enumerate(came) if one.rule == rule and one.at <= at]
        if verdict is not None and mine:
            found[max(mine, key=lambda n: came[n].at)] = verdict
    return found


class Interval(msgspec.Struct, frozen=True, forbid_unknown_fields=True, rename={"begin": "from", "end": "to"}):
    """`[[interval]]` of a file of truth. Without rules it is about all of them."""

    device: Annotated[str, Meta(pattern=r"^[a-z0-9-]{1,64}\Z")]
    begin: Annotated[datetime, Meta(tz=True)]
    end: Annotated[datetime, Meta(tz=True)]
    rules: list[str] = []
    kind: str | None = None
    verdict: Verdict = Verdict.DANGER
    what: str = ""

    def covers(self, kind: str, device: str, alarm: Came) -> bool:
        """Whether the alarm is about this: it was on at some time of the interval."""
        if self.device != device or self.kind not in (None, kind) or (self.rules and alarm.rule not in self.rules):
            return False
        return alarm.at <= to_ms(self.end) and (alarm.until is None or alarm.until >= to_ms(self.begin))


def labelled(intervals: Iterable[Interval], kind: str, device: str, alarm: Came) -> Verdict:
    """What the labelled truth says of an alarm: the danger, where it is covered by that and by something else."""
    found = [one.verdict for one in intervals if one.covers(kind, device, alarm)]
    return Verdict.DANGER if Verdict.DANGER in found else found[0] if found else Verdict.NOTHING


def read(text: str, of: str) -> list[Interval]:
    """The intervals of a TOML text. Raises ConfigError with file and line."""
    try:
        raw: dict[str, Any] = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise ConfigError(f"{of}: {error}") from error
    unknown = sorted(set(raw) - {"interval"})
    if unknown or not isinstance(raw.get("interval", []), list):
        raise ConfigError(f"{of}: {', '.join(unknown) or 'interval'}: there is only [[interval]]")
    lines = [text.count("\n", 0, header.start(1)) + 1 for header in _HEADER.finditer(text)]
    found: list[Interval] = []
    for n, one in enumerate(raw.get("interval", [])):
        where = f"{of}, line {lines[n]}" if n < len(lines) else of
        try:
            interval = msgspec.convert(one, Interval)
        except msgspec.ValidationError as error:
            raise ConfigError(f"{where}: {error}") from error
        if interval.end <= interval.begin:
            raise ConfigError(f"{where}: it ends before it begins")
        found.append(interval)
    return found
