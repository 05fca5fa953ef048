"""The rules of tower cranes that look at one quantity: load, moment, wind, tilt, and what is known bad."""

from typing import Final

from analytics.rulebook.entry import ONE_HZ, Entry, Needs, Say
from telemetry.model import Severity
from telemetry.wire.payloads import Words

_LOWER: Final = ("停止起升 下降或收幅", "stop hoisting, lower or trolley in")

CRANE: Final[dict[str, Entry]] = {
    "load": Entry(
        zh="起重量",
        en="LOAD",
        meaning=Words(
            zh="吊重与最大额定起重量之比；只在载荷表平直段发声",
            en="Load as a share of the chart's largest rated load; it speaks in the flat part of the chart.",
        ),
        needs=Needs(every=("load_t",), slowest_ms=ONE_HZ, config=("charts",)),
        says={
            Severity.PREWARNING: Say(
                "预警 起重量 {value} 限值 {limit}", "LOAD {value}, limit {limit}", "勿再加载", "do not add load"
            ),
            Severity.ALARM: Say("超载 起重量 {value} 限值 {limit}", "OVERLOAD load {value}, limit {limit}", *_LOWER),
        },
    ),
    "moment": Entry(
        zh="力矩",
        en="MOMENT",
        meaning=Words(
            zh="吊重与该幅度、倍率额定起重量之比",
            en="Load as a share of the rated load at this radius and reeving, from the load chart or the device.",
        ),
        needs=Needs(every=("load_t", "radius_m"), slowest_ms=ONE_HZ, config=("charts",)),
        says={
            Severity.PREWARNING: Say(
                "预警 力矩 {value} 限值 {limit}", "MOMENT {value}, limit {limit}", "勿再外变幅", "do not trolley out"
            ),
            Severity.ALARM: Say("超载 力矩 {value} 限值 {limit}", "OVERLOAD moment {value}, limit {limit}", *_LOWER),
        },
    ),
    "wind": Entry(
        zh="阵风",
        en="gust",
        meaning=Words(
            zh="3 秒阵风；10 分钟内第二次达到限值或一次超过限值 2 m/s 时开始，低于限值 1 m/s 满 10 分钟后结束",
            en="An episode of 3 s gusts: from the second one at the limit within 10 min, or one 2 m/s beyond it, until "
            "10 min below the limit less 1 m/s.",
        ),
        needs=Needs(every=("wind_mps",), slowest_ms=ONE_HZ),
        says={
            Severity.PREWARNING: Say(
                "风速预警 阵风 {value} 限值 {limit}",
                "WIND RISING gust {value}, limit {limit}",
                "准备落钩",
                "prepare to land",
                " 约{minutes}分钟到限",
                ", limit in {minutes} min",
            ),
            Severity.ALARM: Say(
                "大风 阵风 {value} 限值 {limit}",
                "HIGH WIND gust {value}, limit {limit}",
                "落钩停机",
                "land the load, stop",
            ),
        },
    ),
    "tilt": Entry(
        zh="塔身倾斜",
        en="MAST TILT",
        meaning=Words(
            zh="塔身倾角合成值（低通）；未学习包络前以计算最大值为限",
            en="Low-passed inclination of the mast from both axes, against the computed worst lean of a legal lift.",
        ),
        needs=Needs(either=("tilt_x_deg", "tilt_y_deg"), slowest_ms=ONE_HZ),
        says={
            Severity.PREWARNING: Say(
                "预警 塔身倾斜异常 {value} 限值 {limit}",
                "MAST TILT ABNORMAL {value}, limit {limit}",
                "通知地面 检查塔身",
                "call ground, check the mast",
            ),
            Severity.ALARM: Say(
                "塔身倾斜异常 {value} 限值 {limit}",
                "MAST TILT ABNORMAL {value}, limit {limit}",
                "停止起升 通知地面",
                "stop, call ground",
            ),
        },
    ),
    "sensor": Entry(
        zh="传感器数据无效",
        en="SENSOR DATA INVALID",
        meaning=Words(
            zh="规则所需通道无效；吊载时吊重或幅度无效为报警",
            en="A channel that a rule needs is known bad; load or radius with a load on the hook is an alarm.",
        ),
        figure=False,
        says={
            Severity.PREWARNING: Say(
                "传感器数据无效{detail}", "SENSOR DATA INVALID{detail}", "通知维保检查传感器", "have the sensor checked"
            ),
            Severity.ALARM: Say(
                "吊重或幅度数据无效 正在吊载 限位器仍有效",
                "LOAD OR RADIUS INVALID while lifting, limiter still works",
                "放下吊物 通知地面",
                "land the load, call ground",
            ),
        },
    ),
    "rated_load": Entry(
        zh="额定起重量偏差",
        en="RATED LOAD",
        meaning=Words(
            zh="设备给出的额定起重量与载荷表不一致",
            en="The rated load that the device sends and the load chart's differ.",
        ),
        needs=Needs(every=("rated_load_t", "radius_m"), config=("charts",)),
        figure=False,
        says={
            Severity.ADVISORY: Say(
                "额定起重量 设备与载荷表相差 {value} 限值 {limit}",
                "RATED LOAD differs from the chart by {value}, limit {limit}",
                "核对倍率与载荷表",
                "check reeving and load chart",
            )
        },
    ),
}
