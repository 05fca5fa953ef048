"""The last half hour of a device as a chart: the record first, then what comes in live, then what is foreseen."""

import json
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Final
from zoneinfo import ZoneInfo

from nicegui import ui

from api.buckets import Bucket
from api.charts import use, value
from api.deps import Parts
from api.i18n import Pair, Tongue
from api.live.picture import DeviceView
from api.problems import Problem
from api.routes.readings import read
from api.schemas import History
from telemetry.clock import now_ms, utc_now
from telemetry.errors import StorageError
from telemetry.model import Hazard
from telemetry.storage.devices import devices

SPAN = timedelta(minutes=30)
GAP_MS = 30_000  # a line is not drawn across a longer silence
COLOURS = {"load": "#2563eb", "rated": "#b00000", "wind": "#0d9488", "settle": "#2563eb", "force": "#b45309"}
FORESEEN: Final[dict[str, str]] = {  # the channel that a time to the limit is of
    Hazard.WIND: "wind_mps",
    Hazard.SETTLEMENT: "settle_mm",
    Hazard.FORCE: "force_kn",
}
AHEAD_MAX_MS: Final = 45 * 60_000


@dataclass(frozen=True, slots=True)
class Line:
    """One curve: a channel's part (`mean` or `high`) from the record, and the same quantity live."""

    words: Pair
    colour: str
    axis: int
    channel: str
    part: str
    live: Callable[[DeviceView], float | None]


def _channel(name: str) -> Callable[[DeviceView], float | None]:
    return lambda view: value(view, name)


LINES: dict[str, tuple[list[str], list[Line]]] = {
    "crane": (
        ["t", "m/s"],
        [
            Line(("吊重最大", "load, highest"), COLOURS["load"], 0, "load_t", "high", lambda view: use(view).load_t),
            Line(("额定", "rated"), COLOURS["rated"], 0, "rated_load_t", "mean", lambda view: use(view).rated_t),
            Line(("风速最大", "wind, highest"), COLOURS["wind"], 1, "wind_mps", "high", _channel("wind_mps")),
        ],
    ),
    "formwork": (
        ["mm", "kN"],
        [
            Line(("沉降", "settlement"), COLOURS["settle"], 0, "settle_mm", "high", _channel("settle_mm")),
            Line(("轴力", "force"), COLOURS["force"], 1, "force_kn", "high", _channel("force_kn")),
        ],
    ),
}


@dataclass(frozen=True, slots=True)
class Foresight:
    """That a quantity reaches its limit in `soon_s` to `late_s` seconds, as the analyzer has said."""

    value: float
    limit: float
    soon_s: float
    late_s: float


def foreseen(view: DeviceView, now: int) -> dict[str, Foresight]:
    """What the analyzer foresees of a device that speaks, by channel. Nothing is reckoned here."""
    found: dict[str, Foresight] = {}
    if view.stale(now):
        return found
    for alarm in view.alarms.values():
        channel = FORESEEN.get(alarm.hazard or "")
        latest = value(view, channel) if channel is not None else None
        if channel is None or latest is None or alarm.eta_s is None or alarm.limit is None or not alarm.active:
            continue
        found[channel] = Foresight(latest, alarm.limit, *alarm.eta_s)
    return found


class Plot:
    """The chart and its note; `paint` adds what is new."""

    def __init__(self, parts: Parts, tongue: Tongue, view: DeviceView, zone: ZoneInfo) -> None:
        """`zone` is the site's: people on the site and at the desk speak of the same time."""
        self._parts = parts
        self._tongue = tongue
        self._zone = zone.key
        self._view = view
        self._units, self._lines = LINES.get(view.kind, (["", ""], []))
        self._points: list[list[list[float | None]]] = [[] for _ in self._lines]
        self._chart = ui.echart(self._options()).classes("cw-chart")
        ui.label(tongue.gettext("times of the site: {zone}", zone=zone.key)).classes("cw-note")
        self._note = ui.label("").classes("cw-note")
        self._seen = 0

    async def load(self) -> None:
        """Ask the record for the last half hour; say so when it does not answer."""
        try:
            rows = await devices(self._parts.record(), site=self._view.site, device=self._view.device)
            row = next(row for row in rows if row.kind == self._view.kind)
            end = utc_now()
            key = (row.device_id, row.site, row.kind, row.device)
            names = [line.channel for line in self._lines]
            history = await read(self._parts.record(), key, end - SPAN, end, Bucket.S10, names)
        except StopIteration:
            self._note.set_text(self._tongue.gettext("no history yet"))
        except (StorageError, Problem) as error:
            self._note.set_text(self._tongue.gettext("history is not available, live only: {why}", why=error))
        else:
            self._fill(history)
            self._note.set_text(self._tongue.gettext("one point per 10 s, the highest value"))
        self._draw()

    def _fill(self, history: History) -> None:
        for points, line in zip(self._points, self._lines, strict=True):
            series = history.channels[line.channel]
            values = {"mean": series.mean, "low": series.low, "high": series.high}[line.part] or []
            older: list[list[float | None]] = [[at, number] for at, number in zip(history.at, values, strict=True)]
            last = older[-1][0] or 0 if older else 0
            points[:] = _gapped(older + [point for point in points if (point[0] or 0) > last])

    def paint(self) -> None:
        """Add the latest sample, once."""
        reading = self._view.reading
        if reading is None or reading.received_ms <= self._seen + 1000:
            return
        self._seen = reading.received_ms
        begin = now_ms() - int(SPAN.total_seconds() * 1000)
        for points, line in zip(self._points, self._lines, strict=True):
            if points and reading.ts - (points[-1][0] or 0) > GAP_MS:
                points.append([(points[-1][0] or 0) + 1, None])
            points.append([reading.ts, line.live(self._view)])
            while points and (points[0][0] or 0) < begin:
                points.pop(0)
        self._draw()

    def _draw(self) -> None:
        series: Any = self._chart.options["series"]
        for place, points in enumerate(self._points):
            series[place]["data"] = points
        end = now_ms()
        bands = foreseen(self._view, end)
        for place, line in enumerate(self._lines):
            series[place]["markLine"] = _band(self._tongue, bands.get(line.channel), end)
        ahead = max((int(one.late_s * 1000) for one in bands.values()), default=0)
        for axis in self._chart.options["xAxis"]:
            axis["min"] = end - int(SPAN.total_seconds() * 1000)
            axis["max"] = end + min(AHEAD_MAX_MS, ahead + ahead // 10)
        self._chart.update()

    def _options(self) -> dict[str, Any]:
        grey = "#8a94a3"
        axis: dict[str, Any] = {
            "axisLabel": {"color": grey, "hideOverlap": True},
            "splitLine": {"lineStyle": {"color": "rgba(138,148,163,.25)"}},
        }
        return {
            "animation": False,
            "legend": {"top": 0, "textStyle": {"color": grey}},
            "tooltip": {"trigger": "axis"},
            "axisPointer": {"link": [{"xAxisIndex": "all"}]},
            "grid": [
                {"left": 46, "right": 16, "top": 52, "height": "34%"},
                {"left": 46, "right": 16, "top": "62%", "height": "26%"},
            ],
            "xAxis": [{
                "type": "time", "gridIndex": n, **axis, "splitLine": {"show": False},
                "axisLabel": {**axis["axisLabel"], ":formatter": clock(self._zone, "(at) => at", seconds=False)},
                "axisPointer": {"label": {":formatter": clock(self._zone, "(one) => one.value", seconds=True)}},
            } for n in range(2)],
            "yAxis": [
                {"type": "value", "gridIndex": n, "name": unit, "nameTextStyle": {"color": grey}, "min": 0, **axis}
                for n, unit in enumerate(self._units)
            ],
            "series": [
                {
                    "name": self._tongue.pick(line.words), "type": "line", "showSymbol": False, "connectNulls": False,
                    "data": [],
                    "xAxisIndex": line.axis, "yAxisIndex": line.axis, "color": line.colour,
                    "lineStyle": {"width": 2, "type": "dashed" if line.channel == "rated_load_t" else "solid"},
                }
                for line in self._lines
            ],
        }  # fmt: skip


def _band(t: Tongue, one: Foresight | None, now: int) -> dict[str, Any]:
    """The limit, and the two edges between which the quantity is expected to come to it."""
    if one is None:
        return {"silent": True, "data": []}
    begin = {"coord": [now, one.value], "symbol": "none"}
    words = t.gettext("limit in {soon} to {late} min", soon=f"{one.soon_s / 60:.0f}", late=f"{one.late_s / 60:.0f}")
    edges = [
        [begin, {"coord": [now + min(seconds * 1000, AHEAD_MAX_MS), one.limit], "symbol": "none"}]
        for seconds in (one.soon_s, one.late_s)
    ]
    limit = {"yAxis": one.limit, "label": {"formatter": words, "position": "insideEndTop"}, "symbol": "none"}
    return {"silent": True, "lineStyle": {"type": "dashed", "color": "#b00000"}, "data": [limit, *edges]}


def clock(zone: str, pick: str, *, seconds: bool, day: bool = False) -> str:
    """
    A formatter for the chart, in JavaScript: the time of day in `zone`; the chart itself knows only the browser's.

    `pick` takes the Unix milliseconds out of what the chart hands over. A zone that the browser does not know gives
    UTC, marked Z: never another zone's time unmarked.
    """
    shape = {"hour": "2-digit", "minute": "2-digit", **({"second": "2-digit"} if seconds else {}), "hourCycle": "h23"}
    if day:
        shape |= {"month": "2-digit", "day": "2-digit"}
    # Escaped once more for HTML: a zone comes from outside, and this text goes into a page.
    named, plain = (json.dumps({**shape, "timeZone": name}).replace("<", "\\u003c") for name in (zone, "UTC"))
    return (
        f"(given) => {{ const at = new Date(({pick})(given));"
        f" try {{ return new Intl.DateTimeFormat('zh-CN', {named}).format(at); }}"
        f" catch {{ return new Intl.DateTimeFormat('zh-CN', {plain}).format(at) + 'Z'; }} }}"
    )


def _gapped(points: list[list[float | None]]) -> list[list[float | None]]:
    """Points with a break wherever nothing was measured for longer than GAP_MS."""
    made: list[list[float | None]] = []
    for point in points:
        if made and (point[0] or 0) - (made[-1][0] or 0) > GAP_MS:
            made.append([(made[-1][0] or 0) + 1, None])
        made.append(point)
    return made
