"""
A thousand live sockets on one API process with 2,000 readings a second behind it, and whether slow clients harm others.

2,000 devices on 100 sites say one reading a second each, over Mosquitto (our settings), to the real API; each client
has asked for one site. Ten transitions a second go the same way, and the time from their publish to each client of
their site is what is measured. In every second round a hundred of the clients read nothing at all, ten of them with
all sites asked for.

Clients are raw sockets in a process of their own that looks for what it needs in the bytes, so that both fit on a
machine; it offers no compression, as programs do. All clocks are CLOCK_MONOTONIC.
"""

import asyncio
import base64
import json
import os
import re
import resource
import socket
import statistics
import subprocess
import sys
import time
from typing import Any

import httpx

from telemetry.consumer import Consumer
from telemetry.roles import Role
from telemetry.settings import MqttSettings
from tests.fix_broker import Mosquitto
from tests.fix_database import Server, new_cluster
from tests.helpers.api import ApiProcess
from tests.helpers.callers import key_for

CLIENTS = 1000
SLOW = 100
WHOLE = 10  # of the slow clients one in so many has asked for all sites
SITES = 100
DEVICES = 20  # of a site, at a reading a second
TRANSITIONS = 10  # a second
SECONDS = 20
ROUNDS = 2  # of each
_MARK = re.compile(rb'"id":"b-(\d+)"')


def _pong(body: bytes) -> bytes:
    # Masked with zeros, which is a mask too.
    return bytes((0x8A, 0x80 | len(body), 0, 0, 0, 0)) + body


class Client(asyncio.Protocol):
    """One client: counts what comes, and when each transition did. A slow one stops reading after the handshake."""

    def __init__(self, port: int, key: str, query: str, *, slow: bool) -> None:
        self._port, self._key, self._query, self.slow = port, key, query, slow
        self.open: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.readings = 0
        self.late: list[float] = []  # ms of each transition
        self.lost = False
        self.frames = 0
        self._rest = b""
        self._transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)  # noqa: S101 - a TCP connection
        self._transport = transport
        nonce = base64.b64encode(os.urandom(16)).decode()
        transport.write(
            f"GET /ws/v1/live{self._query} HTTP/1.1\r\nHost: 127.0.0.1:{self._port}\r\n"
            f"Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Key: {nonce}\r\n"
            f"Sec-WebSocket-Version: 13\r\nAuthorization: Bearer {self._key}\r\n\r\n".encode()
        )

    def data_received(self, data: bytes) -> None:
        self._rest += data
        if not self.open.done():
            head, found, self._rest = self._rest.partition(b"\r\n\r\n")
            if not found:
                self._rest = head
                return
            if b" 101 " not in head[:64]:
                self.open.set_exception(RuntimeError((head + self._rest)[:300].decode(errors="replace")))
                return
            self.open.set_result(None)
            if self.slow and self._transport is not None:
                self._transport.pause_reading()
        now = time.monotonic_ns()
        rest, at = self._rest, 0
        while len(rest) - at >= 2:
            size, begin = rest[at + 1], at + 2
            if size >= 126:
                wide = 2 if size == 126 else 8
                size, begin = int.from_bytes(rest[begin : begin + wide], "big"), begin + wide
            if len(rest) < begin + size:
                break
            if rest[at] == 0x89 and self._transport is not None:
                self._transport.write(b"\x8a\x80\0\0\0\0" if not size else _pong(rest[begin : begin + size]))
            else:
                self._take(rest[begin : begin + size], now)
            at = begin + size
        self._rest = rest[at:]

    def _take(self, body: bytes, now: int) -> None:
        self.frames += 1
        self.readings += body.count(b'"type":"reading"')
        self.late += [(now - int(found[1])) / 1e6 for found in _MARK.finditer(body)]

    def look(self) -> None:
        """Read again: only so a slow client sees that it was closed."""
        if self.slow and self._transport is not None and not self._transport.is_closing():
            self._transport.resume_reading()

    def connection_lost(self, _: Exception | None) -> None:
        self.lost = True


async def _clients(port: int, key: str, slow: int, seconds: float) -> dict[str, Any]:
    loop = asyncio.get_running_loop()
    clients: list[Client] = []
    began = time.monotonic()
    gate = asyncio.Semaphore(40)

    async def one(n: int) -> None:
        async with gate:
            stream = socket.socket()
            if n < slow:
                stream.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 8192)
            stream.setblocking(False)
            await loop.sock_connect(stream, ("127.0.0.1", port))
            query = "" if n < slow // WHOLE else f"?site=site-{n % SITES}"
            _, client = await loop.create_connection(lambda: Client(port, key, query, slow=n < slow), sock=stream)
            await client.open
            clients.append(client)

    await asyncio.gather(*(one(n) for n in range(CLIENTS)))
    took = time.monotonic() - began
    sys.stdout.write("open\n")
    sys.stdout.flush()
    await asyncio.sleep(2)
    for client in clients:
        client.readings, client.frames, client.late = 0, 0, []
    used = resource.getrusage(resource.RUSAGE_SELF)
    await asyncio.sleep(seconds)
    spent = resource.getrusage(resource.RUSAGE_SELF)
    fast = [client for client in clients if not client.slow]
    for client in clients:
        client.look()
    await asyncio.sleep(1)
    return {
        "connect_s": took,
        "readings": sum(client.readings for client in fast),
        "frames": sum(client.frames for client in fast),
        "lost_fast": sum(client.lost for client in fast),
        "lost_slow": sum(client.lost for client in clients if client.slow),
        "late": [ms for client in fast for ms in client.late],
        "cpu_s": spent.ru_utime + spent.ru_stime - used.ru_utime - used.ru_stime,
    }


async def _publish(publisher: Consumer, until: asyncio.Event) -> int:
    """Readings and transitions at their rates; how many transitions."""
    boot = f"boot-{time.monotonic_ns():016x}"[:21]
    began = time.monotonic()
    rate = SITES * DEVICES
    n = sent = 0
    while not until.is_set():
        due = int((time.monotonic() - began) * rate)
        while n < due:
            site, device, seq = n % SITES, n // SITES % DEVICES, n // rate + 1
            body = {"boot": boot, "seq": seq, "ts": time.time_ns() // 1_000_000,  # noqa: TID251 - a measurement
                    "load_t": 1.0 + seq % 7 / 10, "radius_m": 30.0, "wind_mps": 4.0,
                    "slew_deg": seq % 360.0}  # fmt: skip
            publisher.publish_once(f"cw/v1/site-{site}/crane/c-{device}/up/reading", json.dumps(body).encode())
            n += 1
        while sent < int((time.monotonic() - began) * TRANSITIONS):
            site = sent * 37 % SITES
            body = {"id": f"b-{time.monotonic_ns()}", "site": f"site-{site}", "kind": "crane", "device": "c-0",
                    "rule": "moment", "signal": "raise", "previous": "normal", "state": "unacknowledged", "severity": 4,
                    "at": 1, "cause": {"tick": 1}, "life_safety": True}  # fmt: skip
            publisher.publish(f"cw/v1/site-{site}/crane/c-0/down/transition", json.dumps(body).encode())
            sent += 1
        await asyncio.sleep(0.01)
    return sent


def _spent(pid: int) -> tuple[float, int]:
    """CPU seconds and resident bytes of a process."""
    with open(f"/proc/{pid}/stat", encoding="ascii") as file:
        fields = file.read().rsplit(")", 1)[1].split()
    ticks = os.sysconf("SC_CLK_TCK")
    with open(f"/proc/{pid}/statm", encoding="ascii") as file:
        pages = int(file.read().split()[1])
    return (int(fields[11]) + int(fields[12])) / ticks, pages * os.sysconf("SC_PAGE_SIZE")


async def _round(api: ApiProcess, mqtt: MqttSettings, key: str, *, slow: int) -> dict[str, Any]:
    publisher = Consumer(mqtt, f"bench-{os.getpid()}-{slow}", ["cw/v1/_own/bench"], session_expiry_s=0)
    over = asyncio.Event()
    async with asyncio.TaskGroup() as tasks:
        running = tasks.create_task(publisher.run(), name="bench.publish")
        await publisher.linked()
        publishing = tasks.create_task(_publish(publisher, over), name="bench.rate")
        child = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "bench.sockets", str(api.port), str(slow), str(SECONDS),
            stdout=subprocess.PIPE, env={**os.environ, "BENCH_KEY": key}, limit=2**26,
        )  # fmt: skip
        assert child.stdout is not None  # noqa: S101 - a pipe was asked for
        opened = await child.stdout.readline()
        if opened != b"open\n":
            raise RuntimeError(f"the clients did not come in: {opened!r}")
        await asyncio.sleep(2)
        before, _ = _spent(api.pid)
        found = json.loads(await child.stdout.read())
        after, resident = _spent(api.pid)
        await child.wait()
        over.set()
        await publishing
        await publisher.close()
        await running
    late = sorted(found.pop("late"))
    fast = CLIENTS - slow
    return {
        **found,
        "readings_per_client_s": round(found["readings"] / fast / SECONDS, 2),
        "transitions_received": len(late),
        "p50_ms": round(late[len(late) // 2], 1),
        "p99_ms": round(late[int(0.99 * (len(late) - 1))], 1),
        "max_ms": round(late[-1], 1),
        "api_cpu_share": round((after - before) / SECONDS, 2),
        "api_rss_mb": resident // 2**20,
        "clients_cpu_share": round(found["cpu_s"] / SECONDS, 2),
    }


async def _measure(api: ApiProcess, mqtt: MqttSettings, key: str) -> dict[str, Any]:
    rounds: dict[int, list[dict[str, Any]]] = {0: [], SLOW: []}
    for number in range(2 * ROUNDS):
        slow = SLOW if number % 2 else 0
        found = await _round(api, mqtt, key, slow=slow)
        rounds[slow].append(found)
        sys.stderr.write(f"  round {number + 1}/{2 * ROUNDS}, {slow} slow: {json.dumps(found)}\n")
    figures: dict[str, Any] = {"clients": CLIENTS, "readings_s": SITES * DEVICES, "seconds": SECONDS}
    for slow, name in ((0, "all_fast"), (SLOW, "with_slow")):
        figures[name] = rounds[slow]
    p99 = [statistics.median(one["p99_ms"] for one in rounds[slow]) for slow in (0, SLOW)]
    return {**figures, "p99_ratio": round(p99[1] / p99[0], 2)}


def measure() -> dict[str, Any]:
    """Rounds with and without slow clients in turn, on one API process."""
    broker = Mosquitto()
    broker.start()
    cluster = new_cluster("postgres")
    try:
        mqtt = broker.settings()
        database = Server("postgres", cluster).copy()
        key = key_for(database, (Role.ADMIN, "*"))
        with ApiProcess(mqtt, database, console=False, CRANEWATCH_LIVE__CLIENTS_MAX=str(CLIENTS + 100)) as api:
            httpx.get(f"{api.url}/api/v1/sites", headers={"Authorization": f"Bearer {key}"}).raise_for_status()
            return asyncio.run(_measure(api, mqtt, key))
    finally:
        cluster.remove()
        broker.stop()


if __name__ == "__main__":
    port_, slow_, seconds_ = sys.argv[1:4]
    sys.stdout.write(
        json.dumps(asyncio.run(_clients(int(port_), os.environ["BENCH_KEY"], int(slow_), float(seconds_))))
    )
