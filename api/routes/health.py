"""Whether the process lives, whether it has what it needs, and what it counts."""

from fastapi import APIRouter, Response
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest

from api import schemas
from api.access.gate import allowed
from api.deps import Parts
from telemetry.errors import StorageError
from telemetry.roles import Permission
from telemetry.storage import devices


def _words(zh: str, en: str) -> schemas.Words:
    return schemas.Words(zh=zh, en=en)


def router(parts: Parts) -> APIRouter:
    """`/healthz`, `/readyz`, `/metrics`."""
    routes = APIRouter(tags=["health"])

    @routes.get("/healthz", summary="The process is alive")
    async def healthz() -> schemas.Health:
        return schemas.Health(ok=True, checks={"process": _words("运行中", "alive")})

    @routes.get("/readyz", summary="Broker and database, each in words; 503 when one is missing")
    async def readyz(response: Response) -> schemas.Health:
        checks = {}
        broker = parts.feed.picture.broker_up
        checks["broker"] = _words("已连接", "connected") if broker else _words("未连接", "not connected")
        database = False
        if parts.database is None:
            checks["database"] = _words("未配置", "not configured")
        else:
            try:
                count = await devices.migrations(parts.database)
                database = True
                checks["database"] = _words(f"正常，结构版本 {count}", f"answers, schema {count}")
            except StorageError as error:
                checks["database"] = _words("不可用", f"not available: {error}")
        response.status_code = 200 if broker and database else 503
        return schemas.Health(ok=broker and database, checks=checks)

    @routes.get("/metrics", include_in_schema=False, dependencies=allowed(Permission.METRICS, everywhere=True))
    async def metrics() -> Response:
        return Response(generate_latest(parts.metrics.registry), media_type=CONTENT_TYPE_LATEST)

    return routes
