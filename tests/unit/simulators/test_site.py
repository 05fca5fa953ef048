"""Site files."""

import tomllib
from pathlib import Path
from typing import Any

import pytest

from simulators import site as sites
from telemetry.errors import ConfigError
from telemetry.wire import payloads

TEXT = sites.builtin("demo").read_text(encoding="utf-8")


def raw() -> dict[str, Any]:
    return tomllib.loads(TEXT)


def test_the_demo_site_has_three_cranes_of_real_charts_and_a_bay_of_twelve() -> None:
    site = sites.load(sites.builtin("demo"))
    assert [crane.id for crane in site.cranes] == ["crane-1", "crane-2", "crane-3"]
    assert [post.id for post in site.posts] == [f"post-{n:02d}" for n in range(1, 13)]
    assert set(site.devices) == {("crane", c.id) for c in site.cranes} | {("formwork", p.id) for p in site.posts}
    first = site.devices["crane", "crane-1"]
    assert (first.display_name, first.jib_m, first.interval_ms, first.profile) == ("1#塔机", 60.0, 200, "cn")
    assert {chart.falls for chart in first.charts} == {2, 4}
    post = site.devices["formwork", "post-07"]
    assert (post.bay, post.design_force_kn, post.interval_ms) == ("A", 13.2, 1000)
    assert site.config.timezone == "Asia/Shanghai"


def test_every_configuration_survives_the_wire() -> None:
    site = sites.load(sites.builtin("demo"))
    for config in site.devices.values():
        assert payloads.decode(payloads.DeviceConfig, payloads.encode(config)) == config
    assert payloads.decode(payloads.SiteConfig, payloads.encode(site.config)) == site.config


def change(path: str, value: Any) -> dict[str, Any]:
    """The demo site with one value changed (or taken out, for ...)."""
    found = here = raw()
    *way, last = path.split("/")
    for step in way:
        here = here[int(step)] if isinstance(here, list) else here[step]
    if value is ...:
        del here[last]
    else:
        here[last] = value
    return found


@pytest.mark.parametrize(
    ("path", "value", "words"),
    [
        ("cranes/0/model", "R999", "no model 'R999'"),
        ("cranes/0/falls", 3, "crane-1: 3 falls, but R135-8 has curves for"),
        ("cranes/1/id", "crane-1", "two devices called crane-1"),
        ("cranes/0/id", "Crane 1", r"\$.cranes\[0\].id"),
        ("cranes/0/hook_max", 40.0, "unknown field `hook_max`"),
        ("cranes/0/position_m", ..., r"missing required field `position_m`"),
        ("models/R90-5/jib_m", 40.0, "reaches beyond the jib"),
        ("bays/0/count", 0, r"\$.bays\[0\].count"),
        ("bays/0/design_force_kn", -1.0, "design_force_kn"),
        ("site/id", "", r"\$.site.id"),
    ],
)
def test_a_mistake_is_named(path: str, value: Any, words: str) -> None:
    with pytest.raises(ConfigError, match=words):
        sites.parse(change(path, value))


def test_the_error_names_the_file(tmp_path: Path) -> None:
    path = tmp_path / "mine.toml"
    with pytest.raises(ConfigError, match=r"mine.toml.*No such file"):
        sites.load(path)
    path.write_text("[site\n", encoding="utf-8")
    with pytest.raises(ConfigError, match=r"mine.toml"):
        sites.load(path)
    path.write_text('[site]\nid = "x"\n', encoding="utf-8")
    with pytest.raises(ConfigError, match=r"mine.toml: a site needs at least one"):
        sites.load(path)


def test_an_unknown_name_lists_what_there_is() -> None:
    with pytest.raises(ConfigError, match="there are: demo"):
        sites.builtin("nowhere")
