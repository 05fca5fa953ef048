"""One thing that an import would change, and what that does to alarms, in people's words."""

from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final

import msgspec


class Verdict(StrEnum):
    """What a change does."""

    RETIRED = "retired"
    LOOSENED = "loosened"
    REMOVED = "removed"
    JUDGE = "judge"  # a person has to say
    TIGHTENED = "tightened"
    ADDED = "added"
    CHANGED = "changed"


WORDS: Final[dict[Verdict, tuple[str, str]]] = {
    Verdict.RETIRED: ("退出监测", "TAKEN OUT OF MONITORING"),
    Verdict.LOOSENED: ("放宽", "LOOSENED"),
    Verdict.REMOVED: ("删除", "removed"),
    Verdict.JUDGE: ("请人工判断", "judge it yourself"),
    Verdict.TIGHTENED: ("收紧", "tightened"),
    Verdict.ADDED: ("新增", "new"),
    Verdict.CHANGED: ("更改", "changed"),
}
DANGER: Final = ("涉及生命安全", "LIFE-SAFETY")


@dataclass(frozen=True, slots=True)
class Change:
    """One thing that differs; `what` names it, `old` and `new` are empty where there is nothing."""

    what: str
    old: str
    new: str
    verdict: Verdict
    dangerous: bool = False

    def words(self) -> tuple[str, str]:
        """What it does, in Chinese and English."""
        zh, en = WORDS[self.verdict]
        return (f"{zh}（{DANGER[0]}）", f"{en}, {DANGER[1]}") if self.dangerous else (zh, en)


def shown(value: Any) -> str:
    """A value for a person; empty for what is not there."""
    match value:
        case None | "" | [] | {}:
            return ""
        case bool():
            return "true" if value else "false"
        case float():
            return f"{value:g}"
        case tuple() | list():
            return ", ".join(shown(one) for one in value)
        case dict():
            return ", ".join(f"{key} {shown(one)}" for key, one in value.items())
        case msgspec.Struct():
            return shown(msgspec.to_builtins(value, builtin_types=()))
        case _:
            return str(value)


def plain(what: str, old: Any, new: Any) -> Iterator[Change]:
    """A change that moves no alarm."""
    if old != new:
        verdict = Verdict.ADDED if old in (None, [], {}, "") else Verdict.CHANGED
        yield Change(what, shown(old), shown(new), Verdict.REMOVED if new in (None, [], {}, "") else verdict)


def judged(what: str, old: Any, new: Any, *, dangerous: bool = False) -> Iterator[Change]:
    """A change that may move an alarm, and nobody here can say which way."""
    if old != new:
        yield Change(what, shown(old), shown(new), Verdict.JUDGE, dangerous)
