"""The rules of the hook: what can happen to a load, and where it must not go."""

from typing import Final

from analytics.rulebook.entry import FIVE_HZ, ONE_HZ, Entry, Needs, Say
from telemetry.model import Severity
from telemetry.wire.payloads import Words

HOOK: Final[dict[str, Entry]] = {
    "snag": Entry(
        zh="吊物受阻",
        en="SNAG",
        meaning=Words(
            zh="吊物悬空后，吊钩几乎不动而载荷在 1 秒内增加超过额定值的 20 %",
            en="A load in the air rises by 20 % of rated within a second while the hook stands still: it is caught.",
        ),
        needs=Needs(every=("load_t", "hook_m"), slowest_ms=FIVE_HZ, config=("charts",)),
        says={
            Severity.CRITICAL: Say(
                "吊物受阻 载荷突增 {value}", "LOAD SNAGGED, load up by {value}", "立即停止起升", "stop hoisting now"
            ),
        },
    ),
    "load_lost": Entry(
        zh="突然失载",
        en="LOAD LOST",
        meaning=Words(
            zh="高处吊物在 0.5 秒内失去一半以上重量，且不是落位",
            en="More than half of a load in the air goes within 0.5 s, high up and not about to land: rope or sling.",
        ),
        needs=Needs(every=("load_t", "hook_m"), slowest_ms=FIVE_HZ),
        says={
            Severity.CRITICAL: Say(
                "吊物突然失载 {value}",
                "LOAD LOST: {value} of it gone at once",
                "现场查看 清空下方",
                "go and look, clear the area below",
            ),
        },
    ),
    "hook_runaway": Entry(
        zh="溜钩",
        en="RUNAWAY HOOK",
        meaning=Words(
            zh="带载下降速度超过该倍率额定速度的 1.2 倍",
            en="A load goes down faster than 1.2 x the rated speed of this reeving.",
        ),
        needs=Needs(every=("load_t", "hook_m", "falls"), slowest_ms=ONE_HZ, config=("hoists",)),
        says={
            Severity.ALARM: Say(
                "溜钩 下降速度 {value} 限值 {limit}",
                "HOOK RUNS AWAY, {value} of rated speed, limit {limit}",
                "制动 清空下方",
                "brake, clear the area below",
            ),
        },
    ),
    "load_left_hanging": Entry(
        zh="吊物悬停",
        en="LOAD LEFT HANGING",
        meaning=Words(zh="吊载 15 分钟没有任何动作", en="A load hangs and nothing has moved for 15 min."),
        needs=Needs(every=("load_t",), either=("hook_m", "radius_m", "slew_deg")),
        says={
            Severity.PREWARNING: Say("吊物悬停 {value}", "LOAD LEFT HANGING for {value}", "落下吊物", "land the load"),
        },
    ),
    "power_lost": Entry(
        zh="吊载断电",
        en="POWER LOST",
        meaning=Words(zh="吊载时设备报告无市电", en="The box says that mains power is gone while a load hangs."),
        needs=Needs(every=("load_t", "power_ok")),
        figure=False,
        says={
            Severity.ALARM: Say(
                "吊载断电", "POWER LOST WITH A LOAD", "清空吊物下方 通知地面", "clear the area below, call ground"
            ),
        },
    ),
    "cutout_ignored": Entry(
        zh="切断后继续运行",
        en="CUT-OUT IGNORED",
        meaning=Words(
            zh="限制器已切断起升或外变幅，动作仍继续",
            en="The box has cut hoisting or trolleying out, and the motion goes on.",
        ),
        needs=Needs(every=("relays",), either=("hook_m", "radius_m"), slowest_ms=ONE_HZ),
        says={
            Severity.CRITICAL: Say(
                "限制器切断后继续运行 {value}",
                "MOVED ON {value} AFTER THE CUT-OUT",
                "停机 检查限制器",
                "stop, have the limiter checked",
            ),
        },
    ),
    "trial_lift": Entry(
        zh="大风后未试吊",
        en="NO TRIAL LIFT",
        meaning=Words(
            zh="大风超限后恢复作业，未见试吊",
            en="Work goes on after wind beyond the limit, and no trial lift was seen.",
        ),
        needs=Needs(every=("load_t", "hook_m", "wind_mps"), slowest_ms=ONE_HZ),
        figure=False,
        long=True,
        says={
            Severity.ADVISORY: Say(
                "大风后未见试吊",
                "NO TRIAL LIFT SEEN after the wind",
                "先试吊并检查安全装置",
                "make a trial lift, check the safety devices",
            ),
        },
    ),
    "limit_passed": Entry(
        zh="越限位",
        en="PAST A LIMIT",
        meaning=Words(zh="限位已动作，仍朝该方向运行", en="A motion goes on beyond its limit switch."),
        needs=Needs(every=("limits",), either=("hook_m", "radius_m", "slew_deg"), slowest_ms=ONE_HZ),
        figure=False,
        says={
            Severity.ALARM: Say(
                "越过限位继续运行{detail}", "MOVED ON PAST A LIMIT{detail}", "停止该方向动作", "stop that motion"
            ),
        },
    ),
    "limit_unseen": Entry(
        zh="限位未动作",
        en="LIMIT DID NOT COME",
        meaning=Words(
            zh="已超过限位曾经动作的位置，限位未动作",
            en="A motion is well beyond the place where its limit switch has come on before.",
        ),
        needs=Needs(every=("limits",), either=("hook_m", "radius_m")),
        figure=False,
        long=True,
        says={
            Severity.ALARM: Say(
                "限位未动作{detail}",
                "LIMIT SWITCH DID NOT COME{detail}",
                "停止该方向动作 检查限位",
                "stop that motion, have the switch checked",
            ),
        },
    ),
    "zone": Entry(
        zh="禁行区",
        en="NO-GO ZONE",
        meaning=Words(zh="吊钩进入或即将进入禁行区", en="The hook is over a no-go zone of the site, or about to be."),
        needs=Needs(every=("radius_m", "slew_deg"), slowest_ms=ONE_HZ, config=("zones", "position_m", "slew_zero_deg")),
        figure=False,
        says={
            Severity.PREWARNING: Say(
                "接近禁行区{detail}", "NEAR A NO-GO ZONE{detail}", "停止朝该方向", "stop going that way"
            ),
            Severity.ALARM: Say(
                "禁行区{detail}", "NO-GO ZONE{detail}", "停止 原路退出", "stop, go back the way you came"
            ),
        },
    ),
}
