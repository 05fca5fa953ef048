"""
The engine over frames that are already there: what the alarm log should say of what is derived. Pure.

The frames of a device come in the order of (boot, seq); devices are independent of each other, so they are interleaved
as suits the engine.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

import msgspec

from analytics.engine import Engine
from analytics.samples import Arrived, first_ts
from telemetry.wire import frames, payloads
from telemetry.wire.payloads import Presence

AT_ONCE: Final = 5  # frames of one device in one batch

DeviceName = tuple[str, str]  # kind, device


def derived(
    site: str,
    sent: Mapping[DeviceName, Sequence[bytes]],
    intervals: Mapping[DeviceName, int],
    heard: Iterable[str] | None = None,
) -> dict[str, dict[str, Any]]:
    """
    The derived transitions of these frames, by id, as they are recorded. `intervals` is what each declared, ms.

    `heard` are the ids of those that were annunciated, None when all were: nobody has to acknowledge what nobody heard.
    """
    engine = Engine()
    engine.annunciator.heard = None if heard is None else frozenset(heard)
    for (kind, device), interval in intervals.items():
        engine.presence(site, kind, device, Presence(online=True, interval_ms=interval), 0)
    found: dict[str, dict[str, Any]] = {}
    waiting = {name: iter(list_) for name, list_ in sent.items()}
    while waiting:
        batch: list[Arrived] = []
        for name in list(waiting):
            taken = 0
            for payload in waiting[name]:
                frame = frames.decode(name[0], payload)
                # When it was received is in no derived transition.
                batch.append(Arrived(site, *name, frame, first_ts(frame)))
                taken += 1
                if taken == AT_ONCE:
                    break
            if taken < AT_ONCE:
                del waiting[name]
        for transition in engine.feed(batch).transitions if batch else ():
            if not transition.observed:
                found[transition.id] = msgspec.json.decode(payloads.encode(transition))
    return found


def within(ranges: Iterable[tuple[int, int]], seq: int) -> bool:
    """Whether a seq is in one of these ranges, ends included."""
    return any(low <= seq <= high for low, high in ranges)
