"""One device: what it measures now, the last half hour, its load chart and lifts, alarms, coverage and why."""

from html import escape

from nicegui import ui

from api.charts import use
from api.console import cards, frame
from api.console.alarmlist import AlarmList
from api.console.answers import Desk
from api.console.lifts import Lifts
from api.console.loadchart import loadchart
from api.console.places import Place
from api.console.plot import Plot
from api.console.proofs import Proofs
from api.console.status import Status
from api.console.visitor import Visitor
from api.console.wording import HAZARD, LEVEL, number, percent
from api.deps import Parts
from api.i18n import Tongue
from api.live.picture import DeviceView, Picture
from telemetry import vocabulary
from telemetry.clock import now_ms
from telemetry.kinds import KINDS
from telemetry.model import CoverageLevel
from telemetry.storage.proofs import KINDS as KINDS_OF_TESTS


async def build(parts: Parts, who: Visitor, place: Place, device: str) -> None:
    """The page."""
    t, site, picture = who.tongue, place.site, parts.feed.picture
    found = picture.find(site, device)
    if not found:
        with frame.page(who, device, place=place, here="-"):
            frame.raw(t.markup("nothing has been heard of this device"), "cw-empty")
        return
    view = found[0]
    lifts, tests = None, None
    with frame.page(who, cards.name_of(view), place=place, here="-"):
        status = Status(parts, place, who)
        with ui.element("div").classes("cw-main one"):
            with ui.element("div").classes("cw-col"):
                pieces = [frame.Live(lambda: figures(t, picture, view, now_ms()), "first")]
                if view.kind == "crane":
                    with _panel(t.markup("load chart")):
                        drawn = frame.Live(lambda: loadchart(t, view, stale=cards.silent(view, now_ms())))
                        pieces.append(drawn)
                with _panel(t.markup("last 30 minutes")):
                    plot = Plot(parts, t, view, place.zone)
                    link = f"/site/{escape(site)}/history?device={escape(device)}"
                    frame.raw(f'<a href="{link}"><u>{t.markup("history explorer")}</u></a>', "cw-links")
                if view.kind == "crane":
                    with _panel(t.markup("work cycles")):
                        lifts = Lifts(parts, t, view, place.zone)
            with ui.element("div").classes("cw-col side"):
                with ui.element("div").classes("first"):
                    frame.title(t.markup("alarms"))
                    alarms = AlarmList(Desk(parts, who), site, lambda: [view])
                with _panel(t.markup("coverage")):
                    pieces.append(frame.Live(lambda: coverage(t, picture, view, now_ms())))
                if view.kind in KINDS_OF_TESTS:
                    with _panel(t.markup("proof test")):
                        tests = Proofs(parts, who, view, place.zone)
                with _panel(t.markup("device")):
                    pieces.append(frame.Live(lambda: facts(t, view, now_ms())))
                    words = t.markup("cab terminal") if view.kind == "crane" else t.markup("bay terminal")
                    frame.raw(f'<a href="/terminal/{escape(site)}/{escape(device)}"><u>{words}</u></a>', "cw-links")

        def paint() -> None:
            status.paint()
            alarms.paint()
            for piece in pieces:
                piece.paint()
            plot.paint()

        frame.repaint(paint)
        await plot.load()
        if lifts is not None:
            await lifts.load()
        if tests is not None:
            await tests.load()


def figures(t: Tongue, picture: Picture, view: DeviceView, now: int) -> str:
    """What it measures, with its age."""
    stale = " stale" if view.stale(now) else ""
    head = (
        f'{cards.band(t, view, picture.lost(view.site, now), now)}<div class="cw-body">'
        f'<div class="cw-head"><b>{escape(cards.name_of(view))}</b>'
        f"<span>{cards.mode(t, view)} {cards.age(t, view, now)}</span></div>"
    )
    made, skipped = '<div class="cw-figures">', frozenset[str]()
    if view.kind == "crane":
        used = use(view)
        rated = t.markup("rated (box)") if used.source == "box" else t.markup("rated here")
        made = (
            f'<div class="cw-percent">{percent(used.percent)}<small>%</small></div>{cards.bar(used.percent)}'
            f'<div class="cw-figures">{cards.figure(t.show(("吊重", "load")), number(used.load_t, 2), "t")}'
            f"{cards.figure(rated, number(used.rated_t, 2), 't')}"
        )
        skipped = frozenset({"load_t", "rated_load_t"})
    made += "".join(
        cards.channel_figure(t, view, channel.name)
        for channel in (KINDS[view.kind].reals if view.kind in KINDS else ())
        if channel.name not in skipped and view.reading is not None and channel.name in view.reading.values
    )
    return f'<div class="cw-card{stale}">{head}{made}</div></div></div>'


def coverage(t: Tongue, picture: Picture, view: DeviceView, now: int) -> str:
    """Every hazard, how well it is watched and why not better; then the rules that nobody evaluates."""
    if picture.lost(view.site, now) is not None or view.coverage is None:
        return cards.coverage(t, view, lost=True)
    rows = []
    for hazard, own in view.coverage.hazards.items():
        mark, zh, en = LEVEL[str(own.level)]
        weak = "" if own.level is CoverageLevel.MONITORED else ' class="bad"'
        reason = f'<div class="cw-note">{t.show(own.reason)}</div>' if own.reason else ""
        cells = f"<td>{t.show(HAZARD[hazard])}</td><td><span{weak}>{mark} {t.show((zh, en))}</span>{reason}</td>"
        rows.append(f"<tr>{cells}</tr>")
    made = f'<table class="cw-table">{"".join(rows)}</table>'
    if view.coverage.unwatched:
        lines = "".join(
            f"<li>{t.show(one.reason)}: "
            f"{', '.join(t.show(vocabulary.rule_name(rule, view.kind)) for rule in one.rules)}</li>"
            for one in view.coverage.unwatched
        )
        made += (
            f'<h3 class="cw-sub">{t.markup("rules that are not evaluated here")}</h3><ul class="cw-list">{lines}</ul>'
        )
    return made


def facts(t: Tongue, view: DeviceView, now: int) -> str:
    """What is known of the box."""
    online = view.presence.online if view.presence else None
    word = {True: t.markup("online"), False: t.markup("offline"), None: t.markup("unknown")}[online]
    interval = view.presence.interval_ms if view.presence else None
    config = view.config
    rows = [
        (t.markup("presence"), word),
        (t.markup("declared interval"), f"{interval} ms" if interval else "—"),
        (t.markup("latest reading"), escape(t.ago(view.age_ms(now)))),
        (t.markup("property record"), escape((config.property_no if config else None) or "—")),
        (t.markup("use registration"), escape((config.registration_no if config else None) or "—")),
        (t.markup("configuration"), f"{config.version}" if config else "—"),
    ]
    return f'<table class="cw-table">{"".join(f"<tr><td>{k}</td><td>{v}</td></tr>" for k, v in rows)}</table>'


def _panel(title: str) -> ui.element:
    with ui.element("section").classes("cw-panel") as made:
        frame.title(title)
    return made
