"""Who is on duty, whom an alarm reaches and in which order, and the roster to come."""

from datetime import datetime, timedelta
from html import escape
from typing import Final

from nicegui import ui

from api.console import frame
from api.console.places import Place
from api.console.status import Status
from api.console.visitor import Visitor
from api.deps import Parts
from api.i18n import Pair, Tongue
from telemetry.clock import utc_now
from telemetry.errors import ConfigError, StorageError
from telemetry.ladder import ANY, Contact, Duty, Ladder, Shift, Urgency
from telemetry.roles import ROLE_WORDS, Permission, Role
from telemetry.storage import roster
from telemetry.storage.roster import Rostered, Standing

AHEAD: Final = timedelta(days=14)
URGENCY: Final[dict[Urgency, Pair]] = {
    Urgency.LIFE_SAFETY: ("生命安全", "life-safety"),
    Urgency.ALARM: ("报警", "alarm"),
    Urgency.SUPERVISED: ("仅监管", "supervised"),
}
SHIFTS: Final[dict[Shift, Pair]] = {
    Shift.ALL: ("全天", "all day"),
    Shift.DAY: ("白班", "day shift"),
    Shift.NIGHT: ("夜班", "night shift"),
}
MEANS: Final[dict[str, Pair]] = {
    "push": ("消息推送", "push"), "sms": ("短信", "SMS"), "call": ("电话", "call"), "mail": ("邮件", "mail"),
    "hook": ("接口", "webhook"),
}  # fmt: skip


async def build(parts: Parts, who: Visitor, place: Place) -> None:
    """The page."""
    t = who.tongue
    may = who.may(Permission.DUTY, place.site)
    with frame.page(who, t.gettext("Duty"), place=place, here="duty"):
        status = Status(parts, place, who)
        frame.repaint(status.paint)
        with ui.element("div").classes("cw-wide narrow"):
            now_ = frame.raw("")
            with ui.element("section").classes("cw-panel"):
                frame.title(t.markup("roster"))
                rows = ui.element("div").classes("cw-col tight")
                form = ui.element("div").classes("cw-form")

        async def show() -> None:
            at = utc_now()
            try:
                found = await roster.standing(parts.record(), place.site, at)
                listed = await roster.roster(parts.record(), place.site, at - timedelta(days=1), at + AHEAD)
            except (StorageError, ConfigError) as error:
                now_.set_content(
                    f'<div class="cw-empty">{t.markup("the record does not answer")} {escape(str(error))}</div>'
                )
                return
            now_.set_content(standing(t, found, at))
            rows.clear()
            with rows:
                for one in listed:
                    _row(one, found)
                if not listed:
                    frame.raw(f"<p>{t.markup('nobody is on the roster for the next two weeks')}</p>")
            if may and found is not None and not form.default_slot.children:
                with form:
                    _add(found)

        def _row(one: Rostered, found: Standing | None) -> None:
            with ui.element("div").classes("cw-form cw-version"):
                frame.raw(told(t, place, one.duty, found), "grow")
                if may:
                    frame.button(t.gettext("remove"), lambda: remove(one.duty_id), plain=True)

        async def remove(number: int) -> None:
            try:
                await roster.delete(parts.record(), who.actor, place.site, number)
            except StorageError as error:
                frame.note(t, error)
            await show()

        def _add(found: Standing) -> None:
            if not found.contacts:
                frame.raw(
                    t.markup("no contact is known yet: PUT /api/v1/sites/{site}/contacts/…", site=place.site), "cw-note"
                )
                return
            people = {name: one.name for name, one in found.contacts.items()}
            person = ui.select(people, value=next(iter(people)), label=t.gettext("person")).props("outlined dense")
            roles = {role: t.pick(ROLE_WORDS[role]) for role in Role if role is not Role.ADMIN}
            role = ui.select(roles, value=Role.SAFETY_OFFICER, label=t.gettext("role")).props("outlined dense")
            shifts = {shift: t.pick(words) for shift, words in SHIFTS.items()}
            shift = ui.select(shifts, value=Shift.DAY, label=t.gettext("shift")).props("outlined dense")
            begin = ui.input(t.gettext("from")).props("outlined dense type=datetime-local stack-label")
            end = ui.input(t.gettext("to")).props("outlined dense type=datetime-local stack-label")

            async def add() -> None:
                try:
                    first, last = (
                        datetime.fromisoformat(one.value or "").replace(tzinfo=place.zone) for one in (begin, end)
                    )
                    duty = Duty(contact=person.value, role=role.value, begin=first, end=last, shift=shift.value)
                    await roster.put(parts.record(), who.actor, place.site, duty)
                except (ValueError, ConfigError, StorageError) as error:
                    frame.note(t, error)
                    return
                await show()

            frame.button(t.gettext("add to the roster"), add)

        ui.timer(0.05, show, once=True)
        ui.timer(60, show, immediate=False)


def standing(t: Tongue, found: Standing | None, at: datetime) -> str:
    """Who is on duty now, and whom each ladder reaches. Pure."""
    if found is None:
        return f'<div class="cw-empty">{t.markup("nothing recorded yet")}</div>'
    people = "".join(f"<li>{_person(t, found, one)}</li>" for one in found.duties)
    now = (
        f'<ul class="cw-lines">{people}</ul>'
        if people
        else f'<p class="cw-loud">✗ {t.markup("nobody is on duty now")}</p>'
    )
    parts = [f'<section class="cw-panel"><h2 class="cw-title">{t.markup("on duty now")}</h2>{now}</section>']
    for urgency in (Urgency.LIFE_SAFETY, Urgency.ALARM):
        reached = found.reached(urgency)
        title = t.markup("ladder: {what}", what=URGENCY[urgency])
        loud = "" if reached else f'<p class="cw-loud">✗ {t.markup("nobody can be reached")}</p>'
        names = ", ".join(escape(one.name) for one in reached.values())
        whom = f"<p>{t.markup('reaches now:')} <b>{names}</b></p>" if reached else ""
        steps = _ladder(t, found, found.plan.ladder(urgency))
        parts.append(f'<section class="cw-panel"><h2 class="cw-title">{title}</h2>{loud}{whom}{steps}</section>')
    own = (
        t.markup("ladders of this site")
        if found.own
        else t.markup("the default ladders: this site has none of its own")
    )
    return f'<div class="cw-grid">{"".join(parts)}</div><p class="cw-note">{own}</p>'


def _person(t: Tongue, found: Standing, duty: Duty) -> str:
    contact = found.contacts.get(duty.contact)
    name = escape(contact.name if contact is not None else duty.contact)
    means = _means(t, contact) if contact is not None else ""
    none = f' <span class="cw-bad">✗ {t.markup("no channel")}</span>' if not means else f" · {means}"
    until = t.moment(duty.end, found.zone)
    return f"<b>{name}</b> {t.show(ROLE_WORDS[duty.role])} · {t.markup('until {end}', end=until)}{none}"


def _means(t: Tongue, contact: Contact) -> str:
    return ", ".join(dict.fromkeys(t.show(MEANS[one.means]) for one in contact.channels))


def _ladder(t: Tongue, found: Standing, ladder: Ladder) -> str:
    lines = []
    for step in ladder.steps:
        if step.contact is not None:
            contact = found.contacts.get(step.contact)
            whom = escape(contact.name if contact is not None else step.contact)
        elif step.role is not None:
            whom = t.show(ROLE_WORDS[step.role])
        else:
            duty = step.duty or ANY
            whom = t.markup("everybody on duty") if duty == ANY else t.markup(
                "on duty as {role}", role=ROLE_WORDS[Role(duty)]
            )  # fmt: skip
        means = ", ".join(t.show(MEANS[one]) for one in step.means)
        lines.append(f"<li>{t.markup('after {n} s', n=f'{step.after_s:g}')} · <b>{whom}</b> {means}</li>")
    if ladder.repeats and ladder.repeat_s is not None:
        again = t.markup("again {n} times, every {s} s", n=ladder.repeats, s=f"{ladder.repeat_s:g}")
        lines.append(f"<li>{again}</li>")
    return f'<ol class="cw-lines">{"".join(lines)}</ol>' if lines else f"<p>{t.markup('nobody is told')}</p>"


def told(t: Tongue, place: Place, duty: Duty, found: Standing | None) -> str:
    """One line of the roster. Pure."""
    contact = found.contacts.get(duty.contact) if found is not None else None
    span = f"{t.moment(duty.begin, place.zone)} – {t.moment(duty.end, place.zone)}"
    name = escape(contact.name if contact is not None else duty.contact)
    return f"<b>{name}</b> {t.show(ROLE_WORDS[duty.role])} · {span} · {t.show(SHIFTS[duty.shift])}"
