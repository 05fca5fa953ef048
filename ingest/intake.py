"""
Messages into items: topics parsed, frames decoded, everything else refused with its reason. Pure.

Rule 1: one message is one item, in order of receipt.
Rule 2: whatever comes in, nothing is raised: what is not understood becomes `Refused`.
"""

from collections.abc import Callable, Iterable
from typing import Final

from telemetry.consumer import Message
from telemetry.errors import Refusal, WireError
from telemetry.kinds import KINDS
from telemetry.storage.items import Item, Noted, Reading, Refused
from telemetry.wire import frames, payloads, topics
from telemetry.wire.cycle import Cycle
from telemetry.wire.topics import Lane, Leaf, Topic

MAX_CACHED_TOPICS: Final = 200_000
OWN: Final = f"{topics.ROOT}/_own/"
ANALYZER: Final = "analyzer"  # not a kind of device: under it the analyzer raises alarms about itself

_PAYLOADS: Final[dict[Leaf, Callable[[bytes], payloads.Payload]]] = {
    Leaf.EVENT: lambda payload: payloads.decode(payloads.Event, payload),
    Leaf.PRESENCE: lambda payload: payloads.decode(payloads.Presence, payload),
    Leaf.RESPONSE: lambda payload: payloads.decode(payloads.Response, payload),
    Leaf.SHOWN: lambda payload: payloads.decode(payloads.Shown, payload),
    Leaf.TRANSITION: lambda payload: payloads.decode(payloads.Transition, payload),
    Leaf.COVERAGE: lambda payload: payloads.decode(payloads.Coverage, payload),
    Leaf.CYCLE: lambda payload: payloads.decode(Cycle, payload),
    Leaf.EVALUATED: lambda payload: payloads.decode(payloads.Evaluated, payload),
}
# What we publish ourselves and keep elsewhere: receipts in the ledger; config, alarms and tests in their own tables.
_PASSED_BY: Final = frozenset({Leaf.RECEIPT, Leaf.CONFIG, Leaf.ALARM, Leaf.PROOF, Leaf.PROOF_STATE})


class Intake:
    """Keeps the topics it has parsed: a fleet sends on few topics, many times."""

    def __init__(self) -> None:
        self._topics: dict[str, Topic | WireError] = {}

    def items(self, messages: Iterable[Message]) -> list[Item]:
        """One item for each message that is for the record; our own ticks and receipts pass by."""
        found: list[Item] = []
        for message in messages:
            item = self._item(message)
            if item is not None:
                found.append(item)
        return found

    def _item(self, message: Message) -> Item | None:
        if message.topic.startswith(OWN):
            return None
        topic = self._topic(message.topic)
        payload = message.payload
        if isinstance(topic, WireError):
            return Refused(message.topic, None, payload, topic.reason, topic.detail)
        if topic.leaf is Leaf.READING:
            try:
                return Reading(topic, frames.decode(topic.kind, payload), payload)
            except WireError as error:
                return _refused(message, topic, error)
        if topic.leaf in _PASSED_BY or not payload:
            return None  # an empty payload clears a retained topic: there is nothing to record
        own = topic.kind == ANALYZER and (topic.lane is Lane.DOWN or topic.leaf is Leaf.RESPONSE)
        if topic.kind not in KINDS and not own:
            return _refused(message, topic, WireError(Refusal.KIND, f"kind {topic.kind!r} is not declared"))
        try:
            note = _PAYLOADS[topic.leaf](payload)
        except WireError as error:
            return _refused(message, topic, error)
        return Noted(topic, note, payload)  # type: ignore[arg-type]  # the payload type of that leaf

    def _topic(self, text: str) -> Topic | WireError:
        found = self._topics.get(text)
        if found is None:
            if len(self._topics) >= MAX_CACHED_TOPICS:
                self._topics.clear()
            try:
                found = topics.parse(text)
            except WireError as error:
                found = error
            self._topics[text] = found
        return found


def _refused(message: Message, topic: Topic, error: WireError) -> Refused:
    identity = None
    if topic.leaf is Leaf.READING and topic.lane is not Lane.DOWN and topic.kind in KINDS:
        identity = frames.identity(message.payload)
    return Refused(message.topic, topic, message.payload, error.reason, error.detail, identity)


def quarantined(item: Item, detail: str) -> Refused:
    """The quarantine item for one that the database refused, with the database's words."""
    if isinstance(item, Refused):
        # Not even the quarantine could hold its words: keep the fact and the bytes.
        return Refused(str(item.topic or "?"), item.topic, item.payload, item.reason, "unprintable", None)
    identity = None
    if isinstance(item, Reading) and item.frame.boot is not None and item.frame.seq is not None:
        identity = (item.frame.boot, item.frame.seq)
    return Refused(str(item.topic), item.topic, item.payload, Refusal.DATABASE, detail, identity)
