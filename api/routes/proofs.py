"""
Proof tests: order one, see how far it came, say when they are wanted.

Rule: an order is written down, and nothing else is done here: whoever judges tests sends it. While the record is away
no test begins, and the answer says so (503).
"""

from typing import Annotated, Any, Final

from fastapi import APIRouter, Depends, Path

from api import proof_schemas as bodies
from api import schemas
from api.access.gate import Allowed, Caller, DutyKeeper, Reader
from api.deps import Before, DevicePath, Limit, Parts, SitePath
from api.problems import Problem, not_found
from telemetry import proof
from telemetry.clock import to_ms
from telemetry.proof_schedule import Schedule
from telemetry.roles import Permission
from telemetry.storage import proofs
from telemetry.storage.proofs import Refused, Test, Wanted
from telemetry.wire.payloads import Words

ANSWERS: Final[dict[int | str, dict[str, Any]]] = {
    code: {"model": schemas.ProblemBody, "content": {"application/problem+json": {}}} for code in (404, 409, 422, 503)
}
KindPath = Annotated[str, Path(pattern=r"^[a-z0-9-]{1,64}$", examples=["crane"])]
Number = Annotated[int, Path(ge=1, lt=1 << 63, examples=[12])]
Tester = Annotated[Caller, Depends(Allowed(Permission.PROOF_TEST))]
_TITLES: Final[dict[str, tuple[str, str]]] = {
    "channel": ("no-test-channel", "该设备没有测试通道 this device has no test channel"),
    "offline": ("not-connected", "设备不在线 the device is not connected"),
    "under_way": ("test-under-way", "已有测试 a test is asked for or under way"),
}


def body(test: Test) -> bodies.ProofTest:
    """A test as it is answered."""
    return bodies.ProofTest(
        id=test.proof_id, test=test.test, site=test.site, kind=test.kind, device=test.device,
        display_name=test.display_name, source=test.source.value, ordered_by=test.ordered_by, begun_by=test.begun_by,
        note=test.note, state=test.state.value, asked_at=to_ms(test.asked_at), until=to_ms(test.until_at),
        sent_at=to_ms(test.sent_at) if test.sent_at is not None else None,
        links=[
            bodies.ProofLink(
                link=one.link.value, name=_words(proof.LINKS[one.link]), at=to_ms(one.at), seconds=one.seconds,
                who=one.who, said_at=one.said_ms,
            )
            for one in test.steps
        ],
        transition=test.raised, outcome=test.outcome.value if test.outcome is not None else None,
        failed_link=test.failed_link,
        words=_words(proof.words(test.outcome, test.failed_link, test.detail)) if test.outcome is not None else None,
        latency_s=proof.latency_s(test.steps),
        judged_at=to_ms(test.judged_at) if test.judged_at is not None else None,
    )  # fmt: skip


def _words(found: Words) -> schemas.Words:
    return schemas.Words(zh=found.zh, en=found.en)


def _wanted(one: Wanted) -> bodies.ProofScheduled:
    hours = one.schedule
    return bodies.ProofScheduled(
        every_days=hours.every_days, begins=hours.begins, ends=hours.ends, kind=one.kind, device=one.device,
        since=to_ms(one.since),
    )  # fmt: skip


def router(parts: Parts) -> APIRouter:
    """`…/proof-tests` of a device and of a site, and `…/proof-schedule`."""
    routes = APIRouter(tags=["proof tests 报警链路测试"], responses=ANSWERS)

    async def page(
        site: str, kind: str | None, device: str | None, before: int | None, limit: int
    ) -> bodies.ProofTests:
        limit = min(limit, proofs.MAX_PAGE)
        found = await proofs.listed(parts.record(), site, kind=kind, device=device, before=before, limit=limit)
        last = found[-1].proof_id if len(found) == limit else None
        return bodies.ProofTests(items=[body(one) for one in found], next=last)

    @routes.post(
        "/sites/{site}/devices/{kind}/{device}/proof-tests", status_code=201,
        summary="Order a proof test of the way of an alarm; nothing moves",
    )  # fmt: skip
    async def order(
        who: Tester, site: SitePath, kind: KindPath, device: DevicePath, wanted: bodies.OrderTest | None = None
    ) -> bodies.ProofTest:
        wanted = wanted or bodies.OrderTest()
        try:
            test = await proofs.order(
                parts.record(), who.actor, site, kind, device, told=wanted.told, note=wanted.note.strip()
            )
        except Refused as refused:
            if refused.why == "device":
                raise not_found(f"{kind} {site}/{device}") from None
            name, title = _TITLES[refused.why]
            raise Problem(409, name, title, str(refused)) from None
        return body(test)

    @routes.get("/sites/{site}/devices/{kind}/{device}/proof-tests", summary="Proof tests of a device, newest first")
    async def of_device(
        who: Reader, site: SitePath, kind: KindPath, device: DevicePath, before: Before = None, limit: Limit = 50
    ) -> bodies.ProofTests:
        return await page(site, kind, device, before, limit)

    @routes.get("/sites/{site}/proof-tests", summary="Proof tests of a site, newest first")
    async def of_site(who: Reader, site: SitePath, before: Before = None, limit: Limit = 50) -> bodies.ProofTests:
        return await page(site, None, None, before, limit)

    @routes.delete("/sites/{site}/proof-tests/{number}", summary="Take back a proof test that nobody has begun")
    async def cancel(who: Tester, site: SitePath, number: Number) -> bodies.ProofTest:
        found = await proofs.cancel(parts.record(), who.actor, site, number)
        if found is None:
            raise not_found(f"proof test {number} of {site} that waits")
        return body(found)

    # When they are wanted

    async def schedule(
        who: Caller, site: str, wanted: bodies.ProofSchedule | None, kind: str | None = None, device: str | None = None
    ) -> bodies.ProofSchedules:
        hours = Schedule(wanted.every_days, wanted.begins, wanted.ends) if wanted is not None else None
        try:
            known = await proofs.schedule(parts.record(), who.actor, site, hours, kind=kind, device=device)
        except ValueError as error:
            raise Problem(422, "invalid-request", "请求无效 the request is not valid", str(error)) from None
        if not known:
            raise not_found(f"{kind} {site}/{device}" if device is not None else f"site {site}")
        return await schedules(site)

    async def schedules(site: str) -> bodies.ProofSchedules:
        return bodies.ProofSchedules(items=[_wanted(one) for one in await proofs.schedules(parts.record(), site)])

    @routes.get("/sites/{site}/proof-schedule", summary="When proof tests are wanted")
    async def wanted(who: Reader, site: SitePath) -> bodies.ProofSchedules:
        return await schedules(site)

    @routes.put("/sites/{site}/proof-schedule", summary="Want proof tests of every device of a site")
    async def want(who: DutyKeeper, site: SitePath, wanted: bodies.ProofSchedule) -> bodies.ProofSchedules:
        return await schedule(who, site, wanted)

    @routes.delete("/sites/{site}/proof-schedule", summary="Want none any more")
    async def unwant(who: DutyKeeper, site: SitePath) -> bodies.ProofSchedules:
        return await schedule(who, site, None)

    @routes.put(
        "/sites/{site}/devices/{kind}/{device}/proof-schedule", summary="A schedule of one device's own"
    )  # fmt: skip
    async def want_one(
        who: DutyKeeper, site: SitePath, kind: KindPath, device: DevicePath, wanted: bodies.ProofSchedule
    ) -> bodies.ProofSchedules:
        return await schedule(who, site, wanted, kind, device)

    @routes.delete("/sites/{site}/devices/{kind}/{device}/proof-schedule", summary="The site's schedule again")
    async def unwant_one(who: DutyKeeper, site: SitePath, kind: KindPath, device: DevicePath) -> bodies.ProofSchedules:
        return await schedule(who, site, None, kind, device)

    return routes
