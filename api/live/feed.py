"""
What the API hears of the broker: what arrives is painted into the picture and handed to the hub.

Rule 1: no await between painting and publishing, so that a snapshot and the changes after it never overlap or miss.
Rule 2: readings come over a connection of their own. They are most of what there is, each is replaced by the next, and
no alarm may wait behind them: a device's older readings that have piled up are passed over.
"""

import asyncio
import logging
import secrets
from collections.abc import Awaitable, Callable
from typing import Any, Final

import msgspec

from api.live.hub import Hub, Interest, Message, Type
from api.live.picture import Change, Key, Picture, Reading
from api.metrics import ApiMetrics
from telemetry.broker import Arrival, Link
from telemetry.clock import now_ms
from telemetry.consumer import Consumer
from telemetry.settings import MqttSettings
from telemetry.wire.topics import Leaf

logger = logging.getLogger(__name__)

SETTLE_S: Final = 1.0  # for the retained messages to arrive after a subscribe
GATHER_S: Final = 0.05  # readings are painted so often: nobody sees a figure change faster
DEVICE: Final = "cw/v1/+/+/+"
READINGS: Final = f"{DEVICE}/up/reading"
# QoS 0 for what is replaced by the next one in a moment; QoS 1 for what has to arrive.
FILTERS: Final = (
    (f"{DEVICE}/down/alarm/+", 1),
    (f"{DEVICE}/down/transition", 1),
    (f"{DEVICE}/down/coverage", 1),
    (f"{DEVICE}/down/config", 1),
    ("cw/v1/+/config", 1),
    ("cw/v1/+/profile", 1),
    (f"{DEVICE}/up/presence", 1),
    ("cw/v1/+/heartbeat", 0),
)
_TYPES: Final = {
    "heartbeat": Type.HEARTBEAT,
    Leaf.READING: Type.READING,
    Leaf.PRESENCE: Type.PRESENCE,
    Leaf.COVERAGE: Type.COVERAGE,
    Leaf.ALARM: Type.ALARM,
    Leaf.TRANSITION: Type.TRANSITION,
}


class Feed:
    """Owns the link; others read `picture`, subscribe to `hub` and publish through `publish`."""

    def __init__(self, settings: MqttSettings, picture: Picture, hub: Hub, metrics: ApiMetrics) -> None:
        self.picture = picture
        self.hub = hub
        self.metrics = metrics
        self.watchers: list[Callable[[Change], None]] = []  # called in the event loop; must not block
        self.on_settled: list[Callable[[], Awaitable[None]]] = []  # after each (re)connect, retained state is in
        self._settled = asyncio.Event()
        name = f"api-{secrets.token_hex(4)}"
        self._readings = Consumer(settings, f"{name}-readings", [READINGS], session_expiry_s=0, once=True)
        self._link = Link(settings, name, filters=FILTERS, on_arrival=self._arrive, on_up=self._came_up)

    async def publish(self, topic: str, payload: bytes, *, retain: bool = False) -> None:
        """Publish at QoS 1 and wait for the broker. Raises BrokerUnavailable."""
        await self._link.publish(topic, payload, retain=retain)

    async def run(self) -> None:
        """Stay connected until `close`."""
        async with asyncio.TaskGroup() as tasks:
            running = tasks.create_task(self._link.run(), name="api.link")
            settling = tasks.create_task(self._settle(), name="api.settle")
            noticing = tasks.create_task(self._notice_loss(), name="api.notice")
            reading = tasks.create_task(self._readings.run(), name="api.readings")
            painting = tasks.create_task(self._paint(), name="api.paint")
            await running
            await self._readings.close()
            for task in (settling, noticing, painting, reading):
                task.cancel()

    async def close(self) -> None:
        """End `run`."""
        await self._link.close()

    async def _came_up(self, _: Link) -> None:
        self.picture.link(True)
        self.metrics.broker_up.set(1)
        self._settled.set()
        self.hub.publish(link_message(True))

    async def _settle(self) -> None:
        while True:
            await self._settled.wait()
            self._settled.clear()
            await asyncio.sleep(SETTLE_S)
            for change in self.picture.settle():
                self._tell(change)
            for work in self.on_settled:
                await work()

    async def _notice_loss(self) -> None:
        # Link clears `up` when the connection is gone; it has no callback for that.
        while True:
            await asyncio.sleep(0.25)
            if self.picture.broker_up and not self._link.up.is_set() and not self._settled.is_set():
                self.picture.link(False)
                self.metrics.broker_up.set(0)
                self.hub.publish(link_message(False))

    async def _paint(self) -> None:
        while True:
            batch = await self._readings.batch()
            self.metrics.dropped.set(self._readings.dropped_qos0)
            for topic, payload in {message.topic: message.payload for message in batch.messages}.items():
                self._arrive(Arrival(topic, payload, retain=False, qos=0))
            await asyncio.sleep(GATHER_S)

    def recall(self, key: Key, reading: Reading) -> None:
        """Paint in what the record knows of a device that has said nothing yet."""
        change = self.picture.recall(key, reading)
        if change is not None:
            self._tell(change)

    def _arrive(self, arrival: Arrival) -> None:
        change = self.picture.apply(arrival.topic, arrival.payload, now_ms())
        self.metrics.refused.set(self.picture.refused)
        if change is None or (change.leaf == "heartbeat" and arrival.retain):
            return
        self.metrics.arrivals.labels(str(change.leaf)).inc()
        self.metrics.devices.set(len(self.picture.devices))
        self._tell(change)

    def _tell(self, change: Change) -> None:
        self.hub.publish(message_of(change))
        for watcher in self.watchers:
            watcher(change)


def reading_body(reading: Reading) -> dict[str, Any]:
    """A reading as it goes out."""
    return {
        "ts": reading.ts,
        "received_at": reading.received_ms,
        "boot": reading.boot,
        "seq": reading.seq,
        "values": reading.values,
        "invalid": list(reading.invalid),
    }


def _body(value: Any) -> Any:
    if isinstance(value, Reading):
        return reading_body(value)
    return msgspec.to_builtins(value)


def encode(type_: Type, key: tuple[str, str, str], data: Any) -> Message:
    """A message with its text."""
    site, kind, device = key
    body = {"type": str(type_), "site": site, "kind": kind, "device": device, "data": data}
    return Message(type_, site, kind, device, msgspec.json.encode(body).decode())


def message_of(change: Change) -> Message:
    """The live message for a change."""
    type_ = _TYPES[change.leaf]
    if type_ is Type.ALARM:
        rule, alarm = change.value
        return encode(type_, change.key, {"rule": rule, "alarm": _body(alarm)})
    return encode(type_, change.key, _body(change.value))


def link_message(up: bool) -> Message:
    """The broker came or went; this goes to everyone."""
    return encode(Type.LINK, ("", "", ""), {"up": up})


def snapshot(picture: Picture, interest: Interest, now: int, recorded: int | None = None) -> str:
    """Everything that an interest covers, as one message: what a client starts from; `recorded` to resume from."""
    devices = []
    for site in sorted(interest.sites or picture.sites):
        for view in picture.alarmed(site):
            if interest.covers(view.site, view.device):
                devices.append(
                    {
                        "site": view.site,
                        "kind": view.kind,
                        "device": view.device,
                        "reading": reading_body(view.reading) if view.reading else None,
                        "presence": _body(view.presence),
                        "coverage": _body(view.coverage),
                        "alarms": [_body(alarm) for _, alarm in sorted(view.alarms.items())],
                    }
                )
    sites = {
        site: {"lost": _body(picture.lost(site, now)), "heartbeat": _body(view.heartbeat)}
        for site, view in sorted(picture.sites.items())
        if interest.covers(site, "")
    }
    data = {"at": now, "broker_up": picture.broker_up, "recorded": recorded, "sites": sites, "devices": devices}
    return encode(Type.SNAPSHOT, ("", "", ""), data).text
