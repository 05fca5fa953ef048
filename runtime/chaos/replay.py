"""
The engine over frames that are already there: what the alarm log should say of what is derived. Pure.

The frames of a device come in the order of (boot, seq); devices are independent of each other, so they are interleaved
as suits the engine.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

import msgspec

from analytics.engine import Engine
from analytics.replay import History
from analytics.replay import Told as Heard
from analytics.replay import replay as play
from analytics.samples import Arrived, first_ts
from telemetry.wire import frames, payloads
from telemetry.wire.payloads import Presence, Terms, Transition

AT_ONCE: Final = 5  # frames of one device in one batch

DeviceName = tuple[str, str]  # kind, device


def derived(
    site: str, sent: Mapping[DeviceName, Sequence[bytes]], intervals: Mapping[DeviceName, int]
) -> dict[str, dict[str, Any]]:
    """The derived transitions of these frames, by id, as they are recorded. `intervals` is what each declared, ms."""
    engine = Engine()
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


def whole(
    key: tuple[str, str, str], boots: Sequence[str], stored: Sequence[bytes], terms: Sequence[bytes],
    answers: Sequence[dict[str, Any]], heard: Iterable[str],
) -> dict[str, dict[str, Any]]:  # fmt: skip
    """
    The derived transitions of everything that is stored of a device, by id, under its recorded terms and answers.

    `heard` are the live ones: nobody has to acknowledge what nobody heard.
    """
    history = History(
        key, boots, [Heard(frame := frames.decode(key[1], payload), first_ts(frame)) for payload in stored],
        [msgspec.json.decode(one, type=Terms) for one in terms],
        [msgspec.convert(one, Transition) for one in answers],
    )  # fmt: skip
    return {one.id: msgspec.json.decode(payloads.encode(one)) for one in play(history, heard)}


def within(ranges: Iterable[tuple[int, int]], seq: int) -> bool:
    """Whether a seq is in one of these ranges, ends included."""
    return any(low <= seq <= high for low, high in ranges)
