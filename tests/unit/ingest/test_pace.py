"""When to commit: at once when idle, paced when busy, early when half a window waits."""

from ingest.pace import PACE_S, Pace


def test_an_idle_system_commits_at_once() -> None:
    pace = Pace(2000)
    assert pace.ripe(waiting=1, held=1, busy=False, now=100.0)


def test_a_second_commit_waits_for_the_pace() -> None:
    pace = Pace(2000)
    pace.began(100.0)
    assert not pace.ripe(waiting=1, held=1, busy=False, now=100.0 + PACE_S / 2)
    assert pace.ripe(waiting=1, held=1, busy=False, now=100.0 + PACE_S)


def test_half_a_window_does_not_wait() -> None:
    pace = Pace(2000)
    pace.began(100.0)
    assert not pace.ripe(waiting=100, held=2000, busy=True, now=100.0)
    assert pace.ripe(waiting=1000, held=2000, busy=True, now=100.0)


def test_while_a_commit_is_under_way_a_few_messages_wait() -> None:
    pace = Pace(2000)
    pace.ripe(waiting=0, held=2000, busy=False, now=0.0)
    pace.began(0.0)
    assert not pace.ripe(waiting=5, held=900, busy=True, now=1000.0)


def test_the_window_is_learnt_from_what_was_held() -> None:
    # rumqttd never has more than 100 in flight, whatever receive-maximum says.
    pace = Pace(2000)
    pace.began(100.0)
    pace.ripe(waiting=0, held=100, busy=True, now=100.0)
    assert pace.ripe(waiting=50, held=100, busy=True, now=100.0)
    pace.reset()
    assert not pace.ripe(waiting=10, held=20, busy=True, now=100.0)
