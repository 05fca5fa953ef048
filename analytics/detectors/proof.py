"""
The test channel of a crane: an injected exceedance becomes a test, and only with an empty hook.

Rule 1: a function of the crane's own readings. What hangs on the hook is asked of the same sample: a load that is not
in it is unknown, and with an unknown load there is no test.
Rule 2: it needs what an overload needs: beyond the limit for half a second, two samples that hold (three below 2 Hz),
so that what a test measures is the way of an alarm.
Rule 3: a load on the hook, a hook that rises, or an alarm that sounds in the cab ends a test at the next sample, and
the same excursion begins no other one.
Rule 4: no limit profile speaks of it: a test is no limit, and nobody's limits change when it does.
"""

from typing import ClassVar, Final

import numpy as np

from analytics.detectors.base import Detector, Look
from analytics.limits import COLUMNS
from analytics.samples import Notice, What
from analytics.table import NEVER, Array, Field, Table, field
from telemetry import profiles
from telemetry.limit_profile import STEPS
from telemetry.model import Severity

LIMIT_PCT: Final = 100.0
ON_MS: Final = 500  # as the on-delay of load and moment in every packaged profile
SLOW_MS: Final = 500  # below 2 Hz a delay needs three samples, as in `levels`
RISING_MPS: Final = 0.05  # cranewatch proposal: more is no noise of an encoder

IDLE, WAITS, ON, REFUSED = range(4)
# Why a test may not be, by number in the table, the strongest first: a real alarm, before all.
EMPTY, ALARM, UNKNOWN, LOADED, RISING = range(5)
WHY: Final = {ALARM: "alarm", UNKNOWN: "unknown", LOADED: "loaded", RISING: "rising"}


def _sounding(kind: str) -> Array:
    """Which condition columns may sound in the cab as an alarm, in any packaged profile, bool (columns,)."""
    loud = {
        (rule, step)
        for name in profiles.names()
        for rule, declared in profiles.load(name).rules.get(kind, {}).items()
        for step, one in declared.steps.items()
        if STEPS[step] >= Severity.ALARM and one.cab != "none"
    }
    return np.array([column in loud for column in COLUMNS[kind]])


class Proof(Detector):
    """The test channel."""

    gives = ()
    fields: ClassVar[dict[str, Field]] = {
        "proof_state": field(np.int8),
        "proof_since": field(np.int64, NEVER),  # line time of the first sample beyond the limit
        "proof_last": field(np.int64, NEVER),  # and of the last one
        "proof_held": field(np.int32),
    }

    def __init__(self) -> None:
        self.noticed: list[Notice] = []  # of the last wave
        self._loud = _sounding("crane")

    def derive(self, look: Look) -> None:
        self.noticed = []
        table, rows = look.table, look.rows
        beyond = look.wave.channel("proof_pct") >= LIMIT_PCT
        state = table["proof_state"][rows]
        if not (beyond.any() or state.any()):
            return
        why = self._why(look)
        self._end(look, state, beyond, why)
        self._begin(look, state, beyond, why)

    def _why(self, look: Look) -> Array:
        """Why a test may not be with these samples, int8 (n,); EMPTY when it may."""
        on, off = look.figure("lift_on_pct") / 100.0, look.figure("lift_off_pct") / 100.0
        fixed = look.figure("lift_on_t") * off / on
        empty = np.where(np.isnan(look.capacity), np.where(np.isnan(look.reference), fixed, off * look.reference),
                         off * look.capacity)  # fmt: skip
        why = np.where(look.motion.hook > RISING_MPS, RISING, EMPTY)
        why = np.where(look.lifting | (look.load > empty), LOADED, why)
        why = np.where(np.isnan(look.load), UNKNOWN, why)
        alarmed = look.table["on"][look.rows][:, self._loud].any(axis=1)
        return np.where(alarmed, ALARM, why).astype(np.int8)

    def _end(self, look: Look, state: Array, beyond: Array, why: Array) -> None:
        """Tests that are over or may not go on, and refusals that are over; `state` is made new."""
        over = (state == ON) & (~beyond | (why != EMPTY))
        for k in np.flatnonzero(over):
            self._say(look, int(k), What.PROOF_OVER)
        for k in np.flatnonzero((state == REFUSED) & ~beyond):
            self._say(look, int(k), What.PROOF_REFUSED_OVER)
        # One that may not go on is refused below, as if it began with this sample.
        state[over | ~beyond] = IDLE

    def _begin(self, look: Look, state: Array, beyond: Array, why: Array) -> None:
        table, rows, line = look.table, look.rows, look.line
        asks = beyond & ((state == IDLE) | (state == WAITS))
        refused = asks & (why != EMPTY)
        for k in np.flatnonzero(refused):
            self._say(look, int(k), What.PROOF_REFUSED, WHY[int(why[k])])
        torn = (state == IDLE) | (line - table["proof_last"][rows] > 3 * look.interval)
        since = np.where(torn, line, table["proof_since"][rows])
        held = np.where(torn, 1, table["proof_held"][rows] + 1)
        enough = held >= np.where(look.interval > SLOW_MS, 3, 2)
        begins = asks & ~refused & enough & (line - since >= ON_MS)
        for k in np.flatnonzero(begins):
            self._say(look, int(k), What.PROOF, f"{float(look.wave.channel('proof_pct')[k]):g}")
        table["proof_since"][rows] = np.where(asks, since, table["proof_since"][rows])
        table["proof_last"][rows] = np.where(asks, line, table["proof_last"][rows])
        table["proof_held"][rows] = np.where(asks, held, table["proof_held"][rows])
        after = np.where(refused, REFUSED, np.where(begins, ON, np.where(asks, WAITS, state)))
        table["proof_state"][rows] = after

    def _say(self, look: Look, k: int, what: What, detail: str = "") -> None:
        self.noticed.append(Notice(look.wave.spot(k), what, detail))


def adopted(table: Table, row: int, *, on: bool) -> None:
    """A test, or a refusal, that our memory does not know of is under way: the next sample says whether it goes on."""
    table["proof_state"][row] = ON if on else REFUSED


def carry(before: Table, was: int, after: Table, row: int) -> None:
    """In a replay: another engine takes over what `adopted` was told of, from a row of one to a row of the other."""
    state = before["proof_state"][was]
    after["proof_state"][row] = state if state in (ON, REFUSED) else IDLE
