"""How good the alarms were: the desk's lines, the cabs' sound, who acknowledges how."""

from datetime import timedelta
from typing import Annotated, Final

from fastapi import APIRouter, Query

from api import schemas
from api.access.gate import allowed
from api.deps import Moment, Parts, SitePath
from api.problems import not_found
from api.routes.readings import span
from telemetry import alarm_kpi
from telemetry.alarm_kpi import Place
from telemetry.clock import to_ms, utc_now
from telemetry.model import Priority
from telemetry.roles import Permission
from telemetry.storage import quality

USUAL: Final = timedelta(days=1)


def _contributor(place: Place, times: int, share: float) -> schemas.Contributor:
    return schemas.Contributor(device=f"{place[0]}/{place[1]}", rule=place[2], times=times, share=round(share, 4))


def _figures(found: alarm_kpi.Figures) -> schemas.Figures:
    return schemas.Figures(
        annunciated=found.annunciated, per_10_min=found.per_10_min, per_hour=found.per_hour, per_day=found.per_day,
        peak_10_min=found.peak_10_min, over_10_share=found.over_10_share, flood_share=found.flood_share,
        chattering=[_contributor(place, n, n / found.annunciated) for place, n in found.chattering],
        fleeting=found.fleeting, stale=found.stale, standing=found.standing,
        low=found.priorities.get(Priority.LOW, 0), medium=found.priorities.get(Priority.MEDIUM, 0),
        high=found.priorities.get(Priority.HIGH, 0), acknowledged=found.acknowledged, median_s=found.median_s,
        p90_s=found.p90_s, worst_s=found.worst_s, waiting=found.waiting,
        top=[_contributor(one.place, one.times, one.share) for one in found.top],
        people=[
            schemas.Acknowledging(
                who=one.who, acknowledged=one.acknowledged, median_s=one.median_s, rubber_stamps=one.rubber_stamps
            )
            for one in found.people
        ],
        beyond=found.beyond(),
    )  # fmt: skip


def _cab(one: quality.Cab) -> schemas.CabSound:
    return schemas.CabSound(
        name=one.name, sound_s=one.sound_s, times=one.times, hours=one.hours, s_per_hour=one.s_per_hour, over=one.over,
        rules=one.rules,
    )  # fmt: skip


def body(found: quality.Quality) -> schemas.AlarmQuality:
    """The figures of a site as they are answered."""
    return schemas.AlarmQuality(
        site=found.site, begin=to_ms(found.begin), end=to_ms(found.end), targets=dict(alarm_kpi.TARGETS),
        cab_s_per_hour=alarm_kpi.CAB_S_PER_HOUR, desk=_figures(found.desk),
        devices={name: _figures(one) for name, one in found.devices.items()}, cabs=[_cab(one) for one in found.cabs],
        operators=[_cab(one) for one in found.operators], operator_lines=found.operator_lines,
    )  # fmt: skip


def router(parts: Parts) -> APIRouter:
    """`/sites/{site}/alarm-quality`."""
    routes = APIRouter(tags=["alarms"], dependencies=allowed(Permission.READ_PEOPLE))

    @routes.get("/sites/{site}/alarm-quality", summary="How good the alarms of a site were; the last day by default")
    async def alarm_quality(
        site: SitePath,
        begin: Annotated[Moment | None, Query(alias="from", examples=["2027-01-15T08:00:00Z"])] = None,
        end: Annotated[Moment | None, Query(alias="to", examples=["2027-01-16T08:00:00Z"])] = None,
    ) -> schemas.AlarmQuality:
        found = await quality.quality(parts.record(), site, *span(begin, end, utc_now(), USUAL))
        if found is None:
            raise not_found(f"site {site}, or it has no devices")
        return body(found)

    return routes
