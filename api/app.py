"""
The application: routes, the live link, and the order in which they start and stop.

Rule: it starts without the broker and without the database, and says what is missing where it is missed.
"""

import asyncio
import logging
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

from fastapi import APIRouter, FastAPI, Request, Response
from prometheus_client import CollectorRegistry
from starlette.middleware.base import RequestResponseEndpoint
from starlette.middleware.trustedhost import TrustedHostMiddleware

from api import configs, phone, problems, terminal
from api.access.access import Access
from api.access.auditor import Auditor
from api.access.gate import Doorman, Gate, guarded
from api.access.oidc import Oidc
from api.console import pages
from api.deps import Parts
from api.document import complete
from api.etags import Fresh
from api.examples import illustrate
from api.exports import Exports
from api.live import socket
from api.live.chase import Chase
from api.live.feed import Feed
from api.live.hub import Hub
from api.live.picture import Picture
from api.live.recall import recall
from api.metrics import ApiMetrics
from api.once import Once
from api.routes import (
    alarms,
    auth,
    cycles,
    docs,
    duty,
    exports,
    handovers,
    health,
    login,
    oidc,
    people,
    profiles,
    proofs,
    quality,
    quarantine,
    readings,
    receipts,
    record,
    sitefile,
    sites,
    trials,
)  # fmt: skip
from api.settings import ApiSettings
from telemetry import tasks
from telemetry.storage.pool import Database

logger = logging.getLogger(__name__)

PREFIX = "/api/v1"
DESCRIPTION = """\
塔机与危大工程监测 · telemetry and alarms for tower cranes and temporary works.

Sign in with `POST /api/v1/auth/login`, or send an API key as `Authorization: Bearer cwk_…`. What is not allowed
answers 403 and says which permission is missing.

Watching only: nothing here moves or stops a crane. Errors are problem details (RFC 9457). Times are Unix
milliseconds, UTC. Live changes: WebSocket `/ws/v1/live?site=…&device=…`, which begins with a snapshot; with
`since=` the `position` of the last `recorded` message it also sends the transitions that were missed.
"""


def create_app(
    settings: ApiSettings, registry: CollectorRegistry | None = None, doorman: Doorman | None = None
) -> FastAPI:
    """
    The application; the link and the pool open when it starts and close when it stops.

    `doorman` says who asks; left out, the record does.
    """
    metrics = ApiMetrics(registry or CollectorRegistry())
    hub = Hub(clients_max=settings.live.clients_max, mailbox=settings.live.mailbox)
    feed = Feed(settings.mqtt, Picture(), hub, metrics)
    database = Database(settings.database, application="api") if settings.database else None
    access = Access(database)
    chase = Chase(database, hub) if database else None
    if chase is not None:
        feed.watchers.append(chase.watch)
    parts = Parts(feed, database, metrics, access, Auditor(database), Exports(database, settings.exports))

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        running = [tasks.spawn(feed.run(), name="api.feed")]
        try:
            if database is None:
                yield
            else:
                async with database:
                    keeper = configs.Keeper(feed, database, metrics)
                    feed.on_settled.append(keeper.reconnected)
                    running.append(tasks.spawn(keeper.run(), name="api.configs"))
                    running.append(tasks.spawn(access.run(), name="api.access"))
                    running.append(tasks.spawn(parts.auditor.run(), name="api.audit"))
                    running.append(tasks.spawn(recall(feed, database), name="api.recall"))
                    if chase is not None:
                        running.append(tasks.spawn(chase.run(), name="api.chase"))
                    running.append(tasks.spawn(parts.exports.run(), name="api.exports"))
                    yield
                    for task in running[1:]:
                        task.cancel()
                    await asyncio.wait(running[1:], timeout=5)
                    await parts.auditor.drain()
        finally:
            hub.close("the server stops")
            await feed.close()
            for task in running[1:]:
                task.cancel()

    app = FastAPI(
        title="cranewatch",
        version="0.1.0",
        description=DESCRIPTION,
        lifespan=lifespan,
        docs_url=None,
        redoc_url=None,
        openapi_url=f"{PREFIX}/openapi.json",
    )
    app.state.parts = parts
    problems.install(app)
    app.add_middleware(Fresh)
    app.add_middleware(Once, routes=app, database=database)
    app.add_middleware(TrustedHostMiddleware, allowed_hosts=list(settings.http.allowed_hosts))
    _count(app, metrics)
    include = _including(app)
    for module in (
        sites,
        readings,
        cycles,
        alarms,
        receipts,
        duty,
        quality,
        quarantine,
        record,
        trials,
        people,
        handovers,
        proofs,
        exports,
        sitefile,
        profiles,
    ):
        include(module.router(parts), PREFIX)
    provider = Oidc(settings.oidc, access, database, time.monotonic) if settings.oidc and database else None
    include(auth.router(parts, provider.settings.name if provider else None), PREFIX)
    if provider is not None:
        include(oidc.router(provider), PREFIX)
    include(health.router(parts))
    include(docs.router(app))
    include(socket.router(feed, access, chase))
    include(login.router())
    include(phone.router())
    include(terminal.router(terminal.served(settings.terminal, settings.mqtt)))
    problems.unknown(app, "/api")
    if settings.console:
        pages.mount(app, parts)
    app.add_middleware(Gate, doorman=doorman or access)
    plain = app.openapi
    app.openapi = lambda: complete(illustrate(plain()), app.state.guarded)  # type: ignore[method-assign]  # FastAPI's documented way to extend it
    return app


def _including(app: FastAPI) -> Callable[..., None]:
    """How routers come in: past the guard, which writes down what each route asks for."""
    app.state.guarded = []
    app.state.methods = []

    def include(router: APIRouter, prefix: str = "") -> None:
        app.state.guarded += guarded(router, prefix)
        app.state.methods += problems.methods(router, prefix)
        app.include_router(router, prefix=prefix)

    return include


def _count(app: FastAPI, metrics: ApiMetrics) -> None:
    @app.middleware("http")
    async def count(request: Request, call_next: RequestResponseEndpoint) -> Response:
        begun = time.perf_counter()
        response = await call_next(request)
        # The template and not the path: labels come from a closed set.
        route = getattr(request.scope.get("route"), "path", "other")
        metrics.request_seconds.labels(route).observe(time.perf_counter() - begun)
        metrics.requests.labels(route, f"{response.status_code // 100}xx").inc()
        return response
