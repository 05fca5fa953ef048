"""
The alarm engine on a recording, as the analyzer's shell drives it: frames in batches, a tick every second.

Rule 1: frames arrive when they were sent, stamped with true time, whatever their device's clock says.
Rule 2: somebody is at the desk: every alarm is acknowledged after `DESK_S` and its hold is released, so that the
second alarm of a kind is a new one and not the rest of the first.
"""

from collections.abc import Callable, Iterator
from typing import Final

import msgspec

from analytics.engine import Engine
from analytics.flood import OWN
from analytics.outcome import Outcome
from analytics.samples import Arrived
from runtime.score.heard import Heard, Said
from simulators.labelled.boxes import SITE, START_MS, Recording, Sent, Trace
from telemetry.model import Action, Severity, Signal
from telemetry.wire.payloads import Event, Presence, Response, SiteConfig, Transition

FAST_S: Final = 0.5  # a batch while anybody samples once a second or faster; a tick every other one
SLOW_S: Final = 15.0  # a batch and a tick at most; else the shortest interval of those who sample
DESK_S: Final = 30.0
LATENCY_MS: Final = 40
# The share of a second in which a terminal's loudspeaker is on: two pulses of 0.15 s (api/web/terminal/sound.js).
LOUD: Final = {"pulse": 0.3, "continuous": 1.0}
RAISES: Final = (Signal.RAISE, Signal.ESCALATE, Signal.UNSUPPRESS)


def hear(recording: Recording, watch: Callable[[Engine, float], None] = lambda engine, t: None) -> Heard:
    """What the engine says about a recording, with its default profile; `watch` may look at it after every batch."""
    return _Desk(recording).run(watch)


class _Desk:
    """An engine, what was sent to it so far, and a person at the desk."""

    def __init__(self, recording: Recording) -> None:
        self._recording = recording
        self._engine = Engine()
        self._heard = Heard()
        self._loud: dict[str, dict[str, float]] = {}
        self._answers: list[tuple[float, tuple[str, str, str], str, str]] = []
        self._asked = 0
        self._ends = {trace.device: trace.length_s for trace in recording.traces}

    def run(self, watch: Callable[[Engine, float], None]) -> Heard:
        """Play it to the end."""
        engine = self._engine
        zones, pours = list(self._recording.zones), list(self._recording.pours)
        self._take(engine.configure_site(SITE, SiteConfig(version=1, zones=zones, pours=pours), START_MS), 0.0)
        for trace in self._recording.traces:
            # In a recording there are no terminals that could be missed.
            config = msgspec.structs.replace(trace.config, terminal="none")
            self._take(engine.configure(SITE, trace.kind, trace.device, config, START_MS), 0.0)
        feeds = [_Feed(trace) for trace in self._recording.traces]
        t = ticked = 0.0
        while t < self._recording.duration_s:
            step = min((feed.step(t) for feed in feeds), default=SLOW_S)
            if any(self._loud.values()):
                step = FAST_S  # a sound ends at a tick, and its seconds are counted
            until = t + step
            for device, rules in self._loud.items():
                if rules and t < self._ends.get(device, until):
                    self._heard.sound_s[device] += step
                    self._heard.sounded.append((device, t, step))
                    self._heard.tone_s[device] += step * max(rules.values())
            self._batch(feeds, until)
            if until - ticked >= min(2 * FAST_S, step):
                ticked = until
                at = _ms(until)
                self._take(engine.tick(at, at), until)
            self._answer(until)
            watch(engine, until)
            t = until
        return self._heard

    def _batch(self, feeds: list["_Feed"], until: float) -> None:
        batch: list[tuple[float, Arrived]] = []
        for feed in feeds:
            device, kind = feed.trace.device, feed.trace.kind
            for at, presence in feed.presences(until):
                self._take(self._engine.presence(SITE, kind, device, presence, _ms(at)), at)
            batch += ((sent.t, Arrived(SITE, kind, device, sent.frame(kind), _ms(sent.t) + LATENCY_MS))
                      for sent in feed.samples(until))  # fmt: skip
        if batch:
            batch.sort(key=lambda pair: pair[0])
            outcome = self._engine.feed([arrived for _, arrived in batch])
            self._take(outcome, until, batch)
        for feed in feeds:
            for at, event in feed.events(until):
                outcome = self._engine.event(SITE, feed.trace.kind, feed.trace.device, event, _ms(at))
                self._take(outcome, at)

    def _take(self, outcome: Outcome, t: float, batch: list[tuple[float, Arrived]] | None = None) -> None:
        for transition in outcome.transitions:
            if transition.signal in RAISES:
                self._note(transition, outcome, _when(transition, t, batch))
        for (key, rule), alarm in outcome.alarms.items():
            loud = self._loud.setdefault(key[2], {})
            if alarm is not None and alarm.cab in LOUD:
                loud[rule] = LOUD[alarm.cab]
            else:
                loud.pop(rule, None)

    def _note(self, transition: Transition, outcome: Outcome, at: float) -> None:
        key = (transition.site, transition.kind, transition.device)
        if at >= self._ends.get(transition.device, at + 1.0):
            return  # a folded part is over, or the box was taken off: what follows is about us, not about a crane
        alarm = outcome.alarms.get((key, transition.rule))
        if transition.rule in OWN or (alarm is not None and alarm.posts):
            return  # a line that stands for others, which are counted themselves
        if alarm is not None and alarm.cab == "none" and alarm.desk == "none":
            by = self._engine.annunciator.spoken.get((key, transition.rule))
            if alarm.parent is None or by is None or by[1] != transition.rule:
                return  # in a flood, or chattering: nobody has read what it is
        said = Said(transition.device, transition.rule, at, transition.severity)
        (self._heard.alarms if transition.severity >= Severity.PREWARNING else self._heard.lines).append(said)
        self._answers.append((at + DESK_S, key, transition.rule, transition.id))

    def _answer(self, t: float) -> None:
        due = [answer for answer in self._answers if answer[0] <= t]
        self._answers = [answer for answer in self._answers if answer[0] > t]
        for _, key, rule, transition in due:
            for action in (Action.ACKNOWLEDGE, Action.RELEASE):
                self._asked += 1
                cites = transition if action is Action.ACKNOWLEDGE else None
                said = Response(id=f"desk-{self._asked:06d}", action=action, at=_ms(t), who="desk", rule=rule,
                                transition=cites, cause="called")  # fmt: skip
                self._take(self._engine.respond(*key, said, _ms(t)), t)


def _when(transition: Transition, t: float, batch: list[tuple[float, Arrived]] | None) -> float:
    """When the sample that completed the condition arrived; what was decided otherwise, now."""
    cause = transition.cause
    for at, arrived in batch or ():
        if arrived.device == transition.device and (arrived.frame.boot, arrived.frame.seq) == (cause.boot, cause.seq):
            return at
    return t


def _ms(t: float) -> int:
    return START_MS + round(t * 1000)


class _Feed:
    """One device's traffic, read in order."""

    def __init__(self, trace: Trace) -> None:
        self.trace = trace
        self._sample = self._event = self._presence = 0

    def step(self, t: float) -> float:
        """How long a batch may be for its sake, in s."""
        if t >= self.trace.length_s:
            return SLOW_S
        return FAST_S if self.trace.interval_s <= 1.0 else min(self.trace.interval_s, SLOW_S)

    def samples(self, until: float) -> Iterator[Sent]:
        """What arrives before `until`."""
        samples = self.trace.samples
        while self._sample < len(samples) and samples[self._sample].t < until:
            self._sample += 1
            yield samples[self._sample - 1]

    def presences(self, until: float) -> Iterator[tuple[float, Presence]]:
        """Births before `until`."""
        while self._presence < len(self.trace.presences) and self.trace.presences[self._presence][0] < until:
            self._presence += 1
            yield self.trace.presences[self._presence - 1]

    def events(self, until: float) -> Iterator[tuple[float, Event]]:
        """What it told before `until`."""
        while self._event < len(self.trace.events) and self.trace.events[self._event][0] < until:
            self._event += 1
            yield self.trace.events[self._event - 1]
