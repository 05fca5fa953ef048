"""
Where cranes stand to each other: whose jib can reach into whose circle. Anti-collision itself is not monitored.

GB 5144 10.5 asks for 2 m between a lower jib's tip and another mast, and 2 m of height between the moving parts of two
cranes (secondary transcription, domain reference 1.5); circles that come nearer than that overlap.
"""

import math
from collections.abc import Iterable
from typing import Final

from analytics.device import Device
from telemetry.wire.payloads import DeviceConfig

CLEAR_M: Final = 2.0


def overlapping(own: Device, others: Iterable[Device]) -> tuple[str, ...]:
    """The names of those of a site's cranes whose circles overlap with this one's; none when it has no place."""
    if own.config is None:
        return ()
    found = [
        other.config.display_name or other.key[2]
        for other in others
        if other.key != own.key and other.config and not other.retired and _meet(own.config, other.config)
    ]
    return tuple(sorted(found))


def _meet(one: DeviceConfig, other: DeviceConfig) -> bool:
    """Whether two circles come nearer than CLEAR_M; counter-jibs reach, too, and ropes hang through every height."""
    if one.position_m is None or other.position_m is None or one.jib_m is None or other.jib_m is None:
        return False
    distance = math.dist(one.position_m, other.position_m)
    return distance < one.jib_m + other.jib_m + CLEAR_M
