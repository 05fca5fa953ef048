"""
Alarms now, the transition log, people's answers, and what alarms were.

202 says that the broker has an answer, no more: the analyzer decides what it means.
"""

from typing import Annotated, Any, Final

from fastapi import APIRouter, Header, Path, Query

from api import access_schemas as bodies
from api import answering, present, schemas
from api.access.gate import (
    Acknowledger,
    Caller,
    Closer,
    Disabler,
    ModeSetter,
    Reader,
    Releaser,
    Shelver,
    forbidden,
)
from api.answering import Answer, Place
from api.deps import Before, DevicePath, DeviceQuery, Limit, Parts, RulePath, SitePath, SiteQuery
from api.problems import not_found
from telemetry.clock import now_ms, to_ms
from telemetry.model import Action, Origin
from telemetry.storage import alarms, closings

ALARM: Final = "/alarms/{site}/{device}/{rule}"
_LIVE: Final = "live"
_RECORD: Final = "record"
ANSWERS: Final[dict[int | str, dict[str, Any]]] = {
    code: {"model": schemas.ProblemBody, "content": {"application/problem+json": {}}}
    for code in (403, 404, 409, 422, 503)
}
Once = Annotated[
    str | None,
    Header(
        alias="Idempotency-Key", min_length=8, max_length=128, pattern=r"^[\x21-\x7e]+$",
        description="The same key again is the same answer, and counts once.",
    ),
]  # fmt: skip
TransitionPath = Annotated[str, Path(pattern=r"^[A-Za-z0-9-]{1,64}$", examples=["3f0c9a1be2d44f10"])]


def router(parts: Parts) -> APIRouter:
    """`/alarms`, its answers, `/transitions`, closing."""
    routes = APIRouter(tags=["alarms"])
    picture = parts.feed.picture

    async def said(who: Caller, site: str, device: str, what: Answer, key: str | None) -> schemas.Accepted:
        found = await answering.answer(parts, who.principal, who.actor, site, device, what, key)
        return schemas.Accepted(response=found)

    @routes.get("/alarms", summary="Alarms that are not normal, worst first")
    async def current(who: Reader, site: SiteQuery = None, device: DeviceQuery = None) -> schemas.Alarms:
        now = now_ms()
        source: schemas.Source
        if picture.broker_up:
            views = [view for (s, _, d), view in picture.devices.items() if site in (None, s) and device in (None, d)]
            items, source = present.alarms(views), _LIVE
        else:
            rows = await alarms.current(parts.record(), site=site, device=device)
            items, source = [present.recorded(row) for row in rows], _RECORD
        items = [one for one in items if who.covers(one.site)]
        names = (
            [site] if site else sorted({name for name in picture.sites if who.covers(name)} | {i.site for i in items})
        )
        lost = {name: words for name in names if (words := present.words(picture.lost(name, now))) is not None}
        return schemas.Alarms(source=source, lost=lost, items=items)

    @routes.post(
        f"{ALARM}/acknowledge", status_code=202, responses=ANSWERS,
        summary="A person has it; the cab's sound is not touched",
    )  # fmt: skip
    async def acknowledge(
        who: Acknowledger, site: SitePath, device: DevicePath, rule: RulePath, body: schemas.Acknowledge,
        key: Once = None,
    ) -> schemas.Accepted:  # fmt: skip
        what = Answer(Action.ACKNOWLEDGE, rule, body.transition, body.cause, body.why)
        return await said(who, site, device, what, key)

    @routes.post(
        "/sites/{site}/alarms/acknowledge", status_code=202, responses=ANSWERS,
        summary="Acknowledge several alarms of low priority, for one reason",
    )  # fmt: skip
    async def acknowledge_many(
        who: Acknowledger, site: SitePath, body: bodies.Bulk, key: Once = None
    ) -> bodies.AcceptedMany:
        places = [Place(site, one.device, one.rule) for one in body.alarms]
        found = await answering.acknowledge_many(parts, who.principal, who.actor, places, body.why, key)
        return bodies.AcceptedMany(responses=found)

    @routes.post(
        f"{ALARM}/shelve", status_code=202, responses=ANSWERS,
        summary="Put an alarm aside; never one about people's lives",
    )  # fmt: skip
    async def shelve(
        who: Shelver, site: SitePath, device: DevicePath, rule: RulePath, body: schemas.Shelve, key: Once = None
    ) -> schemas.Accepted:
        what = Answer(Action.SHELVE, rule, body.transition, why=body.why, until=body.until)
        return await said(who, site, device, what, key)

    @routes.post(
        f"{ALARM}/unshelve", status_code=202, responses=ANSWERS,
        summary="Take an alarm back",
    )  # fmt: skip
    async def unshelve(
        who: Shelver, site: SitePath, device: DevicePath, rule: RulePath, body: schemas.Unshelve, key: Once = None
    ) -> schemas.Accepted:
        return await said(who, site, device, Answer(Action.UNSHELVE, rule, why=body.why), key)

    @routes.post(
        f"{ALARM}/disable", status_code=202, responses=ANSWERS,
        summary="Take an alarm out of service, for a reason, until somebody enables it again",
    )  # fmt: skip
    async def disable(
        who: Disabler, site: SitePath, device: DevicePath, rule: RulePath, body: bodies.Because, key: Once = None
    ) -> schemas.Accepted:
        return await said(who, site, device, Answer(Action.DISABLE, rule, why=body.why), key)

    @routes.post(
        f"{ALARM}/enable", status_code=202, responses=ANSWERS,
        summary="Put an alarm back into service",
    )  # fmt: skip
    async def enable(
        who: Disabler, site: SitePath, device: DevicePath, rule: RulePath, body: bodies.Because, key: Once = None
    ) -> schemas.Accepted:
        return await said(who, site, device, Answer(Action.ENABLE, rule, why=body.why), key)

    @routes.post(
        f"{ALARM}/release", status_code=202, responses=ANSWERS,
        summary="Release an inspection hold: by a competent person, with what was seen",
    )  # fmt: skip
    async def release(
        who: Releaser, site: SitePath, device: DevicePath, rule: RulePath, body: bodies.Because, key: Once = None
    ) -> schemas.Accepted:
        return await said(who, site, device, Answer(Action.RELEASE, rule, why=body.why), key)

    @routes.post(
        "/devices/{site}/{device}/mode", status_code=202, responses=ANSWERS,
        summary="Say in which mode a crane is; it chooses limits and moves nothing",
    )  # fmt: skip
    async def set_mode(
        who: ModeSetter, site: SitePath, device: DevicePath, body: bodies.SetMode, key: Once = None
    ) -> schemas.Accepted:
        what = Answer(Action.SET_MODE, why=body.why, mode=body.mode)
        return await said(who, site, device, what, key)

    @routes.get("/transitions", summary="The transition log, newest first")
    async def transitions(
        who: Reader,
        site: SiteQuery = None,
        device: DeviceQuery = None,
        rule: Annotated[str | None, Query(max_length=64, pattern=r"^[^\x00]*$")] = None,
        origin: Annotated[Origin | None, Query(description="As it happened, or found by the review.")] = None,
        before: Before = None,
        limit: Limit = 100,
    ) -> schemas.Transitions:
        assert site is None or who.covers(site)  # noqa: S101 - the gate has seen to it
        rows = await alarms.transitions(
            parts.record(), before=before, sites=who.sites, device=device, rule=rule, origin=origin, limit=limit
        )
        items = [present.logged(row) for row in rows]
        return schemas.Transitions(items=items, next=rows[-1].position if len(rows) == limit else None)

    @routes.get("/sites/{site}/alarms/to-close", summary="Alarms of which nobody has said what they were")
    async def to_close(who: Reader, site: SitePath, before: Before = None, limit: Limit = 100) -> bodies.AllToClose:
        rows = await closings.to_close(parts.record(), site, before=before, limit=limit)
        items = [
            bodies.ToClose(
                transition=row.id, position=row.position, site=row.site, kind=row.kind, device=row.device,
                rule=row.rule, severity=row.severity, life_safety=row.life_safety, at=row.at_ms,
                text=row.payload.get("text"),
            )
            for row in rows
        ]  # fmt: skip
        return bodies.AllToClose(items=items, next=rows[-1].position if len(rows) == limit else None)

    @routes.post(
        "/transitions/{transition}/close", responses=ANSWERS, summary="Say what the alarm was that this raised"
    )
    async def close(who: Closer, transition: TransitionPath, body: bodies.Close) -> bodies.Closed:
        site = await closings.raised_at(parts.record(), transition)
        if site is None or not who.covers(site):
            raise not_found(f"alarm raised by transition {transition}")
        found = await closings.close(parts.record(), who.actor, transition, body.cause, body.note)
        if found is None:
            raise forbidden(who.principal, who.permission, site)
        return bodies.Closed(
            transition=transition, site=found.site, kind=found.kind, device=found.device, rule=found.rule,
            cause=found.cause, note=found.note, who=found.who, at=to_ms(found.at),
        )  # fmt: skip

    return routes
