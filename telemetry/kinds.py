"""
Each kind of device, declared once: its channels, their units, names and plausible ranges.

The codec, the storage columns, validation and the docs follow from these declarations. A unit is part of a
channel's name. Plausible ranges reject what a sensor cannot mean; they are deliberately far wider than any
limit, because a collapse must alarm and not be thrown away as nonsense. Ranges start from the domain
reference, section 10, and are widened where a disaster would leave them.
"""

from dataclasses import dataclass, field
from enum import StrEnum
from functools import cached_property


class Store(StrEnum):
    """How a channel is stored, and so what may come on the wire."""

    REAL = "real"
    BITS = "bigint"  # a non-negative bit set or count below 2^32
    FLAG = "boolean"
    WORD = "text"


@dataclass(frozen=True, slots=True)
class Channel:
    """One quantity of a device, with its unit in its name."""

    name: str
    unit: str
    zh: str
    en: str
    low: float = float("-inf")
    high: float = float("inf")
    decimals: int = 2
    store: Store = Store.REAL
    bits: tuple[str, ...] = ()


@dataclass(frozen=True)
class Kind:
    """A kind of device: what its frames may carry."""

    name: str
    zh: str
    en: str
    channels: tuple[Channel, ...] = field(repr=False)

    @cached_property
    def reals(self) -> tuple[Channel, ...]:
        """The measured channels, in the order of every float matrix and of the invalid mask's bits."""
        return tuple(channel for channel in self.channels if channel.store is Store.REAL)

    @cached_property
    def bit(self) -> dict[str, int]:
        """The invalid mask's bit of every channel: its place in `channels`."""
        return {channel.name: 1 << place for place, channel in enumerate(self.channels)}

    @cached_property
    def column(self) -> dict[str, int]:
        """The column of each measured channel in a float matrix."""
        return {channel.name: place for place, channel in enumerate(self.reals)}

    def channel(self, name: str) -> Channel:
        """The channel of that name. Raises KeyError."""
        for channel in self.channels:
            if channel.name == name:
                return channel
        raise KeyError(name)


LIMIT_BITS = (
    "slew_left_limit", "slew_left_slow", "slew_right_limit", "slew_right_slow",
    "hook_up_slow", "hook_up_limit", "hook_down_limit", "hook_down_slow",
    "radius_out_slow", "radius_out_limit", "radius_in_limit", "radius_in_slow",
    "wind_prewarn", "travel_slow", "travel_limit", "wind_alarm",
)  # fmt: skip
DEVICE_ALARM_BITS = ("wind", "load", "interference", "moment", "tilt", "zone", "obstacle", "identity", "fault")
RELAY_BITS = ("moment_80", "moment_90", "moment_100", "load_90", "load_100", "hoist_cut", "trolley_out_cut")

CRANE = Kind(
    name="crane",
    zh="塔式起重机",
    en="tower crane",
    channels=(
        Channel("load_t", "t", "吊重", "load", -20, 500, 2),
        Channel("radius_m", "m", "幅度", "radius", -2, 150, 1),
        Channel("hook_m", "m", "吊钩高度", "hook height", -200, 1000, 1),
        Channel("slew_deg", "°", "回转角度", "slew angle", -1080, 1080, 1),
        Channel("falls", "", "倍率", "falls", 1, 16, 0),
        Channel("wind_mps", "m/s", "风速", "wind speed", 0, 100, 1),
        Channel("wind_deg", "°", "风向", "wind direction", 0, 360, 0),
        Channel("tilt_x_deg", "°", "倾角 X", "tilt x", -45, 45, 2),
        Channel("tilt_y_deg", "°", "倾角 Y", "tilt y", -45, 45, 2),
        Channel("rated_load_t", "t", "额定起重量", "rated load (device)", 0, 500, 2),
        Channel("battery_pct", "%", "电池", "battery", 0, 100, 0),
        Channel("power_ok", "", "电源", "power", store=Store.FLAG),
        Channel("bypass", "", "旁路（短接）", "bypass", store=Store.FLAG),
        Channel("mode", "", "工况", "mode", store=Store.WORD),
        Channel("operator", "", "司机", "operator", store=Store.WORD),
        Channel("limits", "", "限位", "limits", store=Store.BITS, bits=LIMIT_BITS),
        Channel("device_prewarn", "", "设备预警", "device pre-warning", store=Store.BITS, bits=DEVICE_ALARM_BITS),
        Channel("device_alarm", "", "设备报警", "device alarm", store=Store.BITS, bits=DEVICE_ALARM_BITS),
        Channel("relays", "", "继电器", "relays", store=Store.BITS, bits=RELAY_BITS),
        # The test channel measures nothing: it is sent while a proof test lasts, in % of a limit of 100. It stands
        # last, because a channel's place is its bit in every stored row.
        Channel("proof_pct", "%", "测试通道", "test channel", 0, 200, 0),
    ),
)

FORMWORK = Kind(
    name="formwork",
    zh="高支模",
    en="formwork",
    channels=(
        Channel("force_kn", "kN", "立杆轴力", "axial force", -100, 2000, 1),
        Channel("settle_mm", "mm", "沉降", "settlement", -500, 2000, 1),
        Channel("shift_x_mm", "mm", "水平位移 X", "horizontal shift x", -1000, 1000, 1),
        Channel("shift_y_mm", "mm", "水平位移 Y", "horizontal shift y", -1000, 1000, 1),
        Channel("tilt_x_deg", "°", "倾角 X", "tilt x", -90, 90, 3),
        Channel("tilt_y_deg", "°", "倾角 Y", "tilt y", -90, 90, 3),
        Channel("battery_pct", "%", "电池", "battery", 0, 100, 0),
        Channel("power_ok", "", "电源", "power", store=Store.FLAG),
        Channel("pouring", "", "浇筑中", "pour in progress", store=Store.FLAG),
    ),
)

KINDS: dict[str, Kind] = {kind.name: kind for kind in (CRANE, FORMWORK)}
