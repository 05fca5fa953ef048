"""What an import would change: the dangerous first, and no alarm made weaker without a word."""

import pytest

from telemetry import profiles
from telemetry.sitefile import check, difference
from telemetry.sitefile.change import Change
from telemetry.sitefile.words import File
from tests.helpers.limits import number, published
from tests.helpers.sitefiles import WHOLE

LADDER = """
[notify]
[[notify.life_safety.steps]]
after_s = 0
duty = "any"
[[notify.life_safety.steps]]
after_s = 60
role = "site_manager"
means = ["call"]
"""
TEXT = WHOLE.replace("\n[[notify.alarm.steps]]", LADDER + "\n[[notify.alarm.steps]]").replace(
    "mast_m = 42.0", 'mast_m = 42.0\nterminal = "cab"\ncab_sound = "all"'
)


def of(old: str, new: str) -> list[Change]:
    assert old in TEXT
    return difference.changes(check.parse(TEXT, "old"), check.parse(TEXT.replace(old, new, 1), "new"))


def test_the_same_file_changes_nothing_and_needs_no_word() -> None:
    found = of('id = "gate"', 'id = "gate"')
    assert (found, difference.confirmation(found)) == ([], "")


@pytest.mark.parametrize(
    ("old", "new", "what", "verdict", "dangerous"),
    [
        ("{ alarm = 95 }", "{ alarm = 105 }", "crane/crane-1 moment.alarm", "loosened", True),
        ("{ alarm = 95 }", "{ alarm = 93 }", "crane/crane-1 moment.alarm", "tightened", False),
        ("limits = { moment = { alarm = 95 } }", "", "crane/crane-1 moment.alarm", "loosened", True),
        ("[40.0, 1.7]", "[40.0, 1.8]", "crane/crane-1 chart, 2 falls", "loosened", True),
        ("[40.0, 1.7]", "[40.0, 1.6]", "crane/crane-1 chart, 2 falls", "tightened", False),
        ("[25.0, 3.0], [40.0", "[40.0", "crane/crane-1 chart, 2 falls", "tightened", False),
        ('terminal = "cab"', 'terminal = "none"', "crane/crane-1 terminal", "loosened", True),
        ('cab_sound = "all"', 'cab_sound = "extra"', "crane/crane-1 cab_sound", "loosened", True),
        ('cab_sound = "all"', 'weathervane = "restrained"', "crane/crane-1 weathervane", "loosened", True),
        ("design_force_kn = 12.0", "design_force_kn = 13.0", "formwork/post-1 design_force_kn", "loosened", True),
        ("design_force_kn = 12.0", "design_force_kn = 11.0", "formwork/post-1 design_force_kn", "tightened", False),
        ('id = "crane-2"', 'id = "crane-7"', "crane/crane-2", "retired", True),
        ('zh = "学校"\nen = "school"', 'zh = "路"\nen = "road"', "zone 学校 school", "loosened", True),
        ("[10, 10]]", "[10, 9]]", "zone 学校 school corners", "judge", True),
        ('timezone = "Asia/Shanghai"', 'profile = "local"', "crane/crane-1 profile", "judge", True),
        ('duty = "any"', 'duty = "operator"', "ladder life_safety", "loosened", True),
        ("after_s = 60", "after_s = 90", "ladder life_safety", "loosened", True),
        ("after_s = 60", "after_s = 30", "ladder life_safety", "tightened", False),
        ('after_s = 0\ncontact = "wang"', 'after_s = 9\ncontact = "wang"', "ladder alarm", "loosened", False),
        ("[notify]\n", "[notify]\nterminal_s = 9\n", "ladders terminal_s", "loosened", True),
        ('role = "safety_officer"\nchannels', "channels", "contact wang role", "judge", True),
        ('name = "mail"', 'name = "post"', "contact wang channel mail", "loosened", True),
        ("127.0.0.1/token-of-wang", "127.0.0.1/another", "contact wang channel mail", "changed", False),
        ("hook_max_m = 38.0", "hook_max_m = 39.0", "crane/crane-1 hook_max_m", "judge", False),
        ('by = "installer"', 'by = "owner"', "crane/crane-1 commissioning", "changed", False),
        ("end = 2027-01-22", "end = 2027-01-23", "roster", "removed", False),
        ("jib_m = 50.0", 'jib_m = 50.0\nmaker = "X"', "model small maker", "added", False),
    ],
)
def test_each_change_is_called_what_it_does(old: str, new: str, what: str, verdict: str, dangerous: bool) -> None:
    found = of(old, new)
    one = next(one for one in found if one.what == what)
    assert (one.verdict, one.dangerous) == (verdict, dangerous)
    assert bool(difference.confirmation(found)) is any(one.dangerous for one in found)
    assert [one.dangerous for one in found] == sorted((one.dangerous for one in found), reverse=True)
    assert "token" not in str(found)


def test_what_was_confirmed_is_what_was_seen() -> None:
    a, b = of("{ alarm = 95 }", "{ alarm = 105 }"), of("{ alarm = 95 }", "{ alarm = 106 }")
    assert difference.confirmation(a) != difference.confirmation(b)
    more = check.parse(TEXT.replace("{ alarm = 95 }", "{ alarm = 105 }").replace("hook_max_m = 38.0", ""), "new")
    same = difference.changes(check.parse(TEXT, "old"), more)
    assert len(same) == len(a) + 1
    assert difference.confirmation(a) == difference.confirmation(same)  # of the dangerous ones only


def test_what_a_file_says_nothing_of_does_not_change() -> None:
    without = TEXT[: TEXT.index("[[contacts]]")]
    assert difference.changes(check.parse(TEXT, "old"), check.parse(without, "new")) == []


def test_a_new_site_is_all_new() -> None:
    new: File = check.parse(TEXT, "new")
    found = difference.changes(None, new)
    assert not difference.dangerous(found)
    assert {"site gate", "crane/crane-1", "formwork/post-2", "contact wang", "zone 学校 school"} <= {
        one.what for one in found
    }


def test_a_limit_falls_back_to_what_was_published_to_the_site() -> None:
    looser = profiles.parse(published(f"crane.moment.steps.alarm.set = {number(110)}\n").text)
    body = f"crane.moment.steps.alarm.set = {number(94)}\ncrane.moment.steps.alarm.clear = {number(92)}\n"
    stricter = profiles.parse(published(body).text)
    old, new = check.parse(TEXT, "old"), check.parse(TEXT.replace("limits = { moment = { alarm = 95 } }", ""), "new")
    cases = ((looser, "loosened", "(110)"), (stricter, "tightened", "(94)"), (None, "loosened", "(100)"))
    for holds, verdict, shown in cases:
        (one,) = [one for one in difference.changes(old, new, holds) if one.what == "crane/crane-1 moment.alarm"]
        assert (one.verdict, one.new, one.dangerous) == (verdict, shown, verdict == "loosened")
    # Under the looser one a pre-warning of 105 is in order, and its name is known.
    text = TEXT.replace("{ alarm = 95 }", "{ prewarning = 105 }").replace(
        'timezone = "', 'profile = "works"\ntimezone = "'
    )
    assert not any("profile" in one.path or "limits" in one.path for one in check.checked(text, published=looser)[1])
    file, found = check.checked(text.replace('profile = "works"\n', ""))
    assert file is None
    assert "is below prewarning 105" in found[0].en
