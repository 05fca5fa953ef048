"""
What a message says: what, number, limit, one thing to do; where, who drives, since when; where to look. Pure.

Rule 1: no rule ids, no codes: the words are the alarm's own. Rule 2: a test says so in its first word. Rule 3: nothing
says safe, and a message about lost monitoring says that the limiter still works.
"""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final
from zoneinfo import ZoneInfo

from telemetry.ladder import Urgency
from telemetry.model import Severity
from telemetry.wire.payloads import Transition, Words

LINES: Final = 10  # of a summary; it counts the others
_LEVEL: Final[dict[Severity, Words]] = {
    Severity.NONE: Words(zh="提示", en="NOTICE"),
    Severity.ADVISORY: Words(zh="提示", en="NOTICE"),
    Severity.PREWARNING: Words(zh="预警", en="PRE-WARNING"),
    Severity.ALARM: Words(zh="报警", en="ALARM"),
    Severity.CRITICAL: Words(zh="严重报警", en="CRITICAL"),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """What is told of one alarm; times are aware. `device`: what people call it. `nobody`: steps without anybody."""

    site: str
    zone: ZoneInfo
    device: str
    severity: Severity
    urgency: Urgency
    what: Words
    action: Words | None
    since: datetime
    active: bool
    operator: str | None = None
    unseen: bool = False
    nobody: bool = False
    level: int = 1  # the step of the ladder, from 1
    link: str | None = None


@dataclass(frozen=True, slots=True)
class Text:
    """A message's two parts."""

    title: str
    body: str


@dataclass(frozen=True, slots=True)
class Old:
    """What is told of alarms that were found too late to tell them one by one."""

    site: str
    zone: ZoneInfo
    alarms: Sequence[Told] = ()
    ended: int = 0  # of them a person had, or they were over


def what(transition: Transition) -> Words:
    """The alarm's own words, with the number and the limit that they lack."""
    words = transition.text or Words(zh=transition.rule, en=transition.rule)
    if transition.limit is None:
        return words
    limit = f"{transition.limit:g}{' ' + transition.unit if transition.unit else ''}"
    if re.search(rf"(?<![\d.]){re.escape(f'{transition.limit:g}')}(?![\d.])", words.zh):
        return words
    return Words(zh=f"{words.zh} (限值 {limit})", en=f"{words.en} (limit {limit})")


def alarm(told: Told, language: str) -> Text:
    """One alarm, in `zh`, `en` or `both`."""
    return _text(language, lambda zh: _title(told, zh=zh), lambda zh: _lines(told, zh=zh), told.link)


def monitoring(told: Told, language: str, *, back: bool) -> Text:
    """The analyzer of a site is not heard, or is heard again."""

    def title(zh: bool) -> str:
        if back:
            return f"【监测恢复】{told.site}" if zh else f"[MONITORING BACK] {told.site}"
        return f"【监测中断】{told.site} 未监测" if zh else f"[NOT MONITORED] {told.site}"

    def lines(zh: bool) -> list[str]:
        if back:
            return [
                "已重新收到监测服务心跳 查看完整性" if zh else "the monitoring service is heard again; check coverage"
            ]
        since = _clock(told.since, told.zone)
        head = f"{since} 起收不到监测服务心跳" if zh else f"the monitoring service has not been heard since {since}"
        act = "限位器仍有效 按规程操作或停机" if zh else "limiters still work; follow the site rule, or stop"
        return [head, act, *_ladder(told, zh=zh)]

    return _text(language, title, lines, told.link)


def test(site: str, name: str, at: datetime, zone: ZoneInfo, language: str) -> Text:
    """A message that tests a channel."""

    def title(zh: bool) -> str:
        return f"【测试】{site} 不是真实报警" if zh else f"[TEST] {site}, not a real alarm"

    def lines(zh: bool) -> list[str]:
        when = _clock(at, zone)
        return [f"{name} 收到本条即通道可用 {when}" if zh else f"{name}: this channel works, {when}"]

    return _text(language, title, lines, None)


def proof(site: str, device: str, at: datetime, zone: ZoneInfo, language: str) -> Text:
    """A proof test goes the way of an alarm: whoever is on duty acknowledges it like one."""

    def title(zh: bool) -> str:
        return f"【测试】{device} 报警链路测试 不是真实报警" if zh else f"[TEST] {device}, a proof test, no real alarm"

    def lines(zh: bool) -> list[str]:
        when = _clock(at, zone)
        act = "请在值班台或手机页确认" if zh else "acknowledge it at the desk or on the phone's page"
        return [act, f"{site} {when}"]

    return _text(language, title, lines, None)


def summary(old: Old, language: str) -> Text:
    """Alarms of a time in which nobody was told, together."""

    def title(zh: bool) -> str:
        n = len(old.alarms)
        return (
            f"【补报】{old.site} 通知中断期间 {n} 条报警" if zh else f"[LATE] {old.site}: {n} alarms not told in time"
        )

    def lines(zh: bool) -> list[str]:
        found = [f"其中 {old.ended} 条已结束或已确认" if zh else f"{old.ended} of them are over or acknowledged"]
        found += [f"{_clock(one.since, one.zone)} {_line(one, zh=zh)}" for one in old.alarms[:LINES]]
        rest = len(old.alarms) - LINES
        return found + ([f"另有 {rest} 条" if zh else f"and {rest} more"] if rest > 0 else [])

    return _text(language, title, lines, None)


def short(text: Text) -> Text:
    """For a channel that counts characters, or is spoken: the title, and the link or the one thing to do."""
    lines = text.body.splitlines()
    rest = next((line for line in lines[::-1] if line.startswith("http")), lines[0] if lines else "")
    return Text(text.title, rest)


def gathered(texts: Sequence[Text], language: str) -> Text:
    """Several messages of one channel as one: the titles of all, and the whole of one."""
    if len(texts) == 1:
        return texts[0]
    n, rest = len(texts), len(texts) - LINES
    parts = [f"{n} 条通知" if language != "en" else "", f"{n} messages" if language != "zh" else ""]
    lines = [line for text in texts[:LINES] for line in (text.title, *text.body.splitlines()[-1:])]
    more = [f"另有 {rest} 条 and {rest} more"] if rest > 0 else []
    return Text(" ".join(part for part in parts if part), "\n".join([*lines, *more]))


def _title(told: Told, *, zh: bool) -> str:
    level = _LEVEL[told.severity]
    if zh:
        life = "生命安全 " if told.urgency is Urgency.LIFE_SAFETY else ""
        return f"【{life}{level.zh}】{told.device} {told.what.zh}"
    life = "LIFE SAFETY " if told.urgency is Urgency.LIFE_SAFETY else ""
    return f"[{life}{level.en}] {told.device} {told.what.en}"


def _line(told: Told, *, zh: bool) -> str:
    return f"{told.device} {told.what.zh if zh else told.what.en}"


def _lines(told: Told, *, zh: bool) -> list[str]:
    action = (told.action.zh if zh else told.action.en) if told.action is not None else ""
    since = _clock(told.since, told.zone)
    driver = f" 司机 {told.operator}" if zh else f", driver {told.operator}"
    found = [action] if action else []
    found.append(f"{told.site}{driver if told.operator else ''}")
    if told.active:
        found.append(f"{since} 起" if zh else f"since {since}")
    else:
        found.append(f"{since} 起，已恢复，未确认" if zh else f"since {since}; over by now, nobody has acknowledged it")
    return found + _ladder(told, zh=zh)


def _ladder(told: Told, *, zh: bool) -> list[str]:
    found = []
    if told.unseen:
        found.append("驾驶室终端未显示" if zh else "no terminal has shown it")
    if told.nobody:
        found.append("上一级无人值班或无法联系" if zh else "nobody on duty, or nobody to reach, at the step before")
    if told.level > 1:
        found.append(
            f"第 {told.level} 级通知，前面无人确认" if zh else f"step {told.level}: nobody has acknowledged it yet"
        )
    return found


def _clock(at: datetime, zone: ZoneInfo) -> str:
    return at.astimezone(zone).strftime("%m-%d %H:%M:%S")


def _text(language: str, title: Callable[[bool], str], lines: Callable[[bool], list[str]], link: str | None) -> Text:
    order = [True] if language == "zh" else [False] if language == "en" else [True, False]
    body = ["\n".join(lines(zh)) for zh in order]
    return Text(" ".join(title(zh) for zh in order), "\n".join([*body, *([link] if link else [])]))
