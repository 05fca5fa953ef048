"""Ports: the wanted one, or the next free one, said so."""

import socket

from runtime.embedded.ports import is_free, next_free
from runtime.stack import choose_ports


def test_a_taken_port_gives_the_next_free_one() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        assert not is_free(port)
        assert next_free(port) > port


def test_the_stack_says_which_port_it_moved() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        ports = choose_ports(port, port, port, port)
    found = [ports.mqtt, ports.mqtt5, ports.ws, ports.http]
    assert len(set(found)) == 4
    assert port not in found
    assert len(ports.moved) == 4
    assert all(str(port) in line for line in ports.moved)
