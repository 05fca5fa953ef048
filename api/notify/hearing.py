"""
What a notifier hears at the broker: who speaks for whom, which cab sounds, and whether anybody watches.

Rule 1: none of it is the record's. Without a broker an alarm is told for itself, and no terminal is called dark: what
cannot be known makes more messages and not fewer.
Rule 2: it has a bound: of what has sounded the last is kept, and of what is retained what there is.
"""

from collections import OrderedDict
from typing import Final

from telemetry.errors import WireError
from telemetry.wire import payloads, topics
from telemetry.wire.topics import Leaf

# At QoS 0, because rumqttd sends no more than 100 retained messages at QoS 1.
FILTERS: Final = [(f"{topics.ROOT}/+/+/+/down/alarm/+", 0), (topics.heartbeat("+"), 0)]
SOUNDED: Final = 20_000  # transitions
_SOUNDS: Final = frozenset({"pulse", "continuous", "silenced"})

Place = tuple[str, str, str, str]  # site, kind, device, rule


class Hearing:
    """The retained alarms that matter, and the sites that were heard since they were asked for."""

    def __init__(self) -> None:
        self.refused = 0
        self._parents: dict[Place, str] = {}  # who speaks for it
        self._sounded: OrderedDict[str, None] = OrderedDict()
        self._beats: set[str] = set()

    def forget(self) -> None:
        """The connection was lost, or is a new one: what was said of parents may be over, and is said again if not."""
        self._parents.clear()

    def arrived(self, topic: str, payload: bytes) -> None:
        """One message; what cannot be read is counted."""
        try:
            if topic.endswith("/heartbeat"):
                payloads.decode(payloads.Heartbeat, payload)
                self._beats.add(topic.split("/")[2])
                return
            found = topics.parse(topic)
            if found.leaf is not Leaf.ALARM or found.rule is None:
                return
            place = (found.site, found.kind, found.device, found.rule)
            alarm = payloads.decode(payloads.Alarm, payload) if payload else None
        except (WireError, IndexError):
            self.refused += 1
            return
        if alarm is None or alarm.parent is None:
            self._parents.pop(place, None)
        else:
            self._parents[place] = alarm.parent
        if alarm is not None and alarm.cab in _SOUNDS:
            self._sounded[alarm.transition] = None
            if len(self._sounded) > SOUNDED:
                self._sounded.popitem(last=False)

    def spoken_for(self, place: Place) -> bool:
        """Whether another alarm speaks at the desk for this one."""
        return place in self._parents

    def sounded(self, transition: str) -> bool:
        """Whether the cab has sounded with that transition."""
        return transition in self._sounded

    def beats(self) -> set[str]:
        """The sites whose heartbeat has come since this was asked last."""
        found, self._beats = self._beats, set()
        return found
