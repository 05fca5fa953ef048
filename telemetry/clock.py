"""The one place that asks what time it is."""

import time
from datetime import UTC, datetime


def now_ms() -> int:
    """Unix milliseconds, UTC."""
    return time.time_ns() // 1_000_000  # noqa: TID251 - this is the place


def utc_now() -> datetime:
    """Now, aware and UTC."""
    return datetime.now(UTC)


def to_datetime(ms: int) -> datetime:
    """Unix milliseconds as an aware UTC datetime. Raises OverflowError or ValueError outside years 1-9999."""
    return datetime.fromtimestamp(ms / 1000, UTC)


def to_ms(moment: datetime) -> int:
    """An aware datetime as Unix milliseconds."""
    return round(moment.timestamp() * 1000)
