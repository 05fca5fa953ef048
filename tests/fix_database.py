"""
Real databases: embedded PostgreSQL, and TimescaleDB from Debian's package.

One cluster of each per session, with a template database that has the schema; each test gets a copy. Where
TimescaleDB cannot be had, its half of the tests skips with the reason; in CI that is a failure.
"""

import os
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import count
from pathlib import Path

import psycopg
import pytest

from runtime.embedded import debian
from runtime.embedded.ports import free_port
from runtime.embedded.postgres import Cluster, embedded
from telemetry.settings import DatabaseSettings
from telemetry.storage.migrate import migrate

FAST = {"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off"}
_numbers = count(1)


@dataclass
class Server:
    """A cluster of this session, and copies of its template."""

    name: str
    cluster: Cluster

    def __post_init__(self) -> None:
        self.execute("CREATE DATABASE cw_template")
        migrate(DatabaseSettings(url=self.cluster.url("cw_template")))

    def execute(self, sql: str) -> None:
        with psycopg.connect(self.cluster.url(), autocommit=True) as connection:
            connection.execute(sql)

    def copy(self) -> DatabaseSettings:
        """A fresh database with the schema."""
        name = f"cw_test_{next(_numbers)}"
        self.execute(f"CREATE DATABASE {name} TEMPLATE cw_template")
        return DatabaseSettings(url=self.cluster.url(name), statement_timeout_s=10, connect_timeout_s=2)

    def empty(self) -> DatabaseSettings:
        """A fresh database with nothing in it."""
        name = f"cw_test_{next(_numbers)}"
        self.execute(f"CREATE DATABASE {name}")
        return DatabaseSettings(url=self.cluster.url(name))

    def drop(self, settings: DatabaseSettings) -> None:
        name = settings.url.get_secret_value().rsplit("/", 1)[1]
        self.execute(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)")


def new_cluster(flavour: str, settings: dict[str, str] | None = None) -> Cluster:
    """A started cluster of its own, for tests that kill it. The caller removes it."""
    if flavour == "timescale":
        reason = debian.why_not()
        if reason:
            if os.environ.get("CI") == "true":
                pytest.fail(f"TimescaleDB is required in CI: {reason}")
            pytest.skip(reason)
        options = {"timescaledb.max_background_workers": "0", "max_worker_processes": "8", **(settings or {})}
        cluster = debian.timescale(f"cw-{os.getpid()}-{next(_numbers)}", free_port(), options)
    else:
        cluster = embedded(Path(tempfile.mkdtemp(prefix="cw-pg-")) / "data", free_port(), settings)
    cluster.init()
    cluster.start()
    return cluster


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[Server]:
    """Embedded PostgreSQL."""
    cluster = new_cluster("postgres", FAST)
    yield Server("postgres", cluster)
    cluster.remove()


@pytest.fixture(scope="session")
def timescale_server() -> Iterator[Server]:
    """TimescaleDB: from Debian's package, the apache edition; in another folder perhaps the community edition."""
    cluster = new_cluster("timescale", FAST)
    yield Server("timescale", cluster)
    cluster.remove()


@pytest.fixture(params=["postgres", pytest.param("timescale", marks=pytest.mark.timescale)])
def server(request: pytest.FixtureRequest) -> Server:
    """Each of the two servers in turn."""
    found: Server = request.getfixturevalue(f"{request.param}_server")
    return found


@pytest.fixture
def database(server: Server) -> Iterator[DatabaseSettings]:
    """A fresh database with the schema, on each of the two servers."""
    settings = server.copy()
    yield settings
    server.drop(settings)


@pytest.fixture
def postgres_database(postgres_server: Server) -> Iterator[DatabaseSettings]:
    """A fresh database with the schema, on embedded PostgreSQL only."""
    settings = postgres_server.copy()
    yield settings
    postgres_server.drop(settings)
