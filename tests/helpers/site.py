"""A small site in front of an engine: say what a device reads, get transitions."""

from collections.abc import Sequence
from typing import Any

import msgspec

from analytics.engine import Engine
from analytics.outcome import Outcome
from analytics.samples import Arrived
from telemetry.wire import frames
from telemetry.wire.payloads import Chart, DeviceConfig, Response, Transition

START = 1_800_000_000_000
# R135-8, 60 m jib, 2 falls: a public data sheet (domain reference 5.1).
CHART = Chart(
    falls=2,
    points=[(2.5, 4.0), (30.6, 4.0), (35.0, 3.41), (40.0, 2.89), (45.0, 2.49), (50.0, 2.17), (55.0, 1.92), (60.0, 1.7)],
)
BOOT = "boot-00000001"


def frame(kind: str = "crane", **fields: Any) -> frames.Frame:
    """A frame, as if it had come over the wire."""
    return frames.decode(kind, msgspec.json.encode(fields))


def arrived(device: str = "c1", kind: str = "crane", received: int | None = None, **fields: Any) -> Arrived:
    """A frame with its origin; received when it was made, unless said otherwise."""
    ts = fields.get("ts") or fields["samples"][0]["ts"]
    return Arrived("site", kind, device, frame(kind, **fields), ts if received is None else received)


class Rig:
    """One device in front of an engine, speaking at a steady interval."""

    def __init__(
        self,
        kind: str = "crane",
        interval_ms: int = 1000,
        engine: Engine | None = None,
        config: DeviceConfig | None = None,
    ) -> None:
        self.engine = engine or Engine()
        self.kind = kind
        self.interval = interval_ms
        self.ts = START
        self.rx = START
        self.seq = 0
        self.boot = BOOT
        self.transitions: list[Transition] = []
        self.outcomes: list[Outcome] = []
        charts = [CHART] if kind == "crane" else []
        config = config or DeviceConfig(version=1, charts=charts, interval_ms=interval_ms, design_force_kn=20.0)
        self.note(self.engine.configure("site", kind, "c1", config, START))

    def note(self, outcome: Outcome) -> list[Transition]:
        self.outcomes.append(outcome)
        self.transitions += outcome.transitions
        return outcome.transitions

    def read(self, *, step: int | None = None, **channels: Any) -> list[Transition]:
        """One frame, an interval (or `step` ms of device time) after the last."""
        self.seq += 1
        self.ts += self.interval if step is None else step
        self.rx += self.interval
        return self.note(
            self.engine.feed([arrived("c1", self.kind, self.rx, boot=self.boot, seq=self.seq, ts=self.ts, **channels)])
        )

    def hold(self, n: int, **channels: Any) -> list[Transition]:
        """The same reading n times."""
        return [transition for _ in range(n) for transition in self.read(**channels)]

    def tick(self, after_ms: int = 0) -> list[Transition]:
        """A prompt tick, so long after the last frame."""
        at = self.rx + after_ms
        return self.note(self.engine.tick(at, at))

    def respond(self, action: str, **fields: Any) -> list[Transition]:
        number = f"response-{len(self.outcomes):04d}"
        response = msgspec.convert({"id": number, "action": action, "at": self.rx, "who": "li", **fields}, Response)
        return self.note(self.engine.respond("site", self.kind, "c1", response, self.rx))

    def alarm(self, rule: str) -> Any:
        return self.engine.annunciator.payload(("site", self.kind, "c1"), rule)


def story(transitions: Sequence[Transition]) -> str:
    """Rule, signal and state of each, in a line."""
    return " | ".join(f"{t.rule} {t.signal} {t.state}" for t in transitions)
