"""The plant's words for states, hazards and modes as pairs (zh, en), and how figures are written. Pure."""

from typing import Final

from api.i18n import Pair
from telemetry.model import CoverageLevel, Hazard, Priority, Severity, State

SEVERITY: Final[dict[int, Pair]] = {
    Severity.NONE: ("正常", "NORMAL"),
    Severity.ADVISORY: ("提示", "ADVISORY"),
    Severity.PREWARNING: ("预警", "PRE-WARNING"),
    Severity.ALARM: ("报警", "ALARM"),
    Severity.CRITICAL: ("严重报警", "CRITICAL"),
}
MARK: Final = {0: "", 1: "i", 2: "▲", 3: "■", 4: "■"}
STATE: Final[dict[str, Pair]] = {
    State.NORMAL: ("正常", "normal"),
    State.UNACKNOWLEDGED: ("未确认", "not acknowledged"),
    State.ACKNOWLEDGED: ("已确认", "acknowledged"),
    State.RETURNED: ("已恢复，未确认", "over, not acknowledged"),
    State.LATCHED_UNACKNOWLEDGED: ("报警锁定，未确认", "latched, not acknowledged"),
    State.LATCHED_ACKNOWLEDGED: ("报警锁定，已确认", "latched, acknowledged"),
    State.SHELVED: ("搁置", "shelved"),
    State.SUPPRESSED: ("设计抑制", "suppressed by design"),
    State.DISABLED: ("停用", "disabled"),
}
# A lower level of it still holds: the alarm that nobody has answered is over, and the pre-warning is not.
LOWER: Final[Pair] = ("较高级别已恢复，未确认", "the higher level is over, not acknowledged")
PRIORITY: Final[dict[int, Pair]] = {
    Priority.HIGH: ("高", "high"),
    Priority.MEDIUM: ("中", "medium"),
    Priority.LOW: ("低", "low"),
}
UNANSWERED: Final = frozenset({State.UNACKNOWLEDGED, State.RETURNED, State.LATCHED_UNACKNOWLEDGED})
HAZARD: Final[dict[str, Pair]] = {
    Hazard.LOAD: ("载荷", "load"),
    Hazard.MOMENT: ("力矩", "moment"),
    Hazard.WIND: ("风", "wind"),
    Hazard.TILT: ("倾角", "tilt"),
    Hazard.LIMITS: ("限位", "limits"),
    Hazard.ZONES: ("区域", "zones"),
    Hazard.ANTI_COLLISION: ("群塔防碰撞", "anti-collision"),
    Hazard.IDENTITY: ("身份", "identity"),
    Hazard.FORCE: ("轴力", "force"),
    Hazard.SETTLEMENT: ("沉降", "settlement"),
    Hazard.SHIFT: ("位移", "shift"),
}
LEVEL: Final[dict[str, tuple[str, str, str]]] = {
    CoverageLevel.MONITORED: ("✓", "监测正常", "monitored"),
    CoverageLevel.DEGRADED: ("!", "监测降级", "degraded"),
    CoverageLevel.BLIND: ("✗", "监测中断", "blind"),
    CoverageLevel.NOT_MONITORED: ("✗", "未监测", "not monitored"),
    "unknown": ("?", "未知", "unknown"),
}
MODE: Final[dict[str, Pair]] = {
    "working": ("工作", "working"),
    "parked": ("非工作（停放）", "parked"),
    "storm": ("防风", "storm"),
    "climbing": ("顶升", "climbing"),
    "erecting": ("安装", "erecting"),
    "dismantling": ("拆卸", "dismantling"),
    "testing": ("试验", "testing"),
    "stopped": ("停用", "stopped"),
}

CAUSE: Final[dict[str, Pair]] = {
    "true_danger": ("真实危险", "true danger"),
    "allowed_work": ("允许的作业", "allowed work"),
    "sensor": ("传感器", "sensor"),
    "test": ("测试", "test"),
    "unknown": ("不明", "unknown"),
}


def number(value: float | None, decimals: int) -> str:
    """A figure, or a dash for what is not known."""
    if value is None:
        return "—"
    # Rounded first, so that an empty hook does not read "-0".
    return f"{round(value, decimals) + 0.0:.{decimals}f}"


def percent(value: float | None) -> str:
    """How much of a rating is used. A hook a little below its tare uses nothing: 0, as on the cab's terminal."""
    return number(None if value is None else max(0.0, value), 0)
