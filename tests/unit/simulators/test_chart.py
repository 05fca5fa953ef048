"""The black box's load chart."""

from itertools import pairwise

import numpy as np
import pytest

from simulators import site as sites
from simulators.chart import LoadChart
from telemetry.errors import ConfigError
from telemetry.wire.payloads import Chart

DEMO = sites.load(sites.builtin("demo"))
CHARTS = {crane.id: LoadChart(crane.model.charts) for crane in DEMO.cranes}

# Closed forms `min(most, A / (R + b) - c)`, fitted to the data sheets independently of the points; largest error in t.
CLOSED = [
    ("crane-2", 4, 5.0, 103.8, -0.85, 0.663, 0.003),
    ("crane-1", 4, 8.0, 137.6, -0.85, 0.694, 0.004),
    ("crane-1", 2, 4.0, 127.7, -2.50, 0.516, 0.004),
    ("crane-3", 4, 10.0, 189.7, -1.15, 0.863, 0.005),
    ("crane-3", 2, 5.0, 190.2, -1.10, 0.777, 0.005),
]


@pytest.mark.parametrize(("crane", "falls", "most", "a", "b", "c", "error"), CLOSED)
def test_the_points_lie_on_the_curve_of_their_crane(
    crane: str, falls: int, most: float, a: float, b: float, c: float, error: float
) -> None:
    chart = next(chart for chart in DEMO.devices["crane", crane].charts if chart.falls == falls)
    for radius, load in chart.points[1:]:
        # The sheets print two decimals, so half of the last one comes on top of the fit's own error. The end of the
        # flat part is printed to 0.1 m, which is worth more.
        corner = 0.03 if load == most else 0.0
        assert min(most, a / (radius + b) - c) == pytest.approx(load, abs=error + 0.006 + corner)


@pytest.mark.parametrize("crane", sorted(CHARTS))
def test_rated_load_never_rises_with_radius(crane: str) -> None:
    chart = CHARTS[crane]
    for falls in chart.falls:
        loads = [chart.rated(radius, falls) for radius in np.linspace(2.5, chart.reach(falls), 500)]
        assert all(b <= a for a, b in pairwise(loads))


@pytest.mark.parametrize("crane", sorted(CHARTS))
def test_two_falls_carry_slightly_more_than_four_except_where_the_rope_caps_them(crane: str) -> None:
    chart = CHARTS[crane]
    for radius in np.linspace(3, chart.reach(2), 200):
        two, four = chart.rated(radius, 2), chart.rated(radius, 4)
        if two < chart.most(2):
            assert four < two < four * 1.08
        else:
            assert two == chart.most(2) == chart.most(4) / 2


def test_rated_moment_is_not_constant_along_the_jib() -> None:
    chart = CHARTS["crane-1"]
    assert chart.rated(20, 4) * 20 == pytest.approx(129.8)
    assert chart.rated(60, 4) * 60 == pytest.approx(97.8)


def test_between_two_points_it_is_straight() -> None:
    chart = LoadChart([Chart(falls=2, points=[(10, 4), (20, 2)])])
    assert chart.rated(12.5, 2) == 3.5
    assert chart.rated(2, 2) == 4
    assert chart.rated(20.3, 2) == 2
    assert chart.rated(21, 2) == 0


@pytest.mark.parametrize(
    ("points", "words"),
    [
        ([(10.0, 4.0), (10.0, 3.0)], "radii must rise"),
        ([(10.0, 4.0), (20.0, 5.0)], "never rise"),
        ([(10.0, 4.0), (20.0, 0.0)], "positive"),
    ],
)
def test_a_curve_that_cannot_be_is_refused(points: list[tuple[float, float]], words: str) -> None:
    with pytest.raises(ConfigError, match=words):
        LoadChart([Chart(falls=2, points=points)])
