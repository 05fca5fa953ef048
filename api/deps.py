"""What routes need, made once by `create_app` and handed to each router."""

import re
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Final

from fastapi import Path, Query
from pydantic import AwareDatetime, BeforeValidator

from api.access.access import Access
from api.access.auditor import Auditor
from api.exports import Exports
from api.live.feed import Feed
from api.live.picture import DeviceView
from api.metrics import ApiMetrics
from api.problems import Problem, no_database, not_found
from telemetry.errors import StorageError
from telemetry.storage import devices
from telemetry.storage.pool import Database

ISO: Final = re.compile(r"\d{4}-\d\d-\d\d[Tt ]\d\d:\d\d")


def _iso(value: object) -> object:
    # A number would be taken for seconds since 1970, and sometimes for milliseconds.
    if isinstance(value, str) and not ISO.match(value):
        raise ValueError("a time is written as 2027-01-15T08:00:00Z")
    return value


def _text(value: object) -> object:
    if not isinstance(value, str | datetime):
        raise ValueError("a time is written as 2027-01-15T08:00:00Z")
    return _iso(value)


Moment = Annotated[datetime, BeforeValidator(_iso)]
"""A time in a query, with its zone or without."""
MomentText = Annotated[AwareDatetime, BeforeValidator(_text)]
"""A time in a body."""
ID = r"^[a-z0-9-]{1,64}$"
SitePath = Annotated[str, Path(pattern=ID, examples=["demo"])]
DevicePath = Annotated[str, Path(pattern=ID, examples=["crane-1"])]
RulePath = Annotated[str, Path(pattern=r"^[A-Za-z0-9_.:-]{1,64}$", examples=["moment"])]
SiteQuery = Annotated[str | None, Query(pattern=ID, examples=["demo"])]
DeviceQuery = Annotated[str | None, Query(pattern=ID, examples=["crane-1"])]
Before = Annotated[int | None, Query(ge=1, lt=1 << 63, description="`next` of the page before.")]
Limit = Annotated[int, Query(ge=1, le=1000)]


@dataclass(frozen=True, slots=True)
class Parts:
    """The parts of a running API."""

    feed: Feed
    database: Database | None
    metrics: ApiMetrics
    access: Access
    auditor: Auditor
    exports: Exports

    def record(self) -> Database:
        """The database. Raises Problem(503) when none is configured."""
        if self.database is None:
            raise no_database("no database is configured: set CRANEWATCH_DATABASE__URL")
        return self.database

    async def rows(self, *, site: str | None = None, device: str | None = None) -> list[devices.DeviceRow] | None:
        """Registered devices, or None when the database does not answer: then the live picture has to do."""
        if self.database is None:
            return None
        try:
            return await devices.devices(self.database, site=site, device=device)
        except StorageError:
            return None

    async def one(self, site: str, device: str) -> tuple[DeviceView | None, devices.DeviceRow | None]:
        """
        The device of that name, live and as registered.

        Raises Problem: 404 when nobody knows it, 409 when several kinds have one of that name.
        """
        views = {view.kind: view for view in self.feed.picture.find(site, device)}
        rows = {row.kind: row for row in await self.rows(site=site, device=device) or []}
        kinds = sorted({*views, *rows})
        if not kinds:
            raise not_found(f"device {site}/{device}")
        if len(kinds) > 1:
            detail = f"{site}/{device} is the name of devices of several kinds: {', '.join(kinds)}"
            raise Problem(409, "ambiguous", "设备名重复 the name is not unique", detail)
        return views.get(kinds[0]), rows.get(kinds[0])
