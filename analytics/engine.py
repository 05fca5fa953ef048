"""
The alarm engine: everything that an analyzer decides, as a function of its inputs in order.

Rule 1: no clock, no I/O, no randomness. Time comes in with `tick` and `received`, and goes out in transitions.
Rule 2: derived transitions (levels, trends) depend on readings, configuration and modes alone, and not on arrival,
batch bounds or ticks. Observed ones (silence, clock, responses) are decided here once and recorded.
Rule 3: what comes out of `feed` is in the order of what went in.
"""

from collections import deque
from collections.abc import Iterable, Sequence
from typing import Any, Final

import msgspec

from analytics import adoption, findings, health, proofs, recorded, retired, texts
from analytics.alarm_record import Facts
from analytics.annunciator import Annunciator
from analytics.bays import Bays
from analytics.configuration import Configuration
from analytics.covering import Covering
from analytics.crane import Cranes
from analytics.fleet import Fleet
from analytics.flood import Floods
from analytics.formwork import Formworks
from analytics.frozen import FORMAT, Frozen, pack
from analytics.gathering import Gathering
from analytics.identity import DeviceKey
from analytics.neighbours import Neighbours
from analytics.notes import Found
from analytics.ourselves import Ourselves
from analytics.outcome import Outcome
from analytics.pouring import Site
from analytics.profilebook import SiteShelf
from analytics.responses import Responses, current
from analytics.samples import Arrived, Change, Notice
from analytics.sounding import Sounding
from analytics.table import NEVER
from analytics.terminals import Terminals
from telemetry.errors import ConfigError
from telemetry.limit_profile import Profile
from telemetry.model import Mode, Severity
from telemetry.wire.payloads import (
    Cause,
    Coverage,
    DeviceConfig,
    Evaluated,
    Event,
    Presence,
    Response,
    SiteConfig,
    SiteProfile,
    SiteRecord,
    Terms,
    Transition,
)
from telemetry.wire.proof import SiteProofs

EVALUATED_MS: Final = 10_000


class Engine:
    """The state of one partition."""

    def __init__(self, partition: int = 0) -> None:
        self.partition = partition
        formworks = Formworks()
        self.fleets: dict[str, Fleet] = {"crane": Cranes(), "formwork": formworks}
        self.annunciator = Annunciator()
        self.now = 0
        self.ourselves = Ourselves(partition, self.annunciator, self.sites)
        self._found: dict[DeviceKey, str] = {}  # what a review found last, and was said
        self._evaluated_at = 0
        self._configuration = Configuration(self.fleets, self.annunciator, self.ourselves.key)
        self._gathering = Gathering(self.annunciator)
        self._floods = Floods(self.annunciator, self._gathering)
        self.bays = Bays(self.annunciator, self._gathering, formworks, self._pours)
        formworks.permitted = self._permitted
        self._responses = Responses(self.fleets, self.annunciator)
        self._covering = Covering()
        self._health = health.Health()
        self._neighbours = Neighbours()
        self._sounding = Sounding(self.annunciator)
        self.terminals = Terminals(self.annunciator, self.bays)

    # Inputs

    def feed(self, arrived: Sequence[Arrived]) -> Outcome:
        """Evaluate live frames in order of receipt. Kinds that are not declared are the caller's to refuse."""
        outcome = Outcome()
        by_kind: dict[str, list[tuple[int, Arrived]]] = {}
        for place, frame in enumerate(arrived):
            by_kind.setdefault(frame.kind, []).append((place, frame))
        changes: list[tuple[Fleet, Change | Notice]] = []
        for kind, frames in by_kind.items():
            fleet = self.fleets[kind]
            found = fleet.feed(frames)
            changes += ((fleet, change) for change in found.changes)
            outcome.cycles += (cycle for _, cycle in sorted(found.cycles, key=lambda one: one[0].order))
            outcome.samples += found.samples
            outcome.late += found.late
            outcome.conditions += found.conditions
            if self.annunciator.silenced:
                self._louder(fleet, found.rows)
        changes.sort(key=lambda pair: (pair[1].spot.place, pair[1].spot.order))
        for fleet, change in changes:
            if isinstance(change, Change):
                findings.changed(self.annunciator, fleet, change)
            else:
                findings.noticed(self.annunciator, fleet, change)
        if self._responses.waiting:
            self._responses.retry(outcome, self.now)
        return self._finish(outcome)

    def tick(self, at: int, received: int | None = None) -> Outcome:
        """
        The wall clock (Unix ms) came back through the session. `received` is when; a late tick proves nothing
        about clocks.
        """
        outcome = Outcome()
        self.now = max(self.now, at)
        self.annunciator.tick(self.now)
        self._configuration.tick(self.now)
        prompt = received is None or received - at <= health.PROMPT_MS
        offsets: list[int] = []
        for fleet in self.fleets.values():
            for row in self._health.silent(fleet, self.now):
                findings.silent(self.annunciator, fleet, int(row))
            if prompt:
                offsets += self._health.offsets(fleet, self.now)
        if prompt:
            self._clocks(offsets)
        retired.tick(self.annunciator, self.fleets, self.now)
        self._neighbours.look(self.fleets["crane"], self.annunciator, self.now)
        self.bays.tick(self.now)
        self.terminals.tick(self.fleets.values(), self.now)
        self._floods.tick(self.fleets.values(), self.ourselves.key(""), self.now)
        self._gathering.tell()
        self._sounding.tick(self.now)
        self.ourselves.trust_again(self.now)
        self.ourselves.tell()
        self._responses.retry(outcome, self.now, expire=True)
        for fleet in self.fleets.values():
            doubt = self.ourselves.doubt
            outcome.coverage |= self._covering.changed(fleet, self._health, self.annunciator, doubt, self.now)
        if self.now - self._evaluated_at >= EVALUATED_MS:
            self._evaluated_at = self.now
            for fleet in self.fleets.values():
                fleet.drifted()
                for device in fleet.devices:
                    report = device.cursor.evaluated(device.boot, device.seq)
                    if report is not None:
                        outcome.evaluated[device.key] = report
            for key, hours in self._sounding.take().items():
                report = outcome.evaluated.get(key, Evaluated())
                outcome.evaluated[key] = msgspec.structs.replace(report, sounded=hours)
        return self._finish(outcome)

    def configure(self, site: str, kind: str, device: str, config: DeviceConfig, received: int) -> Outcome:
        """A device's configuration; an older version is ignored, a wrong one refused with an alarm to the desk."""
        self._configuration.device((site, kind, device), config, received)
        return self._finish(Outcome())

    def configure_site(self, site: str, config: SiteConfig, received: int) -> Outcome:
        """A site's configuration: the profile of devices that have no configuration of their own."""
        self._configuration.site(site, config, received)
        return self._finish(Outcome())

    def publish_profile(self, site: str, profile: SiteProfile, received: int) -> Outcome:
        """A limit profile for a site; what is wrong, older or not approved is refused with an alarm to the desk."""
        self._configuration.profile(site, profile, received, self.now)
        return self._finish(Outcome())

    def presence(self, site: str, kind: str, device: str, presence: Presence, received: int) -> Outcome:
        """A birth or a will: the declared interval. A will alone is no silence; the missing samples are."""
        fleet = self.fleets[kind]
        row = fleet.row(site, device)
        own = fleet.devices[row]
        if presence.online:
            if presence.interval_ms is not None:
                own.presence_interval = presence.interval_ms
            own.presence_boot = presence.boot
            approved = own.config.params if own.config else None
            findings.parameters(self.annunciator, own.key, presence.params, approved, received)
            fleet.declare(row)
        return self._finish(Outcome())

    def event(self, site: str, kind: str, device: str, event: Event, received: int) -> Outcome:
        """A device's event: an announced power off is planned when parked, an alarm with a load on the hook."""
        fleet = self.fleets[kind]
        row = fleet.row(site, device)
        own = fleet.devices[row]
        if event.type == "power_off":
            if fleet.lifting(row):
                text, action = texts.power_off_loaded()
                own.power_off = True
                facts = Facts(
                    at=event.ts, cause=Cause(boot=event.boot, seq=event.seq), key=f"event:{event.id}", observed=True,
                    text=text, action=action, life_safety=True, cab="continuous", sound_s=10.0,
                )  # fmt: skip
                self.annunciator.condition(own.key, "power", Severity.ALARM, facts)
            elif own.mode in (Mode.PARKED, Mode.STORM, Mode.STOPPED):
                own.planned_off = True
            fleet.table["attention"][row] = True
        return self._finish(Outcome())

    def respond(self, site: str, kind: str, device: str, response: Response, received: int) -> Outcome:
        """What a person answered. A response whose id is known has no second effect."""
        outcome = Outcome()
        self._responses.take((site, kind, device), response, outcome, self.now or received)
        return self._finish(outcome)

    # A replay

    def learn(self, profiles: Iterable[Profile]) -> None:
        """In a replay: the limit profiles that its terms may name."""
        self._configuration.book.add(profiles)

    def under(self, key: DeviceKey, terms: Terms) -> None:
        """In a replay: from here on the device was judged by these terms. Raises ConfigError."""
        fleet = self.fleets[key[1]]
        row = fleet.row(key[0], key[2])
        own = fleet.devices[row]
        own.site_profile, own.presence_interval = terms.profile, terms.interval_ms
        own.pinned = terms.judged or ""
        if terms.config is not None:
            fleet.configure(row, terms.config)
        if terms.site is not None:
            fleet.place(row, terms.site)
        fleet.apply_limits(row)
        fleet.declare(row)
        if terms.mode is not None and fleet.set_mode(row, Mode(terms.mode)):
            for rule, record in self.annunciator.records.get(key, {}).items():
                # What that did to the alarm's state was recorded, and is read back.
                if rule in fleet.limits[row].rules:
                    record.suppressed = rule in fleet.limits[row].suppressed

    def read_back(self, key: DeviceKey, answer: Transition) -> None:
        """In a replay: what was decided here once, from what a person said."""
        self.annunciator.read_back(key, answer)

    # About ourselves, and the record

    def recorded(self, site: str, record: SiteRecord, received: int) -> Outcome:
        """What the review says of a site's record: gaps that stay open, what late data showed, how far it has come."""
        self.ourselves.reviewed(site, record.clean_to)
        recorded.take(self.annunciator, self.fleets, self._found, site, record, max(self.now, min(received, record.at)))
        self.ourselves.trust_again(self.now)
        return self._finish(Outcome())

    def proofs(self, site: str, said: SiteProofs, received: int) -> Outcome:
        """What the notifier says of a site's proof tests: those that failed, those that are overdue."""
        proofs.judged(self.annunciator, self.fleets, site, said, max(self.now, min(received, said.at)))
        return self._finish(Outcome())

    def adopt(self, found: Iterable[Found], received: int) -> Outcome:
        """Alarms that are retained at the broker and of which we know nothing: see `adoption`."""
        at = max(self.now, received)
        for key, rule, alarm in found:
            record = self.annunciator.record(key, rule)
            # What we hold as over may have begun again in the time that we have forgotten.
            newer = record is not None and not record.open and alarm is not None and alarm.at > record.facts.at
            if record is not None and not newer:
                if alarm is not None and alarm.hold and record.open and not record.hold:
                    self.annunciator.restore_hold(key, rule)
                continue
            fleet = self.fleets.get(key[1])
            readable = alarm is not None and alarm.rule == rule
            if readable and alarm is not None and alarm.bay is not None:
                adoption.adopt_bay(self.bays, key, alarm)
            elif fleet is None or alarm is None or not readable:
                adoption.renounce(self.annunciator, key, rule, alarm if readable else None, at)
            elif not adoption.adopt(self.annunciator, fleet, key, alarm, at):
                adoption.renounce(self.annunciator, key, rule, alarm, at)
        return self._finish(Outcome())

    def remember(self, found: Iterable[tuple[DeviceKey, Coverage]]) -> None:
        """Modes that the retained coverage tells of, where it is younger than our memory."""
        for key, said in found:
            fleet = self.fleets.get(key[1])
            if fleet is not None and said.at > self.now:
                fleet.remember_mode(fleet.row(key[0], key[2]), said.mode, said.mode_sent)

    def trouble(self, rule: str, detail: str | None, received: int) -> Outcome:
        """Something is wrong with ourselves (with words), or is over (None): an alarm to the desk of every site."""
        self.ourselves.trouble(rule, detail, received)
        return self._finish(Outcome())

    def _louder(self, fleet: Fleet, rows: set[int]) -> None:
        """Silenced alarms whose value has risen sound again at once."""
        for key, rule in sorted(self.annunciator.silenced):
            row = fleet.index.get((key[0], key[2])) if key[1] == fleet.kind else None
            if row in rows and row is not None:
                value = current(fleet, row, rule)
                if value is not None:
                    self.annunciator.louder(key, rule, value)

    # Devices

    def _clocks(self, offsets: list[int]) -> None:
        """Clocks that are off for good, by the samples since the last tick; most of them by one amount means ours."""
        ours = self._health.ours(offsets, was=self.ourselves.clock_off)
        self.ourselves.clock(ours, self.now, heard=bool(offsets))
        if self.ourselves.clock_off:
            return
        for fleet in self.fleets.values():
            for row, why in self._health.wrong(fleet):
                findings.clock_off(self.annunciator, fleet, row, why, self.now)

    def _pours(self, site: str) -> Site | None:
        config = self._configuration.sites.get(site)
        return Site(config) if config is not None else None

    def _permitted(self, site: str) -> frozenset[str]:
        config = self._configuration.sites.get(site)
        return frozenset(pour.bay for pour in config.pours) if config is not None else frozenset()

    # What goes out

    def _finish(self, outcome: Outcome) -> Outcome:
        transitions, touched = self.annunciator.take()
        transitions = [self._placed(transition) for transition in transitions]
        self._floods.heard(transitions, self.ourselves.key(""), self.now)
        outcome.transitions += transitions
        for key, rule in touched:
            outcome.alarms[key, rule] = self.annunciator.payload(key, rule)
        for key in dict.fromkeys((t.site, t.kind, t.device) for t in transitions):
            place = self._place(key)
            if place is not None:
                device = place[0].devices[place[1]]
                report = device.cursor.evaluated(device.boot, device.seq)
                if report is not None:
                    outcome.evaluated[key] = report
        for fleet in self.fleets.values():
            for row in sorted(fleet.unsaid):
                terms = fleet.terms(row)
                if terms is not None:
                    key = fleet.devices[row].key
                    report = outcome.evaluated.get(key, Evaluated())
                    outcome.evaluated[key] = msgspec.structs.replace(report, terms=[*report.terms, terms])
            fleet.unsaid.clear()
        return outcome

    def _placed(self, transition: Transition) -> Transition:
        """
        Every transition with the profile that held, and an answer, or the end of a shelving, with the place in the
        device's readings where it fell.
        """
        place = self._place((transition.site, transition.kind, transition.device))
        if transition.profile is None and place is not None:
            label = place[0].limits[place[1]].profile.label
            transition = msgspec.structs.replace(transition, profile=label)
        if not transition.observed or transition.cause.seq is not None:
            return transition
        device = place[0].devices[place[1]] if place is not None else None
        if device is None or device.boot is None:
            return transition
        return msgspec.structs.replace(transition, after=(device.boot, device.seq))

    def _place(self, key: DeviceKey) -> tuple[Fleet, int] | None:
        """The fleet and the row of a device that is known."""
        fleet = self.fleets.get(key[1])
        row = fleet.index.get((key[0], key[2])) if fleet is not None else None
        return None if fleet is None or row is None else (fleet, row)

    def sites(self) -> list[str]:
        """Every site that has a device here."""
        return sorted({device.key[0] for fleet in self.fleets.values() for device in fleet.devices})

    def last_sample(self, key: DeviceKey) -> int | None:
        """The device time (Unix ms) of the last sample of a device, None when we have none."""
        place = self._place(key)
        at = int(place[0].table["ts"][place[1]]) if place is not None else NEVER
        return at if at != NEVER else None

    def knows(self, key: DeviceKey) -> bool:
        """Whether this is a device that was heard of, or a bay of such."""
        return self._place(key) is not None or key in self.bays.bays

    def devices(self) -> int:
        """How many devices are known."""
        return sum(len(fleet.devices) for fleet in self.fleets.values())

    def retained(self) -> Outcome:
        """Everything that is retained at the broker, to be published again."""
        outcome = Outcome(coverage=dict(self._covering.said))
        for key, rules in self.annunciator.open.items():
            for rule in rules:
                outcome.alarms[key, rule] = self.annunciator.payload(key, rule)
        return outcome

    def active(self, site: str) -> dict[DeviceKey, dict[str, str]]:
        """The open alarms of a site: device to rule to last transition."""
        return {key: rules for key, rules in self.annunciator.open.items() if key[0] == site}

    # Snapshots

    def freeze(self) -> dict[str, Any]:
        """A copy of all state, for `pack` in a thread while the engine goes on."""
        annunciator, ourselves, configuration = self.annunciator, self.ourselves, self._configuration
        labels = {
            under.profile for fleet in self.fleets.values() for device in fleet.devices
            for under in (*device.held.values(), *([device.under] if device.under else []))
        }  # fmt: skip
        state = Frozen(
            format=FORMAT,
            partition=self.partition,
            now=self.now,
            evaluated_at=self._evaluated_at,
            records=list(annunciator.records.items()),
            known=list(self._responses.known),
            waiting=list(self._responses.waiting),
            sites=configuration.sites,
            coverage=list(self._covering.said.items()),
            own_clock=ourselves.clock_off,
            doubt=ourselves.lost,
            doubt_until=ourselves.doubt_until,
            troubles=ourselves.troubles,
            doubt_at=ourselves.doubt_at,
            clean=ourselves.clean,
            found=list(self._found.items()),
            shelves=configuration.book.sites,
            profiles=configuration.book.used(labels),
            refused=configuration.refused,
            unfit=list(configuration.unfit.items()),
            neighbours={rule: list(since.items()) for rule, since in self._neighbours.since.items()},
            neighbours_at=self._neighbours.looked,
        )
        return {
            "state": msgspec.msgpack.encode(state),
            "fleets": {kind: fleet.freeze() for kind, fleet in self.fleets.items()},
            "health": self._health.freeze(),
            "bays": self.bays.freeze(),
            "gathering": self._gathering.freeze(),
            "floods": self._floods.freeze(),
            "sounding": self._sounding.freeze(),
            "terminals": self.terminals.freeze(),
        }

    def snapshot(self) -> bytes:
        """All state, as bytes that `restore` understands."""
        return pack(self.freeze())

    @classmethod
    def restore(cls, data: bytes) -> "Engine":
        """The engine that made this snapshot. Raises ValueError when it is not one, or of another format."""
        try:
            raw = msgspec.msgpack.decode(data)
            state = msgspec.msgpack.decode(raw["state"], type=Frozen)
            if state.format != FORMAT:
                raise ValueError(f"format {state.format}, not {FORMAT}")
            engine = cls(state.partition)
            configuration = engine._configuration
            configuration.sites, configuration.refused = state.sites, state.refused
            configuration.unfit = dict(state.unfit)
            configuration.book.add(state.profiles)
            configuration.book.sites |= state.shelves or {
                site: SiteShelf(name=config.profile) for site, config in state.sites.items()
            }
            for kind, frozen in raw["fleets"].items():
                engine.fleets[kind].thaw(frozen)
            engine._health.thaw(raw["health"])
            engine.bays.thaw(raw["bays"])
            engine._gathering.thaw(raw["gathering"])
            engine._floods.thaw(raw["floods"])
            engine._sounding.thaw(raw["sounding"])
            if "terminals" in raw:  # of a version that did not look at them
                engine.terminals.thaw(raw["terminals"])
        except (msgspec.MsgspecError, KeyError, TypeError, ConfigError) as error:
            raise ValueError(f"not a snapshot of this version: {error}") from error
        engine.now = engine.annunciator.now = state.now
        ourselves = engine.ourselves
        if state.doubt_until is not None:
            ourselves.lost, ourselves.doubt_until, ourselves.doubt_at = state.doubt, state.doubt_until, state.doubt_at
        ourselves.clean, ourselves.troubles, ourselves.clock_off = state.clean, state.troubles, state.own_clock
        engine._found = dict(state.found)
        engine._neighbours.since |= {rule: dict(since) for rule, since in state.neighbours.items()}
        engine._neighbours.looked = state.neighbours_at
        engine._evaluated_at = state.evaluated_at
        engine.annunciator.records = dict(state.records)
        engine.annunciator.rebuild()
        engine._responses.known = dict.fromkeys(state.known)
        engine._responses.waiting = deque(state.waiting)
        for fleet in engine.fleets.values():
            fleet.site_rules = {site: config.rules() for site, config in state.sites.items()}
        engine._covering.said = dict(state.coverage)
        return engine
