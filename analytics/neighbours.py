"""
Cranes against the other cranes of their site: an anemometer that reads low, a box that is off while others work.

Rule 1: what depends on other devices depends on who spoke first, so it is observed: decided here at a tick, recorded
once, and read back by a replay.
Rule 2: a comparison needs two others at least, and lasts `neighbours_min` minutes before it is said.
"""

from typing import Any, Final

import numpy as np

from analytics import texts, windows
from analytics.alarm_record import Facts
from analytics.annunciator import Annunciator
from analytics.fleet import Fleet
from analytics.identity import DeviceKey
from analytics.rulebook.observed import OBSERVED
from analytics.table import NEVER
from telemetry.model import Severity
from telemetry.wire.payloads import Cause

EVERY_MS: Final = 10_000
FRESH_MS: Final = 60_000
OTHERS: Final = 2
RULES: Final = ("wind_reads_low", "off_while_others_work")
FIGURES: Final = ("neighbours_low_share", "neighbours_wind_mps", "neighbours_min")


class Neighbours:
    """Since when what has been so, by rule and device; state of the snapshot."""

    def __init__(self) -> None:
        self.since: dict[str, dict[DeviceKey, int]] = {rule: {} for rule in RULES}
        self.looked = NEVER

    def look(self, fleet: Fleet, annunciator: Annunciator, now: int) -> None:
        """At a tick: every ten seconds, all sites."""
        if now - self.looked < EVERY_MS or not fleet.devices:
            return
        self.looked = now
        sites: dict[str, list[int]] = {}
        for row, device in enumerate(fleet.devices):
            if not device.retired:
                sites.setdefault(device.key[0], []).append(row)
        for rows in sites.values():
            if len(rows) > OTHERS:
                self._site(fleet, annunciator, np.array(rows), now)

    def _site(self, fleet: Fleet, annunciator: Annunciator, rows: np.ndarray[Any, Any], now: int) -> None:
        table = fleet.table
        wind = windows.mean(table, rows, table["line"][rows]).astype(np.float64)
        fresh = now - table["good_at"][rows, fleet.tracked.index("wind_mps")] <= FRESH_MS
        wind = np.where(fresh, wind, np.nan)
        works = (table["heard"][rows] > now - FRESH_MS) & table["lifting"][rows]
        share, least, minutes = (fleet.figure(rows, name) for name in FIGURES)
        for k, row in enumerate(rows.tolist()):
            others = np.delete(wind, k)
            others = others[~np.isnan(others)]
            middle = float(np.median(others)) if len(others) >= OTHERS else np.nan
            low = bool(middle > least[k] and wind[k] < share[k] * middle)
            high = bool(np.isnan(wind[k]) or np.isnan(middle) or wind[k] >= (1 + share[k]) / 2 * middle)
            wait = int(minutes[k]) * 60_000
            value = None if np.isnan(wind[k]) else round(float(wind[k]), 1)
            limit = None if np.isnan(middle) else round(middle, 1)
            self._say(fleet, annunciator, row, "wind_reads_low", low, high, wait, now, value, limit)
            off = fleet.devices[row].planned_off and bool(np.delete(works, k).any())
            over = not fleet.devices[row].planned_off
            self._say(fleet, annunciator, row, "off_while_others_work", off, over, wait, now, None, None)

    def _say(
        self, fleet: Fleet, annunciator: Annunciator, row: int, rule: str, holds: bool, over: bool, wait: int, now: int,
        value: float | None, limit: float | None,
    ) -> None:  # fmt: skip
        """A condition that `holds` for so long is said; it ends when it is `over`, and waits in between."""
        key = fleet.devices[row].key
        record = annunciator.record(key, rule)
        active = record is not None and record.level > Severity.NONE
        since = self.since[rule]
        if over:
            since.pop(key, None)
            if active:
                facts = Facts(at=now, cause=Cause(tick=now), key=f"{rule}_over:{now}", observed=True)
                annunciator.condition(key, rule, Severity.NONE, facts)
            return
        if not holds or active:
            return
        begun = since.setdefault(key, now)
        if now - begun < wait:
            return
        text, action = texts.spoken(OBSERVED[rule], Severity.ADVISORY, value, limit, "m/s")
        facts = Facts(
            at=now, cause=Cause(tick=now), key=f"{rule}:{begun}", observed=True, value=value, limit=limit,
            unit="m/s" if value is not None else None, text=text, action=action,
        )  # fmt: skip
        annunciator.condition(key, rule, Severity.ADVISORY, facts)
