"""
What an analyzer tells itself through its own journal: that it lost its memory, what it found at the broker then, and
what is wrong with itself.

Rule: a note is an input like any other, under a topic that no broker can deliver to us, so that a kill forgets
neither a doubt nor an adopted alarm, and recovery decides the same again.
"""

import contextlib
from collections.abc import Iterable
from typing import Final

import msgspec

from analytics.identity import DeviceKey
from analytics.journal import Input
from analytics.terminal_book import Showing
from telemetry.errors import CranewatchError
from telemetry.wire import payloads, topics
from telemetry.wire.payloads import Alarm, Coverage
from telemetry.wire.topics import Leaf

DOUBT: Final = "own/doubt"  # why: a reason of `texts.REASONS`
ADOPT: Final = "own/adopt"  # retained alarms as they were found, topic to payload
MODES: Final = "own/modes"  # retained coverage as it was found: it says which mode was evaluated by
TROUBLE: Final = "own/trouble"  # a rule of `troubles.Trouble`, with words while it lasts
TERMINALS: Final = "own/terminals"  # what the heartbeats of terminals have come to, where that is new
ALL: Final = frozenset({DOUBT, ADOPT, MODES, TROUBLE, TERMINALS})

Found = tuple[DeviceKey, str, Alarm | None]  # device, rule, the alarm; None when it cannot be read


def doubt(why: str) -> Input:
    """The analyzer doubts itself from now on."""
    return DOUBT, why.encode()


def adopt(retained: dict[str, bytes]) -> Input:
    """Alarms that are retained at the broker, and that somebody must own."""
    return ADOPT, msgspec.msgpack.encode(retained)


def modes(retained: dict[str, bytes]) -> Input:
    """Coverage that is retained at the broker: of each device the mode that it was evaluated by."""
    return MODES, msgspec.msgpack.encode(retained)


def trouble(rule: str, detail: str | None) -> Input:
    """Something is wrong with us, or is not any more (None)."""
    return TROUBLE, msgspec.msgpack.encode((rule, detail))


def troubled(payload: bytes) -> tuple[str, str | None]:
    """What `trouble` noted. Raises msgspec.MsgspecError."""
    return msgspec.msgpack.decode(payload, type=tuple[str, str | None])


def terminals(found: dict[DeviceKey, Showing]) -> Input:
    """The terminals of these devices are shown, muted or absent from now on."""
    return TERMINALS, msgspec.msgpack.encode(list(found.items()))


def shown(payload: bytes) -> dict[DeviceKey, Showing]:
    """What `terminals` noted. Raises msgspec.MsgspecError."""
    return dict(msgspec.msgpack.decode(payload, type=list[tuple[DeviceKey, Showing]]))


def remembered(payload: bytes) -> Iterable[tuple[DeviceKey, Coverage]]:
    """What `modes` noted, as far as it can be read. Raises msgspec.MsgspecError."""
    for topic, body in sorted(msgspec.msgpack.decode(payload, type=dict[str, bytes]).items()):
        with contextlib.suppress(CranewatchError):
            where = topics.parse(topic)
            if where.leaf is Leaf.COVERAGE and body:
                yield (where.site, where.kind, where.device), payloads.decode(Coverage, body)


def adopted(payload: bytes) -> Iterable[Found]:
    """What `adopt` noted, without what was cleared. Raises msgspec.MsgspecError."""
    for topic, body in sorted(msgspec.msgpack.decode(payload, type=dict[str, bytes]).items()):
        try:
            where = topics.parse(topic)
        except CranewatchError:
            continue
        if where.leaf is not Leaf.ALARM or where.rule is None or not body:
            continue
        try:
            alarm: Alarm | None = payloads.decode(Alarm, body)
        except CranewatchError:
            alarm = None
        yield (where.site, where.kind, where.device), where.rule, alarm
