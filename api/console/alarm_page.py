"""
One alarm: what it says, what to do about it, the readings around it, its life so far, and every answer to it.

The readings are those from a minute before it was raised to a minute after, and again for as long as that is not over.
"""

from datetime import timedelta
from html import escape
from typing import Any, Final

from nicegui import ui

from api import present, schemas
from api.console import answers, cards, frame, traces
from api.console.answers import Desk
from api.console.places import Place
from api.console.reached import reached
from api.console.status import Status
from api.console.visitor import Visitor
from api.console.wording import STATE, UNANSWERED
from api.deps import Parts
from api.i18n import N_, Tongue
from api.live.picture import ANALYZER, DeviceView
from telemetry import vocabulary
from telemetry.clock import now_ms, to_datetime, to_ms
from telemetry.errors import StorageError
from telemetry.kinds import KINDS
from telemetry.model import Signal, State
from telemetry.roles import Permission
from telemetry.storage import alarms as record
from telemetry.storage import devices, history, receipts
from telemetry.storage.alarms import TransitionRow
from telemetry.storage.pool import Database

AROUND: Final = timedelta(seconds=60)
LOOK_EVERY_S: Final = 5.0
SIGNALS: Final[dict[str, str]] = {
    Signal.RAISE: N_("raised"), Signal.ESCALATE: N_("became worse"), Signal.CLEAR: N_("condition over"),
    Signal.RE_ALARM: N_("told again"), Signal.ACKNOWLEDGE: N_("acknowledged"), Signal.RESET: N_("released"),
    Signal.SHELVE: N_("shelved"), Signal.UNSHELVE: N_("back from the shelf"), Signal.SUPPRESS: N_("suppressed"),
    Signal.UNSUPPRESS: N_("no longer suppressed"), Signal.DISABLE: N_("disabled"), Signal.ENABLE: N_("enabled"),
}  # fmt: skip


async def build(parts: Parts, who: Visitor, place: Place, device: str, rule: str) -> None:
    """The page."""
    t, site, picture = who.tongue, place.site, parts.feed.picture
    views = [view for view in picture.alarmed(site) if view.device == device]
    view = next((one for one in views if rule in one.alarms), views[0] if views else None)
    desk = Desk(parts, who)
    name = cards.name_of(view) if view is not None else device

    def alarm() -> schemas.Alarm | None:
        live = view.alarms.get(rule) if view is not None else None
        return present.alarm(view, live) if view is not None and live is not None else None

    def row() -> str:
        one, now = alarm(), now_ms()
        if one is None or view is None:
            lost = picture.lost(site, now)
            words = t.markup("alarm state unknown") if lost else t.markup("this alarm is normal now")
            return f'<div class="cw-empty">{words}</div>'
        known = picture.lost(site, now) is None and not cards.silent(view, now)
        return f'<div class="cw-alarm">{cards.alarm_row(t, one, name, now, known=known)}{_guidance(t, one)}</div>'

    called = t.pick(vocabulary.rule_name(rule, view.kind if view is not None else None))
    with frame.page(who, t.gettext("Alarm: {name}", name=f"{name} {called}"), place=place, here="alarms"):
        status = Status(parts, place, who)
        with ui.element("div").classes("cw-main one"):
            with ui.element("div").classes("cw-col"):
                shown = frame.Live(row, "first")
                buttons = _Buttons(desk, site, alarm, row)
                closing = ui.element("div").classes("cw-form")
                with ui.element("section").classes("cw-panel"):
                    frame.title(t.markup("readings around it"))
                    around = frame.raw(f'<p class="cw-note">{t.markup("loading")}</p>')
            with ui.element("div").classes("cw-col side"):
                with ui.element("section").classes("cw-panel"):
                    frame.title(t.markup("whom it has reached"))
                    whom = frame.raw("")
                with ui.element("section").classes("cw-panel"):
                    frame.title(t.markup("its life so far"))
                    life = frame.raw("")

        async def look() -> None:
            try:
                log = await record.transitions(parts.record(), sites=[site], device=device, rule=rule, limit=30)
                life.set_content(told(t, log, place))
                whom.set_content(reached(t, place, await receipts.chain(parts.record(), site, device, rule)))
                _offer_closing(desk, site, closing, log)
                around.set_content(await _around(parts.record(), t, place, view, rule, alarm(), log))
            except StorageError:
                life.set_content(f'<p class="cw-note">{t.markup("the record does not answer")}</p>')

        def paint() -> None:
            status.paint()
            shown.paint()
            buttons.paint()

        frame.repaint(paint)
        ui.timer(LOOK_EVERY_S, look)


def _offer_closing(desk: Desk, site: str, box: ui.element, log: list[TransitionRow]) -> None:
    """Once it was answered: say what it was. Told once and for good, so a second button does no harm."""
    raised = next((row for row in log if row.payload.get("signal") == Signal.RAISE), None)
    if raised is None or box.default_slot.children or not desk.who.may(Permission.CLOSE, site):
        return
    t = desk.who.tongue
    with box:
        words = t.gettext("What was it? Close with a cause")
        frame.button(words, lambda: answers.close(desk, str(raised.payload["id"]), ""), plain=True)


class _Buttons:
    """What may be answered now."""

    def __init__(self, desk: Desk, site: str, alarm: Any, row: Any) -> None:
        self._alarm = alarm
        t = desk.who.tongue

        def ask(of: Any) -> Any:
            def open_() -> None:
                one = alarm()
                if one is not None:
                    of(desk, one, row())

            return open_

        def may(permission: Permission) -> bool:
            return desk.who.may(permission, site)

        self._may = {one: may(one) for one in (Permission.ACKNOWLEDGE, Permission.SHELVE, Permission.RELEASE)}
        with ui.element("div").classes("cw-form"):
            self._acknowledge = frame.button(t.gettext("Acknowledge"), ask(answers.acknowledge))
            self._release = frame.button(t.gettext("Release the hold"), ask(answers.release))
            self._shelve = frame.button(t.gettext("Shelve"), ask(answers.shelve), plain=True)
            self._unshelve = frame.button(t.gettext("Take back from the shelf"), ask(answers.unshelve), plain=True)
        self.paint()

    def paint(self) -> None:
        """Show what is possible."""
        one: schemas.Alarm | None = self._alarm()
        state = one.state if one is not None else State.NORMAL
        may = self._may
        self._acknowledge.set_visibility(state in UNANSWERED and may[Permission.ACKNOWLEDGE])
        self._release.set_visibility(one is not None and one.hold and may[Permission.RELEASE])
        able = one is not None and not one.life_safety and not one.hold and state not in (State.NORMAL, State.SHELVED)
        self._shelve.set_visibility(able and may[Permission.SHELVE])
        self._unshelve.set_visibility(state == State.SHELVED and may[Permission.SHELVE])


def _guidance(t: Tongue, one: schemas.Alarm) -> str:
    lines = []
    if one.action is not None:
        lines.append(f"<li><b>{t.show((one.action.zh, one.action.en))}</b></li>")
    if one.life_safety:
        lines.append(f"<li>{t.markup('about lives: call first, then answer here; it cannot be shelved')}</li>")
    if one.hold:
        lines.append(f"<li>{t.markup('inspection hold: nothing is lifted until a competent person releases it')}</li>")
    return f'<ul class="cw-lines cw-guide">{"".join(lines)}</ul>' if lines else ""


def told(t: Tongue, log: list[TransitionRow], place: Place) -> str:
    """The transitions, newest first. Pure."""
    lines = []
    for row in log:
        said = row.payload
        words = SIGNALS.get(str(said.get("signal")))
        state = STATE.get(str(said.get("state")), ("", ""))
        what = t.markup(words) if words else escape(str(said.get("signal")))
        more = [escape(str(said[key])) for key in ("who", "why") if said.get(key)]
        if said.get("until"):
            more.append(t.markup("until {end}", end=t.moment(said["until"], place.zone)))
        if said.get("origin") == "review":
            more.append(t.markup("found later, in data that came late"))
        at = t.moment(said.get("at", 0), place.zone, seconds=True)
        rest = f'<div class="cw-note">{" · ".join(more)}</div>' if more else ""
        lines.append(f"<li>{at} <b>{what}</b> → {t.show(state)}{rest}</li>")
    return f'<ul class="cw-lines">{"".join(lines)}</ul>' if lines else f"<p>{t.markup('nothing recorded yet')}</p>"


async def _around(
    database: Database, t: Tongue, place: Place, view: DeviceView | None, rule: str, alarm: schemas.Alarm | None,
    log: list[TransitionRow],
) -> str:  # fmt: skip
    raised = next((row.payload for row in log if row.payload.get("signal") == Signal.RAISE), None)
    at = int(raised["at"]) if raised is not None else alarm.since if alarm is not None else None
    if view is None or at is None or view.kind == ANALYZER or view.kind not in KINDS:
        return f'<p class="cw-note">{t.markup("no readings belong to it")}</p>'
    kind = KINDS[view.kind]
    hazard = (raised or {}).get("hazard") or (alarm.hazard if alarm is not None else None)
    names = list(traces.channels(view.kind, hazard))
    rows = await devices.devices(database, site=place.site, device=view.device)
    row = next((one for one in rows if one.kind == view.kind), None)
    if row is None:
        return f'<p class="cw-note">{t.markup("nothing recorded yet")}</p>'
    begin, end = to_datetime(at) - AROUND, to_datetime(at) + AROUND
    points = await history.raw(database, view.kind, row.device_id, begin, end, names, history.MAX_RAW)
    made = []
    for k, name in enumerate(names):
        own = [
            (to_ms(p.ts), None if p.invalid & kind.bit[name] or p.values[k] is None else float(p.values[k]))
            for p in points
        ]
        limit = _limit(kind.channel(name).unit, raised or {}) if k == 0 else None
        made.append(traces.Trace(kind.channel(name), own, limit))
    return traces.drawn(t, made, to_ms(begin), to_ms(end), at, place.zone)


def _limit(unit: str, raised: dict[str, Any]) -> float | None:
    """The alarm's limit, where it is of the very quantity that is drawn."""
    limit = raised.get("limit")
    return float(limit) if limit is not None and raised.get("unit") == unit else None
