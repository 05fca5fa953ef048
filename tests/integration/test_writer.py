"""The writer when its connection goes in the middle of a transaction: the next batch has a good one."""

import contextlib
import os
import socket
from collections.abc import Callable
from typing import Any

import psycopg
import pytest

from telemetry.clock import now_ms
from telemetry.errors import StorageError
from telemetry.model import CoverageLevel, Severity, Signal, State
from telemetry.settings import DatabaseSettings
from telemetry.storage import ledger, notes, writer
from telemetry.storage.items import Item, Noted, Reading
from telemetry.storage.writer import Writer
from telemetry.wire import frames, payloads, topics
from tests.helpers.publisher import frame
from tests.helpers.rows import value


def batch(seq: int) -> list[Item]:
    """A reading and a coverage."""
    where = "cw/v1/s/crane/c-1"
    reading = frames.decode("crane", frame("boot-0001", seq, now_ms(), load_t=1.0))
    said = payloads.Coverage(at=now_ms(), level=CoverageLevel.BLIND, hazards={})
    return [
        Reading(topics.parse(f"{where}/up/reading"), reading, b""),
        Noted(topics.parse(f"{where}/down/coverage"), said, b""),
    ]


def transition(id_: str, state: State, at: int) -> Item:
    """What the analyzer published, of one alarm."""
    note = payloads.Transition(
        id=id_, at=at, site="s", kind="crane", device="c-1", rule="moment", signal=Signal.RAISE,
        previous=State.NORMAL, state=state, severity=Severity.ALARM, cause=payloads.Cause(boot="boot-0001", seq=1),
    )  # fmt: skip
    return Noted(topics.parse("cw/v1/s/crane/c-1/down/transition"), note, b"")


def test_a_transition_that_comes_again_says_nothing_new_of_its_alarm(database: DatabaseSettings) -> None:
    own = Writer(database, application="test-again")
    at = now_ms()
    state = "SELECT state || ' ' || transition_id FROM alarm"
    try:
        raised, over = transition("a" * 32, State.UNACKNOWLEDGED, at), transition("b" * 32, State.NORMAL, at + 1000)
        own.store([raised, over], at)
        assert value(database, state) == f"normal {'b' * 32}"
        own.store([raised], at + 5000)
        assert value(database, state) == f"normal {'b' * 32}", "published again after the broker had lost it"
        assert value(database, "SELECT count(*) FROM transition") == 2
    finally:
        own.close()


def hang_up(connection: "psycopg.Connection[Any]") -> None:
    """As the watch over silent connections does, and much as a proxy in between."""
    with contextlib.suppress(OSError), socket.socket(fileno=os.dup(connection.pgconn.socket)) as own:
        own.shutdown(socket.SHUT_RDWR)


def kill(connection: "psycopg.Connection[Any]") -> None:
    """The server ends the session: the error is known when the answers are read."""
    with contextlib.suppress(psycopg.Error):
        connection.execute("SELECT pg_terminate_backend(pg_backend_pid())")


def tangle(connection: "psycopg.Connection[Any]") -> None:
    """A pipeline that cannot be left: seen when the server's farewell came between two answers of it."""
    connection.pgconn.send_query_params(b"SELECT pg_sleep(0.2)", None)


@pytest.mark.parametrize(
    ("loss", "moment"),
    [
        *((loss, moment) for loss in (hang_up, kill) for moment in ("before the ledger", "behind the ledger", "notes")),
        (tangle, "behind the ledger"),
    ],
)
def test_a_connection_lost_in_the_last_exchange_is_replaced(
    database: DatabaseSettings,
    monkeypatch: pytest.MonkeyPatch,
    loss: Callable[["psycopg.Connection[Any]"], None],
    moment: str,
) -> None:
    own = Writer(database, application="test-cut")
    record, write = ledger.record, notes._Rows.write

    def lost_record(connection: Any, column: Any, seqs: Any) -> None:
        if moment == "before the ledger":
            loss(connection)
        record(connection, column, seqs)
        if moment == "behind the ledger":
            loss(connection)

    def lost_write(rows: Any, connection: Any) -> None:
        if moment == "notes":
            loss(connection)
        write(rows, connection)

    second = batch(2)  # the same items both times, as ingest does: its COMMIT may have been done
    try:
        own.store(batch(1), now_ms())
        with monkeypatch.context() as broken:
            broken.setattr(writer.ledger, "record", lost_record)
            broken.setattr(notes._Rows, "write", lost_write)
            with pytest.raises(StorageError):
                own.store(second, now_ms())
        own.store(second, now_ms())
        own.store(batch(3), now_ms())
        assert value(database, "SELECT count(*) FROM reading_crane") == 3
        assert value(database, "SELECT stored::text FROM frame_ledger") == "{[1,4)}"
    finally:
        own.close()
