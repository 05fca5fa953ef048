"""
A device's message, decoded by msgspec straight into a struct of constrained types, or refused with a reason.

Rule 1: whatever bytes come in, the only exception that leaves `decode` is WireError.
Rule 2: absent is None here, `invalid` is a name in the list; neither is ever zero.
Rule 3: a frame without boot and seq (made by hand) is ordered by `ts` and gets no receipt.
"""

from typing import Annotated, Any, Final, Protocol, cast

import msgspec
from msgspec import Meta

from telemetry.errors import Refusal, WireError
from telemetry.kinds import KINDS, Kind, Store

MAX_BYTES: Final = 64 * 1024
MAX_SAMPLES: Final = 1000
MAX_SPAN_MS: Final = 86_400_000
MAX_INT: Final = 2**53

Boot = Annotated[str, Meta(pattern=r"^[a-z0-9-]{8,32}\Z")]
Seq = Annotated[int, Meta(ge=1, lt=MAX_INT)]
Ts = Annotated[int, Meta(ge=0, lt=MAX_INT)]
Word = Annotated[str, Meta(pattern=r"^[A-Za-z0-9_.:-]{1,32}\Z")]
Bits = Annotated[int, Meta(ge=0, lt=2**32)]

_WIRE_TYPES: Final[dict[Store, Any]] = {
    Store.REAL: float,
    Store.BITS: Bits,
    Store.FLAG: bool,
    Store.WORD: Word,
}


class Sample(Protocol):
    """All channels of a device at one instant; the channels of the kind are attributes, None when absent."""

    ts: int
    invalid: list[str] | None


class Frame(Protocol):
    """
    One message: one sample, or many in `samples`.

    A channel on the frame itself holds for every sample that does not carry its own.
    """

    boot: str | None
    seq: int | None
    ts: int | None
    invalid: list[str] | None
    samples: list[Sample] | None


def _declare(kind: Kind) -> tuple[type[Any], type[Any]]:
    channels: list[tuple[str, Any, Any]] = [
        (channel.name, _WIRE_TYPES[channel.store] | None, None) for channel in kind.channels
    ]
    invalid = ("invalid", Annotated[list[str], Meta(max_length=64)] | None, None)
    title = kind.name.capitalize()
    sample = msgspec.defstruct(f"{title}Sample", [("ts", Ts), invalid, *channels], omit_defaults=True)
    frame = msgspec.defstruct(
        f"{title}Frame",
        [
            ("boot", Boot | None, None),
            ("seq", Seq | None, None),
            ("ts", Ts | None, None),
            invalid,
            ("samples", Annotated[list[sample], Meta(min_length=1, max_length=MAX_SAMPLES)] | None, None),  # type: ignore[valid-type]  # made at run time from the kind
            *channels,
        ],
        omit_defaults=True,
    )
    return sample, frame


SAMPLES: Final[dict[str, type[Any]]] = {}
FRAMES: Final[dict[str, type[Any]]] = {}
for _kind in KINDS.values():
    SAMPLES[_kind.name], FRAMES[_kind.name] = _declare(_kind)

_JSON: Final = {name: msgspec.json.Decoder(frame) for name, frame in FRAMES.items()}
_MSGPACK: Final = {name: msgspec.msgpack.Decoder(frame) for name, frame in FRAMES.items()}
_NAMES: Final = {name: frozenset(kind.bit) for name, kind in KINDS.items()}
_TO_JSON: Final = msgspec.json.Encoder()
_TO_MSGPACK: Final = msgspec.msgpack.Encoder()


def is_json(payload: bytes) -> bool:
    """Whether a payload is JSON: told by its first byte, `{` or white space. A MessagePack map never begins so."""
    return payload[:1] in (b"{", b" ", b"\t", b"\n", b"\r")


def decode(kind: str, payload: bytes) -> Frame:
    """
    A frame of that kind.

    Raises WireError, and nothing else, with reason KIND, OVERSIZED, MALFORMED, INVALID or TIME_SPAN.
    """
    if len(payload) > MAX_BYTES:
        raise WireError(Refusal.OVERSIZED, f"{len(payload)} bytes, the limit is {MAX_BYTES}")
    decoders = _JSON if is_json(payload) else _MSGPACK
    decoder = decoders.get(kind)
    if decoder is None:
        raise WireError(Refusal.KIND, f"kind {kind!r} is not declared")
    try:
        frame = decoder.decode(payload)
    except msgspec.ValidationError as error:
        raise WireError(Refusal.INVALID, str(error)) from error
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError, ValueError) as error:
        raise WireError(Refusal.MALFORMED, str(error)) from error
    _check(kind, frame)
    return cast(Frame, frame)


def _check(kind: str, frame: Any) -> None:
    # The common case, one sample with nothing invalid, passes with four comparisons.
    if (frame.boot is None) != (frame.seq is None):
        raise WireError(Refusal.INVALID, "boot and seq go together")
    if frame.invalid is not None:
        _check_names(kind, frame.invalid)
    if frame.samples is None:
        if frame.ts is None:
            raise WireError(Refusal.INVALID, "neither ts nor samples")
        return
    if frame.ts is not None:
        raise WireError(Refusal.INVALID, "both ts and samples")
    times = [sample.ts for sample in frame.samples]
    if max(times) - min(times) > MAX_SPAN_MS:
        raise WireError(Refusal.TIME_SPAN, "the samples of one frame are more than a day apart")
    for sample in frame.samples:
        if sample.invalid is not None:
            _check_names(kind, sample.invalid)


def _check_names(kind: str, names: list[str]) -> None:
    # A misspelt name in `invalid` would pass a bad value as good, so it is refused, not ignored.
    for name in names:
        if name not in _NAMES[kind]:
            raise WireError(Refusal.INVALID, f"invalid names {name[:40]!r}, which {kind} does not have")


def encode(frame: Any, *, msgpack: bool = False) -> bytes:
    """A frame (of `FRAMES[kind]`) as JSON, or as MessagePack."""
    return (_TO_MSGPACK if msgpack else _TO_JSON).encode(frame)


class _Identity(msgspec.Struct):
    boot: Boot | None = None
    seq: Seq | None = None


_IDENTITY_JSON: Final = msgspec.json.Decoder(_Identity)
_IDENTITY_MSGPACK: Final = msgspec.msgpack.Decoder(_Identity)


def identity(payload: bytes) -> tuple[str, int] | None:
    """
    The boot and seq of a payload that could not be decoded as a frame, if they can be read all the same.

    A quarantined frame with a readable identity gets its receipt: else the device would send it for ever.
    """
    try:
        found = (_IDENTITY_JSON if is_json(payload) else _IDENTITY_MSGPACK).decode(payload)
    except Exception:  # noqa: BLE001, RUF100 - anything at all can be in there, and then there is no identity
        return None
    return (found.boot, found.seq) if found.boot is not None and found.seq is not None else None
