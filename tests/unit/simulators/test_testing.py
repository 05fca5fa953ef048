"""The test channel of a box: begun once, for its time, and not by an order that is too old."""

from simulators.testing import Answer, TestChannel
from telemetry.wire.proof import ProofOrder

ORDER = ProofOrder(test="test-00000001", at=1_000, until=16_000, percent=110.0, hold_s=20.0)


def test_it_is_driven_for_its_time_and_then_is_absent() -> None:
    channel = TestChannel()
    assert channel.read(0.0) == {}
    assert channel.order(ORDER, 5.0, 2_000) == Answer("test-00000001", begins=True)
    assert channel.read(5.2) == {"proof_pct": 110.0}
    assert channel.read(24.9) == {"proof_pct": 110.0}
    assert channel.read(25.0) == {}, "absent, and not zero"


def test_the_same_order_twice_begins_one_test() -> None:
    channel = TestChannel()
    channel.order(ORDER, 5.0, 2_000)
    assert channel.order(ORDER, 30.0, 3_000) is None
    assert channel.read(30.0) == {}


def test_an_order_that_comes_too_late_is_refused_and_says_why() -> None:
    channel = TestChannel()
    assert channel.order(ORDER, 5.0, 16_001) == Answer("test-00000001", begins=False, why="expired")
    assert channel.read(5.2) == {}
