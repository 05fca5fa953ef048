"""
How long a client waits for a server that took a question and says nothing.

A statement timeout is the server's, and TCP's own timeouts end at the nearest proxy: behind a load balancer that has
failed over, a connection can stay open and silent for ever. So one thread looks at all blocking connections once a
second and shuts the socket of any whose question is older than the server would ever take; the thread that waits
gets the driver's error for a lost connection.
"""

import contextlib
import os
import socket
import threading
import time
import weakref
from typing import Any, Final

import psycopg

MARGIN_S: Final = 2.0  # beyond the statement timeout
LOOK_S: Final = 1.0


class PatientConnection(psycopg.Connection[Any]):
    """A connection that is given up when one question waits longer than `patience_s` for its answer."""

    patience_s: float = 0.0
    asked_at: float | None = None  # monotonic; None while nothing is asked

    def wait(self, *arguments: Any, **named: Any) -> Any:
        """One exchange with the server."""
        self.asked_at = time.monotonic()
        try:
            return super().wait(*arguments, **named)
        finally:
            self.asked_at = None


class PatientAsyncConnection(psycopg.AsyncConnection[Any]):
    """The same for a pool of an event loop."""

    patience_s: float = 0.0
    asked_at: float | None = None

    async def wait(self, *arguments: Any, **named: Any) -> Any:
        """One exchange with the server."""
        self.asked_at = time.monotonic()
        try:
            return await super().wait(*arguments, **named)
        finally:
            self.asked_at = None


_watched: "weakref.WeakSet[PatientConnection | PatientAsyncConnection]" = weakref.WeakSet()
_lock: Final = threading.Lock()
_thread: threading.Thread | None = None


def watch(connection: PatientConnection | PatientAsyncConnection, statement_timeout_s: float) -> None:
    """Give this connection up when the server stays silent."""
    global _thread
    connection.patience_s = statement_timeout_s + MARGIN_S
    with _lock:
        _watched.add(connection)
        if _thread is None or not _thread.is_alive():
            _thread = threading.Thread(target=_look, name="storage.patience", daemon=True)
            _thread.start()


def _look() -> None:
    while True:
        time.sleep(LOOK_S)
        now = time.monotonic()
        with _lock:
            waiting = [one for one in _watched if (at := one.asked_at) is not None and now - at > one.patience_s]
        for connection in waiting:
            _hang_up(connection)


def _hang_up(connection: PatientConnection | PatientAsyncConnection) -> None:
    # The descriptor belongs to libpq, in another thread: a duplicate of it can be shut, and closed, safely.
    with contextlib.suppress(OSError, psycopg.Error), socket.socket(fileno=os.dup(connection.pgconn.socket)) as own:
        own.shutdown(socket.SHUT_RDWR)
