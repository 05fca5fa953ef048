"""The live socket: a thin shell around the hub. Starts with a snapshot, then sends what changes."""

import asyncio
import contextlib
import logging
from collections.abc import Sequence
from typing import Annotated, Final

from fastapi import APIRouter, Query, WebSocket, WebSocketDisconnect

from api.access.access import Access
from api.access.gate import Reader
from api.live.chase import Chase, note
from api.live.feed import Feed, snapshot
from api.live.hub import HubFull, Interest, Mailbox, Message, Type
from telemetry.clock import now_ms
from telemetry.errors import StorageError

logger = logging.getLogger(__name__)

SEND_TIMEOUT_S: Final = 10.0
STATES_EVERY_S: Final = 0.2  # a client gets figures so often, all in one frame; alarms at once
TRY_AGAIN_LATER: Final = 1013
POLICY: Final = 1008
MAX_NAMES: Final = 64


def narrowed(asked: frozenset[str], held: frozenset[str] | None) -> frozenset[str] | None:
    """The sites that a client gets, where an empty set is all of them; None when it may have none of these."""
    if held is None:
        return asked
    found = asked & held if asked else held
    return found or None


def router(feed: Feed, access: Access, chase: Chase | None) -> APIRouter:
    """
    `/ws/v1/live?site=…&device=…&since=…`; the first two may be repeated, none means all that one may see.

    `since` is the `position` of the last `recorded` message that the client has seen: what came to stand in the record
    since then follows the snapshot, beside what is live. Each frame is a JSON array of messages.
    """
    routes = APIRouter()

    @routes.websocket("/ws/v1/live")
    async def live(
        socket: WebSocket,
        who: Reader,
        site: Annotated[list[str] | None, Query(max_length=MAX_NAMES)] = None,
        device: Annotated[list[str] | None, Query(max_length=MAX_NAMES)] = None,
        since: Annotated[int | None, Query(ge=0, lt=2**63)] = None,
    ) -> None:
        await socket.accept()
        sites = narrowed(frozenset(site or ()), who.principal.sites(who.permission))
        if sites is None:
            await socket.close(POLICY, f"{who.principal.name} may not read these sites")
            return
        bell = _Bell()
        interest = Interest(sites, frozenset(device or ()))
        try:
            box = feed.hub.open(interest, bell.ring, since=since)
        except HubFull as error:
            await socket.close(TRY_AGAIN_LATER, str(error))
            return
        feed.metrics.live_clients.set(len(feed.hub))
        # Who resumes has to get what it missed before it is told a number.
        recorded = chase.position if chase is not None and since is None else None
        first = snapshot(feed.picture, interest, now_ms(), recorded)
        missed = _Missed(chase, box, since)
        try:
            async with asyncio.TaskGroup() as tasks:
                reading = tasks.create_task(_until_gone(socket), name="api.live.read")
                writing = tasks.create_task(_write(socket, box, bell, first, missed), name="api.live.write")
                # A socket outlives the token that it was opened with; it does not outlive the session.
                staying = tasks.create_task(access.until_over(who.principal), name="api.live.stay")
                await asyncio.wait({reading, writing, staying}, return_when=asyncio.FIRST_COMPLETED)
                over = staying.done()
                for task in (reading, writing, staying):
                    task.cancel()
        finally:
            bell.still()
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


class _Bell:
    """When to look into the mailbox: at once for what is urgent, for states at most every STATES_EVERY_S."""

    def __init__(self) -> None:
        self._rung = asyncio.Event()
        self._loop = asyncio.get_running_loop()
        self._last = 0.0
        self._later: asyncio.TimerHandle | None = None

    def ring(self, urgent: bool) -> None:
        """Something has come to wait."""
        if urgent:
            self._rung.set()
        elif self._later is None:
            self._later = self._loop.call_at(self._last + STATES_EVERY_S, self._rung.set)

    async def wait(self) -> None:
        """Until it is time to look."""
        await self._rung.wait()
        self.still()

    def still(self) -> None:
        """All that has come is taken now."""
        self._rung.clear()
        self._last = self._loop.time()
        if self._later is not None:
            self._later.cancel()
            self._later = None


class _Missed:
    """What a client has still to get of the record, and whether it may be told a newer number."""

    def __init__(self, chase: Chase | None, box: Mailbox, since: int | None) -> None:
        self._chase = chase
        self._box = box
        self._failed = False  # its number stands still: with it the client tries again when it connects next
        self._resume = None if chase is None or since is None else chase.resume(box, since)
        self._nothing = chase is None and since is not None
        self._wait = False  # the record has to be looked at first

    def passes(self, message: Message) -> bool:
        """Whether it may be sent: before the client has everything up to a number it must not be told that number."""
        return message.type is not Type.RECORDED or not (self._failed or self._resume or self._box.behind)

    @property
    def more(self) -> bool:
        """Whether to come back for `next` at once, and not when something live has come."""
        return not self._failed and not self._wait and (self._resume is not None or self._box.behind is not None)

    async def next(self) -> list[Message]:
        """The next of it."""
        if self._nothing:
            self._nothing = False
            return [note(Type.RESUMED, complete=False, why="no database is configured")]
        if self._chase is not None and self._resume is None and not self._failed:
            self._resume = self._chase.behind(self._box)
        if self._chase is None or self._resume is None:
            return []
        try:
            page = await self._chase.page(self._resume)
        except StorageError as error:
            over, self._resume, self._failed = self._resume, None, True
            logger.warning("a live client could not resume from %d: %s", over.since, error)
            return [over.about(why="the record does not answer: connect again later with the same number")]
        self._wait = page is None
        if page == []:
            over, self._resume = self._resume, None
            return [over.about()]
        return page or []


async def _write(socket: WebSocket, box: Mailbox, bell: _Bell, first: str, missed: _Missed) -> None:
    try:
        await _send(socket, [first])
        while box.closed is None:
            await _send(socket, [message.text for message in await missed.next()])
            if missed.more:
                bell.still()
            else:
                await bell.wait()
            await _send(socket, [message.text for message in box.take() if missed.passes(message)])
    except TimeoutError:
        box.close(f"too slow: one message took more than {SEND_TIMEOUT_S:.0f} s")
    except (WebSocketDisconnect, RuntimeError):
        pass


async def _send(socket: WebSocket, texts: Sequence[str]) -> None:
    if texts:
        async with asyncio.timeout(SEND_TIMEOUT_S):
            await socket.send_text(f"[{','.join(texts)}]")
