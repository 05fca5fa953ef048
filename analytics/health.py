"""
What depends on arrival: silence, clocks that are off, and what coverage is made of.

Rule 1: everything here is decided at a tick, from the receive times and the tick's own time.
Rule 2: nothing here changes what a rule on readings decides.
Rule 3: what is waited for is a message: of a device that sends ten samples at once, the tenfold of its interval.
"""

from collections.abc import Iterable
from typing import Any, Final

import numpy as np

from analytics.alarm_record import Record
from analytics.coverage import Watch
from analytics.fleet import Fleet
from analytics.rulebook.entry import ONE_HZ
from analytics.table import NEVER, Array
from telemetry.model import State

OFF_MS: Final = 5_000
PROMPT_MS: Final = 1_000  # a tick that took longer stood behind a backlog, and offsets would lie
TICKS: Final = 3
CHANNEL_MS: Final = 5_000
LIFE_SAFETY: Final = frozenset({"silence", "power", "identity"})


def allowed_ms(fleet: Fleet, row: int) -> int:
    """How long a device may be silent before it is an alarm."""
    return int(3 * fleet.every(np.array([row]))[0] + 1000 * fleet.figure(np.array([row]), "silence_timeout_s")[0])


class Health:
    """The little that must be remembered between ticks, by fleet; rows are indices."""

    def __init__(self) -> None:
        self._off: dict[str, Array] = {}  # ticks in a row with an offset beyond OFF_MS, signed
        self._looked: dict[str, int] = {}
        self._signature: dict[str, Array] = {}

    def silent(self, fleet: Fleet, now: int) -> Array:
        """Rows that have just become silent for too long."""
        n = fleet.table.rows
        heard = fleet.table["heard"][:n]
        allowed = 3 * fleet.every(slice(n)) + (1000 * fleet.figure(np.arange(n), "silence_timeout_s")).astype(np.int64)
        over = np.flatnonzero((heard != NEVER) & (now - heard > allowed))
        devices = fleet.devices
        return np.array([row for row in over if not (devices[row].silent or devices[row].retired)], np.int64)

    def offsets(self, fleet: Fleet, now: int) -> list[int]:
        """ts - received (ms) of the devices heard since the last tick; counts those that are off."""
        n = fleet.table.rows
        off = self._off.get(fleet.kind, np.zeros(0, np.int64))
        off = np.concatenate((off, np.zeros(n - len(off), np.int64)))
        rx, ts = fleet.table["rx"][:n], fleet.table["ts"][:n]
        recent = rx > self._looked.get(fleet.kind, now)
        self._looked[fleet.kind] = now
        offset = np.where(recent, ts - rx, 0)
        wrong = np.abs(offset) > OFF_MS
        sign = np.sign(offset)
        off = np.where(recent, np.where(wrong, np.where(off * sign > 0, off + sign, sign), 0), off)
        self._off[fleet.kind] = off
        return [int(value) for value in offset[recent]]

    def wrong(self, fleet: Fleet) -> Iterable[tuple[int, str]]:
        """Rows whose offset was wrong at enough ticks in a row, and which way."""
        off = self._off.get(fleet.kind, np.zeros(0, np.int64))
        for row in np.flatnonzero(np.abs(off) >= TICKS):
            yield int(row), "ahead" if off[row] > 0 else "behind"

    @staticmethod
    def ours(offsets: list[int], *, was: bool) -> float | None:
        """By how many ms our clock is off, when most of at least three devices say the same; None otherwise."""
        if len(offsets) < 3:
            return None
        values = np.array(offsets, np.float64)
        middle = float(np.median(values))
        agree = int((np.abs(values - middle) <= 2_000).sum())
        bound = OFF_MS - 1_000 if was else OFF_MS
        return middle if abs(middle) > bound and agree * 2 > len(offsets) else None

    def changed(self, fleet: Fleet, now: int) -> list[int]:
        """Rows whose coverage may have changed since the last tick."""
        n = fleet.table.rows
        table = fleet.table
        every = fleet.every(slice(n))
        lately = np.maximum(3 * every, CHANNEL_MS)
        alive = now - table["good_at"][:n] <= lately[:, None]
        signature = (alive.astype(np.int64) << np.arange(1, alive.shape[1] + 1)).sum(axis=1)
        stale = now - table["heard"][:n] > 3 * every
        signature += stale.astype(np.int64) << 20
        told = now - table["told_at"][:n] <= lately[:, None]
        signature += (told.astype(np.int64) << np.arange(40, 40 + told.shape[1])).sum(axis=1)
        signature += (every > ONE_HZ).astype(np.int64) << 21
        signature += table["attention"][:n].astype(np.int64) << 22
        before = self._signature.get(fleet.kind, np.zeros(0, np.int64))
        differs = np.ones(n, np.bool_)
        differs[: len(before)] = signature[: len(before)] != before
        self._signature[fleet.kind] = signature
        rows = set(np.flatnonzero(differs).tolist()) | fleet.dirty
        fleet.dirty = set()
        return sorted(rows)

    def freeze(self) -> dict[str, Any]:
        """A copy for a snapshot."""
        return {"off": {kind: off.tobytes() for kind, off in self._off.items()}, "looked": dict(self._looked)}

    def thaw(self, frozen: dict[str, Any]) -> None:
        """Take over a frozen one."""
        self._off = {kind: np.frombuffer(data, np.int64).copy() for kind, data in frozen["off"].items()}
        self._looked = dict(frozen["looked"])


def watch(fleet: Fleet, row: int, now: int, records: dict[str, Record], doubt: str | None) -> Watch:
    """What the coverage of one device is made of."""
    device, table = fleet.devices[row], fleet.table
    interval = int(fleet.every(np.array([row]))[0])
    lately = max(3 * interval, CHANNEL_MS)
    channels = frozenset(
        name for name, at in zip(fleet.tracked, table["good_at"][row], strict=True) if now - int(at) <= lately
    )
    heard = int(table["heard"][row])
    told_at = dict(zip(fleet.states, table["told_at"][row].tolist(), strict=True))
    configured, learned = fleet.equipped(row)
    quiet = heard == NEVER or now - heard > 3 * interval
    return Watch(
        kind=fleet.kind,
        heard=heard != NEVER,
        silent=device.silent or (heard != NEVER and now - heard > 3 * interval),
        retired=device.retired and quiet,
        planned_off=device.planned_off,
        power_off=device.power_off,
        clock=device.clock_alarm,
        conflict=device.conflict,
        interval_ms=interval,
        channels=channels,
        chart=bool(device.config and device.config.charts),
        rated="rated_load_t" in channels,
        design=bool(device.config and device.config.design_force_kn),
        suppressed=fleet.limits[row].suppressed,
        states=tuple(
            (rule, record.state)
            for rule, record in sorted(records.items())
            if record.state in (State.SHELVED, State.DISABLED)
        ),
        doubt=doubt,
        weakness=fleet.weakness(row),
        mode=str(device.mode),
        mode_sent=fleet.mode_sent(row),
        told=frozenset(name for name, at in told_at.items() if now - at <= lately),
        ever=frozenset(name for name, at in told_at.items() if at != NEVER),
        configured=configured,
        learned=learned,
        overlaps=fleet.overlaps(row),
        rules=tuple(fleet.limits[row].rules),
    )
