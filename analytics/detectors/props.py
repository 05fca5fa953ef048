"""What stands still or jumps on a formwork post: which of its sensors, against what else the post does."""

from typing import ClassVar, Final

import numpy as np

from analytics.detectors.base import Sight
from analytics.detectors.honesty import Honesty, Watched
from analytics.table import Array, Field, Table, field

# Under 30 % of its design force a steel post of 8 m shortens by 0.2 to 0.5 mm and its joints close (domain reference
# 5.5): a gauge of 0.1 mm shows that. A force may stand still for days, but not while its post settles in a pour. A lean
# of 1 per mille over 8 m is 8 mm at the head. All figures are proposals.
_LOADED: Final = {"force_pct": 30.0}
WATCHED: Final = (
    Watched(channel="force_kn", minutes=30, moved={"poured_mm": 2.0}, nonzero=True, step=50.0),
    Watched(channel="settle_mm", minutes=10, moved=_LOADED, rate=0.1, step=20.0),
    Watched(channel="shift_x_mm", minutes=30, moved={"tilt_x_deg": 0.06}, rate=0.1, step=20.0),
    Watched(channel="shift_y_mm", minutes=30, moved={"tilt_y_deg": 0.06}, rate=0.1, step=20.0),
    Watched(channel="tilt_x_deg", minutes=30, moved={"shift_x_mm": 3.0}, rate=0.1, step=2.0),
    Watched(channel="tilt_y_deg", minutes=30, moved={"shift_y_mm": 3.0}, rate=0.1, step=2.0),
)
RELATED: Final = ("force_pct", "poured_mm", "shift_x_mm", "shift_y_mm", "tilt_x_deg", "tilt_y_deg")
_HONESTY: Final = Honesty("formwork", WATCHED, RELATED)


class Props:
    """The honesty of a post's sensors."""

    fields: ClassVar[dict[str, Field]] = {
        **_HONESTY.fields(),
        "related": field(np.float64, np.nan, len(RELATED)),  # as they were last known
    }

    @staticmethod
    def detail(table: Table, row: int, rule: str) -> tuple[str, str] | None:
        """Which channels a rule of its own is about, zh and en."""
        return _HONESTY.named(table, row, rule)

    @staticmethod
    def derive(sight: Sight, force_pct: Array) -> None:
        """Fill in its channels, after the pour's; force_pct: % of design, float64 (n,)."""
        table, rows = sight.table, sight.rows
        poured = np.where(table["pouring"][rows], sight.wave.channel("settle_mm"), np.nan)
        others = [sight.wave.channel(name).astype(np.float64) for name in RELATED[2:]]
        now = np.stack([force_pct, poured, *others], axis=1)
        related = np.where(np.isnan(now), table["related"][rows], now)
        table["related"][rows] = related
        _HONESTY.judge(sight, _HONESTY.change(sight), related)
