"""The channels that rules look at: what the analyzer derives from a device's readings, with units and words."""

from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True)
class Derived:
    """A derived quantity. Values in transitions are rounded to `decimals`."""

    name: str
    unit: str
    decimals: int
    zh: str
    en: str


DERIVED: Final[dict[str, tuple[Derived, ...]]] = {
    "crane": (
        Derived("load_pct", "%", 1, "起重量", "load"),
        Derived("moment_pct", "%", 1, "力矩", "moment"),
        Derived("gust_mps", "m/s", 1, "阵风", "gust"),
        Derived("wind_mps", "m/s", 1, "风速", "wind"),
        Derived("mean_mps", "m/s", 1, "10分钟平均风速", "10 min mean wind"),
        Derived("tilt_deg", "°", 2, "塔身倾角", "mast tilt"),
        Derived("sensor_fault", "", 0, "传感器故障", "sensor fault"),
        Derived("rated_diff_pct", "%", 1, "额定起重量偏差", "rated load difference"),
    ),
    "formwork": (
        Derived("force_pct", "%", 1, "立杆轴力", "post force"),
        Derived("settle_mm", "mm", 1, "沉降", "settlement"),
        Derived("shift_mm", "mm", 1, "水平位移", "horizontal shift"),
        Derived("tilt_permille", "‰", 2, "倾斜", "tilt"),
        Derived("settle_rate_score", "", 2, "沉降速率", "settlement rate"),
        Derived("sensor_fault", "", 0, "传感器故障", "sensor fault"),
    ),
}
COLUMN: Final[dict[str, dict[str, int]]] = {
    kind: {channel.name: place for place, channel in enumerate(channels)} for kind, channels in DERIVED.items()
}
