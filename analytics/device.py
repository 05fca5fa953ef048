"""One device, as the analyzer knows it beside its arrays: where it stands in its order, its terms, its condition."""

import msgspec

from analytics.cursors import Cursor
from analytics.holding import Under
from analytics.identity import DeviceKey
from telemetry.model import Mode
from telemetry.wire.payloads import DeviceConfig, SiteRules


class Device(msgspec.Struct, omit_defaults=True):
    """What is known of a device beside its arrays."""

    key: DeviceKey
    boot: str | None = None  # the present boot
    seq: int = 0
    cursor: Cursor = msgspec.field(default_factory=Cursor)
    config: DeviceConfig | None = None
    site_profile: str = "cn"
    site: SiteRules | None = None
    mode: Mode = Mode.WORKING
    presence_interval: int = 0
    presence_boot: str | None = None
    planned_off: bool = False
    power_off: bool = False
    silent: bool = False
    clock_alarm: bool = False
    conflict: bool = False
    late: int = 0
    missing: int = 0  # seqs skipped
    born: tuple[str, int] | None = None  # the place before its first counted frame
    terms: str = ""  # digest of the terms that were last reported
    mode_set: bool = False  # by a person, and not reported yet
    pinned: str = ""  # in a replay: the label of the profile that it was judged by
    under: Under | None = None  # what its numbers come from
    held: dict[str, Under] = {}  # conditions that were on when that changed, and what they keep
    quiet: dict[str, list[Mode]] = {}  # of the rules of these conditions: the modes that still suppress them
    figures_wait: bool = False  # until none of its conditions is on

    @property
    def retired(self) -> bool:
        """Whether its configuration has taken it off the site: its silence is no alarm then."""
        return self.config is not None and self.config.retired

    @property
    def called(self) -> str:
        """What people call it: its display name, otherwise its id."""
        return (self.config.display_name if self.config is not None else "") or self.key[2]
