"""Boot numbers: 64 random bits, never used twice."""

from simulators.station import generator


class Boots:
    """
    The boots of one device.

    They follow from the seed and the number of the run in its journal, so the same seed with a fresh journal gives the
    same boots (that is for tests; do not point two such runs at one platform), and no journal gives one twice.
    """

    def __init__(self, seed: int, run: int, device: str) -> None:
        self._random = generator(seed, device, f"boot of run {run}")

    def next(self) -> str:
        """16 hex digits."""
        return f"{int(self._random.integers(0, 2**64, dtype='uint64')):016x}"
