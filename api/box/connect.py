"""
The one packet of a terminal's page that its box looks into: CONNECT, into which it writes who it is. Pure.

Rule 1: MQTT 3.1.1 and nothing else; what is not a CONNECT of that version never reaches the broker.
Rule 2: the page needs no credentials: the box's replace whatever it sent. Everything else stays as it was.

References are to the OASIS standard MQTT 3.1.1.
"""

from typing import Final

CONNECT: Final = 0x10
MAX_BYTES: Final = 4096  # of a CONNECT: a page's has some 60
_USER, _PASSWORD, _WILL = 0x80, 0x40, 0x04


class NotMqtt(ValueError):
    """These bytes do not begin with a CONNECT of MQTT 3.1.1."""


def whole(data: bytes) -> int | None:
    """The length of the first packet when all of it is there, None while it is not. Raises NotMqtt."""
    if data and data[0] != CONNECT:
        raise NotMqtt(f"the first byte is {data[0]:#04x}, not CONNECT")
    length = 0
    for place, byte in enumerate(data[1:5]):
        length |= (byte & 127) << (7 * place)
        if not byte & 128:
            total = 2 + place + length
            if total > MAX_BYTES:
                raise NotMqtt(f"a CONNECT of {total} bytes")
            return total if len(data) >= total else None
    if len(data) >= 5:
        raise NotMqtt("a remaining length of more than four bytes")
    return None


def rewritten(packet: bytes, *, prefix: str = "", username: str | None, password: str | None) -> bytes:
    """This CONNECT with the box's client id prefix and, when it has any, its credentials. Raises NotMqtt."""
    body = packet[2 + next(place for place, byte in enumerate(packet[1:5]) if not byte & 128) :]
    name, rest = _field(body)
    if name != b"MQTT" or len(rest) < 4 or rest[0] != 4:
        raise NotMqtt("not MQTT 3.1.1")
    flags, keepalive, rest = rest[1], rest[2:4], rest[4:]
    client, rest = _field(rest)
    kept = [prefix.encode() + client]
    for _ in range(2 if flags & _WILL else 0):
        part, rest = _field(rest)
        kept.append(part)
    for flag in (_USER, _PASSWORD):
        if flags & flag:
            part, rest = _field(rest)
            if username is None:
                kept.append(part)
    if rest:
        raise NotMqtt("bytes behind the CONNECT")
    if username is not None:
        flags = (flags & ~(_USER | _PASSWORD)) | _USER | (_PASSWORD if password is not None else 0)
        kept += [username.encode(), *([password.encode()] if password is not None else [])]
    made = _sized(b"MQTT") + bytes([4, flags]) + keepalive + b"".join(_sized(part) for part in kept)
    return bytes([CONNECT]) + _length(len(made)) + made


def _field(data: bytes) -> tuple[bytes, bytes]:
    """A field with its two bytes of length (1.5.3), and what is behind it. Raises NotMqtt."""
    length = int.from_bytes(data[:2], "big")
    if len(data) < 2 + length or len(data) < 2:
        raise NotMqtt("a field that is longer than its packet")
    return data[2 : 2 + length], data[2 + length :]


def _sized(part: bytes) -> bytes:
    return len(part).to_bytes(2, "big") + part


def _length(value: int) -> bytes:
    """The remaining length (2.2.3)."""
    made = bytearray()
    while True:
        value, low = divmod(value, 128)
        made.append(low | (128 if value else 0))
        if not value:
            return bytes(made)
