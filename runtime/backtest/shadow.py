"""
Shadow mode: a candidate profile beside the one that holds, live and heard by nobody.

Rule 1: a process of its own that has no connection to the broker: there is nothing that it could annunciate with, and
nothing of the alarm path that waits for it. It reads the record, as the review does.
Rule 2: it lags behind the analyzer by the report of what was evaluated, ten seconds, and by the record. While the
record cannot be read it stands still, and then catches up; nothing is left out.
Rule 3: it ends by itself; a run whose process died is resumed by the same command.
"""

import asyncio
import contextlib
import logging
from collections.abc import Callable
from typing import Any, Final

from analytics.backtest import outcome
from analytics.backtest.outcome import Range
from analytics.backtest.truth import Answer, Verdict, said
from runtime.backtest import run as whole
from runtime.backtest.device import DAY_MS, Plan, logged
from runtime.backtest.follow import Followed, came
from telemetry import clock
from telemetry.errors import StorageError
from telemetry.settings import DatabaseSettings
from telemetry.storage import backtests, recorded, shadows
from telemetry.storage.pool import Database
from telemetry.storage.shadows import Run, ShadowAlarm, Shadowed

logger = logging.getLogger(__name__)

LOOK_S: Final = 2.0
GRACE_S: Final = 30.0  # behind the end, for the last report of what was evaluated
Told = Callable[[Shadowed, ShadowAlarm], None]


class Shadow:
    """One run, as a process goes on with it."""

    def __init__(self, settings: DatabaseSettings, run: Run, told: Told = lambda device, alarm: None) -> None:
        """`told` is called with every alarm, of either side, that is new or has changed."""
        self._settings = settings
        self._run = run
        self._told = told
        self._range = Range(run.begun_ms, run.until_ms)
        self._stands: dict[int, str] = {}
        self._followed: dict[int, Followed] = {}

    async def go_on(self, stop: asyncio.Event, *, look_s: float = LOOK_S, grace_s: float = GRACE_S) -> int | None:
        """
        Follow the site until the run's end or `stop`; the number of the kept result when it has ended.

        Raises ValueError when another process has the run.
        """
        async with (
            Database(self._settings, application="shadow") as database,
            shadows.alone(database, self._run.run_id) as alone,
        ):
            if not alone:
                raise ValueError(f"影子运行已有进程 shadow run {self._run.run_id} has a process already")
            while not stop.is_set():
                over = clock.now_ms() >= self._run.until_ms + 1000 * grace_s
                try:
                    await self._look(database)
                    if over:
                        return await self._end(database)
                except StorageError as error:
                    # What was fed is in memory and what was not written is in the record: all begins anew.
                    self._stands.clear()
                    self._followed.clear()
                    logger.warning("the record cannot be read, waiting: %s", error, extra={"action": "shadow"})
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(look_s):
                        await stop.wait()
        return None

    async def _look(self, database: Database) -> None:
        found = await shadows.stands(database, self._run.site)
        known: dict[int, Shadowed] | None = None
        for number, (key, stands) in found.items():
            if self._stands.get(number) == stands:
                continue
            followed = self._followed.get(number)
            if followed is None:
                if known is None:
                    known = {one.device_id: one for one in await shadows.devices(database, self._run.run_id)}
                state = known.get(number, Shadowed(number, *key))
                since = await shadows.open_since(database, self._run.run_id, number)
                followed = Followed(database, state, self._run.candidate(), self._range, since)
                self._followed[number] = followed
            await self._keep(database, followed, await followed.look())
            if not followed.waits:
                self._stands[number] = stands
        await shadows.looked(database, self._run.run_id)

    async def _keep(self, database: Database, followed: Followed, found: list[ShadowAlarm]) -> None:
        await shadows.keep(database, self._run.run_id, followed.state, found)
        for alarm in found:
            self._told(followed.state, alarm)

    async def _end(self, database: Database) -> int:
        for followed in self._followed.values():
            await self._keep(database, followed, followed.close())
        result = await report(database, self._run)
        number = await backtests.keep(
            database, kind="shadow", profile_hash=self._run.profile_hash, run_by=self._run.run_by, result=result
        )
        await shadows.end(database, self._run.run_id, number)
        return number


async def report(database: Database, run: Run) -> dict[str, Any]:
    """What a run has found so far, in the form of a back-test. Raises StorageError."""
    found = await shadows.alarms(database, run.run_id)
    until = min(run.until_ms, max(clock.now_ms(), run.begun_ms + 1))
    range_ = Range(run.begun_ms, until)
    devices = [await _device(database, one, range_, found) for one in await shadows.devices(database, run.run_id)]
    asked = whole.Asked(run.site, run.site, None, None, Plan(range_, run.candidate()))
    return whole.result(asked, devices)


async def _device(
    database: Database, one: Shadowed, range_: Range, found: dict[tuple[int, str], list[dict[str, Any]]]
) -> dict[str, Any]:
    key = (one.site, one.kind, one.device)
    then = [came(payload) for payload in found.get((one.device_id, "then"), ())]
    now = [came(payload) for payload in found.get((one.device_id, "now"), ())]
    if not one.samples:
        name = {"site": one.site, "kind": one.kind, "device": one.device}
        return {**name, "refused": one.trouble} if one.trouble else {**name, "empty": True}
    async with recorded.recording(database, one.device_id, one.kind) as record:
        log = logged(await record.log(range_.begin - DAY_MS))
        answers = [Answer(a.at_ms, a.rule, a.transition_id, a.cause) for a in await record.answers(range_.begin)]
    at_of = {entry.transition.id: (entry.transition.rule, entry.transition.at) for entry in log}
    by_alarm = {id(then[n]): verdict for n, verdict in said(then, answers, at_of).items()}
    result = outcome.compared(
        key, range_, then, None if one.trouble else now, lambda alarm: by_alarm.get(id(alarm), Verdict.UNKNOWN)
    )
    equal = one.different == 0
    return {
        **result, "days": one.watched_ms / DAY_MS, "samples": one.samples, "lead_in_s": (one.lead_in_ms or 0) / 1000,
        "check": {"compared": one.compared, "lacking": [], "extra": [], "different": [], "differences": one.different,
                  "equal": equal, "unreviewed": 0, "lacking_frames": 0},
        "not_judged": list(one.not_judged), **({"not_held": one.trouble} if one.trouble else {}),
    }  # fmt: skip
