"""What could not be understood, for the people who make and install the devices."""

from typing import Annotated

from fastapi import APIRouter, Query

from api import schemas
from api.access.gate import DeviceReader
from api.deps import Before, DeviceQuery, Limit, Parts, SiteQuery
from telemetry.clock import to_ms
from telemetry.errors import Refusal
from telemetry.storage import quarantine


def readable(head: bytes) -> str | None:
    """The first bytes as text, when they are: a cut character at the end is forgiven, a control character is not."""
    for cut in range(4):
        try:
            text = head[: len(head) - cut].decode()
        except UnicodeDecodeError:
            continue
        return text if all(char.isprintable() or char in "\r\n\t" for char in text) else None
    return None


def router(parts: Parts) -> APIRouter:
    """`/quarantine`."""
    routes = APIRouter(tags=["quarantine 异常报文"])

    @routes.get("/quarantine", summary="Messages that could not be understood, newest first")
    async def page(
        who: DeviceReader,
        site: SiteQuery = None,
        device: DeviceQuery = None,
        reason: Annotated[Refusal | None, Query()] = None,
        before: Before = None,
        limit: Limit = 100,
    ) -> schemas.Quarantine:
        rows = await quarantine.page(
            parts.record(), before=before, sites=who.sites, device=device, reason=reason, limit=limit
        )
        items = [
            schemas.Quarantined(
                id=row.quarantine_id, site=row.site, kind=row.kind, device=row.device, topic=row.topic,
                reason=row.reason, detail=row.detail, boot=row.boot, seq=row.seq, length=row.length,
                sha256=row.sha256.hex(), text=readable(row.head), hex=row.head.hex(" "), count=row.count,
                first_received_at=to_ms(row.first_received_at), last_received_at=to_ms(row.last_received_at),
            )
            for row in rows
        ]  # fmt: skip
        return schemas.Quarantine(items=items, next=rows[-1].quarantine_id if len(rows) == limit else None)

    return routes
