"""
Connections, and the one place where a driver's error becomes ours.

The whole promise hangs on which errors are retried and which quarantine a frame (DESIGN section 5):
connection, classes 53 (but 53200, 53400), 57, 58, 40, 08, and 55P03, 25006 pass by themselves: retry;
classes 22, 23, 42804 and whatever is raised while encoding never pass: quarantine the frame;
53200, 53400 and everything unknown may pass with less at once: halve first, then retry.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

import psycopg
from psycopg_pool import PoolClosed, PoolTimeout

from telemetry.errors import StorageError, StorageRefused, StorageStrained, StorageUnavailable
from telemetry.settings import DatabaseSettings
from telemetry.storage.patience import PatientConnection, watch

_RETRY_CLASSES: Final = frozenset({"08", "40", "53", "57", "58"})
_RETRY_CODES: Final = frozenset({"55P03", "25006"})
_STRAINED_CODES: Final = frozenset({"53200", "53400"})
_REFUSED_CLASSES: Final = frozenset({"22", "23"})
_REFUSED_CODES: Final = frozenset({"42804"})


def classify(error: Exception) -> StorageError:
    """Our error for a driver's one, by SQLSTATE."""
    text = " ".join(str(error).split())[:500] or type(error).__name__
    if isinstance(error, PoolTimeout | PoolClosed):
        return StorageUnavailable(text)
    code = getattr(error, "sqlstate", None)
    if code is None:
        # No SQLSTATE: the server never answered, or psycopg could not encode the values.
        if isinstance(error, psycopg.DataError | UnicodeError | OverflowError):
            return StorageRefused(text)
        return StorageUnavailable(text)
    text = f"{code}: {text}"
    if code in _STRAINED_CODES:
        return StorageStrained(text, code)
    if code in _RETRY_CODES or code[:2] in _RETRY_CLASSES:
        return StorageUnavailable(text, code)
    if code in _REFUSED_CODES or code[:2] in _REFUSED_CLASSES:
        return StorageRefused(text, code)
    return StorageStrained(text, code)


@contextmanager
def translated() -> Iterator[None]:
    """Driver errors raised in the block become ours, with the cause kept."""
    try:
        yield
    except (psycopg.Error, PoolTimeout, PoolClosed, UnicodeError, OverflowError) as error:
        raise classify(error) from error


def parameters(settings: DatabaseSettings, *, application: str) -> dict[str, object]:
    """Keyword arguments for a connection: timeouts for statements, for connecting, and for a deaf socket."""
    milliseconds = int(settings.statement_timeout_s * 1000)
    return {
        "conninfo": settings.url.get_secret_value(),
        "application_name": f"cranewatch-{application}",
        "connect_timeout": settings.connect_timeout_s,
        "tcp_user_timeout": milliseconds,
        "keepalives_idle": 10,
        "keepalives_interval": 5,
        "keepalives_count": 3,
        "options": f"-c statement_timeout={milliseconds} -c lock_timeout=10s -c timezone=UTC -c datestyle=ISO",
    }


def connect(settings: DatabaseSettings, *, application: str) -> psycopg.Connection[tuple[object, ...]]:
    """
    A blocking connection for a thread of its own; a server that falls silent on it is given up. Raises
    StorageUnavailable.
    """
    with translated():
        found = PatientConnection.connect(**parameters(settings, application=application))  # type: ignore[arg-type]  # a plain mapping
    watch(found, settings.statement_timeout_s)
    return found
