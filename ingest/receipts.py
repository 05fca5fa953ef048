"""Who is due a receipt. Pure: cumulative receipts, at most one per device in five seconds, so a lost one heals."""

from typing import Final

INTERVAL_S: Final = 5.0
MAX_AT_ONCE: Final = 500


class ReceiptBook:
    """The devices whose ledger changed since their last receipt. Bounded by the number of devices."""

    def __init__(self) -> None:
        self._changed: set[int] = set()
        self._asked: set[int] = set()  # of those, whose ledger has not grown since `due` named them
        self._sent: dict[int, float] = {}

    def changed(self, devices: set[int]) -> None:
        """The ledger of these devices has grown."""
        self._changed |= devices
        # What is on its way to them is older than this.
        self._asked -= devices

    def due(self, now: float) -> list[int]:
        """Who gets a receipt now, longest waiting first; at most MAX_AT_ONCE, the rest next time."""
        ready = [d for d in self._changed if now - self._sent.get(d, float("-inf")) >= INTERVAL_S]
        ready.sort(key=lambda d: self._sent.get(d, float("-inf")))
        self._asked.update(ready[:MAX_AT_ONCE])
        return ready[:MAX_AT_ONCE]

    def sent(self, device: int, now: float) -> None:
        """The receipt that was due went out now."""
        if device in self._asked:
            self._asked.discard(device)
            self._changed.discard(device)
        self._sent[device] = now
