"""
The only importer of aiomqtt: everything on MQTT that is not the hot path.

Simulated devices, terminals, the api and the tools use it. It reconnects by itself, subscribes again, and keeps no
queue: an outgoing message waits for the connection at most as long as its caller does, an incoming one for nobody.
"""

import asyncio
import contextlib
import logging
import random
import socket
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final, Literal, cast

import aiomqtt
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties

from telemetry.backoff import Backoff
from telemetry.errors import BrokerUnavailable
from telemetry.settings import MqttSettings

logger = logging.getLogger(__name__)

Protocol = Literal["3.1.1", "5"]

EARLY_MAX: Final = 100_000  # messages before the subscriptions are confirmed; with more the connection is made again


@dataclass(frozen=True, slots=True)
class Arrival:
    """A message as it arrived."""

    topic: str
    payload: bytes
    retain: bool
    qos: int


@dataclass(frozen=True, slots=True)
class Will:
    """What the broker publishes for us when we vanish."""

    topic: str
    payload: bytes
    qos: int = 1
    retain: bool = True


class _Straight(asyncio.Queue[aiomqtt.Message]):
    """
    Where aiomqtt puts what arrives. Once it is open, that is the owner, at once, in the callback that read the socket.

    So however slow the owner is, what it has not seen waits in the socket, and behind it in the broker's queue, whose
    limit is known. aiomqtt's own queue has none, or throws away what is newest.
    """

    def __init__(self, maxsize: int = 0) -> None:
        """aiomqtt calls it with its own limit, which is none."""
        super().__init__(maxsize)
        self._owner: Callable[[aiomqtt.Message], None] | None = None
        self.failed: asyncio.Future[None] = asyncio.Future()

    async def open(self, owner: Callable[[aiomqtt.Message], None]) -> None:
        """Hand over what is there, in order, and from then on each message as it is read."""
        while not self.empty():
            for _ in range(min(self.qsize(), 100)):
                owner(self.get_nowait())
            await asyncio.sleep(0)
        self._owner = owner

    def put_nowait(self, item: aiomqtt.Message) -> None:
        """Never raises: inside of paho that would only be logged. What went wrong is in `failed`."""
        if self.failed.done():
            return
        try:
            if self._owner is not None:
                self._owner(item)
            elif self.qsize() < EARLY_MAX:
                super().put_nowait(item)
            else:
                raise aiomqtt.MqttError(f"more than {EARLY_MAX} messages before the subscriptions were confirmed")
        except Exception as error:  # `failed` raises it where somebody waits for it
            self.failed.set_exception(error)


class Link:
    """
    A connection to the broker that comes back by itself.

    `on_arrival` is called in the event loop for each message, not before the subscriptions are confirmed; it must not
    block, and what it raises ends `run`. `on_up` is awaited after each (re)connect and subscribe, before `up` is set.
    """

    def __init__(
        self,
        settings: MqttSettings,
        client_id: str,
        *,
        filters: Sequence[tuple[str, int]] = (),
        on_arrival: Callable[[Arrival], None] | None = None,
        on_up: Callable[["Link"], Awaitable[None]] | None = None,
        will: Will | None = None,
        protocol: Protocol = "5",
        clean: bool = True,
    ) -> None:
        """`filters` are (pattern, QoS); `clean=False` keeps a session of a day at the broker."""
        self._settings = settings
        self._client_id = settings.prefix + client_id
        self._filters = list(filters)
        self._on_arrival = on_arrival
        self._on_up = on_up
        self._will = will
        self._protocol = protocol
        self._clean = clean
        self._client: aiomqtt.Client | None = None
        self._stop = asyncio.Event()
        self.up = asyncio.Event()
        self.connections = 0

    async def publish(
        self, topic: str, payload: bytes, *, qos: int = 1, retain: bool = False, expiry_s: int | None = None
    ) -> None:
        """
        Publish and wait for the broker's acknowledgement. Raises BrokerUnavailable.

        `expiry_s`: who is not there within so many seconds does not get it; MQTT 5 only.
        """
        client = self._client
        if client is None:
            raise BrokerUnavailable("not connected")
        try:
            await client.publish(topic, payload, qos=qos, retain=retain, properties=_expiry(expiry_s), timeout=10)
        except (aiomqtt.MqttError, ValueError) as error:
            raise BrokerUnavailable(str(error)) from error
        # aiomqtt waits with asyncio.wait_for, which on Python 3.11 can swallow a cancellation (bpo-37658).
        task = asyncio.current_task()
        if task is not None and task.cancelling():
            raise asyncio.CancelledError

    async def run(self) -> None:
        """Stay connected until `close`."""
        backoff = Backoff(first=0.1, ceiling=5.0, random=random.random)
        while not self._stop.is_set():
            try:
                await self._serve(backoff)
            except (aiomqtt.MqttError, OSError) as error:
                if self._stop.is_set():
                    return
                delay = backoff.delay()
                logger.log(
                    logging.WARNING if self.connections else logging.DEBUG,
                    "%s lost the broker (%s), retrying in %.1f s", self._client_id, error, delay,
                    extra={"action": "reconnect"},
                )  # fmt: skip
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(delay):
                        await self._stop.wait()

    async def _serve(self, backoff: Backoff) -> None:
        async with _client(self._settings, self._client_id, self._will, self._protocol, self._clean) as client:
            self._client = client
            client.pending_calls_threshold = 1000  # it logs a warning for each call above this
            try:
                for pattern, qos in self._filters:
                    await client.subscribe(pattern, qos=qos)
                self.connections += 1
                backoff.reset()
                stopping = asyncio.TaskGroup()
                async with stopping as tasks:
                    listener = tasks.create_task(self._listen(client), name=f"{self._client_id}.listen")
                    if self._on_up is not None:
                        await self._on_up(self)
                    self.up.set()
                    await self._wait(listener)
                    listener.cancel()
            except* aiomqtt.MqttError as group:
                raise aiomqtt.MqttError(str(group.exceptions[0])) from group
            finally:
                self._client = None
                self.up.clear()
                ended = client._disconnected
                if ended.done() and not ended.cancelled():
                    ended.exception()  # seen: what was said to a refused SUBSCRIBE is logged by nobody else as an error

    async def _wait(self, listener: "asyncio.Task[None]") -> None:
        stop = asyncio.ensure_future(self._stop.wait())  # noqa: TID251 - cancelled two lines below
        await asyncio.wait({stop, listener}, return_when=asyncio.FIRST_COMPLETED)
        stop.cancel()

    async def _listen(self, client: aiomqtt.Client) -> None:
        """Until the connection is gone, which is an MqttError, or an arrival could not be taken."""
        queue = cast("_Straight", client._queue)
        await queue.open(self._take)
        ended = client._disconnected
        await asyncio.wait({ended, queue.failed}, return_when=asyncio.FIRST_COMPLETED)
        if queue.failed.done():
            queue.failed.result()
        raise aiomqtt.MqttError("disconnected") from ended.exception()

    def _take(self, message: aiomqtt.Message) -> None:
        if self._on_arrival is not None:
            payload = message.payload if isinstance(message.payload, bytes) else b""
            self._on_arrival(Arrival(str(message.topic), payload, bool(message.retain), message.qos))

    def sever(self) -> None:
        """
        Lose the connection as a cut cable does: no DISCONNECT is sent, so the broker publishes the will.

        `run` reconnects, unless `close` is called before the event loop goes on. Without a connection it does nothing.
        """
        sock = self._client._client.socket() if self._client is not None else None
        if isinstance(sock, socket.socket):
            with contextlib.suppress(OSError):
                sock.shutdown(socket.SHUT_RDWR)

    async def close(self) -> None:
        """End `run` with a clean disconnect: no will is published."""
        self._stop.set()


def _expiry(seconds: int | None) -> Properties | None:
    if seconds is None:
        return None
    found = Properties(PacketTypes.PUBLISH)  # type: ignore[no-untyped-call]  # paho says no types there
    found.MessageExpiryInterval = seconds
    return found


def _client(
    settings: MqttSettings, client_id: str, will: Will | None, protocol: Protocol, clean: bool
) -> aiomqtt.Client:
    options: dict[str, Any] = {}
    if protocol == "5":
        options["protocol"] = aiomqtt.ProtocolVersion.V5
        options["clean_start"] = clean
        port = settings.port
    else:
        options["protocol"] = aiomqtt.ProtocolVersion.V311
        options["clean_session"] = clean
        port = settings.port_v3
    return aiomqtt.Client(
        settings.host,
        port,
        username=settings.username,
        password=settings.password.get_secret_value() if settings.password else None,
        identifier=client_id,
        will=aiomqtt.Will(will.topic, will.payload, will.qos, will.retain) if will else None,
        keepalive=settings.keepalive_s,
        tls_context=ssl.create_default_context(cafile=str(settings.tls_ca)) if settings.tls_ca else None,
        socket_options=[(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)],
        max_queued_outgoing_messages=0,
        queue_type=_Straight,
        **options,
    )


@contextlib.asynccontextmanager
async def connected(link: Link) -> AsyncIterator[Link]:
    """Run a link in the background for as long as the block lasts; it is up when the block begins."""
    async with asyncio.TaskGroup() as tasks:
        running = tasks.create_task(link.run(), name="broker.link")
        try:
            await link.up.wait()
            yield link
        finally:
            await link.close()
            await asyncio.wait({running}, timeout=2)
            running.cancel()


async def fetch_retained(
    settings: MqttSettings, client_id: str, pattern: str, *, wait_s: float = 1.0
) -> dict[str, bytes]:
    """
    The retained messages under a pattern that arrive within `wait_s`. Raises BrokerUnavailable.

    At QoS 0, over one connection that is closed afterwards: rumqttd sends no more than 100 at QoS 1.
    """
    found: dict[str, bytes] = {}

    def keep(arrival: Arrival) -> None:
        if arrival.retain:
            found[arrival.topic] = arrival.payload

    link = Link(settings, client_id, filters=[(pattern, 0)], on_arrival=keep)
    try:
        async with asyncio.timeout(wait_s + 5):
            async with connected(link):
                await asyncio.sleep(wait_s)
    except TimeoutError as error:
        raise BrokerUnavailable(f"no answer from {settings.host}:{settings.port}") from error
    return found
