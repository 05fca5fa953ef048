"""
Alarms of some devices as they come: rows, worst first, each with what may be done about it.

A row says "3 s ago" and is repainted for it; a screen reader is told of an alarm once, when it comes (`_spoken`).
"""

from collections.abc import Callable, Sequence
from html import escape

from nicegui import ui

from api import present, schemas
from api.console import answers, cards, frame
from api.console.answers import Desk
from api.console.wording import SEVERITY, UNANSWERED
from api.live.picture import DeviceView
from telemetry.clock import now_ms
from telemetry.model import State
from telemetry.roles import Permission

Key = tuple[str, str, str]  # kind, device, rule
Wanted = Callable[[schemas.Alarm], bool]


class AlarmList:
    """Alarms of some devices, repainted as they change."""

    def __init__(
        self, desk: Desk, site: str, views: Callable[[], list[DeviceView]], *, wanted: Wanted | None = None,
        choose: bool = False, most: int | None = None,
    ) -> None:  # fmt: skip
        """`wanted` leaves some out, `most` all but the worst; `choose`: boxes for what may be answered together."""
        self._desk = desk
        self._site = site
        self._views = views
        self._wanted = wanted
        self._choose = choose
        self._most = most
        self._rows: dict[Key, _Row] = {}
        self._order: list[Key] = []
        self._heard: dict[Key, str] = {}
        self._spoken = frame.raw("", "cw-spoken").props("role=log aria-live=assertive aria-atomic=false")
        self._box = ui.element("div").classes("cw-alarms")
        with self._box:
            self._empty = frame.raw("", "cw-empty")
        self._more = frame.raw("", "cw-links")
        self.paint()

    def want(self, wanted: Wanted | None) -> None:
        """Show others."""
        self._wanted = wanted
        self.paint()

    def chosen(self) -> list[schemas.Alarm]:
        """Those whose box is ticked."""
        return [row.alarm for row in self._rows.values() if row.ticked()]

    def paint(self) -> None:
        """Add, change, sort and remove rows."""
        now = now_ms()
        views = self._views()
        names = {(view.kind, view.device): cards.name_of(view) for view in views}
        lines = present.lines(views)
        self._speak(lines, names)
        wanted = [one for one in lines if self._wanted is None or self._wanted(one)]
        found = {_key(one): one for one in wanted[: self._most]}
        for key in [key for key in self._rows if key not in found]:
            self._rows.pop(key).element.delete()
        for key, alarm in found.items():
            content = cards.alarm_row(self._desk.who.tongue, alarm, names[key[:2]], now, known=self._known(key, now))
            if key not in self._rows:
                with self._box:
                    self._rows[key] = _Row(self._desk, alarm, content, choose=self._choose)
            self._rows[key].paint(alarm, content)
        order = list(found)
        if order != self._order:
            for index, key in enumerate(order):
                self._rows[key].element.move(self._box, target_index=index)
            self._order = order
        self._none(found, hidden=len(lines) - len(wanted))
        self._rest(len(wanted) - len(found))

    def _speak(self, lines: Sequence[schemas.Alarm], names: dict[tuple[str, str], str]) -> None:
        t = self._desk.who.tongue
        now = {_key(one): one.state for one in lines}
        new = [one for one in lines if one.state == State.UNACKNOWLEDGED and self._heard.get(_key(one)) != one.state]
        self._heard = now
        if new:
            words = (
                f"{t.pick(SEVERITY[one.severity])} {names[(one.kind, one.device)]}: {t.pick(cards.alarm_sentence(one))}"
                for one in new[:5]
            )
            self._spoken.set_content("".join(f"<p>{escape(one)}</p>" for one in words))

    def _known(self, key: Key, now: int) -> bool:
        picture = self._desk.parts.feed.picture
        view = picture.devices.get((self._site, key[0], key[1]))
        return view is not None and picture.lost(self._site, now) is None and not cards.silent(view, now)

    def _rest(self, left: int) -> None:
        words = self._desk.who.tongue.nmarkup("and {n} more: all alarms", "and {n} more: all alarms", left)
        self._more.set_content(f'<a href="/site/{escape(self._site)}/alarms"><u>{words}</u></a>' if left else "")

    def _none(self, found: dict[Key, schemas.Alarm], hidden: int) -> None:
        # An empty list is good news only while somebody watches.
        t = self._desk.who.tongue
        if self._desk.parts.feed.picture.lost(self._site, now_ms()):
            words = t.markup("alarm state unknown")
        elif hidden:
            words = t.nmarkup("none of these; {n} other alarm", "none of these; {n} other alarms", hidden)
        else:
            words = t.markup("no alarms now")
        self._empty.set_content(words)
        self._empty.set_visibility(not found)


class _Row:
    """One alarm."""

    def __init__(self, desk: Desk, alarm: schemas.Alarm, content: str, *, choose: bool) -> None:
        self.alarm = alarm
        self._content = content
        self._box: ui.checkbox | None = None
        t = desk.who.tongue

        def may(permission: Permission) -> bool:
            return desk.who.may(permission, alarm.site)

        with ui.element("article").classes("cw-alarm") as self.element:
            self._html = frame.raw(content)
            with ui.element("div").classes("foot"):
                if choose and may(Permission.ACKNOWLEDGE):
                    self._box = ui.checkbox(t.gettext("choose"))
                link = f"/alarm/{alarm.site}/{alarm.device}/{alarm.rule}"
                frame.raw(f'<a href="{escape(link)}">{t.markup("more")}</a>', "cw-foot-more")
                self._acknowledge = frame.button(
                    t.gettext("Acknowledge"), lambda: answers.acknowledge(desk, self.alarm, self._content)
                )
                self._unshelve = frame.button(
                    t.gettext("Take back"), lambda: answers.unshelve(desk, self.alarm, self._content), plain=True
                )
        self._may = {one: may(one) for one in (Permission.ACKNOWLEDGE, Permission.SHELVE)}

    def paint(self, alarm: schemas.Alarm, content: str) -> None:
        """Make it new."""
        self.alarm = alarm
        if content != self._content:
            self._content = content
            self._html.set_content(content)
        self._acknowledge.set_visibility(alarm.state in UNANSWERED and self._may[Permission.ACKNOWLEDGE])
        self._unshelve.set_visibility(alarm.state == State.SHELVED and self._may[Permission.SHELVE])
        if self._box is not None:
            self._box.set_visibility(alarm.state in UNANSWERED and answers.bulk_allowed(alarm))

    def ticked(self) -> bool:
        """Whether it is chosen, and may be."""
        box = self._box
        return bool(
            box is not None and box.value and self.alarm.state in UNANSWERED and answers.bulk_allowed(self.alarm)
        )


def _key(one: schemas.Alarm) -> Key:
    return one.kind, one.device, one.rule
