"""Free ports on the loopback address."""

import socket


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
    """A port that nobody listens on now; another process may still take it before the caller does."""
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        probe.bind((host, 0))
        return int(probe.getsockname()[1])


def next_free(wanted: int, *, avoid: set[int] | None = None, tries: int = 200) -> int:
    """The wanted port, or the next free one above it that is not in `avoid`. Raises OSError when none is free."""
    for port in range(wanted, min(wanted + tries, 65_536)):
        if port not in (avoid or set()) and is_free(port):
            return port
    raise OSError(f"no free port from {wanted} to {wanted + tries - 1}")
