"""`cranewatch usage`: what a crane has lifted, against the life that it was designed for, in both languages."""

from dataclasses import asdict
from typing import Any, Final

from rich import box
from rich.console import Group
from rich.table import Column, Table

from runtime.record import target
from telemetry import usage
from telemetry.settings import DatabaseSettings
from telemetry.storage import duty
from telemetry.storage.duty import Account
from telemetry.storage.pool import Database

BAR: Final = 40


async def account(settings: DatabaseSettings, name: str, now_ms: int, *, days: int, operators: bool) -> Account | None:
    """The account of a crane; None when there is none of that name. Raises StorageError, and ValueError for no name."""
    site, kind, device = target(name)
    if device is None or kind not in (None, duty.KIND):
        raise ValueError(f"{name!r} is not SITE/CRANE")
    async with Database(settings, application="usage") as database:
        row = await duty.crane(database, site, device)
        if row is None:
            return None
        return await duty.account(database, row, now_ms, days=days, operators=operators)


def usage_json(one: Account) -> dict[str, Any]:
    """An account as JSON; times in Unix ms."""
    design = one.design
    return {
        "site": one.site, "device": one.device, "display_name": one.display_name, "timezone": one.timezone,
        "begin": one.first_ms, "end": one.last_ms, **asdict(one.usage), "told_by_box": one.told,
        "stated_by": design.stated_by if design else None, "design_refused": one.refused, "days": one.days,
        "operators": one.operators, "source": usage.SOURCE,
    }  # fmt: skip


def usage_table(one: Account) -> Group:
    """An account as tables."""
    found = one.usage
    rows = [
        ("工作循环", "work cycles recognised", f"{found.cycles}"),
        ("  无吊重", "  without a load", f"{found.cycles - found.weighed}"),
        ("  设备自报", "  counted by the box itself, not in the total", f"{one.told}"),
        ("累计循环", "total with those before", f"{found.total}"),
        ("使用等级", "class of use", found.u_class),
        ("载荷谱系数 Kp", "load spectrum factor Kp", _figure(found.kp, 4)),
        ("载荷状态级别", "class of load", found.q_class or "—"),
        ("工作级别", "group", found.group or "—"),
    ]
    if one.design is not None and found.design_cycles is not None:
        rows += [
            ("设计循环次数", "design cycles", f"{found.design_cycles}"),
            ("设计 Kp", "design Kp", _figure(found.design_kp, 4)),
            ("设计寿命已用", f"design life used, by {found.used_by}", f"{_figure(found.used_pct, 1)} %"),
            ("剩余同类循环", "cycles left like those so far", f"{found.left if found.left is not None else '—'}"),
            ("依据", "stated by", one.design.stated_by),
        ]
    else:
        rows.append(("设计寿命", "design life", f"未填报 not stated {one.refused or ''}".rstrip()))
    table = Table("", "", Column(justify="right"), box=box.SIMPLE_HEAD, show_header=False,
                  title=f"{one.display_name or one.device}  {one.site}/{one.device}")  # fmt: skip
    for row in rows:
        table.add_row(*row)
    parts: list[Any] = [table]
    if found.spectrum:
        parts.append(_spectrum(found.spectrum))
    if one.days:
        parts.append(_counts("日期", "day", one.days))
    if one.operators:
        parts.append(_counts("司机", "operator", {name or "—": n for name, n in one.operators.items()}))
    return Group(*parts, f"来源 source: {usage.SOURCE}")


def _spectrum(shares: tuple[float, ...]) -> Table:
    table = Table("吊重 load % of the largest", Column("占比 share", justify="right"), "", box=box.SIMPLE_HEAD)
    step = 100 // usage.BINS
    for k, share in enumerate(shares):
        name = f"{k * step}–{(k + 1) * step}" if k < usage.BINS else "> 100"
        table.add_row(name, f"{100 * share:.1f} %", "█" * round(BAR * share))
    return table


def _counts(zh: str, en: str, counts: dict[str, int]) -> Table:
    table = Table(f"{zh} {en}", Column("循环 cycles", justify="right"), box=box.SIMPLE_HEAD)
    for name, n in counts.items():
        table.add_row(name, str(n))
    return table


def _figure(value: float | None, decimals: int) -> str:
    return "—" if value is None else f"{value:.{decimals}f}"
