"""
When a site wants its proof tests: a schedule only asks, once a day, in its hours, until somebody has done one. Pure.
"""

from dataclasses import dataclass
from datetime import datetime, time
from typing import Final
from zoneinfo import ZoneInfo

GRACE_DAYS: Final = 1.0


@dataclass(frozen=True, slots=True)
class Schedule:
    """A test every so many days, asked for in these hours (HH:MM) of the site's day."""

    every_days: int
    begins: str
    ends: str


def check(schedule: Schedule) -> None:
    """Raises ValueError for hours that are none, or end before they begin: nobody is asked for a test over midnight."""
    if not time.fromisoformat(schedule.begins) < time.fromisoformat(schedule.ends):
        raise ValueError("the hours end before they begin")


def asks(
    schedule: Schedule, zone: ZoneInfo, now: datetime, done: datetime | None, asked: datetime | None
) -> datetime | None:
    """
    Until when a test is asked for, when one is to be asked for now; None when none is.

    `done`: when the last one passed or failed; `asked`: when the last one was wanted at all. Once a day at most.
    """
    local = now.astimezone(zone)
    begin, end = time.fromisoformat(schedule.begins), time.fromisoformat(schedule.ends)
    if not begin <= local.time() < end:
        return None
    if asked is not None and asked.astimezone(zone).date() == local.date():
        return None
    if done is not None and (local.date() - done.astimezone(zone).date()).days < schedule.every_days:
        return None
    return datetime.combine(local.date(), end, zone)


def overdue_days(schedule: Schedule, now: datetime, done: datetime | None, since: datetime) -> float | None:
    """For how many days none was done, once that is longer than it should be; from `since` where none ever was."""
    days = (now - (done or since)).total_seconds() / 86_400
    return days if days > schedule.every_days + GRACE_DAYS else None
