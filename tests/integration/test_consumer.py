"""The durable consumer on real brokers: prefix acknowledgement, redelivery, windows, take-over."""

import asyncio
import contextlib
from collections.abc import AsyncIterator

import pytest

from telemetry.claim import PartitionClaim
from telemetry.consumer import Batch, Consumer
from telemetry.errors import BrokerUnavailable
from telemetry.settings import MqttSettings
from tests.fix_broker import Mosquitto, Rumqttd
from tests.helpers.publisher import publish
from tests.helpers.waiting import until


@contextlib.asynccontextmanager
async def running(consumer: Consumer) -> AsyncIterator[Consumer]:
    async with asyncio.TaskGroup() as tasks:
        task = tasks.create_task(consumer.run(), name="test.consumer")
        async with asyncio.timeout(10):
            await consumer.linked()
        yield consumer
        await consumer.close()
        await task


def topic(settings: MqttSettings, device: str = "d") -> str:
    """A topic of this test's own, by its client-id prefix."""
    return f"cw/v1/{settings.prefix.strip('-')}/crane/{device}/up/reading"


def pattern(settings: MqttSettings) -> str:
    return topic(settings, "+").replace("reading", "+")


async def take(consumer: Consumer, number: int) -> list[bytes]:
    """So many payloads, each batch acknowledged."""
    found: list[bytes] = []
    async with asyncio.timeout(30):
        while len(found) < number:
            batch = await consumer.batch()
            found += [message.payload for message in batch.messages]
            assert consumer.acknowledge(batch)
    return found


def numbered(settings: MqttSettings, first: int, last: int) -> list[tuple[str, bytes]]:
    return [(topic(settings), str(n).encode()) for n in range(first, last + 1)]


async def test_messages_come_in_order_and_none_twice(broker: MqttSettings) -> None:
    async with running(Consumer(broker, "c", [pattern(broker)])) as consumer:
        await publish(broker, numbered(broker, 1, 500))
        assert await take(consumer, 500) == [str(n).encode() for n in range(1, 501)]
        await asyncio.sleep(0.2)
        assert (consumer.waiting(), consumer.held) == (0, 0)


async def test_what_was_not_acknowledged_comes_again_on_the_next_connection_and_cannot_be_acknowledged_late(
    broker: MqttSettings,
) -> None:
    async with running(Consumer(broker, "c", [pattern(broker)])) as consumer:
        await publish(broker, numbered(broker, 1, 60))
        first: list[Batch] = []
        async with asyncio.timeout(10):
            while sum(len(batch.messages) for batch in first) < 60:
                first.append(await consumer.batch())
        assert consumer._link is not None
        consumer._link.transport.abort()
        async with asyncio.timeout(10):
            while consumer.connections < 2:  # noqa: ASYNC110 - the broker decides when
                await asyncio.sleep(0.02)
            await consumer.linked()
        assert consumer.session_present is True
        assert not any(consumer.acknowledge(batch) for batch in first)
        assert await take(consumer, 60) == [str(n).encode() for n in range(1, 61)]


async def test_a_session_outlives_its_process(broker: MqttSettings) -> None:
    async with running(Consumer(broker, "c", [pattern(broker)])):
        pass
    await publish(broker, numbered(broker, 1, 50))
    async with running(Consumer(broker, "c", [pattern(broker)])) as again:
        assert again.session_present is True
        assert await take(again, 50) == [str(n).encode() for n in range(1, 51)]


async def test_acknowledging_out_of_order_is_refused_here_and_not_by_the_broker(broker: MqttSettings) -> None:
    async with running(Consumer(broker, "c", [pattern(broker)])) as consumer:
        await publish(broker, numbered(broker, 1, 10))
        await until(lambda: consumer.waiting() == 10)
        older, newer = await consumer.batch(5), await consumer.batch(5)
        with pytest.raises(ValueError, match="not the next one"):
            consumer.acknowledge(newer)
        assert consumer.acknowledge(older)
        assert consumer.acknowledge(newer)


async def test_the_broker_never_has_more_in_flight_than_receive_maximum(mosquitto: MqttSettings) -> None:
    async with running(Consumer(mosquitto, "c", [pattern(mosquitto)], receive_maximum=50)) as consumer:
        await publish(mosquitto, numbered(mosquitto, 1, 300))
        await until(lambda: consumer.held == 50)
        await asyncio.sleep(0.3)
        assert consumer.held == 50
        assert len(await take(consumer, 300)) == 300


async def test_publishes_are_acknowledged_and_beyond_the_window_they_wait(broker: MqttSettings) -> None:
    async with running(Consumer(broker, "c", [pattern(broker)])) as consumer:
        futures = [consumer.publish(topic(broker), str(n).encode()) for n in range(1000)]
        received = asyncio.gather(*futures)
        assert await take(consumer, 1000) == [str(n).encode() for n in range(1000)]
        await received


async def test_without_a_connection_a_publish_fails_at_once(broker: MqttSettings) -> None:
    consumer = Consumer(broker, "c", [pattern(broker)])
    with pytest.raises(BrokerUnavailable, match="not connected"):
        await consumer.publish("cw/v1/s/crane/d/down/transition", b"x")


@pytest.mark.parametrize("kind", [Rumqttd, Mosquitto])
async def test_a_broker_that_comes_back_empty_is_noticed(kind: type[Rumqttd] | type[Mosquitto]) -> None:
    server = kind()
    server.start()
    try:
        settings = server.settings()
        sessions: list[bool] = []
        async with running(Consumer(settings, "c", [pattern(settings)], on_link=sessions.append)) as consumer:
            pending = consumer.publish(topic(settings), b"x")
            await pending
            server.kill()
            await until(lambda: consumer.link == 0)
            server.start()
            await until(lambda: len(sessions) == 2)
            assert sessions == [False, False]
            await publish(settings, numbered(settings, 1, 5))
            assert (await take(consumer, 5))[-5:] == [b"1", b"2", b"3", b"4", b"5"]
    finally:
        server.stop()


async def test_of_two_workers_the_older_one_gives_way(broker: MqttSettings) -> None:
    old = PartitionClaim(broker, "test", 0, "old", wait_s=0.1)
    new = PartitionClaim(broker, "test", 0, "new", wait_s=0.1)
    assert await old.take()
    assert await old.still_mine()
    assert await new.take()
    assert new.epoch == old.epoch + 1
    assert not await old.still_mine()
    assert await new.still_mine()


async def test_a_consumer_that_was_taken_over_asks_before_it_comes_back(mosquitto: MqttSettings) -> None:
    asked: list[bool] = []

    async def no() -> bool:
        asked.append(True)
        return False

    first = Consumer(mosquitto, "c", [pattern(mosquitto)], may_reconnect=no)
    task = asyncio.get_running_loop().create_task(first.run())
    await first.linked()
    async with running(Consumer(mosquitto, "c", [pattern(mosquitto)])) as second:
        async with asyncio.timeout(10):
            await task  # run returns: it was fenced
        assert asked == [True]
        await publish(mosquitto, numbered(mosquitto, 1, 5))
        assert len(await take(second, 5)) == 5


async def test_a_batch_ends_with_the_message_that_reaches_its_bytes(broker: MqttSettings) -> None:
    async with running(Consumer(broker, "bytes", [pattern(broker)])) as consumer:
        await publish(broker, [(topic(broker), b"x" * size) for size in (10, 10, 500, 10, 10)])
        await until(lambda: consumer.waiting() == 5)
        sizes = []
        while consumer.waiting():
            batch = await consumer.batch(100, max_bytes=400)
            sizes.append([len(message.payload) for message in batch.messages])
            assert consumer.acknowledge(batch)
        assert sizes == [[10, 10, 500], [10, 10]]


async def test_what_is_wanted_once_comes_without_anything_to_acknowledge(broker: MqttSettings) -> None:
    async with running(Consumer(broker, "c", [pattern(broker)], session_expiry_s=0, once=True)) as consumer:
        await publish(broker, numbered(broker, 1, 50))
        found: list[bytes] = []
        async with asyncio.timeout(30):
            while len(found) < 50:
                batch = await consumer.batch()
                assert all(message.packet_id is None for message in batch.messages)
                found += [message.payload for message in batch.messages]
                assert consumer.held == 0
        assert found == [str(n).encode() for n in range(1, 51)]
