"""The completeness statement of a day: what every device sent, and what became of it."""

from datetime import date, timedelta
from html import escape
from typing import Final

from nicegui import ui

from api.console import cards, frame
from api.console.places import Place
from api.console.status import Status
from api.console.visitor import Visitor
from api.deps import Parts
from api.i18n import Tongue, local
from telemetry.clock import now_ms
from telemetry.errors import StorageError
from telemetry.model import CoverageLevel
from telemetry.storage.balance import Frames, total
from telemetry.storage.completeness import Statement, statements

OVERDUE_S: Final = 900.0
LEVELS: Final = ((CoverageLevel.MONITORED, "ok"), (CoverageLevel.DEGRADED, "weak"), (CoverageLevel.BLIND, "dark"))


async def build(parts: Parts, who: Visitor, place: Place) -> None:
    """The page."""
    t = who.tongue
    chosen = [local(now_ms(), place.zone).date()]
    names = {(view.kind, view.device): cards.name_of(view) for view in parts.feed.picture.of(place.site)}
    with frame.page(who, t.gettext("Completeness"), place=place, here="record"):
        status = Status(parts, place, who)
        frame.repaint(status.paint)
        with ui.element("div").classes("cw-wide"):
            with ui.element("div").classes("cw-form"):
                back = frame.button(t.gettext("day before"), lambda: turn(-1), plain=True)
                day = ui.input(t.gettext("day"), value=chosen[0].isoformat()).props(
                    "outlined dense type=date stack-label"
                )
                on = frame.button(t.gettext("day after"), lambda: turn(1), plain=True)
                with ui.element("div").classes("cw-noprint"):
                    frame.button(t.gettext("Print"), lambda: ui.run_javascript("print()"), plain=True)
            body = frame.raw(f'<p class="cw-note">{t.markup("loading")}</p>', "cw-col")

        async def show() -> None:
            try:
                every = await statements(parts.record(), chosen[0], site=place.site, overdue_s=OVERDUE_S, details=True)
                # Names that only alarms are told under (a bay, the analyzer) have sent nothing and never will.
                found = [one for one in every if one.frames.sent or one.coverage_ms]
            except StorageError as error:
                words = t.markup("the record does not answer")
                body.set_content(f'<div class="cw-empty">{words} {escape(str(error))}</div>')
                return
            body.set_content(drawn(t, place, chosen[0], found, names))

        async def turn(days: int) -> None:
            chosen[0] += timedelta(days=days)
            day.set_value(chosen[0].isoformat())

        async def took(text: str | None) -> None:
            try:
                chosen[0] = date.fromisoformat(text or "")
            except ValueError:
                return
            await show()

        day.on_value_change(lambda e: took(e.value))
        back.props("icon=chevron_left")
        on.props("icon-right=chevron_right")
        ui.timer(0.05, show, once=True)


def drawn(t: Tongue, place: Place, day: date, found: list[Statement], names: dict[tuple[str, str], str]) -> str:
    """The statement. Pure."""
    if not found:
        return f'<div class="cw-empty">{t.markup("nothing recorded yet")}</div>'
    frames = total(one.frames for one in found)
    # Said first, in whole sentences: a number without its rest is how such statements lie.
    begin, end = found[0].day.begin, found[0].day.end
    lead = t.markup(
        "{sent} frames were sent by {n} devices from {begin} to {end}: {stored} stored, {quarantined} not understood,"
        " {missing} missing, {lost} lost",
        sent=f"{frames.sent:,}", n=len(found), begin=t.moment(begin, place.zone, year=True),
        end=t.moment(end, place.zone), stored=f"{frames.stored:,}", quarantined=f"{frames.quarantined:,}",
        missing=f"{frames.missing:,}", lost=f"{frames.lost:,}",
    )  # fmt: skip
    share = _whole(frames)
    figure = "—" if share is None else f"{share * 100:.3f} %"
    heads = (
        t.markup("device"), t.markup("complete"), t.markup("sent"), t.markup("stored"), t.markup("missing"),
        t.markup("lost"), t.markup("late"), t.markup("not understood"), t.markup("readings"), t.markup("clock"),
        t.markup("coverage of the day"),
    )  # fmt: skip
    rows = "".join(_row(t, one, names) for one in found)
    head = "".join(f"<th>{one}</th>" for one in heads)
    note = t.markup(
        "no certificate: it says what arrived here. sent = stored + not understood + missing + lost; late frames were"
        " stored and evaluated afterwards"
    )
    legend = " · ".join(
        f'<span class="cw-key {name}"></span> {words}'
        for name, words in (
            ("ok", t.markup("monitored")), ("weak", t.markup("degraded")), ("dark", t.markup("blind")),
            ("none", t.markup("nothing said")),
        )
    )  # fmt: skip
    return (
        f'<section class="cw-panel"><div class="cw-three"><div><div class="figure">{figure}</div><div class="label">'
        f"{t.markup('of what was sent is stored')}</div></div><div style='grid-column: span 2'><p>{lead}</p>"
        f'<p class="cw-note">{note}</p></div></div></section><section class="cw-panel"><div class="cw-scroll">'
        f'<table class="cw-table wide"><thead><tr>{head}</tr></thead>{rows}</table></div>'
        f'<p class="cw-note">{legend}</p></section>{_events(t, place, found)}'
    )


def _whole(frames: Frames) -> float | None:
    return frames.stored / frames.sent if frames.sent else None


def _row(t: Tongue, one: Statement, names: dict[tuple[str, str], str]) -> str:
    frames = one.frames
    share = _whole(frames)
    whole = "—" if share is None else f"{share * 100:.2f} %"
    name = names.get((one.kind, one.device), one.device)
    clock = "—"
    if one.clock is not None and one.clock.live:
        median = "" if one.clock.median_ms is None else f" {round(one.clock.median_ms / 1000, 1) + 0.0:+.1f} s"
        clock = f"{one.clock.within_5s / one.clock.live * 100:.0f} %{median}"
    missing = f'<span class="cw-bad">{frames.missing:,}</span>' if frames.missing else "0"
    lost = f'<span class="cw-bad">{frames.lost:,}</span>' if frames.lost else "0"
    cells = (
        escape(name), f"<b>{whole}</b>", f"{frames.sent:,}", f"{frames.stored:,}", missing, lost, f"{frames.late:,}",
        f"{frames.quarantined:,}", "—" if one.readings is None else f"{one.readings:,}", clock, _covered(t, one),
    )  # fmt: skip
    return f"<tr>{''.join(f'<td>{cell}</td>' for cell in cells)}</tr>"


def _covered(t: Tongue, one: Statement) -> str:
    """A bar of the day, by how well the device was watched."""
    held = one.coverage_ms or {}
    whole = (one.day.end - one.day.begin).total_seconds() * 1000
    parts = "".join(
        f'<i class="{name}" style="width:{held.get(level, 0) / whole * 100:.2f}%"></i>' for level, name in LEVELS
    )
    watched = held.get(CoverageLevel.MONITORED, 0) / whole * 100
    words = ", ".join(f"{level} {t.span(ms)}" for level, ms in held.items())
    label = f'role="img" aria-label="{escape(words)}" title="{escape(words)}"'
    return f'<span class="cw-day" {label}>{parts}</span> {watched:.0f} %'


def _events(t: Tongue, place: Place, found: list[Statement]) -> str:
    events = {(at, type_): detail for one in found for at, type_, detail in one.events}
    if not events:
        return ""
    lines = "".join(
        f"<li>{t.moment(at, place.zone)} <b>{escape(type_)}</b> {escape(str(detail))}</li>"
        for (at, type_), detail in sorted(events.items(), key=lambda one: one[0])
    )
    title = t.markup("done to the record itself")
    return f'<section class="cw-panel"><h2 class="cw-title">{title}</h2><ul class="cw-lines">{lines}</ul></section>'
