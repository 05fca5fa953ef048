"""
Which devices are due for a review. Pure: time comes in as an argument, in seconds of one clock.

Rule 1: a device's late frames are reviewed when they have not grown for `quiet_s`, or are `at_most_s` old: a backfill
is reviewed once, not with every frame of it.
Rule 2: only frames that were late at a look `quiet_s` ago: what was stored just now may have been evaluated, and the
analyzer says so every ten seconds.
Rule 3: after the record could not be read, all begins anew: what was written meanwhile comes in a flood, frames before
the reports of their evaluation, and is neither late for certain nor to be disturbed.
Rule 4: nothing of a site that nobody evaluates at present: its frames wait in the analyzer's session, and are not late.
"""

from collections import deque
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from telemetry.storage.multirange import Ranges, common, minus, size
from telemetry.storage.review import DeviceKey, Late

FRESH_S: Final = 5.0  # a heartbeat that came back from the session no longer ago than this


@dataclass(frozen=True, slots=True)
class Due:
    """A device to be reviewed, and the frames that are late for certain."""

    device_id: int
    key: DeviceKey
    late: dict[str, Ranges]


@dataclass
class _Device:
    key: DeviceKey
    since: float
    grown: float
    body: dict[str, Ranges] = field(default_factory=dict)


Look = dict[tuple[int, str], Ranges]


class Backlog:
    """What was late at the last looks."""

    def __init__(self, *, quiet_s: float, at_most_s: float) -> None:
        self._quiet_s = quiet_s
        self._at_most_s = at_most_s
        self._looks: deque[tuple[float, Look]] = deque()
        self._devices: dict[int, _Device] = {}
        self._watched: dict[str, float] = {}  # since when a site is evaluated without a pause
        self._beats: dict[str, float] = {}

    def beat(self, site: str, now: float, behind_s: float) -> None:
        """A heartbeat of the analyzer came, `behind_s` after the last tick that went through its session."""
        if behind_s > FRESH_S:
            self._watched.pop(site, None)
            return
        if now - self._beats.get(site, float("-inf")) > FRESH_S:
            self._watched[site] = now
        self._watched.setdefault(site, now)
        self._beats[site] = now

    def watched(self, site: str, now: float) -> bool:
        """Whether the site was evaluated all through the last `quiet_s`."""
        since = self._watched.get(site)
        return since is not None and now - since >= self._quiet_s and now - self._beats[site] <= FRESH_S

    def forget(self) -> None:
        """The record could not be read, and may be catching up."""
        self._looks.clear()
        self._devices.clear()

    def steady(self, now: float) -> bool:
        """Whether the record has been looked at for `quiet_s`."""
        return bool(self._looks) and self._looks[0][0] <= now - self._quiet_s

    def look(self, now: float, found: Sequence[Late]) -> list[Due]:
        """Take in what is late now; who is due."""
        self._looks.append((now, {(one.device_id, one.boot): one.ranges for one in found}))
        while len(self._looks) > 1 and self._looks[1][0] <= now - self._quiet_s:
            self._looks.popleft()
        by_device: dict[int, list[Late]] = {}
        for one in found:
            by_device.setdefault(one.device_id, []).append(one)
        self._devices = {number: device for number, device in self._devices.items() if number in by_device}
        _, before = self._looks[0]
        due: list[Due] = []
        for number, boots in by_device.items():
            device = self._grow(now, number, boots)
            if not self.steady(now) or not self.watched(device.key[0], now):
                continue
            quiet = now - device.grown >= self._quiet_s or now - device.since >= self._at_most_s
            late = {one.boot: common(one.ranges, before.get((number, one.boot), [])) for one in boots}
            late = {boot: ranges for boot, ranges in late.items() if ranges}
            if quiet and late:
                due.append(Due(number, device.key, late))
        return due

    def lasting(self, found: Iterable[Late]) -> list[Late]:
        """What of this was late at the first look that is remembered, too."""
        _, before = self._looks[0] if self._looks else (0.0, {})
        return [one for one in found if common(one.ranges, before.get((one.device_id, one.boot), []))]

    def _grow(self, now: float, number: int, boots: Iterable[Late]) -> _Device:
        """Note whether a device's late frames have grown, apart from those at its live end."""
        body: dict[str, Ranges] = {}
        for one in boots:
            top = [(one.evaluated_to + 1, 2**63)] if one.evaluated_to else []
            body[one.boot] = minus(one.ranges, top)
        device = self._devices.get(number)
        if device is None:
            device = self._devices[number] = _Device(next(iter(boots)).key, now, now, body)
        elif any(minus(ranges, device.body.get(boot, [])) for boot, ranges in body.items()):
            device.grown = now
        device.body = body
        return device


def counts(found: Iterable[Late]) -> Mapping[DeviceKey, int]:
    """How many frames are late, by device."""
    total: dict[DeviceKey, int] = {}
    for one in found:
        total[one.key] = total.get(one.key, 0) + size(one.ranges)
    return total
