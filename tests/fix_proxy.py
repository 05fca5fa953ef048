"""A proxy in front of a server, to lose it on demand."""

from collections.abc import Callable, Iterator

import pytest

from runtime.chaos.proxy import Proxy

__all__ = ["Proxy"]


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
