"""
What only the posts of a bay together show: differential settlement, load that goes to a neighbour, order and rate of
a pour; and one alarm of the bay where three posts say the same.

Rule 1: all of it is observed: decided at a tick from the last known values of several devices, and recorded once.
Rule 2: a value older than `bay_age_s` in a pour (three intervals otherwise) is none: a silent neighbour raises
nothing and ends nothing, and what cannot be compared degrades the coverage of the post beside it.
Rule 3: a bay is addressed like a post of formwork, under an id of its own; nothing is ever read from it.
"""

from collections.abc import Callable
from hashlib import blake2b
from typing import Any, Final

import msgspec
import numpy as np

from analytics import findings, texts
from analytics.alarm_record import Facts, Record
from analytics.annunciator import Annunciator
from analytics.channels import COLUMN, DERIVED
from analytics.formwork import Formworks
from analytics.gathering import Child, Gathering, Parent
from analytics.identity import DeviceKey
from analytics.limits import COLUMNS, Limits
from analytics.pouring import Posts, Seen, Site, look
from telemetry.model import Severity
from telemetry.profiles import STEPS
from telemetry.wire.payloads import Cause, DeviceConfig, Words
from telemetry.wire.topics import ID

EVERY_MS: Final = 1_000
ORPHAN_MS: Final = 600_000  # a bay that nobody is configured into for so long is no more
RULES: Final = ("differential", "load_transfer", "pour_order", "pour_rate")
PARENTED: Final = (
    "force", "settlement", "shift", "tilt", "force_trend", "settlement_trend", "settlement_acceleration", "unloading",
)  # fmt: skip


class Step(msgspec.Struct):
    """One step of a bay's rule: whether it is on, and since when the opposite has held."""

    on: bool = False
    since: int | None = None


class Bay(msgspec.Struct):
    """What must be remembered of a bay between ticks."""

    name: str
    looked: int = 0
    orphan: int | None = None
    permit: str = ""
    loaded: list[str] = []  # posts that have been loaded since the permit began
    steps: dict[str, Step] = {}  # by "rule.step"


class Bays:
    """The bays of a partition."""

    def __init__(
        self, annunciator: Annunciator, gathering: Gathering, fleet: Formworks, site_of: Callable[[str], Site | None]
    ) -> None:
        """Alarms go to `annunciator`; `site_of` gives a site's configuration."""
        self._gathering = gathering
        self._annunciator = annunciator
        self._fleet = fleet
        self._site_of = site_of
        self.bays: dict[DeviceKey, Bay] = {}
        self._members: dict[DeviceKey, list[int]] = {}
        self._placed = -1

    def tick(self, now: int) -> None:
        """Look at every bay that is due, at `now` (Unix ms)."""
        self._place()
        for key, bay in self.bays.items():
            if now - bay.looked >= EVERY_MS:
                bay.looked = now
                self._look(key, bay, now)

    def _place(self) -> None:
        """Who belongs to which bay, when a configuration has come since."""
        fleet = self._fleet
        if fleet.configurations == self._placed:
            return
        self._placed = fleet.configurations
        self._members = {}
        for row, device in enumerate(fleet.devices):
            if device.config is not None and device.config.bay and not device.retired:
                key = (device.key[0], fleet.kind, self._id(device.key[0], device.config.bay))
                self._members.setdefault(key, []).append(row)
                self.bays.setdefault(key, Bay(name=device.config.bay))
        for rows in self._members.values():
            rows.sort(key=lambda row: fleet.devices[row].key)

    def _id(self, site: str, bay: str) -> str:
        """A bay's id on the wire; never that of a device."""
        lower = bay.lower()
        safe = bool(ID.match(lower)) and len(lower) <= 40
        found = "bay-" + (lower if safe else blake2b(bay.encode(), digest_size=6).hexdigest())
        while (site, found) in self._fleet.index:
            found += "-x"
        return found

    def of(self, key: DeviceKey, config: DeviceConfig) -> DeviceKey | None:
        """The bay of a device with this configuration; None when it is in none."""
        own = config.bay and key[1] == self._fleet.kind
        return (key[0], key[1], self._id(key[0], config.bay or "")) if own else None

    def name(self, key: DeviceKey) -> str | None:
        """What a bay is called; None of anything else."""
        bay = self.bays.get(key)
        return bay.name if bay is not None else None

    def _look(self, key: DeviceKey, bay: Bay, now: int) -> None:
        rows = self._members.get(key, [])
        if not rows:
            self._orphaned(key, bay, now)
            return
        bay.orphan = None
        limits = self._fleet.limits[rows[0]]
        posts = Posts(self._fleet, rows, now)
        site = self._site_of(key[0])
        permit = site.permit(bay.name, now) if site is not None else None
        if permit is None or permit.permit != bay.permit:
            bay.permit, bay.loaded = (permit.permit if permit is not None else ""), []
        bay.loaded += [name for name in posts.loaded() if name not in bay.loaded] if permit is not None else []
        posts.lonely(pour=permit is not None or posts.pouring)
        for rule, seen in look(posts, permit, frozenset(bay.loaded)).items():
            self._condition(key, bay, rule, limits, seen, now)
        for rule in PARENTED:
            self._parent(key, bay, rule, rows, now)

    # The bay's own rules

    def _condition(self, key: DeviceKey, bay: Bay, rule: str, limits: Limits, seen: Seen, now: int) -> None:
        declared = limits.rules.get(rule)
        if declared is None:
            return
        level, column = Severity.NONE, -1
        for place, (name, step) in enumerate(COLUMNS[self._fleet.kind]):
            if name == rule and step in declared.steps:
                held = bay.steps.setdefault(f"{rule}.{step}", Step())
                _advance(held, seen.value, limits, place, now)
                if held.on and STEPS[step] >= level:
                    level, column = STEPS[step], place
        record = self._annunciator.record(key, rule)
        if level is (record.level if record is not None else Severity.NONE):
            return
        channel = DERIVED[self._fleet.kind][COLUMN[self._fleet.kind][declared.channel]]
        value = None if np.isnan(seen.value) else round(seen.value, channel.decimals)
        facts = Facts(
            at=now, cause=Cause(tick=now), key=f"{rule}:{level.name}:{now}", observed=True, hazard=declared.hazard,
            channel=declared.channel, value=value, unit=channel.unit, profile=limits.profile.label,
            life_safety=declared.life_safety, bay=bay.name,
        )  # fmt: skip
        facts.ruled(declared)
        if level is Severity.NONE:
            facts.text = texts.cleared(self._fleet.kind, rule, value, channel.unit)
        else:
            _, step_ = limits.step(self._fleet.kind, column)
            facts.limit = round(limits.shown(self._fleet.kind, column), channel.decimals + 1)
            facts.text, facts.action = texts.process(
                self._fleet.kind, rule, level, value, facts.limit, channel.unit, None, seen.detail
            )
            facts.source = limits.sources[column]
            facts.stepped(step_)
        self._annunciator.condition(key, rule, level, facts)

    def _parent(self, key: DeviceKey, bay: Bay, rule: str, rows: list[int], now: int) -> None:
        """One alarm for many posts."""
        posts = [Child(self._fleet.devices[row].key, self._fleet.devices[row].called) for row in rows]
        self._gathering.gather(Parent(key, texts.of_bay, _fewer(), bay.name), rule, posts, now)

    # Bays that are no more, and alarms from before our memory

    def _orphaned(self, key: DeviceKey, bay: Bay, now: int) -> None:
        if bay.orphan is None:
            bay.orphan = now
        if now - bay.orphan < ORPHAN_MS:
            return
        for rule in [*self._annunciator.records.get(key, {})]:
            facts = Facts(at=now, cause=Cause(tick=now), key=f"{rule}:orphan:{now}", observed=True, bay=bay.name,
                          text=_fewer())  # fmt: skip
            findings.clear(self._annunciator, key, rule, facts)
        bay.steps = {}

    def adopt(self, key: DeviceKey, rule: str, record: Record) -> None:
        """An alarm of a bay that was raised before we can remember: it ends by its own condition."""
        bay = self.bays.setdefault(key, Bay(name=record.facts.bay or key[2]))
        for name, step in COLUMNS[self._fleet.kind]:
            if name == rule and rule in RULES and STEPS[step] <= record.level:
                bay.steps[f"{rule}.{step}"] = Step(on=True)
        self._annunciator.adopt(key, rule, record)

    def freeze(self) -> dict[str, Any]:
        """A copy for a snapshot."""
        return {"bays": msgspec.msgpack.encode(list(self.bays.items()))}

    def thaw(self, frozen: dict[str, Any]) -> None:
        """Take over a frozen one. Raises MsgspecError when it is none."""
        self.bays = dict(msgspec.msgpack.decode(frozen["bays"], type=list[tuple[DeviceKey, Bay]]))


def _advance(held: Step, value: float, limits: Limits, column: int, now: int) -> None:
    """Set after the on-delay, clear after the off-delay, both of ticks; unknown does neither and starts them over."""
    turns = value < limits.clear[column] if held.on else value >= limits.set[column]
    if not turns:
        held.since = None
        return
    if held.since is None:
        held.since = now
    if now - held.since >= (limits.off_ms if held.on else limits.on_ms)[column]:
        held.on, held.since = not held.on, None


def _fewer() -> Words:
    return Words(zh="区域报警结束 各立杆报警单独显示", en="no longer of the whole bay: each post speaks for itself")
