"""Site files."""

from pathlib import Path

import pytest

from simulators import site as sites
from telemetry.errors import ConfigError
from telemetry.wire import payloads

TEXT = sites.builtin("demo").read_text(encoding="utf-8")


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
    assert site.cranes[0].model.mast.frequency_hz == 0.36
    assert site.posts[5].pour_force_kn == 8.6


def test_every_configuration_survives_the_wire() -> None:
    site = sites.load(sites.builtin("demo"))
    for config in site.devices.values():
        assert payloads.decode(payloads.DeviceConfig, payloads.encode(config)) == config
    assert payloads.decode(payloads.SiteConfig, payloads.encode(site.config)) == site.config


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ('model = "R135-8"', 'model = "R999"', "no model 'R999'"),
        ("falls = 4\npos", "falls = 3\npos", "3 falls, but R135-8 has curves for"),
        ("hook_max_m = 52.0\n", "", r"site: cranes\[0\]: a simulated crane needs hook_max_m"),
        ("free_m = 14.0", "fre_m = 14.0", r"site: models.R90-5.simulation: .* `fre_m`"),
        (", pour_force_kn = 8.6", "", r"site: bays\[0\].simulation: .* `pour_force_kn`"),
        ("count = 12", "count = 0", r"bays\[0\].count"),
    ],
)
def test_a_mistake_is_named(old: str, new: str, words: str) -> None:
    assert old in TEXT
    with pytest.raises(ConfigError, match=words):
        sites.parse(TEXT.replace(old, new, 1))


def test_the_error_names_the_file(tmp_path: Path) -> None:
    path = tmp_path / "mine.toml"
    with pytest.raises(ConfigError, match=r"mine.toml.*No such file"):
        sites.load(path)
    path.write_text("[site\n", encoding="utf-8")
    with pytest.raises(ConfigError, match=r"mine.toml"):
        sites.load(path)
    path.write_text('[site]\nid = "x"\n', encoding="utf-8")
    with pytest.raises(ConfigError, match=r"mine.toml:1: .* a site needs at least one"):
        sites.load(path)


def test_an_unknown_name_lists_what_there_is() -> None:
    with pytest.raises(ConfigError, match="there are: demo"):
        sites.builtin("nowhere")
