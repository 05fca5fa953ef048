"""
One device in a shadow run: what was evaluated live since the last look, under what holds and under the candidate.

Rule 1: only what the analyzer has evaluated, in its order and under its terms: so the side of what holds is the live
log, and every look checks that it is.
Rule 2: the evaluation of a frame can be on record before the frame is. It is waited for, `WAIT_S` at most.
Rule 3: after a restart the record is played again from a lead-in before what was seen last; causes make it the same.
"""

import asyncio
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any, Final

import msgspec

from analytics.backtest import outcome
from analytics.backtest.course import Came
from analytics.backtest.outcome import Range
from analytics.backtest.rerun import NotHeld, Rerun, supposed
from analytics.identity import DeviceKey
from analytics.replay import History, Told, within
from analytics.review import seam
from analytics.review.seam import Log, Logged
from runtime.backtest.device import DAY_MS, Watch, known, logged, same_bytes
from telemetry import clock
from telemetry.errors import ConfigError
from telemetry.limit_profile import Profile
from telemetry.model import Origin
from telemetry.storage import recorded
from telemetry.storage.multirange import Ranges, minus
from telemetry.storage.pool import Database
from telemetry.storage.recorded import Outline, Part
from telemetry.storage.shadows import ShadowAlarm, Shadowed
from telemetry.wire.payloads import Transition

WAIT_S: Final = 60.0
AHEAD_MS: Final = DAY_MS  # a device's clock may be ahead of ours


class Followed:
    """The two replays of one device, as far as they have come."""

    def __init__(
        self, database: Database, state: Shadowed, candidate: Profile, range_: Range, open_since: int | None
    ) -> None:
        """`state` as it was kept last; `open_since`: the oldest alarm that was open then (Unix ms)."""
        self._database = database
        self.state = replace(state, trouble=None)
        self._dead = False
        self._waits = False
        self._candidate = candidate
        self._range = range_
        self._key: DeviceKey = (state.site, state.kind, state.device)
        base = state.seen_ms if state.seen_ms is not None else range_.begin
        self._base = max(base - DAY_MS, min(base, open_since if open_since is not None else base))
        # What was counted before the restart is not counted again.
        seen = state.seen_ms if state.seen_ms is not None else range_.begin - 1
        self._watch = Watch(Range(max(range_.begin, seen + 1), range_.end))
        self._since: int | None = None
        self._log: dict[str, Logged] = {}
        self._then: Rerun | None = None
        self._now: Rerun | None = None
        self._at: tuple[str, int] | None = None  # the last frame that was played
        self._holes: dict[tuple[str, int], float] = {}  # evaluated and not stored, and since when that is known
        self._kept: dict[tuple[str, int], bytes] = {}

    @property
    def waits(self) -> bool:
        """Whether there are frames whose evaluation is on record, and they are not yet."""
        return self._waits

    async def look(self) -> list[ShadowAlarm]:
        """Play what is new; the alarms that are new or have changed. Raises StorageError."""
        if self._dead:
            return []
        async with recorded.recording(self._database, self.state.device_id, self._key[1]) as record:
            if self._since is None:
                log = logged(await record.log(self._base - 2 * DAY_MS))
                self._since = seam.begin_ms(log, self._base - seam.HORIZON_MS)
            back = self._since if self._at is None else (self._watch.last or self._base) - DAY_MS // 24
            outline = await record.outline(back, max(clock.now_ms(), self._watch.last or 0) + AHEAD_MS)
            self._log |= {entry.transition.id: entry for entry in logged(outline.log)}
            if not outline.parts:
                return []
            self._learn(outline, await known(self._database, outline))
            parts = self._parts(outline)
            if not parts:
                return []
            again: list[Transition] = []
            first: tuple[str, int] | None = None
            try:
                async for page in record.pages(replace(outline, parts=parts)):
                    frames = [Told(*one) for one in page.frames if within(outline.evaluated, one[0])]
                    for told in frames:
                        self._at = (told.frame.boot or "", told.frame.seq or 0)
                        self._watch.take(told, live=True)
                        first = first or (self._at if self._watch.samples else None)
                    again += self._feed(frames)
                    await asyncio.sleep(0)
            except (ValueError, ConfigError) as error:
                self._dead = True
                self.state = replace(self.state, trouble=str(error))
                return []
        self._account(again, first)
        return self._changed()

    def close(self) -> list[ShadowAlarm]:
        """The run is over: what sounds ends here."""
        for rerun in (self._then, self._now):
            if rerun is not None and self._watch.last is not None:
                rerun.course.end(min(self._watch.last, self._range.end))
        return self._changed()

    def _learn(self, outline: Outline, profiles: list[Profile]) -> None:
        log = list(self._log.values())
        answers = [entry.transition for entry in log if entry.transition.observed]
        history = History(self._key, outline.boots, (), outline.terms, answers, profiles)
        if self._then is None:
            self._then = Rerun(history, log, whole=outline.whole, forgets=True)
            begun = max(self._base, self._range.begin) - (self._since or 0)
            self.state = replace(self.state, lead_in_ms=begun, not_judged=sorted(self._then.unjudged))
        else:
            self._then.goes_on(history, log)
        self._watch.pause_ms = max(self._watch.pause_ms, *(3 * terms.interval_ms for terms in outline.terms), 0)
        try:
            other = supposed(history, self._candidate)
        except NotHeld as error:
            self.state = replace(self.state, trouble=str(error))
            return
        if self._now is None and self._at is None:
            self._now = Rerun(other, log, whole=outline.whole)
        elif self._now is not None:
            self._now.goes_on(other, log)

    def _parts(self, outline: Outline) -> list[Part]:
        """What was evaluated beyond what was played, up to the first frame that is not stored yet."""
        found: list[Part] = []
        self._waits = False
        order = {boot: rank for rank, boot in enumerate(outline.boots)}
        for part in outline.parts:
            ranges = outline.evaluated.get(part.boot, [])
            first = part.first
            if self._at is not None:
                if order[part.boot] < order[self._at[0]]:
                    continue
                first = max(first, self._at[1] + 1) if part.boot == self._at[0] else 1
            if not ranges:
                continue
            hole = self._hole(part.boot, minus(ranges, [(1, first - 1), *outline.stored.get(part.boot, [])]))
            last = ranges[-1][1] if hole is None else hole - 1
            if first <= last:
                found.append(Part(part.boot_no, part.boot, first, last))
            if hole is not None:
                self._waits = True
                break
        return found

    def _hole(self, boot: str, ranges: Ranges) -> int | None:
        """The first frame that was evaluated, is not stored and is still worth waiting for."""
        now = asyncio.get_running_loop().time()
        for low, _ in ranges:
            if now - self._holes.setdefault((boot, low), now) < WAIT_S:
                return low
        return None

    def _feed(self, frames: list[Told]) -> list[Transition]:
        if self._now is not None:
            try:
                self._now.feed(frames)
            except ConfigError as error:
                self._now = None
                self.state = replace(self.state, trouble=f"将被拒绝 would be refused: {error}")
        return self._then.feed(frames) if self._then is not None else []

    def _account(self, again: list[Transition], first: tuple[str, int] | None) -> None:
        """Watch time, and the side of what holds against the live log."""
        state, watch = self.state, self._watch
        found = outcome.Check(0)
        if first is not None and self._at is not None and self._then is not None:
            found = self._check(again, first, self._at)
        self.state = replace(
            state, seen_ms=max(state.seen_ms or 0, watch.last or 0) or None, samples=state.samples + watch.samples,
            watched_ms=state.watched_ms + watch.watched_ms, compared=state.compared + found.compared,
            different=state.different + len(found.lacking) + len(found.extra) + len(found.different),
        )  # fmt: skip
        watch.samples = watch.watched_ms = 0

    def _check(self, again: list[Transition], first: tuple[str, int], last: tuple[str, int]) -> outcome.Check:
        assert self._then is not None  # noqa: S101 - for the type checker
        history = self._then.history
        begin, end = history.place(*first), history.place(*last)
        if begin is None or end is None:
            return outcome.Check(0)
        log = Log(history, self._log.values()).without(self._then.unjudged)
        said = {
            entry.transition.id: same_bytes(entry.transition)
            for entry in log.derived(begin, end)
            if entry.transition.origin is Origin.LIVE
        }
        places = {one.id: history.place(one.cause.boot, one.cause.seq) for one in again}
        mine = {one.id: same_bytes(one) for one in again if (place := places[one.id]) is not None and place >= begin}
        return outcome.check(said, mine)

    def _changed(self) -> list[ShadowAlarm]:
        found: list[ShadowAlarm] = []
        for side, n, alarm in self._alarms():
            row = _row(side, alarm)
            raw = msgspec.json.encode(row.payload)
            if self._kept.get((side, n)) != raw:
                self._kept[side, n] = raw
                found.append(row)
        return found

    def _alarms(self) -> Iterator[tuple[str, int, Came]]:
        sides: Sequence[tuple[str, Rerun | None]] = (("then", self._then), ("now", self._now))
        for side, rerun in sides:
            for n, alarm in enumerate(rerun.course.came if rerun is not None else ()):
                if self._range.touched(alarm):
                    yield side, n, alarm


def _row(side: str, alarm: Came) -> ShadowAlarm:
    payload: dict[str, Any] = msgspec.to_builtins(alarm, str_keys=True)
    return ShadowAlarm(
        side, alarm.rule, alarm.at, alarm.cause.boot or "", alarm.cause.seq or 0, alarm.cause.i or 0, alarm.until,
        int(alarm.severity), alarm.life_safety, payload,
    )  # fmt: skip


def came(payload: dict[str, Any]) -> Came:
    """An alarm as it was kept."""
    return msgspec.convert(payload, Came, strict=False, str_keys=True)
