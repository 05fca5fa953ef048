"""Scenario files."""

import re
from pathlib import Path
from typing import Any

import pytest

from simulators import scenario as scenarios
from simulators import site as sites
from simulators.scenario import AnyEvent, Timeline
from telemetry.errors import ConfigError

SITE = sites.load(sites.builtin("demo"))
FOLDER = scenarios.builtin("demo").parent
ALL = sorted(path.stem for path in FOLDER.glob("*.toml"))


def parse(*events: dict[str, Any]) -> scenarios.Scenario:
    return scenarios.parse({"title": {"zh": "试", "en": "try"}, "event": list(events)})


@pytest.mark.parametrize("name", ALL)
def test_every_scenario_fits_its_site(name: str) -> None:
    scenario = scenarios.load(scenarios.builtin(name))
    scenarios.check(scenario, SITE)
    assert scenario.title.zh
    assert scenario.title.en


def test_the_scenarios_that_are_promised_are_there() -> None:
    promised = {"normal-shift", "overload", "gust-front", "formwork-settling", "dead-device", "demo"}
    assert promised <= set(ALL)


def test_the_readme_documents_every_event_and_every_key() -> None:
    text = (FOLDER / "README.md").read_text(encoding="utf-8")
    for event in AnyEvent.__args__:
        tag = event.__struct_config__.tag
        assert re.search(rf"^\| `{tag}` \|", text, re.MULTILINE), f"{tag} is not documented"
        row = next(line for line in text.splitlines() if line.startswith(f"| `{tag}` |"))
        for key in event.__struct_fields__:
            if key not in ("at", "repeat_s", "devices", "rise_mps", "ramp_s", "hold_s", "fall_s", "veer_deg"):
                assert f"`{key}`" in row, f"{tag}: {key} is not documented"


@pytest.mark.parametrize(
    ("event", "words"),
    [
        ({"type": "lift", "at": 1, "devices": ["crane-9"], "percent": 90, "radius_m": 20}, "no device 'crane-9'"),
        ({"type": "lift", "at": 1, "devices": ["post-01"], "percent": 90, "radius_m": 20}, "post-01 is not a crane"),
        ({"type": "lift", "at": 1, "devices": ["crane-2"], "percent": 90, "radius_m": 50}, "radius outside"),
        ({"type": "sink", "at": 1, "devices": ["crane-1"], "depth_mm": 9, "over_s": 9}, "not a formwork post"),
        ({"type": "stuck", "at": 1, "devices": ["post-01"], "channel": "load_t"}, "formwork measures no 'load_t'"),
        ({"type": "stuck", "at": 1, "devices": ["crane-1"], "channel": "mode"}, "crane measures no 'mode'"),
        ({"type": "pour", "at": 1, "bay": "Z"}, "no bay 'Z'"),
        ({"type": "reeve", "at": 1, "devices": ["crane-1"], "falls": 6}, "no load curve for 6 falls"),
        ({"type": "stand", "at": 5, "devices": ["crane-1"], "radius_m": 20}, "at 0 s only"),
    ],
)
def test_what_does_not_fit_the_site_is_named_with_its_event(event: dict[str, Any], words: str) -> None:
    with pytest.raises(ConfigError, match=rf"event 1 \({event['type']} at {event['at']} s\): .*{words}"):
        scenarios.check(parse(event), SITE)


@pytest.mark.parametrize(
    ("event", "words"),
    [
        ({"type": "explode", "at": 1}, "explode"),
        ({"at": 1}, "type"),
        ({"type": "gust_front", "at": -1}, r"\$.event\[0\].at"),
        ({"type": "gust_front", "at": 1, "rise": 8}, "unknown field `rise`"),
        ({"type": "lift", "at": 1, "devices": [], "percent": 90, "radius_m": 20}, "devices"),
        ({"type": "lift", "at": 1, "devices": ["crane-1"], "percent": 900, "radius_m": 20}, "percent"),
        ({"type": "mode", "at": 1, "devices": ["crane-1"], "mode": "flying"}, "flying"),
        ({"type": "gust_front", "at": 1, "repeat_s": 0}, "repeat_s"),
    ],
)
def test_what_is_not_a_scenario_is_refused(event: dict[str, Any], words: str) -> None:
    with pytest.raises(ConfigError, match=words):
        parse(event)


def test_the_error_names_the_file(tmp_path: Path) -> None:
    path = tmp_path / "mine.toml"
    path.write_text("title = 3", encoding="utf-8")
    with pytest.raises(ConfigError, match=r"mine.toml: .*title"):
        scenarios.load(path)
    with pytest.raises(ConfigError, match=r"there are: .*normal-shift"):
        scenarios.builtin("nowhere")


def test_a_timeline_gives_events_in_order_once_and_repeats_those_that_repeat() -> None:
    scenario = parse(
        {"type": "strip", "at": 30, "bay": "A"},
        {"type": "pour", "at": 10, "bay": "A", "repeat_s": 15},
    )
    timeline = Timeline(scenario.event)
    seen = [
        [(at, event.__struct_config__.tag) for at, event in timeline.due(t)] for t in (9.9, 10.0, 10.1, 40.0, 50.0, 55)
    ]
    assert seen == [[], [(10, "pour")], [], [(25, "pour"), (30, "strip"), (40, "pour")], [], [(55, "pour")]]
