"""
What a person answers to an alarm, in dialogs: acknowledge, shelve, take back, release a hold.

Rule 1: an alarm about people's lives is acknowledged alone, by saying what was done about it.
Rule 2: whatever is asked for here is asked of the analyzer; what becomes of it is in the alarm's own line, not here.
"""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Final

from nicegui import ui

from api import schemas
from api.console import frame
from api.console.visitor import Visitor
from api.deps import Parts
from api.i18n import N_
from api.problems import Problem
from api.routes.alarms import answer, new_id
from telemetry.clock import now_ms
from telemetry.errors import BrokerUnavailable, StorageError
from telemetry.model import Action, Priority
from telemetry.wire import payloads

DONE: Final = (
    ("called", N_("called the operator")),
    ("stopped", N_("stopped the work")),
    ("sensor", N_("sensor?")),
)
SHELVE_MIN: Final = (30, 60, 120, 240, 480)
LEAST_WHY: Final = 3
BULK_MAX: Final = 20


@dataclass
class Desk:
    """Who sits at this page's desk, and by which name they answer."""

    parts: Parts
    who: Visitor
    name: str = ""

    async def send(self, alarm: schemas.Alarm, response: payloads.Response) -> bool:
        """Ask the analyzer; say what came of it. False when it was not sent."""
        t = self.who.tongue
        try:
            await answer(self.parts, alarm.site, alarm.device, response)
        except (Problem, BrokerUnavailable, StorageError) as error:
            frame.note(t, error.body["detail"] if isinstance(error, Problem) else error)
            return False
        ui.notify(t.gettext("sent: {who}", who=response.who), type="positive")
        return True


def response(alarm: schemas.Alarm, action: Action, who: str, **more: object) -> payloads.Response:
    """An answer to an alarm as it stands on the page."""
    fields: dict[str, object] = {"rule": alarm.rule, "transition": alarm.transition, **more}
    return payloads.Response(id=new_id(), action=action, at=now_ms(), who=who, **fields)  # type: ignore[arg-type]  # by name


class _Dialog:
    """A dialog about one alarm, with a field for the name where nobody has signed in."""

    def __init__(self, desk: Desk, heading: str, row: str) -> None:
        self.desk = desk
        self.t = desk.who.tongue
        self.box = ui.dialog()
        self.name: ui.input | None = None
        with self.box, ui.card().classes("cw-dialog").props(f'role=dialog aria-label="{heading}"') as self.card:
            ui.label(heading).classes("head")
            if row:
                frame.raw(row, "cw-alarm")
            if not desk.who.name:
                self.name = ui.input(self.t.gettext("your name"), value=desk.name)
                self.name.props("outlined dense maxlength=64").classes("w-full")
            else:
                frame.raw(self.t.markup("as {name}", name=desk.who.name), "cw-note")
        self.box.on("hide", self.box.delete)

    def open(self) -> None:
        with self.card:
            ui.button(self.t.gettext("cancel"), on_click=self.box.close).props("flat no-caps color=grey-7").classes(
                "w-full"
            )
        self.box.open()

    def who(self) -> str:
        """The name, or "" after saying that one is needed."""
        name = self.desk.who.name or (self.name.value if self.name is not None else "").strip()
        if not name and self.name is not None:
            self.name.props(f'error error-message="{self.t.gettext("a name is needed")}"')
        self.desk.name = name
        return name

    def reason(self, field: ui.input | ui.textarea) -> str:
        """What was written, or "" after saying that more is needed."""
        text = (field.value or "").strip()
        if len(text) < LEAST_WHY:
            field.props(f'error error-message="{self.t.gettext("say why")}"')
            return ""
        return text


def acknowledge(desk: Desk, alarm: schemas.Alarm, row: str) -> None:
    """Ask what was done; any of the three answers is the acknowledgement."""
    t = desk.who.tongue
    dialog = _Dialog(desk, t.gettext("Acknowledge: I have it"), row)

    async def send(cause: str) -> None:
        if name := dialog.who():
            await desk.send(alarm, response(alarm, Action.ACKNOWLEDGE, name, cause=cause))
            dialog.box.close()

    with dialog.card:
        for cause, words in DONE:
            frame.button(t.gettext(words), lambda cause=cause: send(cause)).classes("w-full")
    dialog.open()


def shelve(desk: Desk, alarm: schemas.Alarm, row: str) -> None:
    """Put an alarm aside until a time, for a reason."""
    t = desk.who.tongue
    dialog = _Dialog(desk, t.gettext("Shelve"), row)
    with dialog.card:
        minutes = ui.toggle({n: t.span(n * 60_000) for n in SHELVE_MIN}, value=SHELVE_MIN[0]).props("no-caps spread")
        minutes.props(f'aria-label="{t.gettext("for how long")}"').classes("w-full cw-toggle")
        why = ui.input(t.gettext("reason")).props("outlined dense maxlength=200").classes("w-full")

        async def send() -> None:
            name, text = dialog.who(), dialog.reason(why)
            if name and text:
                until = now_ms() + int(minutes.value) * 60_000
                await desk.send(alarm, response(alarm, Action.SHELVE, name, why=text, until=until))
                dialog.box.close()

        frame.button(t.gettext("Shelve"), send).classes("w-full")
    dialog.open()


def unshelve(desk: Desk, alarm: schemas.Alarm, row: str) -> None:
    """Take an alarm back from the shelf before its time."""
    _plain(desk, alarm, row, desk.who.tongue.gettext("Take back from the shelf"), Action.UNSHELVE)


def release(desk: Desk, alarm: schemas.Alarm, row: str) -> None:
    """Release a hold: a name, and what was seen."""
    t = desk.who.tongue
    dialog = _Dialog(desk, t.gettext("Release the hold"), row)
    with dialog.card:
        frame.raw(t.markup("Only after a competent person has inspected the machine. Say what was found."), "cw-note")
        seen = ui.textarea(t.gettext("what was inspected, and found")).props("outlined dense maxlength=400 rows=3")
        seen.classes("w-full")

        async def send() -> None:
            name, text = dialog.who(), dialog.reason(seen)
            if name and text:
                await desk.send(alarm, response(alarm, Action.RELEASE, name, why=text))
                dialog.box.close()

        frame.button(t.gettext("Release the hold"), send).classes("w-full")
    dialog.open()


def bulk(desk: Desk, alarms: list[schemas.Alarm], done: Callable[[], Awaitable[None] | None]) -> None:
    """Acknowledge several of low priority at once, with one reason."""
    t = desk.who.tongue
    words = t.ngettext("Acknowledge {n} alarm of low priority", "Acknowledge {n} alarms of low priority", len(alarms))
    dialog = _Dialog(desk, words, "")
    with dialog.card:
        why = ui.input(t.gettext("reason")).props("outlined dense maxlength=200").classes("w-full")

        async def send() -> None:
            name, text = dialog.who(), dialog.reason(why)
            if name and text:
                for alarm in alarms:
                    if not await desk.send(alarm, response(alarm, Action.ACKNOWLEDGE, name, why=text)):
                        break
                dialog.box.close()
                done()

        frame.button(words, send).classes("w-full")
    dialog.open()


def bulk_allowed(alarm: schemas.Alarm) -> bool:
    """Whether an alarm may be one of several: of low priority, and nothing about people's lives."""
    return alarm.priority == Priority.LOW and not alarm.life_safety and not alarm.hold


def _plain(desk: Desk, alarm: schemas.Alarm, row: str, words: str, action: Action) -> None:
    dialog = _Dialog(desk, words, row)

    async def send() -> None:
        if name := dialog.who():
            await desk.send(alarm, response(alarm, action, name))
            dialog.box.close()

    with dialog.card:
        frame.button(words, send).classes("w-full")
    dialog.open()
