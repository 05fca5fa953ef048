"""
Names of transitions and work cycles, made from their causes.

Rule 1: an id depends on device, rule, signal and cause, and on nothing about arrival, so that the same readings give
the same ids however often and in whatever batches they come.
"""

from hashlib import blake2b

from telemetry.model import Signal
from telemetry.wire.payloads import Cause

DeviceKey = tuple[str, str, str]  # site, kind, device


def cause_key(cause: Cause, ts: int) -> str:
    """A cause in words; `ts` stands in for boot and seq in a frame made by hand."""
    if cause.response is not None:
        return f"response:{cause.response}"
    if cause.boot is not None:
        return f"{cause.boot}:{cause.seq}:{cause.i}"
    return f"ts:{ts}:{cause.i}"


def cycle_id(device: DeviceKey, cause: str) -> str:
    """Sixteen hexadecimal digits; a work cycle is named after the sample at which it began."""
    return blake2b("\n".join((*device, "work cycle", cause)).encode(), digest_size=8).hexdigest()


def transition_id(device: DeviceKey, rule: str, signal: Signal, cause: str) -> str:
    """Sixteen hexadecimal digits."""
    return blake2b("\n".join((*device, rule, signal, cause)).encode(), digest_size=8).hexdigest()
