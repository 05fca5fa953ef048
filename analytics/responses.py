"""
What people answer, and to which alarm.

Rule 1: a response has one effect however often it is delivered: its id is remembered.
Rule 2: brokers do not keep order between topics, so a response waits up to 10 s for the transition that it answers.
"""

from collections import deque
from typing import Final

import msgspec
import numpy as np

from analytics import health
from analytics.alarm_record import Facts
from analytics.annunciator import Annunciator, Refusal
from analytics.channels import COLUMN
from analytics.fleet import Fleet
from analytics.identity import DeviceKey
from analytics.limits import Limits
from analytics.outcome import Outcome
from telemetry.model import Action, Mode
from telemetry.wire.payloads import Cause, Response

WAIT_MS: Final = 10_000
MAX_WAITING: Final = 1_000  # beyond it a response is refused
# For the record and the people who read it; no alarm changes.
SAID: Final = (Action.BEGIN_SHIFT, Action.DOUBT, Action.BEGIN_TEST, Action.CONFIRM)
MAX_KNOWN: Final = 10_000  # ids remembered; the oldest is forgotten


class Responses:
    """The responses of a partition."""

    def __init__(self, fleets: dict[str, Fleet], annunciator: Annunciator) -> None:
        self._fleets = fleets
        self._annunciator = annunciator
        self.known: dict[str, None] = {}
        self.waiting: deque[tuple[int, DeviceKey, Response]] = deque()

    def take(self, key: DeviceKey, response: Response, outcome: Outcome, at: int) -> None:
        """Carry out a response, or let it wait; `at` is our time, in Unix ms."""
        if response.id in self.known:
            return
        self.known[response.id] = None
        while len(self.known) > MAX_KNOWN:
            del self.known[next(iter(self.known))]
        self._carry_out(key, response, outcome, at)

    def _carry_out(self, key: DeviceKey, response: Response, outcome: Outcome, at: int) -> None:
        fleet = self._fleets.get(key[1])
        row = fleet.index.get((key[0], key[2])) if fleet is not None else None
        if response.action in SAID:
            return
        if response.action is Action.SET_MODE:
            self._set_mode(fleet, row, response, outcome)
            return
        rules = self._answered(key, response)
        if not rules:
            if response.transition is not None and len(self.waiting) < MAX_WAITING:
                self.waiting.append((at, key, response))
            else:
                outcome.refused.append(f"{response.id}: no such alarm")
            return
        for rule in rules:
            value = current(fleet, row, rule) if fleet is not None and row is not None else None
            declared = fleet.limits[row].rules.get(rule) if fleet is not None and row is not None else None
            life_safety = declared.life_safety if declared else rule in health.LIFE_SAFETY
            record = self._annunciator.record(key, rule)
            # What is open was raised as what it is: a newer profile makes nothing less of it.
            life_safety = life_safety or (record is not None and record.open and record.facts.life_safety)
            facts = Facts(at=response.at, cause=Cause(response=response.id), observed=True, life_safety=life_safety)
            if declared is not None:
                facts.hazard, facts.channel = declared.hazard, declared.channel
            try:
                self._annunciator.respond(key, rule, response, facts, value)
            except Refusal as refusal:
                outcome.refused.append(f"{response.id}: {refusal}")

    def _answered(self, key: DeviceKey, response: Response) -> list[str]:
        """The rules that a response is about; empty when its transition is not known (yet)."""
        records = self._annunciator.records.get(key, {})
        if response.transition is not None:
            for rule, record in records.items():
                if response.transition in (record.transition, record.raised):
                    return [rule]
            if response.rule is None or response.rule not in records:
                return []
        if response.rule is not None:
            fleet = self._fleets.get(key[1])
            row = fleet.index.get((key[0], key[2])) if fleet is not None else None
            declared = fleet is not None and row is not None and response.rule in fleet.limits[row].rules
            return [response.rule] if declared or response.rule in records else []
        if response.action is Action.SILENCE:
            return [rule for rule, record in records.items() if record.cab in ("pulse", "continuous")]
        return []

    def _set_mode(self, fleet: Fleet | None, row: int | None, response: Response, outcome: Outcome) -> None:
        if fleet is None or row is None or response.mode not in set(Mode):
            outcome.refused.append(f"{response.id}: no such mode or device")
            return
        if fleet.set_mode(row, Mode(response.mode)):
            fleet.devices[row].mode_set = True
            fleet.unsaid.add(row)
        facts = Facts(at=response.at, cause=Cause(response=response.id), observed=True)
        resuppress(self._annunciator, fleet.devices[row].key, fleet.limits[row], facts)

    def retry(self, outcome: Outcome, now: int, *, expire: bool = False) -> None:
        """Responses whose transition was not known yet."""
        for _ in range(len(self.waiting)):
            since, key, response = self.waiting.popleft()
            if self._answered(key, response):
                self._carry_out(key, response, outcome, since)
            elif expire and now - since >= WAIT_MS:
                outcome.refused.append(f"{response.id}: its transition never came")
            else:
                self.waiting.append((since, key, response))


def current(fleet: Fleet, row: int, rule: str) -> float | None:
    """The present value of a rule's channel; None when it was never known."""
    declared = fleet.limits[row].rules.get(rule)
    if declared is None:
        return None
    value = float(fleet.table["value"][row, COLUMN[fleet.kind][declared.channel]])
    return None if np.isnan(value) else value


def resuppress(annunciator: Annunciator, key: DeviceKey, limits: Limits, why: Facts) -> None:
    """A new mode suppresses and releases at once."""
    for rule, record in annunciator.records.get(key, {}).items():
        suppressed = rule in limits.suppressed
        if rule in limits.rules and suppressed != record.suppressed:
            facts = msgspec.structs.replace(record.facts, at=why.at, cause=why.cause, key=None, observed=why.observed)
            annunciator.condition(key, rule, record.level, facts, suppressed=suppressed)
