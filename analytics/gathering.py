"""
One alarm at the desk instead of twenty: a bay for its posts, a site for its silent devices, a flood for what is in it.

Rule 1: this decides who speaks for whom, and raises and ends the alarm that speaks; what that means is in `parents`.
Rule 2: all of it is observed: decided at a tick, from alarms that are there already.
"""

from collections.abc import Callable, Sequence
from typing import Any, Final, NamedTuple

import msgspec

from analytics import findings, parents
from analytics.alarm_record import Facts, Record
from analytics.annunciator import Annunciator
from analytics.identity import DeviceKey
from telemetry.model import Severity, State
from telemetry.wire.payloads import Cause, Words

MANY: Final = 3  # of one rule make it the parent's (product review 2.1 no. 13)
_COUNTED: Final = (State.UNACKNOWLEDGED, State.ACKNOWLEDGED)


class Child(NamedTuple):
    """A device whose alarm may be spoken for; `name` is what people call it."""

    key: DeviceKey
    name: str


class Parent(NamedTuple):
    """Who speaks, and how: its words from the worst child's words, that child's name and how many there are."""

    key: DeviceKey
    words: Callable[[Words | None, str, int], Words]
    fewer: Words  # when it ends
    bay: str | None = None


class Gathering:
    """Who is spoken for at the desk, and whom the desk was told so of; state of the snapshot."""

    def __init__(self, annunciator: Annunciator) -> None:
        self._annunciator = annunciator
        self.quiet: set[tuple[DeviceKey, str]] = set()  # alarms that the desk was told another speaks for

    def gather(self, parent: Parent, rule: str, children: Sequence[Child], now: int) -> None:
        """One rule of a parent at a tick: raised over three children or more, ended below."""
        annunciator = self._annunciator
        found: list[tuple[int, Child, Record]] = []
        for place, child in enumerate(children):
            record = annunciator.record(child.key, rule)
            if record is not None and record.level >= Severity.PREWARNING and record.state in _COUNTED:
                found.append((place, child, record))
        own = annunciator.record(parent.key, rule)
        if len(found) < MANY:
            if own is not None and own.level > Severity.NONE:
                # First the children speak for themselves again, then the parent is quiet.
                for _, child, _ in found:
                    annunciator.tell_again(child.key, rule)
                facts = Facts(
                    at=now, cause=Cause(tick=now), key=f"{rule}:NONE:{now}", observed=True, bay=parent.bay,
                    hazard=own.facts.hazard, life_safety=own.facts.life_safety, text=parent.fewer,
                )  # fmt: skip
                findings.clear(annunciator, parent.key, rule, facts)
            return
        _, first, worst = max(found, key=lambda one: (one[2].level, one[2].facts.value or 0.0, -one[0]))
        facts = msgspec.structs.replace(
            worst.facts, at=now, cause=Cause(tick=now), key=f"{rule}:{worst.level.name}:{now}", observed=True,
            text=parent.words(worst.facts.text, first.name, len(found)), config=None,
            life_safety=any(record.facts.life_safety for _, _, record in found),
            desk=any(record.facts.desk for _, _, record in found), hold=False, latch=False, lift=None, told=True,
            bay=parent.bay, posts=len(found),
        )  # fmt: skip
        if own is None or own.level is not worst.level:
            annunciator.condition(parent.key, rule, worst.level, facts)
        elif own.facts.text != facts.text:
            own.facts.text, own.facts.value, own.facts.posts = facts.text, facts.value, facts.posts
            annunciator.tell_again(parent.key, rule)
        speaks = annunciator.record(parent.key, rule)
        for _, child, record in found:
            if speaks is not None and parents.may_join(speaks, record):
                self.join(child.key, rule, record, parent.key, rule)

    def join(self, key: DeviceKey, rule: str, child: Record, parent: DeviceKey, by: str) -> None:
        """A parent's alarm `by` speaks for this one, as it stands, from now on."""
        self._annunciator.spoken[key, rule] = (parent, by, child.raised)

    def tell(self) -> None:
        """Alarms that have got somebody who speaks for them, or have lost them, are told of again."""
        annunciator = self._annunciator
        for place in [place for place in annunciator.spoken if self._over(place)]:
            del annunciator.spoken[place]
        quiet = {
            place for place in annunciator.spoken if parents.speaker(annunciator.records, annunciator.spoken, *place)
        }
        for key, rule in sorted(quiet ^ self.quiet):
            annunciator.tell_again(key, rule)
        self.quiet = quiet

    def _over(self, place: tuple[DeviceKey, str]) -> bool:
        by, rule, raised = self._annunciator.spoken[place]
        child, parent = self._annunciator.record(*place), self._annunciator.record(by, rule)
        return (
            child is None or child.raised != raised or child.level is Severity.NONE
            or parent is None or parent.level is Severity.NONE
        )  # fmt: skip

    def freeze(self) -> dict[str, Any]:
        """A copy for a snapshot."""
        spoken = [(*child, *by) for child, by in self._annunciator.spoken.items()]
        return {"quiet": msgspec.msgpack.encode(sorted(self.quiet)), "spoken": msgspec.msgpack.encode(spoken)}

    def thaw(self, frozen: dict[str, Any]) -> None:
        """Take over a frozen one. Raises MsgspecError when it is none."""
        self.quiet = set(msgspec.msgpack.decode(frozen["quiet"], type=list[tuple[DeviceKey, str]]))
        spoken = msgspec.msgpack.decode(frozen["spoken"], type=list[tuple[DeviceKey, str, DeviceKey, str, str]])
        self._annunciator.spoken = {(child, rule): (key, by, raised) for child, rule, key, by, raised in spoken}
