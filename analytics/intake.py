"""
From messages to the engine's inputs, in order.

Live and in recovery the same function runs over the same batches, so that the engine that recovers is the one that
was killed.
Rule 1: a message that cannot be understood costs itself and nothing else; ingest quarantines it, we count it.
Rule 2: a message that was understood and then fails in the engine is a defect of ours, and must not end the watch: it
is logged, counted, and what it touched is in doubt. It fails the same way in recovery, so that nothing depends on it.
Rule 3: beyond `max_devices` a device that we do not know is left out and counted: names can be made up without end.
"""

import logging
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

import msgspec

from analytics import notes
from analytics.engine import Engine
from analytics.journal import Input
from analytics.ourselves import OWN_KIND
from analytics.outcome import Outcome
from analytics.samples import Arrived
from telemetry.errors import Refusal, WireError
from telemetry.kinds import KINDS
from telemetry.wire import frames, payloads, topics
from telemetry.wire.proof import SiteProofs
from telemetry.wire.topics import Lane, Leaf, Topic

MAX_CACHED: Final = 100_000
SITE_TAILS: Final = ("/config", "/profile", "/record", "/proofs")
MAX_DEVICES: Final = 20_000  # about 4 KB each

logger = logging.getLogger(__name__)


@dataclass
class Taken:
    """What a batch led to."""

    outcome: Outcome = field(default_factory=Outcome)
    leaves: Counter[str] = field(default_factory=Counter)
    ignored: Counter[str] = field(default_factory=Counter)


class Intake:
    """The engine's door."""

    def __init__(self, engine: Engine, tick_topic: str, max_devices: int = MAX_DEVICES) -> None:
        self.engine = engine
        self.max_devices = max_devices
        self._tick = tick_topic
        self._topics: dict[str, Topic] = {}

    def apply(self, received: int, inputs: Sequence[Input]) -> Taken:
        """Feed one batch, stamped with its time of receipt (Unix ms)."""
        taken = Taken()
        waiting: list[Arrived] = []
        for topic, payload in inputs:
            if topic == self._tick:
                self._flush(taken, waiting)
                self._ticked(taken, payload, received)
                continue
            if topic in notes.ALL:
                self._flush(taken, waiting)
                self._note(taken, topic, payload, received)
                continue
            try:
                parsed = self._parse(topic)
                if parsed is None:
                    self._flush(taken, waiting)
                    self._site(taken, topic, payload, received)
                elif parsed.leaf is not Leaf.CONFIG and not self._admitted(parsed):
                    taken.ignored[Refusal.DEVICES] += 1
                elif parsed.leaf is Leaf.READING:
                    frame = frames.decode(parsed.kind, payload)
                    waiting.append(Arrived(parsed.site, parsed.kind, parsed.device, frame, received))
                    taken.leaves["reading"] += 1
                else:
                    self._flush(taken, waiting)
                    self._other(taken, parsed, payload, received)
            except WireError as error:
                taken.ignored[error.reason] += 1
            except Exception:
                self._failed(taken, topic, received)
        self._flush(taken, waiting)
        return taken

    def _admitted(self, topic: Topic) -> bool:
        """Whether there is room for this device; one of this batch that waits to be fed counts when it is fed."""
        engine = self.engine
        if topic.kind == OWN_KIND:
            return True
        known = (topic.site, topic.device) in engine.fleets[topic.kind].index
        return known or engine.devices() < self.max_devices

    def _failed(self, taken: Taken, what: str, received: int) -> None:
        logger.exception("the engine failed on %s; its devices are in doubt", what, extra={"action": "engine_failed"})
        taken.ignored["failed"] += 1
        self.engine.ourselves.doubted("failed", received)

    def _parse(self, topic: str) -> Topic | None:
        """A device topic, or None for what is of a whole site. Raises WireError."""
        found = self._topics.get(topic)
        if found is None:
            if topic.startswith(f"{topics.ROOT}/") and topic.endswith(SITE_TAILS) and topic.count("/") == 3:
                return None
            found = topics.parse(topic)
            # Of ourselves nothing is ever read, and what we say of ourselves is answered like any other alarm.
            if found.kind not in KINDS and not (found.kind == OWN_KIND and found.leaf is Leaf.RESPONSE):
                raise WireError(Refusal.KIND, f"kind {found.kind!r} is not declared")
            if len(self._topics) < MAX_CACHED:
                self._topics[topic] = found
        return found

    def _flush(self, taken: Taken, waiting: list[Arrived]) -> None:
        if waiting:
            try:
                taken.outcome.extend(self.engine.feed(waiting))
            except Exception:
                self._failed(taken, f"{len(waiting)} frames", waiting[0].received)
            waiting.clear()

    def _ticked(self, taken: Taken, payload: bytes, received: int) -> None:
        try:
            tick = payloads.decode(payloads.Tick, payload)
        except WireError as error:
            taken.ignored[error.reason] += 1
            return
        taken.leaves["tick"] += 1
        try:
            taken.outcome.extend(self.engine.tick(tick.at, received))
        except Exception:
            self._failed(taken, "a tick", received)

    def _note(self, taken: Taken, topic: str, payload: bytes, received: int) -> None:
        if topic == notes.DOUBT:
            self.engine.ourselves.doubted(payload.decode(), received)
            return
        try:
            if topic == notes.ADOPT:
                taken.outcome.extend(self.engine.adopt(notes.adopted(payload), received))
            elif topic == notes.MODES:
                self.engine.remember(notes.remembered(payload))
            elif topic == notes.TERMINALS:
                self.engine.terminals.said(notes.shown(payload))
            else:
                taken.outcome.extend(self.engine.trouble(*notes.troubled(payload), received))
        except msgspec.MsgspecError:
            taken.ignored["malformed"] += 1

    def _site(self, taken: Taken, topic: str, payload: bytes, received: int) -> None:
        site = topic.split("/")[2]
        if not topics.ID.match(site):
            raise WireError(Refusal.TOPIC, "site is not of [a-z0-9-]{1,64}")
        if not payload:
            return  # a site that was taken away keeps its last good configuration
        if topic.endswith("/record"):
            record = payloads.decode(payloads.SiteRecord, payload)
            taken.leaves["record"] += 1
            taken.outcome.extend(self.engine.recorded(site, record, received))
            return
        if topic.endswith("/proofs"):
            proofs = payloads.decode(SiteProofs, payload)
            taken.leaves["proofs"] += 1
            taken.outcome.extend(self.engine.proofs(site, proofs, received))
            return
        if topic.endswith("/profile"):
            profile = payloads.decode(payloads.SiteProfile, payload)
            taken.leaves["site_profile"] += 1
            taken.outcome.extend(self.engine.publish_profile(site, profile, received))
            return
        config = payloads.decode(payloads.SiteConfig, payload)
        taken.leaves["site_config"] += 1
        taken.outcome.extend(self.engine.configure_site(site, config, received))

    def _other(self, taken: Taken, topic: Topic, payload: bytes, received: int) -> None:
        engine, where = self.engine, (topic.site, topic.kind, topic.device)
        taken.leaves[topic.leaf] += 1
        match topic.lane, topic.leaf:
            case Lane.UP, Leaf.PRESENCE:
                presence = payloads.decode(payloads.Presence, payload)
                taken.outcome.extend(engine.presence(*where, presence, received))
            case Lane.UP, Leaf.EVENT:
                event = payloads.decode(payloads.Event, payload)
                taken.outcome.extend(engine.event(*where, event, received))
            case Lane.UP, Leaf.RESPONSE:
                response = payloads.decode(payloads.Response, payload)
                taken.outcome.extend(engine.respond(*where, response, received))
            case Lane.DOWN, Leaf.CONFIG:
                if payload:
                    config = payloads.decode(payloads.DeviceConfig, payload)
                    taken.outcome.extend(engine.configure(*where, config, received))
            case _:
                pass  # up/shown: a partition keeps it from its journal, see `terminal_book`
