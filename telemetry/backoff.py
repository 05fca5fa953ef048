"""How long to wait before the next attempt. Pure: randomness comes in, nobody sleeps here."""

from collections.abc import Callable


class Backoff:
    """
    Delays that double up to a ceiling, with full jitter over the upper half.

    Jitter matters more than the exponent: when a broker comes back, a whole city of boxes calls at once.
    """

    def __init__(self, *, first: float = 0.1, ceiling: float = 10.0, random: Callable[[], float]) -> None:
        """`first` and `ceiling` are seconds; `random` returns floats in [0, 1)."""
        self._first = first
        self._ceiling = ceiling
        self._random = random
        self._attempt = 0

    def delay(self) -> float:
        """The next delay in seconds, between half of and the whole of the present step."""
        step = min(self._ceiling, self._first * 2**self._attempt)
        if step < self._ceiling:
            self._attempt += 1
        return float(step * (0.5 + 0.5 * self._random()))

    def reset(self) -> None:
        """Start over: the last attempt held."""
        self._attempt = 0
