"""The handover of a site: the page that a shift begins with, and those that were signed."""

from collections.abc import Awaitable, Callable
from functools import partial
from html import escape

from nicegui import ui

from api import handover
from api.console import frame, sheet
from api.console.places import Place
from api.console.status import Status
from api.console.visitor import Visitor
from api.deps import Parts
from api.i18n import Tongue, zone
from telemetry.clock import now_ms
from telemetry.errors import StorageError
from telemetry.handover import Sheet, digest, read
from telemetry.roles import Permission
from telemetry.storage import handovers
from telemetry.storage.handovers import Signed

LOOK_EVERY_S = 60.0


async def build(parts: Parts, who: Visitor, place: Place) -> None:
    """The page of now."""
    t, picture = who.tongue, parts.feed.picture
    looked = [await handover.look(parts, place.site, place.zone, now_ms())]

    def now() -> Sheet:
        return handover.sheet(picture, place.site, place.name, place.zone, looked[0], now_ms())

    async def look() -> None:
        looked[0] = await handover.look(parts, place.site, place.zone, now_ms())

    with frame.page(who, t.gettext("Handover"), place=place, here="handover"):
        status = Status(parts, place, who)
        with ui.element("div").classes("cw-wide narrow"):
            sections = (sheet.watching, sheet.standing, sheet.shift, sheet.works, sheet.yesterday)
            pieces = [frame.Live(partial(_part, section, t, now)) for section in sections]
            with ui.element("section").classes("cw-panel"):
                frame.title(f'<span class="n">6</span> {t.markup("Sign")}')
                words = t.markup("The page is frozen as it is when you sign, with a hash, and kept.")
                frame.raw(words, "cw-note")
                if parts.database is not None and who.may(Permission.HANDOVER, place.site):
                    _form(parts, who, place, now, look)
                frame.raw(await _signed(parts, t, place))

        def paint() -> None:
            status.paint()
            for piece in pieces:
                piece.paint()

        frame.repaint(paint)
        ui.timer(LOOK_EVERY_S, look, immediate=False)


def _part(section: Callable[[Tongue, Sheet], str], t: Tongue, now: Callable[[], Sheet]) -> str:
    return section(t, now())


def _form(
    parts: Parts, who: Visitor, place: Place, now: Callable[[], Sheet], look: Callable[[], Awaitable[None]]
) -> None:
    t = who.tongue
    with ui.element("div").classes("cw-form"):
        frame.raw(t.markup("as {name}", name=who.name))
        remark = ui.input(t.gettext("note for the next shift")).props("outlined dense maxlength=400").classes("grow")

        async def sign() -> None:
            await look()
            signer = f"{who.name} ({who.principal.name})"
            sheet_ = handover.frozen(now(), signer, who.principal.organisation, (remark.value or "").strip())
            try:
                made = await handovers.sign(parts.record(), who.actor, sheet_)
            except StorageError as error:
                frame.note(t, error)
                return
            if made is None:
                frame.note(t, t.gettext("another handover was signed meanwhile: look at this page again"))
                return
            ui.navigate.to(f"/site/{place.site}/handover/{made}")

        frame.button(t.gettext("Sign the handover"), sign)


async def _signed(parts: Parts, t: Tongue, place: Place) -> str:
    if parts.database is None:
        return ""
    try:
        found = await handovers.listed(parts.database, place.site, limit=14)
    except StorageError:
        return f'<p class="cw-note">{t.markup("the record does not answer")}</p>'
    lines = "".join(
        f'<li><a href="/site/{escape(place.site)}/handover/{one.handover_id}"><u>'
        f"{t.moment(one.signed_ms, place.zone, year=True)}</u></a> {escape(one.signed_by)}"
        f" <code>{one.sha256[:12]}</code></li>"
        for one in found
    )
    head = f'<h3 class="cw-sub">{t.markup("signed before")}</h3>'
    return f'{head}<ul class="cw-lines">{lines}</ul>' if lines else f"<p>{t.markup('none was signed yet')}</p>"


async def build_signed(parts: Parts, who: Visitor, place: Place, handover_id: int) -> None:
    """One that was signed: to be read and printed."""
    t = who.tongue
    found: Signed | None = None
    trouble = ""
    try:
        found = await handovers.one(parts.record(), place.site, handover_id)
    except StorageError as error:
        trouble = t.markup("the record does not answer") + f" {escape(str(error))}"
    with frame.page(who, t.gettext("Handover, signed"), place=place, here="handover"):
        if found is None or found.body is None:
            frame.raw(trouble or t.markup("there is no such handover"), "cw-empty")
            return
        frame.raw(frozen(t, found), "cw-wide narrow cw-frozen")
        with ui.element("div").classes("cw-wide narrow cw-noprint"):
            frame.button(t.gettext("Print"), lambda: ui.run_javascript("print()"))


def frozen(t: Tongue, found: Signed) -> str:
    """A signed sheet as HTML, and whether its text still has the hash that was signed. Pure."""
    body = found.body or ""
    kept = read(body)
    sound = digest(body) == found.sha256
    says = t.markup("✓ the text has the hash that was signed") if sound else t.markup("✗ THE TEXT WAS CHANGED")
    at = t.moment(kept.at, zone(kept.timezone), seconds=True, year=True)
    head = t.markup("As it was at {at}, {site}", at=at, site=kept.name)
    parts = (sheet.watching, sheet.standing, sheet.shift, sheet.works, sheet.yesterday)
    made = "".join(part(t, kept) for part in parts)
    return f"<p><b>{head}</b></p>{made}{sheet.signature(t, kept, found.sha256)}<p>{says}</p>"
