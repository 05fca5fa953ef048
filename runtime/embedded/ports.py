"""Free ports on the loopback address."""

import secrets
import socket
from typing import Final

LOWEST: Final = 20_000
HIGHEST: Final = 32_000


def is_free(port: int, host: str = "127.0.0.1") -> bool:
    """Whether a server could listen on this port now."""
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError:
            return False
    return True


def free_port(host: str = "127.0.0.1") -> int:
    """
    A port that nobody listens on now; another process may still take it before the caller does.

    From below the range that the system gives to outgoing connections: whoever polls such a port before its server
    is up may be connected to himself.
    """
    for _ in range(1000):
        port = LOWEST + secrets.randbelow(HIGHEST - LOWEST)
        if is_free(port, host):
            return port
    raise OSError(f"no free port between {LOWEST} and {HIGHEST}")


def next_free(wanted: int, *, avoid: set[int] | None = None, tries: int = 200) -> int:
    """The wanted port, or the next free one above it that is not in `avoid`. Raises OSError when none is free."""
    for port in range(wanted, min(wanted + tries, 65_536)):
        if port not in (avoid or set()) and is_free(port):
            return port
    raise OSError(f"no free port from {wanted} to {wanted + tries - 1}")
