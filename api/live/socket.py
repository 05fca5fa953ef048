"""The live socket: a thin shell around the hub. Starts with a snapshot, then sends what changes."""

import asyncio
import contextlib
from typing import Annotated, Final

from fastapi import APIRouter, Query, WebSocket, WebSocketDisconnect

from api.access.access import Access
from api.access.gate import Reader
from api.live.feed import Feed, snapshot
from api.live.hub import HubFull, Interest, Mailbox
from telemetry.clock import now_ms

SEND_TIMEOUT_S: Final = 10.0
TRY_AGAIN_LATER: Final = 1013
POLICY: Final = 1008
MAX_NAMES: Final = 64


def narrowed(asked: frozenset[str], held: frozenset[str] | None) -> frozenset[str] | None:
    """The sites that a client gets, where an empty set is all of them; None when it may have none of these."""
    if held is None:
        return asked
    found = asked & held if asked else held
    return found or None


def router(feed: Feed, access: Access) -> APIRouter:
    """`/ws/v1/live?site=…&device=…`; both may be repeated, none means all that one may see."""
    routes = APIRouter()

    @routes.websocket("/ws/v1/live")
    async def live(
        socket: WebSocket,
        who: Reader,
        site: Annotated[list[str] | None, Query(max_length=MAX_NAMES)] = None,
        device: Annotated[list[str] | None, Query(max_length=MAX_NAMES)] = None,
    ) -> None:
        await socket.accept()
        sites = narrowed(frozenset(site or ()), who.principal.sites(who.permission))
        if sites is None:
            await socket.close(POLICY, f"{who.principal.name} may not read these sites")
            return
        arrived = asyncio.Event()
        interest = Interest(sites, frozenset(device or ()))
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
                # A socket outlives the token that it was opened with; it does not outlive the session.
                staying = tasks.create_task(access.until_over(who.principal), name="api.live.stay")
                await asyncio.wait({reading, writing, staying}, return_when=asyncio.FIRST_COMPLETED)
                over = staying.done()
                for task in (reading, writing, staying):
                    task.cancel()
        finally:
            feed.hub.leave(box)
            feed.metrics.live_clients.set(len(feed.hub))
            feed.metrics.live_slow.set(feed.hub.slow)
        if over:
            with contextlib.suppress(RuntimeError, WebSocketDisconnect):
                await socket.close(POLICY, "the session has ended")
        elif box.closed is not None:
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
