"""What of the record is complete: the daily statement, and what is missing now."""

from dataclasses import asdict
from datetime import date
from typing import Annotated

from fastapi import APIRouter, Query

from api import schemas
from api.access.gate import Reader, allowed
from api.deps import Before, DevicePath, DeviceQuery, Limit, Parts, SitePath, SiteQuery
from api.problems import Problem, not_found
from telemetry.clock import to_ms
from telemetry.roles import Permission
from telemetry.storage import completeness, review
from telemetry.storage.balance import Frames, total
from telemetry.storage.completeness import DeviceHoles, Statement

Day = Annotated[
    date,
    Query(ge=date(2000, 1, 1), le=date(2999, 1, 1), description="A day in the site's zone.", examples=["2027-01-15"]),
]
Overdue = Annotated[float, Query(gt=0, le=31_536_000, description="Seconds after which what is missing is overdue.")]
OVERDUE_S = 900.0


def _frames(frames: Frames) -> schemas.Frames:
    return schemas.Frames(**asdict(frames), late=frames.late)


def _statement(one: Statement) -> schemas.Completeness:
    return schemas.Completeness(
        site=one.site, kind=one.kind, device=one.device, day=one.day.date.isoformat(), timezone=one.day.zone,
        begin=to_ms(one.day.begin), end=to_ms(one.day.end), frames=_frames(one.frames),
        boots=[schemas.BootFrames(boot=boot, frames=_frames(frames)) for boot, frames in one.boots],
        unreadable=one.unreadable, readings=one.readings, by_hand=one.by_hand, conflicts=one.conflicts,
        clock=schemas.Clock(**asdict(one.clock)) if one.clock else None, coverage_ms=one.coverage_ms,
        events=[schemas.RecordEvent(at=to_ms(at), type=type_, detail=detail) for at, type_, detail in one.events],
    )  # fmt: skip


def _holes(one: DeviceHoles) -> schemas.Holes:
    return schemas.Holes(
        site=one.site, kind=one.kind, device=one.device, truncated=one.truncated,
        holes=[
            schemas.Hole(
                boot=hole.boot, first=hole.first, last=hole.last, frames=hole.frames, begin=hole.from_ms,
                end=hole.to_ms, since=to_ms(hole.since), tail=hole.tail,
            )
            for hole in one.holes
        ],
    )  # fmt: skip


def _review(one: review.Done) -> schemas.Review:
    return schemas.Review(
        id=one.review_id, site=one.site, kind=one.kind, device=one.device, finished_at=to_ms(one.finished_at),
        begin=one.from_ms, end=one.to_ms, frames=one.frames, samples=one.samples, added=one.added,
        late={boot: [list(part) for part in ranges] for boot, ranges in one.late.items()},
        not_reproduced=one.not_reproduced, settled=one.settled, refusal=one.refusal,
    )  # fmt: skip


def _only(found: list[completeness.Of], site: str, device: str) -> completeness.Of:
    if not found:
        raise not_found(f"device {site}/{device}")
    if len(found) > 1:
        raise Problem(409, "ambiguous", "设备名重复 the name is not unique", "devices of several kinds have it")
    return found[0]


def router(parts: Parts) -> APIRouter:
    """`/reviews`, `/gaps`, `/devices/{site}/{device}/gaps`, `…/completeness`, `/sites/{site}/completeness`."""
    routes = APIRouter(tags=["record 数据完整性"], dependencies=allowed(Permission.READ))

    @routes.get("/reviews", summary="What late data showed, newest first")
    async def reviews(
        who: Reader, site: SiteQuery = None, device: DeviceQuery = None, before: Before = None, limit: Limit = 100
    ) -> schemas.Reviews:
        found = await review.done(parts.record(), sites=who.sites, device=device, before=before, limit=limit)
        items = [_review(one) for one in found]
        return schemas.Reviews(items=items, next=items[-1].id if len(items) == limit else None)

    @routes.get("/gaps", summary="Devices of which frames are missing now, longest first")
    async def gaps(who: Reader, overdue_s: Overdue = OVERDUE_S) -> schemas.Gaps:
        found = await completeness.open_gaps(parts.record(), overdue_s=overdue_s)
        return schemas.Gaps(
            items=[
                schemas.Gap(
                    site=gap.site, kind=gap.kind, device=gap.device, frames=gap.frames, since=to_ms(gap.since),
                    overdue=gap.overdue,
                )
                for gap in found
                if who.covers(gap.site)
            ]
        )  # fmt: skip

    @routes.get("/devices/{site}/{device}/gaps", summary="What is missing of a device now, range by range")
    async def holes(site: SitePath, device: DevicePath) -> schemas.Holes:
        return _holes(_only(await completeness.missing(parts.record(), site=site, device=device), site, device))

    @routes.get("/devices/{site}/{device}/completeness", summary="What became of a day of a device")
    async def device_day(
        site: SitePath, device: DevicePath, day: Day, overdue_s: Overdue = OVERDUE_S
    ) -> schemas.Completeness:
        found = await completeness.statements(
            parts.record(), day, site=site, device=device, overdue_s=overdue_s, details=True
        )
        return _statement(_only(found, site, device))

    @routes.get("/sites/{site}/completeness", summary="What became of a day of all devices of a site")
    async def site_day(site: SitePath, day: Day, overdue_s: Overdue = OVERDUE_S) -> schemas.SiteCompleteness:
        found = await completeness.statements(parts.record(), day, site=site, overdue_s=overdue_s, details=False)
        if not found:
            raise not_found(f"site {site}, or it has no devices")
        return schemas.SiteCompleteness(
            site=site,
            day=day.isoformat(),
            frames=_frames(total(one.frames for one in found)),
            items=[_statement(one) for one in found],
        )

    return routes
