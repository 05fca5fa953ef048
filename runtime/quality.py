"""`cranewatch alarm-quality`: how good the alarms of a site were, in both languages."""

from datetime import datetime
from typing import Final

from rich.table import Column, Table

from telemetry import alarm_kpi
from telemetry.settings import DatabaseSettings
from telemetry.storage import quality
from telemetry.storage.pool import Database

ROWS: Final = (
    ("annunciated", "报警条数", "annunciated"),
    ("per_10_min", "每10分钟", "per 10 min"),
    ("per_day", "每天", "per day"),
    ("peak_10_min", "10分钟最多", "most in 10 min"),
    ("over_10_share", "超过10条的时段", "periods with more than 10"),
    ("flood_share", "泛滥时间", "time in a flood"),
    ("chattering", "抖动报警", "chattering"),
    ("fleeting", "瞬时报警", "fleeting, over in 10 s"),
    ("stale", "超过一天的报警", "stale, on for more than a day"),
    ("standing", "当前仍在报警", "standing at the end"),
    ("high_share", "高优先级占比", "share of priority high"),
    ("top_share", "前十项占比", "share of the ten that say most"),
    ("median_s", "确认用时中位数", "median time to acknowledge"),
    ("p90_s", "确认用时90%", "90 % are acknowledged in"),
    ("waiting", "未确认", "nobody has acknowledged"),
    ("rubber_stamp_share", "走过场确认", "rubber stamps"),
)
_SHARES: Final = {"over_10_share", "flood_share", "high_share", "top_share", "rubber_stamp_share"}


async def found(settings: DatabaseSettings, site: str, begin: datetime, end: datetime) -> quality.Quality | None:
    """The figures of a site; None when nobody knows it. Raises StorageError, and ValueError for a wrong span."""
    async with Database(settings, application="quality") as database:
        return await quality.quality(database, site, begin, end)


def tables(one: quality.Quality) -> list[Table]:
    """The desk, who says most, the cabs, and who acknowledges."""
    span = f"{one.begin:%Y-%m-%d %H:%M} – {one.end:%Y-%m-%d %H:%M} UTC"
    desk = Table("", Column("", justify="right"), Column("目标 target", justify="right"),
                 title=f"{one.site} 值班台 desk  {span}")  # fmt: skip
    beyond = one.desk.beyond()
    for name, zh, en in ROWS:
        value = getattr(one.desk, name)
        shown = _shown(name, len(value) if isinstance(value, list) else value)
        target = alarm_kpi.TARGETS.get(name)
        style = "bold red" if name in beyond else ""
        desk.add_row(f"{zh} {en}", shown, f"≤ {_shown(name, target)}" if target is not None else "", style=style)
    most = Table("设备 device", "规则 rule", Column("条 lines", justify="right"), title="最多的十项 what says most")
    for line in one.desk.top:
        most.add_row(f"{line.place[0]}/{line.place[1]}", line.place[2], f"{line.times}  {line.share:.0%}")
    cabs = Table("驾驶室 cab", Column("响声 s", justify="right"), Column("次 times", justify="right"),
                 Column("s/h", justify="right"), "规则 rules",
                 title=f"响声 sound, 预算 budget {alarm_kpi.CAB_S_PER_HOUR:g} s/h")  # fmt: skip
    for cab in [*one.cabs, *one.operators]:
        rules = ", ".join(f"{rule} {seconds:.0f}" for rule, seconds in cab.rules.items())
        cabs.add_row(cab.name or "司机未知 unknown", f"{cab.sound_s:.0f}", str(cab.times), f"{cab.s_per_hour:.1f}",
                     rules, style="bold red" if cab.over else "")  # fmt: skip
    people = Table("人员 person", Column("确认 acknowledged", justify="right"), Column("中位 median", justify="right"),
                   Column("走过场 rubber stamps", justify="right"))  # fmt: skip
    for who in one.desk.people:
        people.add_row(who.who, str(who.acknowledged), f"{who.median_s:.0f} s", str(who.rubber_stamps))
    return [desk, most, cabs, people]


def _shown(name: str, value: float | None) -> str:
    if value is None:
        return "-"
    if name in _SHARES:
        return f"{value:.1%}"
    if name.endswith("_s"):
        return f"{value:.0f} s"
    return f"{value:g}" if value == int(value) else f"{value:.2f}"
