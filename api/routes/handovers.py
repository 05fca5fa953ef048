"""The shift's handover: as it would be now, signed, and those that were signed."""

from typing import Annotated, Any, Final

import msgspec
from fastapi import APIRouter, Depends, Path

from api import handover, schemas
from api import handover_schemas as bodies
from api.access.gate import Allowed, Caller, Reader
from api.deps import Before, Limit, Parts, SitePath
from api.i18n import zone
from api.problems import Problem, not_found
from telemetry.clock import now_ms
from telemetry.handover import Sheet, digest
from telemetry.roles import Permission
from telemetry.storage import devices, handovers
from telemetry.storage.handovers import Signed

ANSWERS: Final[dict[int | str, dict[str, Any]]] = {
    code: {"model": schemas.ProblemBody, "content": {"application/problem+json": {}}} for code in (404, 409, 422, 503)
}
Number = Annotated[int, Path(ge=1, lt=1 << 63, examples=[3])]
Signer = Annotated[Caller, Depends(Allowed(Permission.HANDOVER))]


def _brief(one: Signed) -> dict[str, Any]:
    return {
        "id": one.handover_id, "site": one.site, "begin": one.begin_ms, "signed_at": one.signed_ms,
        "signed_by": one.signed_by, "organisation": one.organisation, "note": one.note, "sha256": one.sha256,
        "previous": one.previous,
    }  # fmt: skip


def _whole(one: Signed) -> bodies.SignedHandover:
    body = one.body or ""
    return bodies.SignedHandover(**_brief(one), body=body, intact=digest(body) == one.sha256)


def router(parts: Parts) -> APIRouter:
    """`/sites/{site}/handover` and `/sites/{site}/handovers`."""
    routes = APIRouter(tags=["handover 交接班"], responses=ANSWERS)

    async def made(site: str) -> Sheet:
        row = next((one for one in await devices.sites(parts.record()) if one.site == site), None)
        if row is None:
            raise not_found(f"site {site}")
        now, place = now_ms(), zone(row.timezone)
        looked = await handover.look(parts, site, place, now)
        return handover.sheet(parts.feed.picture, site, row.display_name or site, place, looked, now)

    @routes.get("/sites/{site}/handover", summary="What would be signed now")
    async def now(who: Reader, site: SitePath) -> bodies.HandoverNow:
        return bodies.HandoverNow(sheet=msgspec.to_builtins(await made(site)))

    @routes.get("/sites/{site}/handovers", summary="Handovers that were signed, newest first")
    async def listed(who: Reader, site: SitePath, before: Before = None, limit: Limit = 50) -> bodies.Handovers:
        limit = min(limit, handovers.MAX_PAGE)
        found = await handovers.listed(parts.record(), site, before=before, limit=limit)
        last = found[-1].handover_id if len(found) == limit else None
        return bodies.Handovers(items=[bodies.Handover(**_brief(one)) for one in found], next=last)

    @routes.get("/sites/{site}/handovers/{number}", summary="One of them, as it was signed")
    async def one(who: Reader, site: SitePath, number: Number) -> bodies.SignedHandover:
        found = await handovers.one(parts.record(), site, number)
        if found is None:
            raise not_found(f"handover {number} of {site}")
        return _whole(found)

    @routes.post("/sites/{site}/handovers", status_code=201, summary="Freeze the handover of this moment, and keep it")
    async def sign(who: Signer, site: SitePath, body: bodies.SignHandover) -> bodies.SignedHandover:
        principal = who.principal
        signer = f"{principal.display_name or principal.name} ({principal.name})"
        sheet = handover.frozen(await made(site), signer, principal.organisation, body.note.strip())
        number = await handovers.sign(parts.record(), who.actor, sheet)
        found = await handovers.one(parts.record(), site, number) if number is not None else None
        if found is None:
            detail = "another one was signed at this moment: look at it first"
            raise Problem(409, "signed-meanwhile", "期间已有签字 another was signed meanwhile", detail)
        return _whole(found)

    return routes
