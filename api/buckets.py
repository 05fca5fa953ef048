"""
How finely to answer a question about history. Pure.

Rule: at most about a thousand points for a chart, from the finest width that keeps to it; raw only for ranges so
short that every sample of a fast device still fits.
"""

from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Final

ORIGIN: Final = datetime(2000, 1, 3, tzinfo=UTC)
MAX_POINTS: Final = 1000
RAW_SPAN: Final = timedelta(minutes=2)  # 1,200 samples of a device at 10 Hz
MAX_SPAN: Final = timedelta(days=400)
FINE_SPAN: Final = timedelta(hours=3)  # buckets below a minute are made from raw rows


class Bucket(StrEnum):
    """The widths; `raw` is no bucket at all."""

    RAW = "raw"
    S10 = "10s"
    M1 = "1m"
    M5 = "5m"
    M15 = "15m"
    H1 = "1h"
    H6 = "6h"
    D1 = "1d"
    D7 = "7d"

    @property
    def width(self) -> timedelta:
        """The width; zero for raw."""
        return WIDTHS[self]


WIDTHS: Final[dict[Bucket, timedelta]] = {
    Bucket.RAW: timedelta(0),
    Bucket.S10: timedelta(seconds=10),
    Bucket.M1: timedelta(minutes=1),
    Bucket.M5: timedelta(minutes=5),
    Bucket.M15: timedelta(minutes=15),
    Bucket.H1: timedelta(hours=1),
    Bucket.H6: timedelta(hours=6),
    Bucket.D1: timedelta(days=1),
    Bucket.D7: timedelta(days=7),
}


def choose(span: timedelta) -> Bucket:
    """The finest bucket that gives no more than MAX_POINTS over that span."""
    if span <= RAW_SPAN:
        return Bucket.RAW
    for bucket in list(Bucket)[1:]:
        if span <= bucket.width * MAX_POINTS and (bucket is not Bucket.S10 or span <= FINE_SPAN):
            return bucket
    return Bucket.D7


def aligned(begin: datetime, end: datetime, bucket: Bucket) -> tuple[datetime, datetime]:
    """The range widened to whole buckets, so that the first and the last one are not cut."""
    if bucket is Bucket.RAW:
        return begin, end
    width = bucket.width
    first = ORIGIN + (begin - ORIGIN) // width * width
    last = ORIGIN + -((ORIGIN - end) // width) * width
    return first, last
