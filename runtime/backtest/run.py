"""
A back-test of a site or a device: who is played, in which processes, and what all of it says together.

Rule: whatever was not played, or not to the end, is named; a back-test that left something out is not *good*.
"""

import asyncio
import multiprocessing
import queue
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, ProcessPoolExecutor
from concurrent.futures import wait as first_of
from dataclasses import dataclass
from functools import partial
from typing import Any, Final

from analytics.backtest import outcome
from analytics.identity import DeviceKey
from runtime.backtest.device import Plan, play
from telemetry.settings import DatabaseSettings
from telemetry.storage import recorded
from telemetry.storage.pool import Database

MAX_ALARMS: Final = 2_000  # that one device's result names; the others are counted
OBSERVED: Final = {
    "zh": "静默、时钟、相邻设备、人员应答等观察所得的状态变化按记录读回，不重新判定",
    "en": "observed transitions (silence, clock, neighbours, people's answers) are read back from the record, not"
    " decided again",
}
Progress = Callable[[str, int, int], None]
Job = tuple[int, DeviceKey]


@dataclass(frozen=True)
class Asked:
    """Whose record, over which plan, in how many processes."""

    target: str
    site: str
    kind: str | None
    device: str | None
    plan: Plan
    jobs: int = 1


async def run(
    settings: DatabaseSettings, asked: Asked, progress: Progress = lambda stage, done, of: None
) -> dict[str, Any]:
    """The result, as plain values. Raises StorageError, and ValueError when there is no such device."""
    async with Database(settings, application="replay") as database:
        found = await recorded.devices(database, asked.site, asked.kind, asked.device)
        if not found:
            raise ValueError(f"no such device or site: {asked.target}")
        if min(asked.jobs, len(found)) > 1:
            devices = await asyncio.to_thread(_spread, settings, found, asked, progress)
        else:
            devices = [await play(database, *job, asked.plan, partial(progress, "/".join(job[1]))) for job in found]
    return result(asked, devices)


def result(asked: Asked, devices: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """What all devices say together, and the outcome."""
    candidate = asked.plan.candidate
    for one in devices:
        more = len(one.get("alarms", ())) - MAX_ALARMS
        if more > 0:
            one["alarms"], one["more_alarms"] = one["alarms"][:MAX_ALARMS], more
    lost = [alarm for one in devices for alarm in one.get("missing_life_safety", ())]
    later = [
        {"site": one["site"], "kind": one["kind"], "device": one["device"], "rule": row["rule"],
         "at": row["then"]["at"], "severity": row["then"]["severity"], "shift_s": row["shift_s"]}
        for one in devices
        for row in one.get("alarms", ())
        if row["became"] == "later" and row["life_safety"] and row["then"]["severity"] in ("alarm", "critical")
    ]  # fmt: skip
    return {
        "format": 1, "target": asked.target, "from": asked.plan.range.begin, "to": asked.plan.range.end,
        "profile": candidate.label if candidate else None, "profile_hash": candidate.hash if candidate else None,
        "outcome": verdict(devices), "missing_life_safety": sorted(lost, key=lambda one: one["at"]),
        "later_life_safety": sorted(later, key=lambda one: -one["shift_s"]),
        "total": outcome.summed(devices), "devices": list(devices), "observed": OBSERVED,
    }  # fmt: skip


def verdict(devices: Iterable[Mapping[str, Any]]) -> str:
    """The worst that is to be said: different, missing, refused, empty or good."""
    devices = list(devices)
    played = [one for one in devices if "then" in one]
    # A replay that does not give the log would judge a candidate by an engine that nobody had.
    if any(not one["check"]["equal"] for one in played):
        return "different"
    if any(one.get("missing_life_safety") for one in played):
        return "missing"
    if any("refused" in one or one.get("not_held") or one.get("check", {}).get("lacking_frames") for one in devices):
        return "refused"
    return "good" if played else "empty"


# In several processes


_told: "multiprocessing.Queue[tuple[str, int, int]] | None" = None


def _begin(told: "multiprocessing.Queue[tuple[str, int, int]]") -> None:
    global _told
    _told = told


def _one(settings: DatabaseSettings, job: Job, plan: Plan) -> dict[str, Any]:
    def advance(done: int, of: int) -> None:
        if _told is not None:
            _told.put(("/".join(job[1]), done, of))

    async def work() -> dict[str, Any]:
        async with Database(settings, application="replay") as database:
            return await play(database, *job, plan, advance)

    return asyncio.run(work())


def _spread(settings: DatabaseSettings, found: Sequence[Job], asked: Asked, progress: Progress) -> list[dict[str, Any]]:
    # Each device is a replay of its own: nothing that is derived depends on another one.
    context = multiprocessing.get_context("spawn")
    told: multiprocessing.Queue[tuple[str, int, int]] = context.Queue()
    with ProcessPoolExecutor(asked.jobs, context, initializer=_begin, initargs=(told,)) as pool:
        futures = [pool.submit(_one, settings, job, asked.plan) for job in found]
        waiting = set(futures)
        while waiting:
            _, waiting = first_of(waiting, timeout=0.2, return_when=FIRST_COMPLETED)
            while True:
                try:
                    progress(*told.get_nowait())
                except queue.Empty:
                    break
        return [future.result() for future in futures]
