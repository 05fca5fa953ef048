"""A TCP proxy that stands between a client and a server and can be cut, deafened or slowed: outages on demand."""

import contextlib
import socket
import threading
import time

from runtime.embedded.ports import free_port


class Proxy:
    """
    Forwards 127.0.0.1:`port` to a server.

    `stop` is an outage: connections are reset and new ones refused. `deaf` accepts and answers nothing. `strand` leaves
    the present connections open and deaf for ever, while new ones work: a failover behind a load balancer, which no
    TCP timeout shows. `delay` holds back each chunk towards the server by so many seconds. `cut_after` resets the
    connection once so many bytes have gone to the server: in the middle of a COPY, if wanted.
    """

    def __init__(self, target: int) -> None:
        """Opens nothing yet; `port` is chosen here."""
        self.target = target
        self.deaf = False
        self.delay = 0.0
        self.cut_after: int | None = None
        self.forwarded = 0
        self._listener: socket.socket | None = None
        self._pairs: list[socket.socket] = []
        self._epoch = 0
        self._lock = threading.Lock()
        self.port = free_port()

    def start(self) -> None:
        """Listen."""
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
                threading.Thread(
                    target=self._pump, args=(source, sink, up, self._epoch), daemon=True, name="proxy.pump"
                ).start()

    def _pump(self, source: socket.socket, sink: socket.socket, up: bool, epoch: int) -> None:
        with contextlib.suppress(OSError):
            while data := source.recv(65_536):
                while self.deaf:
                    time.sleep(0.02)
                if epoch != self._epoch:
                    continue  # stranded
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

    def strand(self) -> None:
        """The present connections are never answered again, and never closed; new ones work."""
        self._epoch += 1

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
