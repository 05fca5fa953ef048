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
        Derived("snag_pct", "%", 0, "吊物受阻增载", "load rise of a caught hook"),
        Derived("load_drop_pct", "%", 0, "突然失载", "sudden loss of load"),
        Derived("hook_speed_pct", "%", 0, "下降速度", "lowering speed"),
        Derived("hanging_min", "min", 0, "吊物悬停", "load hanging still"),
        Derived("power_lost", "", 0, "吊载断电", "no power with a load"),
        Derived("past_cut_m", "m", 1, "切断后位移", "movement after the cut-out"),
        Derived("untried", "", 0, "大风后未试吊", "no trial lift after wind"),
        Derived("run_out_pct", "%", 0, "越限位运行", "movement beyond a limit switch"),
        Derived("limit_missing_pct", "%", 0, "限位未动作", "beyond where a limit switch came on"),
        Derived("zone_m", "m", 1, "进入禁行区深度", "depth in a no-go zone"),
        Derived("held_wind_mps", "m/s", 1, "回转受限时风速", "wind on a jib that does not turn"),
        Derived("mode_contradicted", "", 0, "工况矛盾", "lifting against the mode"),
        Derived("anonymous_min", "min", 0, "无身份作业", "work without an operator"),
        Derived("outside_hours", "", 0, "非许可时段", "lifting outside permitted hours"),
        Derived("bypass", "", 0, "限制器旁路", "limiter bypassed"),
        Derived("climb_motion", "", 0, "顶升中动作", "motion while climbing"),
        Derived("unbalance_m", "m", 1, "偏离配平幅度", "off the balance radius"),
        Derived("zero_step_m", "m", 1, "高度零点跳变", "step of the hook height's zero"),
        Derived("stuck_channels", "", 0, "数值不变通道", "stuck channels"),
        Derived("odd_steps", "", 0, "异常跳变次数", "implausible steps"),
        Derived("verticality_permille", "‰", 1, "塔身垂直度", "verticality"),
        Derived("centre_drift_deg", "°", 2, "垂直度变化", "drift of the verticality"),
        Derived("lean_growth_deg", "°", 2, "塔身挠曲增大", "growth of the elastic lean"),
        Derived("lean_off_deg", "°", 2, "偏离塔身包络", "off the learned lean"),
        Derived("hidden_moment_pct", "%", 0, "空钩时塔身弯矩", "moment with an empty hook"),
        Derived("load_low_ratio", "", 2, "塔身弯矩与吊重之比", "moment by lean over moment by load"),
    ),
    "formwork": (
        Derived("force_pct", "%", 1, "立杆轴力", "post force"),
        Derived("settle_mm", "mm", 1, "沉降", "settlement"),
        Derived("shift_mm", "mm", 1, "水平位移", "horizontal shift"),
        Derived("tilt_permille", "‰", 2, "倾斜", "tilt"),
        Derived("settle_rate_score", "", 2, "沉降速率", "settlement rate"),
        Derived("sensor_fault", "", 0, "传感器故障", "sensor fault"),
        Derived("force_growth", "", 1, "轴力增速之比", "growth of the force's rate"),
        Derived("settle_growth", "", 1, "沉降增速之比", "growth of the settlement's rate"),
        Derived("shed_pct", "%", 0, "立杆卸载", "load shed by a post"),
        Derived("sample_gap_s", "s", 0, "浇筑中采样间隔", "sample interval in a pour"),
        Derived("stuck_channels", "", 0, "数值不变通道", "stuck channels"),
        Derived("odd_steps", "", 0, "异常跳变次数", "implausible steps"),
        Derived("drift_sigma", "", 1, "漂移累积和", "drift, cumulative sum"),
        # Of a bay: no post has them by itself.
        Derived("differential_pct", "%", 0, "差异沉降", "differential settlement"),
        Derived("transfer_pct", "%", 0, "荷载转移", "load going to a neighbour"),
        Derived("posts_ahead", "", 0, "浇筑次序超前", "posts loaded ahead of the order"),
        Derived("pour_rate_pct", "%", 0, "浇筑速率", "pour rate of the permit's"),
    ),
}
COLUMN: Final[dict[str, dict[str, int]]] = {
    kind: {channel.name: place for place, channel in enumerate(channels)} for kind, channels in DERIVED.items()
}
