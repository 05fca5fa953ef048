"""What is in the database, for tests that look."""

from typing import Any, LiteralString

import psycopg

from telemetry.settings import DatabaseSettings


def fetch(settings: DatabaseSettings, query: LiteralString, *parameters: object) -> list[tuple[Any, ...]]:
    """All rows of a query."""
    with psycopg.connect(settings.url.get_secret_value()) as connection:
        return connection.execute(query, parameters).fetchall()


def value(settings: DatabaseSettings, query: LiteralString, *parameters: object) -> Any:
    """The one value of a query."""
    return fetch(settings, query, *parameters)[0][0]
