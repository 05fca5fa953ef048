"""One site: its plan, its cranes and bays, its alarms."""

from html import escape

from nicegui import ui

from api.console import cards, frame
from api.console.alarmlist import AlarmList
from api.console.answers import Desk
from api.console.places import Place
from api.console.plan import plan
from api.console.status import Status
from api.console.visitor import Visitor
from api.deps import Parts
from api.live.picture import DeviceView
from telemetry.clock import now_ms


def bays(views: list[DeviceView]) -> dict[str, list[DeviceView]]:
    """The posts of each bay, by its id; "" is of no bay."""
    found: dict[str, list[DeviceView]] = {}
    for view in views:
        if view.kind == "formwork":
            found.setdefault((view.config.bay if view.config else None) or "", []).append(view)
    return dict(sorted(found.items()))


async def build(parts: Parts, who: Visitor, place: Place) -> None:
    """The page."""
    t, site, picture = who.tongue, place.site, parts.feed.picture

    def section(title: str, classes: str, made: list[str]) -> str:
        if not made:
            return ""
        return f'<section><h2 class="cw-title">{title}</h2><div class="{classes}">{"".join(made)}</div></section>'

    def drawn() -> str:
        views = picture.present(site, now_ms())
        return plan(t, picture, site, views, now_ms()) if views else ""

    def body() -> str:
        now = now_ms()
        views = picture.present(site, now)
        cranes = [cards.crane_card(t, picture, view, now) for view in views if view.kind == "crane"]
        made = [section(t.markup("tower cranes"), "cw-cards", cranes)]
        for bay, posts in bays(views).items():
            words = t.markup("formwork bay {bay}", bay=bay) if bay else t.markup("formwork")
            head = f'<a href="/bay/{escape(site)}/{escape(bay)}"><u>{words}</u></a>' if bay else words
            made.append(section(head, "cw-posts", [cards.post_card(t, picture, view, now) for view in posts]))
        others = [cards.other_card(t, picture, v, now) for v in views if v.kind not in ("crane", "formwork")]
        made.append(section(t.markup("other devices"), "cw-cards", others))
        if found := "".join(made):
            return found
        words = t.markup("no device has been heard yet")
        if not place.known:
            words = t.markup("unknown site: not registered, and nothing heard of it")
        return f'<div class="cw-empty">{words}</div>'

    with frame.page(who, place.name, place=place, here=""):
        status = Status(parts, place, who)
        with ui.element("div").classes("cw-main"):
            with ui.element("div").classes("cw-col"):
                plotted = frame.Live(drawn)
                live = frame.Live(body, "cw-col")
                frame.raw(f'<a href="/site/{escape(site)}/scene"><u>{t.markup("3-D view")}</u></a>', "cw-links")
            with ui.element("div").classes("side"):
                frame.title(t.markup("alarms"))
                alarms = AlarmList(Desk(parts, who), site, lambda: picture.alarmed(site), most=6)

        def paint() -> None:
            status.paint()
            alarms.paint()
            plotted.paint()
            live.paint()

        frame.repaint(paint)
