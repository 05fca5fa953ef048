"""
What each table and key of a site file means, with its unit, in both languages; docs/site-file.md is written from this.

Rule: what nothing is judged by is called *kept*: a person who fills it in has to know that no alarm comes of it.
"""

from typing import Final

from telemetry import ladder, vocabulary
from telemetry.kinds import KINDS
from telemetry.sitefile import words

Meaning = tuple[str, str, str]  # unit, zh, en

_WATCHED: Final[dict[str, Meaning]] = {
    "display_name": ("", "人们对它的称呼；不写则用 id", "what people call it; without it its id"),
    "profile": ("", "限值方案；不写则用工地的", "limit profile; without it the site's"),
    "limits": ("", "与方案不同的限值：规则 → 级别 → 数值", "limits other than the profile's: rule → step → value"),
    "terminal": ("", "本系统的终端：cab 驾驶室，bay 高支模，gate 大门（不要求回执）；不写则无",
                 "a terminal of ours: cab, bay, or gate (not expected to answer); without it none"),
    "organisation": ("", "所属单位；不写则用工地的", "whose it is; without it the site's"),
    "call": ("", "怎样联系在那里工作的人：电话或对讲机频道",
             "how to reach whoever works there: telephone, radio channel"),
    "interval_ms": ("ms", "设备声明的采样间隔，设备上线后以它声明的为准；不写则 1000",
                    "sample interval until the device declares its own; without it 1000"),
    "sensors": ("", "传感器台账", "its sensors"),
}  # fmt: skip
_BOXED: Final[dict[str, Meaning]] = {
    **_WATCHED,
    "serial": ("", "出厂编号（仅存档）", "serial number (kept)"),
    "params": ("", "批准的参数指纹：曲线、倍率、标定的散列，与设备上报的不符即报警",
               "approved hash of chart, reeving and calibration: an alarm when the box reports another"),
    "tilt_zero_deg": ("°", "测量确认塔身（立杆）垂直时倾角仪的读数 [X, Y]",
                      "what the inclinometer reads where a survey finds it plumb, [x, y]"),
    "commissioning": ("", "调试时测得的", "what commissioning measured"),
}  # fmt: skip

TABLES: Final[dict[type, tuple[str, str, str]]] = {  # the path in the file, zh, en
    words.SiteTable: ("site", "工地", "the site"),
    words.Model: ("models.NAME", "塔机型号，照生产厂说明书", "a type of crane, from its maker's manual"),
    words.Curve: ("models.NAME.charts[]", "一种倍率的起重特性曲线", "the load chart of one reeving"),
    words.HoistSpeed: ("models.NAME.hoists[]", "一种倍率的额定起升速度", "the rated hoisting speed of one reeving"),
    words.DesignLife: ("models.NAME.design, cranes[].design", "设计寿命，ISO 4301-1；塔机自己的优先",
                       "design life, ISO 4301-1; a crane's own comes before its model's"),
    words.Crane: ("cranes[]", "塔机", "a crane"),
    words.Bay: ("bays[]", "高支模区域：count（网格）或 posts（逐根）",
                "a formwork bay: count (a grid) or posts (one by one)"),
    words.Post: ("bays[].posts[]", "逐根列出的立杆；没写的沿用区域的", "a post; what it does not say, its bay says"),
    words.Sensor: ("….sensors[]", "传感器（仅存档；校准到期会提醒）",
                   "a sensor (kept; overdue calibration is a warning)"),
    words.Commissioning: ("….commissioning", "调试记录：以后读数的对照（仅存档）",
                          "the commissioning envelope, for comparison with later readings (kept)"),
    words.Expected: ("….commissioning.envelope.CHANNEL", "一个通道在调试时的范围（仅存档）",
                     "the range of one channel at commissioning (kept)"),
    words.NoGo: ("zones[]", "禁行区", "where no hook may go"),
    words.Permit: ("pours[]", "浇筑许可", "a pour permit"),
    ladder.Contact: ("contacts[]", "联系人", "somebody who can be told"),
    ladder.Channel: ("contacts[].channels[]", "通知通道", "one way to reach them"),
    ladder.Plan: ("notify", "通知阶梯；没写的用默认", "how the site escalates; what is not said is the default"),
    ladder.Ladder: ("notify.life_safety, notify.alarm, notify.supervised", "一种紧急程度的阶梯",
                    "the ladder of one urgency"),
    ladder.Step: ("notify.….steps[]", "阶梯的一步：duty、role、contact 三者写一个",
                  "one step: exactly one of duty, role and contact"),
    ladder.Duty: ("roster[]", "值班", "a duty"),
}  # fmt: skip

KEYS: Final[dict[type, dict[str, Meaning]]] = {
    words.SiteTable: {
        "id": ("", "工地编号，用于主题和网址，定了不改", "its id in topics and addresses; never changed"),
        "display_name": ("", "名称", "its name"),
        "timezone": ("", "时区（IANA）", "its zone (IANA name)"),
        "profile": ("", "限值方案的名称", "name of the limit profile"),
        "organisation": ("", "总包单位", "main contractor"),
        "hours": ("", "塔机允许起吊的时段；不写则不限", "when cranes may lift; without it always"),
    },
    words.Model: {
        "maker": ("", "生产厂（仅存档）", "maker (kept)"),
        "type": ("", "型号（仅存档）", "its type (kept)"),
        "jib_m": ("m", "起重臂长", "length of the jib"),
        "counter_jib_m": ("m", "平衡臂长", "length of the counter-jib"),
        "max_moment_tm": ("t·m", "最大起重力矩，只用来发现曲线抄错（大于 1.25 倍即错，本系统建议值）",
                          "the maker's largest load moment: only to find slips in the chart, beyond 1.25 × (cranewatch"
                          " proposal)"),
        "charts": ("", "起重特性曲线，每种倍率一条", "load charts, one for each reeving"),
        "hoists": ("", "额定起升速度；没有则不监测溜钩",
                   "rated hoisting speeds; without them a runaway hook is not watched"),
        "balance_radius_m": ("m", "顶升时的配平幅度", "where the trolley balances the crane while it is climbed"),
        "design": ("", "设计寿命", "design life"),
        "simulation": ("", "只供仿真，导入时忽略，导出时不写",
                       "the simulator's; an import ignores it, an export has it not"),
    },
    words.Curve: {
        "falls": ("", "倍率", "falls"),
        "points": ("m, t", "[幅度, 额定起重量]，幅度递增，点间直线",
                   "[radius, rated load], at rising radii, straight between them"),
    },
    words.HoistSpeed: {
        "falls": ("", "倍率", "falls"),
        "mps": ("m/s", "额定下降速度", "rated lowering speed"),
    },
    words.DesignLife: {
        "stated_by": ("", "依据（谁提供的）", "who says so"),
        "u_class": ("", "使用等级", "class of utilisation"),
        "q_class": ("", "载荷状态级别", "class of the load spectrum"),
        "cycles": ("", "设计循环次数（代替 u_class）", "design cycles, instead of u_class"),
        "kp": ("", "载荷谱系数（代替 q_class）", "load spectrum factor, instead of q_class"),
        "capacity_t": ("t", "最大起重量；不写则取曲线的", "largest load; without it the chart's"),
        "before_cycles": ("", "监测之前已用的循环次数", "cycles before anybody counted"),
        "before_kp": ("", "其载荷谱系数", "their load spectrum factor"),
    },
    words.Crane: {
        "id": ("", "设备编号，黑匣子用的那个", "the device id that its black box uses"),
        "model": ("", "型号的名称", "name of its model"),
        "falls": ("", "安装的倍率（仅存档）；运行中的倍率来自读数",
                  "installed falls (kept); the reeving at work comes from the readings"),
        "position_m": ("m", "距工地原点 [东, 北]", "[east, north] of the site's origin"),
        "slew_zero_deg": ("°", "回转 0° 时起重臂的方位角，顺时针从北起",
                          "bearing of the jib at slew 0, clockwise from north"),
        "hook_max_m": ("m", "吊钩最高位置", "highest position of the hook"),
        "mast_m": ("m", "塔身高度", "height of the mast"),
        "counter_jib_m": ("m", "平衡臂长，与型号不同时写", "length of the counter-jib, where it is not the model's"),
        "cab_sound": ("", "驾驶室响什么：all 全部，extra 只响黑匣子没有的，none 不响",
                      "what the cab sounds: all, extra (what a black box does not), none"),
        "weathervane": ("", "非工作时随风回转：free；按方案限制：restrained",
                        "out of service: free to turn with the wind, or restrained by a plan"),
        "property_no": ("", "产权备案编号", "property record number"),
        "registration_no": ("", "使用登记编号", "use registration number"),
        "design": ("", "设计寿命，优先于型号的", "design life, before its model's"),
        "simulation": ("", "只供仿真", "the simulator's"),
        **_BOXED,
    },
    words.Bay: {
        "id": ("", "区域编号", "its id"),
        "design_force_kn": ("kN", "后加荷载设计值：传感器安装之后加上的",
                            "design value of the load that is added after the sensor was installed"),
        "count": ("", "网格的立杆数", "how many posts the grid has"),
        "first": ("", "第一根的编号；立杆为 post-01、post-02 …", "number of the first; posts are post-01, post-02 …"),
        "columns": ("", "每行几根", "posts in a row"),
        "spacing_m": ("m", "间距", "distance between them"),
        "origin_m": ("m", "第一根的位置 [东, 北]", "where the first one stands, [east, north]"),
        "posts": ("", "逐根列出的立杆", "its posts, one by one"),
        "simulation": ("", "只供仿真", "the simulator's"),
        **_WATCHED,
    },
    words.Post: {
        "id": ("", "设备编号", "its device id"),
        "position_m": ("m", "[东, 北]", "[east, north]"),
        "design_force_kn": ("kN", "后加荷载设计值，与区域不同时写", "as the bay's, where it is another"),
        "neighbours": ("", "相邻立杆，用于差异沉降和荷载转移",
                       "posts next to it, for differential settlement and load transfer"),
        "span_m": ("m", "到相邻立杆的距离：差异沉降的 L", "distance to them: L of the differential settlement"),
        **_BOXED,
    },
    words.Sensor: {
        "channel": ("", "通道，如 load_t", "channel, as load_t"),
        "unit": ("", "单位，须与通道一致", "its unit, which has to be the channel's"),
        "range": ("", "量程 [下限, 上限]", "what it can measure, [low, high]"),
        "maker": ("", "生产厂", "maker"),
        "model": ("", "型号", "its type"),
        "serial": ("", "编号", "serial number"),
        "calibrated_on": ("", "校准日期", "calibrated on"),
        "due_on": ("", "校准到期", "next calibration due"),
    },
    words.Commissioning: {
        "on": ("", "日期", "when"),
        "by": ("", "谁做的", "by whom"),
        "test_load_t": ("t", "试验载荷", "test load"),
        "wind_max_mps": ("m/s", "生产厂的工作状态允许风速", "the maker's largest in-service wind"),
        "sectors_deg": ("°", "工作扇区 [从, 到]，顺时针", "working sectors [from, to], clockwise"),
        "envelope": ("", "各通道的范围", "the range of each channel"),
    },
    words.Expected: {
        "empty": ("", "空钩（未加载）时 [最低, 最高]", "[lowest, highest] with an empty hook (without load)"),
        "loaded": ("", "试验载荷下 [最低, 最高]", "[lowest, highest] under the test load"),
        "zero": ("", "零位偏移", "zero offset"),
    },
    words.NoGo: {
        "zh": ("", "中文名", "its name in Chinese"),
        "en": ("", "英文名", "its name in English"),
        "corners": ("m", "角点 [东, 北]", "corners, [east, north]"),
        "unloaded": ("", "空钩也不许", "not even without a load"),
        "below_m": ("m", "吊钩低于此高度才算；不写则任何高度", "only a hook below this; without it any"),
    },
    words.Permit: {
        "permit": ("", "许可编号", "its number"),
        "bay": ("", "区域", "which bay"),
        "begin": ("", "开始", "from"),
        "end": ("", "结束", "until"),
        "order": ("", "立杆加载顺序", "order in which its posts are loaded"),
        "max_kn_per_min": ("kN/min", "最大加载速率，全区之和", "fastest loading, the sum over the bay"),
        "crane": ("", "浇筑的塔机，其驾驶室也会听到", "the crane that pours: its cab hears of it, too"),
    },
    ladder.Contact: {
        "contact": ("", "编号", "its id"),
        "name": ("", "姓名或群名", "name, of a person or a group chat"),
        "organisation": ("", "单位", "organisation"),
        "role": ("", "角色：不在值班表上也可按它通知", "as whom a step may mean them without a roster"),
        "language": ("", "通知语言", "language of messages"),
        "login": ("", "本系统的登录名", "their login here"),
        "quiet": ("", "免打扰时段；涉及生命安全的照发",
                  "quiet hours; what is about people's lives is sent all the same"),
        "channels": ("", "通道", "channels"),
    },
    ladder.Channel: {
        "name": ("", "编号", "its id"),
        "means": ("", "种类", "what kind of thing it is"),
        "url": ("", "apprise 地址；是机密。导出时遮盖，遮盖的导入时保持不变",
                "apprise URL; a secret. An export masks it, and what is masked an import keeps"),
    },
    ladder.Plan: {
        "life_safety": ("", "涉及生命安全", "people may be under it"),
        "alarm": ("", "其他报警", "other alarms"),
        "supervised": ("", "只在值班台的", "what is a line at the desk"),
        "day": ("", "白班时段", "hours of the day shift"),
        "terminal_s": ("s", "应有的终端多久没显示即通知人", "how long an expected terminal may take to show it"),
    },
    ladder.Ladder: {
        "steps": ("", "各步，按时间先后", "steps, in order of time"),
        "repeat_s": ("s", "最后一步之后每隔多久重复", "behind the last step again, so much later"),
        "repeats": ("", "重复几次", "how often again"),
    },
    ladder.Step: {
        "after_s": ("s", "报警后多久", "how long after the alarm"),
        "duty": ("", "值班表上的角色，或 any", "a role on the roster, or any"),
        "role": ("", "联系人的角色，不论是否值班", "a role of contacts, on duty or not"),
        "contact": ("", "某个联系人", "one contact"),
        "means": ("", "只用这些通道；不写则除电话外全用", "only by these; without them all but a call"),
    },
    ladder.Duty: {
        "contact": ("", "联系人", "who"),
        "role": ("", "作为什么角色", "as what"),
        "begin": ("", "开始", "from"),
        "end": ("", "结束", "until"),
        "shift": ("", "只在白班、夜班，或全天", "only in the day or night hours, or all"),
    },
}  # fmt: skip

_OF: Final[dict[str, type]] = {
    "site": words.SiteTable, "model": words.Model, "crane": words.Crane, "formwork": words.Post, "bay": words.Bay,
    "zone": words.NoGo, "contact": ladder.Contact, "ladders": ladder.Plan, "ladder": ladder.Plan,
}  # fmt: skip


def of_change(what: str) -> tuple[str, str] | None:
    """
    What the key means that a change is of (`crane/crane-1 hook_max_m`), in both languages; None where its name says it.
    """
    first, _, rest = what.partition(" ")
    kind = first.partition("/")[0]
    rule, dot, _ = rest.partition(".")
    if dot and kind in KINDS:
        return vocabulary.rule_name(rule, kind)
    table = _OF.get(kind)
    found = KEYS[table].get(rest.rpartition(" ")[2]) if table is not None else None
    return found[1:] if found is not None else None
