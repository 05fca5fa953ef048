"""
A Mosquitto of our own with the settings that production gets, on loopback, for tests, campaigns and measurements.

Without persistence its sessions, queues and retained messages end with it. With persistence it saves them every
`SAVED_EVERY_S` and at a clean end, so that SIGKILL takes it back in time: both are what the design must live with.
"""

import shutil
import socket
import subprocess
import tempfile
import time
from pathlib import Path
from typing import Final

from runtime.embedded import debian
from runtime.embedded.ports import free_port

SAVED_EVERY_S: Final = 5

_CONF: Final = """\
per_listener_settings false
allow_anonymous true
set_tcp_nodelay true
max_inflight_messages 0
max_queued_messages 2000000
max_packet_size 1048576
sys_interval 10
log_dest none
user root
"""

_PERSISTENT: Final = """\
persistence true
persistence_location {folder}/
autosave_interval {seconds}
"""

_LISTENERS: Final = """\
listener {port} 127.0.0.1
listener {ws_port} 127.0.0.1
protocol websockets
"""


class Mosquitto:
    """A broker on two ports (MQTT 3.1.1 and 5; WebSocket) that can be stopped, killed and started again."""

    def __init__(self, port: int | None = None, ws_port: int | None = None) -> None:
        """Opens nothing yet."""
        self.port = port or free_port()
        self.ws_port = ws_port or free_port()
        self._folder = Path(tempfile.gettempdir()) / f"cw-mosquitto-{self.port}"
        self._state: Path | None = None
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def pid(self) -> int | None:
        """Its process id while it runs."""
        return self._process.pid if self._process is not None else None

    def start(self, *, persistence: bool = False, timeout: float = 15.0) -> None:
        """Start it and wait until it listens. Raises RuntimeError when there is none, TimeoutError otherwise."""
        self._folder.mkdir(exist_ok=True)
        text = _CONF
        if persistence:
            self._state, inside = debian.mosquitto_folder(f"cw-mosquitto-{self.port}", self._folder)
            text += _PERSISTENT.format(folder=inside, seconds=SAVED_EVERY_S)
        else:
            text += "persistence false\n"
        config = self._folder / f"mosquitto-{self.port}.conf"
        config.write_text(text + _LISTENERS.format(port=self.port, ws_port=self.ws_port))
        self._process = debian.start_mosquitto(config)
        wait_for(self.port, timeout)

    def stop(self) -> None:
        """A clean end."""
        process, self._process = self._process, None
        if process is not None:
            process.terminate()
            process.wait(10)

    def kill(self) -> None:
        """SIGKILL."""
        process, self._process = self._process, None
        if process is not None:
            process.kill()
            process.wait(10)

    def forget(self) -> None:
        """Delete what it has saved. Call it while it does not run."""
        if self._state is not None:
            shutil.rmtree(self._state, ignore_errors=True)

    def remove(self) -> None:
        """End it and delete everything of it."""
        self.stop()
        self.forget()
        shutil.rmtree(self._folder, ignore_errors=True)


def wait_for(port: int, timeout: float = 15.0) -> None:
    """Wait until something listens on this loopback port. Raises TimeoutError."""
    deadline = time.monotonic() + timeout
    while time.monotonic() < deadline:
        try:
            with socket.create_connection(("127.0.0.1", port), timeout=0.5):
                return
        except OSError:
            time.sleep(0.05)
    raise TimeoutError(f"nothing listens on port {port}")
