"""
What was last said of each device's coverage, and what of it has changed.

Rule: after a restart all are due; a few at a tick, so that no alarm waits for words about coverage.
"""

from typing import Final

import msgspec

from analytics import health
from analytics.annunciator import Annunciator
from analytics.coverage import Watch, coverage
from analytics.fleet import Fleet
from analytics.identity import DeviceKey
from telemetry.wire.payloads import Coverage

COVERAGE_PER_TICK: Final = 200  # devices; about 5 ms


class Covering:
    """The coverage of one partition's devices."""

    def __init__(self) -> None:
        self.said: dict[DeviceKey, Coverage] = {}
        self._watch: dict[DeviceKey, Watch] = {}
        self._doubt: dict[str, str | None] = {}

    def changed(
        self, fleet: Fleet, watching: health.Health, annunciator: Annunciator, doubt: str | None, now: int
    ) -> dict[DeviceKey, Coverage]:
        """The devices of a fleet whose coverage is other than what was said last; it counts as said now."""
        if doubt != self._doubt.get(fleet.kind):
            self._doubt[fleet.kind] = doubt
            fleet.dirty.update(range(len(fleet.devices)))
        rows = watching.changed(fleet, now)
        fleet.dirty.update(rows[COVERAGE_PER_TICK:])
        found: dict[DeviceKey, Coverage] = {}
        for row in rows[:COVERAGE_PER_TICK]:
            key = fleet.devices[row].key
            watch = health.watch(fleet, row, now, annunciator.records.get(key, {}), doubt)
            if self._watch.get(key) == watch:
                continue
            self._watch[key] = watch
            is_now, before = coverage(watch, now), self.said.get(key)
            if before is None or msgspec.structs.replace(before, at=is_now.at) != is_now:
                self.said[key] = found[key] = is_now
        return found
