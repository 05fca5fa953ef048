"""
When to commit. Pure: time comes in.

Natural batches with a pace: at once when the last commit began more than 20 ms ago, else then, or as soon as half
of the in-flight window is held. An idle system never waits; a busy one makes 50 commits a second, not 500.
"""

from typing import Final

PACE_S: Final = 0.020
SMALLEST_WINDOW: Final = 40


class Pace:
    """
    Decides how long to gather.

    The window is learnt: rumqttd keeps at most 100 in flight whatever receive-maximum says, so half of our own
    setting might never be held. The most that was ever held on this connection is the best estimate.
    """

    def __init__(self, receive_maximum: int) -> None:
        self._receive_maximum = receive_maximum
        self._most_held = 0
        self._began = float("-inf")

    def reset(self) -> None:
        """A new connection: its window may be another."""
        self._most_held = 0

    def ripe(self, *, waiting: int, held: int, busy: bool, now: float) -> bool:
        """
        Whether to take what has arrived: `waiting` of the `held` unacknowledged messages are not yet taken.

        While a commit is under way (`busy`) only half a window is worth taking: more, smaller transactions would
        cost more than they save. Half, because the other half is in the commit, and decoding it meanwhile is free.
        """
        self._most_held = max(self._most_held, held)
        window = min(self._most_held, self._receive_maximum)
        if window >= SMALLEST_WINDOW and waiting * 2 >= window:
            return True
        return not busy and now >= self._began + PACE_S

    def began(self, now: float) -> None:
        """A commit begins now."""
        self._began = now
