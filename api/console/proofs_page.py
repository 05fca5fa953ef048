"""The proof tests of a site: each device's last one, and when they are wanted."""

from html import escape

from nicegui import ui

from api.console import frame
from api.console.places import Place
from api.console.proofs import line
from api.console.status import Status
from api.console.visitor import Visitor
from api.deps import Parts
from api.i18n import Tongue
from api.problems import Problem
from telemetry.errors import StorageError
from telemetry.proof_schedule import Schedule
from telemetry.roles import Permission
from telemetry.storage import proofs
from telemetry.storage.proofs import Test, Wanted

EVERY_S = 5.0


async def build(parts: Parts, who: Visitor, place: Place) -> None:
    """The page."""
    t = who.tongue
    with frame.page(who, t.gettext("Proof tests"), place=place, here="tests"):
        status = Status(parts, place, who)
        with ui.element("div").classes("cw-wide narrow"):
            with ui.element("section").classes("cw-panel"):
                frame.title(t.markup("Last proof test of each device"))
                shown = frame.raw("")
            with ui.element("section").classes("cw-panel"):
                frame.title(t.markup("When proof tests are wanted"))
                hours = frame.raw("")
                if who.may(Permission.DUTY, place.site):
                    _form(parts, who, place)

        async def load() -> None:
            try:
                last = await proofs.last(parts.record(), place.site)
                wanted = await proofs.schedules(parts.record(), place.site)
            except (StorageError, Problem):
                shown.set_content(f'<p class="cw-loud">? {t.markup("the record does not answer")}</p>')
                return
            shown.set_content(table(t, place, last))
            hours.set_content(schedule(t, wanted))

        await load()
        ui.timer(EVERY_S, load, immediate=False)
        frame.repaint(status.paint)


def table(t: Tongue, place: Place, last: list[Test]) -> str:
    """The last test of each device. Pure."""
    if not last:
        return f"<p>{t.markup('no proof test was done yet')}</p>"
    heads = (t.markup("device"), t.markup("asked"), t.markup("outcome"), t.markup("until shown"), t.markup("by"))
    rows = "".join(
        line(
            t, one, place.zone,
            name=f'<a href="/{"crane" if one.kind == "crane" else "device"}/{escape(one.site)}/{escape(one.device)}">'
            f"{escape(one.display_name or one.device)}</a>",
        )
        for one in last
    )  # fmt: skip
    head = "".join(f"<th>{one}</th>" for one in heads)
    return f'<table class="cw-table wide"><thead><tr>{head}</tr></thead>{rows}</table>'


def schedule(t: Tongue, wanted: list[Wanted]) -> str:
    """When tests are wanted. Pure."""
    if not wanted:
        return f"<p>{t.markup('no schedule: tests are done when somebody orders one')}</p>"
    rows = []
    for one in wanted:
        days, begins, ends = one.schedule.every_days, one.schedule.begins, one.schedule.ends
        words = t.markup("every {days} days, between {begins} and {ends}", days=days, begins=begins, ends=ends)
        rows.append(f"<li>{escape(one.device or '')} {words}</li>")
    return f'<ul class="cw-lines">{"".join(rows)}</ul>'


def _form(parts: Parts, who: Visitor, place: Place) -> None:
    t = who.tongue
    with ui.element("div").classes("cw-form"):
        days = ui.number(t.gettext("days"), value=7, min=1, max=366, format="%d").props("outlined dense")
        begins = ui.input(t.gettext("from"), value="07:00").props("outlined dense maxlength=5")
        ends = ui.input(t.gettext("to"), value="09:00").props("outlined dense maxlength=5")

        async def keep() -> None:
            try:
                wanted = Schedule(int(days.value or 0), begins.value or "", ends.value or "")
                if not 1 <= wanted.every_days <= 366:
                    raise ValueError(f"{wanted.every_days} days")
                await proofs.schedule(parts.record(), who.actor, place.site, wanted)
            except (StorageError, ValueError) as error:
                frame.note(t, error)
                return
            ui.navigate.reload()

        frame.button(t.gettext("Keep the schedule"), keep)
