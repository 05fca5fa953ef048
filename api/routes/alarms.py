"""
Alarms now, the transition log, and people's answers.

An answer is published for the analyzer, which decides what it means; 202 says that the broker has it, no more.
Nothing here silences a cab, and nothing here is an order to a machine.
"""

import secrets
from typing import Annotated, Any, Final

from fastapi import APIRouter, Query

from api import present, schemas
from api.deps import Before, DevicePath, DeviceQuery, Limit, Parts, RulePath, SitePath, SiteQuery
from api.live.picture import ANALYZER
from api.problems import Problem, not_found
from telemetry.clock import now_ms
from telemetry.errors import BrokerUnavailable
from telemetry.model import Action, Origin
from telemetry.storage import alarms
from telemetry.wire import payloads, topics
from telemetry.wire.topics import Lane, Leaf

MAX_SHELVING_MS: Final = 24 * 3_600_000  # a shift and its handover; what lasts longer is disabled, by another role
_LIVE: Final = "live"
_RECORD: Final = "record"
ANSWERS: Final[dict[int | str, dict[str, Any]]] = {
    code: {"model": schemas.ProblemBody, "content": {"application/problem+json": {}}} for code in (404, 409, 422, 503)
}


async def answer(parts: Parts, site: str, device: str, response: payloads.Response) -> str:
    """Publish a response about an alarm that exists. Returns its id. Raises Problem and BrokerUnavailable."""
    own = parts.feed.picture.devices.get((site, ANALYZER, device))
    view, row = (own, None) if own is not None else await parts.one(site, device)
    known = view if view is not None else row
    if known is None:
        raise not_found(f"device {site}/{device}")
    rule = response.rule or ""
    live = view.alarms.get(rule) if view else None
    life_safety = live.life_safety if live else False
    if live is None:
        if parts.feed.picture.broker_up:
            raise not_found(f"alarm {rule} of {site}/{device} that is not normal")
        raise BrokerUnavailable("the alarm's present state is not known without the broker")
    if life_safety and response.action is Action.SHELVE:
        raise Problem(
            409, "life-safety", "生命安全报警不得搁置 a life-safety alarm cannot be shelved",
            f"{rule} of {site}/{device} is about people's lives: acknowledge it, and end its cause",
        )  # fmt: skip
    topic = topics.build(site, known.kind, device, Lane.UP, Leaf.RESPONSE)
    await parts.feed.publish(topic, payloads.encode(response))
    parts.metrics.responses.labels(str(response.action)).inc()
    return response.id


def new_id() -> str:
    """An id that no other response has."""
    return f"api-{secrets.token_hex(8)}"


def router(parts: Parts) -> APIRouter:
    """`/alarms`, its answers, and `/transitions`."""
    routes = APIRouter(tags=["alarms"])
    picture = parts.feed.picture

    @routes.get("/alarms", summary="Alarms that are not normal, worst first")
    async def current(site: SiteQuery = None, device: DeviceQuery = None) -> schemas.Alarms:
        now = now_ms()
        source: schemas.Source
        if picture.broker_up:
            views = [view for (s, _, d), view in picture.devices.items() if site in (None, s) and device in (None, d)]
            items, source = present.alarms(views), _LIVE
        else:
            rows = await alarms.current(parts.record(), site=site, device=device)
            items, source = [present.recorded(row) for row in rows], _RECORD
        names = [site] if site else sorted({*picture.sites, *(one.site for one in items)})
        lost = {name: words for name in names if (words := present.words(picture.lost(name, now))) is not None}
        return schemas.Alarms(source=source, lost=lost, items=items)

    @routes.post(
        "/alarms/{site}/{device}/{rule}/acknowledge", status_code=202, responses=ANSWERS,
        summary="A person has it; the cab's sound is not touched",
    )  # fmt: skip
    async def acknowledge(
        site: SitePath, device: DevicePath, rule: RulePath, body: schemas.Acknowledge
    ) -> schemas.Accepted:
        response = payloads.Response(
            id=new_id(), action=Action.ACKNOWLEDGE, at=now_ms(), who=body.who, rule=rule, why=body.why,
            transition=body.transition, cause=body.cause,
        )  # fmt: skip
        return schemas.Accepted(response=await answer(parts, site, device, response))

    @routes.post(
        "/alarms/{site}/{device}/{rule}/shelve", status_code=202, responses=ANSWERS,
        summary="Put an alarm aside; never one about people's lives",
    )  # fmt: skip
    async def shelve(site: SitePath, device: DevicePath, rule: RulePath, body: schemas.Shelve) -> schemas.Accepted:
        now = now_ms()
        if not now < body.until <= now + MAX_SHELVING_MS:
            detail = "`until` must lie ahead, and at most 24 h"
            raise Problem(422, "invalid-until", "搁置期限无效 the end of shelving is not valid", detail)
        response = payloads.Response(
            id=new_id(), action=Action.SHELVE, at=now, who=body.who, rule=rule, why=body.why, until=body.until,
            transition=body.transition,
        )  # fmt: skip
        return schemas.Accepted(response=await answer(parts, site, device, response))

    @routes.post(
        "/alarms/{site}/{device}/{rule}/unshelve", status_code=202, responses=ANSWERS, summary="Take an alarm back"
    )
    async def unshelve(site: SitePath, device: DevicePath, rule: RulePath, body: schemas.Unshelve) -> schemas.Accepted:
        response = payloads.Response(
            id=new_id(), action=Action.UNSHELVE, at=now_ms(), who=body.who, rule=rule, why=body.why
        )
        return schemas.Accepted(response=await answer(parts, site, device, response))

    @routes.get("/transitions", summary="The transition log, newest first")
    async def transitions(
        site: SiteQuery = None,
        device: DeviceQuery = None,
        rule: Annotated[str | None, Query(max_length=64)] = None,
        origin: Annotated[Origin | None, Query(description="As it happened, or found by the review.")] = None,
        before: Before = None,
        limit: Limit = 100,
    ) -> schemas.Transitions:
        rows = await alarms.transitions(
            parts.record(), before=before, site=site, device=device, rule=rule, origin=origin, limit=limit
        )
        items = [present.logged(row) for row in rows]
        return schemas.Transitions(items=items, next=rows[-1].position if len(rows) == limit else None)

    return routes
