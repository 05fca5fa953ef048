"""What a load chart says."""

import json

import pytest

from api.charts import rated_at, use
from api.live.picture import Picture
from telemetry.wire import payloads

POINTS = [(2.5, 6.0), (17.5, 6.0), (25.0, 3.9), (50.0, 1.7)]


@pytest.mark.parametrize(
    ("radius", "rated"),
    [(0, 6.0), (2.5, 6.0), (17.5, 6.0), (21.25, 4.95), (25.0, 3.9), (50.0, 1.7), (50.1, None), (-1, None)],
)
def test_rated_load_is_straight_between_the_points_and_unknown_beyond_them(radius: float, rated: float | None) -> None:
    assert rated_at(POINTS, radius) == (None if rated is None else pytest.approx(rated))


def view(**values: object) -> Picture:
    picture = Picture()
    config = payloads.DeviceConfig(version=1, charts=[payloads.Chart(falls=2, points=POINTS)])
    picture.apply("cw/v1/s/crane/c1/down/config", payloads.encode(config), 0)
    frame = {"boot": "boot-0001", "seq": 1, "ts": 1, **values}
    picture.apply("cw/v1/s/crane/c1/up/reading", json.dumps(frame).encode(), 0)
    return picture


@pytest.mark.parametrize(
    ("values", "percent", "source"),
    [
        ({"load_t": 1.95, "radius_m": 25.0, "falls": 2}, 50.0, "chart"),
        ({"load_t": 1.95, "radius_m": 25.0, "falls": 2, "rated_load_t": 3.0}, 65.0, "box"),
        ({"load_t": 1.95, "radius_m": 25.0, "falls": 4}, None, None),
        ({"load_t": 1.95, "radius_m": 25.0, "falls": 2, "invalid": ["load_t"]}, None, "chart"),
        ({"load_t": 1.95, "radius_m": 25.0, "falls": 2, "invalid": ["radius_m"]}, None, None),
        ({"radius_m": 25.0, "falls": 2}, None, "chart"),
    ],
)
def test_the_figure_shown_is_the_box_s_own_or_the_chart_s_or_none(
    values: dict[str, object], percent: float | None, source: str | None
) -> None:
    used = use(view(**values).devices[("s", "crane", "c1")])
    assert used.percent == (None if percent is None else pytest.approx(percent))
    assert used.source == source
