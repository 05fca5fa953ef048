"""
Carries bytes between a page's WebSocket and the broker's TCP port, until either side ends.

Rule 1: nothing is kept here: what one side does not take, the other is not asked for. The only queues are the sockets'.
Rule 2: why it ended goes back to the page as a close code, so that the page can say it in words.
"""

import asyncio
import contextlib
import logging
import socket
import ssl
from collections.abc import AsyncIterator, Awaitable
from enum import IntEnum
from typing import Final, Protocol

from api.box import connect
from telemetry.settings import MqttSettings

logger = logging.getLogger(__name__)

CHUNK: Final = 64 * 1024
DIAL_S: Final = 3.0


class Ending(IntEnum):
    """Why a bridge ended, as a WebSocket close code of the private range (RFC 6455 7.4.2); the page knows them."""

    OVER = 1000  # the page has gone
    BROKER_GONE = 4000  # the broker closed the connection
    UNREACHABLE = 4001  # no broker answers at that address
    UNTRUSTED = 4002  # its certificate is not one that this box trusts
    NOT_MQTT = 4003


class Page(Protocol):
    """The page's end: whole messages of bytes; None when it has gone."""

    async def receive(self) -> bytes | None: ...

    async def send(self, data: bytes) -> None: ...


async def bridge(page: Page, mqtt: MqttSettings) -> Ending:
    """Carry until one side ends; says why."""
    try:
        async with asyncio.timeout(DIAL_S):
            first = await _first(page)
        if first is None:
            return Ending.OVER
        said, behind = first
        password = mqtt.password.get_secret_value() if mqtt.password is not None else None
        said = connect.rewritten(said, prefix=mqtt.prefix, username=mqtt.username, password=password)
    except TimeoutError:
        return Ending.NOT_MQTT
    except connect.NotMqtt as error:
        logger.info("refused a page: %s", error, extra={"action": "bridge"})
        return Ending.NOT_MQTT
    try:
        async with _dialled(mqtt) as (reader, writer):
            writer.write(said + behind)
            return await _carry(page, reader, writer)
    except ssl.SSLError as error:
        logger.warning("the broker at %s is not trusted: %s", mqtt.host, error, extra={"action": "bridge"})
        return Ending.UNTRUSTED
    except (OSError, TimeoutError) as error:
        logger.warning("no broker at %s:%d: %s", mqtt.host, mqtt.port_v3, error, extra={"action": "bridge"})
        return Ending.UNREACHABLE


async def _first(page: Page) -> tuple[bytes, bytes] | None:
    """The page's first packet and what came behind it; None when it has gone. Raises NotMqtt."""
    data = b""
    while True:
        length = connect.whole(data)
        if length is not None:
            return data[:length], data[length:]
        more = await page.receive()
        if more is None:
            return None
        data += more


@contextlib.asynccontextmanager
async def _dialled(mqtt: MqttSettings) -> AsyncIterator[tuple[asyncio.StreamReader, asyncio.StreamWriter]]:
    tls = ssl.create_default_context(cafile=str(mqtt.tls_ca)) if mqtt.tls_ca else None
    async with asyncio.timeout(DIAL_S):
        reader, writer = await asyncio.open_connection(mqtt.host, mqtt.port_v3, ssl=tls)
    raw = writer.get_extra_info("socket")
    raw.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    try:
        yield reader, writer
    finally:
        writer.close()
        with contextlib.suppress(OSError, TimeoutError):
            async with asyncio.timeout(1):
                await writer.wait_closed()


async def _carry(page: Page, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> Ending:
    async def up() -> Ending:
        while (data := await page.receive()) is not None:
            writer.write(data)
            await writer.drain()
        return Ending.OVER

    async def down() -> Ending:
        while data := await reader.read(CHUNK):
            await page.send(data)
        return Ending.BROKER_GONE

    async with asyncio.TaskGroup() as tasks:
        ways = [
            tasks.create_task(_ended(up()), name="box.up"),
            tasks.create_task(_ended(down()), name="box.down"),
        ]
        done, _ = await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
        for way in ways:
            way.cancel()
    return min(way.result() for way in done)


async def _ended(way: Awaitable[Ending]) -> Ending:
    """One way; a connection that breaks is one that the broker has closed."""
    try:
        return await way
    except OSError:
        return Ending.BROKER_GONE
