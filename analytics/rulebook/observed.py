"""The rules that are observed: about arrival, about other devices, about what a device says of itself."""

from typing import Final

from analytics.rulebook.entry import Entry, Needs, Say
from analytics.rulebook.proof import JUDGED
from telemetry.model import Severity
from telemetry.wire.payloads import Words

OBSERVED: Final[dict[str, Entry]] = JUDGED | {
    "wind_reads_low": Entry(
        zh="风速偏低",
        en="WIND READS LOW",
        meaning=Words(
            zh="10 分钟平均风速持续低于本工地其他塔机中位数的一半",
            en="The 10 min mean wind stays below half of the median of the site's other cranes.",
        ),
        needs=Needs(every=("wind_mps",)),
        says={
            Severity.ADVISORY: Say(
                "风速偏低 {value} 其他塔机 {limit}",
                "WIND READS LOW {value}, the other cranes {limit}",
                "检查风速仪 是否被遮挡",
                "check the anemometer, is it shielded",
            )
        },
    ),
    "off_while_others_work": Entry(
        zh="其他塔机作业时断电",
        en="OFF WHILE OTHERS WORK",
        meaning=Words(
            zh="设备已报计划断电，而本工地其他塔机仍在作业",
            en="The box was switched off as planned, and other cranes of the site go on working.",
        ),
        figure=False,
        says={
            Severity.ADVISORY: Say(
                "设备已断电 其他塔机在作业",
                "BOX SWITCHED OFF while other cranes work",
                "核实该塔机是否停用",
                "find out whether this crane is really parked",
            )
        },
    ),
    "parameters": Entry(
        zh="参数变更",
        en="PARAMETERS CHANGED",
        meaning=Words(
            zh="设备上报的参数校验值（载荷表、倍率、标定）与批准值不同",
            en="The hash of chart, reeving and calibration that the box reports is not the approved one.",
        ),
        needs=Needs(config=("params",)),
        figure=False,
        says={
            Severity.ALARM: Say(
                "设备参数与批准值不同{detail}",
                "THE BOX HAS OTHER PARAMETERS THAN APPROVED{detail}",
                "停机核对载荷表与标定",
                "stop, check load chart and calibration",
            )
        },
    ),
    "design_life": Entry(
        zh="设计寿命",
        en="DESIGN LIFE",
        meaning=Words(
            zh="按识别的工作循环和载荷谱，起重机已用设计寿命达 90 %（提示）或 100 %（应做专项评估，ISO 12482）",
            en="By the work cycles that were recognised and their loads, 90 % of the crane's stated design life is"
            " used; at 100 % a special assessment is due (ISO 12482).",
        ),
        needs=Needs(config=("design",)),
        says={
            Severity.ADVISORY: Say(
                "设计寿命已用 {value}",
                "DESIGN LIFE {value} USED",
                "安排专项评估",
                "arrange the special assessment",
            ),
            Severity.PREWARNING: Say(
                "设计寿命已用 {value} 已到期",
                "DESIGN LIFE {value} USED, it is over",
                "请产权单位做专项评估后再用",
                "have the owner assess the crane before it goes on",
            ),
        },
    ),
    "last_known_bad": Entry(
        zh="失联前已超限",
        en="LAST KNOWN BAD",
        meaning=Words(
            zh="设备仍失联，而补传的最后数据超过报警限值",
            en="The device is still silent, and the last that it sent late is beyond the alarm limit.",
        ),
        figure=False,
        says={
            Severity.ALARM: Say(
                "设备失联 最后数据超限{detail}",
                "SILENT, AND BAD WHEN LAST SEEN{detail}",
                "现场查看 按规程撤离",
                "go and look, clear the area as the rules say",
            )
        },
    ),
    "terminal_silent": Entry(
        zh="终端无响应",
        en="TERMINAL SILENT",
        meaning=Words(
            zh="配置了终端（驾驶室或高支模区）且设备在工作 而终端 10 秒没有心跳 开机后有 60 秒宽限",
            en="A terminal belongs to this crane or bay and the device is at work, and no terminal has sent its"
            " heartbeat for 10 s; 60 s are allowed after the device came up.",
        ),
        figure=False,
        says={
            Severity.ALARM: Say(
                "终端无响应 报警到不了现场人员",
                "TERMINAL SILENT: alarms do not reach the people there",
                "电台通知司机 检查终端电源与网络",
                "tell the operator by radio, check the terminal's power and network",
            )
        },
    ),
    "terminal_muted": Entry(
        zh="终端被静音或遮蔽",
        en="TERMINAL MUTED",
        meaning=Words(
            zh="终端有心跳 但连续 5 秒以上没有一台可见且声音在运行（页面隐藏、声音未解锁或音量为 0）",
            en="Terminals send their heartbeat, and for more than 5 s none of them is visible with its sound running:"
            " the page is hidden, its sound was never unlocked, or the volume is 0.",
        ),
        figure=False,
        says={
            Severity.ALARM: Say(
                "终端被静音或遮蔽 司机听不到报警",
                "TERMINAL MUTED OR HIDDEN: nobody there hears an alarm",
                "电台通知司机 打开终端页面并开班",
                "have the operator open the terminal's page and start the shift",
            )
        },
    ),
}
