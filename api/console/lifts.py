"""
A crane's work cycles of the day and its running total, on its page.

Rule 1: cycles are the crane's, not a person's: no operator is named here.
Rule 2: it is asked of the record twice a minute, and says so when that does not answer.
"""

from collections.abc import Sequence
from datetime import UTC, datetime
from html import escape
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from nicegui import ui

from api.console.cards import figure
from api.console.wording import both, number
from api.deps import Parts
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

    def __init__(self, parts: Parts, view: DeviceView, zone: str) -> None:
        self._parts, self._view = parts, view
        self._zone = _zone(zone)
        self._html = ui.html("", sanitize=False)
        ui.timer(EVERY_S, self.load, immediate=False)

    async def load(self) -> None:
        """Ask the record."""
        words = ("记录不可用", "the record does not answer")
        if self._parts.database is None:
            self._html.set_content(f'<div class="cw-note">{both(words)}</div>')
            return
        now = now_ms()
        midnight = datetime.fromtimestamp(now / 1000, self._zone).replace(hour=0, minute=0, second=0, microsecond=0)
        try:
            row = await duty.crane(self._parts.database, self._view.site, self._view.device)
            if row is None:
                self._html.set_content(f'<div class="cw-note">{both(("尚无记录", "nothing recorded yet"))}</div>')
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
            self._html.set_content(f'<div class="cw-note">{both(words)}</div>')
            return
        self._html.set_content(panel(today, account, self._zone))


def panel(rows: Sequence[cycles.CycleRow], account: Account, zone: ZoneInfo) -> str:
    """The cycles of the day, newest first, and the total, as HTML."""
    found = account.usage
    counted = [one for one in rows if one.verdict != "not_reproduced"]
    counted.sort(key=lambda one: one.ts_ms, reverse=True)
    figures = (
        figure(("今日循环", "cycles today"), str(len(counted)))
        + figure(("累计循环", "cycles in all"), str(found.total))
        + figure(("载荷谱系数 Kp", "load spectrum Kp"), number(found.kp, 3))
        + figure(("等级", "classes"), " ".join(filter(None, (found.u_class, found.q_class, found.group))))
    )
    lines = "".join(_line(one, zone) for one in counted[:SHOWN])
    table = f'<table class="cw-table">{lines}</table>' if lines else ""
    return f'<div class="cw-figures">{figures}</div>{_life(account)}{table}'


def _life(account: Account) -> str:
    found = account.usage
    if found.used_pct is None:
        words = ("设计寿命未填报", "no design life is stated")
        if account.refused is not None:
            words = (f"设计寿命无效：{account.refused}", "the design life that is stated contradicts itself")
        return f'<div class="cw-note">{both(words)}</div>'
    grade = "s3" if found.used_pct >= usage.SPENT_PCT else "s2" if found.used_pct >= usage.NEAR_PCT else ""
    share = f"{min(100.0, found.used_pct):.1f}%"
    words = (f"设计寿命已用 {found.used_pct:.1f} %", f"of the design life used, by {found.used_by}; unverified classes")
    return f'<div class="cw-bar"><div class="{grade}" style="width:{share}"></div></div><div>{both(words)}</div>'


def _line(row: cycles.CycleRow, zone: ZoneInfo) -> str:
    said: dict[str, Any] = row.as_reviewed or row.data
    at = datetime.fromtimestamp(min(row.ts_ms, 253_402_000_000_000) / 1000, UTC).astimezone(zone).strftime("%H:%M")
    minutes = number(said.get("duration_s", 0.0) / 60, 1)
    moment = said.get("max_moment_pct")
    peak = f"{both(('力矩最大', 'moment up to'))} {number(moment, 0)} %" if moment is not None else ""
    flags = [WORDS[Flag(name)] for name in said.get("flags", []) if name in set(Flag)]
    note = both(("、".join(zh for zh, _ in flags), ", ".join(en for _, en in flags))) if flags else ""
    return (
        f"<tr><td>{escape(at)}</td><td><b>{number(said.get('load_t'), 2)} t</b> · {minutes} min</td>"
        f'<td>{peak}<div class="cw-note">{note}</div></td></tr>'
    )


def _zone(name: str) -> ZoneInfo:
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError):
        return ZoneInfo("UTC")
