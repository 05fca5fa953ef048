"""The rules of the mast's lean, and of sensors that do not tell the truth."""

from typing import Final

from analytics.rulebook.entry import ONE_HZ, Entry, Needs, Say
from telemetry.model import Severity
from telemetry.wire.payloads import Words

MAST: Final[dict[str, Entry]] = {
    "verticality": Entry(
        zh="垂直度",
        en="VERTICALITY",
        meaning=Words(
            zh="空钩回转一周拟合圆心即塔身垂直度；仅供参考，以仪器测量为准",
            en="The centre of the circle that an empty crane's tilt draws; indicative, survey by instrument.",
        ),
        needs=Needs(every=("tilt_x_deg", "tilt_y_deg", "slew_deg", "wind_mps", "load_t"), learned="envelope"),
        long=True,
        says={
            Severity.PREWARNING: Say(
                "塔身垂直度 {value} 限值 {limit}",
                "MAST VERTICALITY {value}, limit {limit}",
                "仪器复测垂直度",
                "have it surveyed by instrument",
            ),
            Severity.ALARM: Say(
                "塔身垂直度 {value} 限值 {limit}",
                "MAST VERTICALITY {value}, limit {limit}",
                "停机 仪器复测垂直度",
                "stop, have it surveyed by instrument",
            ),
        },
    ),
    "tilt_drift": Entry(
        zh="垂直度变化",
        en="VERTICALITY DRIFT",
        meaning=Words(
            zh="拟合圆心相对安装时移动：基础或附着",
            en="The centre has moved since the crane was set up: foundation or tie.",
        ),
        needs=Needs(every=("tilt_x_deg", "tilt_y_deg", "slew_deg", "wind_mps", "load_t"), learned="envelope"),
        long=True,
        says={
            Severity.PREWARNING: Say(
                "塔身垂直度变化 {value} 限值 {limit}",
                "MAST CENTRE MOVED by {value}, limit {limit}",
                "检查基础与附着",
                "check foundation and ties",
            ),
            Severity.ALARM: Say(
                "塔身垂直度变化 {value} 限值 {limit}",
                "MAST CENTRE MOVED by {value}, limit {limit}",
                "停机 检查基础与附着",
                "stop, check foundation and ties",
            ),
        },
    ),
    "lean_growth": Entry(
        zh="塔身挠曲增大",
        en="MAST LEAN GROWS",
        meaning=Words(
            zh="拟合圆半径相对安装时增大：塔身或附着松动",
            en="The radius has grown since the crane was set up: a loose tie, a soft mast.",
        ),
        needs=Needs(every=("tilt_x_deg", "tilt_y_deg", "slew_deg", "wind_mps", "load_t"), learned="envelope"),
        long=True,
        says={
            Severity.PREWARNING: Say(
                "塔身挠曲增大 {value} 限值 {limit}",
                "MAST LEAN GREW by {value}, limit {limit}",
                "检查附着与连接螺栓",
                "check ties and bolts",
            ),
            Severity.ALARM: Say(
                "塔身挠曲增大 {value} 限值 {limit}",
                "MAST LEAN GREW by {value}, limit {limit}",
                "停机 检查附着与连接螺栓",
                "stop, check ties and bolts",
            ),
        },
    ),
    "lean": Entry(
        zh="偏离塔身包络",
        en="OFF THE ENVELOPE",
        meaning=Words(
            zh="倾角偏离该载荷与转角下学习到的包络",
            en="The tilt is not where the learned envelope says, for this load and slew.",
        ),
        needs=Needs(
            every=("tilt_x_deg", "tilt_y_deg", "slew_deg", "wind_mps", "load_t", "radius_m"),
            learned="slope",
            slowest_ms=ONE_HZ,
        ),
        long=True,
        says={
            Severity.PREWARNING: Say(
                "塔身倾角偏离包络 {value} 限值 {limit}",
                "MAST TILT OFF ITS ENVELOPE by {value}, limit {limit}",
                "通知地面 检查塔身",
                "call ground, check the mast",
            ),
            Severity.ALARM: Say(
                "塔身倾角偏离包络 {value} 限值 {limit}",
                "MAST TILT OFF ITS ENVELOPE by {value}, limit {limit}",
                "停止起升 通知地面",
                "stop, call ground",
            ),
        },
    ),
    "contradiction": Entry(
        zh="空钩有弯矩",
        en="LOAD READS EMPTY",
        meaning=Words(
            zh="称重显示空钩，塔身弯曲却如吊载", en="The load reads empty while the mast bends as under a load."
        ),
        needs=Needs(every=("tilt_x_deg", "tilt_y_deg", "slew_deg", "wind_mps", "load_t", "radius_m"), learned="slope"),
        long=True,
        says={
            Severity.ALARM: Say(
                "称重显示空钩 塔身弯矩 {value}",
                "LOAD READS EMPTY, mast bends as at {value}",
                "停机 检查称重传感器",
                "stop, have the load cell checked",
            ),
        },
    ),
    "load_reads_low": Entry(
        zh="称重偏低",
        en="LOAD READS LOW",
        meaning=Words(
            zh="连续五吊塔身弯矩超过称重弯矩 1.3 倍",
            en="On five lifts in a row the mast bent more than 1.3 x what the load cell says.",
        ),
        needs=Needs(every=("tilt_x_deg", "tilt_y_deg", "slew_deg", "wind_mps", "load_t", "radius_m"), learned="slope"),
        long=True,
        says={
            Severity.ALARM: Say(
                "称重偏低 塔身弯矩为称重的 {value} 倍",
                "LOAD CELL READS LOW: the mast bends {value} x as much",
                "停机 校准称重传感器",
                "stop, have the load cell calibrated",
            ),
        },
    ),
    "stuck": Entry(
        zh="数值不变",
        en="STUCK VALUE",
        meaning=Words(zh="数值长时间不变而相关量有变化", en="A value stands still while something related has moved."),
        needs=Needs(either=("load_t", "radius_m", "hook_m", "slew_deg", "wind_mps", "tilt_x_deg", "tilt_y_deg")),
        figure=False,
        long=True,
        says={
            Severity.ADVISORY: Say(
                "传感器数值不变{detail}", "SENSOR VALUE STUCK{detail}", "通知维保检查传感器", "have the sensor checked"
            ),
        },
    ),
    "implausible_step": Entry(
        zh="异常跳变",
        en="IMPLAUSIBLE STEPS",
        meaning=Words(
            zh="10 分钟内多次出现机构做不到的跳变", en="Several steps within 10 min that no motion can make."
        ),
        needs=Needs(either=("radius_m", "hook_m", "slew_deg", "wind_mps", "tilt_x_deg", "tilt_y_deg")),
        figure=False,
        says={
            Severity.ADVISORY: Say(
                "传感器数值跳变{detail}", "SENSOR VALUE JUMPS{detail}", "通知维保检查传感器", "have the sensor checked"
            ),
        },
    ),
}
