"""A service's pool of query connections: read-mostly, autocommit, bounded, and open before the database is."""

import logging
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from typing import Any, TypeAlias, TypeVar

from psycopg import AsyncConnection
from psycopg.rows import DictRow, dict_row
from psycopg_pool import AsyncConnectionPool

from telemetry.settings import DatabaseSettings
from telemetry.storage.door import parameters, translated
from telemetry.storage.patience import PatientAsyncConnection, watch

logger = logging.getLogger(__name__)

Connection: TypeAlias = AsyncConnection[DictRow]
T = TypeVar("T")


def names(sites: Sequence[str] | None) -> list[str] | None:
    """Names as a parameter of a query: None is every one, an empty list none."""
    return None if sites is None else list(sites)


Check: TypeAlias = Callable[[T | None], None]
"""Held against what is there, inside of the transaction of a change; what it raises undoes the change."""


async def lock_site(connection: Connection, site: str) -> None:
    """One change of a site's people at a time, until the transaction ends; who only refers to the site goes on."""
    await connection.execute("SELECT 1 FROM site WHERE site = %s FOR NO KEY UPDATE", (site,))


class Database:
    """The pool, and one way to borrow from it."""

    def __init__(self, settings: DatabaseSettings, *, application: str) -> None:
        self._settings = settings
        options: dict[str, Any] = parameters(settings, application=application)
        conninfo = options.pop("conninfo")
        self._pool: AsyncConnectionPool[Connection] = AsyncConnectionPool(
            conninfo,
            connection_class=PatientAsyncConnection,
            configure=self._watch,
            kwargs={**options, "autocommit": True, "row_factory": dict_row},
            min_size=1,
            max_size=settings.pool_max,
            timeout=5.0,
            max_waiting=64,
            open=False,
            reconnect_timeout=30.0,
        )

    @property
    def settings(self) -> DatabaseSettings:
        """Where it is, for what needs a connection of a thread's own."""
        return self._settings

    async def _watch(self, connection: Connection) -> None:
        if isinstance(connection, PatientAsyncConnection):
            watch(connection, self._settings.statement_timeout_s)

    async def __aenter__(self) -> "Database":
        # Not waiting for the first connection: a service starts, and says what is missing, without its database.
        await self._pool.open(wait=False)
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._pool.close(timeout=2)

    @asynccontextmanager
    async def connection(self) -> AsyncIterator[Connection]:
        """Borrow a connection that returns rows as dicts. Raises StorageUnavailable and the rest of the tree."""
        with translated():
            async with self._pool.connection() as connection:
                yield connection
