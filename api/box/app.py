"""
The box's own little server: the terminal's page, and the bridge to the broker behind it. No API, no database.

Rule 1: on loopback, under loopback's names: a page of elsewhere must not reach the broker with this box's password, so
a WebSocket is taken only from a page that this server has handed out (its Origin is this very address).
Rule 2: a bounded number of pages at once.
"""

from typing import Final
from urllib.parse import urlsplit

from fastapi import FastAPI, WebSocket, WebSocketDisconnect
from fastapi.responses import JSONResponse, RedirectResponse
from starlette.middleware.trustedhost import TrustedHostMiddleware

from api import terminal
from api.box.bridge import Ending, bridge
from telemetry.settings import MqttSettings

PAGES_MAX: Final = 8
LOCAL: Final = ("localhost", "127.0.0.1")
PROTOCOL: Final = "mqtt"  # [MQTT-6.0.0-3]


class _Socket:
    """A page's WebSocket as the bridge wants it."""

    def __init__(self, socket: WebSocket) -> None:
        self._socket = socket

    async def receive(self) -> bytes | None:
        try:
            return await self._socket.receive_bytes()
        except (WebSocketDisconnect, RuntimeError, KeyError):  # closed; closed by us; text, which MQTT never is
            return None

    async def send(self, data: bytes) -> None:
        try:
            await self._socket.send_bytes(data)
        except (WebSocketDisconnect, RuntimeError) as error:
            raise ConnectionError("the page has gone") from error


def create_box(mqtt: MqttSettings, start: str) -> FastAPI:
    """The server; `start` is the path of the page that `/` leads to."""
    app = FastAPI(docs_url=None, redoc_url=None, openapi_url=None)
    app.add_middleware(TrustedHostMiddleware, allowed_hosts=list(LOCAL))
    app.include_router(terminal.router({"bridge": "/mqtt"}))
    pages = 0

    @app.get("/")
    async def first() -> RedirectResponse:
        return RedirectResponse(start)

    @app.get("/healthz")
    async def health() -> JSONResponse:
        return JSONResponse({"pages": pages})

    @app.websocket("/mqtt")
    async def carry(socket: WebSocket) -> None:
        nonlocal pages
        origin = urlsplit(socket.headers.get("origin", ""))
        ours = origin.netloc == socket.headers.get("host") and origin.scheme == "http"
        if not ours or PROTOCOL not in socket.scope.get("subprotocols", ()) or pages >= PAGES_MAX:
            await socket.close(1008)
            return
        await socket.accept(subprotocol=PROTOCOL)
        pages += 1
        try:
            ending = await bridge(_Socket(socket), mqtt)
        finally:
            pages -= 1
        if ending is not Ending.OVER:
            await socket.close(int(ending), ending.name.lower())

    return app
