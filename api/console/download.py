"""A file of what a page shows: asked for with a button, made in the background, its progress told."""

from collections.abc import Callable
from datetime import UTC, datetime
from html import escape
from typing import Final

from nicegui import ui

from api.console import frame
from api.console.places import Place
from api.console.visitor import Visitor
from api.deps import Parts
from api.i18n import N_, Tongue
from api.problems import Problem
from telemetry.errors import StorageError
from telemetry.export.wish import Form, Subject, Wish
from telemetry.roles import Permission
from telemetry.storage import export_jobs
from telemetry.storage.export_jobs import Job, JobState

LOOK_S: Final = 0.5
SORTS: Final = {
    "readings": N_("readings, as they came"),
    "minutes": N_("readings, minute by minute"),
    "alarms": N_("alarms: every change"),
    "episodes": N_("alarms: from raise to end"),
    "cycles": N_("work cycles"),
}
FORMS: Final = {Form.CSV: "CSV (Excel)", Form.PARQUET: "Parquet", Form.JSON: "JSON"}
_OVER: Final = (JobState.DONE, JobState.FAILED, JobState.CANCELLED, JobState.EXPIRED)


def wish(sort: str, form: Form, site: str, device: str, begin: datetime, end: datetime) -> Wish:
    """What the two fields say. Pure."""
    what = Subject.READINGS if sort == "minutes" else Subject(sort)
    return Wish(
        what=what, form=form, site=site, device=device, begin=begin.astimezone(UTC), end=end.astimezone(UTC),
        width_s=60 if sort == "minutes" else 0, bom=form is Form.CSV,
    )  # fmt: skip


def told(t: Tongue, job: Job) -> str:
    """How far it is, as HTML. Pure."""
    if job.state is JobState.DONE:
        link = f'<a href="/api/v1/exports/{job.export_id}/file" download>{escape(job.file_name)}</a>'
        size = t.markup("{rows} rows, {mb} MB", rows=f"{job.rows:,}", mb=f"{job.bytes / 1e6:,.1f}")
        return f"{link} · {size}"
    if job.state is JobState.RUNNING:
        said = t.markup("{pct} %, {rows} rows", pct=f"{100 * job.fraction:.0f}", rows=f"{job.rows:,}")
        bar = f'<progress max="1" value="{job.fraction:.4f}" aria-label="{t.markup("export")}"></progress>'
        return f"{bar} {said}"
    words = {
        JobState.WAITING: t.markup("waits for the exports before it"),
        JobState.CANCELLED: t.markup("stopped"),
        JobState.EXPIRED: t.markup("the file has expired"),
        JobState.FAILED: t.markup("not exported: {why}", why=job.error or ""),
    }
    return words[job.state]


def offer(parts: Parts, who: Visitor, place: Place, asked: Callable[[], tuple[str, datetime, datetime]]) -> None:
    """The fields and the button; `asked` gives device, begin and end, or raises ValueError."""
    if not who.may(Permission.EXPORT, place.site):
        return
    t = who.tongue
    running: list[Job] = []
    sorts = {name: t.gettext(words) for name, words in SORTS.items()}
    if not who.may(Permission.READ_WORK, place.site):
        del sorts["cycles"]
    with ui.element("div").classes("cw-form"):
        sort = ui.select(sorts, value="readings", label=t.gettext("export")).props("outlined dense")
        form = ui.select({str(one): name for one, name in FORMS.items()}, value="csv", label=t.gettext("as"))
        form.props("outlined dense").style("min-width: 130px")
        frame.button(t.gettext("export this span"), lambda: begin(), plain=True)
        stop = frame.button(t.gettext("stop it"), lambda: cancel(), plain=True)
        stop.set_visibility(False)
    said = frame.raw("", "cw-note").props('role="status"')

    async def begin() -> None:
        try:
            device, first, last = asked()
            wanted = wish(str(sort.value), Form(str(form.value)), place.site, device, first, last)
            running[:] = [await parts.exports.start(parts.record(), who.actor, who.principal.identity, wanted)]
        except ValueError:
            said.set_content(t.markup("this is no span of at most 400 days"))
        except (Problem, StorageError) as error:
            said.set_content(t.markup("not exported: {why}", why=str(error)))
        else:
            await look()

    async def look() -> None:
        if not running or running[0].state in _OVER:
            return
        try:
            found = await export_jobs.one(parts.record(), running[0].export_id)
        except StorageError:
            return  # the next look
        if found is not None:
            running[:] = [found]
            said.set_content(told(t, found))
            stop.set_visibility(found.state not in _OVER)

    async def cancel() -> None:
        if running:
            try:
                await parts.exports.cancel(parts.record(), who.actor, running[0])
            except StorageError as error:
                frame.note(t, error)
            await look()

    ui.timer(LOOK_S, look)
