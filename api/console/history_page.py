"""The history explorer: any channels of a device over any range, with its alarms marked."""

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from html import escape
from typing import Any, Final
from zoneinfo import ZoneInfo

from nicegui import ui

from api import schemas
from api.buckets import FINE_SPAN, Bucket, choose
from api.console import cards, download, frame
from api.console.places import Place
from api.console.plot import clock
from api.console.status import Status
from api.console.visitor import Visitor
from api.console.wording import MARK
from api.deps import Parts
from api.i18n import N_, Tongue
from api.routes.readings import read
from telemetry.clock import to_ms, utc_now
from telemetry.errors import StorageError
from telemetry.kinds import KINDS
from telemetry.storage import devices, history
from telemetry.storage.raised import Raised, raised

RANGES: Final[dict[str, tuple[str, timedelta]]] = {
    "30m": (N_("30 min"), timedelta(minutes=30)),
    "8h": (N_("8 h"), timedelta(hours=8)),
    "24h": (N_("24 h"), timedelta(hours=24)),
    "7d": (N_("7 days"), timedelta(days=7)),
    "30d": (N_("30 days"), timedelta(days=30)),
    "1y": (N_("a year"), timedelta(days=365)),
}
MAX_CHANNELS: Final = 4
COLOURS: Final = ("#2563eb", "#b45309", "#0d9488", "#9333ea")
USUAL: Final = {"crane": ["load_t", "wind_mps"], "formwork": ["settle_mm", "force_kn"]}
LISTED: Final = 12
PLOT_PX: Final = 190  # of one channel's grid


@dataclass
class Wish:
    """What is to be shown; `begin` and `end` are None for the last `range`."""

    device: str = ""
    names: list[str] = field(default_factory=list)
    range: str = "8h"
    begin: datetime | None = None
    end: datetime | None = None

    def span(self, now: datetime) -> tuple[datetime, datetime]:
        """From when to when. Raises ValueError for what is no span."""
        if self.begin is None or self.end is None:
            return now - RANGES[self.range][1], now
        if not self.begin < self.end <= self.begin + timedelta(days=400):
            raise ValueError
        return self.begin, self.end


async def build(parts: Parts, who: Visitor, place: Place, device: str | None) -> None:
    """The page."""
    t, picture = who.tongue, parts.feed.picture
    views = {view.device: view for view in picture.of(place.site) if view.kind in KINDS}
    wish = Wish(device if device in views else next(iter(views), ""))
    with frame.page(who, t.gettext("History"), place=place, here="history"):
        status = Status(parts, place, who)
        if not views:
            frame.raw(t.markup("no device has been heard yet"), "cw-empty")
            frame.repaint(status.paint)
            return
        with ui.element("div").classes("cw-wide"):
            with ui.element("div").classes("cw-form"):
                names = {name: cards.name_of(view) for name, view in views.items()}
                which = ui.select(names, value=wish.device, label=t.gettext("device")).props("outlined dense")
                which.style("min-width: 180px")
                shown = ui.select({}, multiple=True, label=t.gettext("channels, at most four"))
                shown.props("outlined dense use-chips").classes("grow")
            with ui.element("div").classes("cw-form"):
                spans = {name: t.gettext(words) for name, (words, _) in RANGES.items()}
                ranges = ui.toggle(spans, value=wish.range).props("no-caps").classes("cw-toggle")
                begin = ui.input(t.gettext("from")).props("outlined dense type=datetime-local stack-label")
                end = ui.input(t.gettext("to")).props("outlined dense type=datetime-local stack-label")
                go = frame.button(t.gettext("show this span"), lambda: custom(), plain=True)
            go.props(f'aria-label="{t.gettext("show this span")}"')
            chart = ui.echart({"series": []}).classes("cw-history")
            told = frame.raw("", "cw-note")
            marked = frame.raw("")
            download.offer(parts, who, place, lambda: (wish.device, *wish.span(utc_now())))

        def offer() -> None:
            kind = KINDS[views[wish.device].kind]
            options = {name: t.pick((kind.channel(name).zh, kind.channel(name).en)) for name in history.rolled(kind)}
            wish.names = [name for name in USUAL.get(kind.name, []) if name in options]
            shown.set_options(options, value=wish.names)

        async def show() -> None:
            try:
                found = await _load(parts, place, wish)
            except ValueError:
                told.set_content(t.markup("this is no span of at most 400 days"))
                return
            except StorageError as error:
                told.set_content(t.markup("the record does not answer") + f" {escape(str(error))}")
                return
            if found is None:
                told.set_content(t.markup("no history yet"))
                return
            drawn, marks = found
            chart.options.clear()
            chart.options.update(options_of(t, drawn, marks, place.zone))
            chart.style(f"height: {60 + PLOT_PX * max(1, len(drawn.channels))}px")
            chart.update()
            words = t.markup(
                "buckets of {width}, mean and range; {n} alarms marked; times of the site: {zone}", width=drawn.bucket,
                n=len(marks), zone=place.zone.key,
            )  # fmt: skip
            told.set_content(words)
            marked.set_content(listed(t, place, wish.device, marks))

        async def took_device(name: str) -> None:
            wish.device = name
            offer()
            await show()

        async def took_channels(chosen: list[str]) -> None:
            if chosen != wish.names:
                wish.names = chosen[:MAX_CHANNELS]
                shown.set_value(wish.names)
                await show()

        async def took_range(name: str) -> None:
            wish.range, wish.begin, wish.end = name, None, None
            await show()

        async def custom() -> None:
            wish.begin, wish.end = _local(begin.value, place.zone), _local(end.value, place.zone)
            await show()

        offer()
        which.on_value_change(lambda e: took_device(e.value))
        shown.on_value_change(lambda e: took_channels(list(e.value or [])))
        ranges.on_value_change(lambda e: took_range(e.value))
        frame.repaint(status.paint)
        ui.timer(0.05, show, once=True)


async def _load(parts: Parts, place: Place, wish: Wish) -> tuple[schemas.History, list[Raised]] | None:
    begin, end = wish.span(utc_now())
    rows = await devices.devices(parts.record(), site=place.site, device=wish.device)
    row = next((one for one in rows if one.kind in KINDS), None)
    if row is None or not wish.names:
        return None
    bucket = choose(end - begin)
    if bucket is Bucket.RAW:  # a mean and a range also of a short span
        bucket = Bucket.S10
    if bucket is Bucket.S10 and end - begin > FINE_SPAN:
        bucket = Bucket.M1
    key = (row.device_id, row.site, row.kind, row.device)
    drawn = await read(parts.record(), key, begin, end, bucket, wish.names)
    return drawn, await raised(parts.record(), row.device_id, to_ms(begin), to_ms(end))


def _local(text: str | None, zone: ZoneInfo) -> datetime | None:
    """What a field for date and time says, in the site's zone."""
    try:
        return datetime.fromisoformat(text or "").replace(tzinfo=zone)
    except ValueError:
        return None


def options_of(t: Tongue, drawn: schemas.History, marks: list[Raised], zone: ZoneInfo) -> dict[str, Any]:
    """The chart: a grid a channel, its mean as a line within the band of its least and greatest. Pure."""
    grey = "#8a94a3"
    width = Bucket(drawn.bucket).width.total_seconds() * 1000
    grids, axes_x, axes_y, series = [], [], [], []
    days = drawn.end - drawn.begin > 36 * 3_600_000
    for k, own in enumerate(drawn.channels.values()):
        top = 46 + k * PLOT_PX
        grids.append({"left": 52, "right": 18, "top": top, "height": PLOT_PX - 52})
        axes_x.append({
            "type": "time", "gridIndex": k, "min": drawn.begin, "max": drawn.end, "splitLine": {"show": False},
            "axisLabel": {"color": grey, "hideOverlap": True,
                          ":formatter": clock(zone.key, "(at) => at", seconds=False, day=days)},
            "axisPointer": {"label": {":formatter": clock(zone.key, "(one) => one.value", seconds=True, day=True)}},
        })  # fmt: skip
        name = f"{t.pick((own.zh, own.en))} {own.unit}".strip()
        axes_y.append({
            "type": "value", "gridIndex": k, "name": name, "scale": True,
            "nameTextStyle": {"color": grey, "align": "left"}, "axisLabel": {"color": grey},
            "splitLine": {"lineStyle": {"color": "rgba(138,148,163,.25)"}},
        })  # fmt: skip
        low, high, mean = own.low or [], own.high or [], own.mean or []
        band = [None if a is None or b is None else b - a for a, b in zip(low, high, strict=True)]
        common = {"type": "line", "xAxisIndex": k, "yAxisIndex": k, "showSymbol": False, "color": COLOURS[k]}
        quiet = {"lineStyle": {"opacity": 0}, "stack": f"band{k}", "silent": True, "tooltip": {"show": False}}
        stacked = {**common, **quiet, "stackStrategy": "all"}
        series += [
            {**stacked, "data": _gapped(drawn.at, low, width)},
            {**stacked, "areaStyle": {"opacity": 0.22}, "data": _gapped(drawn.at, band, width)},
            {
                **common, "name": name, "lineStyle": {"width": 1.6}, "data": _gapped(drawn.at, mean, width),
                "markLine": _marks(marks),
            },
        ]  # fmt: skip
    return {
        "animation": False, "grid": grids, "xAxis": axes_x, "yAxis": axes_y, "series": series,
        "tooltip": {"trigger": "axis"}, "axisPointer": {"link": [{"xAxisIndex": "all"}]},
        "dataZoom": [{"type": "inside", "xAxisIndex": list(range(len(grids))), "zoomOnMouseWheel": "shift"}],
    }  # fmt: skip


def _gapped(at: list[int], values: list[float | None], width: float) -> list[list[float | None]]:
    """Points with a break wherever a bucket is empty."""
    made: list[list[float | None]] = []
    for moment, value in zip(at, values, strict=True):
        if made and moment - (made[-1][0] or 0) > 1.5 * width:
            made.append([(made[-1][0] or 0) + width, None])
        made.append([moment, value])
    return made


def _marks(marks: list[Raised]) -> dict[str, Any]:
    """The alarms as lines: solid where it was an alarm, dashed where a pre-warning."""
    data = [
        {
            "xAxis": one.at_ms, "label": {"show": False},
            "lineStyle": {"color": "#b00000", "type": "solid"} if one.severity >= 3 else {"color": "#d99a00"},
        }
        for one in marks
    ]  # fmt: skip
    return {"symbol": "none", "silent": True, "data": data}


def listed(t: Tongue, place: Place, device: str, marks: list[Raised]) -> str:
    """The alarms that are marked, newest first, for whoever wants their words. Pure."""
    lines = []
    for one in marks[:LISTED]:
        text = one.payload.get("text") or {}
        words = t.show((str(text.get("zh", one.rule)), str(text.get("en", one.rule))))
        at = t.moment(one.at_ms, place.zone, seconds=True)
        link = f"/alarm/{place.site}/{device}/{one.rule}"
        tag = f'<span class="cw-tag s{one.severity}">{MARK[one.severity]}</span>'
        lines.append(f'<li>{tag} {at} <a href="{escape(link)}">{words}</a></li>')
    if not lines:
        return ""
    title = t.markup("alarms of this span, newest first")
    body = f'<ul class="cw-lines">{"".join(lines)}</ul>'
    return f'<section class="cw-panel"><h2 class="cw-title">{title}</h2>{body}</section>'
