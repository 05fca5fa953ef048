"""What a detector said about a recording: alarms with their time, and how long a cab sounded."""

from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final, NamedTuple

from simulators.labelled.boxes import Recording
from telemetry.model import Severity

ANY: Final = "*"  # the rule of a detector that cannot say what is wrong: it is taken for the right one


class Said(NamedTuple):
    """One raise of an alarm, `t` s into the run, true time, when it could first be heard."""

    device: str
    rule: str
    t: float
    severity: Severity


@dataclass
class Heard:
    """All of it for one recording."""

    alarms: list[Said] = field(default_factory=list)
    lines: list[Said] = field(default_factory=list)  # advisory: a line at the desk, not an alarm
    sound_s: dict[str, float] = field(default_factory=lambda: defaultdict(float))
    sounded: list[tuple[str, float, float]] = field(default_factory=list)  # device, from, seconds: in pieces
    tone_s: dict[str, float] = field(default_factory=lambda: defaultdict(float))  # the loudspeaker really on


Detector = Callable[[Recording], Heard]
