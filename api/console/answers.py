"""
What a person answers to an alarm, in dialogs: acknowledge, shelve, take back, release a hold, say what it was.

Rule 1: an alarm about people's lives is acknowledged alone, by saying what was done about it.
Rule 2: whatever is asked for here is asked of the analyzer; what becomes of it is in the alarm's own line, not here.
"""

from collections.abc import Awaitable
from dataclasses import dataclass
from html import escape
from typing import Final

from nicegui import ui

from api import answering, schemas
from api.answering import MAX_BULK, Answer, Place
from api.console import frame
from api.console.visitor import Visitor
from api.console.wording import CAUSE
from api.deps import Parts
from api.i18n import N_
from api.problems import Problem
from telemetry.clock import now_ms
from telemetry.errors import BrokerUnavailable, StorageError
from telemetry.model import Action, Priority
from telemetry.storage import closings
from telemetry.storage.closings import Cause

DONE: Final = (
    ("called", N_("called the operator")),
    ("stopped", N_("stopped the work")),
    ("sensor", N_("sensor?")),
)
SHELVE_MIN: Final = (30, 60, 120, 240, 480)
LEAST_WHY: Final = 3
BULK_MAX: Final = MAX_BULK


@dataclass(frozen=True)
class Desk:
    """Who sits at this page's desk."""

    parts: Parts
    who: Visitor

    async def send(self, alarm: schemas.Alarm, said: Answer) -> None:
        """Ask the analyzer; say what came of it."""
        who = self.who
        work = answering.answer(self.parts, who.principal, who.actor, alarm.site, alarm.device, said)
        await self.tell(work)

    async def tell(self, work: Awaitable[object]) -> bool:
        """Wait for it, and say whether it was sent."""
        t = self.who.tongue
        try:
            await work
        except (Problem, BrokerUnavailable, StorageError) as error:
            frame.note(t, error.body["detail"] if isinstance(error, Problem) else error)
            return False
        ui.notify(t.gettext("sent: {who}", who=self.who.name), type="positive")
        return True


class _Dialog:
    """A dialog about one alarm."""

    def __init__(self, desk: Desk, heading: str, row: str = "") -> None:
        self.t = desk.who.tongue
        self.box = ui.dialog()
        with self.box, ui.card().classes("cw-dialog") as self.card:
            frame.raw(escape(heading), "head", "h2")
            if row:
                frame.raw(row, "cw-alarm")
            frame.raw(self.t.markup("as {name}", name=desk.who.name), "cw-note")
        self.box.on("hide", self.box.delete)

    def open(self) -> None:
        """Show it, with a way out at its foot."""
        with self.card:
            leave = ui.button(self.t.gettext("cancel"), on_click=self.box.close)
            leave.props("flat no-caps color=grey-7").classes("w-full")
        self.box.open()

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
        dialog.box.close()
        await desk.send(alarm, Answer(Action.ACKNOWLEDGE, alarm.rule, alarm.transition, cause))

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
            if text := dialog.reason(why):
                dialog.box.close()
                until = now_ms() + int(minutes.value) * 60_000
                said = Answer(Action.SHELVE, alarm.rule, alarm.transition, why=text, until=until)
                await desk.send(alarm, said)

        frame.button(t.gettext("Shelve"), send).classes("w-full")
    dialog.open()


def unshelve(desk: Desk, alarm: schemas.Alarm, row: str) -> None:
    """Take an alarm back from the shelf before its time."""
    words = desk.who.tongue.gettext("Take back from the shelf")
    dialog = _Dialog(desk, words, row)

    async def send() -> None:
        dialog.box.close()
        await desk.send(alarm, Answer(Action.UNSHELVE, alarm.rule, alarm.transition))

    with dialog.card:
        frame.button(words, send).classes("w-full")
    dialog.open()


def release(desk: Desk, alarm: schemas.Alarm, row: str) -> None:
    """Release a hold: a name, and what was seen."""
    t = desk.who.tongue
    dialog = _Dialog(desk, t.gettext("Release the hold"), row)
    with dialog.card:
        words = t.markup("Only after a competent person has inspected the machine. Say what was found.")
        frame.raw(words, "cw-note")
        seen = ui.textarea(t.gettext("what was inspected, and found")).props("outlined dense maxlength=400 rows=3")
        seen.classes("w-full")

        async def send() -> None:
            if text := dialog.reason(seen):
                dialog.box.close()
                await desk.send(alarm, Answer(Action.RELEASE, alarm.rule, alarm.transition, why=text))

        frame.button(t.gettext("Release the hold"), send).classes("w-full")
    dialog.open()


def close(desk: Desk, transition: str, row: str) -> None:
    """Say what an alarm was, once and for good."""
    t = desk.who.tongue
    dialog = _Dialog(desk, t.gettext("What was it?"), row)
    with dialog.card:
        note = ui.input(t.gettext("note")).props("outlined dense maxlength=400").classes("w-full")

        async def send(cause: Cause) -> None:
            dialog.box.close()
            text = (note.value or "").strip() or None
            await desk.tell(closings.close(desk.parts.record(), desk.who.actor, transition, cause, text))

        for cause in Cause:
            frame.button(t.pick(CAUSE[cause]), lambda cause=cause: send(cause)).classes("w-full")
    dialog.open()


def bulk(desk: Desk, alarms: list[schemas.Alarm]) -> None:
    """Acknowledge several of low priority at once, with one reason."""
    t = desk.who.tongue
    words = t.ngettext("Acknowledge {n} alarm of low priority", "Acknowledge {n} alarms of low priority", len(alarms))
    dialog = _Dialog(desk, words)
    with dialog.card:
        why = ui.input(t.gettext("reason")).props("outlined dense maxlength=200").classes("w-full")

        async def send() -> None:
            if text := dialog.reason(why):
                dialog.box.close()
                places = [Place(one.site, one.device, one.rule) for one in alarms]
                who = desk.who
                await desk.tell(answering.acknowledge_many(desk.parts, who.principal, who.actor, places, text))

        frame.button(words, send).classes("w-full")
    dialog.open()


def bulk_allowed(alarm: schemas.Alarm) -> bool:
    """Whether an alarm may be one of several: of low priority, and nothing about people's lives."""
    return alarm.priority == Priority.LOW and not alarm.life_safety and not alarm.hold
