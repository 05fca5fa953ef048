"""
Proof tests on a device's page: the last ones with their links, and the button that orders one.

Rule 1: the operator begins it, unless whoever orders it says that he was told: a test that comes out of nothing
startles a person at work.
Rule 2: what came of a test is in its line, not in the button: it was ordered, and no more, when that is said.
"""

from collections.abc import Sequence
from html import escape
from zoneinfo import ZoneInfo

from nicegui import ui

from api.console import frame
from api.console.visitor import Visitor
from api.deps import Parts
from api.i18n import Tongue
from api.live.picture import DeviceView
from telemetry import proof
from telemetry.clock import to_ms
from telemetry.errors import StorageError
from telemetry.proof import Outcome, State
from telemetry.roles import Permission
from telemetry.storage import proofs
from telemetry.storage.proofs import Refused, Test
from telemetry.wire.payloads import Words

EVERY_S = 3.0
SHOWN = 4
_STATE = {
    State.ASKED: ("等待司机启动", "waits for the operator"),
    State.ORDERED: ("已下达", "ordered"),
    State.SENT: ("进行中", "under way"),
}


class Proofs:
    """The panel."""

    def __init__(self, parts: Parts, who: Visitor, view: DeviceView, zone: ZoneInfo) -> None:
        self._parts, self._who, self._view, self._zone = parts, who, view, zone
        t = who.tongue
        self._html = frame.raw("")
        if who.may(Permission.PROOF_TEST, view.site):
            able = view.presence is not None and view.presence.proof
            self._button = frame.button(t.gettext("Test the way of an alarm"), self._ask, plain=True)
            self._button.set_enabled(able)
            if not able:
                frame.raw(t.markup("this device has no test channel, or is not connected"), "cw-note")
        ui.timer(EVERY_S, self.load, immediate=False)

    async def load(self) -> None:
        """Ask the record."""
        t, view = self._who.tongue, self._view
        try:
            found = await proofs.listed(
                self._parts.record(), view.site, kind=view.kind, device=view.device, limit=SHOWN
            )
        except StorageError:
            self._html.set_content(f'<div class="cw-note">{t.markup("the record does not answer")}</div>')
            return
        self._html.set_content(panel(t, found, self._zone))

    def _ask(self) -> None:
        """A dialog: who begins it."""
        t = self._who.tongue
        box = ui.dialog()
        with box, ui.card().classes("cw-dialog"):
            frame.raw(t.markup("Test the way of an alarm"), "head", "h2")
            frame.raw(t.markup("With an empty hook only; nothing moves. It is announced as a TEST in the cab."))
            told = ui.checkbox(t.gettext("the operator was told by radio: begin at once"))
            frame.raw(t.markup("otherwise the operator is asked at the terminal and begins it"), "cw-note")

            async def order() -> None:
                box.close()
                await self._order(told=bool(told.value))

            frame.button(t.gettext("Order the test"), order)
            ui.button(t.gettext("cancel"), on_click=box.close).props("flat no-caps")
        box.on("hide", box.delete)
        box.open()

    async def _order(self, *, told: bool) -> None:
        t, view = self._who.tongue, self._view
        try:
            await proofs.order(self._parts.record(), self._who.actor, view.site, view.kind, view.device, told=told)
        except (Refused, StorageError) as error:
            frame.note(t, error)
            return
        ui.notify(t.gettext("the test is ordered"), type="positive")
        await self.load()


def panel(t: Tongue, found: Sequence[Test], zone: ZoneInfo) -> str:
    """Tests, newest first; the newest link by link. Pure."""
    if not found:
        return f'<div class="cw-note">{t.markup("no proof test was done yet")}</div>'
    rows = "".join(line(t, one, zone) for one in found)
    return f'{chain(t, found[0])}<table class="cw-table">{rows}</table>'


def chain(t: Tongue, test: Test) -> str:
    """The links of one test with their seconds, the one that failed marked."""
    cells = [
        f"<li>✓ {t.show(_pair(proof.LINKS[one.link]))} <b>{one.seconds:.1f} s</b> {escape(one.who or '')}</li>"
        for one in test.steps
    ]
    if test.failed_link in set(proof.Link):
        words = proof.DETAILS.get(test.detail)
        why = t.show(_pair(words)) if words is not None else ""
        name = t.show(_pair(proof.LINKS[proof.Link(test.failed_link)]))
        cells.append(f'<li><span class="cw-bad">✗ {name} {why}</span></li>')
    return f'<ul class="cw-lines">{"".join(cells)}</ul>' if cells else ""


def line(t: Tongue, test: Test, zone: ZoneInfo, *, name: str = "") -> str:
    """One test: when, what came of it, how long it took, who wanted it."""
    at = t.moment(to_ms(test.asked_at), zone, year=False)
    latency = proof.latency_s(test.steps)
    took = f"{latency:.1f} s" if latency is not None else ""
    who = escape(test.begun_by or test.ordered_by)
    head = f"<td>{name}</td>" if name else ""
    return f"<tr>{head}<td>{at}</td><td>{result(t, test)}</td><td>{took}</td><td>{who}</td></tr>"


def result(t: Tongue, test: Test) -> str:
    """What came of a test, or where it stands."""
    if test.outcome is None:
        return t.show(_STATE[test.state])
    words = t.show(_pair(proof.words(test.outcome, test.failed_link, test.detail)))
    mark = {Outcome.PASSED: "✓", Outcome.FAILED: "✗"}.get(test.outcome, "○")
    bad = ' class="cw-bad"' if test.outcome is Outcome.FAILED else ""
    return f"<span{bad}>{mark} {words}</span>"


def _pair(words: Words) -> tuple[str, str]:
    return words.zh, words.en
