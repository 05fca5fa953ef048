"""
One alarm of a bay instead of twenty of its posts: who speaks for whom at the desk.

Rule 1: nothing of this changes an alarm's state, and no transition comes of it: the posts' alarms live as ever. What
changes is what the desk is shown: `desk` is none, and `parent` names the bay's alarm.
Rule 2: a post is spoken for only while its bay's alarm is active and at least as severe, and only in the alarm that
the bay knew: whoever rises, is raised anew, or comes after the bay was acknowledged speaks for itself.
Rule 3: the sound is not touched: a terminal listens to one device, and a post's own must not depend on another's.
"""

from collections.abc import Mapping
from typing import TYPE_CHECKING

from analytics.identity import DeviceKey
from telemetry.model import Severity, State

if TYPE_CHECKING:  # the annunciator asks here
    from analytics.annunciator import Record

# A post's alarm: the bay that speaks for it, and the raise or escalation that the bay knew of.
Spoken = dict[tuple[DeviceKey, str], tuple[DeviceKey, str]]
Records = Mapping[DeviceKey, Mapping[str, "Record"]]
_SPEAKS = (State.UNACKNOWLEDGED, State.ACKNOWLEDGED)


def speaker(records: Records, spoken: Spoken, device: DeviceKey, rule: str) -> str | None:
    """The id of the bay whose alarm speaks for this one; None when it speaks for itself."""
    found = spoken.get((device, rule))
    if found is None:
        return None
    bay, raised = found
    child, parent = records.get(device, {}).get(rule), records.get(bay, {}).get(rule)
    if child is None or parent is None or child.raised != raised or parent.state not in _SPEAKS:
        return None
    return bay[2] if parent.level >= child.level > Severity.NONE else None


def may_join(parent: "Record", child: "Record") -> bool:
    """Whether the bay's alarm may speak for a post's from now on: it is new to the desk itself, and no milder."""
    return parent.state is State.UNACKNOWLEDGED and parent.level >= child.level > Severity.NONE
