"""
The embedded broker: rumqttd, from the `iotcore` wheel, in a child process.

It has one listener per protocol version (3.1.1 for devices, 5 for our services) and one for WebSocket (3.1.1, for
terminals), keeps nothing on disk, and dies with its parent.
"""

from pathlib import Path

import iotcore

# max_outgoing_packet_count is also how many retained messages it sends for a SUBSCRIBE at QoS 0, and no more.
# max_segment_size * max_segment_count is what it keeps per filter before it drops the oldest.
_CONFIG = """\
id = 0

[router]
id = 0
max_connections = 10010
max_outgoing_packet_count = 20000
max_segment_size = 104857600
max_segment_count = 10
"""

_LISTENER = """
[{table}.1]
name = "{table}"
listen = "{host}:{port}"
next_connection_delay_ms = 1

[{table}.1.connections]
connection_timeout_ms = 60000
max_payload_size = 1048576
max_inflight_count = 100
dynamic_filters = true
"""


class EmbeddedBroker:
    """A broker on three ports, as a context manager."""

    def __init__(self, folder: Path, *, port_v3: int, port_v5: int, port_ws: int, host: str = "127.0.0.1") -> None:
        """`folder` gets the configuration file."""
        self._folder = folder
        self._host = host
        self._ports = {"v4": port_v3, "v5": port_v5, "ws": port_ws}
        self._broker: iotcore.Broker | None = None

    @property
    def pid(self) -> int | None:
        """The process id of the broker while it runs."""
        process = self._broker._process if self._broker else None
        return process.pid if process else None

    def start(self) -> None:
        """Start and wait until all listeners answer. Raises OSError for a taken port, RuntimeError otherwise."""
        self._folder.mkdir(parents=True, exist_ok=True)
        config = self._folder / "rumqttd.toml"
        listeners = (_LISTENER.format(table=t, host=self._host, port=p) for t, p in self._ports.items())
        config.write_text(_CONFIG + "".join(listeners))
        self._broker = iotcore.Broker(config_path=str(config))
        self._broker.start()

    def stop(self) -> None:
        """Stop it; sessions, queues and retained messages are gone."""
        if self._broker is not None:
            self._broker.stop()
            self._broker = None

    def kill(self) -> None:
        """SIGKILL, as a test of what depends on it."""
        process = self._broker._process if self._broker else None
        if process is not None:
            process.kill()
            process.wait(5)
        self.stop()

    def __enter__(self) -> "EmbeddedBroker":
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()
