"""
What is written down about a rule, once: what it means, what it needs, what it says, and what a person should do.

Rule 1: numbers are not here but in the profiles; words are not in the profiles but here.
Rule 2: a sentence is what, number, limit; the action is one thing to do. No rule names, no codes; nothing says safe or
protected: the limiter is in the crane, not in our screen.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from telemetry.kinds import KINDS
from telemetry.model import Severity
from telemetry.wire.payloads import Words

FIVE_HZ: Final = 200  # ms between samples
ONE_HZ: Final = 1_050  # a second, and the jitter of a device's timer


@dataclass(frozen=True, slots=True)
class Say:
    """
    A sentence and its action. `{value}` and `{limit}` come with their unit; `{detail}` is what the kind adds, such as
    the channel; `tail` is added, with `{minutes}`, when the time to the limit is known.
    """

    zh: str
    en: str
    do_zh: str
    do_en: str
    tail_zh: str = ""
    tail_en: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Needs:
    """
    Without these a rule is not monitored: channels (all of `every`, one of `either`), at least one sample in
    `slowest_ms`, what must be configured (fields of a device's or its site's configuration), and what must be learned.
    """

    every: tuple[str, ...] = ()
    either: tuple[str, ...] = ()
    slowest_ms: int | None = None
    config: tuple[str, ...] = ()
    learned: str = ""  # what the engine must have learned of the device first


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """
    One rule of one kind. `figure`: its value is a quantity that people read, also when it is over. `long`: it depends
    on more than the last half hour, so that a review that begins in the middle of a life does not judge it.
    """

    zh: str
    en: str
    meaning: Words
    says: dict[Severity, Say]
    needs: Needs = Needs()
    figure: bool = True
    long: bool = False

    def say(self, level: Severity) -> Say:
        """What is said at a level: the words of the highest that is not above it, else of the mildest."""
        below = [severity for severity in self.says if severity <= level]
        return self.says[max(below)] if below else self.says[min(self.says)]


def named(channels: Sequence[str], kind: str = "crane") -> tuple[str, str] | None:
    """The names of channels, zh and en; None of none."""
    found = [KINDS[kind].channel(name) for name in channels]
    return ("、".join(one.zh for one in found), ", ".join(one.en for one in found)) if found else None


def flagged(channels: Sequence[str], flags: int, kind: str = "crane") -> tuple[str, str] | None:
    """The names of those whose bit is set, the first one's the lowest, zh and en; None of none."""
    return named([name for k, name in enumerate(channels) if flags >> k & 1], kind)
