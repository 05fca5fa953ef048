"""All sites, the worst watched first."""

from collections.abc import Iterable, Sequence
from html import escape

from api import present
from api.console import cards, frame, places
from api.console.visitor import Visitor
from api.deps import Parts
from api.i18n import Tongue
from api.live.picture import DeviceView, Picture
from telemetry.clock import now_ms
from telemetry.model import CoverageLevel
from telemetry.roles import EVERYWHERE, Permission


def watched(views: Iterable[DeviceView], now: int) -> tuple[int, int]:
    """How many devices are watched as they should be, and how many there are."""
    every = list(views)
    good = sum(
        view.coverage is not None and view.coverage.level is CoverageLevel.MONITORED and not cards.silent(view, now)
        for view in every
    )
    return good, len(every)


def order(picture: Picture, site: str, now: int) -> tuple[float, int, str]:
    """Worst coverage first, then worst alarm, then by name."""
    if picture.lost(site, now) is not None:
        return -1.0, 0, site
    good, every = watched(picture.present(site, now), now)
    worst = max((one.severity for one in present.lines(picture.alarmed(site)) if one.active or one.hold), default=0)
    return good / every if every else 0.0, -worst, site


def card(t: Tongue, picture: Picture, place: places.Place, now: int) -> str:
    """One site."""
    views = picture.present(place.site, now)
    line, lost = cards.status(t, picture, place.site, now, registered=place.known)
    alarms = [one for one in present.lines(picture.alarmed(place.site)) if one.severity >= 2]
    counted = ""
    if alarms:
        words = t.nmarkup("{n} alarm or pre-warning", "{n} alarms and pre-warnings", len(alarms))
        worst = max(one.severity if one.active or one.hold else 0 for one in alarms)
        counted = f'<div class="cw-band s{worst}"><span>{"■ " if worst > 2 else ""}{words}</span></div>'
    good, every = watched(views, now)
    figures = (
        cards.figure(t.markup("watched now"), "?" if lost else f"{good} / {every}")
        + cards.figure(t.markup("cranes"), str(sum(one.kind == "crane" for one in views)))
        + cards.figure(t.markup("alarms"), "?" if lost else str(len(alarms)))
    )
    return (
        f'<a class="cw-card" href="/site/{escape(place.site)}">'
        f'<div class="cw-status{" lost" if lost else ""}">{line}</div>{counted}<div class="cw-body">'
        f'<div class="cw-head"><b>{escape(place.name)}</b><span class="en">{escape(place.site)}</span></div>'
        f'<div class="cw-figures">{figures}</div></div></a>'
    )


async def build(parts: Parts, who: Visitor) -> None:
    """The page."""
    t, picture = who.tongue, parts.feed.picture
    found = await places.rows(parts)

    def body() -> str:
        now = now_ms()
        every: Sequence[str] = sorted({*(row.site for row in found or []), *picture.sites})
        seen = sorted((site for site in every if who.sees(site)), key=lambda site: order(picture, site, now))
        if not seen:
            return f'<div class="cw-empty">{t.markup("no site yet: waiting for the first reading")}</div>'
        return "".join(card(t, picture, places.of(parts, site, found), now) for site in seen)

    with frame.page(who, t.gettext("Sites, the worst watched first")):
        if found is None:
            frame.raw(t.markup("The record does not answer: live only."), "cw-note")
        live = frame.Live(body, "cw-sites")
        if who.may(Permission.CONFIGURE, EVERYWHERE):
            frame.raw(f'<a class="cw-link" href="/sites/new">{t.markup("New site")}</a>', "cw-wide cw-form")
        frame.repaint(live.paint)
