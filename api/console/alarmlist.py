"""The alarm list with its one button: acknowledge, by a named person, with what they did."""

from collections.abc import Callable

from nicegui import ui

from api import present, schemas
from api.answering import Answer, answer
from api.console import cards
from api.console.wording import UNANSWERED
from api.deps import Parts
from api.live.picture import DeviceView
from api.problems import Problem
from telemetry.clock import now_ms
from telemetry.errors import BrokerUnavailable
from telemetry.model import Action
from telemetry.roles import Principal
from telemetry.storage.audit import Actor

CAUSES = (
    ("called", "已联系司机 called the operator"),
    ("stopped", "已停止作业 stopped the work"),
    ("sensor", "疑似传感器 sensor?"),
)


class AlarmList:
    """Alarms of some devices, worst first, repainted as they change."""

    def __init__(self, parts: Parts, site: str, views: Callable[[], list[DeviceView]]) -> None:
        self._parts = parts
        self._site = site
        self._views = views
        self._rows: dict[tuple[str, str, str], tuple[ui.element, ui.html, ui.button]] = {}
        self._shown: dict[tuple[str, str, str], str] = {}
        self._order: list[tuple[str, str, str]] = []
        self._principal: Principal = ui.context.client.request.state.principal
        self._box = ui.element("div").classes("cw-alarms")
        with self._box:
            self._empty = ui.html("", sanitize=False).classes("cw-empty")
        self.paint()

    def paint(self) -> None:
        """Add, change, sort and remove rows."""
        now = now_ms()
        views = self._views()
        names = {(view.kind, view.device): cards.name_of(view) for view in views}
        found = {(one.kind, one.device, one.rule): one for one in present.lines(views)}
        for key in [key for key in self._rows if key not in found]:
            self._rows.pop(key)[0].delete()
            self._shown.pop(key, None)
        for key, alarm in found.items():
            content = cards.alarm_row(alarm, names[key[:2]], now, known=self._known(key, now))
            if key not in self._rows:
                self._rows[key] = self._row(key, content)
            elif content != self._shown[key]:
                self._rows[key][1].set_content(content)
            self._shown[key] = content
            self._rows[key][2].set_visibility(alarm.state in UNANSWERED)
        order = list(found)
        if order != self._order:
            for place, key in enumerate(order):
                self._rows[key][0].move(self._box, target_index=place)
            self._order = order
        self._none(found)

    def _known(self, key: tuple[str, str, str], now: int) -> bool:
        picture = self._parts.feed.picture
        view = picture.devices.get((self._site, key[0], key[1]))
        return view is not None and picture.lost(self._site, now) is None and not cards.silent(view, now)

    def _none(self, found: dict[tuple[str, str, str], schemas.Alarm]) -> None:
        # An empty list is good news only while somebody watches.
        lost = self._parts.feed.picture.lost(self._site, now_ms())
        zh, en = ("报警状态未知", "alarm state unknown") if lost else ("当前无报警", "no alarms now")
        self._empty.set_content(f'{zh} <span class="en">{en}</span>')
        self._empty.set_visibility(not found)

    def _row(self, key: tuple[str, str, str], content: str) -> tuple[ui.element, ui.html, ui.button]:
        with self._box, ui.element("div").classes("cw-alarm") as row:
            text = ui.html(content, sanitize=False)
            with ui.element("div").classes("foot"):
                button = ui.button("确认 ACKNOWLEDGE", color=None, on_click=lambda: self._ask(key))
                button.props("unelevated no-caps").classes("cw-button")
        return row, text, button

    def _ask(self, key: tuple[str, str, str]) -> None:
        alarm = next((one for one in present.alarms(self._views()) if (one.kind, one.device, one.rule) == key), None)
        if alarm is None:
            ui.notify("报警已结束 the alarm is over")
            return
        with self._box, ui.dialog() as dialog, ui.card().style("min-width: min(92vw, 420px)"):
            ui.label("确认：我来处理 Acknowledge: I have it").style("font-weight: 700; font-size: 17px")
            name = next(cards.name_of(view) for view in self._views() if (view.kind, view.device) == key[:2])
            now = now_ms()
            row = cards.alarm_row(alarm, name, now, known=self._known(key, now))
            ui.html(row, sanitize=False).classes("cw-alarm")
            for cause, words in CAUSES:
                ui.button(words, color=None, on_click=lambda cause=cause: self._send(dialog, alarm, cause)).props(
                    "unelevated no-caps"
                ).classes("w-full cw-button")
            ui.button("取消 cancel", on_click=dialog.close).props("flat no-caps color=grey-7").classes("w-full")
        dialog.on("hide", dialog.delete)
        dialog.open()

    async def _send(self, dialog: ui.dialog, alarm: schemas.Alarm, cause: str) -> None:
        name = self._principal.name
        said = Answer(Action.ACKNOWLEDGE, alarm.rule, alarm.transition, cause)
        actor = Actor(name, self._principal.organisation)
        try:
            await answer(self._parts, self._principal, actor, alarm.site, alarm.device, said)
        except Problem as error:
            ui.notify(f"{error.body['title']}: {error.body['detail']}", type="negative")
        except BrokerUnavailable as error:
            ui.notify(f"未送出 not sent: {error}", type="negative", timeout=10_000)
        else:
            ui.notify(f"已送出确认 acknowledgement sent: {name}", type="positive")
        dialog.close()
