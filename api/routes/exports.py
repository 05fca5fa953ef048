"""The record as files: CSV, Parquet and JSON of readings, alarms and work cycles."""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Annotated, Any, Final
from urllib.parse import quote

from fastapi import APIRouter, Path, Query, Response
from fastapi.responses import FileResponse, StreamingResponse

from api import export_schemas as bodies
from api import schemas
from api.access.gate import Caller, Exporter, forbidden
from api.buckets import Bucket
from api.deps import ID, Before, DeviceQuery, Moment, Parts, SitePath
from api.problems import Problem, not_found
from api.routes.readings import span
from telemetry.clock import to_ms, utc_now
from telemetry.export.wish import MEDIA, Form, Subject, Wish
from telemetry.roles import Permission
from telemetry.storage import export_jobs
from telemetry.storage.audit import Deed
from telemetry.storage.export_jobs import Job, JobState

ANSWERS: Final[dict[int | str, dict[str, Any]]] = {
    code: {"model": schemas.ProblemBody, "content": {"application/problem+json": {}}}
    for code in (401, 403, 404, 422, 503)
}
BUSY: Final[dict[int | str, dict[str, Any]]] = {429: ANSWERS[503]}
FILES: Final[dict[int | str, dict[str, Any]]] = {
    200: {
        "description": "The file.",
        "content": {media: {"schema": {"type": "string", "format": "binary"}} for media in MEDIA.values()},
        "headers": {"Content-Disposition": {"description": "Its name.", "schema": {"type": "string"}}},
    }
}
JobPath = Annotated[str, Path(pattern=r"^[a-z0-9]{16}$", examples=["k3v9x0q2m7ab4c5d"])]


def told(job: Job) -> bodies.ExportJob:
    """A job as an answer."""
    begin, end = job.wish.span_ms
    return bodies.ExportJob(
        id=job.export_id, site=job.site, what=job.wish.what, format=job.wish.form, begin=begin, end=end,
        device=job.wish.device, file_name=job.file_name, state=job.state, rows=job.rows, bytes=job.bytes,
        fraction=round(job.fraction, 4), sha256=job.sha256, error=job.error, created_at=to_ms(job.created_at),
        ended_at=to_ms(job.ended_at) if job.ended_at else None,
        expires_at=to_ms(job.expires_at) if job.expires_at else None,
        file=f"/api/v1/exports/{job.export_id}/file" if job.state is JobState.DONE else None,
    )  # fmt: skip


def allowed_at(who: Caller, site: str, what: Subject) -> None:
    """Work cycles are for who may see work. Raises Problem(403)."""
    for need in (Permission.EXPORT, Permission.READ, *((Permission.READ_WORK,) if what is Subject.CYCLES else ())):
        if not who.principal.may(need, site):
            raise forbidden(who.principal, need, site)


def wish(
    what: Subject, form: Form, site: str, begin: datetime, end: datetime, *, kind: str | None, device: str | None,
    bucket: Bucket, channels: Sequence[str] | None, notes: bool, bom: bool,
) -> Wish:  # fmt: skip
    """What is wanted, as the floor has it."""
    width = int(bucket.width.total_seconds()) if what is Subject.READINGS else 0
    return Wish(
        what=what, form=form, site=site, begin=begin.astimezone(UTC), end=end.astimezone(UTC), kind=kind,
        device=device, width_s=width, channels=list(channels) if channels else None, notes=notes, bom=bom,
    )  # fmt: skip


def router(parts: Parts) -> APIRouter:
    """`/sites/{site}/export`, `/exports`."""
    routes = APIRouter(tags=["exports 导出"], responses=ANSWERS)

    async def own(who: Caller, number: str) -> Job:
        found = await export_jobs.one(parts.record(), number)
        if found is None or found.owner != who.principal.identity or not who.covers(found.site):
            raise not_found(f"export {number} of yours")
        allowed_at(who, found.site, found.wish.what)
        return found

    @routes.get(
        "/sites/{site}/export", summary="A file of the record, straight", response_class=StreamingResponse,
        responses={**FILES, **BUSY},
    )  # fmt: skip
    async def straight(
        who: Exporter,
        site: SitePath,
        what: Annotated[Subject, Query(examples=["readings"])],
        format: Annotated[Form, Query(description="`json` is an object a line.", examples=["csv"])] = Form.CSV,
        begin: Annotated[Moment | None, Query(alias="from", examples=["2027-01-15T08:00:00Z"])] = None,
        end: Annotated[Moment | None, Query(alias="to", examples=["2027-01-15T08:30:00Z"])] = None,
        device: DeviceQuery = None,
        kind: Annotated[str | None, Query(pattern=ID, examples=["crane"])] = None,
        bucket: Annotated[Bucket, Query(description="Of readings.")] = Bucket.RAW,
        channels: Annotated[str | None, Query(max_length=1000, examples=["load_t,wind_mps"])] = None,
        notes: Annotated[bool, Query(description="What the file is about, in the file.")] = True,
        bom: Annotated[bool, Query(description="CSV: for Excel.")] = False,
    ) -> StreamingResponse:
        allowed_at(who, site, what)
        first, last = span(begin, end, utc_now())
        names = [name.strip() for name in channels.split(",")] if channels else None
        wanted = wish(
            what, format, site, first, last, kind=kind, device=device, bucket=bucket, channels=names, notes=notes,
            bom=bom,
        )  # fmt: skip
        pieces = await parts.exports.stream(parts.record(), wanted)
        parts.auditor.note(Deed(who.actor, "export.read", wanted.file_name, site, after=wanted.told()))
        return StreamingResponse(pieces, media_type=MEDIA[format], headers=_named(wanted.file_name))

    @routes.post(
        "/exports", status_code=202, responses=BUSY, summary="Have a file of the record made in the background"
    )
    async def start(who: Exporter, response: Response, body: bodies.ExportWish) -> bodies.ExportJob:
        allowed_at(who, body.site, body.what)
        wanted = wish(
            body.what, body.format, body.site, body.begin, body.end, kind=body.kind, device=body.device,
            bucket=body.bucket, channels=body.channels, notes=body.notes, bom=body.bom,
        )  # fmt: skip
        job = await parts.exports.start(parts.record(), who.actor, who.principal.identity, wanted)
        response.headers["Location"] = f"/api/v1/exports/{job.export_id}"
        return told(job)

    @routes.get("/exports", summary="One's own exports, newest first")
    async def listed(
        who: Exporter, before: Before = None, limit: Annotated[int, Query(ge=1, le=export_jobs.MAX_PAGE)] = 50
    ) -> bodies.ExportJobs:
        rows = await export_jobs.listed(parts.record(), who.principal.identity, before=before, limit=limit)
        items = [told(row) for row in rows if who.covers(row.site)]
        return bodies.ExportJobs(items=items, next=rows[-1].position if len(rows) == limit else None)

    @routes.get("/exports/{export}", summary="How far an export is")
    async def one(who: Exporter, response: Response, export: JobPath) -> bodies.ExportJob:
        response.headers["Cache-Control"] = "no-store"
        return told(await own(who, export))

    @routes.get(
        "/exports/{export}/file", summary="The file of an export that is done", response_class=FileResponse,
        responses={**FILES, 409: ANSWERS[404], 410: ANSWERS[404]},
    )  # fmt: skip
    async def file(who: Exporter, export: JobPath) -> FileResponse:
        job = await own(who, export)
        if job.state is JobState.EXPIRED:
            raise Problem(410, "expired", "文件已过期 the file has expired", "ask for it again")
        if job.state is not JobState.DONE:
            raise Problem(409, "not-done", "尚未完成 it is not done", f"its state is {job.state}")
        path = parts.exports.file(job)
        if path is None:
            raise Problem(410, "file-gone", "文件不在此处 the file is gone", "the process that made it took it along")
        return FileResponse(path, media_type=MEDIA[job.wish.form], headers=_named(job.file_name))

    @routes.delete("/exports/{export}", status_code=204, summary="Stop an export, or drop its file")
    async def cancel(who: Exporter, export: JobPath) -> Response:
        job = await own(who, export)
        await parts.exports.cancel(parts.record(), who.actor, job)
        return Response(status_code=204)

    return routes


def _named(file_name: str) -> dict[str, str]:
    return {
        "Content-Disposition": f"attachment; filename=\"{file_name}\"; filename*=UTF-8''{quote(file_name)}",
        "Cache-Control": "private, no-store",
    }
