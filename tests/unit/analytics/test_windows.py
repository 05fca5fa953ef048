"""Wind windows against numpy on the whole history, sample by sample."""

import numpy as np
import pytest

from analytics import windows
from analytics.table import Table


@pytest.mark.parametrize("interval", [50, 100, 1000, 2500, 15_000])
def test_gust_and_mean_agree_with_the_whole_history_at_every_sample(interval: int) -> None:
    random = np.random.default_rng(interval)
    made = Table(windows.FIELDS)
    rows = np.array([made.add()])
    times = np.cumsum(random.integers(interval, interval * 2, 2000)) + 1_000_000_000
    wind = np.round(8 + 3 * random.standard_normal(2000), 1).clip(0).astype(np.float32)
    wind[random.random(2000) < 0.05] = np.nan
    known = ~np.isnan(wind)
    for k in range(2000):
        gust = windows.gust(made, rows, times[k : k + 1], wind[k : k + 1], np.array([3000]))[0]
        if not known[k]:
            assert np.isnan(gust)
            continue
        inside = known[: k + 1] & (times[: k + 1] > times[k] - 3000)
        assert gust == np.float32(wind[: k + 1][inside].astype(np.float64).mean())
        buckets = times[: k + 1] // windows.BUCKET_MS
        window = known[: k + 1] & (buckets > times[k] // windows.BUCKET_MS - windows.BUCKETS)
        expected = np.float32(wind[: k + 1][window].astype(np.float64).mean())
        assert windows.mean(made, rows, times[k : k + 1])[0] == expected


def test_an_old_gust_is_no_gust_after_a_gap() -> None:
    made = Table(windows.FIELDS)
    rows = np.array([made.add()])
    span = np.array([3000])
    windows.gust(made, rows, np.array([1000]), np.array([30.0], np.float32), span)
    assert windows.gust(made, rows, np.array([4000]), np.array([5.0], np.float32), span)[0] == 5.0


def test_gust_history_is_the_highest_of_each_closed_bucket() -> None:
    made = Table(windows.FIELDS)
    rows = np.array([made.add()])
    for second in range(60):
        value = np.array([5.0 + second // 10], np.float32)
        windows.gust(made, rows, np.array([second * 1000]), value, np.array([1]))
    t, gusts = windows.gust_history(made, 0, 59_000, 4)
    assert gusts.tolist() == [6.0, 7.0, 8.0, 9.0]
    assert t.tolist() == [-44.0, -34.0, -24.0, -14.0]
