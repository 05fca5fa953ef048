"""
The life of an alarm, after ANSI/ISA-18.2-2016.

Rule 1: every change of an alarm's state happens here, through TRANSITIONS.
Rule 2: nothing here reads a clock, waits or talks to anyone.
Rule 3: severity only rises until the alarm was acknowledged and has returned.
Rule 4: a life-safety alarm cannot be shelved; a shelving has an end, a reason and a person.
"""

from typing import Final

from telemetry.model import Severity, Signal, State

# A signal that is missing from a row is ignored in that state: a flapping sensor repeats RAISE, and a late
# ACKNOWLEDGE must not resurrect an alarm that is already over.
# SHELVED and DISABLED end in NORMAL, and a condition that still holds raises again from there, so that nobody
# can acknowledge an alarm by hiding it. SUPPRESSED implies that the condition holds.
TRANSITIONS: Final[dict[State, dict[Signal, State]]] = {
    State.NORMAL: {
        Signal.RAISE: State.UNACKNOWLEDGED,
        Signal.SUPPRESS: State.SUPPRESSED,
        Signal.SHELVE: State.SHELVED,
        Signal.DISABLE: State.DISABLED,
    },
    State.UNACKNOWLEDGED: {
        Signal.ESCALATE: State.UNACKNOWLEDGED,
        Signal.CLEAR: State.RETURNED,
        Signal.ACKNOWLEDGE: State.ACKNOWLEDGED,
        Signal.SUPPRESS: State.SUPPRESSED,
        Signal.SHELVE: State.SHELVED,
        Signal.DISABLE: State.DISABLED,
    },
    State.ACKNOWLEDGED: {
        Signal.RAISE: State.UNACKNOWLEDGED,  # it had fallen to a milder step and is back
        Signal.ESCALATE: State.UNACKNOWLEDGED,
        Signal.RE_ALARM: State.UNACKNOWLEDGED,
        Signal.CLEAR: State.NORMAL,
        Signal.SUPPRESS: State.SUPPRESSED,
        Signal.SHELVE: State.SHELVED,
        Signal.DISABLE: State.DISABLED,
    },
    State.RETURNED: {
        Signal.RAISE: State.UNACKNOWLEDGED,
        Signal.ACKNOWLEDGE: State.NORMAL,
        Signal.SHELVE: State.SHELVED,
        Signal.DISABLE: State.DISABLED,
    },
    State.LATCHED_UNACKNOWLEDGED: {
        Signal.RAISE: State.UNACKNOWLEDGED,
        Signal.ACKNOWLEDGE: State.LATCHED_ACKNOWLEDGED,
        Signal.DISABLE: State.DISABLED,
    },
    State.LATCHED_ACKNOWLEDGED: {
        Signal.RAISE: State.UNACKNOWLEDGED,
        Signal.RESET: State.NORMAL,
        Signal.DISABLE: State.DISABLED,
    },
    State.SHELVED: {Signal.UNSHELVE: State.NORMAL, Signal.DISABLE: State.DISABLED},
    State.SUPPRESSED: {
        Signal.UNSUPPRESS: State.UNACKNOWLEDGED,
        Signal.ESCALATE: State.SUPPRESSED,
        Signal.CLEAR: State.NORMAL,
        Signal.SHELVE: State.SHELVED,
        Signal.DISABLE: State.DISABLED,
    },
    State.DISABLED: {Signal.ENABLE: State.NORMAL},
}

# Where a latching alarm goes instead of RETURNED or NORMAL.
LATCHES: Final[dict[State, State]] = {
    State.UNACKNOWLEDGED: State.LATCHED_UNACKNOWLEDGED,
    State.ACKNOWLEDGED: State.LATCHED_ACKNOWLEDGED,
}

# A step for the cab alone has nobody at the desk to acknowledge it: it enters as acknowledged.
UNATTENDED: Final[dict[Signal, State]] = {
    Signal.RAISE: State.ACKNOWLEDGED,
    Signal.UNSUPPRESS: State.ACKNOWLEDGED,
}

# What only the desk has answered can only be asked of the desk again.
ATTENDED: Final = frozenset({Signal.RE_ALARM})

_DESK: Final[dict[State, str]] = {
    State.UNACKNOWLEDGED: "unacknowledged",
    State.RETURNED: "unacknowledged",
    State.LATCHED_UNACKNOWLEDGED: "unacknowledged",
    State.ACKNOWLEDGED: "acknowledged",
    State.LATCHED_ACKNOWLEDGED: "acknowledged",
}


def after(state: State, signal: Signal, *, attended: bool = True, latch: bool = False) -> State | None:
    """
    The state that follows, or None when the signal means nothing in this state.

    `attended`: the desk listens to this alarm; `latch`: it stays until it is reset, although the condition went.
    """
    follows = TRANSITIONS[state].get(signal)
    if follows is None or (signal in ATTENDED and not attended):
        return None
    if latch and signal is Signal.CLEAR and state in LATCHES:
        return LATCHES[state]
    if not attended and signal in UNATTENDED and state in (State.NORMAL, State.SUPPRESSED):
        return UNATTENDED[signal]
    return follows


def desk(state: State, attended: bool) -> str:
    """What the desk sees: unacknowledged, acknowledged or none."""
    return _DESK.get(state, "none") if attended else "none"


def severity(before: Severity, level: Severity, state: State) -> Severity:
    """The severity to show: the highest since the alarm was last normal (rule 3)."""
    return level if state is State.NORMAL else max(before, level)
