"""
Terminals that nobody can see or hear, where one is expected: an alarm at the desk, because there it would end.

Rule 1: observed: decided at a tick, from what the shell has noted of the terminals' heartbeats (`terminal_book`).
Rule 2: expected where the configuration says `cab` or `bay`, while the device speaks and is neither parked nor off. It
has `GRACE_MS` from then on: a terminal takes a while to come up, and so does the person who starts the shift.
Rule 3: a bay has one terminal for all of its posts, under the name of any of them, and one alarm, of the bay.
Rule 4: no coverage, no sound, no other alarm is touched.
"""

from collections.abc import Iterable, Mapping
from typing import Any, Final

import msgspec

from analytics import texts
from analytics.alarm_record import Facts
from analytics.annunciator import Annunciator
from analytics.bays import Bays
from analytics.fleet import Fleet
from analytics.identity import DeviceKey
from analytics.rulebook.observed import OBSERVED
from analytics.table import NEVER
from analytics.terminal_book import EVERY_MS, Showing
from telemetry.model import Mode, Severity
from telemetry.wire.payloads import Cause, Words

GRACE_MS: Final = 60_000
SILENT: Final = "terminal_silent"
MUTED: Final = "terminal_muted"
EXPECTED: Final = ("cab", "bay")
AT_REST: Final = (Mode.PARKED, Mode.STORM, Mode.STOPPED, Mode.DISMANTLING)
BACK: Final = Words(zh="终端已恢复 或不再需要", en="the terminal is back, or no longer expected")
_BEST: Final = (Showing.SHOWN, Showing.MUTED, Showing.ABSENT)


class Terminals:
    """What is known of the terminals of a partition; state of the snapshot."""

    def __init__(self, annunciator: Annunciator, bays: Bays) -> None:
        """Alarms go to `annunciator`; `bays` says who is in which."""
        self._annunciator = annunciator
        self._bays = bays
        self.showing: dict[DeviceKey, Showing] = {}
        self._since: dict[DeviceKey, int] = {}  # since when a terminal has been expected
        self._looked = 0

    def said(self, found: Mapping[DeviceKey, Showing]) -> None:
        """What the heartbeats have come to."""
        self.showing |= found

    def tick(self, fleets: Iterable[Fleet], now: int) -> None:
        """At `now` (Unix ms): every device that has a terminal by its configuration, or had one."""
        if now - self._looked < EVERY_MS:
            return
        self._looked = now
        expected: dict[DeviceKey, list[Showing]] = {}
        for fleet in fleets:
            for row, device in enumerate(fleet.devices):
                config = device.config
                if config is None or config.retired or config.terminal not in EXPECTED or not _at_work(fleet, row):
                    continue
                shown = expected.setdefault(self._bays.of(device.key, config) or device.key, [])
                if device.key in self.showing:
                    shown.append(self.showing[device.key])
        for key in [*self._since, *expected]:
            if key not in expected:
                self._since.pop(key, None)
                self._say(key, None, now)
        for key, shown in expected.items():
            since = self._since.setdefault(key, now)
            showing = next((one for one in _BEST if one in shown), Showing.ABSENT)
            if showing is Showing.SHOWN:
                self._say(key, None, now)
            elif now - since > GRACE_MS:
                self._say(key, SILENT if showing is Showing.ABSENT else MUTED, now)
        self._adopted(expected, now)

    def _adopted(self, expected: Mapping[DeviceKey, Any], now: int) -> None:
        """Alarms that were taken over from before our memory, of devices that are not expected to have one."""
        for key, rules in list(self._annunciator.open.items()):
            if key not in expected and (SILENT in rules or MUTED in rules):
                self._say(key, None, now)

    def _say(self, key: DeviceKey, wrong: str | None, now: int) -> None:
        """This one of the two rules holds for a device from now on, or none."""
        for rule in (SILENT, MUTED):
            record = self._annunciator.record(key, rule)
            active = record is not None and record.level > Severity.NONE
            if active == (rule == wrong):
                continue
            facts = Facts(at=now, cause=Cause(tick=now), key=f"{rule}:{not active}:{now}", observed=True)
            facts.bay = self._bays.name(key)
            if active:
                facts.text = BACK
                self._annunciator.condition(key, rule, Severity.NONE, facts)
                continue
            facts.text, facts.action = texts.spoken(OBSERVED[rule], Severity.ALARM, None, None, "")
            self._annunciator.condition(key, rule, Severity.ALARM, facts)

    def freeze(self) -> dict[str, Any]:
        """A copy for a snapshot."""
        return {
            "showing": msgspec.msgpack.encode(list(self.showing.items())),
            "since": msgspec.msgpack.encode(list(self._since.items())),
            "looked": self._looked,
        }

    def thaw(self, frozen: dict[str, Any]) -> None:
        """Take over a frozen one. Raises MsgspecError when it is none."""
        self.showing = dict(msgspec.msgpack.decode(frozen["showing"], type=list[tuple[DeviceKey, Showing]]))
        self._since = dict(msgspec.msgpack.decode(frozen["since"], type=list[tuple[DeviceKey, int]]))
        self._looked = frozen["looked"]


def _at_work(fleet: Fleet, row: int) -> bool:
    """Whether a device speaks, and is neither parked nor off."""
    device = fleet.devices[row]
    heard = int(fleet.table["heard"][row]) != NEVER
    return heard and not (device.silent or device.planned_off or device.power_off or device.mode in AT_REST)
