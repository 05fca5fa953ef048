"""Back-tests and shadow runs: what limit profiles would have done."""

from typing import Annotated

from fastapi import APIRouter, Path, Query

from api import trials
from api.access.gate import Reader, allowed
from api.deps import Before, Limit, Parts, SiteQuery
from api.problems import not_found
from telemetry.clock import to_ms
from telemetry.roles import Permission
from telemetry.storage import backtests, shadows
from telemetry.storage.shadows import Run, Shadowed

Hash = Annotated[
    str | None,
    Query(
        alias="profile_hash", pattern=r"^[0-9a-f]{12,64}$", description="Of a profile: its first 12 digits or more.",
        examples=["591fd2f09339"],
    ),
]  # fmt: skip
Number = Annotated[int, Path(ge=1, le=2**62, examples=[7])]


def _backtest(one: backtests.Backtest) -> trials.Backtest:
    return trials.Backtest.model_validate(
        {
            "id": one.backtest_id, "kind": one.kind, "profile": one.profile, "profile_hash": one.profile_hash,
            "target": one.target, "site": one.site, "begin": one.from_ms, "end": one.to_ms, "outcome": one.outcome,
            "missing": one.missing, "accepted": one.accepted, "run_by": one.run_by,
            "finished_at": to_ms(one.finished_at), "total": one.total,
        }
    )  # fmt: skip


def _run(run: Run, devices: list[Shadowed], alarms: dict[tuple[int, str], int]) -> trials.ShadowRun:
    return trials.ShadowRun(
        id=run.run_id, site=run.site, profile=run.profile, profile_hash=run.profile_hash, run_by=run.run_by,
        begin=run.begun_ms, end=run.until_ms, looked_at=to_ms(run.looked_at),
        ended_at=to_ms(run.ended_at) if run.ended_at else None, backtest=run.backtest_id,
        devices=[
            trials.ShadowDevice(
                kind=one.kind, device=one.device, seen=one.seen_ms, watched_ms=one.watched_ms, samples=one.samples,
                then=alarms.get((one.device_id, "then"), 0), now=alarms.get((one.device_id, "now"), 0),
                different=one.different, trouble=one.trouble,
            )
            for one in devices
        ],
    )  # fmt: skip


def router(parts: Parts) -> APIRouter:
    """`/backtests`, `/backtests/{id}`, `/shadow-runs`."""
    routes = APIRouter(tags=["limit profiles 限值配置"], dependencies=allowed(Permission.READ))

    @routes.get("/backtests", summary="What limit profiles were held against, newest first")
    async def listed(
        who: Reader, site: SiteQuery = None, profile_hash: Hash = None, before: Before = None, limit: Limit = 100
    ) -> trials.Backtests:
        found = await backtests.listed(parts.record(), sites=who.sites, hash_=profile_hash, before=before, limit=limit)
        items = [_backtest(one) for one in found]
        return trials.Backtests(items=items, next=items[-1].id if len(items) == limit else None)

    @routes.get("/backtests/{number}", summary="All that a back-test found")
    async def one(who: Reader, number: Number) -> trials.BacktestResult:
        result = await backtests.result(parts.record(), number)
        if result is None or not who.covers(result[0]):
            raise not_found(f"back-test {number}")
        return trials.BacktestResult(id=number, result=result[1])

    @routes.get("/shadow-runs", summary="Candidates that run beside what holds, newest first")
    async def runs(who: Reader, site: SiteQuery = None, before: Before = None, limit: Limit = 20) -> trials.ShadowRuns:
        record = parts.record()
        found = await shadows.runs(record, sites=who.sites, before=before, limit=limit)
        items = [
            _run(run, await shadows.devices(record, run.run_id), await shadows.counts(record, run.run_id))
            for run in found
        ]
        return trials.ShadowRuns(items=items, next=items[-1].id if len(items) == limit else None)

    return routes
