"""The rules of high formwork."""

from typing import Final

from analytics.rulebook.entry import Entry, Needs, Say
from telemetry.model import Severity
from telemetry.wire.payloads import Words

TWICE_A_MINUTE: Final = 31_500  # ms between samples, and the jitter of a timer
_STOP: Final = ("立即停止浇筑 全员撤离", "stop the pour, everybody out")
_SLOW: Final = ("放慢浇筑 检查立杆", "slow the pour, check the posts")


def _limit(zh: str, en: str, meaning: Words, needs: Needs) -> Entry:
    """A quantity with a pre-warning at 80 % and an alarm at its limit."""
    return Entry(
        zh=zh,
        en=en,
        meaning=meaning,
        needs=needs,
        says={
            Severity.PREWARNING: Say(f"预警 {zh} {{value}} 限值 {{limit}}", f"{en} {{value}}, limit {{limit}}", *_SLOW),
            Severity.ALARM: Say(f"报警 {zh} {{value}} 限值 {{limit}}", f"{en} {{value}}, limit {{limit}}", *_STOP),
        },
    )


FORMWORK: Final[dict[str, Entry]] = {
    "force": _limit(
        "立杆轴力",
        "POST FORCE",
        Words(
            zh="立杆轴力与后加荷载设计值之比",
            en="Axial force of a post as a share of the design value of the load added after installation.",
        ),
        Needs(every=("force_kn",), config=("design_force_kn",)),
    ),
    "settlement": _limit(
        "沉降",
        "SETTLEMENT",
        Words(zh="支架沉降累计值", en="Settlement of the support since its zero."),
        Needs(every=("settle_mm",)),
    ),
    "shift": _limit(
        "水平位移",
        "HORIZONTAL SHIFT",
        Words(
            zh="支架水平位移合成值", en="Length of the horizontal displacement; of one axis when the other is unknown."
        ),
        Needs(either=("shift_x_mm", "shift_y_mm")),
    ),
    "tilt": _limit(
        "倾斜",
        "TILT",
        Words(zh="立杆倾斜率合成值", en="Inclination of the post from both axes, as a tangent."),
        Needs(either=("tilt_x_deg", "tilt_y_deg")),
    ),
    "settlement_trend": Entry(
        zh="沉降加快",
        en="SETTLEMENT RISING",
        meaning=Words(
            zh="按稳健斜率推算沉降将在限定时间内达到限值",
            en="By its robust slope the settlement reaches its limit soon. The value is 60 / (minutes to the limit).",
        ),
        needs=Needs(every=("settle_mm",), slowest_ms=30_000),
        figure=False,
        says={
            Severity.PREWARNING: Say(
                "预警 沉降加快", "SETTLEMENT RISING", *_SLOW, " 约{minutes}分钟到限", " limit in {minutes} min"
            ),
        },
    ),
    "force_trend": Entry(
        zh="轴力增长加快",
        en="FORCE RISING EVER FASTER",
        meaning=Words(
            zh="浇筑中轴力增速连续四段加快；数值为末段与首段增速之比",
            en="In a pour the force has grown faster over four rates in a row; the value is the last over the first.",
        ),
        needs=Needs(every=("force_kn",), config=("design_force_kn",), slowest_ms=TWICE_A_MINUTE),
        figure=False,
        says={
            Severity.PREWARNING: Say(
                "预警 立杆轴力增长加快 至 {value} 倍", "POST FORCE RISES EVER FASTER, {value} times the rate", *_SLOW
            ),
        },
    ),
    "settlement_acceleration": Entry(
        zh="沉降增长加快",
        en="SETTLEMENT EVER FASTER",
        meaning=Words(
            zh="浇筑中沉降增速连续四段加快；数值为末段与首段增速之比",
            en="In a pour the rate of settlement has grown four times in a row; the value is the last over the first.",
        ),
        needs=Needs(every=("settle_mm",), slowest_ms=TWICE_A_MINUTE),
        figure=False,
        says={
            Severity.PREWARNING: Say(
                "预警 沉降增长加快 至 {value} 倍", "SETTLEMENT EVER FASTER, {value} times the rate", *_SLOW
            ),
        },
    ),
    "unloading": Entry(
        zh="立杆卸载",
        en="POST SHEDS LOAD",
        meaning=Words(
            zh="浇筑中立杆轴力回落，占设计值的百分比",
            en="In a pour a post has lost force, in % of its design value: it settles, bends or has come loose.",
        ),
        needs=Needs(every=("force_kn",), config=("design_force_kn",), slowest_ms=TWICE_A_MINUTE),
        says={
            Severity.PREWARNING: Say(
                "预警 立杆卸载 {value} 限值 {limit}", "POST SHEDS LOAD {value}, limit {limit}", *_SLOW
            ),
        },
    ),
    "sampling": Entry(
        zh="采样过慢",
        en="SAMPLED TOO SLOWLY",
        meaning=Words(zh="浇筑中采样低于每分钟两次", en="Sampled less than twice a minute while concrete is poured."),
        figure=False,
        says={
            Severity.ADVISORY: Say(
                "浇筑中采样间隔 {value} 限值 {limit}",
                "SAMPLED EVERY {value} IN A POUR, limit {limit}",
                "加密采样或人工监测",
                "sample faster or measure by hand",
            ),
        },
    ),
    "stuck": Entry(
        zh="数值不变",
        en="STUCK VALUE",
        meaning=Words(zh="数值长时间不变而相关量有变化", en="A value stands still while something related has moved."),
        needs=Needs(every=("force_kn", "settle_mm"), config=("design_force_kn",)),
        figure=False,
        says={
            Severity.ADVISORY: Say(
                "传感器数值不变{detail}",
                "SENSOR VALUE STUCK{detail}",
                "检查传感器 人工复测",
                "check the sensor, measure by hand",
            ),
        },
    ),
    "implausible_step": Entry(
        zh="异常跳变",
        en="IMPLAUSIBLE STEPS",
        meaning=Words(
            zh="10 分钟内多次出现支架做不到的跳变", en="Several steps within 10 min that no support makes and survives."
        ),
        figure=False,
        says={
            Severity.ADVISORY: Say(
                "传感器数值跳变{detail}",
                "SENSOR VALUE JUMPS{detail}",
                "检查传感器 人工复测",
                "check the sensor, measure by hand",
            ),
        },
    ),
    "drift": Entry(
        zh="缓慢漂移",
        en="SLOW DRIFT",
        meaning=Words(
            zh="非浇筑期间沉降或倾角扣除每日温度变化后持续偏移",
            en="When nothing is poured, settlement or tilt moves for days, the day's warmth taken off.",
        ),
        needs=Needs(either=("settle_mm", "tilt_x_deg", "tilt_y_deg"), slowest_ms=3_600_000),
        figure=False,
        says={
            Severity.ADVISORY: Say(
                "缓慢漂移{detail}",
                "SLOW DRIFT{detail}",
                "人工复测 检查基础与传感器",
                "survey it, check base and sensor",
            ),
        },
    ),
    "sensor": Entry(
        zh="传感器数据无效",
        en="SENSOR DATA INVALID",
        meaning=Words(zh="规则所需通道被标记为无效", en="A channel that a rule needs is known bad."),
        figure=False,
        says={
            Severity.PREWARNING: Say(
                "传感器数据无效{detail}", "SENSOR DATA INVALID{detail}", "通知维保检查传感器", "have the sensor checked"
            )
        },
    ),
}
