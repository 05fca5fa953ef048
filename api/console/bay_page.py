"""A formwork bay: its posts from above, how long until a limit, its alarms."""

from html import escape

from nicegui import ui

from api import present
from api.console import cards, frame
from api.console.alarmlist import AlarmList
from api.console.answers import Desk
from api.console.heat import QUANTITIES, heat, posts
from api.console.places import Place
from api.console.status import Status
from api.console.visitor import Visitor
from api.console.wording import number
from api.deps import Parts
from api.i18n import Tongue
from api.live.picture import DeviceView, SiteView
from telemetry.clock import now_ms


async def build(parts: Parts, who: Visitor, place: Place, bay: str) -> None:
    """The page."""
    t, site, picture = who.tongue, place.site, parts.feed.picture
    chosen = ["settle"]

    def views() -> list[DeviceView]:
        return [
            view
            for view in picture.present(site, now_ms())
            if view.kind == "formwork" and ((view.config.bay if view.config else None) or "") == bay
        ]

    def alarmed() -> list[DeviceView]:
        mine = {view.device for view in views()}
        every = picture.alarmed(site)
        return [
            view for view in every if view.device in mine or any(alarm.bay == bay for alarm in view.alarms.values())
        ]

    def drawn() -> str:
        return heat(t, picture.sites.get(site), views(), QUANTITIES[chosen[0]], now_ms())

    with frame.page(who, t.gettext("Formwork bay {bay}", bay=bay), place=place, here="-"):
        status = Status(parts, place, who)
        with ui.element("div").classes("cw-main"):
            with ui.element("div").classes("cw-col"):
                with ui.element("section").classes("cw-panel"):
                    words = {name: t.pick(one.words) for name, one in QUANTITIES.items()}

                    def choose(name: str) -> None:
                        chosen[0] = name
                        piece.paint()

                    ui.toggle(words, value="settle", on_change=lambda e: choose(e.value)).props("no-caps").classes(
                        "cw-toggle"
                    )
                    piece = frame.Live(drawn)
                with ui.element("section").classes("cw-panel"):
                    frame.title(t.markup("time to limit"))
                    until = frame.Live(lambda: to_limit(t, views(), now_ms()))
                with ui.element("section").classes("cw-panel"):
                    frame.title(t.markup("posts"))
                    listed = frame.Live(lambda: table(t, picture.sites.get(site), views(), now_ms()))
            with ui.element("div").classes("side"):
                frame.title(t.markup("alarms"))
                alarms = AlarmList(Desk(parts, who), site, alarmed, most=8)

        def paint() -> None:
            status.paint()
            alarms.paint()
            for one in (piece, until, listed):
                one.paint()

        frame.repaint(paint)


def to_limit(t: Tongue, views: list[DeviceView], now: int) -> str:
    """What the analyzer foresees, soonest first. Pure; nothing is reckoned here."""
    soon = []
    for view in views:
        for alarm in view.alarms.values():
            if alarm.eta_s is not None and alarm.active and not view.stale(now):
                soon.append((alarm.eta_s, view, present.alarm(view, alarm)))
    lines = []
    for eta, view, told in sorted(soon, key=lambda one: one[0]):
        words = t.markup("limit in {soon} to {late} min", soon=f"{eta[0] / 60:.0f}", late=f"{eta[1] / 60:.0f}")
        lines.append(f"<li><b>{escape(cards.name_of(view))}</b> {words} · {t.show(cards.alarm_sentence(told))}</li>")
    none = t.markup("no trend towards a limit is told now; on poor data none is reckoned")
    return f'<ul class="cw-lines">{"".join(lines)}</ul>' if lines else f"<p>{none}</p>"


def table(t: Tongue, site: SiteView | None, views: list[DeviceView], now: int) -> str:
    """Every post with its figures, for whoever cannot use a map. Pure."""
    heads = [t.markup("post"), *(f"{t.show(one.words)} {one.unit}" for one in QUANTITIES.values()), t.markup("age")]
    by_name = [posts(site, views, one) for one in QUANTITIES.values()]
    rows = []
    for k, view in enumerate(views):
        cells = []
        for quantity, own in zip(QUANTITIES.values(), by_name, strict=True):
            one = own[k]
            share = f" ({one.share:.0f} %)" if one.share is not None else ""
            cells.append(f"<td>{number(one.value, quantity.decimals)}{share}</td>")
        stale = ' class="stale"' if view.stale(now) else ""
        name = f'<a href="{cards.path_of(view)}"><u>{escape(cards.name_of(view))}</u></a>'
        rows.append(f"<tr{stale}><td>{name}</td>{''.join(cells)}<td>{cards.age(t, view, now)}</td></tr>")
    head = "".join(f"<th>{one}</th>" for one in heads)
    return f'<table class="cw-table wide"><thead><tr>{head}</tr></thead>{"".join(rows)}</table>'
