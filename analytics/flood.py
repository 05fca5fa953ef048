"""
A desk that is told more than a person can read: floods, alarms that chatter, and a site whose devices all fall silent.

Rule 1: a life-safety alarm is never spoken for by a flood or by chatter; silence of many devices, which is one, is
spoken for by an alarm of the same rule that is as severe and names the worst of them.
Rule 2: nothing here changes an alarm's state, its sound, or a transition: see `parents`.
Rule 3: floods and chatter begin and end at a tick, and are recorded; what comes in a flood is grouped as it comes.

The bounds are those of alarm management (ISA-18.2, EEMUA 191 as public presentations give them; domain reference 4.3):
a flood is more than ten in ten minutes until there are fewer than five (the end from memory, unverified); an alarm
chatters when it is raised three times in a minute (from memory, unverified). How long it must be quiet is a cranewatch
proposal.
"""

from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Any, Final

import msgspec

from analytics import findings, texts
from analytics.alarm_record import Facts
from analytics.annunciator import Annunciator
from analytics.fleet import Fleet
from analytics.gathering import Child, Gathering, Parent
from analytics.identity import DeviceKey
from telemetry.model import PROOF_RULES, Severity, Signal, State
from telemetry.wire.payloads import Cause, Transition

EVERY_MS: Final = 1_000
WINDOW_MS: Final = 600_000
BEGINS: Final = 10  # more than so many in the window are a flood
ENDS: Final = 5  # fewer than so many end it
CHATTERS: Final = 3  # raised so often within CHATTER_MS
CHATTER_MS: Final = 60_000
QUIET_MS: Final = 600_000  # without a raise for so long it does not chatter any more
MOST: Final = 2_000  # annunciations of a site that are remembered: with more it is a flood, however many
TOLD: Final = frozenset({Signal.RAISE, Signal.ESCALATE, Signal.UNSUPPRESS, Signal.RE_ALARM})
FLOOD: Final = "flood"
CHATTERING: Final = "chattering"
SILENCE: Final = "silence"
OWN: Final = frozenset({FLOOD, CHATTERING, *PROOF_RULES})  # no lines of the desk: they count them, or are tests

Place = tuple[DeviceKey, str]


class Line(msgspec.Struct, frozen=True, array_like=True):
    """One thing that the desk was told: when (Unix ms, of the tick before it), and of what."""

    at: int
    place: Place
    severity: Severity
    life_safety: bool


class Chatter(msgspec.Struct):
    """An alarm that chatters: when it was raised last, and how bad it was at most."""

    last: int
    level: Severity


class Desk(msgspec.Struct):
    """What must be remembered of a site between ticks."""

    lines: list[Line] = []
    flood: int = 0  # since when there is one (Unix ms), 0 for none


class Floods:
    """The desks of a partition, one a site."""

    def __init__(self, annunciator: Annunciator, gathering: Gathering) -> None:
        """Alarms go to `annunciator`, who is spoken for to `gathering`."""
        self._annunciator = annunciator
        self._gathering = gathering
        self.desks: dict[str, Desk] = {}
        self.chatters: dict[Place, Chatter] = {}
        self._looked = 0

    def heard(self, transitions: Iterable[Transition], own: DeviceKey, now: int) -> None:
        """
        What has just happened, before the desk is told; `own` is the analyzer's key with any site.

        In a flood, or where it chatters, what is no danger to life is grouped at once: a line that came and went again
        within half a second would be one more.
        """
        for one in transitions:
            if one.signal not in TOLD or one.state is not State.UNACKNOWLEDGED or one.rule in OWN:
                continue
            key = (one.site, one.kind, one.device)
            desk = self.desks.setdefault(one.site, Desk())
            desk.lines.append(Line(now, (key, one.rule), one.severity, one.life_safety))
            if len(desk.lines) > MOST:
                del desk.lines[0]
            if (key, one.rule) in self.chatters:
                self.chatters[key, one.rule].last = now
                self._group(key, one.rule, key, CHATTERING)
            if desk.flood:
                self._group(key, one.rule, (one.site, *own[1:]), FLOOD)

    def _group(self, key: DeviceKey, rule: str, parent: DeviceKey, by: str) -> None:
        record, speaks = self._annunciator.record(key, rule), self._annunciator.record(parent, by)
        if record is None or speaks is None or record.facts.life_safety:
            return
        if speaks.level >= record.level > Severity.NONE and not self._elsewhere((key, rule), by):
            self._gathering.join(key, rule, record, parent, by)

    def _elsewhere(self, place: Place, by: str) -> bool:
        """Whether another rule than `by` speaks for it."""
        spoken = self._annunciator.spoken.get(place)
        record = self._annunciator.record(*place)
        return spoken is not None and record is not None and spoken[1] != by and spoken[2] == record.raised

    def tick(self, fleets: Iterable[Fleet], own: DeviceKey, now: int) -> None:
        """At `now` (Unix ms): silent sites, chatter, floods."""
        if now - self._looked < EVERY_MS:
            return
        self._looked = now
        self._silent(fleets, own, now)
        for site, desk in self.desks.items():
            desk.lines = [line for line in desk.lines if now - line.at < WINDOW_MS]
            self._chatter(desk, now)
            if desk.lines or desk.flood:
                self._flood(site, desk, (site, *own[1:]), now)
        self._calm(now)

    # Many that are silent

    def _silent(self, fleets: Iterable[Fleet], own: DeviceKey, now: int) -> None:
        sites: dict[str, list[Child]] = {}
        for fleet in fleets:
            for device in fleet.devices:
                if device.silent:
                    sites.setdefault(device.key[0], []).append(Child(device.key, device.called))
        spoken = {key[0] for key in self._annunciator.open if key[1:] == own[1:]}
        for site in sorted({*sites, *spoken}):  # a set's order is another one in every process
            parent = Parent((site, *own[1:]), texts.of_site, texts.fewer_silent())
            self._gathering.gather(parent, SILENCE, sites.get(site, []), now)

    # Chatter

    def _chatter(self, desk: Desk, now: int) -> None:
        lately = [line for line in desk.lines if now - line.at < CHATTER_MS]
        for place, times in Counter(line.place for line in lately).items():
            if times < CHATTERS:
                continue
            worst = max(line.severity for line in lately if line.place == place)
            safe = not any(line.life_safety for line in lately if line.place == place)
            level = worst if safe else Severity.ADVISORY
            known = self.chatters.get(place)
            if known is None or level > known.level:
                self.chatters[place] = Chatter(known.last if known is not None else now, level)
                self._say(place[0], now)

    def _calm(self, now: int) -> None:
        over = [place for place, one in self.chatters.items() if now - one.last >= QUIET_MS]
        for place in over:
            del self.chatters[place]
        for key in sorted({key for key, _ in over}):
            self._say(key, now)

    def _say(self, key: DeviceKey, now: int) -> None:
        """What chatters on a device now, in one line."""
        annunciator = self._annunciator
        rules = sorted(rule for device, rule in self.chatters if device == key)
        facts = Facts(at=now, cause=Cause(tick=now), key=f"{CHATTERING}:{','.join(rules)}:{now}", observed=True)
        if not rules:
            findings.clear(annunciator, key, CHATTERING, facts)
            return
        facts.text, facts.action = texts.chattering(key[1], rules)
        level = max(self.chatters[key, rule].level for rule in rules)
        before = annunciator.record(key, CHATTERING)
        if before is not None and before.level >= level:
            before.facts.text = facts.text
            annunciator.tell_again(key, CHATTERING)
        else:
            annunciator.condition(key, CHATTERING, level, facts)
        for rule in rules:
            self._group(key, rule, key, CHATTERING)

    # Floods

    def _flood(self, site: str, desk: Desk, own: DeviceKey, now: int) -> None:
        lines = [line for line in desk.lines if not self._elsewhere(line.place, FLOOD)]
        if desk.flood and len(lines) < ENDS:
            # First what was grouped speaks for itself again, then the flood is over.
            for place, (parent, by, _) in sorted(self._annunciator.spoken.items()):
                if (parent, by) == (own, FLOOD):
                    self._annunciator.tell_again(*place)
            facts = Facts(at=now, cause=Cause(tick=now), key=f"{FLOOD}_over:{desk.flood}", observed=True,
                          text=texts.flood_over(len(lines)))  # fmt: skip
            desk.flood = 0
            findings.clear(self._annunciator, own, FLOOD, facts)
            return
        if not desk.flood and len(lines) <= BEGINS:
            return
        began = not desk.flood
        desk.flood = desk.flood or now
        text, action = texts.flood(*_counted(lines))
        if began:
            facts = Facts(
                at=now, cause=Cause(tick=now), key=f"{FLOOD}:{now}", observed=True, text=text, action=action,
                value=float(len(lines)), limit=float(BEGINS),
            )  # fmt: skip
            self._annunciator.condition(own, FLOOD, Severity.ALARM, facts)
            for line in lines:
                self._group(*line.place, own, FLOOD)
            return
        record = self._annunciator.record(own, FLOOD)
        if record is not None and record.facts.text != text:
            record.facts.text, record.facts.value = text, float(len(lines))
            self._annunciator.tell_again(own, FLOOD)

    # Snapshots

    def freeze(self) -> dict[str, Any]:
        """A copy for a snapshot."""
        return {
            "desks": msgspec.msgpack.encode(list(self.desks.items())),
            "chatters": msgspec.msgpack.encode(list(self.chatters.items())),
            "looked": self._looked,
        }

    def thaw(self, frozen: dict[str, Any]) -> None:
        """Take over a frozen one. Raises MsgspecError when it is none."""
        self.desks = dict(msgspec.msgpack.decode(frozen["desks"], type=list[tuple[str, Desk]]))
        self.chatters = dict(msgspec.msgpack.decode(frozen["chatters"], type=list[tuple[Place, Chatter]]))
        self._looked = frozen["looked"]


def _counted(lines: Sequence[Line]) -> tuple[int, int, DeviceKey, str, int]:
    """How many, how many of them of life safety, and what says most: device, rule, how often."""
    (key, rule), times = Counter(line.place for line in lines).most_common(1)[0]
    return len(lines), sum(line.life_safety for line in lines), key, rule, times
