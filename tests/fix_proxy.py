"""A TCP proxy that stands between a client and a server and can be cut, deafened or slowed: outages on demand."""

import contextlib
import socket
import threading
import time
from collections.abc import Callable, Iterator

import pytest


class Proxy:
    """
    Forwards 127.0.0.1:`port` to a server.

    `stop` is an outage: connections are reset and new ones refused. `deaf` accepts and answers nothing.
    `delay` holds back each chunk towards the server by so many seconds. `cut_after` resets the connection
    once so many bytes have gone to the server: in the middle of a COPY, if wanted.
    """

    def __init__(self, target: int) -> None:
        self.target = target
        self.deaf = False
        self.delay = 0.0
        self.cut_after: int | None = None
        self.forwarded = 0
        self._listener: socket.socket | None = None
        self._pairs: list[socket.socket] = []
        self._lock = threading.Lock()
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = int(probe.getsockname()[1])

    def start(self) -> None:
        listener = socket.socket()
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(("127.0.0.1", self.port))
        listener.listen(64)
        self._listener = listener
        threading.Thread(target=self._accept, args=(listener,), daemon=True, name="proxy.accept").start()

    def _accept(self, listener: socket.socket) -> None:
        while True:
            try:
                client, _ = listener.accept()
            except OSError:
                return
            try:
                server = socket.create_connection(("127.0.0.1", self.target), timeout=5)
                server.settimeout(None)
            except OSError:
                client.close()
                continue
            for one in (client, server):
                one.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            with self._lock:
                self._pairs += [client, server]
            for source, sink, up in ((client, server, True), (server, client, False)):
                threading.Thread(target=self._pump, args=(source, sink, up), daemon=True, name="proxy.pump").start()

    def _pump(self, source: socket.socket, sink: socket.socket, up: bool) -> None:
        with contextlib.suppress(OSError):
            while data := source.recv(65_536):
                while self.deaf:
                    time.sleep(0.02)
                if up:
                    if self.delay:
                        time.sleep(self.delay)
                    self.forwarded += len(data)
                    if self.cut_after is not None and self.forwarded >= self.cut_after:
                        self.cut_after = None
                        break
                sink.sendall(data)
        for one in (source, sink):
            with contextlib.suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)
            one.close()

    def cut(self) -> None:
        """Reset all connections; new ones are accepted."""
        with self._lock:
            pairs, self._pairs = self._pairs, []
        for one in pairs:
            with contextlib.suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)

    def stop(self) -> None:
        """An outage, until `start`."""
        if self._listener is not None:
            with contextlib.suppress(OSError):
                self._listener.shutdown(socket.SHUT_RDWR)
            self._listener.close()
            self._listener = None
        self.cut()


@pytest.fixture
def proxy_to() -> Iterator[Callable[[int], Proxy]]:
    """Make a started proxy in front of a loopback port."""
    made: list[Proxy] = []

    def make(target: int) -> Proxy:
        proxy = Proxy(target)
        proxy.start()
        made.append(proxy)
        return proxy

    yield make
    for proxy in made:
        proxy.deaf = False
        proxy.stop()
