"""
What was published and not yet confirmed by the broker: published again on the next connection.

Rule 1: a transition stays until the broker has it, in order. Of a retained topic only the newest state stays.
Rule 2: what was confirmed and is not retained is kept for a while longer, the newest `KEPT_BYTES` of it: a broker that
loses its state loses what it had confirmed and not yet delivered to ingest, and `again` publishes it once more. What
comes twice is stored once: ids are made from causes.
Rule 3: at `MAX` entries the oldest is dropped and counted: the record has a hole then, the retained state has none.
"""

import asyncio
from collections import deque
from collections.abc import Callable, Iterable
from typing import Final, Protocol

from analytics.outcome import Outcome
from telemetry.wire import payloads, topics
from telemetry.wire.topics import Lane, Leaf

MAX: Final = 200_000
KEPT_BYTES: Final = 32_000_000

Entry = tuple[str, bytes, bool]  # topic, payload, retained


class Publisher(Protocol):
    """What the outbox publishes through."""

    def publish(self, topic: str, payload: bytes, *, retain: bool = False) -> asyncio.Future[None]: ...


class Outbox:
    """Unconfirmed publishes, in order."""

    def __init__(self, refused: Callable[[str, Exception], None], dropped: Callable[[], None]) -> None:
        """`refused` is told of a publish that the broker will never take, `dropped` of one lost at the bound."""
        self._entries: dict[int, Entry] = {}
        self._retained: dict[str, int] = {}
        self._sent: deque[tuple[str, bytes]] = deque()
        self._sent_bytes = 0
        self._next = 0
        self._refused = refused
        self._dropped = dropped

    def __len__(self) -> int:
        return len(self._entries)

    def entries(self) -> list[Entry]:
        """What is unconfirmed, in order: for a snapshot."""
        return list(self._entries.values())

    def put(self, topic: str, payload: bytes, *, retain: bool) -> int:
        """Keep an entry until it is confirmed."""
        if retain and topic in self._retained:
            self._entries.pop(self._retained[topic], None)
        self._next += 1
        self._entries[self._next] = (topic, payload, retain)
        if retain:
            self._retained[topic] = self._next
        if len(self._entries) > MAX:
            self._remove(next(iter(self._entries)))
            self._dropped()
        return self._next

    def keep(self, outcome: Outcome) -> list[int]:
        """What an input led to, most urgent first; the numbers."""
        numbers: list[int] = []
        for (key, rule), alarm in outcome.alarms.items():
            payload = b"" if alarm is None else payloads.encode(alarm)
            numbers.append(self.put(topics.build(*key, Lane.DOWN, Leaf.ALARM, rule), payload, retain=True))
        for one in outcome.transitions:
            topic = topics.build(one.site, one.kind, one.device, Lane.DOWN, Leaf.TRANSITION)
            numbers.append(self.put(topic, payloads.encode(one), retain=False))
        for cycle in outcome.cycles:
            topic = topics.build(cycle.site, cycle.kind, cycle.device, Lane.DOWN, Leaf.CYCLE)
            numbers.append(self.put(topic, payloads.encode(cycle), retain=False))
        for key, report in outcome.evaluated.items():
            topic = topics.build(*key, Lane.DOWN, Leaf.EVALUATED)
            numbers.append(self.put(topic, payloads.encode(report), retain=False))
        for key, coverage in outcome.coverage.items():
            topic = topics.build(*key, Lane.DOWN, Leaf.COVERAGE)
            numbers.append(self.put(topic, payloads.encode(coverage), retain=True))
        return numbers

    def send(self, publisher: Publisher, number: int, is_final: Callable[[Exception], bool]) -> asyncio.Future[None]:
        """Publish an entry; it is removed when the broker confirms it, or when the error is final."""
        topic, payload, retain = self._entries[number]
        future = publisher.publish(topic, payload, retain=retain)

        def settle(done: asyncio.Future[None]) -> None:
            if done.cancelled():
                return
            error = done.exception()
            if error is None:
                self._remember(self._entries.get(number))
                self._remove(number)
            elif isinstance(error, Exception) and is_final(error):
                self._remove(number)
                self._refused(topic, error)

        future.add_done_callback(settle)
        return future

    def numbers(self) -> list[int]:
        """The numbers of all entries, in order."""
        return list(self._entries)

    def again(self) -> list[int]:
        """Put everything that is remembered back, in order, as not confirmed; the numbers."""
        sent, self._sent = self._sent, deque()
        self._sent_bytes = 0
        return [self.put(topic, payload, retain=False) for topic, payload in sent]

    def still(self, numbers: Iterable[int]) -> list[int]:
        """Those of them that are not confirmed yet."""
        return [number for number in numbers if number in self._entries]

    def _remember(self, entry: Entry | None) -> None:
        if entry is None or entry[2]:
            return
        self._sent.append(entry[:2])
        self._sent_bytes += len(entry[1])
        while self._sent_bytes > KEPT_BYTES:
            self._sent_bytes -= len(self._sent.popleft()[1])

    def _remove(self, number: int) -> None:
        entry = self._entries.pop(number, None)
        if entry is not None and entry[2]:
            del self._retained[entry[0]]
