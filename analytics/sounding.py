"""
How long each cab has sounded, hour by hour: the cab's budget is of sound, not of lines.

Rule 1: counted at ticks, so to the length of one; a gap between ticks counts as `MOST_MS` at most.
Rule 2: what goes out is the hour's sum so far, so that what comes twice is stored once.
"""

from typing import Any, Final

import msgspec

from analytics.annunciator import Annunciator
from analytics.identity import DeviceKey
from telemetry.wire.payloads import Sounded

HOUR_MS: Final = 3_600_000
MOST_MS: Final = 2_000


class Hour(msgspec.Struct):
    """One hour of one cab, ms; `rules` may overlap, `total` does not."""

    at: int
    total: int = 0
    times: int = 0
    rules: dict[str, int] = {}


class Sounding:
    """The sums of a partition, by device."""

    def __init__(self, annunciator: Annunciator) -> None:
        """What sounds is `annunciator`'s to say."""
        self._annunciator = annunciator
        self._hours: dict[DeviceKey, Hour] = {}
        self._changed: dict[tuple[DeviceKey, int], Hour] = {}
        self._was: set[DeviceKey] = set()
        self._looked = 0

    def tick(self, now: int) -> None:
        """At `now` (Unix ms): what sounds has sounded since the last tick."""
        passed = min(max(0, now - self._looked), MOST_MS) if self._looked else 0
        self._looked = now
        sounding: dict[DeviceKey, list[str]] = {}
        for key, rule in sorted(self._annunciator.sounding):
            sounding.setdefault(key, []).append(rule)
        for key, rules in sounding.items():
            at = now // HOUR_MS * HOUR_MS
            hour = self._hours.get(key)
            if hour is None or hour.at != at:
                hour = self._hours[key] = Hour(at)
            hour.times += key not in self._was
            hour.total += passed
            for rule in rules:
                hour.rules[rule] = hour.rules.get(rule, 0) + passed
            self._changed[key, at] = hour
        self._was = set(sounding)

    def take(self) -> dict[DeviceKey, list[Sounded]]:
        """The hours that have changed since the last time."""
        found: dict[DeviceKey, list[Sounded]] = {}
        for (key, at), hour in self._changed.items():
            said = Sounded(hour=at, ms=hour.total, times=hour.times, rules=dict(hour.rules))
            found.setdefault(key, []).append(said)
        self._changed = {}
        now = self._looked // HOUR_MS * HOUR_MS
        self._hours = {key: hour for key, hour in self._hours.items() if hour.at >= now}
        return found

    def freeze(self) -> dict[str, Any]:
        """A copy for a snapshot."""
        return {
            "hours": msgspec.msgpack.encode(list(self._hours.items())),
            "changed": msgspec.msgpack.encode(list(self._changed.items())),
            "was": msgspec.msgpack.encode(sorted(self._was)),
            "looked": self._looked,
        }

    def thaw(self, frozen: dict[str, Any]) -> None:
        """Take over a frozen one. Raises MsgspecError when it is none."""
        self._hours = dict(msgspec.msgpack.decode(frozen["hours"], type=list[tuple[DeviceKey, Hour]]))
        self._changed = dict(msgspec.msgpack.decode(frozen["changed"], type=list[tuple[tuple[DeviceKey, int], Hour]]))
        self._was = set(msgspec.msgpack.decode(frozen["was"], type=list[DeviceKey]))
        self._looked = frozen["looked"]
