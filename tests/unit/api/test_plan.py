"""The drawings of the desk: plan, load chart, heat map, traces; each against geometry reckoned by hand."""

import json
import re
from typing import Any

import pytest

from api.console import heat, loadchart, scene_page, traces
from api.console.plan import overlaps, plan, standing
from api.i18n import Language, Tongue, zone
from api.live.picture import DeviceView, Picture
from telemetry.kinds import CRANE
from telemetry.model import CoverageLevel, Hazard
from telemetry.wire import payloads
from telemetry.wire.payloads import Coverage, DeviceConfig, HazardCoverage, Heartbeat, SiteConfig, Zone, encode

NOW = 1_000_000
EN = Tongue(Language.EN)
CHART = payloads.Chart(falls=2, points=[(3, 5.0), (10, 5.0), (20, 2.5), (40, 1.0)])


def site(**zones: Any) -> Picture:
    picture = Picture()
    picture.link(up=True)
    config = SiteConfig(version=1, **zones)
    picture.apply("cw/v1/s/config", encode(config), NOW)
    beat = Heartbeat(partition=0, version="t", at=NOW, active=0, digest=payloads.digest([]))
    picture.apply("cw/v1/s/heartbeat", encode(beat), NOW)
    return picture


def crane(
    picture: Picture, device: str, place: tuple[float, float] | None, now: int = NOW, **values: Any
) -> DeviceView:
    config = DeviceConfig(version=1, display_name=f"<{device}>", jib_m=40.0, position_m=place, charts=[CHART],
                          slew_zero_deg=values.pop("zero", 0.0))  # fmt: skip
    level = HazardCoverage(level=CoverageLevel.MONITORED)
    covered = Coverage(at=now, level=CoverageLevel.MONITORED, hazards={Hazard.LOAD: level})
    frame = {"boot": "boot-0001", "seq": 1, "ts": 1000, "falls": 2, **values}
    picture.apply(f"cw/v1/s/crane/{device}/down/config", encode(config), now)
    picture.apply(f"cw/v1/s/crane/{device}/down/coverage", encode(covered), now)
    picture.apply(f"cw/v1/s/crane/{device}/up/reading", json.dumps(frame).encode(), now)
    return picture.devices[("s", "crane", device)]


def line(drawn: str) -> tuple[float, float, float, float]:
    found = re.search(r'class="jib" x1="([-\d.]+)" y1="([-\d.]+)" x2="([-\d.]+)" y2="([-\d.]+)"', drawn)
    assert found is not None
    x1, y1, x2, y2 = (float(one) for one in found.groups())
    return x1, y1, x2, y2


@pytest.mark.parametrize(
    ("zero", "slew", "tip"),
    [(0.0, 0.0, (10, -60)), (0.0, 90.0, (50, -20)), (90.0, 90.0, (10, 20)), (0.0, -90.0, (-30, -20))],
)
def test_a_jib_points_by_its_zero_and_its_slew_clockwise_from_north(
    zero: float, slew: float, tip: tuple[float, float]
) -> None:
    picture = site()
    crane(picture, "c1", (10.0, 20.0), zero=zero, slew_deg=slew)
    _, _, x, y = line(plan(EN, picture, "s", picture.of("s"), NOW))
    assert (x, y) == pytest.approx(tip, abs=0.01)


def test_a_jib_whose_direction_nobody_knows_is_not_drawn() -> None:
    picture = site()
    crane(picture, "c1", (0.0, 0.0), zero=None, slew_deg=10.0)
    drawn = plan(EN, picture, "s", picture.of("s"), NOW)
    assert 'class="jib"' not in drawn
    assert "direction unknown" in drawn


def test_cranes_that_can_meet_are_said_to_be_watched_by_nobody() -> None:
    picture = site()
    crane(picture, "c1", (0.0, 0.0))
    crane(picture, "c2", (79.0, 0.0))
    crane(picture, "c3", (0.0, 200.0))
    views = picture.of("s")
    assert [(a.view.device, b.view.device) for a, b in overlaps(standing(views))] == [("c1", "c2")]
    drawn = plan(EN, picture, "s", views, NOW)
    assert "ANTI-COLLISION NOT MONITORED" in drawn
    assert drawn.count('class="lens"') == 1


def test_a_silent_crane_is_hatched_and_its_figure_is_no_figure() -> None:
    picture = site()
    crane(picture, "c1", (0.0, 0.0), load_t=2.0, radius_m=20.0)
    fresh = plan(EN, picture, "s", picture.of("s"), NOW)
    old = plan(EN, picture, "s", picture.of("s"), NOW + 60_000)
    assert "80 %" in fresh
    assert "cw-blind)" not in fresh.split("</defs>")[1]
    assert "80 %" not in old
    assert "cw-blind)" in old.split("</defs>")[1]


def test_names_from_outside_stay_text_in_a_drawing() -> None:
    hostile = Zone(zh="<script>", en="<script>alert(1)</script>", corners=[(0, 0), (5, 0), (5, 5)])
    picture = site(zones=[hostile])
    crane(picture, "c1", (0.0, 0.0))
    drawn = plan(EN, picture, "s", picture.of("s"), NOW)
    assert "<script" not in drawn
    assert "&lt;c1&gt;" in drawn


@pytest.mark.parametrize(
    ("load", "out"), [(6.0, None), (5.0, 10.0), (2.5, 20.0), (1.75, 30.0), (0.5, 40.0), (0.0, None), (-0.1, None)]
)
def test_how_far_out_a_load_may_go(load: float, out: float | None) -> None:
    assert loadchart.reach(CHART, load) == pytest.approx(out)


def test_the_working_point_is_graded_and_an_old_one_is_said_to_be_old() -> None:
    picture = site()
    view = crane(picture, "c1", None, load_t=2.4, radius_m=20.0)
    drawn = loadchart.loadchart(EN, view, stale=False)
    assert 'class="point s2"' in drawn
    assert "2.40 t at 20.0 m, rated 2.50 t" in drawn
    drawn = loadchart.loadchart(EN, view, stale=True)
    assert 'class="point old"' in drawn
    assert "old: " in drawn
    assert "No load chart" in loadchart.loadchart(EN, DeviceView("s", "crane", "x"), stale=False)


def post(n: int, place: tuple[float, float] | None, settle: float | None, **limits: Any) -> DeviceView:
    view = DeviceView("s", "formwork", f"post-{n:02}", config=DeviceConfig(version=1, position_m=place, **limits))
    picture = Picture()
    frame = {"boot": "boot-0001", "seq": 1, "ts": 1000, **({} if settle is None else {"settle_mm": settle})}
    picture.apply(f"cw/v1/s/formwork/post-{n:02}/up/reading", json.dumps(frame).encode(), NOW)
    view.reading = picture.devices[("s", "formwork", f"post-{n:02}")].reading
    return view


def test_posts_are_placed_to_scale_only_when_each_has_a_place_of_its_own() -> None:
    near = [post(1, (24.0, 38.0), 1.0), post(2, (24.9, 38.0), 1.0), post(3, (24.0, 38.9), 1.0)]
    places, to_scale = heat.placed(near)
    assert to_scale
    assert [(round(x, 6), round(y, 6)) for x, y in places] == [(0, 1), (1, 1), (0, 0)]  # north is up
    assert heat.placed([*near, post(4, None, 1.0)])[1] is False
    assert heat.placed([post(1, (0, 0), 1.0), post(2, (0, 0), 1.0)])[1] is False


def test_a_post_is_measured_by_its_own_limit_before_the_profile_s() -> None:
    of = heat.QUANTITIES["settle"]
    plain, own, unknown = (
        post(1, None, -4.0),
        post(2, None, 4.0, limits={"settlement": {"alarm": 5.0}}),
        post(3, None, None),
    )
    shares = [one.share for one in heat.posts(None, [plain, own, unknown], of)]
    assert shares == [pytest.approx(50.0), pytest.approx(80.0), None]  # cn: alarm at 8 mm
    drawn = heat.heat(EN, None, [plain, own, unknown], of, NOW)
    assert '<g class="h3">' in drawn
    assert ">80 %</text>" in drawn
    assert ">?</text>" in drawn


def test_a_trace_has_no_line_where_nothing_was_measured() -> None:
    points: list[tuple[int, float | None]] = [
        (0, 1.0),
        (1000, 1.1),
        (2000, None),
        (3000, 1.2),
        (30_000, 1.3),
        (31_000, 1.4),
    ]
    assert [len(run) for run in traces.runs(points)] == [2, 2, 2]
    trace = traces.Trace(CRANE.channel("load_t"), points, limit=9.0)
    drawn = traces.drawn(EN, [trace], 0, 60_000, 30_000, zone("UTC"))
    assert drawn.count('class="line"') == 3
    assert 'class="limit"' in drawn
    nothing = traces.Trace(CRANE.channel("load_t"), [(0, None)])
    assert "no readings are stored" in traces.drawn(EN, [nothing], 0, 60_000, 30_000, zone("UTC"))


def test_in_three_dimensions_north_is_a_quarter_turn_from_east_and_what_is_unknown_is_none() -> None:
    picture = site()
    crane(picture, "c1", (0.0, 0.0), slew_deg=90.0, radius_m=12.0)
    crane(picture, "c2", (9.0, 0.0), zero=None)
    east, unknown = (scene_page.pose(one, NOW, lost=False) for one in standing(picture.of("s")))
    assert (east.angle, east.radius_m, east.hook_m) == (pytest.approx(0.0), 12.0, None)
    assert unknown.angle is None
    lost = scene_page.pose(standing(picture.of("s"))[0], NOW, lost=True)
    assert lost.colour == scene_page.GREY
