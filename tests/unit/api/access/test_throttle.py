"""Failed sign-ins are slowed down, and nobody is locked out for good."""

from datetime import UTC, datetime, timedelta

import pytest

from api.access.passwords import weakness
from api.access.throttle import FORGET, subjects, wait_s

NOW = datetime(2027, 1, 15, 8, 0, tzinfo=UTC)


def waits(failures: dict[str, int], ago_s: float = 0.0) -> float:
    last = NOW - timedelta(seconds=ago_s)
    return wait_s("li.na", "10.0.0.7", {name: (count, last) for name, count in failures.items()}, NOW)


@pytest.mark.parametrize(
    ("failures", "seconds"),
    [
        ({}, 0),
        ({"pair:li.na@10.0.0.7": 4}, 0),
        ({"pair:li.na@10.0.0.7": 5}, 1),
        ({"pair:li.na@10.0.0.7": 8}, 8),
        ({"pair:li.na@10.0.0.7": 500}, 900),
        ({"pair:li.na@10.0.0.8": 500}, 0),  # somebody else's failures at another place
        ({"login:li.na": 500}, 30),  # a person cannot be locked out by others for more than half a minute
        ({"address:10.0.0.7": 29}, 0),
        ({"address:10.0.0.7": 33}, 8),
    ],
)
def test_the_wait_doubles_with_each_failure_beyond_the_free_ones(failures: dict[str, int], seconds: float) -> None:
    assert waits(failures) == seconds


def test_the_wait_counts_from_the_last_failure_and_an_hour_forgives_all() -> None:
    failures = {"pair:li.na@10.0.0.7": 9}
    assert waits(failures, ago_s=10) == 6
    assert waits(failures, ago_s=17) <= 0
    assert waits({"pair:li.na@10.0.0.7": 500}, ago_s=FORGET.total_seconds()) == 0


def test_every_attempt_counts_for_the_person_the_place_and_both() -> None:
    assert set(subjects("li.na", "10.0.0.7")) == {"pair:li.na@10.0.0.7", "address:10.0.0.7", "login:li.na"}


@pytest.mark.parametrize(
    ("password", "good"),
    [
        ("short", False), ("li.na li.na!", False), ("Password2027", False), ("aaaaaaaaaaaaaaaa", False),
        ("x" * 300, False), ("塔机三号下班了吗明天见", True), ("correct horse battery", True),
    ],
)  # fmt: skip
def test_length_and_the_obvious_is_all_that_a_password_is_asked_for(password: str, good: bool) -> None:
    assert (weakness(password, "li.na") is None) is good
