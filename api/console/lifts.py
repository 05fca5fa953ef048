"""
A crane's work cycles of the day and its running total, on its page.

Rule 1: cycles are the crane's, not a person's: no operator is named here.
Rule 2: it is asked of the record twice a minute, and says so when that does not answer.
"""

from collections.abc import Sequence
from datetime import datetime
from html import escape
from typing import Any
from zoneinfo import ZoneInfo

from nicegui import ui

from api.console import frame
from api.console.cards import figure
from api.console.wording import number
from api.deps import Parts
from api.i18n import Tongue, clock
from api.live.picture import DeviceView
from telemetry import usage
from telemetry.clock import now_ms, to_ms
from telemetry.cycles import WORDS, Flag
from telemetry.errors import StorageError
from telemetry.storage import cycles, duty
from telemetry.storage.duty import Account

EVERY_S = 30.0
SHOWN = 8


class Lifts:
    """The panel."""

    def __init__(self, parts: Parts, tongue: Tongue, view: DeviceView, zone: ZoneInfo) -> None:
        self._parts, self._tongue, self._view, self._zone = parts, tongue, view, zone
        self._html = frame.raw("")
        ui.timer(EVERY_S, self.load, immediate=False)

    async def load(self) -> None:
        """Ask the record."""
        t = self._tongue
        silent = f'<div class="cw-note">{t.markup("the record does not answer")}</div>'
        if self._parts.database is None:
            self._html.set_content(silent)
            return
        now = now_ms()
        midnight = datetime.fromtimestamp(now / 1000, self._zone).replace(hour=0, minute=0, second=0, microsecond=0)
        try:
            row = await duty.crane(self._parts.database, self._view.site, self._view.device)
            if row is None:
                self._html.set_content(f'<div class="cw-note">{t.markup("nothing recorded yet")}</div>')
                return
            today = await cycles.page(
                self._parts.database,
                row.device_id,
                origin="recognised",
                since_ms=to_ms(midnight),
                limit=cycles.MAX_PAGE,
            )
            account = await duty.account(self._parts.database, row, now, days=1)
        except StorageError:
            self._html.set_content(silent)
            return
        self._html.set_content(panel(t, today, account, self._zone))


def panel(t: Tongue, rows: Sequence[cycles.CycleRow], account: Account, zone: ZoneInfo) -> str:
    """The cycles of the day, newest first, and the total, as HTML."""
    found = account.usage
    counted = [one for one in rows if one.verdict != "not_reproduced"]
    counted.sort(key=lambda one: one.ts_ms, reverse=True)
    figures = (
        figure(t.markup("cycles today"), str(len(counted)))
        + figure(t.markup("cycles in all"), str(found.total))
        + figure(t.markup("load spectrum Kp"), number(found.kp, 3))
        + figure(t.markup("classes"), " ".join(filter(None, (found.u_class, found.q_class, found.group))))
    )
    lines = "".join(_line(t, one, zone) for one in counted[:SHOWN])
    table = f'<table class="cw-table">{lines}</table>' if lines else ""
    return f'<div class="cw-figures">{figures}</div>{_life(t, account)}{table}'


def _life(t: Tongue, account: Account) -> str:
    found = account.usage
    if found.used_pct is None:
        words = t.markup("no design life is stated")
        if account.refused is not None:
            words = t.markup("the design life that is stated contradicts itself: {why}", why=account.refused)
        return f'<div class="cw-note">{words}</div>'
    grade = "s3" if found.used_pct >= usage.SPENT_PCT else "s2" if found.used_pct >= usage.NEAR_PCT else ""
    share = f"{min(100.0, found.used_pct):.1f}%"
    words = t.markup("{share} % of the design life used; classes unverified", share=f"{found.used_pct:.1f}")
    return f'<div class="cw-bar"><div class="{grade}" style="width:{share}"></div></div><div>{words}</div>'


def _line(t: Tongue, row: cycles.CycleRow, zone: ZoneInfo) -> str:
    said: dict[str, Any] = row.as_reviewed or row.data
    at = clock(row.ts_ms, zone)
    minutes = number(said.get("duration_s", 0.0) / 60, 1)
    moment = said.get("max_moment_pct")
    peak = t.markup("moment up to {share} %", share=number(moment, 0)) if moment is not None else ""
    flags = [WORDS[Flag(name)] for name in said.get("flags", []) if name in set(Flag)]
    note = t.show(("、".join(zh for zh, _ in flags), ", ".join(en for _, en in flags))) if flags else ""
    return (
        f"<tr><td>{escape(at)}</td><td><b>{number(said.get('load_t'), 2)} t</b> · {minutes} min</td>"
        f'<td>{peak}<div class="cw-note">{note}</div></td></tr>'
    )
