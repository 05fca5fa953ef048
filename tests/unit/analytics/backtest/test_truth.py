"""What is known of alarms: answers of people, and labelled intervals in a file."""

import pytest

from analytics.backtest.course import Came
from analytics.backtest.truth import Answer, Verdict, labelled, read, said
from telemetry.errors import ConfigError
from telemetry.model import Severity
from telemetry.wire.payloads import Cause

AT = 1_800_000_000_000  # 2027-01-15T08:00:00Z
FILE = """
[[interval]]
device = "c1"
from = 2027-01-15T08:00:00Z
to = 2027-01-15T08:10:00Z
rules = ["moment"]
what = "overload by a snagged hook"

# 试验
[[interval]]
device = "c1"
from = 2027-01-15T09:00:00+01:00
to = 2027-01-15T10:00:00+01:00
verdict = "test"
"""


def alarm(rule: str, after_s: int, until_s: int | None) -> Came:
    until = None if until_s is None else AT + 1000 * until_s
    return Came(rule, AT + 1000 * after_s, Cause(seq=1), True, {Severity.ALARM: AT + 1000 * after_s}, until)


@pytest.mark.parametrize(
    ("one", "verdict", "false"),
    [
        (alarm("moment", 60, 70), Verdict.DANGER, False),
        (alarm("moment", -20, 5), Verdict.DANGER, False),
        (alarm("moment", -20, None), Verdict.DANGER, False),
        (alarm("wind", 60, 70), Verdict.TEST, True),
        (alarm("moment", 1200, 1210), Verdict.TEST, True),
        (alarm("moment", 7200, 7210), Verdict.NOTHING, True),
    ],
)
def test_the_labelled_truth_says_what_an_alarm_was(one: Came, verdict: Verdict, false: bool) -> None:
    found = labelled(read(FILE, "truth.toml"), "crane", "c1", one)
    assert (found, found.false) == (verdict, false)
    assert labelled(read(FILE, "truth.toml"), "crane", "c2", one) is Verdict.NOTHING


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ('verdict = "test"', 'verdict = "tset"', "truth.toml, line 10: "),
        ('device = "c1"\nfrom = 2027-01-15T08', "from = 2027-01-15T08", "truth.toml, line 2: "),
        ("08:10:00Z", "07:10:00Z", "truth.toml, line 2: it ends before it begins"),
        ("08:10:00Z", "08:10:00", "truth.toml, line 2: "),
        ("# 试验", "[other]", "truth.toml: other: there is only"),
        ("# 试验", "=", "line 9"),
    ],
)
def test_a_mistake_is_said_with_its_line(old: str, new: str, words: str) -> None:
    with pytest.raises(ConfigError, match=r"truth\.toml") as error:
        read(FILE.replace(old, new, 1), "truth.toml")
    assert words in str(error.value)


def test_an_answer_is_to_the_alarm_that_it_names_and_the_last_one_counts() -> None:
    came = [alarm("moment", 0, 10), alarm("moment", 100, 110), alarm("wind", 50, 60)]
    at_of = {"raise-1": ("moment", AT), "raise-2": ("moment", AT + 100_000)}
    answers = [
        Answer(AT + 300_000, "moment", "raise-1", "sensor"),
        Answer(AT + 120_000, "moment", "raise-2", "sensor"),
        Answer(AT + 130_000, "moment", None, "stopped"),
        Answer(AT + 60_000, "wind", None, "called"),
        Answer(AT + 60_000, "tilt", None, "sensor"),
    ]
    # That the driver was called says nothing of why.
    assert said(came, answers, at_of) == {0: Verdict.SENSOR, 1: Verdict.DANGER}
    assert not Verdict.UNKNOWN.false
