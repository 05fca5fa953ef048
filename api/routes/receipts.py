"""How alarms reached people: the receipt chain of one, and those of a site with their figures."""

from datetime import timedelta
from typing import Annotated, Final

from fastapi import APIRouter, Query

from api import notify_schemas as bodies
from api.access.gate import allowed
from api.deps import DevicePath, Moment, Parts, RulePath, SitePath
from api.problems import not_found
from api.routes.readings import span
from api.schemas import Words
from telemetry import receipts
from telemetry.clock import to_ms, utc_now
from telemetry.model import PROOF_RULES
from telemetry.roles import Permission
from telemetry.storage import devices
from telemetry.storage import receipts as record

USUAL: Final = timedelta(days=1)
MOST: Final = 200  # chains in an answer; the figures are of all


def _reached(one: receipts.Reached) -> bodies.Reached:
    return bodies.Reached(
        terminal=one.terminal, transition=one.transition, at=one.at, received_at=to_ms(one.received),
        seconds=one.seconds,
    )  # fmt: skip


def body(site: str, chain: receipts.Chain) -> bodies.Chain:
    """A chain as it is answered."""
    raised, answer = chain.raised, chain.acknowledged
    return bodies.Chain(
        site=site, kind=raised.kind, device=raised.device, rule=raised.rule, transition=raised.id,
        severity=int(chain.severity), life_safety=raised.life_safety, attended=chain.attended,
        text=Words(zh=raised.zh, en=raised.en), at=raised.at,
        received_at=to_ms(raised.received) if raised.received is not None else None,
        delivered=[_reached(one) for one in chain.delivered], rendered=[_reached(one) for one in chain.rendered],
        told=[
            bodies.Notice(
                contact=one.contact, name=one.name, channel=one.channel, step=one.step, created_at=to_ms(one.created),
                sent_at=to_ms(one.sent) if one.sent is not None else None, attempts=one.attempts, state=one.state,  # type: ignore[arg-type]  # the query's own words
                error=one.error,
            )
            for one in chain.told
        ],
        acknowledged=bodies.Acknowledgement(
            transition=answer.transition, who=answer.who, why=answer.why, at=answer.at, seconds=answer.seconds
        )
        if answer is not None
        else None,
        ended=str(chain.ended.state) if chain.ended is not None else None,
    )  # fmt: skip


def _figure(one: receipts.Figure) -> bodies.ChainFigure:
    return bodies.ChainFigure(chains=one.chains, reached=one.reached, p50_s=one.p50_s, p99_s=one.p99_s)


def router(parts: Parts) -> APIRouter:
    """`/alarms/{site}/{device}/{rule}/receipts` and `/sites/{site}/receipts`."""
    routes = APIRouter(tags=["alarms"], dependencies=allowed(Permission.READ))

    @routes.get(
        "/alarms/{site}/{device}/{rule}/receipts",
        summary="How an alarm reached people: raised, delivered, rendered, told, acknowledged",
    )
    async def chain(site: SitePath, device: DevicePath, rule: RulePath) -> bodies.Chain:
        found = await record.chain(parts.record(), site, device, rule)
        if found is None:
            raise not_found(f"alarm {rule} of {site}/{device} in the record")
        return body(site, found)

    @routes.get("/sites/{site}/receipts", summary="The receipt chains of a site; the last day by default")
    async def chains(
        site: SitePath,
        begin: Annotated[Moment | None, Query(alias="from", examples=["2027-01-15T08:00:00Z"])] = None,
        end: Annotated[Moment | None, Query(alias="to", examples=["2027-01-16T08:00:00Z"])] = None,
    ) -> bodies.Chains:
        first, last = span(begin, end, utc_now(), USUAL)
        known = await devices.devices(parts.record(), site=site)
        if not known:
            raise not_found(f"site {site}, or it has no devices")
        found, truncated = await record.chains(parts.record(), site, first, last)
        with_terminal = {(row.kind, row.device) for row in known if row.config.get("terminal", "none") != "none"}
        real = [one for one in found if one.raised.rule not in PROOF_RULES]  # a test has figures of its own
        shown = [one for one in real if (one.raised.kind, one.raised.device) in with_terminal]
        asked = [one for one in real if one.attended]
        return bodies.Chains(
            site=site, begin=to_ms(first), end=to_ms(last), truncated=truncated,
            figures={
                "delivered": _figure(receipts.figure(shown, "delivered")),
                "rendered": _figure(receipts.figure(shown, "rendered")),
                "told": _figure(receipts.figure(asked, "told")),
                "acknowledged": _figure(receipts.figure(asked, "acknowledged")),
            },
            items=[body(site, one) for one in found[::-1][:MOST]],
        )  # fmt: skip

    return routes
