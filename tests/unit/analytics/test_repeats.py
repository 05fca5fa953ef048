"""When what was confirmed is published once more."""

import pytest

from analytics.repeats import Repeats
from telemetry.wire import payloads
from telemetry.wire.payloads import LogSession


def play(script: str) -> str:
    """`link`, `fresh@n`, `resumed@n` (a session opened at n) in a row; for each, `again` or a dash."""
    repeats, said = Repeats(0), []
    for word in script.split():
        name, _, since = word.partition("@")
        if name == "link":
            repeats.linked()
        else:
            repeats.told(payloads.encode(LogSession(since=int(since), fresh=name == "fresh")))
        said.append("again" if repeats._due.is_set() else "-")
        repeats._due.clear()
    return " ".join(said)


@pytest.mark.parametrize(
    ("script", "said"),
    [
        ("link fresh@1", "- again"),
        ("link fresh@1 fresh@1", "- again -"),  # the retained message comes once more
        ("link fresh@1 resumed@2", "- again -"),  # ingest was killed, the broker was not
        ("link fresh@1 link resumed@2", "- again - again"),  # the broker came back, perhaps as of its last save
        ("link fresh@1 link resumed@2 resumed@3", "- again - again -"),
        ("link fresh@1 link fresh@1", "- again - -"),  # only we lost it
    ],
)
def test_it_is_due_when_the_log_was_opened_anew_or_the_broker_was_lost_by_both(script: str, said: str) -> None:
    assert play(script) == said


def test_what_cannot_be_read_changes_nothing() -> None:
    repeats = Repeats(0)
    repeats.told(b"not json")
    assert not repeats._due.is_set()
