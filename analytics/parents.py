"""
One alarm instead of twenty: what it means at the desk that another alarm speaks for this one.

Rule 1: nothing of this changes an alarm's state, and no transition comes of it: the children's alarms live as ever.
What changes is what the desk is shown: `desk` is none, and `parent` names whose alarm speaks.
Rule 2: a child is spoken for only while its parent's alarm is active and at least as severe, and only in the alarm that
the parent knew: whoever rises or is raised anew speaks for itself, until it is spoken for again.
Rule 3: the sound is not touched: a terminal listens to one device, and a post's own must not depend on another's.
"""

from collections.abc import Mapping
from typing import TYPE_CHECKING

from analytics.identity import DeviceKey
from telemetry.model import Severity, State

if TYPE_CHECKING:  # the annunciator asks here
    from analytics.alarm_record import Record

# A child's alarm: who speaks for it, by which rule, and the raise or escalation that it knew of.
Spoken = dict[tuple[DeviceKey, str], tuple[DeviceKey, str, str]]
Records = Mapping[DeviceKey, Mapping[str, "Record"]]
_SPEAKS = (State.UNACKNOWLEDGED, State.ACKNOWLEDGED)


def speaker(records: Records, spoken: Spoken, device: DeviceKey, rule: str) -> str | None:
    """The id of the bay, analyzer or device whose alarm speaks for this one; None when it speaks for itself."""
    found = spoken.get((device, rule))
    if found is None:
        return None
    by, of, raised = found
    child, parent = records.get(device, {}).get(rule), records.get(by, {}).get(of)
    if child is None or parent is None or child.raised != raised or parent.state not in _SPEAKS:
        return None
    return by[2] if parent.level >= child.level > Severity.NONE else None


def may_join(parent: "Record", child: "Record") -> bool:
    """Whether a parent's alarm may speak for a child's from now on: it is new to the desk itself, and no milder."""
    return parent.state is State.UNACKNOWLEDGED and parent.level >= child.level > Severity.NONE
