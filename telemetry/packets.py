"""
The bytes of one MQTT 5 connection: packets of the sans-I/O `mqtt5` codec out of what the socket gives.

Rule: what the codec cannot read ends the connection, with a line in the log, and never the process.
"""

import asyncio
import contextlib
import logging
import socket
from collections.abc import Callable
from typing import Final, TypeVar, cast

import mqtt5

from telemetry.errors import BrokerUnavailable

logger = logging.getLogger(__name__)

P = TypeVar("P", bound=mqtt5.Packet)
_USER_TIMEOUT: Final = getattr(socket, "TCP_USER_TIMEOUT", None)
_QUICKACK: Final = getattr(socket, "TCP_QUICKACK", None)


class PacketWire(asyncio.Protocol):
    """Bytes in, packets out. Before `deliver` is set, packets wait in `pending` for `next`."""

    def __init__(self) -> None:
        self.pending: list[mqtt5.Packet] = []
        self.deliver: Callable[[list[mqtt5.Packet]], None] | None = None
        self.lost = asyncio.Event()
        self.reason: int | None = None
        self.heard = 0.0
        self._buffer = bytearray()
        self._more = asyncio.Event()
        self._transport: asyncio.Transport | None = None
        self._socket: socket.socket | None = None
        self._now = asyncio.get_running_loop().time

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)  # uvloop's is none by its class
        self.heard = self._now()
        self._socket = self._transport.get_extra_info("socket")
        if self._socket is not None:
            self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def give_up_after(self, seconds: float) -> None:
        """Let the system close the connection when what we have sent is not acknowledged by TCP for so long."""
        if _USER_TIMEOUT is not None and self._socket is not None:
            with contextlib.suppress(OSError):
                self._socket.setsockopt(socket.IPPROTO_TCP, _USER_TIMEOUT, int(1000 * seconds))

    def data_received(self, data: bytes) -> None:
        self.heard = self._now()
        if _QUICKACK is not None and self._socket is not None:
            # Linux falls back to delayed acknowledgements by itself; with a broker that has Nagle on, that is 40 ms.
            with contextlib.suppress(OSError):
                self._socket.setsockopt(socket.IPPROTO_TCP, _QUICKACK, 1)
        self._buffer += data
        packets: list[mqtt5.Packet] = []
        taken = 0
        try:
            view = memoryview(self._buffer)
            try:
                while taken < len(view):
                    packet, size = mqtt5.read(view[taken:])
                    taken += size
                    if isinstance(packet, mqtt5.DisconnectPacket):
                        self.reason = int(packet.reason_code)
                    packets.append(packet)
            except IndexError:
                pass  # the rest of the last packet is still on its way
            finally:
                view.release()
        except (KeyboardInterrupt, SystemExit):
            raise
        except BaseException as error:  # pyo3's PanicException, for an invalid UTF-8 topic, is not an Exception
            logger.error(  # noqa: TRY400 - the codec's panic has no useful traceback
                "the broker sent what the codec cannot read: %s", error, extra={"action": "codec"}
            )
            if self._transport is not None:
                self._transport.abort()
        del self._buffer[:taken]
        if not packets:
            return
        if self.deliver is not None:
            self.deliver(packets)
        else:
            self.pending += packets
            self._more.set()

    def connection_lost(self, error: Exception | None) -> None:
        self.lost.set()
        self._more.set()

    async def next(self, type_: type[P]) -> P:
        """The next packet of that type; others stay pending. Raises BrokerUnavailable when the link is lost."""
        while True:
            for place, packet in enumerate(self.pending):
                if isinstance(packet, type_):
                    del self.pending[place]
                    return packet
            if self.lost.is_set():
                raise BrokerUnavailable("the broker closed the connection")
            self._more.clear()
            await self._more.wait()
