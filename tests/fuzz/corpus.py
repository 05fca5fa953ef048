"""The seeds: good messages of every kind, and what has broken decoders before."""

import json
from collections.abc import Iterator

import mqtt5
import msgspec

from telemetry.kinds import KINDS, Store

BOOT = "5f2c77e01b9d4a36"


def good(kind: str, seq: int = 7) -> dict[str, object]:
    """A frame with every channel of its kind."""
    values = {Store.REAL: 1.5, Store.BITS: 3, Store.FLAG: True, Store.WORD: "parked"}
    return {"boot": BOOT, "seq": seq, "ts": 1_800_000_000_000} | {c.name: values[c.store] for c in KINDS[kind].channels}


def bodies() -> Iterator[bytes]:
    """Payloads."""
    for kind in KINDS:
        body = good(kind)
        many = {"boot": BOOT, "seq": 8, "samples": [{"ts": 1_800_000_000_000 + n, "invalid": []} for n in range(3)]}
        for one in (body, many):
            yield msgspec.json.encode(one)
            yield msgspec.msgpack.encode(one)
        real = next(c.name for c in KINDS[kind].channels if c.store is Store.REAL)
        for value in (float("nan"), float("inf"), -float("inf"), 1e39, 1e308, -1e39, 2**63, True, "x", None, [], {}):
            yield msgspec.msgpack.encode({**body, real: value} if value != 2**63 else {**body, real: 2**63 - 1})
        for text in ("NaN", "Infinity", "1e39", "1e400", "-1e400", "9" * 400, "0x1", "1_0", '"\\ud800"', '"\\u0000"'):
            yield b'{"boot":"%s","seq":1,"ts":1,"%s":%s}' % (BOOT.encode(), real.encode(), text.encode())
        for ts in (0, 1, 2**53 - 1, 2**53, -1, 10**30, 4_102_444_800_000):
            yield json.dumps({**body, "ts": ts}).encode()
    yield b'{"ts":1,"ts":2,"load_t":1,"load_t":"x"}'
    yield b'{"x":' + b"[" * 5_000
    yield b'{"x":' + b'{"x":' * 2_000
    yield b"\x81\xa1x" + b"\x91" * 5_000
    yield b"\xdf\xff\xff\xff\xff"
    yield b"\xdd\xff\xff\xff\xff"
    yield b"\xc6\xff\xff\xff\xff"
    yield b'{"operator":"\xff\xfe"}'
    yield b'{"operator":"\xed\xa0\x80"}'
    yield b"\x00" * 64
    yield from (b"", b" ", b"{", b"[]", b"null", b"\xc0", b"\xc1", b"\xef\xbb\xbf{}")
    at = 1_800_000_000_000
    for body in (
        {"online": True, "boot": BOOT, "ts": at, "interval_ms": 1000, "params": "9f3a"},
        {"id": "e-1", "type": "power_off", "ts": at, "boot": BOOT, "seq": 3, "data": {"a": [1, {"b": None}]}},
        {"id": "response-1", "action": "shelve", "at": at, "who": "li", "rule": "wind", "why": "x", "until": at + 9},
        {"id": "response-2", "action": "set_mode", "at": at, "who": "li", "mode": "storm"},
        {"terminal": "cab-1", "at": at, "visible": True, "volume": 0.5},
        {"version": 1, "charts": [{"falls": 2, "points": [[2.5, 4.0], [60, 1.7]]}], "limits": {"wind": {"alarm": 9}}},
        {"version": 2, "profile": "uk"},
        {"boots": {BOOT: [[1, 5], [7, 9]]}},
        {"at": at, "run": "r", "n": 1},
        {"version": 1, "charts": [{"falls": 2, "points": [[60, 1.7], [2.5, 4.0]]}, {"falls": -1, "points": [[0, 0]]}]},
        {"version": 3, "interval_ms": 0, "jib_m": 1e308, "limits": {"load": {"alarm": -1e308}}},
    ):  # fmt: skip
        yield json.dumps(body).encode()


def names() -> Iterator[str]:
    """Topics."""
    yield from (
        "cw/v1/s/crane/c1/up/reading", "cw/v1/s/crane/c1/down/alarm/moment", "cw/v1/s/config", "cw/v1/S/config",
        "cw/v1//crane/c1/up/reading", "cw/v1/s/crane/c1/up/tick", "cw/v1/_own/analyze/p1/up/tick", "$SYS/broker", "",
        "cw/v1/s/crane/c1/up/reading/", "cw/v2/s/crane/c1/up/reading", "cw/v1/s/submarine/c1/up/reading",
        "cw/v1/" + "s" * 65 + "/crane/c1/up/reading", "cw/v1/s\x00/crane/c1/up/reading", "cw/v1/s/crane/塔/up/reading",
    )  # fmt: skip


def packets() -> Iterator[bytes]:
    """What a broker sends."""
    publish = mqtt5.PublishPacket("cw/v1/s/crane/c1/up/reading", b"{}", qos=mqtt5.QoS.AT_LEAST_ONCE, packet_id=1)
    yield publish.write()
    yield publish.write() * 3
    yield mqtt5.PubAckPacket(1).write()
    yield mqtt5.DisconnectPacket().write()
    yield b"\x30\x07\x00\x02\xff\xfe\x00{}"  # a topic that is no UTF-8
    yield b"\x30\xff\xff\xff\x7f"  # 256 MB are announced
    yield b"\x30\xff\xff\xff\xff\x7f"
    yield bytes(range(256))


def seeds() -> Iterator[bytes]:
    """All of it, for every target."""
    for body in bodies():
        yield body
        for number in (0, 1, 2, 5, 9, 11):
            yield bytes([number]) + body
    for name in names():
        yield name.encode()
        yield b"\x0e" + name.encode()
    yield from packets()
