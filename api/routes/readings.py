"""History of one device, as finely as the range allows."""

from datetime import UTC, datetime, timedelta
from typing import Annotated, Any

from fastapi import APIRouter, Query

from api import schemas
from api.access.gate import allowed
from api.buckets import FINE_SPAN, MAX_SPAN, Bucket, aligned, choose
from api.deps import DevicePath, Moment, Parts, SitePath
from api.problems import Problem, not_found
from telemetry.clock import to_ms, utc_now
from telemetry.kinds import KINDS, Kind
from telemetry.roles import Permission
from telemetry.storage import history
from telemetry.storage.devices import devices
from telemetry.storage.pool import Database

MAX_POINTS = 20_000
DEFAULT_SPAN = timedelta(minutes=30)


def _invalid(detail: str) -> Problem:
    return Problem(422, "invalid-range", "时间范围无效 the range is not valid", detail)


def span(
    begin: datetime | None, end: datetime | None, now: datetime, usual: timedelta = DEFAULT_SPAN
) -> tuple[datetime, datetime]:
    """The range asked for; the last `usual` when nothing is said. Raises Problem(422)."""
    for moment in (begin, end):
        if moment is not None and moment.tzinfo is None:
            raise _invalid("a time needs its zone, for example 2027-01-15T08:00:00+08:00 (a + in a URL is %2B) or …Z")
    last = (end or now).astimezone(UTC)
    first = begin.astimezone(UTC) if begin else last - usual
    if first >= last:
        raise _invalid("`from` must be before `to`")
    if last - first > MAX_SPAN:
        raise _invalid(f"at most {MAX_SPAN.days} days at once")
    return first, last


async def read(
    database: Database, row: tuple[int, str, str, str], begin: datetime, end: datetime, bucket: Bucket, names: list[str]
) -> schemas.History:
    """History of a device, given as (device_id, site, kind, device). Raises StorageError."""
    device_id, site, kind_name, device = row
    kind = KINDS[kind_name]
    first, last = aligned(begin, end, bucket)
    answer: dict[str, Any] = {
        "site": site, "kind": kind_name, "device": device, "bucket": str(bucket),
        "begin": to_ms(first), "end": to_ms(last),
    }  # fmt: skip
    if bucket is Bucket.RAW:
        points = await history.raw(database, kind_name, device_id, first, last, names, MAX_POINTS)
        answer["at"] = [to_ms(point.ts) for point in points]
        answer["truncated"] = len(points) == MAX_POINTS
        answer["invalid"] = [[name for name in names if point.invalid & kind.bit[name]] for point in points]
        answer["channels"] = {
            name: schemas.Series(**_label(kind, name), value=[point.values[k] for point in points])
            for k, name in enumerate(names)
        }
        return schemas.History(**answer)
    rows = await history.buckets(database, kind_name, device_id, first, last, names, bucket.width)
    answer["at"] = [to_ms(point.start) for point in rows]
    answer["samples"] = [point.n for point in rows]
    answer["channels"] = {
        name: schemas.Series(
            **_label(kind, name),
            n=[point.values[k][0] for point in rows],
            mean=[point.values[k][1] for point in rows],
            low=[point.values[k][2] for point in rows],
            high=[point.values[k][3] for point in rows],
        )
        for k, name in enumerate(names)
    }
    return schemas.History(**answer)


def _label(kind: Kind, name: str) -> dict[str, Any]:
    channel = kind.channel(name)
    return {"unit": channel.unit, "zh": channel.zh, "en": channel.en}


def router(parts: Parts) -> APIRouter:
    """`/devices/{site}/{device}/readings`."""
    routes = APIRouter(tags=["history"], dependencies=allowed(Permission.READ))

    @routes.get("/devices/{site}/{device}/readings", summary="Stored readings, raw or in buckets")
    async def readings(
        site: SitePath,
        device: DevicePath,
        begin: Annotated[Moment | None, Query(alias="from", examples=["2027-01-15T08:00:00Z"])] = None,
        end: Annotated[Moment | None, Query(alias="to", examples=["2027-01-15T08:30:00Z"])] = None,
        bucket: Annotated[Bucket | None, Query(description="Leave out for the finest that fits a chart.")] = None,
        channels: Annotated[str | None, Query(max_length=1000, examples=["load_t,wind_mps"])] = None,
    ) -> schemas.History:
        rows = await devices(parts.record(), site=site, device=device)
        if not rows:
            raise not_found(f"device {site}/{device}")
        if len(rows) > 1:
            raise Problem(409, "ambiguous", "设备名重复 the name is not unique", "devices of several kinds have it")
        row = rows[0]
        if row.kind not in KINDS:
            raise not_found(f"kind of device as {row.kind!r}, so {site}/{device} has no readings")
        first, last = span(begin, end, utc_now())
        chosen = bucket or choose(last - first)
        if chosen is Bucket.S10 and last - first > FINE_SPAN:
            raise _invalid(f"buckets of 10 s only for at most {FINE_SPAN}")
        kind = KINDS[row.kind]
        allowed = [one.name for one in kind.channels] if chosen is Bucket.RAW else list(history.rolled(kind))
        names = [name.strip() for name in channels.split(",")] if channels else allowed
        if unknown := [name for name in names if name not in allowed]:
            detail = f"no such channel for bucket {chosen}: {', '.join(unknown)}; there are {', '.join(allowed)}"
            raise Problem(422, "unknown-channel", "没有此通道 no such channel", detail)
        return await read(parts.record(), (row.device_id, site, row.kind, device), first, last, chosen, names)

    return routes
