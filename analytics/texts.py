"""
What people read: in Chinese and English, one sentence with number and limit, and one thing to do.

Rule 1: what, number, limit, one action. No rule names, no codes.
Rule 2: nothing here says safe or protected: the limiter is in the crane, not in our screen.
"""

from collections.abc import Sequence
from typing import Final

from analytics.identity import DeviceKey
from analytics.rulebook import RULEBOOK, Entry
from analytics.rulebook.observed import OBSERVED
from analytics.rulebook.proof import TESTS
from telemetry.model import PLANNED_OFF, RETIRED, Hazard, Severity
from telemetry.wire.payloads import Words

HAZARDS: Final[dict[Hazard, tuple[str, str]]] = {
    Hazard.LOAD: ("载荷", "load"),
    Hazard.MOMENT: ("力矩", "moment"),
    Hazard.WIND: ("风速", "wind"),
    Hazard.TILT: ("倾角", "tilt"),
    Hazard.LIMITS: ("限位", "limit switches"),
    Hazard.ZONES: ("区域", "zones"),
    Hazard.ANTI_COLLISION: ("群塔防碰撞", "anti-collision"),
    Hazard.IDENTITY: ("人员身份", "operator identity"),
    Hazard.FORCE: ("轴力", "force"),
    Hazard.SETTLEMENT: ("沉降", "settlement"),
    Hazard.SHIFT: ("水平位移", "shift"),
}


def number(value: float | None, unit: str) -> str:
    """A value with its unit; whole percentages, because a cab screen is glanced at."""
    if value is None:
        return "-"
    if unit == "%":
        return f"{value:.0f} %"
    text = f"{value:g}"
    return f"{text} {unit}" if unit not in ("", "°") else f"{text}{unit}"


def _minutes(eta_s: tuple[float, float]) -> str:
    low, high = (max(1, round(seconds / 60)) for seconds in eta_s)
    return f"{low}–{high}" if low != high else f"{low}"


def process(
    kind: str,
    rule: str,
    level: Severity,
    value: float | None,
    limit: float | None,
    unit: str,
    eta_s: tuple[float, float] | None = None,
    detail: Words | None = None,
) -> tuple[Words, Words]:
    """The sentence and the action for a rule on a reading."""
    return spoken(RULEBOOK[kind][rule], level, value, limit, unit, eta_s, detail)


def spoken(
    entry: Entry,
    level: Severity,
    value: float | None,
    limit: float | None,
    unit: str,
    eta_s: tuple[float, float] | None = None,
    detail: Words | None = None,
) -> tuple[Words, Words]:
    """The sentence and the action of an entry of the rulebook."""
    say = entry.say(level)
    zh, en = say.zh, say.en
    figures = {"value": number(value, unit), "limit": number(limit, unit)}
    if eta_s is not None and say.tail_zh:
        zh, en, figures["minutes"] = zh + say.tail_zh, en + say.tail_en, _minutes(eta_s)
    zh = zh.format(detail=f"：{detail.zh}" if detail else "", **figures)
    en = en.format(detail=f": {detail.en}" if detail else "", **figures)
    return Words(zh=zh, en=en), Words(zh=say.do_zh, en=say.do_en)


def of_bay(words: Words | None, post: str, posts: int) -> Words:
    """The words of the worst post, for a bay where several say the same."""
    zh, en = (words.zh, words.en) if words is not None else ("报警", "alarm")
    return Words(zh=f"{post} {zh} 等{posts}根立杆", en=f"{post}: {en}, {posts} posts in all")


def of_site(words: Words | None, device: str, devices: int) -> Words:
    """The words of one device, for a site where several fell silent."""
    zh, en = (words.zh, words.en) if words is not None else ("监测中断", "NOT MONITORED")
    return Words(zh=f"{device} {zh} 等{devices}台设备失联", en=f"{device}: {en}, {devices} devices silent in all")


def fewer_silent() -> Words:
    """Not many are silent any more."""
    return Words(zh="多数设备已恢复 其余单独显示", en="most speak again: each silent device speaks for itself")


def flood(lines: int, life_safety: int, most: DeviceKey, rule: str, times: int) -> tuple[Words, Words]:
    """More alarms than a person can read."""
    zh, en = named_rule(most[1], rule)
    return (
        Words(
            zh=f"报警泛滥 10分钟{lines}条 生命安全{life_safety}条单独显示 最多: {most[2]} {zh} {times}条",
            en=f"ALARM FLOOD {lines} in 10 min, {life_safety} of life safety shown one by one; "
            f"most: {most[2]} {en} x{times}",
        ),
        Words(zh="先处理生命安全报警 再查最多的一项", en="life safety first, then find out what says most"),
    )


def flood_over(lines: int) -> Words:
    """Fewer again."""
    return Words(zh=f"报警泛滥结束 10分钟{lines}条", en=f"the alarm flood is over, {lines} in 10 min")


def chattering(kind: str, rules: Sequence[str]) -> tuple[Words, Words]:
    """Alarms that come and go."""
    names = [named_rule(kind, rule) for rule in rules]
    zh, en = "、".join(name for name, _ in names), ", ".join(name for _, name in names)
    return (
        Words(zh=f"抖动报警 {zh} 1分钟触发3次以上", en=f"CHATTERING {en}: three times a minute or more"),
        Words(zh="检查传感器与回差延时", en="check the sensor, and the deadband and delays of this limit"),
    )


def named_rule(kind: str, rule: str) -> tuple[str, str]:
    """What people call a rule, in Chinese and English; its own name where the rulebook has none."""
    entry = RULEBOOK.get(kind, {}).get(rule) or OBSERVED.get(rule) or TESTS.get(rule)
    return (entry.zh, entry.en.lower()) if entry is not None else (rule, rule)


def cleared(kind: str, rule: str, value: float | None, unit: str) -> Words:
    """A condition that is over."""
    entry = RULEBOOK[kind][rule]
    if entry.figure and value is not None:
        return Words(
            zh=f"已恢复 {entry.zh} {number(value, unit)}", en=f"back below: {entry.en.lower()} {number(value, unit)}"
        )
    return Words(zh=f"已恢复 {entry.zh}", en=f"over: {entry.en.lower()}")


def silence(kind: str, seconds: float) -> tuple[Words, Words]:
    """A device that does not speak."""
    if kind == "crane":
        return (
            Words(
                zh=f"监测中断 {seconds:.0f} 秒无数据 限位器仍有效",
                en=f"NOT MONITORED no data for {seconds:.0f} s, limiter still works",
            ),
            Words(zh="按规程操作或停机 通知地面", en="follow site rule, call ground"),
        )
    return (
        Words(zh=f"监测中断 {seconds:.0f} 秒无数据", en=f"NOT MONITORED no data for {seconds:.0f} s"),
        Words(zh="停止浇筑或人工监测", en="stop the pour or measure by hand"),
    )


def power_off_loaded() -> tuple[Words, Words]:
    """The device announced that it loses power with a load on the hook."""
    return (
        Words(zh="吊物悬空时设备断电", en="POWER LOST WITH LOAD ON THE HOOK"),
        Words(zh="清空吊物下方 通知地面", en="clear the area below, call ground"),
    )


def clock(why: str) -> tuple[Words, Words]:
    """A device clock that cannot be right; `why` is back, repeats, forward, ahead or behind."""
    words = {
        "back": ("设备时钟回退", "DEVICE CLOCK WENT BACK"),
        "repeats": ("设备时钟不走", "DEVICE CLOCK DOES NOT ADVANCE"),
        "forward": ("设备时钟跳变", "DEVICE CLOCK JUMPED FORWARD"),
        "ahead": ("设备时钟超前 5 秒以上", "DEVICE CLOCK AHEAD by more than 5 s"),
        "behind": ("设备时钟滞后 或链路延迟 5 秒以上", "DEVICE CLOCK BEHIND, or the link late, by more than 5 s"),
    }
    zh, en = words[why]
    return Words(zh=zh + " 报警不受影响", en=en + ", alarms go on"), Words(
        zh="校准设备时钟", en="set the device's clock"
    )


def own_clock(seconds: float) -> tuple[Words, Words]:
    """Most devices are off by one amount: it is us."""
    return (
        Words(
            zh=f"监测服务器时钟与多数设备相差 {seconds:.0f} 秒",
            en=f"OUR CLOCK differs from most devices by {seconds:.0f} s",
        ),
        Words(zh="校准服务器时钟", en="set the server's clock"),
    )


def identity_conflict() -> tuple[Words, Words]:
    """Two boxes speak under one name."""
    return (
        Words(zh="两台设备使用同一编号", en="TWO DEVICES USE ONE ID"),
        Words(zh="立即核对设备编号", en="check the device ids now"),
    )


def config_refused(detail: str) -> tuple[Words, Words]:
    """A configuration that was not taken; the last good one stays."""
    return (
        Words(
            zh=f"配置未采用 沿用原配置：{detail[:300]}",
            en=f"CONFIGURATION REFUSED, the last good one stays: {detail[:300]}",
        ),
        Words(zh="更正配置", en="correct the configuration"),
    )


def profile_refused(label: str, detail: str) -> tuple[Words, Words]:
    """A limit profile that was not taken; the last good one stays."""
    return (
        Words(
            zh=f"限值配置 {label} 未采用 沿用原限值：{detail[:300]}",
            en=f"LIMIT PROFILE {label} REFUSED, the last good one stays: {detail[:300]}",
        ),
        Words(zh="更正后重新批准并发布", en="correct it, have it approved, publish it again"),
    )


def renounced() -> Words:
    """An alarm from before the analyzer lost its memory, which it cannot watch."""
    return Words(
        zh="监测服务丢失记录后重启 无法继续监测此报警 请现场核对",
        en="the analyzer started without its memory and cannot go on watching this alarm: check on site",
    )


TROUBLES: Final[dict[str, tuple[Words, Words]]] = {
    "journal": (
        Words(
            zh="监测服务无法写入日志：{} 报警继续 但重启后会丢失其间记录",
            en="THE ANALYZER CANNOT WRITE ITS JOURNAL: {}. Alarms go on; a restart would forget what came since",
        ),
        Words(zh="检查监测服务器磁盘", en="check the disk of the monitoring server"),
    ),
    "dropped": (
        Words(
            zh="消息服务器队列已满 丢弃 {} 条消息 设备将补传",
            en="THE BROKER DROPPED {} MESSAGES of a full queue; devices send again what got no receipt",
        ),
        Words(zh="检查是否有服务停止接收", en="find the service that stands still"),
    ),
    "refused": (
        Words(zh="消息服务器拒绝监测服务发布：{}", en="THE BROKER REFUSES what the analyzer publishes: {}"),
        Words(zh="检查消息服务器权限", en="check the broker's access rules"),
    ),
    "unheard": (
        Words(zh="报警记录无人接收：{}", en="NOBODY RECORDS what the analyzer publishes: {}"),
        Words(zh="启动存储服务 ingest", en="start the ingest service"),
    ),
    "session": (
        Words(
            zh="消息服务器丢失监测会话 其间数据待复核{}",
            en="THE BROKER LOST THE ANALYZER'S SESSION; what it held is left to review{}",
        ),
        Words(zh="检查消息服务器是否重启", en="find out why the broker restarted"),
    ),
    "devices": (
        Words(
            zh="设备数量超过上限 {} 新设备未被监测",
            en="MORE DEVICES THAN THE LIMIT OF {}: new ones are NOT MONITORED",
        ),
        Words(zh="检查是否有设备冒用编号", en="look for a box that makes up ids, or raise the limit"),
    ),
}


def trouble(rule: str, detail: str) -> tuple[Words, Words]:
    """Something is wrong with the analyzer itself or with what it stands on."""
    text, action = TROUBLES[rule]
    return Words(zh=text.zh.format(detail[:200]), en=text.en.format(detail[:200])), action


def gap(frames: int, seconds: float) -> tuple[Words, Words]:
    """Frames that a device has made and that have not come."""
    minutes = max(1, round(seconds / 60))
    return (
        Words(
            zh=f"数据缺失 {frames} 帧 已 {minutes} 分钟未补传",
            en=f"{frames} FRAMES MISSING, not sent again for {minutes} min",
        ),
        Words(zh="检查设备存储与网络", en="check the device's store and its link"),
    )


def reviewed(what: Words | None, *, holds: bool) -> tuple[Words, Words]:
    """Late data showed an alarm that nobody was told of when it happened."""
    zh, en = (what.zh, what.en) if what is not None else ("报警", "an alarm")
    state_zh, state_en = ("，数据末尾仍未恢复", ", not over in the last data") if holds else ("", "")
    return (
        Words(zh=f"补传数据显示 当时未报警 {zh}{state_zh}", en=f"LATE DATA shows what nobody was told: {en}{state_en}"),
        Words(zh="现场核实 按规程检查", en="find out on site, inspect as the rules say"),
    )


CONFIGURED: Final[dict[str, Words]] = {
    "charts": Words(zh="载荷表", en="load chart"),
    "hoists": Words(zh="额定起升速度", en="rated hoist speeds"),
    "balance_radius_m": Words(zh="配平幅度", en="balance radius"),
    "position_m": Words(zh="塔机位置", en="position on the site"),
    "slew_zero_deg": Words(zh="回转零位方位", en="bearing of slew zero"),
    "zones": Words(zh="禁行区", en="zones"),
    "hours": Words(zh="许可作业时段", en="permitted hours"),
    "weathervane": Words(zh="随风回转（按方案限制）", en="free slew (restrained by plan)"),
    "params": Words(zh="批准的参数校验值", en="approved parameters"),
    "design_force_kn": Words(zh="设计轴力", en="design force"),
    "bay": Words(zh="所属区段", en="bay"),
    "neighbours": Words(zh="相邻立杆", en="neighbouring posts"),
    "span_m": Words(zh="立杆间距", en="span between posts"),
    "pours": Words(zh="浇筑许可", en="pour permit"),
}

REASONS: Final[dict[str, Words]] = {
    "retired": Words(zh=RETIRED[0], en=RETIRED[1]),
    "never_seen": Words(zh="尚未收到数据", en="no data yet"),
    "silent": Words(zh="设备无数据", en="the device is silent"),
    "planned_off": Words(zh=PLANNED_OFF[0], en=PLANNED_OFF[1]),
    "power_off": Words(zh="设备断电", en="the device lost its power"),
    "no_channel": Words(zh="无数据", en="no data of this channel"),
    "no_rating": Words(zh="无载荷表 也无设备额定值", en="no load chart and no rated load from the device"),
    "device_rating": Words(zh="无载荷表 采用设备额定值", en="no load chart: the device's own rated load is used"),
    "no_maximum": Words(zh="无载荷表 由力矩规则监测", en="no load chart: watched by the moment rule alone"),
    "no_design": Words(zh="未配置设计轴力", en="no design force configured"),
    "one_axis": Words(zh="只有一个轴有数据", en="one of two axes has data"),
    "clock": Words(zh="设备时钟异常", en="the device's clock is wrong"),
    "slow": Words(zh="采样低于每秒一次 仅供监管", en="sampled less than once a second: supervised only"),
    "lonely": Words(zh="相邻测点无数据 无法比较", en="a neighbouring post is silent: nothing to compare with"),
    "undersampled": Words(zh="浇筑中采样低于每分钟两次", en="sampled less than twice a minute in a pour"),
    "conflict": Words(zh="两台设备使用同一编号", en="two devices use one id"),
    "suppressed": Words(zh="停放状态 按设计抑制", en="suppressed by design while parked"),
    "disabled": Words(zh="报警已停用", en="the alarm is disabled"),
    "shelved": Words(zh="报警已搁置", en="the alarm is shelved"),
    "not_sent": Words(zh="设备不提供此数据", en="the device does not send it"),
    "no_zones": Words(zh="未配置禁行区", en="no zones configured"),
    "not_learned": Words(zh="塔身包络尚未学习", en="the mast's envelope is not learned yet"),
    "not_computed": Words(zh="本版本不监测", en="not computed in this version"),
    "warm_start": Words(zh="监测服务重启 此前状态未知 待复核", en="the analyzer lost its state; review pending"),
    "failed": Words(zh="监测服务处理数据出错 待复核", en="the analyzer failed on a message; review pending"),
    "session_lost": Words(zh="消息会话丢失 其间数据待复核", en="the broker lost our session; review pending"),
    "journal": Words(zh="监测日志无法写入", en="the analyzer's journal cannot be written"),
}
