"""
Numbers for names: device ids and boot numbers, registered when first seen.

Registration commits before the batch that needs it, in a transaction of its own, so that a number in the cache is
always a number in the database. Two sessions that meet the same new device or boot agree through the unique keys.
"""

from collections.abc import Set
from typing import Any, Final, TypeAlias

import psycopg

from telemetry.errors import StorageStrained

DeviceKey: TypeAlias = tuple[str, str, str]  # site, kind, device
MAX_CACHED: Final = 200_000
MAX_DEVICES: Final = 50_000  # registered by themselves; a box that makes up ids must not fill the register

_SITES = "INSERT INTO site (site) SELECT DISTINCT unnest(%s::text[]) ON CONFLICT DO NOTHING"
_DEVICES = (
    "INSERT INTO device (site, kind, device)"
    " SELECT * FROM unnest(%s::text[], %s::text[], %s::text[]) AS wanted (site, kind, device)"
    " ORDER BY site, kind, device ON CONFLICT DO NOTHING"
)
_DEVICE_IDS = (
    "SELECT site, kind, device, device_id FROM device"
    " WHERE (site, kind, device) IN (SELECT * FROM unnest(%s::text[], %s::text[], %s::text[]))"
)
_COUNT = "SELECT count(*) FROM device"
_LOCK_DEVICES = "SELECT device_id FROM device WHERE device_id = ANY(%s) ORDER BY device_id FOR UPDATE"
_BOOTS = (
    "INSERT INTO device_boot (device_id, boot_no, boot)"
    " SELECT w.device_id, coalesce((SELECT max(b.boot_no) FROM device_boot b WHERE b.device_id = w.device_id), 0)"
    "  + row_number() OVER (PARTITION BY w.device_id ORDER BY w.place), w.boot"
    " FROM unnest(%s::integer[], %s::text[]) WITH ORDINALITY AS w (device_id, boot, place)"
    " WHERE NOT EXISTS (SELECT FROM device_boot b WHERE b.device_id = w.device_id AND b.boot = w.boot)"
    " ON CONFLICT DO NOTHING"
)
_BOOT_NUMBERS = (
    "SELECT device_id, boot, boot_no FROM device_boot"
    " WHERE (device_id, boot) IN (SELECT * FROM unnest(%s::integer[], %s::text[]))"
)


class Registry:
    """The cache in front of `device` and `device_boot`, for one connection's thread."""

    def __init__(self) -> None:
        self._devices: dict[DeviceKey, int] = {}
        self._keys: dict[int, DeviceKey] = {}
        self._boots: dict[tuple[int, str], int] = {}
        self.left_out: set[DeviceKey] = set()  # of the last `learn`: there was no room for them

    def device(self, key: DeviceKey) -> int:
        """The id of a device that `learn` has seen."""
        return self._devices[key]

    def key(self, device_id: int) -> DeviceKey:
        """Whose id that is."""
        return self._keys[device_id]

    def boot(self, device_id: int, boot: str | None) -> int:
        """The number of a boot that `learn` has seen; 0 for frames made by hand."""
        return 0 if boot is None else self._boots[device_id, boot]

    def learn(self, connection: psycopg.Connection[Any], wanted: Set[tuple[DeviceKey, str | None]]) -> None:
        """Make these devices and boots known, registering new ones while there is room. Raises psycopg errors."""
        pairs = wanted
        if max(len(self._devices), len(self._boots)) + len(pairs) > MAX_CACHED:
            # Before anything is looked up, so that nothing this batch needs is thrown away under it.
            self._devices.clear()
            self._keys.clear()
            self._boots.clear()
        strange = {key for key, _ in pairs if key not in self._devices}
        if strange:
            self._learn_devices(connection, sorted(strange))
        self.left_out = {key for key in strange if key not in self._devices}
        # In the order given: it is the order in which new boots are numbered.
        boots = dict.fromkeys(
            (self._devices[key], boot)
            for key, boot in pairs
            if boot is not None and key in self._devices and (self._devices[key], boot) not in self._boots
        )
        if boots:
            self._learn_boots(connection, list(boots))

    def _learn_devices(self, connection: psycopg.Connection[Any], keys: list[DeviceKey]) -> None:
        self._look_up(connection, keys)
        new = [key for key in keys if key not in self._devices]
        if not new:
            return
        row = connection.execute(_COUNT).fetchone()
        room = MAX_DEVICES - (row[0] if row else 0)
        if room <= 0:
            return
        new = new[:room]
        columns = [list(column) for column in zip(*new, strict=True)]
        with connection.transaction():
            connection.execute(_SITES, (columns[0],))
            connection.execute(_DEVICES, columns)
        self._look_up(connection, new)

    def _look_up(self, connection: psycopg.Connection[Any], keys: list[DeviceKey]) -> None:
        columns = [list(column) for column in zip(*keys, strict=True)]
        for site, kind, device, number in connection.execute(_DEVICE_IDS, columns):
            self._devices[site, kind, device] = number
            self._keys[number] = (site, kind, device)

    def _learn_boots(self, connection: psycopg.Connection[Any], boots: list[tuple[int, str]]) -> None:
        for _ in range(5):
            missing = [pair for pair in boots if pair not in self._boots]
            if not missing:
                return
            ids, names = [number for number, _ in missing], [name for _, name in missing]
            with connection.transaction():
                connection.execute(_LOCK_DEVICES, (ids,))
                connection.execute(_BOOTS, (ids, names))
            for number, name, boot_no in connection.execute(_BOOT_NUMBERS, (ids, names)):
                self._boots[number, name] = boot_no
        raise StorageStrained("boots keep colliding: another session registers the same ones")
