"""
One device's record through the engine, twice: under the profiles that held, and under a candidate.

Rule 1: readings are streamed; what grows with the range are alarms, transitions and terms.
Rule 2: the replay begins a stated lead-in before the range, where no alarm was active, at most a day: windows are full
when the range begins.
"""

import itertools
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import msgspec

from analytics.backtest import outcome, truth
from analytics.backtest.course import Came
from analytics.backtest.outcome import Check, Range
from analytics.backtest.rerun import NotHeld, Rerun, supposed
from analytics.backtest.truth import Answer, Interval, Verdict
from analytics.identity import DeviceKey
from analytics.replay import History, Told
from analytics.review import seam
from analytics.review.seam import Log, Logged
from telemetry.errors import ConfigError
from telemetry.limit_profile import Profile
from telemetry.model import Origin
from telemetry.storage import recorded
from telemetry.storage.pool import Database
from telemetry.storage.profiles import find
from telemetry.storage.recorded import Answered, Outline
from telemetry.wire.payloads import Transition

DAY_MS: Final = 86_400_000
SILENT_MS: Final = 60_000  # a longer pause between samples is no time watched, unless it is within three intervals
OVERLAP_MS: Final = 2_000
Advance = Callable[[int, int], None]  # frames done, of how many


@dataclass(frozen=True)
class Plan:
    """What is asked: a range of device time, and perhaps a candidate and the truth."""

    range: Range
    candidate: Profile | None = None
    intervals: Sequence[Interval] | None = None


@dataclass
class Watch:
    """How long a device was watched in a range: time between samples, pauses left out."""

    range: Range
    pause_ms: int = SILENT_MS
    samples: int = 0
    watched_ms: int = 0
    last: int | None = None
    spans: dict[str, tuple[int, int]] = field(default_factory=dict)  # of boots: received, of what was evaluated live

    def take(self, told: Told, *, live: bool) -> None:
        """A frame was played."""
        frame = told.frame
        for sample in frame.samples or (frame,):
            ts = sample.ts or 0
            if ts in self.range:
                self.samples += 1
                if self.last is not None and 0 < ts - self.last <= self.pause_ms:
                    self.watched_ms += ts - self.last
            self.last = ts
        if live and frame.boot is not None:
            first, last = self.spans.get(frame.boot, (told.received, told.received))
            self.spans[frame.boot] = (min(first, told.received), max(last, told.received))

    @property
    def interleaved(self) -> bool:
        """Whether frames of two boots were evaluated by turns: then their order is in no record."""
        spans = sorted(self.spans.values())
        return any(after[0] < before[1] - OVERLAP_MS for before, after in itertools.pairwise(spans))


async def play(
    database: Database, device_id: int, key: DeviceKey, plan: Plan, advance: Advance = lambda done, of: None
) -> dict[str, Any]:
    """What a back-test of one device found, as plain values. Raises StorageError."""
    found: dict[str, Any] = {"site": key[0], "kind": key[1], "device": key[2]}
    range_ = plan.range
    async with recorded.recording(database, device_id, key[1]) as record:
        log = logged(await record.log(range_.begin - 2 * DAY_MS))
        since = seam.begin_ms(log, range_.begin - seam.HORIZON_MS)
        outline = await record.outline(since, range_.end - 1)
        played = _Played(outline, key, plan, await known(database, outline))
        try:
            if outline.parts:
                done = 0
                async for page in record.pages(outline):
                    played.feed([Told(*one) for one in page.frames])
                    done += page.span
                    played.lacking += page.lacking
                    advance(done, outline.frames)
        except (ValueError, ConfigError) as error:
            return {**found, "refused": str(error)}
        if not played.watch.samples:
            return {**found, "empty": True}
        if played.watch.interleaved:
            return {**found, "refused": "同名设备两台 two boxes with one name: no order is theirs"}
        answers = await record.answers(range_.begin)
    return {**played.found(answers), "lead_in_s": (range_.begin - since) / 1000}


async def known(database: Database, outline: Outline) -> list[Profile]:
    """The profiles that terms and transitions name. Raises StorageError."""
    named = [terms.judged for terms in outline.terms] + [one.profile for one, _, _ in outline.log]
    return await find(database, filter(None, named))


def logged(log: Iterable[tuple[Transition, str | None, Transition | None]]) -> list[Logged]:
    """The log as a review reads it."""
    return [Logged(one, changed, denied=verdict == "not_reproduced") for one, verdict, changed in log]


class _Played:
    """The two replays of one device."""

    def __init__(self, outline: Outline, key: DeviceKey, plan: Plan, profiles: list[Profile]) -> None:
        self._outline = outline
        self._plan = plan
        self._log = logged(outline.log)
        answers = [one for one, _, _ in outline.log if one.observed]
        self._history = History(key, outline.boots, (), outline.terms, answers, profiles)
        self._then = Rerun(self._history, self._log, whole=outline.whole, forgets=True)
        self._now: Rerun | None = None
        self._not_held: str | None = None
        if plan.candidate is not None:
            try:
                history = supposed(self._history, plan.candidate)
                self._now = Rerun(history, self._log, whole=outline.whole)
            except NotHeld as error:
                self._not_held = str(error)
        interval = max((terms.interval_ms for terms in outline.terms), default=0)
        self.watch = Watch(plan.range, max(SILENT_MS, 3 * interval))
        self._again: dict[str, bytes] = {}
        self._first: tuple[str, int] | None = None
        self._last: tuple[str, int] | None = None
        self.lacking = 0

    def feed(self, frames: list[Told]) -> None:
        """A page. Raises ConfigError when the device cannot be judged by what it was judged by."""
        for part in self._parts(frames):
            inside = self._first is not None
            for transition in self._then.feed(part):
                if inside:
                    self._again[transition.id] = same_bytes(transition)
            if self._now is not None:
                try:
                    self._now.feed(part)
                except ConfigError as error:
                    self._now, self._not_held = None, f"将被拒绝 would be refused: {error}"

    def _parts(self, frames: list[Told]) -> Iterator[list[Told]]:
        """The page, cut where the range begins."""
        begins = 0
        for n, told in enumerate(frames):
            boot, seq = told.frame.boot or "", told.frame.seq or 0
            live = any(low <= seq <= high for low, high in self._outline.evaluated.get(boot, ()))
            self.watch.take(told, live=live)
            self._last = (boot, seq)
            if self._first is None and self.watch.samples:
                begins = n
                yield frames[:n]
                self._first = (boot, seq)
        yield frames[begins:]

    def found(self, answers: list[Answered]) -> dict[str, Any]:
        """What came of it."""
        range_, candidate = self._plan.range, self._plan.candidate
        for rerun in (self._then, self._now):
            if rerun is not None:
                rerun.course.end(self.watch.last or range_.end)
        result = self._check()
        then = self._then.course.came
        judge_then, judge_now = self._judges(then, answers)
        now = self._now.course.came if self._now is not None else None
        found = {
            **outcome.compared(self._history.key, range_, then, now, judge_then, judge_now),
            "days": self.watch.watched_ms / DAY_MS, "samples": self.watch.samples,
            "check": {**msgspec.to_builtins(result), "equal": result.equal, "unreviewed": self._outline.unreviewed,
                      "lacking_frames": self.lacking},
            "not_judged": sorted(self._then.unjudged),
        }  # fmt: skip
        if candidate is not None and self._not_held is not None:
            found["not_held"] = self._not_held
        return found

    def _judges(self, then: Sequence[Came], answers: list[Answered]) -> tuple[outcome.Judge, outcome.Judge | None]:
        key, intervals = self._history.key, self._plan.intervals
        if intervals is not None:

            def by_truth(alarm: Came) -> Verdict:
                return truth.labelled(intervals, key[1], key[2], alarm)

            return by_truth, by_truth
        at_of = {entry.transition.id: (entry.transition.rule, entry.effective.at) for entry in self._log}
        said = truth.said(then, [Answer(a.at_ms, a.rule, a.transition_id, a.cause) for a in answers], at_of)
        by_alarm = {id(then[n]): verdict for n, verdict in said.items()}
        return lambda alarm: by_alarm.get(id(alarm), Verdict.UNKNOWN), None

    def _check(self) -> Check:
        """The replay under what held, against the log: of the range's frames."""
        first = self._history.place(*self._first) if self._first else None
        last = self._history.place(*self._last) if self._last else None
        if first is None or last is None:
            return Check(0)
        entries = Log(self._history, self._log).without(self._then.unjudged).derived(first, last)
        said = {entry.transition.id: same_bytes(entry.effective) for entry in entries if not entry.denied}
        return outcome.check(said, self._again)


def same_bytes(transition: Transition) -> bytes:
    """All that it says but for who decided it, live or a review."""
    return msgspec.json.encode(msgspec.structs.replace(transition, origin=Origin.LIVE))
