"""
What a detector is given and what it gives.

Rule 1: a detector looks at one device's samples in their order, and at nothing else: no arrival, no other device.
Rule 2: where a channel or the sample rate that it needs is missing it gives NaN, which neither sets nor clears.
Rule 3: its numbers are figures of the profile.
Rule 4: what it skips because no device of a wave needs it changes nothing for one that does not: the state of a device
must not depend on who else is in the batch.
Rule 5: it runs inside `np.errstate`: a comparison with an unknown value is no, and no warning.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass, fields
from typing import Any, ClassVar, Final

import numpy as np

from analytics.samples import Samples
from analytics.table import Array, Field, Table
from telemetry.wire.payloads import DeviceConfig, SiteRules

SLOW_MS: Final = 1_000


@dataclass(slots=True, kw_only=True)
class Sight:
    """
    One wave of samples of any kind; arrays are (n,) in the order of `rows`.

    line: line time in ms, int64; interval: ms, int64. value: derived channels, float32 (n, derived), to be filled in.
    """

    wave: Samples
    table: Table
    rows: Array
    line: Array
    interval: Array
    value: Array
    figure: Callable[[str], Array]  # a figure of the devices' profiles, float64 (n,)


@dataclass(slots=True, kw_only=True)
class Look(Sight):
    """
    The same of cranes, with what was worked out of it before.

    load t, radius m, hook m, falls, wind m/s (NaN is unknown), reference: rated load here in t; capacity: the largest
    rated load in t; float64. lifting: bool. mode: the number of the mode in `Mode`.
    """

    load: Array
    radius: Array
    hook: Array
    slew: Array
    falls: Array
    wind: Array
    gust: Array
    reference: Array
    capacity: Array
    lifting: Array
    began: Array
    windy: Array  # bool: a wind episode at the alarm limit is open
    mode: Array
    motion: "Moves"

    def only(self, places: Array) -> "Look":
        """Some of the samples, as a device of one sample a second would have sent them."""
        own: dict[str, Any] = {}
        for one in fields(self):
            found = getattr(self, one.name)
            own[one.name] = found[places] if isinstance(found, np.ndarray) else found
        own["interval"] = np.maximum(own["interval"], SLOW_MS)
        own["wave"] = self.wave.only(places)
        own["motion"] = Moves(*(getattr(self.motion, one.name)[places] for one in fields(self.motion)))
        own["figure"] = lambda name: self.figure(name)[places]
        return Look(**own)


@dataclass(slots=True)
class Moves:
    """
    How the hook moves: speeds in m/s (up and out positive) and degrees/s, NaN where unknown; turn: slew in degrees,
    counted through full turns; still_ms: how long nothing has moved, 0 where no position is known.
    """

    hook: Array
    trolley: Array
    slew: Array
    turn: Array
    still_ms: Array
    ages: Array  # of the remembered samples, ms, int64 (n, SLOTS); huge where there is none
    loads: Array  # float32 (n, SLOTS), NaN where unknown
    hooks: Array


class Detector(ABC):
    """One noun's share of a crane's derived channels."""

    fields: ClassVar[dict[str, Field]] = {}
    figures: ClassVar[tuple[str, ...]] = ()
    gives: ClassVar[tuple[str, ...]]  # the derived channels that it fills in
    slow: ClassVar[bool] = False  # one sample a second is enough for it

    def configured(self, table: Table, row: int, config: DeviceConfig) -> None:  # noqa: B027 - many need nothing
        """Take over what it needs of a device's configuration, which was checked."""

    def sited(self, table: Table, row: int, config: DeviceConfig | None, site: SiteRules | None) -> None:  # noqa: B027
        """Take over what it needs of the site's configuration."""

    def detail(self, table: Table, row: int, rule: str, site: SiteRules | None) -> tuple[str, str] | None:
        """What a sentence adds for one rule of its own, zh and en: which channel, which switch, which zone."""
        return None

    @abstractmethod
    def derive(self, look: Look) -> None:
        """Fill in its channels."""
