"""The rules of high formwork."""

from typing import Final

from analytics.rulebook.entry import Entry, Needs, Say
from telemetry.model import Severity
from telemetry.wire.payloads import Words

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
