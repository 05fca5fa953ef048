"""
The test channel of a box: a number that measures nothing, sent beside what is measured for as long as a test lasts.

Rule 1: pure. Times are the station's, in seconds of the run; the box's clock (Unix ms) only says whether an order is
too old.
Rule 2: a test that is known is not begun again, whichever way its order came twice.
"""

from collections import deque
from dataclasses import dataclass
from typing import Any, Final

from telemetry.wire.proof import ProofOrder

KNOWN: Final = 32  # tests remembered
CHANNEL: Final = "proof_pct"


@dataclass(frozen=True, slots=True)
class Answer:
    """What the box says to an order: that it begins, or why it does not."""

    test: str
    begins: bool
    why: str = ""


class TestChannel:
    """One box's."""

    __test__ = False  # to pytest: no test of ours

    def __init__(self) -> None:
        self._known: deque[str] = deque(maxlen=KNOWN)
        self._percent = 0.0
        self._until = float("-inf")

    def order(self, order: ProofOrder, t: float, clock_ms: int) -> Answer | None:
        """An order has come at `t`; None for one that is known."""
        if order.test in self._known:
            return None
        self._known.append(order.test)
        if clock_ms > order.until:
            return Answer(order.test, begins=False, why="expired")
        self._percent, self._until = order.percent, t + order.hold_s
        return Answer(order.test, begins=True)

    def read(self, t: float) -> dict[str, Any]:
        """What a sample at `t` carries beside the measurements."""
        return {CHANNEL: self._percent} if t < self._until else {}
