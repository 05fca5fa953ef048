"""
Devices that their configuration has taken off the site: nobody waits for them any more.

Rule 1: this ends what is about arrival. What readings have raised stays until a person or a reading ends it.
Rule 2: one that speaks is evaluated like any other, and says so: to be retired mutes nothing.
"""

from collections.abc import Mapping
from typing import Final

from analytics import texts
from analytics.alarm_record import Facts
from analytics.annunciator import Annunciator
from analytics.fleet import Fleet
from telemetry.model import Severity
from telemetry.wire.payloads import Cause

ARRIVAL: Final = (
    "silence", "last_known_bad", "power", "off_while_others_work", "terminal_silent", "terminal_muted",
)  # fmt: skip


def tick(annunciator: Annunciator, fleets: Mapping[str, Fleet], now: int) -> None:
    """At `now` (Unix ms): what was said of the arrival of a device that is retired since is over."""
    for key, rules in list(annunciator.open.items()):
        over = [rule for rule in ARRIVAL if rule in rules]
        fleet = fleets.get(key[1]) if over else None
        row = fleet.index.get((key[0], key[2])) if fleet is not None else None
        if fleet is None or row is None or not fleet.devices[row].retired:
            continue
        fleet.devices[row].silent = fleet.devices[row].power_off = False
        for rule in over:
            record = annunciator.record(key, rule)
            if record is not None and record.level > Severity.NONE:
                facts = Facts(at=now, cause=Cause(tick=now), key=f"{rule}:retired:{now}", observed=True)
                facts.text = texts.REASONS["retired"]
                annunciator.condition(key, rule, Severity.NONE, facts)
