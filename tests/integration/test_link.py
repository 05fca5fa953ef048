"""The link of everything that is not the hot path, on real brokers: order, bounds, and an owner that fails."""

import asyncio
from typing import cast

import pytest

from telemetry import broker as module
from telemetry.broker import Arrival, Link, connected
from telemetry.settings import MqttSettings
from tests.helpers.publisher import publish
from tests.helpers.waiting import until


def topic(settings: MqttSettings, leaf: str = "up/reading") -> str:
    return f"cw/v1/{settings.prefix.strip('-')}/crane/d/{leaf}"


def waiting(link: Link) -> int:
    """Messages that the library has read and the owner has not seen."""
    assert link._client is not None
    return cast("module._Straight", link._client._queue).qsize()


async def test_an_owner_that_is_slow_lets_them_wait_at_the_broker(broker: MqttSettings) -> None:
    seen: list[bytes] = []
    most = 0

    def slowly(arrival: Arrival) -> None:
        nonlocal most
        seen.append(arrival.payload)
        most = max(most, waiting(link))
        if len(seen) % 100 == 0:
            for _ in range(200_000):  # of its processor time, as a burst of work would
                pass

    link = Link(broker, "slow", filters=[(topic(broker), 1)], on_arrival=slowly)
    async with connected(link):
        await publish(broker, [(topic(broker), str(n).encode()) for n in range(2000)])
        await until(lambda: len(seen) >= 2000, 30)
        most = max(most, waiting(link))
    assert seen == [str(n).encode() for n in range(2000)]
    assert most == 0


async def test_nothing_arrives_before_the_owner_is_told_that_it_is_up(broker: MqttSettings) -> None:
    said: list[str] = []
    names = [f"down/alarm/r{n}" for n in range(30)]
    async with connected(Link(broker, "before")) as writer:
        for name in names:
            await writer.publish(topic(broker, name), name.encode(), retain=True)

    async def up(_: Link) -> None:
        said.append("up")

    link = Link(
        broker, "late", filters=[(topic(broker, "down/alarm/+"), 1), (topic(broker), 0)], on_up=up,
        on_arrival=lambda arrival: said.append(arrival.payload.decode()),
    )  # fmt: skip
    async with connected(link):
        await until(lambda: len(said) > len(names), 10)
    assert said[0] == "up"
    assert sorted(said[1:]) == sorted(names)


async def test_what_an_owner_raises_ends_the_link(broker: MqttSettings) -> None:
    def refuse(arrival: Arrival) -> None:
        raise LookupError(arrival.payload.decode())

    link = Link(broker, "broken", filters=[(topic(broker), 1)], on_arrival=refuse)

    async def play() -> None:
        async with connected(link):
            await publish(broker, [(topic(broker), b"one")])
            await asyncio.sleep(10)

    with pytest.raises(ExceptionGroup) as caught:
        await asyncio.wait_for(play(), 20)
    assert caught.group_contains(LookupError, match="one")


async def test_too_much_before_the_subscriptions_are_confirmed_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "EARLY_MAX", 3)
    queue = module._Straight()
    for number in range(5):
        queue.put_nowait(cast("module.aiomqtt.Message", number))
    assert queue.qsize() == 3
    with pytest.raises(module.aiomqtt.MqttError, match="more than 3"):
        queue.failed.result()
