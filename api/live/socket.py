"""The live socket: a thin shell around the hub. Starts with a snapshot, then sends what changes."""

import asyncio
import contextlib
from typing import Annotated, Final
from urllib.parse import urlsplit

from fastapi import APIRouter, Query, WebSocket, WebSocketDisconnect

from api.live.feed import Feed, snapshot
from api.live.hub import HubFull, Interest, Mailbox
from telemetry.clock import now_ms

SEND_TIMEOUT_S: Final = 10.0
TRY_AGAIN_LATER: Final = 1013
POLICY: Final = 1008
MAX_NAMES: Final = 64


def same_origin(origin: str | None, host: str | None) -> bool:
    """Whether a browser page of another site is not the one asking. Programs send no Origin."""
    return origin is None or urlsplit(origin).netloc == (host or "")


def router(feed: Feed) -> APIRouter:
    """`/ws/v1/live?site=…&device=…`; both may be repeated, none means all."""
    routes = APIRouter()

    @routes.websocket("/ws/v1/live")
    async def live(
        socket: WebSocket,
        site: Annotated[list[str] | None, Query(max_length=MAX_NAMES)] = None,
        device: Annotated[list[str] | None, Query(max_length=MAX_NAMES)] = None,
    ) -> None:
        await socket.accept()
        if not same_origin(socket.headers.get("origin"), socket.headers.get("host")):
            await socket.close(POLICY, "a page of another origin may not read this")
            return
        arrived = asyncio.Event()
        interest = Interest(frozenset(site or ()), frozenset(device or ()))
        try:
            box = feed.hub.open(interest, arrived.set)
        except HubFull as error:
            await socket.close(TRY_AGAIN_LATER, str(error))
            return
        feed.metrics.live_clients.set(len(feed.hub))
        first = snapshot(feed.picture, interest, now_ms())
        try:
            async with asyncio.TaskGroup() as tasks:
                reading = tasks.create_task(_until_gone(socket), name="api.live.read")
                writing = tasks.create_task(_write(socket, box, arrived, first), name="api.live.write")
                await asyncio.wait({reading, writing}, return_when=asyncio.FIRST_COMPLETED)
                reading.cancel()
                writing.cancel()
        finally:
            feed.hub.leave(box)
            feed.metrics.live_clients.set(len(feed.hub))
            feed.metrics.live_slow.set(feed.hub.slow)
        if box.closed is not None:
            with contextlib.suppress(RuntimeError, WebSocketDisconnect):
                await socket.close(TRY_AGAIN_LATER, box.closed[:120])

    return routes


async def _until_gone(socket: WebSocket) -> None:
    # Nothing a client says means anything here; reading is how its going away is noticed.
    with contextlib.suppress(WebSocketDisconnect, RuntimeError):
        while (await socket.receive())["type"] != "websocket.disconnect":
            pass


async def _write(socket: WebSocket, box: Mailbox, arrived: asyncio.Event, first: str) -> None:
    try:
        async with asyncio.timeout(SEND_TIMEOUT_S):
            await socket.send_text(first)
        while box.closed is None:
            await arrived.wait()
            arrived.clear()
            for message in box.take():
                async with asyncio.timeout(SEND_TIMEOUT_S):
                    await socket.send_text(message.text)
    except TimeoutError:
        box.close(f"too slow: one message took more than {SEND_TIMEOUT_S:.0f} s")
    except (WebSocketDisconnect, RuntimeError):
        pass
