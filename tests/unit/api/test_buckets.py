"""How finely history is answered."""

from datetime import UTC, datetime, timedelta

import pytest

from api.buckets import MAX_POINTS, Bucket, aligned, choose


@pytest.mark.parametrize(
    ("span", "bucket"),
    [
        (timedelta(seconds=30), Bucket.RAW),
        (timedelta(minutes=30), Bucket.S10),
        (timedelta(hours=2), Bucket.S10),
        (timedelta(hours=8), Bucket.M1),
        (timedelta(hours=24), Bucket.M5),
        (timedelta(days=7), Bucket.M15),
        (timedelta(days=31), Bucket.H1),
        (timedelta(days=400), Bucket.D1),
    ],
)
def test_the_finest_bucket_that_a_chart_can_show(span: timedelta, bucket: Bucket) -> None:
    assert choose(span) is bucket


def test_no_range_gives_more_than_a_thousand_buckets() -> None:
    for minutes in range(3, 400 * 1440, 997):
        span = timedelta(minutes=minutes)
        assert span / choose(span).width <= MAX_POINTS


@pytest.mark.parametrize("bucket", list(Bucket)[1:])
def test_a_range_is_widened_to_whole_buckets(bucket: Bucket) -> None:
    begin, end = datetime(2027, 1, 15, 8, 0, 1, tzinfo=UTC), datetime(2027, 1, 15, 9, 59, 59, tzinfo=UTC)
    first, last = aligned(begin, end, bucket)
    assert first <= begin < first + bucket.width
    assert last - bucket.width < end <= last
    assert (last - first) % bucket.width == timedelta(0)
    assert aligned(first, last, bucket) == (first, last)


def test_a_week_begins_on_a_monday() -> None:
    first, _ = aligned(datetime(2027, 1, 15, tzinfo=UTC), datetime(2027, 1, 16, tzinfo=UTC), Bucket.D7)
    assert first.weekday() == 0
