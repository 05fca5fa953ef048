"""`cranewatch completeness` and `cranewatch gaps`: what of the record is complete, in both languages."""

import getpass
from collections.abc import Iterable
from dataclasses import asdict
from datetime import UTC, date, datetime
from typing import Any, Final
from zoneinfo import ZoneInfo

from rich import box
from rich.table import Column, Table

from telemetry.settings import DatabaseSettings
from telemetry.storage import completeness
from telemetry.storage.balance import Frames, total
from telemetry.storage.completeness import DeviceHoles, Gap, Statement
from telemetry.storage.pool import Database
from telemetry.storage.upkeep import Upkeep

ROWS: Final = (
    ("sent", "已发送", "sent"),
    ("stored", "已入库", "stored"),
    ("misdated", "  时间不可信", "  with a time that cannot be"),
    ("evaluated", "  实时评估", "  evaluated live"),
    ("reviewed", "  事后复核", "  reviewed later"),
    ("refused", "  复核不可用", "  not usable by the review"),
    ("unreviewed", "  待复核", "  not yet reviewed"),
    ("quarantined", "已隔离", "quarantined"),
    ("missing", "缺失", "missing"),
    ("overdue", "  逾期", "  overdue"),
    ("tail", "  启动段末尾", "  at the end of a boot"),
    ("lost", "确认丢失", "declared lost"),
)
BRIEF: Final = (
    ("sent", "已发送", "sent"),
    ("stored", "已入库", "stored"),
    ("unreviewed", "待复核", "unreviewed"),
    ("quarantined", "已隔离", "quarantined"),
    ("missing", "缺失", "missing"),
    ("lost", "丢失", "lost"),
)


def target(name: str) -> tuple[str, str | None, str | None]:
    """SITE, SITE/DEVICE or SITE/KIND/DEVICE, as (site, kind, device). Raises ValueError."""
    parts = name.split("/")
    if not all(parts) or len(parts) > 3:
        raise ValueError(f"{name!r} is not SITE, SITE/DEVICE or SITE/KIND/DEVICE")
    if len(parts) == 3:
        return parts[0], parts[1], parts[2]
    return parts[0], None, parts[1] if len(parts) == 2 else None


async def statements(settings: DatabaseSettings, name: str, day: date, overdue_s: float) -> list[Statement]:
    """The statements of a site or device. Raises StorageError, and ValueError for a name that is none."""
    site, kind, device = target(name)
    async with Database(settings, application="completeness") as database:
        return await completeness.statements(
            database, day, site=site, kind=kind, device=device, overdue_s=overdue_s, details=True
        )


async def gaps(settings: DatabaseSettings, name: str | None, overdue_s: float) -> tuple[list[Gap], list[DeviceHoles]]:
    """
    Who misses frames; with a name also which, of each of its devices that does.

    Raises StorageError, and ValueError for a name that is none.
    """
    site, kind, device = target(name) if name else (None, None, None)
    async with Database(settings, application="gaps") as database:
        found = [
            gap
            for gap in await completeness.open_gaps(database, overdue_s=overdue_s)
            if site in (None, gap.site) and kind in (None, gap.kind) and device in (None, gap.device)
        ]
        if site is None or not found:
            return found, []
        holes = await completeness.missing(database, site=site, kind=kind, device=device)
        return found, [one for one in holes if one.holes]


def give_up(settings: DatabaseSettings, name: str, why: str) -> int:
    """
    Declare lost all that is missing of a device now; how many frames.

    Raises StorageError, ConfigError, and ValueError for a name that is no device's.
    """
    site, kind, device = target(name)
    if device is None:
        raise ValueError(f"{name!r} is not SITE/DEVICE or SITE/KIND/DEVICE: only one device at a time can be given up")
    return Upkeep(settings).give_up(site, kind, device, f"{getpass.getuser()}: {why}")


def statement_json(one: Statement) -> dict[str, Any]:
    """A statement as JSON; times in Unix ms."""
    return {
        "site": one.site, "kind": one.kind, "device": one.device, "day": one.day.date.isoformat(),
        "timezone": one.day.zone, "begin": _ms(one.day.begin), "end": _ms(one.day.end), "frames": _frames(one.frames),
        "boots": {boot: _frames(frames) for boot, frames in one.boots}, "unreadable": one.unreadable,
        "readings": one.readings, "by_hand": one.by_hand, "conflicts": one.conflicts,
        "clock": asdict(one.clock) if one.clock else None, "coverage_ms": one.coverage_ms,
        "events": [{"at": _ms(at), "type": type_, "detail": detail} for at, type_, detail in one.events],
    }  # fmt: skip


def gaps_json(found: Iterable[Gap], holes: Iterable[DeviceHoles]) -> dict[str, Any]:
    """Gaps as JSON; times in Unix ms."""
    return {
        "devices": [{**asdict(gap), "since": _ms(gap.since)} for gap in found],
        "holes": [
            {
                "site": one.site, "kind": one.kind, "device": one.device, "boot": hole.boot, "first": hole.first,
                "last": hole.last, "frames": hole.frames, "begin": hole.from_ms, "end": hole.to_ms,
                "since": _ms(hole.since), "tail": hole.tail,
            }
            for one in holes
            for hole in one.holes
        ],
    }  # fmt: skip


def statement_table(found: list[Statement]) -> Table:
    """All of one device; of several a row each, with what matters most."""
    if len(found) > 1:
        return _site_table(found)
    (one,) = found
    table = Table(
        Column("", no_wrap=True), Column(f"{one.kind}/{one.device}", justify="right"), title=_title(one)
    )  # fmt: skip
    for name, zh, en in ROWS:
        table.add_row(f"{zh} {en.strip()}", _number(getattr(one.frames, name)))
    for reason in sorted({*one.frames.quarantined_by, *one.frames.lost_by}):
        number = one.frames.quarantined_by.get(reason, 0) + one.frames.lost_by.get(reason, 0)
        table.add_row(f"  原因 reason: {reason}", _number(number))
    table.add_section()
    table.add_row("采样 readings", _number(one.readings or 0))
    table.add_row("无法识别 unreadable", _number(sum(one.unreadable.values())))
    table.add_row("时钟偏差 clock off", _clock(one))
    table.add_row("监测时间 monitored", _monitored(one))
    return table


def _site_table(found: list[Statement]) -> Table:
    """One row a device, and their sum: as wide as a terminal of 80 columns."""
    example = f"cranewatch completeness {found[0].site}/{found[0].device}"
    table = Table(
        title=_title(found[0]),
        caption=f"一台设备的全部 all of one device: {example}",
        box=box.SIMPLE,
        collapse_padding=True,
        pad_edge=False,
    )
    table.add_column("设备 device", no_wrap=True)
    for _, zh, en in BRIEF:
        table.add_column(f"{zh}\n{en}", justify="right")
    rows = [(f"{one.kind}/{one.device}", one.frames) for one in found]
    rows.append(("合计 all", total([one.frames for one in found])))
    for name, frames in rows:
        table.add_row(name, *(_number(getattr(frames, field)) for field, _, _ in BRIEF))
    return table


def _title(one: Statement) -> str:
    return f"数据完整性 Completeness · {one.site} · {one.day.date} ({one.day.zone})"


def gap_tables(found: list[Gap], holes: list[DeviceHoles], zone: str | None = None) -> list[Table]:
    """Who misses frames, and, where it was asked for, which."""
    table = Table("设备 device", Column("缺帧 frames", justify="right"), "始于 since", "", title="缺失 Missing now")
    for gap in found:
        mark = "[bold red]逾期 overdue[/]" if gap.overdue else "等待 awaited"
        table.add_row(f"{gap.site}/{gap.kind}/{gap.device}", str(gap.frames), _when(gap.since, zone), mark)
    tables = [table]
    for one in holes:
        detail = Table("启动 boot", "seq", Column("缺帧 frames", justify="right"), "设备时间 device time", "始于 since",
                       title=f"{one.site}/{one.kind}/{one.device}{' …' if one.truncated else ''}")  # fmt: skip
        for hole in one.holes:
            begin, end = (_when(datetime.fromtimestamp(ms / 1000, UTC), zone) for ms in (hole.from_ms, hole.to_ms))
            seqs = f"{hole.first}–{hole.last}{' 末尾 tail' if hole.tail else ''}"
            detail.add_row(hole.boot, seqs, str(hole.frames), f"{begin} – {end}", _when(hole.since, zone))
        tables.append(detail)
    return tables


def _frames(frames: Frames) -> dict[str, Any]:
    return {**asdict(frames), "late": frames.late}


def _number(number: int) -> str:
    return f"{number:,}" if number else "·"


def _clock(one: Statement) -> str:
    clock = one.clock
    if clock is None or clock.median_ms is None:
        return "·"
    found = f"{clock.median_ms / 1000:+.1f} s, {100 * clock.within_5s / clock.live:.0f} % ±5 s"
    odd = [
        f"{n} {word}" for n, word in ((clock.steps_back, "back"), (clock.jumps, "jumps"), (clock.repeats, "still")) if n
    ]
    return ", ".join([found, *odd])


def _monitored(one: Statement) -> str:
    if one.coverage_ms is None:
        return "·"
    minutes = {level: round(ms / 60_000) for level, ms in one.coverage_ms.items()}
    return ", ".join(f"{level} {n} min" for level, n in sorted(minutes.items())) or "·"


def _when(moment: datetime, zone: str | None) -> str:
    return moment.astimezone(ZoneInfo(zone) if zone else None).strftime("%Y-%m-%d %H:%M:%S")


def _ms(moment: datetime) -> int:
    return round(moment.timestamp() * 1000)
