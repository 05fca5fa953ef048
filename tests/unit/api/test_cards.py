"""What the console says of a device and of its alarms."""

import json

import pytest

from api import schemas
from api.console import cards
from api.i18n import Language, Tongue
from api.live.picture import ANALYZER, DeviceView, Picture

BOTH = Tongue(Language.BOTH)
NOW = 1_000_000


def alarm(*, active: bool = True, hazard: str | None = "moment") -> schemas.Alarm:
    return schemas.Alarm(
        site="s", kind="crane", device="c1", rule="moment", transition="t1", state="unacknowledged", severity=3,
        active=active, since=NOW - 60_000, at=NOW - 60_000, hazard=hazard, value=104.0, unit="%",
    )  # fmt: skip


def crane(now: int = NOW) -> DeviceView:
    picture = Picture()
    frame = {"boot": "boot-0001", "seq": 1, "ts": 1000, "load_t": -0.05, "rated_load_t": 6.0}
    picture.apply("cw/v1/s/crane/c1/up/reading", json.dumps(frame).encode(), now)
    return picture.devices[("s", "crane", "c1")]


@pytest.mark.parametrize(
    ("active", "known", "says", "never"),
    [
        (True, True, "still holds", "unknown now"),
        (False, True, "condition is over", "unknown now"),
        (True, False, "held when last measured, unknown now", "still holds"),
        (False, False, "over when last measured, unknown now", "condition is over"),
    ],
)
def test_nothing_is_said_to_hold_that_nobody_measures(active: bool, known: bool, says: str, never: str) -> None:
    row = cards.alarm_row(BOTH, alarm(active=active), "1#", NOW, known=known)
    assert says in row
    assert never not in row


def test_silence_itself_still_holds_while_a_device_is_silent() -> None:
    assert "still holds" in cards.alarm_row(BOTH, alarm(hazard=None), "1#", NOW, known=False)


def test_a_device_is_silent_when_its_figures_are_old_and_the_analyzer_never_is() -> None:
    assert not cards.silent(crane(), NOW)
    assert cards.silent(crane(), NOW + 60_000)
    assert not cards.silent(DeviceView("s", ANALYZER, "p0"), NOW)


def test_a_device_of_a_kind_that_is_not_declared_gets_a_plain_card() -> None:
    card = cards.other_card(BOTH, Picture(), DeviceView("s", "nokind", "x"), NOW)
    assert "x</b>" in card


def test_a_proof_test_in_the_list_is_called_a_test_and_has_no_alarm_s_colour() -> None:
    row = cards.alarm_row(BOTH, alarm().model_copy(update={"rule": "proof_test", "severity": 1}), "1#", NOW)
    assert "◇" in row
    assert "cw-band test" in row
    assert "cw-band s" not in row


def test_a_pre_warning_that_holds_after_an_alarm_that_is_over_is_not_called_over() -> None:
    row = cards.alarm_row(
        BOTH, alarm().model_copy(update={"state": "returned_unacknowledged", "active": True}), "1#", NOW
    )
    assert "较高级别已恢复，未确认" in row
    row = cards.alarm_row(
        BOTH, alarm().model_copy(update={"state": "returned_unacknowledged", "active": False}), "1#", NOW
    )
    assert "较高级别" not in row
