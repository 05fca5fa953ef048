"""
The hot consumer: a durable MQTT 5 session as an asyncio protocol on the sans-I/O `mqtt5` codec.

Rule 1: what is acknowledged is a settled prefix: in order of receipt, each packet id once, on the connection it
came from [MQTT-4.6.0-2]. rumqttd closes the link on anything else, and loses the message it was about.
Rule 2: the caller acknowledges, never this module; a batch of an old connection cannot be acknowledged on a new
one (`acknowledge` says False), because the broker delivers it again there.
Rule 3: memory is bounded by receive-maximum: the broker sends no more QoS 1 than that. QoS 0 beyond
`MAX_QOS0` waiting is dropped and counted.
Rule 4: what a partition publishes goes out on the connection it consumes from, so that take-over fences it.
"""

import asyncio
import contextlib
import itertools
import logging
import random
import ssl
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from typing import Final

import mqtt5
import msgspec

from telemetry.backoff import Backoff
from telemetry.errors import BrokerUnavailable
from telemetry.packets import PacketWire
from telemetry.settings import MqttSettings

logger = logging.getLogger(__name__)

SESSION_EXPIRY_S: Final = 7 * 86_400
RECEIVE_MAXIMUM: Final = 2_000
MAX_QOS0: Final = 20_000
MAX_PUBLISHES: Final = 20_000
UNHEARD: Final = 0x10
CONNECT_TIMEOUT_S: Final = 5.0


class Message(msgspec.Struct, frozen=True, gc=False):
    """One message as it was delivered."""

    topic: str
    payload: bytes
    retain: bool = False
    packet_id: int | None = None  # None for QoS 0


@dataclass(frozen=True, slots=True)
class Batch:
    """Messages of one connection, in order of receipt."""

    link: int
    messages: Sequence[Message]


class PublishRefused(BrokerUnavailable):
    """The broker answered a publish with a reason code of 0x80 or above, for example by its ACL."""

    def __init__(self, topic: str, reason: int) -> None:
        super().__init__(f"publish to {topic} refused with reason 0x{reason:02X}")
        self.topic = topic
        self.reason = reason


@dataclass
class _Link:
    """What belongs to one connection and dies with it."""

    number: int
    transport: asyncio.Transport
    arrived: deque[Message] = field(default_factory=deque)
    unacknowledged: deque[int] = field(default_factory=deque)
    qos0_waiting: int = 0
    publishes: dict[int, tuple[str, asyncio.Future[None]]] = field(default_factory=dict)
    queued: deque[tuple[str, bytes, bool, asyncio.Future[None]]] = field(default_factory=deque)
    publish_window: int = 65_535
    next_id: int = 1


class Consumer:
    """
    A durable session: batches out, acknowledgements in, publishes on the same connection.

    Use it as `async with asyncio.TaskGroup() as tasks: tasks.create_task(consumer.run(), name=...)`, then
    `batch()`, work, `acknowledge(batch)`.
    """

    def __init__(
        self,
        settings: MqttSettings,
        client_id: str,
        filters: Sequence[str],
        *,
        receive_maximum: int = RECEIVE_MAXIMUM,
        session_expiry_s: int = SESSION_EXPIRY_S,
        once: bool = False,
        may_reconnect: Callable[[], Awaitable[bool]] | None = None,
        on_link: Callable[[bool], None] | None = None,
        on_answer: Callable[[str, int], None] | None = None,
    ) -> None:
        """
        `once`: at QoS 0, for what the next message replaces; nothing is acknowledged. `may_reconnect` is asked before
        every reconnect; False ends `run`. `on_link` is told each time the session is open, with `session_present`.
        `on_answer` is told the topic of each publish that the broker took, and the
        reason code: UNHEARD when nobody subscribes to it.
        """
        self._settings = settings
        self._client_id = settings.prefix + client_id
        self._filters = list(filters)
        self._receive_maximum = receive_maximum
        self._session_expiry_s = session_expiry_s
        self._max_qos = mqtt5.QoS.AT_MOST_ONCE if once else mqtt5.QoS.AT_LEAST_ONCE
        self._may_reconnect = may_reconnect
        self._on_link = on_link
        self._on_answer = on_answer
        self._link: _Link | None = None
        self._links = 0
        self._arrival = asyncio.Event()
        self._linked = asyncio.Event()
        self._closing = asyncio.Event()
        self.session_present: bool | None = None
        self.dropped_qos0 = 0
        self.delivered = 0
        self.connections = 0

    @property
    def link(self) -> int:
        """The number of the present connection; 0 while there is none."""
        return self._link.number if self._link else 0

    @property
    def held(self) -> int:
        """Messages delivered on the present connection and not yet acknowledged."""
        return len(self._link.unacknowledged) if self._link else 0

    @property
    def receive_maximum(self) -> int:
        """How many unacknowledged messages the broker may have sent."""
        return self._receive_maximum

    async def linked(self) -> None:
        """Wait until the session is open."""
        await self._linked.wait()

    async def batch(self, limit: int = 10_000, max_bytes: int | None = None) -> Batch:
        """
        All messages that have arrived, at least one and at most `limit`, of one connection.

        With `max_bytes` it ends with the message whose payload reaches so many in all.
        """
        await self.arrival()
        link = self._link
        assert link is not None  # noqa: S101 - for the type checker: nothing was awaited since it had arrivals
        if max_bytes is not None:
            limit = min(limit, _within(link.arrived, limit, max_bytes))
        if len(link.arrived) <= limit:
            messages = list(link.arrived)
            link.arrived.clear()
            link.qos0_waiting = 0
        else:
            messages = [link.arrived.popleft() for _ in range(limit)]
            link.qos0_waiting -= sum(message.packet_id is None for message in messages)
        return Batch(link.number, messages)

    async def arrival(self) -> None:
        """Wait until at least one message has arrived and was not yet taken."""
        while not (self._link and self._link.arrived):
            self._arrival.clear()
            await self._arrival.wait()

    def waiting(self) -> int:
        """Messages that have arrived and were not yet taken by `batch`."""
        return len(self._link.arrived) if self._link else 0

    def acknowledge(self, batch: Batch) -> bool:
        """
        Acknowledge a whole batch: the next ones in order of receipt, on the connection they came from.

        False when that connection is gone: the broker will deliver them again. Raises ValueError when an
        older batch of this connection is still unsettled.
        """
        link = self._link
        if link is None or link.number != batch.link:
            return False
        ids = [message.packet_id for message in batch.messages if message.packet_id is not None]
        for expected in ids:
            if not link.unacknowledged or link.unacknowledged[0] != expected:
                raise ValueError(f"packet {expected} is not the next one to acknowledge")
            link.unacknowledged.popleft()
        if ids:
            # A PUBACK of two bytes of variable header means reason 0: as the codec writes it, without the object.
            link.transport.write(b"".join(b"\x40\x02" + number.to_bytes(2, "big") for number in ids))
        return True

    def publish(self, topic: str, payload: bytes, *, retain: bool = False) -> asyncio.Future[None]:
        """
        Publish at QoS 1 on the consuming connection; the future is done when the broker has acknowledged.

        The future raises PublishRefused for a reason of 0x80 or above, BrokerUnavailable when the connection
        was lost first or more than MAX_PUBLISHES wait.
        """
        future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        link = self._link
        if link is None:
            future.set_exception(BrokerUnavailable("not connected"))
        elif len(link.publishes) < link.publish_window:
            self._send(link, topic, payload, retain, future)
        elif len(link.queued) < MAX_PUBLISHES:
            link.queued.append((topic, payload, retain, future))
        else:
            future.set_exception(BrokerUnavailable(f"more than {MAX_PUBLISHES} publishes wait"))
        return future

    def publish_once(self, topic: str, payload: bytes) -> None:
        """Publish at QoS 0 on the consuming connection; lost without a word when there is none."""
        if self._link is not None:
            packet = mqtt5.PublishPacket(topic, payload, qos=mqtt5.QoS.AT_MOST_ONCE)
            self._link.transport.write(packet.write())

    def _send(self, link: _Link, topic: str, payload: bytes, retain: bool, future: asyncio.Future[None]) -> None:
        while link.next_id in link.publishes:
            link.next_id = link.next_id % 65_535 + 1
        number = link.next_id
        link.next_id = number % 65_535 + 1
        link.publishes[number] = (topic, future)
        packet = mqtt5.PublishPacket(topic, payload, qos=mqtt5.QoS.AT_LEAST_ONCE, retain=retain, packet_id=number)
        link.transport.write(packet.write())

    async def run(self) -> None:
        """Keep the session open until `close`; returns early only when `may_reconnect` says no."""
        backoff = Backoff(first=0.1, ceiling=5.0, random=random.random)
        while not self._closing.is_set():
            reason: int | None = None
            try:
                reason = await self._serve(backoff)
            except (OSError, BrokerUnavailable, TimeoutError) as error:
                logger.debug("no connection for %s: %s", self._client_id, error)
            if self._closing.is_set():
                return
            if self._may_reconnect is not None and self.connections and not await self._allowed(self._may_reconnect):
                logger.error("%s belongs to another worker now", self._client_id, extra={"action": "fenced"})
                return
            delay = backoff.delay()
            logger.warning(
                "%s lost the broker (%s), retrying in %.1f s",
                self._client_id, "no answer" if reason is None else f"0x{reason:02X}", delay,
                extra={"action": "reconnect"},
            )  # fmt: skip
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(delay):
                    await self._closing.wait()

    async def _allowed(self, ask: Callable[[], Awaitable[bool]]) -> bool:
        """What `ask` says; yes when `close` comes first, since then nothing is opened again."""

        async def answer() -> bool:
            return await ask()

        async with asyncio.TaskGroup() as tasks:
            asking = tasks.create_task(answer(), name=f"{self._client_id}.ask")
            closing = tasks.create_task(self._closing.wait(), name=f"{self._client_id}.closing")
            await asyncio.wait({asking, closing}, return_when=asyncio.FIRST_COMPLETED)
            asking.cancel()
            closing.cancel()
        return asking.cancelled() or asking.result()

    async def _serve(self, backoff: Backoff) -> int | None:
        """One connection from CONNECT to its end; the reason code of the broker's DISCONNECT, if it sent one."""
        loop = asyncio.get_running_loop()
        context = ssl.create_default_context(cafile=str(self._settings.tls_ca)) if self._settings.tls_ca else None
        async with asyncio.timeout(CONNECT_TIMEOUT_S):
            transport, wire = await loop.create_connection(
                PacketWire, self._settings.host, self._settings.port, ssl=context
            )
            try:
                hello = await self._connect(transport, wire)
            except BaseException:
                transport.abort()
                raise
        self._links += 1
        link = _Link(self._links, transport, publish_window=hello.receive_max)
        keepalive = hello.server_keep_alive or self._settings.keepalive_s
        try:
            await self._subscribe(link, wire, hello.session_present)
            self.session_present = hello.session_present
            self._link = link
            self.connections += 1
            self._linked.set()
            backoff.reset()
            logger.info(
                "%s connected, session %s", self._client_id, "resumed" if hello.session_present else "new",
                extra={"action": "connected"},
            )  # fmt: skip
            if self._on_link is not None:
                self._on_link(hello.session_present)
            wire.deliver = lambda packets: self._take(link, packets)
            self._take(link, wire.pending)
            wire.pending = []
            wire.give_up_after(1.5 * keepalive)
            await self._keep_alive(wire, link, keepalive)
        finally:
            self._link = None
            self._linked.clear()
            transport.abort()
            self._fail(link)
        return wire.reason

    async def _connect(self, transport: asyncio.Transport, wire: PacketWire) -> mqtt5.ConnAckPacket:
        password = self._settings.password
        packet = mqtt5.ConnectPacket(
            self._client_id,
            username=self._settings.username,
            password=password.get_secret_value().encode() if password else None,
            clean_start=False,
            keep_alive=self._settings.keepalive_s,
            session_expiry_interval=self._session_expiry_s,
            receive_max=self._receive_maximum,
        )
        transport.write(packet.write())
        answer = await wire.next(mqtt5.ConnAckPacket)
        if answer.reason_code != mqtt5.ConnAckReasonCode.SUCCESS:
            raise BrokerUnavailable(f"CONNECT refused with reason 0x{int(answer.reason_code):02X}")
        return answer

    async def _subscribe(self, link: _Link, wire: PacketWire, resumed: bool) -> None:
        # Retained messages come again at each SUBSCRIBE unless retain handling is 1.
        handling = mqtt5.RetainHandling.SEND_IF_SUBSCRIPTION_NOT_EXISTS if resumed else mqtt5.RetainHandling.SEND_ALWAYS
        filters = [
            mqtt5.TopicFilter(pattern, max_qos=self._max_qos, retain_handling=handling) for pattern in self._filters
        ]
        link.transport.write(mqtt5.SubscribePacket(link.next_id, filters).write())
        link.next_id += 1
        if resumed:
            # rumqttd sends the SUBACK behind the redelivered messages, and those only as they are acknowledged:
            # waiting for it here would wait for ever. `_take` looks at it when it comes.
            return
        async with asyncio.timeout(CONNECT_TIMEOUT_S):
            _check_subscribed(await wire.next(mqtt5.SubAckPacket))

    def _take(self, link: _Link, packets: list[mqtt5.Packet]) -> None:
        for packet in packets:
            if isinstance(packet, mqtt5.PublishPacket):
                if packet.packet_id is None:
                    if link.qos0_waiting >= MAX_QOS0:
                        self.dropped_qos0 += 1
                        continue
                    link.qos0_waiting += 1
                else:
                    link.unacknowledged.append(packet.packet_id)
                link.arrived.append(Message(packet.topic, packet.payload, packet.retain, packet.packet_id))
                self.delivered += 1
            elif isinstance(packet, mqtt5.PubAckPacket):
                self._settle_publish(link, packet)
            elif isinstance(packet, mqtt5.SubAckPacket):
                try:
                    _check_subscribed(packet)
                except BrokerUnavailable:
                    logger.exception("%s may not subscribe", self._client_id, extra={"action": "subscribe"})
                    link.transport.close()
        if link.arrived:
            self._arrival.set()

    def _settle_publish(self, link: _Link, packet: mqtt5.PubAckPacket) -> None:
        found = link.publishes.pop(packet.packet_id, None)
        if found is not None and not found[1].done():
            if int(packet.reason_code) >= 0x80:
                found[1].set_exception(PublishRefused(found[0], int(packet.reason_code)))
            else:
                found[1].set_result(None)
                if self._on_answer is not None:
                    self._on_answer(found[0], int(packet.reason_code))
        while link.queued and len(link.publishes) < link.publish_window:
            self._send(link, *link.queued.popleft())

    @staticmethod
    def _fail(link: _Link) -> None:
        for _, future in [*link.publishes.values(), *((t, f) for t, _, _, f in link.queued)]:
            if not future.done():
                future.set_exception(BrokerUnavailable("connection lost before the acknowledgement"))
                future.exception()  # whoever awaits it still sees it; nobody has to
        link.publishes.clear()
        link.queued.clear()

    async def _keep_alive(self, wire: PacketWire, link: _Link, keepalive: int) -> None:
        """Ping while the link lives; returns when it is lost."""
        now = asyncio.get_running_loop().time
        excused = now()
        while not wire.lost.is_set() and not self._closing.is_set():
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(keepalive / 2):
                    await wire.lost.wait()
                return
            # rumqttd answers nothing, not even a ping, while all that it has sent is unsettled: its silence is held
            # against it only when it owes us an answer. A peer that is gone is found by TCP_USER_TIMEOUT.
            if link.unacknowledged:
                excused = now()
            if now() - max(wire.heard, excused) > keepalive * 1.5:
                logger.warning("%s heard nothing for %.0f s", self._client_id, now() - wire.heard)
                return
            link.transport.write(mqtt5.PingReqPacket().write())

    async def close(self) -> None:
        """Say goodbye and keep the session at the broker; `run` returns."""
        self._closing.set()
        if self._link is not None:
            self._link.transport.write(mqtt5.DisconnectPacket().write())
            self._link.transport.close()


def _within(messages: deque[Message], limit: int, max_bytes: int) -> int:
    """How many messages, at least one, until their payloads reach `max_bytes`."""
    total = 0
    for number, message in enumerate(itertools.islice(messages, limit), 1):
        total += len(message.payload)
        if total >= max_bytes:
            return number
    return limit


def _check_subscribed(answer: mqtt5.SubAckPacket) -> None:
    refused = [int(code) for code in answer.reason_codes if int(code) >= 0x80]
    if refused:
        raise BrokerUnavailable(f"SUBSCRIBE refused with reason 0x{refused[0]:02X}")
