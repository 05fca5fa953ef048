"""
The shell of the review: look at the ledger, review who is due, say what the record lacks.

Rule 1: it reads the database as the live path never does, and it is a process of its own: nothing here can delay an
alarm. What it finds is published on `down/transition` with origin `review`, and never as an alarm.
Rule 2: one review of a database at a time: the others wait for its lock.
Rule 3: what cannot be reviewed is refused with its reason, written down, and not tried again.
"""

import asyncio
import contextlib
import itertools
import logging
import secrets
from collections.abc import Iterable, Mapping, Sequence
from types import MappingProxyType
from typing import Final

import msgspec

from analytics.replay import History, Told
from analytics.review import seam
from analytics.review.backlog import Backlog, Due, counts
from analytics.review.lifespans import Lifespans
from analytics.review.lifts import Known
from analytics.review.metrics import ReviewMetrics
from analytics.review.settings import ReviewSettings
from telemetry import clock
from telemetry.broker import Arrival, Link
from telemetry.errors import BrokerUnavailable, ConfigError, CranewatchError, StorageError
from telemetry.settings import MqttSettings
from telemetry.storage import review as store
from telemetry.storage.cycle_review import Found
from telemetry.storage.gaps import Gap, open_gaps
from telemetry.storage.multirange import Ranges, union
from telemetry.storage.pool import Database
from telemetry.storage.profiles import find
from telemetry.wire import payloads, topics
from telemetry.wire.payloads import Finding, Recorded, SiteRecord, Transition
from telemetry.wire.topics import Lane, Leaf

logger = logging.getLogger(__name__)

MAX_NAMED: Final = 80  # devices in one site's statement; it counts the others
MAX_TIMES: Final = 12  # attempts at an unsettled review: the last is days after the first
REACH_MS: Final = 6 * 3_600_000  # beyond the last late frame
OVERLAP_MS: Final = 2_000
THOROUGH_S: Final = 3600.0
LINK_S: Final = 5.0
STATED_S: Final = 30.0  # a statement that has not changed is said again


class Review:
    """The review of one database."""

    def __init__(
        self, database: Database, mqtt: MqttSettings, settings: ReviewSettings, metrics: ReviewMetrics
    ) -> None:
        """Only stores its arguments."""
        self._database = database
        self._settings = settings
        self._metrics = metrics
        self._backlog = Backlog(quiet_s=settings.quiet_s, at_most_s=settings.at_most_s)
        # A name of its own: a second review that waits for the lock must not take this one's connection.
        self._link = Link(
            mqtt, f"review-{secrets.token_hex(4)}", filters=[(topics.heartbeat("+"), 0)], on_arrival=self._arrived
        )
        self._known: list[store.Late] | None = None
        self._thorough_at = 0.0
        self._lives = Lifespans()
        self._said: dict[str, tuple[float, SiteRecord]] = {}

    async def run(self, stop: asyncio.Event) -> None:
        """Review until `stop` is set."""
        async with asyncio.TaskGroup() as tasks:
            link = tasks.create_task(self._link.run(), name="review.link")
            work = tasks.create_task(self._work(stop), name="review.work")
            await stop.wait()
            work.cancel()
            await self._link.close()
            await asyncio.wait({link}, timeout=2)
            link.cancel()

    async def _work(self, stop: asyncio.Event) -> None:
        while not stop.is_set():
            try:
                async with store.alone(self._database) as alone:
                    if not alone:
                        logger.info("another review works on this database, waiting", extra={"action": "wait"})
                    while alone and not stop.is_set():
                        await self._look()
                        await asyncio.sleep(self._settings.look_s)
            except StorageError as error:
                self._metrics.failures.inc()
                self._backlog.forget()
                logger.warning("no look at the record: %s", error, extra={"action": "look"})
            await asyncio.sleep(self._settings.look_s)

    def _arrived(self, arrival: Arrival) -> None:
        with contextlib.suppress(CranewatchError):
            beat = payloads.decode(payloads.Heartbeat, arrival.payload)
            now = asyncio.get_running_loop().time()
            self._backlog.beat(arrival.topic.split("/")[2], now, (beat.at - beat.ticked) / 1000)

    # One look

    async def _look(self) -> None:
        now = asyncio.get_running_loop().time()
        late = await self._late(now)
        due = {one.device_id: one for one in self._backlog.look(now, late)}
        begun: dict[int, list[store.Start]] = {}
        starts = await store.starts(self._database)
        steady = self._backlog.steady(now)
        for start in starts if steady else ():
            if self._backlog.watched(start.key[0], now):
                begun.setdefault(start.device_id, []).append(start)
                due.setdefault(start.device_id, Due(start.device_id, start.key, {}))
        before = {one.device_id: one for one in await store.unsettled(self._database)}
        for number, open_ in before.items():
            wait = self._settings.again_s * 2.0 ** min(open_.times - 1, MAX_TIMES)
            if steady and open_.age_s >= wait:
                due.setdefault(number, Due(number, open_.key, {}))
        for number, one in due.items():
            joined = _joined(one.late, before[number].late if number in before else {})
            last = number in before and before[number].times >= MAX_TIMES
            await self._review(Due(number, one.key, joined), begun.get(number, []), last=last)
        if due:
            late = self._known = await store.late(self._database, self._known)
            starts = await store.starts(self._database)
        self._metrics.late.set(sum(counts(late).values()))
        await self._state(late, starts)

    async def _late(self, now: float) -> list[store.Late]:
        """What is late; every boot that there ever was is looked at now and then."""
        thorough = self._known is None or now >= self._thorough_at
        if thorough:
            self._thorough_at = now + THOROUGH_S
        self._known = await store.late(self._database, None if thorough else self._known)
        return self._known

    async def _review(self, due: Due, begun: Sequence[store.Start], *, last: bool) -> None:
        name = "/".join(due.key)
        try:
            found = await self._judge(due, begun)
        except (ValueError, ConfigError) as error:
            found = str(error)
        except StorageError:
            raise
        except Exception as error:
            # A defect on one device's history must not keep all others from their review.
            logger.exception("the replay of %s failed", name, extra={"action": "review_failed"})
            found = f"the replay failed: {error!r}"
        positions = [start.position for start in begun]
        if isinstance(found, str):
            await store.settle(self._database, due.device_id, due.late, positions=positions, refusal=found)
            self._metrics.reviews.labels("refused").inc()
            logger.warning("late frames of %s cannot be reviewed: %s", name, found, extra={"action": "refused"})
            return
        await store.settle(
            self._database, due.device_id, due.late, positions=positions, added=found.added, changed=found.changed,
            not_reproduced=found.not_reproduced, agreed=found.agreed, samples=found.samples,
            cycles=Found(found.cycles.added, found.cycles.changed, found.cycles.not_reproduced,
                                     found.cycles.agreed),
            span_ms=(found.first_ms, found.last_ms), settled=found.settled or last, finding=found.finding,
        )  # fmt: skip
        self._metrics.reviews.labels("settled" if found.settled else "unsettled").inc()
        self._metrics.added.inc(len(found.added))
        self._metrics.not_reproduced.inc(len(found.not_reproduced))
        logger.log(
            logging.WARNING if found.added or found.not_reproduced else logging.INFO,
            "reviewed %s: %d samples, %d transitions added, %d not reproduced",
            name, found.samples, len(found.added), len(found.not_reproduced), extra={"action": "reviewed"},
        )  # fmt: skip
        await self._publish(found.added)

    async def _judge(self, due: Due, begun: Sequence[store.Start]) -> "seam.Reviewed | str":
        """What the review of a device finds, or why there can be none. Raises ValueError, ConfigError, StorageError."""
        wanted = {boot: list(ranges) for boot, ranges in due.late.items()}
        for start in begun:
            wanted.setdefault(start.boot, []).append((start.seq + 1, start.seq + 1))
        async with store.reader(self._database, due.device_id, due.key[1]) as reader:
            span = await reader.span(wanted)
            if span is None:
                return "nothing says from which time they are: their readings are misdated, or gone"
            log = _logged(await reader.log(span[0] - 2 * seam.DAY_MS))
            since = seam.begin_ms(log, span[0])
            stretch = await reader.stretch(since, span[1] + seam.HORIZON_MS + REACH_MS)
        if stretch.cut:
            return f"more than {store.MAX_ROWS} samples at once"
        if stretch.lacking:
            return "readings that the ledger has are not stored any more"
        if _interleaved(stretch):
            return "two boxes with one name: no order is theirs"
        named = [terms.judged for terms in stretch.terms] + [one.profile for one, _, _ in stretch.log]
        known = await find(self._database, filter(None, named))
        history = History(
            due.key, stretch.boots, [Told(frame, received) for frame, received in stretch.frames], stretch.terms,
            [one for one, _, _ in stretch.log if one.observed], known,
        )  # fmt: skip
        places = [(start.boot, start.seq) for start in begun]
        found = await asyncio.to_thread(
            seam.review, history, _logged(stretch.log), due.late, places, whole=stretch.whole,
            cycles=[Known(one, changed, verdict == "not_reproduced") for one, verdict, changed in stretch.cycles],
        )  # fmt: skip
        return found if found is not None else "their readings are not stored any more"

    async def _publish(self, added: Sequence[Transition]) -> None:
        """For whoever looks at the desk now; they are in the database."""
        if added and not self._link.up.is_set():
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(LINK_S):
                    await self._link.up.wait()
        for transition in added:
            topic = topics.build(transition.site, transition.kind, transition.device, Lane.DOWN, Leaf.TRANSITION)
            try:
                await self._link.publish(topic, payloads.encode(transition))
            except BrokerUnavailable as error:
                logger.warning("findings were not published: %s", error, extra={"action": "publish"})
                return

    # What is said of the record

    async def _state(self, late: Sequence[store.Late], begun: Sequence[store.Start]) -> None:
        if not self._link.up.is_set():
            return
        gaps = await open_gaps(self._database, overdue_s=self._settings.overdue_s)
        found = await store.findings(self._database, self._settings.found_s)
        now, at = asyncio.get_running_loop().time(), clock.now_ms()
        sites = await store.sites(self._database)
        await self._lives.look(self._database, now)
        # What was stored in the last `quiet_s` may be on its way through the analyzer; what is older is not.
        open_ = {key[0] for key in counts(self._backlog.lasting(late))} | {start.key[0] for start in begun}
        clean = at - round(2000 * self._settings.quiet_s)
        for site, record in records(sites, counts(late), gaps, found, at, self._lives.near).items():
            if site not in open_ and self._backlog.watched(site, now):
                record = msgspec.structs.replace(record, clean_to=clean)
            before = self._said.get(site)
            if before is not None and now - before[0] < STATED_S and _same(before[1], record):
                continue
            try:
                await self._link.publish(topics.record(site), payloads.encode(record), retain=True)
            except BrokerUnavailable as error:
                logger.warning("what the record lacks was not said: %s", error, extra={"action": "publish"})
                return
            self._said[site] = (now, record)


def records(
    sites: Iterable[str],
    late: Mapping[store.DeviceKey, int],
    gaps: Iterable[Gap],
    found: Mapping[store.DeviceKey, Finding],
    at: int,
    used: Mapping[store.DeviceKey, float] = MappingProxyType({}),
) -> dict[str, SiteRecord]:
    """What is said of each site: the devices that lack something, the worst first."""
    by_key: dict[store.DeviceKey, Recorded] = {}
    missing = {(gap.site, gap.kind, gap.device): gap for gap in gaps}
    for key in {*late, *missing, *found, *used}:
        gap = missing.get(key)
        by_key[key] = Recorded(
            kind=key[1], device=key[2], late=late.get(key, 0), found=found.get(key),
            missing=gap.frames if gap else 0, missing_since=clock.to_ms(gap.since) if gap else None,
            overdue=bool(gap and gap.overdue), used_pct=used.get(key),
        )  # fmt: skip
    told: dict[str, SiteRecord] = {}
    for site in sites:
        own = [one for key, one in by_key.items() if key[0] == site]
        own.sort(key=lambda one: (one.found is None, not one.overdue, -one.missing, -one.late, one.kind, one.device))
        told[site] = SiteRecord(
            at=at, devices=own[:MAX_NAMED], more=max(0, len(own) - MAX_NAMED), late=sum(one.late for one in own)
        )
    return told


def _same(one: SiteRecord, other: SiteRecord) -> bool:
    clean = (one.clean_to > 0) == (other.clean_to > 0)
    return clean and (one.devices, one.more, one.late) == (other.devices, other.more, other.late)


def _joined(one: Mapping[str, Ranges], other: Mapping[str, Ranges]) -> dict[str, Ranges]:
    return {boot: union(one.get(boot, []), other.get(boot, [])) for boot in {*one, *other}}


def _logged(log: Iterable[tuple[Transition, str | None, Transition | None]]) -> list[seam.Logged]:
    return [seam.Logged(one, changed, denied=verdict == "not_reproduced") for one, verdict, changed in log]


def _interleaved(stretch: store.Stretch) -> bool:
    """Whether frames of two boots were evaluated by turns: then the order in which they were is in no record."""
    seen: dict[str, tuple[int, int]] = {}
    for frame, received in stretch.frames:
        ranges = stretch.evaluated.get(frame.boot or "", [])
        if frame.boot is None or frame.seq is None or not any(low <= frame.seq <= high for low, high in ranges):
            continue
        first, last = seen.get(frame.boot, (received, received))
        seen[frame.boot] = (min(first, received), max(last, received))
    spans = sorted(seen.values())
    return any(after[0] < before[1] - OVERLAP_MS for before, after in itertools.pairwise(spans))
