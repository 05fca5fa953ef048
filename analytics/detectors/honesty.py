"""
Sensors that do not tell the truth: values that stand still while something related moves, and steps nothing can make.

Rule 1: a value that stands still is no fault by itself: an idle crane and a calm night are still (product review 2.1
no. 8). Only with what moved meanwhile is it one.
Rule 2: one odd sample is noise; several within ten minutes are a bad contact.
Rule 3: what is watched, and what must have moved, is data; cranes and formwork are judged by the same lines of code.
"""

from dataclasses import dataclass, field
from typing import Final

import numpy as np

from analytics.channels import COLUMN
from analytics.detectors.base import Sight
from analytics.rulebook.entry import flagged
from analytics.table import NEVER, Array, Field, Table
from analytics.table import field as array
from telemetry.kinds import KINDS

STEPS: Final = 4
LATELY_MS: Final = 600_000
SPIKES_MS: Final = 5_000  # slower, a whole lift may be between two samples


@dataclass(frozen=True, slots=True, kw_only=True)
class Watched:
    """
    A channel, when its standing still is a fault, and what step of it is one.

    minutes: for so long at least; moved: by how much each related quantity must have changed meanwhile; nonzero: at
    nought it may stand still. rate, step: what one second can change and what any single step can, in its unit. spike:
    what nothing that was there before and after one sample can differ from it, at `SPIKES_MS` or faster.
    """

    channel: str
    minutes: float
    moved: dict[str, float] = field(default_factory=dict)
    nonzero: bool = False
    rate: float = np.inf
    step: float = np.inf
    spike: float = np.inf
    turns: bool = False  # degrees that start over at 360


class Honesty:
    """Stuck values and impossible steps of one kind's channels."""

    def __init__(self, kind: str, watched: tuple[Watched, ...], related: tuple[str, ...]) -> None:
        """`related`: the quantities that `Watched.moved` names, in the order in which `judge` is given them."""
        self.names = tuple(one.channel for one in watched)
        self._kind = kind
        self._places = [KINDS[kind].column[name] for name in self.names]
        self._minutes = np.array([one.minutes for one in watched])
        self._moved = np.array([[one.moved.get(name, 0.0) for name in related] for one in watched])
        self._nonzero = np.array([one.nonzero for one in watched])
        self._rate = np.array([one.rate for one in watched])
        self._step = np.array([one.step for one in watched])
        self._spike = np.array([one.spike for one in watched])
        self._turns = np.array([one.turns for one in watched])
        self._bits = 1 << np.arange(len(watched))

    def fields(self) -> dict[str, Field]:
        """The arrays that it needs."""
        n = len(self.names)
        return {
            "same_value": array(np.float32, np.nan, n),
            "same_since": array(np.int64, NEVER, n),
            "same_moved": array(np.float64, np.nan, *self._moved.shape),  # the related quantities when it last changed
            "last_line": array(np.int64, NEVER, n),
            "jumped": array(np.int8, 0, n),  # which way the last step went, where it could be half of a spike
            "step_at": array(np.int64, NEVER, STEPS),
            "step_place": array(np.int8),
            "stuck": array(np.int16),  # a bit a channel
            "stepped": array(np.int16),
        }

    def named(self, table: Table, row: int, rule: str) -> tuple[str, str] | None:
        """Which channels `stuck` or `implausible_step` is about, zh and en."""
        if rule not in ("stuck", "implausible_step"):
            return None
        flags = int(table["stuck" if rule == "stuck" else "stepped"][row])
        return flagged(self.names, flags, self._kind)

    def change(self, sight: Sight) -> Array:
        """By how much each watched channel changed since it was last known, float32 (n, watched), not negative."""
        now, last = sight.wave.good[:, self._places], sight.table["same_value"][sight.rows]
        turned = np.abs((now - last + np.float32(180.0)) % np.float32(360.0) - np.float32(180.0))
        change: Array = np.where(self._turns, turned, np.abs(now - last))
        return change

    def judge(self, sight: Sight, change: Array, related: Array) -> None:
        """Fill in `stuck_channels` and `odd_steps`; related: float64 (n, related), what has moved or how far it is."""
        table, rows, column = sight.table, sight.rows, COLUMN[self._kind]
        now = sight.wave.good[:, self._places]
        known = ~np.isnan(now)
        line = sight.line[:, None]
        self._steps(sight, now, change, known)
        fresh = known & ~(change == 0)
        since = np.where(fresh, line, table["same_since"][rows])
        then = np.where(fresh[:, :, None], related[:, None, :], table["same_moved"][rows])
        table["same_value"][rows] = np.where(known, now, table["same_value"][rows])
        table["same_since"][rows], table["same_moved"][rows] = since, then
        moved = ((np.abs(related[:, None, :] - then) >= self._moved) | (self._moved == 0)).all(axis=2)
        stuck = known & ~fresh & (line - since >= 60_000 * self._minutes) & moved & (~self._nonzero | (now != 0))
        table["stuck"][rows] = stuck @ self._bits
        sight.value[:, column["stuck_channels"]] = np.where(known.any(axis=1), stuck.sum(axis=1), np.nan)

    def _spikes(self, sight: Sight, now: Array) -> Array:
        """Whether a channel is back where it was, one sample after it was somewhere else; bool (n, watched)."""
        table, rows = sight.table, sight.rows
        step = now - table["same_value"][rows]
        way = np.where(np.abs(step) >= self._spike, np.sign(step), 0.0)
        back: Array = (way != 0) & (way == -table["jumped"][rows]) & (sight.interval[:, None] <= SPIKES_MS)
        table["jumped"][rows] = np.where(np.isnan(step), 0.0, np.where(back, 0.0, way))
        return back

    def _steps(self, sight: Sight, now: Array, change: Array, known: Array) -> None:
        table, rows = sight.table, sight.rows
        before = table["last_line"][rows]
        dt = sight.line[:, None] - before
        odd = (change > self._rate * dt / 1000.0 + self._step) & (before != NEVER)
        odd |= self._spikes(sight, now)
        odd &= dt <= 3 * sight.interval[:, None]
        table["last_line"][rows] = np.where(known, sight.line[:, None], before)
        any_ = odd.any(axis=1)
        if any_.any():
            own, place = rows[any_], table["step_place"][rows[any_]]
            table["step_at"][own, place] = sight.line[any_]
            table["step_place"][own] = (place + 1) % STEPS
            table["stepped"][own] = odd[any_] @ self._bits
        lately = (sight.line[:, None] - table["step_at"][rows] < LATELY_MS) & (table["step_at"][rows] != NEVER)
        column = COLUMN[self._kind]["odd_steps"]
        sight.value[:, column] = np.where(known.any(axis=1), lately.sum(axis=1), np.nan)
