"""What a snapshot of the engine holds."""

from typing import Any, Final

import msgspec

from analytics.alarm_record import Record
from analytics.fleet import pack_fleet
from analytics.identity import DeviceKey
from analytics.profilebook import SiteShelf
from analytics.table import NEVER
from telemetry.limit_profile import Profile
from telemetry.wire.payloads import Coverage, DeviceConfig, Response, SiteConfig

FORMAT: Final = 2


class Frozen(msgspec.Struct):
    """The engine at one moment, beside the arrays of its fleets and what its parts freeze themselves."""

    format: int
    partition: int
    now: int
    evaluated_at: int
    records: list[tuple[DeviceKey, dict[str, Record]]]
    known: list[str]
    waiting: list[tuple[int, DeviceKey, Response]]
    sites: dict[str, SiteConfig]
    coverage: list[tuple[DeviceKey, Coverage]]
    own_clock: bool
    doubt: str | None
    doubt_until: int | None
    troubles: dict[str, tuple[int, str]] = {}
    doubt_at: int = 0
    clean: dict[str, int] = {}
    found: list[tuple[DeviceKey, str]] = []
    shelves: dict[str, SiteShelf] = {}
    profiles: list[Profile] = []
    refused: dict[str, list[str]] = {}
    unfit: list[tuple[DeviceKey, DeviceConfig]] = []
    neighbours: dict[str, list[tuple[DeviceKey, int]]] = {}
    neighbours_at: int = NEVER


def pack(frozen: dict[str, Any]) -> bytes:
    """A frozen engine as bytes."""
    fleets = {kind: pack_fleet(fleet) for kind, fleet in frozen["fleets"].items()}
    return msgspec.msgpack.encode({**frozen, "fleets": fleets})
