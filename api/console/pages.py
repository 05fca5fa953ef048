"""
The console's pages, mounted on the API's own application.

Rule 1: never a figure without its age when it is old, never an empty list without saying whether anybody watches.
Rule 2: pages read the live picture in the same process; a page that is open costs a repaint twice a second.
"""

from html import escape
from typing import Literal

from fastapi import FastAPI
from nicegui import ui

from api import present
from api.charts import use
from api.console import cards, frame
from api.console.alarmlist import AlarmList
from api.console.lifts import Lifts
from api.console.plot import Plot
from api.console.wording import HAZARD, LEVEL, ago, both, number, percent
from api.deps import Parts
from api.live.picture import DeviceView
from telemetry.clock import now_ms
from telemetry.errors import StorageError
from telemetry.kinds import KINDS
from telemetry.model import CoverageLevel
from telemetry.storage import devices
from telemetry.wire import payloads

ICON = "📡"


def mount(app: FastAPI, parts: Parts) -> None:
    """Add the pages. Once a process: NiceGUI keeps its pages in the process."""

    @ui.page("/", title="cranewatch")
    async def index() -> None:
        await sites_page(parts)

    @ui.page("/site/{site}", title="cranewatch")
    async def site(site: str) -> None:
        await site_page(parts, site)

    @ui.page("/crane/{site}/{device}", title="cranewatch")
    async def crane(site: str, device: str) -> None:
        await device_page(parts, site, device)

    @ui.page("/device/{site}/{device}", title="cranewatch")
    async def other(site: str, device: str) -> None:
        await device_page(parts, site, device)

    # No storage secret: nothing of a visitor is stored. No on_air: nothing leaves this machine.
    ui.run_with(app, title="cranewatch", favicon=ICON, dark=None, language="zh-CN", storage_secret=None, on_air=None,
                show_welcome_message=False, reconnect_timeout=30.0)  # fmt: skip


async def sites_page(parts: Parts) -> None:
    """All sites."""
    picture = parts.feed.picture
    names: dict[str, str] = {}
    note = ""
    try:
        if parts.database is not None:
            names = {row.site: row.display_name for row in await devices.sites(parts.database)}
    except StorageError as error:
        note = f"数据库不可用，只显示实时 the database is not available, live only: {error}"

    def card(site: str) -> str:
        now = now_ms()
        views = picture.of(site)
        view = picture.sites.get(site)
        name = names.get(site) or (view.config.display_name if view and view.config else "") or site
        line, lost = cards.status(picture, site, now)
        alarms = [one for one in present.lines(picture.alarmed(site)) if one.severity >= 2]
        count = f"{sum(1 for one in views if one.kind == 'crane')}"
        worst = alarms[0].severity if alarms else 0
        counted = ""
        if alarms:
            words = both((f"{len(alarms)} 条报警/预警", f"{len(alarms)} alarms and pre-warnings"))
            counted = f'<div class="cw-band s{worst}"><span>{words}</span></div>'
        return (
            f'<a class="cw-card" href="/site/{escape(site)}">'
            f'<div class="cw-status{" lost" if lost else ""}">{line}</div>{counted}<div class="cw-body">'
            f'<div class="cw-head"><b>{escape(name)}</b><span class="en">{escape(site)}</span></div>'
            f'<div class="cw-figures">{cards.figure(("塔机", "cranes"), count)}'
            f"{cards.figure(('设备', 'devices'), str(len(views)))}</div></div></a>"
        )

    def cards_html() -> str:
        found = sorted({*names, *picture.sites})
        if not found:
            words = both(("还没有工地：等第一条数据", "no site yet: waiting for the first reading"))
            return f'<div class="cw-empty">{words}</div>'
        return "".join(card(site) for site in found)

    with frame.page([("工地 sites", "")]):
        if note:
            ui.label(note).classes("cw-note")
        live = frame.Live(cards_html, "cw-sites")
        frame.repaint(live.paint)


async def site_page(parts: Parts, site: str) -> None:
    """One site: cranes, formwork, alarms."""
    picture = parts.feed.picture
    row = await registered(parts, site)

    def views() -> list[DeviceView]:
        return picture.of(site)

    def named(kind: str) -> list[DeviceView]:
        return [view for view in views() if view.kind == kind]

    def section(zh: str, en: str, classes: str, made: list[str]) -> str:
        if not made:
            return ""
        return f'<h2 class="cw-title">{both((zh, en))}</h2><div class="{classes}">{"".join(made)}</div>'

    def body() -> str:
        now = now_ms()
        cranes = [cards.crane_card(picture, view, now) for view in named("crane")]
        bays: dict[str, list[str]] = {}
        for view in named("formwork"):
            bay = (view.config.bay if view.config else None) or ""
            bays.setdefault(bay, []).append(cards.post_card(picture, view, now))
        others = [cards.other_card(picture, view, now) for view in views() if view.kind not in ("crane", "formwork")]
        parts_ = [section("塔机", "tower cranes", "cw-cards", cranes)]
        for bay, posts in sorted(bays.items()):
            parts_.append(section(f"高支模 {bay}", f"formwork {'bay ' + bay if bay else ''}", "cw-posts", posts))
        parts_.append(section("其他", "other devices", "cw-cards", others))
        made = "".join(f"<div>{part}</div>" for part in parts_ if part)
        words = ("还没有设备数据", "no device has been heard yet")
        if row is False and site not in picture.sites:
            words = ("未知工地：没有登记，也没有收到任何数据", "unknown site: not registered, and nothing heard of it")
        return made or f'<div class="cw-empty">{both(words)}</div>'

    with frame.page([("工地 sites", "/"), (site_name(parts, site), "")]):
        status = Status(parts, site, known=row is not False)
        with ui.element("div").classes("cw-main"):
            live = frame.Live(body, "cw-col")
            with ui.element("div").classes("side"):
                ui.html(f'<h2 class="cw-title">{both(("报警", "alarms"))}</h2>', sanitize=False)
                alarms = AlarmList(parts, site, lambda: picture.alarmed(site))

        def paint() -> None:
            status.paint()
            live.paint()
            alarms.paint()

        frame.repaint(paint)


async def registered(parts: Parts, site: str) -> devices.SiteRow | Literal[False] | None:
    """The site as the record has it; False when it is not in it, None when the record does not answer."""
    if parts.database is None:
        return False  # nothing but the broker says which sites there are
    try:
        return next((row for row in await devices.sites(parts.database) if row.site == site), False)
    except StorageError:
        return None


def site_name(parts: Parts, site: str) -> str:
    """The site's own name, or its id."""
    view = parts.feed.picture.sites.get(site)
    return (view.config.display_name if view and view.config else "") or site


class Status:
    """The line that says whether the site is watched."""

    def __init__(self, parts: Parts, site: str, *, known: bool = True) -> None:
        self._parts, self._site, self._known = parts, site, known
        self._element = ui.html("", sanitize=False)
        self._last = ""
        self.paint()

    def paint(self) -> None:
        """Make it new."""
        line, lost = cards.status(self._parts.feed.picture, self._site, now_ms(), registered=self._known)
        if line != self._last:
            self._last = line
            self._element.set_content(line)
            self._element.classes(replace="cw-status lost" if lost else "cw-status")


async def device_page(parts: Parts, site: str, device: str) -> None:
    """One device: its figures, the last half hour, alarms and coverage."""
    picture = parts.feed.picture
    found = picture.find(site, device)
    if not found:
        with frame.page([("工地 sites", "/"), (site, f"/site/{site}"), (device, "")]):
            words = both(("尚未收到此设备的数据", "nothing has been heard of this device"))
            ui.html(f'<div class="cw-empty">{words}</div>', sanitize=False).style("margin: 20px")
        return
    view = found[0]
    row = await registered(parts, site)
    own = picture.sites.get(site)
    zone = own.config.timezone if own and own.config else row.timezone if row else payloads.SiteConfig(0).timezone

    def figures() -> str:
        now = now_ms()
        stale = " stale" if view.stale(now) else ""
        lost = picture.lost(site, now)
        head = (
            f'{cards.band(view, lost, now)}<div class="cw-body">'
            f'<div class="cw-head"><b>{escape(cards.name_of(view))}</b>'
            f"<span>{cards.mode(view)} {cards.age(view, now)}</span></div>"
        )
        made = ""
        skipped: set[str] = set()
        if view.kind == "crane":
            used = use(view)
            rated = ("额定（设备）", "rated (box)") if used.source == "box" else ("该幅度额定", "rated here")
            made = (
                f'<div class="cw-percent">{percent(used.percent)}<small>%</small></div>{cards.bar(used.percent)}'
                f'<div class="cw-figures">{cards.figure(("吊重", "load"), number(used.load_t, 2), "t")}'
                f"{cards.figure(rated, number(used.rated_t, 2), 't')}"
            )
            skipped = {"load_t", "rated_load_t"}
        else:
            made = '<div class="cw-figures">'
        made += "".join(
            cards.channel_figure(view, channel.name)
            for channel in (KINDS[view.kind].reals if view.kind in KINDS else ())
            if channel.name not in skipped and view.reading is not None and channel.name in view.reading.values
        )
        return f'<div class="cw-card{stale}">{head}{made}</div></div></div>'

    def coverage() -> str:
        if picture.lost(site, now_ms()) is not None or view.coverage is None:
            return cards.coverage(view, lost=True)
        rows = []
        for hazard, own in view.coverage.hazards.items():
            mark, zh, en = LEVEL[str(own.level)]
            weak = "" if own.level is CoverageLevel.MONITORED else ' class="bad"'
            reason = f'<div class="cw-note">{both((own.reason.zh, own.reason.en))}</div>' if own.reason else ""
            cells = f"<td>{both(HAZARD[hazard])}</td><td><span{weak}>{mark} {both((zh, en))}</span>{reason}</td>"
            rows.append(f"<tr>{cells}</tr>")
        return f'<table class="cw-table">{"".join(rows)}</table>'

    def facts() -> str:
        now = now_ms()
        online = view.presence.online if view.presence else None
        word = {True: ("在线", "online"), False: ("离线", "offline"), None: ("未知", "unknown")}[online]
        interval = view.presence.interval_ms if view.presence else None
        config = view.config
        rows = [
            (("在线状态", "presence"), both(word)),
            (("采样间隔", "declared interval"), f"{interval} ms" if interval else "—"),
            (("最近数据", "latest reading"), both(ago(view.age_ms(now)))),
            (("产权备案编号", "property record"), escape((config.property_no if config else None) or "—")),
            (("使用登记编号", "use registration"), escape((config.registration_no if config else None) or "—")),
            (("配置版本", "configuration"), f"{config.version}" if config else "—"),
        ]
        return (
            '<table class="cw-table">'
            + "".join(f"<tr><td>{both(k)}</td><td>{v}</td></tr>" for k, v in rows)
            + "</table>"
        )

    with frame.page([("工地 sites", "/"), (site_name(parts, site), f"/site/{site}"), (cards.name_of(view), "")]):
        status = Status(parts, site)
        with ui.element("div").classes("cw-main one"):
            with ui.element("div").classes("cw-col"):
                live = frame.Live(figures, "first")
                with ui.element("div").classes("cw-panel"):
                    ui.html(f'<h2 class="cw-title">{both(("最近 30 分钟", "last 30 minutes"))}</h2>', sanitize=False)
                    plot = Plot(parts, view, zone)
                lifts = None
                if view.kind == "crane":
                    with ui.element("div").classes("cw-panel"):
                        ui.html(f'<h2 class="cw-title">{both(("工作循环", "work cycles"))}</h2>', sanitize=False)
                        lifts = Lifts(parts, view, zone)
            with ui.element("div").classes("cw-col side"):
                with ui.element("div").classes("first"):
                    ui.html(f'<h2 class="cw-title">{both(("报警", "alarms"))}</h2>', sanitize=False)
                    alarms = AlarmList(parts, site, lambda: [view])
                with ui.element("div").classes("cw-panel"):
                    ui.html(f'<h2 class="cw-title">{both(("监测范围", "coverage"))}</h2>', sanitize=False)
                    covered = frame.Live(coverage)
                with ui.element("div").classes("cw-panel"):
                    ui.html(f'<h2 class="cw-title">{both(("设备", "device"))}</h2>', sanitize=False)
                    known = frame.Live(facts)
                    words = "司机室终端 cab terminal" if view.kind == "crane" else "现场终端 bay terminal"
                    ui.html(f'<a href="/terminal/{escape(site)}/{escape(device)}"><u>{words}</u></a>', sanitize=False)

        def paint() -> None:
            status.paint()
            for piece in (live, covered, known):
                piece.paint()
            alarms.paint()
            plot.paint()

        frame.repaint(paint)
        await plot.load()
        if lifts is not None:
            await lifts.load()
