"""What is done with a configuration before it goes to the broker."""

import pytest

from api.configs import Outcome, prepare, prepare_profile
from telemetry.storage.devices import ConfigRow
from telemetry.wire import payloads
from tests.helpers.limits import published

CHART = {"falls": 2, "points": [[2.5, 6.0], [50.0, 1.7]]}


def row(version: int, **config: object) -> ConfigRow:
    return ConfigRow("s", "crane", "c1", dict(config), version)


def test_a_new_version_is_published_with_a_hash_of_what_it_says() -> None:
    ready = prepare(row(3, charts=[CHART], display_name="1#"), None, None)
    assert ready.outcome is Outcome.PUBLISHED
    assert ready.topic == "cw/v1/s/crane/c1/down/config"
    sent = payloads.decode(payloads.DeviceConfig, ready.payload)
    assert (sent.version, sent.charts[0].falls, len(sent.hash)) == (3, 2, 16)
    other = payloads.decode(payloads.DeviceConfig, prepare(row(3, display_name="2#"), None, None).payload)
    assert other.hash != sent.hash


def test_the_same_again_is_not_published_again() -> None:
    first = prepare(row(3, display_name="1#"), None, None)
    assert prepare(row(3, display_name="1#"), 3, first.payload).outcome is Outcome.UNCHANGED


def test_after_a_reconnect_the_same_version_is_published_again() -> None:
    assert prepare(row(3), 3, None).outcome is Outcome.PUBLISHED


def test_versions_never_go_backwards() -> None:
    ready = prepare(row(3), 4, None)
    assert ready.outcome is Outcome.OLDER
    assert "holds version 4" in ready.why
    assert ready.payload == b""


@pytest.mark.parametrize(
    "config", [{"charts": [{"falls": 2, "points": [[1, 2]]}]}, {"interval_ms": "fast"}, {"display_name": "x" * 65}]
)
def test_an_invalid_one_is_held_back_with_the_reason(config: dict[str, object]) -> None:
    ready = prepare(row(1, **config), None, None)
    assert ready.outcome is Outcome.INVALID
    assert ready.why


def test_one_that_is_larger_than_a_frame_may_be_is_held_back() -> None:
    points = [[float(n), 6.0] for n in range(64)]
    ready = prepare(row(1, charts=[{"falls": n, "points": points} for n in range(200)]), None, None)
    assert ready.outcome is Outcome.OVERSIZED


def test_a_site_has_a_topic_of_its_own() -> None:
    ready = prepare(ConfigRow("s", None, None, {"display_name": "工地"}, 1), None, None)
    assert ready.topic == "cw/v1/s/config"
    assert payloads.decode(payloads.SiteConfig, ready.payload).display_name == "工地"


def test_a_sites_limit_profile_is_published_once_and_never_an_older_one() -> None:
    sent = published("", version=3)
    ready = prepare_profile("s", sent, None, None)
    assert (ready.topic, ready.outcome) == ("cw/v1/s/profile", Outcome.PUBLISHED)
    assert payloads.decode(payloads.SiteProfile, ready.payload) == sent
    assert prepare_profile("s", sent, sent, ready.payload).outcome is Outcome.UNCHANGED
    newer = published("", version=4)
    assert "holds works/4" in prepare_profile("s", sent, newer, None).why
    assert prepare_profile("s", sent, published("", version=9, name="other"), None).outcome is Outcome.PUBLISHED


def test_a_limit_profile_that_is_too_large_is_held_back() -> None:
    sent = published("# " + "x" * 65_400)
    ready = prepare_profile("s", sent, None, None)
    assert (ready.outcome, ready.payload) == (Outcome.OVERSIZED, b"")
