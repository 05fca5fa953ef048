"""
What must hold of any bytes at all; each target takes them and raises AssertionError when it does not.

Shared by `test_poison.py` (Hypothesis, in the suite) and `python -m tests.fuzz` (atheris, coverage-guided).
"""

import asyncio
import contextlib
import math
from collections.abc import Callable
from typing import Any, Final

import msgspec

from analytics.engine import Engine
from analytics.intake import Intake as AnalyzerIntake
from ingest.intake import Intake as IngestIntake
from telemetry.consumer import Message
from telemetry.errors import WireError
from telemetry.kinds import KINDS
from telemetry.packets import PacketWire
from telemetry.storage.items import Noted, Reading, Refused
from telemetry.wire import frames, payloads, topics
from telemetry.wire.columns import columns

RECEIVED: Final = 1_800_000_000_000
TICK: Final = topics.tick(0)
TYPES: Final = tuple(
    one
    for one in vars(payloads).values()
    if isinstance(one, type) and issubclass(one, payloads.Payload) and one is not payloads.Payload
)
# The leaves that both services decode.
LEAVES: Final = ("up/reading", "up/event", "up/presence", "up/response", "up/shown", "down/config", "late/reading")
_AGAIN: Final = 500  # inputs after which the engine starts afresh, so that a long run stays small


def same(a: Any, b: Any) -> bool:
    """Equal, where a NaN is equal to itself."""
    if isinstance(a, float) and isinstance(b, float):
        return a == b or (math.isnan(a) and math.isnan(b))
    if isinstance(a, msgspec.Struct):
        return type(a) is type(b) and same(msgspec.structs.astuple(a), msgspec.structs.astuple(b))
    if isinstance(a, dict) and isinstance(b, dict):
        return a.keys() == b.keys() and all(same(a[key], b[key]) for key in a)
    if isinstance(a, list | tuple):
        return len(a) == len(b) and all(map(same, a, b))
    return bool(a == b)


def frame(data: bytes) -> None:
    """Nothing but WireError leaves; what decodes encodes again, is the same, and makes columns."""
    for kind in KINDS:
        try:
            found = frames.decode(kind, data)
        except WireError:
            frames.identity(data)
            continue
        assert same(frames.decode(kind, frames.encode(found, msgpack=True)), found)
        if not _unwritable(found):
            assert same(frames.decode(kind, frames.encode(found)), found)
        made = columns(kind, [found])
        assert len(made) == (len(found.samples) if found.samples else 1) <= frames.MAX_SAMPLES


def _unwritable(found: Any) -> bool:
    # JSON has no NaN and no infinity: msgspec writes null, which is absent and not known bad.
    if isinstance(found, float):
        return not math.isfinite(found)
    if isinstance(found, msgspec.Struct):
        return any(map(_unwritable, msgspec.structs.astuple(found)))
    return isinstance(found, list) and any(map(_unwritable, found))


def payload(data: bytes) -> None:
    """The same of every other payload."""
    for type_ in TYPES:
        try:
            found = payloads.decode(type_, data)
        except WireError:
            continue
        again = payloads.encode(found)
        if len(again) <= frames.MAX_BYTES:
            assert same(payloads.decode(type_, again), found)


def topic(data: bytes) -> None:
    """A topic is refused, or is exactly what it was parsed from."""
    text = data.decode("utf-8", "replace")
    with contextlib.suppress(WireError):
        assert str(topics.parse(text)) == text


class Services:
    """Both intakes, as they live: with what they remember of earlier messages."""

    def __init__(self) -> None:
        self.ingest = IngestIntake()
        self.analyzer = AnalyzerIntake(Engine(), TICK)
        self.taken = 0

    def message(self, name: str, data: bytes) -> None:
        """Neither raises, the engine fails on nothing, and what one of them understands the other does too."""
        self.taken += 1
        if self.taken % _AGAIN == 0:
            self.analyzer = AnalyzerIntake(Engine(), TICK)
        stored = self.ingest.items([Message(name, data)])
        taken = self.analyzer.apply(RECEIVED + 100 * self.taken, [(name, data), (TICK, self._tick())])
        assert taken.ignored["failed"] == 0, "the engine failed on a message that was understood"
        assert len(stored) <= 1
        if not name.startswith("cw/v1/s/") or "/down/" in name:
            return  # configuration passes ingest by
        understood = isinstance(stored[0], Reading | Noted) if stored else None
        refused = sum(taken.ignored.values()) > 0
        if understood is None:
            assert not data or refused
        elif "/late/" not in name and not name.endswith("/up/shown"):
            assert understood == (not refused), (stored, taken.ignored)
        if stored and isinstance(stored[0], Refused):
            assert len(stored[0].detail) < 1_000

    def _tick(self) -> bytes:
        return payloads.encode(payloads.Tick(at=RECEIVED + 100 * self.taken, run="fuzz", n=self.taken))


SERVICES: Final = Services()


def services(data: bytes) -> None:
    """The first byte says which topic, the rest is the payload; or the whole is a topic."""
    if not data:
        return
    number = data[0] % (len(LEAVES) * len(KINDS) + 1)
    if number == len(LEAVES) * len(KINDS):
        name = data[1:].decode("utf-8", "replace")
        if name != TICK and not name.startswith("own/"):
            SERVICES.message(name, b"{}")
        return
    kind = list(KINDS)[number % len(KINDS)]
    SERVICES.message(f"cw/v1/s/{kind}/d{data[0] % 7}/{LEAVES[number // len(KINDS)]}", data[1:])


class _Transport(asyncio.Transport):
    aborted = False

    def abort(self) -> None:
        self.aborted = True


_LOOP: Final = asyncio.new_event_loop()


def packets(data: bytes) -> None:
    """Whatever a broker sends, in whatever pieces, ends in packets or in a closed connection."""
    asyncio.set_event_loop(_LOOP)
    wire = _LOOP.run_until_complete(_made())
    transport = _Transport()
    wire._transport = transport
    for first in range(0, len(data), 7):
        if transport.aborted:
            break
        wire.data_received(data[first : first + 7])
    assert len(wire._buffer) <= len(data)


async def _made() -> PacketWire:
    return PacketWire()


TARGETS: Final[dict[str, Callable[[bytes], None]]] = {
    "frame": frame, "payload": payload, "topic": topic, "services": services, "packets": packets,
}  # fmt: skip
