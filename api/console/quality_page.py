"""How good the alarms of a site are to those who hear them: the desk's lines, the cabs' sound, who rubber-stamps."""

from collections.abc import Sequence
from datetime import timedelta
from html import escape
from typing import Final

from nicegui import ui

from api.console import frame
from api.console.places import Place
from api.console.status import Status
from api.console.visitor import Visitor
from api.console.wording import PRIORITY
from api.deps import Parts
from api.i18n import N_, Tongue
from telemetry import alarm_kpi, vocabulary
from telemetry.alarm_kpi import Figures, Person
from telemetry.clock import utc_now
from telemetry.errors import StorageError
from telemetry.model import Priority
from telemetry.roles import Permission
from telemetry.storage.quality import Cab, Quality, quality

SPANS: Final[dict[str, tuple[str, timedelta]]] = {
    "1d": (N_("24 h"), timedelta(days=1)),
    "7d": (N_("7 days"), timedelta(days=7)),
    "30d": (N_("30 days"), timedelta(days=30)),
}
# name of the figure, its words, as a share; in the order in which they matter
ROWS: Final[tuple[tuple[str, str, bool], ...]] = (
    ("per_10_min", N_("alarms in ten minutes, mean"), False),
    ("peak_10_min", N_("the most within ten minutes"), False),
    ("per_day", N_("alarms a day"), False),
    ("over_10_share", N_("ten-minute periods with more than ten"), True),
    ("flood_share", N_("time in a flood"), True),
    ("high_share", N_("share of priority high"), True),
    ("top_share", N_("share of the ten that say most"), True),
    ("chattering", N_("chattering alarms"), False),
    ("fleeting", N_("over within ten seconds"), False),
    ("standing", N_("standing at the end"), False),
    ("stale", N_("on for more than a day"), False),
    ("rubber_stamp_share", N_("rubber-stamped acknowledgements"), True),
)


async def build(parts: Parts, who: Visitor, place: Place) -> None:
    """The page."""
    t = who.tongue
    people = who.may(Permission.READ_PEOPLE, place.site)
    with frame.page(who, t.gettext("Alarm quality"), place=place, here="quality"):
        status = Status(parts, place, who)
        frame.repaint(status.paint)
        with ui.element("div").classes("cw-wide"):
            spans = {name: t.gettext(words) for name, (words, _) in SPANS.items()}
            ui.toggle(spans, value="1d", on_change=lambda e: show(e.value)).props("no-caps").classes("cw-toggle")
            body = frame.raw("")

        async def show(span: str) -> None:
            now = utc_now()
            try:
                found = await quality(parts.record(), place.site, now - SPANS[span][1], now)
            except StorageError as error:
                body.set_content(
                    f'<div class="cw-empty">{t.markup("the record does not answer")} {escape(str(error))}</div>'
                )
                return
            body.set_content(drawn(t, found, people=people))

        ui.timer(0.05, lambda: show("1d"), once=True)


def drawn(t: Tongue, found: Quality | None, *, people: bool) -> str:
    """The figures. Pure; names of persons only where they may be seen."""
    if found is None:
        return f'<div class="cw-empty">{t.markup("nothing recorded yet")}</div>'
    parts = [
        _panel(t.markup("the desk"), _desk(t, found.desk)),
        _panel(t.markup("what says most"), _top(t, found.desk)),
    ]
    parts.append(_panel(t.markup("sound in the cabs"), _cabs(t, found.cabs)))
    if people:
        parts.append(_panel(t.markup("who acknowledges, and how"), _people(t, found.desk.people)))
        if found.operators:
            parts.append(_panel(t.markup("sound by operator"), _cabs(t, found.operators)))
    parts.append(_panel(t.markup("by device"), _devices(t, found.devices)))
    return f'<div class="cw-grid">{"".join(parts)}</div>'


def _panel(title: str, body: str) -> str:
    return f'<section class="cw-panel"><h2 class="cw-title">{title}</h2>{body}</section>'


def _table(heads: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    head = "".join(f"<th>{one}</th>" for one in heads)
    body = "".join(f"<tr>{''.join(f'<td>{cell}</td>' for cell in row)}</tr>" for row in rows)
    return f'<div class="cw-scroll"><table class="cw-table wide"><thead><tr>{head}</tr></thead>{body}</table></div>'


def _figure(value: float, *, share: bool) -> str:
    return f"{value * 100:.1f} %" if share else f"{value:.1f}".removesuffix(".0")


def _desk(t: Tongue, desk: Figures) -> str:
    beyond = set(desk.beyond())
    rows = []
    for name, words, share in ROWS:
        value = getattr(desk, name)
        value = float(len(value)) if isinstance(value, list) else float(value)
        target = alarm_kpi.TARGETS.get(name)
        aim = f"≤ {_figure(target, share=share)}" if target is not None else "—"
        mark = (
            f'<span class="cw-bad">✗ {t.markup("beyond")}</span>'
            if name in beyond
            else "✓"
            if target is not None
            else ""
        )
        rows.append((t.markup(words), f"<b>{_figure(value, share=share)}</b>", aim, mark))
    told = " · ".join(
        f"{t.show(PRIORITY[level])} {desk.priorities.get(level, 0)}" for level in sorted(Priority, reverse=True)
    )
    waits = "" if desk.median_s is None else t.markup(
        "acknowledged {n}, half within {median} s, the slowest after {worst} s", n=desk.acknowledged,
        median=f"{desk.median_s:.0f}", worst=f"{desk.worst_s or 0:.0f}",
    )  # fmt: skip
    lead = t.nmarkup("{n} alarm was told", "{n} alarms were told", desk.annunciated)
    waiting = t.nmarkup("{n} still waits", "{n} still wait", desk.waiting)
    heads = (t.markup("figure"), t.markup("value"), t.markup("target"), "")
    return f"<p>{lead} ({told}) · {waiting}</p><p>{waits}</p>{_table(heads, rows)}"


def _top(t: Tongue, desk: Figures) -> str:
    rows = [
        (
            f"{escape(one.place[1])} <b>{t.show(vocabulary.rule_name(one.place[2], one.place[0]))}</b>",
            str(one.times),
            _bar(one.share),
        )
        for one in desk.top
    ]
    heads = (t.markup("alarm"), t.markup("times"), t.markup("share"))
    return _table(heads, rows) if rows else f"<p>{t.markup('none')}</p>"


def _bar(share: float) -> str:
    return f'<span class="cw-share"><i style="width:{min(1.0, share):.1%}"></i></span> {share * 100:.0f} %'


def _cabs(t: Tongue, cabs: Sequence[Cab]) -> str:
    rows = []
    for one in cabs:
        over = f' <span class="cw-bad">✗ {t.markup("beyond")}</span>' if one.over else " ✓"
        name = escape(one.name or t.gettext("not identified"))
        rows.append(
            (name, f"<b>{one.s_per_hour:.1f}</b>{over}", f"{one.sound_s:.0f} s", str(one.times), str(one.hours))
        )
    heads = (t.markup("cab"), t.markup("seconds an hour"), t.markup("in all"), t.markup("times"), t.markup("hours"))
    budget = t.markup("budget: {n} s of sound an hour", n=f"{alarm_kpi.CAB_S_PER_HOUR:g}")
    return f"<p class='cw-note'>{budget}</p>" + (
        _table(heads, rows) if rows else f"<p>{t.markup('no cab has sounded')}</p>"
    )


def _people(t: Tongue, people: Sequence[Person]) -> str:
    rows = []
    for one in people:
        share = one.rubber_stamps / one.acknowledged if one.acknowledged else 0.0
        rows.append(
            (escape(one.who), str(one.acknowledged), f"{one.median_s:.0f} s", str(one.rubber_stamps), _bar(share))
        )
    heads = (
        t.markup("person"), t.markup("acknowledged"), t.markup("median"), t.markup("rubber-stamped"), t.markup("share")
    )  # fmt: skip
    note = t.markup("a rubber stamp: in less than 3 s, or five within ten seconds")
    table = _table(heads, rows) if rows else f"<p>{t.markup('nobody has acknowledged')}</p>"
    return f'<p class="cw-note">{note}</p>{table}'


def _devices(t: Tongue, devices: dict[str, Figures]) -> str:
    rows = [
        (escape(name), str(one.annunciated), f"{one.per_day:.1f}", str(one.standing))
        for name, one in sorted(devices.items(), key=lambda each: -each[1].annunciated)
        if one.annunciated or one.standing
    ]
    heads = (t.markup("device"), t.markup("alarms"), t.markup("a day"), t.markup("standing at the end"))
    return _table(heads, rows) if rows else f"<p>{t.markup('none')}</p>"
