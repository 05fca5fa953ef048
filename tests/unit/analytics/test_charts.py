"""Load charts against numpy's own interpolation."""

import numpy as np
import pytest

from analytics import charts
from telemetry.errors import ConfigError
from telemetry.wire.payloads import Chart
from tests.helpers.site import CHART


def test_rated_load_agrees_with_numpy_everywhere_on_the_jib() -> None:
    book = charts.ChartBook()
    short = [(10.0, 8.0), (20.0, 5.0)]
    numbers = np.array([book.add(CHART.points), book.add(short)])
    for radius in np.arange(0.0, 75.0, 0.37):
        q, qmax = book.rated(numbers, np.array([radius, radius]))
        for k, points in enumerate((CHART.points, short)):
            xs, ys = np.float32(points).astype(np.float64).T
            assert q[k] == pytest.approx(np.interp(radius, xs, ys), rel=1e-12)
            assert qmax[k] == np.float32(ys[0])


def test_at_a_point_of_the_chart_the_rated_load_is_exactly_that_point() -> None:
    book = charts.ChartBook()
    number = np.array([book.add(CHART.points)])
    for radius, load in CHART.points:
        q, _ = book.rated(number, np.array([np.float32(radius)], np.float64))
        assert np.float64(np.float32(load)) / q[0] * 100 == 100.0


def test_without_a_chart_or_a_radius_there_is_no_rated_load() -> None:
    book = charts.ChartBook()
    number = book.add(CHART.points)
    q, qmax = book.rated(np.array([charts.NONE, number]), np.array([30.0, np.nan]))
    assert np.isnan(q).all()
    assert np.isnan(qmax[0])
    assert qmax[1] == 4.0


@pytest.mark.parametrize(
    "points", [[(10, 5), (10, 4)], [(20, 5), (10, 4)], [(10, 4), (20, 5)], [(10, 4), (20, 0)], [(-1, 4), (20, 3)]]
)
def test_a_chart_that_cannot_be_meant_is_refused(points: list[tuple[float, float]]) -> None:
    with pytest.raises(ConfigError, match="load chart"):
        charts.check([Chart(falls=2, points=points)])


def test_two_charts_for_one_reeving_are_refused() -> None:
    with pytest.raises(ConfigError, match="there twice"):
        charts.check([CHART, CHART])
