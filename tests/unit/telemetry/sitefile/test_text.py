"""A site file as text: what is written reads back to the same, and what is configured comes back as a file."""

import msgspec
from hypothesis import given, settings

from simulators.site import builtin
from telemetry.sitefile import check, configs, newcomer, recovery, writing
from telemetry.sitefile.finding import Findings, errors
from telemetry.sitefile.reading import read
from telemetry.sitefile.words import File, bare
from telemetry.toml_places import Places
from tests.helpers.sitefiles import WHOLE, files


@settings(max_examples=40, deadline=None)
@given(files())
def test_what_is_written_reads_back_to_the_same(file: File) -> None:
    text = writing.written(file, secrets=True)
    back, found = check.checked(text)
    assert back == file, [one.text("file") for one in found if one.wrong]
    assert writing.written(back, secrets=True) == text
    assert writing.tag(back) == writing.tag(file)


@settings(max_examples=25, deadline=None)
@given(files(), files())
def test_what_is_configured_comes_back_as_a_file_whatever_the_last_one_said(file: File, other: File) -> None:
    wanted, site = configs.device_configs(file), configs.site_config(file)
    for last, exact in ((bare(file), True), (bare(other), False), (None, False)):
        back, strange = recovery.recovered(file.site.id, site, wanted, last)
        assert strange == []
        assert (configs.device_configs(back), configs.site_config(back)) == (wanted, site)
        assert not exact or back == bare(file)
        read, found = check.checked(writing.written(back))
        assert read == back, [one.text("file") for one in found if one.wrong]


def test_a_device_that_no_file_can_say_is_named_and_not_made_up() -> None:
    file = check.parse(WHOLE, "whole")
    wanted = configs.device_configs(file)
    wanted["crane", "crane-1"] = msgspec.structs.replace(wanted["crane", "crane-1"], jib_m=None)
    wanted["formwork", "lonely"] = msgspec.structs.replace(wanted["formwork", "post-1"], bay=None)
    back, strange = recovery.recovered("gate", configs.site_config(file), wanted, bare(file))
    assert strange == [("crane", "crane-1"), ("formwork", "lonely")]
    assert configs.device_configs(back).keys() == wanted.keys() - set(strange)


def test_a_post_more_than_the_grid_had_is_in_the_file() -> None:
    file = check.parse(builtin("demo").read_text("utf-8"), "demo")
    more = msgspec.structs.replace(file, bays=[msgspec.structs.replace(file.bays[0], count=13)])
    wanted = configs.device_configs(more)
    back, strange = recovery.recovered("demo", configs.site_config(file), wanted, bare(file))
    assert (configs.device_configs(back), strange) == (wanted, [])


def test_the_files_that_come_with_cranewatch_are_good_and_what_is_simulated_is_not_written() -> None:
    demo = check.parse(builtin("demo").read_text("utf-8"), "demo")
    assert demo.models["R90-5"].simulation
    assert "simulation" not in writing.written(demo)
    file, found = check.checked(newcomer.text("east"))
    assert file is not None
    assert (file.site.id, found) == ("east", [])


def test_what_the_newcomers_file_shows_in_comments_is_good_too() -> None:
    lines = [line.removeprefix("# ") for line in newcomer.text().splitlines()]
    tables = "\n".join(lines[lines.index("[site]") :])
    shown = "\n".join(
        line for line in tables.splitlines()
        if line.startswith(("[", "]", "  {")) or (" = " in line and line.split(" = ")[0].isidentifier())
    )  # fmt: skip
    file, found = check.checked(shown)
    assert file is not None, [one.text("shown") for one in found]
    assert (len(file.bays), len(file.zones), len(file.contacts or ()), len(file.roster or ())) == (1, 1, 1, 1)
    assert file.cranes[0].sensors
    assert file.cranes[0].commissioning


def test_a_text_of_nothing_but_mistakes_is_not_listed_to_its_end() -> None:
    file, findings = read("".join(f"k{n} = 1\n" for n in range(5_000)))
    assert file is None
    assert len(findings.listed()) == 500
    # A mistake is said, however many warnings came before it.
    found = Findings(Places(""))
    for n in range(600):
        found.warn((n,), f"{n}", f"{n}")
    found.wrong(("x",), "错", "wrong")
    assert [one.en for one in errors(found.listed())] == ["wrong"]
