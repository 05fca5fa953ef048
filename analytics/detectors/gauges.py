"""What stands still or jumps on a crane: which of its sensors, against what else the crane does."""

from typing import ClassVar, Final

import numpy as np

from analytics import windows
from analytics.detectors.base import Detector, Look
from analytics.detectors.honesty import Honesty, Watched
from analytics.table import Field, Table, field
from telemetry.wire.payloads import SiteRules

# Wind needs nothing but half an hour: no real wind above nought keeps one value so long. A load may go at once, and not
# come and go within a sample.
WATCHED: Final = (
    Watched(channel="load_t", minutes=10, moved={"travel": 20.0}, nonzero=True, spike=1.0),
    Watched(channel="radius_m", minutes=30, moved={"lifts": 10}, rate=2.0, step=1.0),
    Watched(channel="hook_m", minutes=10, moved={"lifts": 3}, rate=4.0, step=1.0),
    Watched(channel="slew_deg", minutes=30, moved={"lifts": 10}, rate=8.0, step=5.0, turns=True),
    Watched(channel="wind_mps", minutes=30, nonzero=True, rate=windows.RISE_MPS2, step=windows.JUMP_MPS),
    Watched(channel="tilt_x_deg", minutes=30, moved={"lifts": 5}, rate=0.5, step=0.5),
    Watched(channel="tilt_y_deg", minutes=30, moved={"lifts": 5}, rate=0.5, step=0.5),
)
_HONESTY: Final = Honesty("crane", WATCHED, ("lifts", "travel"))
_HOOK: Final = _HONESTY.names.index("hook_m")


class Gauges(Detector):
    """The honesty of a crane's sensors."""

    gives = ("stuck_channels", "odd_steps")
    slow = True
    fields: ClassVar[dict[str, Field]] = {
        **_HONESTY.fields(),
        "travel": field(np.float64),  # metres that the hook went up and down, ever
    }

    def detail(self, table: Table, row: int, rule: str, site: SiteRules | None) -> tuple[str, str] | None:
        return _HONESTY.named(table, row, rule)

    def derive(self, look: Look) -> None:
        table, rows = look.table, look.rows
        change = _HONESTY.change(look)
        hook = change[:, _HOOK]
        table["travel"][rows] += np.where(np.isnan(hook), 0.0, hook)
        related = np.stack([table["lift"][rows].astype(np.float64), table["travel"][rows]], axis=1)
        _HONESTY.judge(look, change, related)
