"""
The limits of the devices of a fleet: from profile, mode and configuration into its arrays.

What is on when one of these changes keeps what it was raised under: see `holding`.
"""

from collections.abc import Iterable

import numpy as np

from analytics import holding, limits
from analytics.device import Device
from analytics.holding import Under
from analytics.limits import USUAL, Limits
from analytics.profilebook import ProfileBook
from analytics.table import Array, Table
from telemetry.limit_profile import Profile
from telemetry.model import Mode
from telemetry.wire.payloads import DeviceConfig


class Judged:
    """Rows of devices with their limits. A fleet gives `table` and `devices`."""

    kind: str
    figure_names: tuple[str, ...]  # the profile's figures that the kind computes with
    table: Table

    def __init__(self) -> None:
        self.book = ProfileBook()
        self.devices: list[Device] = []
        self.limits: list[Limits] = []
        self.dirty: set[int] = set()  # rows whose coverage must be looked at
        self._look = USUAL[self.kind]
        self._unusual: set[int] = set()  # rows with a condition that looks at another channel

    def profile(self, device: Device, config: DeviceConfig | None = None) -> Profile:
        """The profile that a device is judged by, or would be with this configuration. Raises ConfigError."""
        config = config or device.config
        if device.pinned:
            return self.book.find(device.pinned)
        return self.book.holds(device.key[0], config.profile if config else device.site_profile)

    def resolve(
        self,
        device: Device,
        config: DeviceConfig | None = None,
        mode: Mode | None = None,
        profile: Profile | None = None,
    ) -> Limits:
        """The limits that a device would have. Raises ConfigError."""
        own = _overrides(config or device.config)
        return limits.resolve(self.kind, profile or self.profile(device, config), mode or device.mode, own)

    def apply_limits(self, row: int) -> None:
        """Put the device's limits into the arrays; what is on keeps its own: see `holding`."""
        device, table = self.devices[row], self.table
        found = self.resolve(device)
        today = Under(found.profile.label, device.mode, _overrides(device.config))
        on = table["on"][row]
        device.held = holding.kept(self.kind, device.held, device.under, today, on)
        device.under = today
        self.limits[row] = self.mixed(device, found)
        look = self.limits[row].look
        # What was counted on another channel does not count.
        table["held"][row] = np.where(on | (table["look"][row] == look), table["held"][row], 0)
        self.put(row)
        table["clear"][row] = np.where(on, table["clear"][row], found.clear)
        self._figures(row, found.profile, on=bool(on.any()))
        self.dirty.add(row)

    def mixed(self, device: Device, found: Limits) -> Limits:
        """The limits that were found for a device, and what its conditions that are on keep."""
        if not device.held:
            device.quiet = {}
            return found
        held = {
            name: limits.resolve(self.kind, self.book.find(under.profile), under.mode, under.overrides)
            for name, under in device.held.items()
        }
        limits_ = holding.mixed(self.kind, found, held, device.quiet)
        rules = dict.fromkeys(name.partition(".")[0] for name in held)
        device.quiet = {rule: limits_.rules[rule].suppressed_in for rule in rules}
        return limits_

    def hold(self, row: int, names: Iterable[str], label: str) -> None:
        """
        These conditions (`rule.step`) were raised under the profile of that label, before anybody here can remember.

        Raises ConfigError when it is not known here.
        """
        device = self.devices[row]
        profile, own = self.book.find(label), _overrides(device.config)
        rules = profile.rules.get(self.kind, {})
        fit = tuple(one for one in own if one[0] in rules and one[1] in rules[one[0]].steps)
        device.held |= {name: Under(label, device.mode, fit) for name in names}
        self.limits[row] = self.mixed(device, self.resolve(device))
        self.put(row)

    def put(self, row: int) -> None:
        """The numbers of a row's limits into the arrays, but for the clear values."""
        table, own = self.table, self.limits[row]
        for name, array_ in (("set", own.set), ("on_ms", own.on_ms), ("off_ms", own.off_ms), ("samples", own.samples)):
            table[name][row] = array_
        table["look"][row] = own.look
        if (own.look == self._look).all():
            self._unusual.discard(row)
        else:
            self._unusual.add(row)

    def _figures(self, row: int, profile: Profile, *, on: bool) -> None:
        figures = np.array([profile.figure(self.kind, name) for name in self.figure_names])
        now = self.table["figure"][row]
        # All of a new row is 0, and it has nothing that is on.
        wait = on and bool(now.any())
        at_once = np.array([name in holding.AT_ONCE for name in self.figure_names])
        self.table["figure"][row] = np.where(at_once | (not wait), figures, now)
        self.devices[row].figures_wait = wait and bool((self.table["figure"][row] != figures).any())

    def figure(self, rows: Array, name: str) -> Array:
        """A figure of the devices' profiles, float64 (n,)."""
        column: Array = self.table["figure"][rows, self.figure_names.index(name)]
        return column

    def looked(self, rows: Array, value: Array) -> Array:
        """What each condition looks at, float32 (n, columns), of the derived channels (n, derived)."""
        return np.take_along_axis(value, self.table["look"][rows], axis=1) if self._unusual else value[:, self._look]


def _overrides(config: DeviceConfig | None) -> limits.Overrides:
    return limits.overrides(config.limits) if config is not None else ()
