"""
Who is told, and when: contacts, duty roster, ladders of a site, and what was sent.

Rule 1: a channel's address goes in and never comes out; what comes out masked may be sent back and keeps what is
stored.
Rule 2: every change writes its line of the audit log in its own transaction.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime
from typing import Annotated, Any, Final, Literal

import msgspec
from fastapi import APIRouter, Path, Query, Response

from api import notify_schemas as bodies
from api import schemas
from api.access.gate import DutyKeeper, allowed
from api.deps import Before, Limit, Moment, Parts, SitePath
from api.etags import When, WhenNew, said, tag
from api.problems import Problem, not_found
from telemetry import ladder
from telemetry.clock import to_ms, utc_now
from telemetry.errors import ConfigError
from telemetry.ladder import Contact, Duty, Plan, Urgency
from telemetry.roles import Permission
from telemetry.storage import contacts, devices, outbox, roster
from telemetry.storage.outbox import Queued

ContactPath = Annotated[str, Path(pattern=r"^[a-z0-9][a-z0-9._@+-]{0,63}$", examples=["wang"])]
Number = Annotated[int, Path(ge=1, lt=1 << 63, examples=[7])]
ANSWERS: Final[dict[int | str, dict[str, Any]]] = {
    code: {"model": schemas.ProblemBody, "content": {"application/problem+json": {}}}
    for code in (404, 409, 412, 422, 503)
}
_WHY: Final[dict[Urgency, schemas.Words]] = {
    Urgency.LIFE_SAFETY: schemas.Words(
        zh="无法通知任何人：无人值班、无联系人或无通道",
        en="nobody can be reached: nobody on duty, no contact, or no channel",
    ),
    Urgency.ALARM: schemas.Words(zh="无法通知任何人", en="nobody can be reached"),
    Urgency.SUPERVISED: schemas.Words(zh="只在值班台显示", en="shown at the desk only"),
}


@contextmanager
def refusing() -> Iterator[None]:
    """What a person has to correct is a 422 with the key."""
    try:
        yield
    except ConfigError as error:
        raise Problem(422, "invalid-request", "请求无效 the request is not valid", str(error)) from None


def _contact(one: Contact) -> bodies.NamedContact:
    return bodies.NamedContact.model_validate(ladder.plain(one))


def _duty(one: Duty) -> bodies.Duty:
    return bodies.Duty(contact=one.contact, role=one.role, begin=one.begin, end=one.end, shift=one.shift)


def _numbered(number: int, one: Duty) -> bodies.NumberedDuty:
    return bodies.NumberedDuty(id=number, **_duty(one).model_dump())


def _ladders(own: Plan | None) -> bodies.SiteLadders:
    plan = own or Plan()
    plan = msgspec.structs.replace(plan, **{urgency.value: plan.ladder(urgency) for urgency in Urgency})
    return bodies.SiteLadders(own=own is not None, ladders=bodies.Ladders.model_validate(ladder.plain(plan)))


def _duty_version(number: int) -> Callable[[Duty], str]:
    return lambda one: tag(_numbered(number, one))


def _contact_version(one: contacts.Version) -> str:
    return tag(_contact(one[0]), one[1])


def _message(one: Queued) -> bodies.Message:
    state: Literal["waiting", "sent", "dead", "withdrawn"] = "waiting"
    if one.sent_at is not None:
        state = "sent"
    elif one.dead_at is not None:
        state = "dead"
    elif one.withdrawn_at is not None:
        state = "withdrawn"
    return bodies.Message(
        id=one.outbox_id, site=one.site, contact=one.contact, channel=one.channel, sort=one.sort,
        life_safety=one.life_safety, title=one.title, created_at=to_ms(one.created_at), due_at=to_ms(one.due_at),
        attempts=one.attempts, state=state, error=one.last_error,
        sent_at=to_ms(one.sent_at) if one.sent_at is not None else None,
    )  # fmt: skip


def router(parts: Parts) -> APIRouter:
    """`/sites/{site}/contacts`, `roster`, `ladders`, `duty` and `messages`."""
    routes = APIRouter(tags=["duty"], responses=ANSWERS, dependencies=allowed(Permission.READ_PEOPLE))

    async def known(site: str) -> None:
        if site not in {one.site for one in await devices.sites(parts.record())}:
            raise not_found(f"site {site}")

    @routes.get("/sites/{site}/duty", summary="Who is on duty now, and whether an alarm would reach anybody")
    async def duty(site: SitePath) -> bodies.OnDuty:
        now = utc_now()
        found = await roster.standing(parts.record(), site, now)
        if found is None:
            raise not_found(f"site {site}")
        dead = await outbox.queue(parts.record(), "dead", site=site, limit=outbox.MAX_PAGE)
        reach: dict[Literal["life_safety", "alarm", "supervised"], bodies.Reach] = {}
        for urgency in Urgency:
            people = list(found.reached(urgency))
            reach[urgency.value] = bodies.Reach(people=people, why=None if people else _WHY[urgency])
        return bodies.OnDuty(
            site=site, at=to_ms(now), duties=[_duty(one) for one in found.duties], reach=reach, undelivered=len(dead)
        )

    # Contacts

    @routes.get("/sites/{site}/contacts", summary="Who can be told at a site; addresses masked")
    async def list_contacts(site: SitePath) -> bodies.Contacts:
        await known(site)
        return bodies.Contacts(items=[_contact(one) for one in await contacts.contacts(parts.record(), site)])

    @routes.get("/sites/{site}/contacts/{contact}", summary="One contact; addresses masked")
    async def get_contact(response: Response, site: SitePath, contact: ContactPath) -> bodies.NamedContact:
        found = await contacts.version(parts.record(), site, contact)
        if found is None:
            raise not_found(f"contact {contact} at {site}")
        return said(response, _contact(found[0]), found[1])

    @routes.put("/sites/{site}/contacts/{contact}", summary="Write a contact; a masked address keeps what is stored")
    async def put_contact(
        who: DutyKeeper, response: Response, site: SitePath, contact: ContactPath, body: bodies.Contact, when: WhenNew
    ) -> bodies.NamedContact:
        await known(site)
        with refusing():
            wanted = ladder.parse(Contact, {**body.model_dump(exclude_none=True), "contact": contact}, "")
            await contacts.put(parts.record(), who.actor, site, wanted, when.check(_contact_version))
        return await get_contact(response, site, contact)

    @routes.delete(
        "/sites/{site}/contacts/{contact}", status_code=204, summary="Take a contact away who is not on the roster"
    )
    async def delete_contact(who: DutyKeeper, site: SitePath, contact: ContactPath, when: When) -> Response:
        try:
            found = await contacts.delete(parts.record(), who.actor, site, contact, when.check(_contact_version))
        except ConfigError as error:
            raise Problem(409, "on-the-roster", "联系人在值班表上 the contact is on the roster", str(error)) from None
        if found is None:
            raise not_found(f"contact {contact} at {site}")
        return Response(status_code=204)

    # Roster

    @routes.get("/sites/{site}/roster", summary="The duties of a site that touch a span")
    async def list_roster(
        site: SitePath,
        begin: Annotated[Moment | None, Query(alias="from", examples=["2027-01-15T00:00:00Z"])] = None,
        end: Annotated[Moment | None, Query(alias="to", examples=["2027-01-22T00:00:00Z"])] = None,
    ) -> bodies.Roster:
        await known(site)
        found = await roster.roster(parts.record(), site, _aware(begin), _aware(end))
        return bodies.Roster(items=[bodies.NumberedDuty(id=o.duty_id, **_duty(o.duty).model_dump()) for o in found])

    @routes.post("/sites/{site}/roster", status_code=201, summary="Add a duty; the same one twice is there once")
    async def add_duty(who: DutyKeeper, response: Response, site: SitePath, body: bodies.Duty) -> bodies.NumberedDuty:
        await known(site)
        with refusing():
            wanted = ladder.parse(Duty, body.model_dump(), "")
            number = await roster.put(parts.record(), who.actor, site, wanted)
        return said(response, _numbered(number or 0, wanted))

    @routes.get("/sites/{site}/roster/{number}", summary="One duty")
    async def get_duty(response: Response, site: SitePath, number: Number) -> bodies.NumberedDuty:
        found = await roster.one(parts.record(), site, number)
        if found is None:
            raise not_found(f"duty {number} at {site}")
        return said(response, _numbered(number, found))

    @routes.put("/sites/{site}/roster/{number}", summary="Change a duty")
    async def put_duty(
        who: DutyKeeper, response: Response, site: SitePath, number: Number, body: bodies.Duty, when: When
    ) -> bodies.NumberedDuty:
        with refusing():
            wanted = ladder.parse(Duty, body.model_dump(), "")
            check = when.check(_duty_version(number))
            if await roster.put(parts.record(), who.actor, site, wanted, number, check) is None:
                raise not_found(f"duty {number} at {site}")
        return said(response, _numbered(number, wanted))

    @routes.delete("/sites/{site}/roster/{number}", status_code=204, summary="Take a duty away")
    async def delete_duty(who: DutyKeeper, site: SitePath, number: Number, when: When) -> Response:
        check = when.check(_duty_version(number))
        if await roster.delete(parts.record(), who.actor, site, number, check) is None:
            raise not_found(f"duty {number} at {site}")
        return Response(status_code=204)

    # Ladders

    @routes.get("/sites/{site}/ladders", summary="The ladders that hold at a site, the defaults included")
    async def get_ladders(response: Response, site: SitePath) -> bodies.SiteLadders:
        found = await roster.standing(parts.record(), site, utc_now())
        if found is None:
            raise not_found(f"site {site}")
        return said(response, _ladders(found.plan if found.own else None))

    @routes.put("/sites/{site}/ladders", summary="Write a site's ladders; what is null is the default")
    async def put_ladders(
        who: DutyKeeper, response: Response, site: SitePath, body: bodies.Ladders, when: When
    ) -> bodies.SiteLadders:
        await known(site)
        with refusing():
            plan = ladder.parse(Plan, body.model_dump(exclude_none=True), "")
            await roster.put_plan(parts.record(), who.actor, site, plan, lambda old: when.holds(tag(_ladders(old))))
        return await get_ladders(response, site)

    @routes.delete("/sites/{site}/ladders", summary="Back to the default ladders")
    async def delete_ladders(who: DutyKeeper, response: Response, site: SitePath, when: When) -> bodies.SiteLadders:
        await known(site)
        await roster.put_plan(parts.record(), who.actor, site, None, lambda old: when.holds(tag(_ladders(old))))
        return await get_ladders(response, site)

    # Messages

    @routes.get("/sites/{site}/messages", summary="Messages to people, newest first; dead letters with why")
    async def messages(
        site: SitePath,
        state: Literal["all", "waiting", "sent", "dead"] = "all",
        before: Before = None,
        limit: Limit = 100,
    ) -> bodies.Messages:
        await known(site)
        rows = await outbox.queue(parts.record(), state, site=site, before=before, limit=limit)
        return bodies.Messages(
            items=[_message(one) for one in rows], next=rows[-1].outbox_id if len(rows) == limit else None
        )

    @routes.post("/sites/{site}/messages/{number}/retry", status_code=202, summary="Try a dead letter again")
    async def retry(who: DutyKeeper, site: SitePath, number: Number) -> bodies.Retried:
        found = await outbox.retry(parts.record(), who.actor, [number], site=site)
        if not found:
            raise not_found(f"dead letter {number} at {site}")
        return bodies.Retried(ids=found)

    return routes


def _aware(at: datetime | None) -> datetime | None:
    """A time without an offset is none. Raises Problem."""
    if at is not None and at.tzinfo is None:
        raise Problem(
            422, "invalid-request", "请求无效 the request is not valid", "a time has an offset, as in …T00:00:00Z"
        )
    return at
