"""What an input of the engine led to."""

from dataclasses import dataclass, field

from analytics.identity import DeviceKey
from telemetry.wire.cycle import Cycle
from telemetry.wire.payloads import Alarm, Coverage, Evaluated, Transition


@dataclass
class Outcome:
    """What one input led to; `alarms` maps to None where the retained alarm is to be cleared."""

    transitions: list[Transition] = field(default_factory=list)
    alarms: dict[tuple[DeviceKey, str], Alarm | None] = field(default_factory=dict)
    coverage: dict[DeviceKey, Coverage] = field(default_factory=dict)
    evaluated: dict[DeviceKey, Evaluated] = field(default_factory=dict)
    cycles: list[Cycle] = field(default_factory=list)
    samples: int = 0
    late: int = 0
    conditions: int = 0
    refused: list[str] = field(default_factory=list)

    def extend(self, later: "Outcome") -> None:
        """Take over what came later."""
        self.transitions += later.transitions
        self.alarms.update(later.alarms)
        self.coverage.update(later.coverage)
        for device, more in later.evaluated.items():
            before = self.evaluated.get(device)
            if before is not None:
                joined = {boot: list(ranges) for boot, ranges in before.boots.items()}
                for boot, ranges in more.boots.items():
                    joined.setdefault(boot, []).extend(ranges)
                more = Evaluated(
                    boots=joined, terms=[*before.terms, *more.terms], sounded=[*before.sounded, *more.sounded]
                )
            self.evaluated[device] = more
        self.cycles += later.cycles
        self.samples += later.samples
        self.late += later.late
        self.conditions += later.conditions
        self.refused += later.refused
