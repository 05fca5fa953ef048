"""All alarms of a site, by state and priority; those of low priority may be acknowledged together."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from html import escape
from typing import Final

from nicegui import ui

from api import schemas
from api.console import answers, cards, frame
from api.console.alarmlist import AlarmList
from api.console.answers import BULK_MAX, Desk
from api.console.places import Place
from api.console.status import Status
from api.console.visitor import Visitor
from api.console.wording import MARK, PRIORITY, SEVERITY, UNANSWERED
from api.deps import Parts
from api.i18n import N_, Tongue
from telemetry.errors import StorageError
from telemetry.model import State
from telemetry.roles import Permission
from telemetry.storage import alarms as record
from telemetry.storage import closings
from telemetry.storage.alarms import AlarmRow
from telemetry.storage.closings import ToClose

# The nine states of ISA-18.2 in the four groups that a desk works through.
GROUPS: Final[dict[str, tuple[str, frozenset[State]]]] = {
    "open": (N_("to be answered"), UNANSWERED),
    "known": (N_("acknowledged"), frozenset({State.ACKNOWLEDGED, State.LATCHED_ACKNOWLEDGED})),
    "shelved": (N_("shelved"), frozenset({State.SHELVED})),
    "away": (N_("suppressed or disabled"), frozenset({State.SUPPRESSED, State.DISABLED})),
    "all": (N_("all"), frozenset(State)),
}
SHELF_EVERY_S: Final = 5.0
TO_CLOSE: Final = 12


@dataclass
class Wish:
    """What is to be seen."""

    group: str = "all"
    priority: int = 0
    words: str = ""

    def wanted(self, alarm: schemas.Alarm) -> bool:
        """Whether an alarm is."""
        if alarm.state not in GROUPS[self.group][1] or self.priority not in (0, alarm.priority):
            return False
        zh, en = cards.alarm_sentence(alarm)
        return self.words.lower() in f"{alarm.device} {alarm.rule} {zh} {en}".lower()


async def build(parts: Parts, who: Visitor, place: Place) -> None:
    """The page."""
    t, site, picture = who.tongue, place.site, parts.feed.picture
    wish, desk = Wish(), Desk(parts, who)
    shown: list[str] = []  # what is to be closed, as it was last listed
    with frame.page(who, t.gettext("Alarms"), place=place, here="alarms"):
        status = Status(parts, place, who)
        with ui.element("div").classes("cw-wide narrow"):
            _filters(t, wish, lambda: alarms.want(wish.wanted))
            with ui.element("div").classes("cw-form"):
                together = frame.button(t.gettext("Acknowledge the chosen together"), lambda: _together(desk, alarms))
                together.classes("plain")
                frame.raw(
                    t.markup("only of low priority, at most {n}, with a reason; what is about lives is answered alone",
                             n=BULK_MAX), "cw-note",
                )  # fmt: skip
            alarms = AlarmList(desk, site, lambda: picture.alarmed(site), wanted=wish.wanted, choose=True)
            with ui.element("section").classes("cw-panel"):
                frame.title(t.markup("shelved until"))
                shelf = frame.raw("")
            with ui.element("section").classes("cw-panel"):
                frame.title(t.markup("nobody has said yet what these were"))
                unclosed = ui.element("div").classes("cw-col tight")

        async def look() -> None:
            shelf.set_content(await _shelf(parts, t, place))
            await _to_close(desk, place, unclosed, shown)

        def paint() -> None:
            status.paint()
            alarms.paint()

        frame.repaint(paint)
        ui.timer(SHELF_EVERY_S, look)


def _filters(t: Tongue, wish: Wish, changed: Callable[[], None]) -> None:
    def take(name: str, value: object) -> None:
        setattr(wish, name, value)
        changed()

    with ui.element("div").classes("cw-form").props(f'role=search aria-label="{t.gettext("which alarms")}"'):
        groups = {name: t.gettext(words) for name, (words, _) in GROUPS.items()}
        ui.toggle(groups, value=wish.group, on_change=lambda e: take("group", e.value)).props("no-caps").classes(
            "cw-toggle"
        )
        levels = {0: t.gettext("every priority"), **{level: t.pick(PRIORITY[level]) for level in (3, 2, 1)}}
        ui.select(levels, value=0, label=t.gettext("priority"), on_change=lambda e: take("priority", e.value)).props(
            "outlined dense options-dense"
        ).style("min-width: 150px")
        ui.input(t.gettext("search"), on_change=lambda e: take("words", e.value or "")).props(
            "outlined dense clearable debounce=300"
        ).classes("grow")


def _together(desk: Desk, alarms: AlarmList) -> None:
    t = desk.who.tongue
    chosen = alarms.chosen()
    if not chosen:
        ui.notify(t.gettext("choose alarms of low priority first"))
    elif len(chosen) > BULK_MAX:
        ui.notify(t.gettext("at most {n} at once", n=BULK_MAX), type="negative")
    else:
        answers.bulk(desk, chosen)


async def _to_close(desk: Desk, place: Place, box: ui.element, shown: list[str]) -> None:
    """Alarms of which nobody has said what they were; made anew only when there are others."""
    t = desk.who.tongue
    try:
        found = await closings.to_close(desk.parts.record(), place.site, limit=TO_CLOSE)
    except StorageError:
        return
    ids = [one.id for one in found]
    if ids == shown and box.default_slot.children:
        return
    shown[:] = ids
    box.clear()
    with box:
        for one in found:
            row = unclosed_row(t, place, one)
            with ui.element("div").classes("cw-form cw-version"):
                frame.raw(row, "grow")
                if desk.who.may(Permission.CLOSE, place.site):
                    frame.button(t.gettext("Close"), partial(answers.close, desk, one.id, row), plain=True)
        if not found:
            frame.raw(f"<p>{t.markup('none')}</p>")


def unclosed_row(t: Tongue, place: Place, one: ToClose) -> str:
    """One of them. Pure."""
    text = one.payload.get("text") or {}
    words = t.show((str(text.get("zh", one.rule)), str(text.get("en", one.rule))))
    return (
        f'<span class="cw-tag s{one.severity}">{MARK[one.severity]} {t.show(SEVERITY[one.severity])}</span> '
        f"{t.moment(one.at_ms, place.zone)} <b>{escape(one.device)}</b> {words}"
    )


async def _shelf(parts: Parts, t: Tongue, place: Place) -> str:
    """Who has put what aside, until when and why: as the record has it."""
    try:
        rows = await record.current(parts.record(), site=place.site)
    except StorageError:
        return f'<p class="cw-note">{t.markup("the record does not answer")}</p>'
    lines = "".join(shelved(t, place, row) for row in rows if row.state == State.SHELVED)
    return f'<ul class="cw-lines">{lines}</ul>' if lines else f"<p>{t.markup('nothing is shelved')}</p>"


def shelved(t: Tongue, place: Place, row: AlarmRow) -> str:
    """One alarm that was put aside. Pure."""
    last = row.payload
    until = last.get("until")
    end = t.moment(until, place.zone) if until is not None else "?"
    words = t.markup("until {end}, by {who}: {why}", end=end, who=last.get("who") or "?", why=last.get("why") or "?")
    link = f"/alarm/{row.site}/{row.device}/{row.rule}"
    return f'<li><a href="{escape(link)}"><b>{escape(row.device)} {escape(row.rule)}</b></a> · {words}</li>'
