"""Everything that is not a reading, written in the batch's transaction: events, presence, responses, alarms."""

from collections.abc import Callable
from datetime import datetime
from typing import Any, Final, LiteralString

import msgspec
import psycopg

from telemetry.clock import to_datetime
from telemetry.model import State
from telemetry.storage import ledger
from telemetry.storage.cycles import RECOGNISED, TOLD, recognised_row
from telemetry.storage.items import Noted
from telemetry.storage.registry import Registry
from telemetry.wire import payloads
from telemetry.wire.cycle import Cycle

_EVENT: Final[LiteralString] = (
    "INSERT INTO device_event (device_id, id, type, ts_ms, boot, seq, data, received_at)"
    " VALUES (%s, %s, %s, %s, %s, %s, %s, %s) ON CONFLICT DO NOTHING"
)
_PRESENCE: Final[LiteralString] = "UPDATE device SET online = %s, presence = %s, presence_at = %s WHERE device_id = %s"
_RESPONSE: Final[LiteralString] = (
    "INSERT INTO response (device_id, id, action, rule, transition_id, at_ms, who, why, until_ms, payload, received_at)"
    " VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s) ON CONFLICT DO NOTHING"
)
_SHOWN: Final[LiteralString] = (
    "INSERT INTO shown (device_id, transition_id, terminal, stage, at_ms, received_at)"
    " VALUES (%s, %s, %s, %s, %s, %s) ON CONFLICT DO NOTHING"
)
_TERMINAL: Final[LiteralString] = (
    "INSERT INTO terminal (device_id, terminal, at_ms, visible, audio, volume, wake_lock, build, received_at)"
    " VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s) ON CONFLICT (device_id, terminal) DO UPDATE"
    " SET at_ms = EXCLUDED.at_ms, visible = EXCLUDED.visible, audio = EXCLUDED.audio, volume = EXCLUDED.volume,"
    " wake_lock = EXCLUDED.wake_lock, build = EXCLUDED.build, received_at = EXCLUDED.received_at"
)
TRANSITION: Final[LiteralString] = (
    "INSERT INTO transition (id, device_id, rule, signal, previous, state, severity, at_ms, observed, origin,"
    " life_safety, payload, received_at) VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s)"
    # What the review had found before it was heard of live is live.
    " ON CONFLICT (id) DO UPDATE SET origin = EXCLUDED.origin, payload = EXCLUDED.payload,"
    " received_at = EXCLUDED.received_at"
    " WHERE transition.origin = 'review' AND EXCLUDED.origin = 'live' RETURNING position"
)
_ALARM: Final[LiteralString] = (
    "INSERT INTO alarm AS a (device_id, rule, transition_id, state, severity, at_ms, since_ms, life_safety, payload)"
    " VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s) ON CONFLICT (device_id, rule) DO UPDATE SET"
    " transition_id = EXCLUDED.transition_id, state = EXCLUDED.state, severity = EXCLUDED.severity,"
    " at_ms = EXCLUDED.at_ms, life_safety = EXCLUDED.life_safety, payload = EXCLUDED.payload, updated_at = now(),"
    " since_ms = CASE WHEN a.state = 'normal' THEN EXCLUDED.since_ms ELSE a.since_ms END"
)
_COVERAGE: Final[LiteralString] = (
    "INSERT INTO coverage AS c (device_id, at_ms, level, payload, received_at) VALUES (%s, %s, %s, %s, %s)"
    " ON CONFLICT (device_id) DO UPDATE SET at_ms = EXCLUDED.at_ms, level = EXCLUDED.level,"
    " payload = EXCLUDED.payload, received_at = EXCLUDED.received_at WHERE c.at_ms <= EXCLUDED.at_ms"
)
_TERMS: Final[LiteralString] = (
    "INSERT INTO evaluation_terms (device_id, boot_no, seq, start, payload) VALUES (%s, %s, %s, %s, %s)"
    " ON CONFLICT DO NOTHING"
)
_SOUNDED: Final[LiteralString] = (
    "INSERT INTO cab_sound AS c (device_id, hour, rule, ms, times) VALUES (%s, %s, %s, %s, %s)"
    " ON CONFLICT (device_id, hour, rule) DO UPDATE SET ms = GREATEST(c.ms, EXCLUDED.ms),"
    " times = GREATEST(c.times, EXCLUDED.times)"
)
_COVERAGE_CHANGE: Final[LiteralString] = (
    "INSERT INTO coverage_change (device_id, at_ms, level, payload, received_at)"
    " VALUES (%s, %s, %s, %s, %s) ON CONFLICT DO NOTHING"
)

Connection = psycopg.Connection[Any]


class _Rows:
    """The rows of one batch by statement: one exchange with the server for each table, not for each note."""

    def __init__(self) -> None:
        self._by_statement: dict[LiteralString, list[tuple[Any, ...]]] = {}
        self.transitions: list[tuple[int, payloads.Transition, datetime]] = []

    def add(self, statement: LiteralString, *row: Any) -> None:
        """In order of receipt within a table; what is written to two tables depends on no order between them."""
        self._by_statement.setdefault(statement, []).append(row)

    def write(self, connection: Connection) -> None:
        """Everything that was added. Raises psycopg errors."""
        with connection.cursor() as cursor:
            for statement, rows in self._by_statement.items():
                cursor.executemany(statement, rows)
            if not self.transitions:
                return
            cursor.executemany(TRANSITION, [transition_row(*one) for one in self.transitions], returning=True)
            alarms: list[tuple[Any, ...]] = []
            for device, note, _ in self.transitions:
                # A transition that was known already returns nothing, and says nothing new of its alarm.
                if cursor.fetchone() is not None and note.origin == "live":
                    alarms.append(_alarm_row(device, note))
                cursor.nextset()
            if alarms:
                cursor.executemany(_ALARM, alarms)


def write_notes(
    connection: Connection, registry: Registry, items: list[Noted], received_ms: int
) -> Callable[[Connection], None]:
    """
    Write these notes in order of receipt, inside the caller's transaction. Raises psycopg errors.

    What they say of the ledger is left to the caller, who does it last.
    """
    received = to_datetime(received_ms)
    rows = _Rows()
    evaluated: dict[tuple[int, int], list[tuple[int, int]]] = {}
    ends: dict[tuple[int, int], int] = {}
    for item in items:
        topic, note = item.topic, item.note
        device = registry.device((topic.site, topic.kind, topic.device))
        if isinstance(note, payloads.Evaluated):
            for boot, ranges in note.boots.items():
                evaluated.setdefault((device, registry.boot(device, boot)), []).extend(ranges)
            for terms in note.terms:
                boot_no = registry.boot(device, terms.boot)
                rows.add(_TERMS, device, boot_no, terms.seq, terms.start, _json(terms))
            for hour in note.sounded:
                begins = to_datetime(hour.hour)
                rows.add(_SOUNDED, device, begins, "", hour.ms, hour.times)
                for rule, ms in hour.rules.items():
                    rows.add(_SOUNDED, device, begins, rule, ms, 0)
        else:
            _WRITERS[type(note)](rows, device, note, received)
        if isinstance(note, payloads.Presence):
            for past in note.ended:
                key = (device, registry.boot(device, past.boot))
                ends[key] = max(past.seq, ends.get(key, 0))
    rows.write(connection)

    def account(connection: Connection) -> None:
        ledger.record(connection, "evaluated", evaluated)
        ledger.end(connection, ends)

    return account


def _json(value: Any) -> str:
    return msgspec.json.encode(value).decode()


def _event(rows: _Rows, device: int, note: payloads.Event, received: Any) -> None:
    data = _json(note.data)
    rows.add(_EVENT, device, note.id, note.type, note.ts, note.boot, note.seq, data, received)
    if note.type == "cycle":
        rows.add(TOLD, device, note.id, note.ts, data, received)


def _presence(rows: _Rows, device: int, note: payloads.Presence, received: Any) -> None:
    rows.add(_PRESENCE, note.online, _json(note), received, device)


def _response(rows: _Rows, device: int, note: payloads.Response, received: Any) -> None:
    rows.add(
        _RESPONSE, device, note.id, str(note.action), note.rule, note.transition, note.at, note.who, note.why,
        note.until, _json(note), received,
    )  # fmt: skip


def _shown(rows: _Rows, device: int, note: payloads.Shown, received: Any) -> None:
    if note.transition is not None:
        rows.add(_SHOWN, device, note.transition, note.terminal, str(note.stage), note.at, received)
        return
    rows.add(
        _TERMINAL, device, note.terminal, note.at, note.visible, note.audio, note.volume, note.wake_lock, note.build,
        received,
    )  # fmt: skip


def transition_row(device: int, note: payloads.Transition, received: datetime | None) -> tuple[Any, ...]:
    """The parameters of `TRANSITION`; a review's was received by nobody."""
    return (
        note.id, device, note.rule, str(note.signal), str(note.previous), str(note.state), int(note.severity),
        note.at, note.observed, str(note.origin), note.life_safety, _json(note), received,
    )  # fmt: skip


def _alarm_row(device: int, note: payloads.Transition) -> tuple[Any, ...]:
    severity = 0 if note.state is State.NORMAL else int(note.severity)
    return (
        device, note.rule, note.id, str(note.state), severity, note.at, note.at, note.life_safety, _json(note),
    )  # fmt: skip


def _transition(rows: _Rows, device: int, note: payloads.Transition, received: Any) -> None:
    rows.transitions.append((device, note, received))


def _cycle(rows: _Rows, device: int, note: Cycle, received: Any) -> None:
    rows.add(RECOGNISED, *recognised_row(device, note))


def _coverage(rows: _Rows, device: int, note: payloads.Coverage, received: Any) -> None:
    row = (device, note.at, str(note.level), _json(note), received)
    rows.add(_COVERAGE, *row)
    rows.add(_COVERAGE_CHANGE, *row)


_WRITERS: Final[dict[type, Callable[[_Rows, int, Any, Any], None]]] = {
    payloads.Event: _event,
    payloads.Presence: _presence,
    payloads.Response: _response,
    payloads.Shown: _shown,
    payloads.Transition: _transition,
    Cycle: _cycle,
    payloads.Coverage: _coverage,
}
