"""Delays double up to a ceiling and are never the same for a whole city of boxes."""

import pytest

from telemetry.backoff import Backoff


@pytest.mark.parametrize(("jitter", "delays"), [(0.0, [0.5, 1, 2, 2, 2]), (0.999999, [1, 2, 4, 4, 4])])
def test_delays_double_between_half_and_the_whole_of_a_step(jitter: float, delays: list[float]) -> None:
    backoff = Backoff(first=1, ceiling=4, random=lambda: jitter)
    assert [backoff.delay() for _ in delays] == pytest.approx(delays, rel=1e-5)


def test_after_a_success_it_starts_over() -> None:
    backoff = Backoff(first=1, ceiling=60, random=lambda: 0.0)
    first = backoff.delay()
    backoff.delay()
    backoff.reset()
    assert backoff.delay() == first


def test_it_stays_at_the_ceiling_for_ever() -> None:
    backoff = Backoff(first=0.1, ceiling=5, random=lambda: 1.0)
    for _ in range(5000):
        assert backoff.delay() <= 5
