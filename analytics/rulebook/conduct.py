"""The rules of wind on a parked crane, of climbing, and of what the crew does."""

from typing import Final

from analytics.rulebook.entry import ONE_HZ, Entry, Needs, Say
from telemetry.model import Severity
from telemetry.wire.payloads import Words

CONDUCT: Final[dict[str, Entry]] = {
    "storm": Entry(
        zh="风暴",
        en="STORM",
        meaning=Words(
            zh="3 秒阵风达到使用极限；之后须检查",
            en="A 3 s gust at the in-service limit, in any mode: inspect before work goes on.",
        ),
        needs=Needs(every=("wind_mps",), slowest_ms=ONE_HZ),
        says={
            Severity.CRITICAL: Say(
                "风暴 阵风 {value} 限值 {limit}",
                "STORM gust {value}, limit {limit}",
                "停用待检 未经检查不得起吊",
                "no lift before an inspection",
            ),
        },
    ),
    "not_weathervaning": Entry(
        zh="不能随风回转",
        en="NOT WEATHERVANING",
        meaning=Words(
            zh="停放中起重臂 10 分钟未随风转动",
            en="A parked jib has not turned for 10 min although the wind blows and swings.",
        ),
        needs=Needs(every=("wind_mps", "slew_deg"), config=("weathervane",)),
        says={
            Severity.ALARM: Say(
                "停放中未随风回转 平均风速 {value}",
                "JIB DOES NOT TURN WITH THE WIND, mean {value}",
                "打开回转制动 远离塔机",
                "release the slew brake, keep clear of the crane",
            ),
        },
    ),
    "climb_motion": Entry(
        zh="顶升中动作",
        en="MOTION WHILE CLIMBING",
        meaning=Words(zh="顶升时回转、变幅或起升", en="Slew, trolley or hoist moves while the crane is climbed."),
        needs=Needs(either=("hook_m", "radius_m", "slew_deg"), slowest_ms=ONE_HZ),
        figure=False,
        says={
            Severity.ALARM: Say("顶升中有动作", "MOTION WHILE CLIMBING", "停止一切动作", "stop all motions"),
        },
    ),
    "climb_unbalanced": Entry(
        zh="顶升未配平",
        en="NOT BALANCED",
        meaning=Words(
            zh="顶升时小车偏离配平幅度", en="The trolley is off its balance radius while the crane is climbed."
        ),
        needs=Needs(every=("radius_m",), config=("balance_radius_m",)),
        says={
            Severity.PREWARNING: Say(
                "顶升 偏离配平幅度 {value}",
                "CLIMBING, OFF BALANCE by {value}",
                "小车移回配平幅度",
                "move the trolley back to balance",
            ),
            Severity.ALARM: Say(
                "顶升 偏离配平幅度 {value} 限值 {limit}",
                "CLIMBING, OFF BALANCE by {value}, limit {limit}",
                "停止顶升",
                "stop climbing",
            ),
        },
    ),
    "climb_unannounced": Entry(
        zh="未报顶升",
        en="CLIMBING NOT ANNOUNCED",
        meaning=Words(
            zh="高度零点跳变，未报顶升",
            en="The zero of the hook height jumped and nobody said that the crane was climbed.",
        ),
        needs=Needs(every=("hook_m",), slowest_ms=ONE_HZ),
        says={
            Severity.PREWARNING: Say(
                "高度零点跳变 {value}",
                "HOOK HEIGHT ZERO JUMPED by {value}",
                "核对顶升许可 重新标定高度",
                "check the climbing permit, zero the height again",
            ),
        },
    ),
    "mode_contradicted": Entry(
        zh="工况矛盾",
        en="AGAINST THE MODE",
        meaning=Words(
            zh="停放、防风或停用工况下起吊", en="A lift while the crane is parked, in storm mode or stopped."
        ),
        needs=Needs(every=("load_t", "mode")),
        figure=False,
        says={
            Severity.PREWARNING: Say(
                "工况为停放或停用 正在起吊",
                "LIFTING WHILE PARKED OR STOPPED",
                "核实作业 更正工况",
                "find out who works, set the mode right",
            ),
        },
    ),
    "unidentified": Entry(
        zh="无身份作业",
        en="NO OPERATOR",
        meaning=Words(
            zh="司机未识别作业超过 3 分钟", en="The crane is worked for more than 3 min without an identified operator."
        ),
        needs=Needs(every=("operator",), either=("hook_m", "radius_m", "slew_deg")),
        long=True,
        says={
            Severity.PREWARNING: Say(
                "司机未识别 作业 {value}",
                "NO IDENTIFIED OPERATOR for {value}",
                "核实司机身份",
                "find out who is in the cab",
            ),
        },
    ),
    "outside_hours": Entry(
        zh="非许可时段",
        en="OUTSIDE HOURS",
        meaning=Words(zh="在许可时段之外起吊", en="A lift outside the site's permitted hours."),
        needs=Needs(every=("load_t",), config=("hours",)),
        figure=False,
        says={
            Severity.PREWARNING: Say(
                "非许可时段起吊", "LIFTING OUTSIDE PERMITTED HOURS", "核实许可", "check the permit"
            ),
        },
    ),
    "bypass": Entry(
        zh="限制器旁路",
        en="BYPASSED",
        meaning=Words(zh="限制器被钥匙旁路", en="The limiter is bridged by its key."),
        needs=Needs(every=("bypass",)),
        figure=False,
        says={
            Severity.ALARM: Say(
                "限制器被旁路（短接）", "LIMITER BYPASSED", "停机 收回旁路钥匙", "stop, take the key out"
            ),
        },
    ),
}
