"""
How long an alarm takes: from the device's publish to its arrival at an MQTT terminal.

The probe subscribes like a terminal and notes when each alarm arrived; the devices' journal knows when the frame
that caused it was published. Both clocks are the system's monotonic one, which processes of one host share.
"""

import asyncio
import math
import time
from collections.abc import Mapping
from dataclasses import dataclass, field

from telemetry.consumer import Consumer
from telemetry.errors import WireError
from telemetry.model import Signal
from telemetry.settings import MqttSettings
from telemetry.wire import payloads, topics
from telemetry.wire.topics import Leaf


@dataclass
class LatencyProbe:
    """Arrival times of alarms by their transition, and the transitions themselves."""

    settings: MqttSettings
    arrived: dict[str, int] = field(default_factory=dict)
    transitions: dict[str, payloads.Transition] = field(default_factory=dict)
    fresh: asyncio.Event = field(default_factory=asyncio.Event)
    beats: list[int] = field(default_factory=list)  # when heartbeats of the analyzer arrived, monotonic ns

    async def run(self) -> None:
        """Listen until cancelled."""
        consumer = Consumer(
            self.settings,
            "latency-probe",
            [f"{topics.ROOT}/+/+/+/down/alarm/+", f"{topics.ROOT}/+/+/+/down/transition",
             topics.heartbeat("+")],
            session_expiry_s=0,
        )  # fmt: skip
        async with asyncio.TaskGroup() as tasks:
            session = tasks.create_task(consumer.run(), name="probe.session")
            try:
                while True:
                    batch = await consumer.batch()
                    at = time.monotonic_ns()
                    for message in batch.messages:
                        self._note(message.topic, message.payload, at)
                    consumer.acknowledge(batch)
            finally:
                await consumer.close()
                session.cancel()

    def _note(self, topic: str, payload: bytes, at: int) -> None:
        if topic.endswith("/heartbeat"):
            self.beats.append(at)
        if not payload or topic.endswith("/heartbeat"):
            return
        try:
            if topics.parse(topic).leaf is Leaf.ALARM:
                alarm = payloads.decode(payloads.Alarm, payload)
                self.arrived.setdefault(alarm.transition, at)
            else:
                transition = payloads.decode(payloads.Transition, payload)
                self.transitions[transition.id] = transition
                self.fresh.set()
        except WireError:
            return

    def latencies_ms(self, published: Mapping[tuple[str, str, int], int]) -> list[float]:
        """Milliseconds from publish to arrival of every raise that a live sample caused, in order of arrival."""
        found: list[float] = []
        for id_, at in self.arrived.items():
            transition = self.transitions.get(id_)
            if transition is None or transition.observed or transition.signal not in (Signal.RAISE, Signal.ESCALATE):
                continue
            cause = transition.cause
            sent = published.get((transition.device, cause.boot or "", cause.seq or 0))
            if sent is not None:
                found.append((at - sent) / 1e6)
        return found


def percentile(values: list[float], share: float) -> float | None:
    """The nearest-rank percentile, None without values."""
    if not values:
        return None
    ordered = sorted(values)
    return ordered[max(1, math.ceil(share * len(ordered))) - 1]
