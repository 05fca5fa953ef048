"""Work cycles of a crane, and its running total against its design life."""

from datetime import datetime
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Query

from api import cycle_schemas as bodies
from api.access.gate import WorkReader, allowed, forbidden
from api.deps import Before, DevicePath, Limit, Moment, Parts, SitePath
from api.problems import Problem, not_found
from telemetry import usage
from telemetry.clock import now_ms, to_ms
from telemetry.roles import Permission
from telemetry.storage import cycles, duty
from telemetry.storage.devices import DeviceRow
from telemetry.storage.duty import Account

_OWN = frozenset(bodies.Cycle.model_fields) - {"position", "id", "origin", "verdict", "told"}


def present(row: cycles.CycleRow) -> bodies.Cycle:
    """A recorded cycle; one that the review has otherwise, as it has it."""
    common: dict[str, Any] = {"position": row.position, "id": row.id, "origin": row.origin, "verdict": row.verdict}
    if row.origin == "device":
        return bodies.Cycle(**common, end=row.ts_ms, told=row.data)
    said = row.as_reviewed or row.data
    return bodies.Cycle(**common, **{name: value for name, value in said.items() if name in _OWN})


def told(one: Account) -> bodies.Usage:
    """An account as an answer."""
    found = one.usage
    design = None
    if one.design is not None and found.design_cycles is not None:
        design = bodies.Design(
            stated_by=one.design.stated_by, cycles=found.design_cycles, kp=found.design_kp,
            before_cycles=one.design.before_cycles,
        )  # fmt: skip
    return bodies.Usage(
        site=one.site, device=one.device, display_name=one.display_name, timezone=one.timezone, begin=one.first_ms,
        end=one.last_ms, cycles=found.cycles, weighed=found.weighed, total=found.total, told_by_box=one.told,
        kp=_round(found.kp, 4), duty=_round(found.duty, 3), u_class=found.u_class, q_class=found.q_class,
        group=found.group, spectrum=[round(share, 4) for share in found.spectrum], design=design,
        design_refused=one.refused, used_pct=_round(found.used_pct, 2), used_by=found.used_by, left=found.left,
        days=one.days, operators=one.operators, source=usage.SOURCE,
    )  # fmt: skip


def _round(value: float | None, decimals: int) -> float | None:
    return None if value is None else round(value, decimals)


def _ms(moment: datetime | None) -> int | None:
    if moment is not None and moment.tzinfo is None:
        raise Problem(422, "invalid-range", "时间范围无效 the range is not valid", "a time needs its zone, or …Z")
    return None if moment is None else to_ms(moment)


def router(parts: Parts) -> APIRouter:
    """`/devices/{site}/{device}/cycles` and `/usage`."""
    routes = APIRouter(tags=["cycles"], dependencies=allowed(Permission.READ_WORK))

    async def known(site: str, device: str) -> DeviceRow:
        row = await duty.crane(parts.record(), site, device)
        if row is None:
            raise not_found(f"crane {site}/{device}")
        return row

    @routes.get("/devices/{site}/{device}/cycles", summary="Work cycles, newest in the record first")
    async def page(
        site: SitePath,
        device: DevicePath,
        origin: Annotated[
            Literal["device", "recognised"] | None, Query(description="The box's own, or those from readings; both.")
        ] = None,
        begin: Annotated[Moment | None, Query(alias="from", description="Ended at or after this.")] = None,
        end: Annotated[Moment | None, Query(alias="to", description="Ended before this.")] = None,
        before: Before = None,
        limit: Limit = 100,
    ) -> bodies.Cycles:
        row = await known(site, device)
        rows = await cycles.page(
            parts.record(), row.device_id, before=before, origin=origin, since_ms=_ms(begin), until_ms=_ms(end),
            limit=limit,
        )  # fmt: skip
        return bodies.Cycles(
            items=[present(one) for one in rows], next=rows[-1].position if len(rows) == limit else None
        )

    @routes.get("/devices/{site}/{device}/usage", summary="The running total against the design life")
    async def total(
        who: WorkReader,
        site: SitePath,
        device: DevicePath,
        days: Annotated[int, Query(ge=1, le=cycles.MAX_DAYS, description="How far back to count by day.")] = 31,
        operators: Annotated[bool, Query(description="Count by operator's pseudonym, too.")] = False,
    ) -> bodies.Usage:
        if operators and not who.principal.may(Permission.READ_PEOPLE, site):
            raise forbidden(who.principal, Permission.READ_PEOPLE, site)
        row = await known(site, device)
        return told(await duty.account(parts.record(), row, now_ms(), days=days, operators=operators))

    return routes
