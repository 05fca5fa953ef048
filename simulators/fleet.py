"""
One schedule for many devices, without drift: sample k of a device is due at its phase plus k intervals, whatever the
machine did meanwhile. A fleet that comes late makes up for it and says how late it was.
"""

import asyncio
import contextlib
import heapq
from collections.abc import Sequence
from dataclasses import dataclass

import msgspec

from simulators.device import Device
from simulators.journal import Journal
from simulators.scenario import AnyEvent, DeviceEvent, PourEvent, SinkEvent, Strip
from telemetry.errors import ConfigError

BREATH = 256  # samples in one go while catching up; then the network has its turn


@dataclass(frozen=True, slots=True)
class Slot:
    """A device and when it samples: every `interval_s`, first at `phase_s`, in seconds of the run."""

    device: Device
    interval_s: float
    phase_s: float


def spread(devices: Sequence[tuple[Device, float]]) -> list[Slot]:
    """Give devices of one interval different phases, so that they do not all speak in the same instant."""
    groups: dict[float, list[Device]] = {}
    for device, interval in devices:
        groups.setdefault(interval, []).append(device)
    return [
        Slot(device, interval, interval * place / len(group))
        for interval, group in groups.items()
        for place, device in enumerate(group)
    ]


class Fleet:
    """Runs the schedule and the devices."""

    def __init__(self, slots: Sequence[Slot], journal: Journal, *, speed: float, for_s: float | None) -> None:
        self._slots = slots
        self._journal = journal
        self._speed = speed
        self._for_s = for_s
        self._by_name = {slot.device.station.device: slot.device for slot in slots}
        self.t = 0.0
        self.most_late_s = 0.0

    def happen(self, event: AnyEvent) -> None:
        """
        Let an event happen now: to the devices that it names, weather to all cranes; a sinking post also to its bay,
        which takes over the load. Raises ConfigError for an unknown device.

        A run that takes events from outside is no longer determined by its seed.
        """
        named = event.devices if isinstance(event, DeviceEvent) else list(self._by_name)
        unknown = [name for name in named if name not in self._by_name]
        if unknown:
            raise ConfigError(f"no device {', '.join(unknown)} in this fleet")
        if isinstance(event, SinkEvent | PourEvent | Strip):
            named = [name for name, device in self._by_name.items() if device.station.kind == "formwork"]
        elif not isinstance(event, DeviceEvent):
            named = [name for name, device in self._by_name.items() if device.station.kind == "crane"]
        for name in named:
            self._by_name[name].station.add(msgspec.structs.replace(event, at=self.t))

    async def run(self, stop: asyncio.Event, drain_s: float) -> None:
        """Produce until `stop` or the end, wait for receipts for at most `drain_s`, then vanish from the network."""
        devices = [slot.device for slot in self._slots]
        for device in devices:
            device.begin()
        self._journal.commit()
        async with asyncio.TaskGroup() as tasks:
            running = [tasks.create_task(d.run(), name=f"{d.station.device}.run") for d in devices]
            try:
                await self._produce(stop)
                if drain_s:
                    await self._drain(devices, drain_s)
            finally:
                for device in devices:
                    device.vanish()
            await asyncio.wait(running)
        self._journal.commit()

    async def _produce(self, stop: asyncio.Event) -> None:
        now = asyncio.get_running_loop().time
        origin = now()
        heap = [(slot.phase_s, place, 0) for place, slot in enumerate(self._slots)]
        heapq.heapify(heap)
        made: list[Device] = []
        while not stop.is_set():
            t, place, k = heap[0]
            if self._for_s is not None and t >= self._for_s:
                break
            ahead = origin + t / self._speed - now()
            if made and (ahead > 0 or len(made) >= BREATH):
                self._hand_over(made)
                await asyncio.sleep(0)
                continue
            if ahead > 0:
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(ahead):
                        await stop.wait()
                continue
            self.most_late_s = max(self.most_late_s, -ahead)
            slot = self._slots[place]
            self.t = t
            slot.device.produce(t)
            made.append(slot.device)
            heapq.heapreplace(heap, (slot.phase_s + (k + 1) * slot.interval_s, place, k + 1))
        self._hand_over(made)

    def _hand_over(self, made: list[Device]) -> None:
        # First the journal, then the network: what is published can always be sent again.
        for gone in self._journal.commit():
            self._by_name[gone.device].forget(gone.boot, gone.seq)
        for device in made:
            device.offer()
        made.clear()

    async def _drain(self, devices: Sequence[Device], seconds: float) -> None:
        for device in devices:
            device.finish()
        self._journal.commit()
        for device in devices:
            device.offer()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                while any(len(device.outstanding) for device in devices):
                    await asyncio.sleep(0.1)
                    self._journal.commit()
