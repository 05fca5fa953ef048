"""Frames onto a real broker, as a device would send them, from a test."""

import asyncio
import itertools
from collections.abc import Iterable

import msgspec

from telemetry.broker import Link, connected
from telemetry.settings import MqttSettings

_numbers = itertools.count(1)


def frame(boot: str, seq: int, ts: int, **channels: object) -> bytes:
    """One JSON frame."""
    return msgspec.json.encode({"boot": boot, "seq": seq, "ts": ts, **channels})


async def publish(settings: MqttSettings, messages: Iterable[tuple[str, bytes]], *, at_once: int = 100) -> int:
    """Publish at QoS 1 over MQTT 3.1.1 and wait for every acknowledgement; the number published."""
    total = 0
    link = Link(settings, f"pub-{next(_numbers)}", protocol="3.1.1")
    async with connected(link):
        pending: list[tuple[str, bytes]] = []
        for message in messages:
            pending.append(message)
            if len(pending) == at_once:
                await asyncio.gather(*(link.publish(topic, payload) for topic, payload in pending))
                total += len(pending)
                pending = []
        await asyncio.gather(*(link.publish(topic, payload) for topic, payload in pending))
    return total + len(pending)
