"""
What a proof test is, how far it came, and what that comes to. Pure.

Rule 1: a link is passed when the record has it; what nobody reported is missing, and is never taken for done.
Rule 2: seconds are between two moments of our own clocks, as in `receipts`; what a device's clock said stands beside.
Rule 3: the first link that is missing or late fails the test, as soon as that is certain. A refusal and a real alarm
fail nothing: the first is what should happen with a load on the hook, the second has shown its own way.
Rule 4: a link that does not apply (no terminal expected, nobody to be told) is left out, and said to be.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final

from telemetry.ladder import Plan, Urgency
from telemetry.wire.payloads import Words

PERCENT: Final = 110.0
HOLD_S: Final = 20.0  # long enough that an operator finds the button: cranewatch proposal
HOLD_INTERVALS: Final = 6  # and that a slow box sends what is needed
ORDER_S: Final = 15.0  # an order that has not begun by then is dropped by the device
SLACK_S: Final = 3.0  # what came in time may be written down so much later
ACCEPT_S: Final = 10.0
STORE_S: Final = 15.0
RAISE_S: Final = 3.0  # beyond the samples that it takes
NOTIFY_S: Final = 15.0
CONFIRM_S: Final = 30.0
LADDER_S: Final = 30.0  # where a ladder has one step only: the default's second one
ASK_S: Final = 600.0  # how long an operator has whom the desk asks
WATCH_S: Final = 120.0  # links that come after the verdict are written down for so long


class Source(StrEnum):
    """Who wanted it."""

    PERSON = "person"  # at the desk
    CAB = "cab"  # the operator, at the terminal
    SCHEDULE = "schedule"


class State(StrEnum):
    """Where a test stands."""

    ASKED = "asked"  # the operator, or an empty hook, is waited for
    ORDERED = "ordered"
    SENT = "sent"
    OVER = "over"


class Outcome(StrEnum):
    """What became of it."""

    PASSED = "passed"
    FAILED = "failed"
    REFUSED = "refused"  # a load on the hook, or none known
    INTERRUPTED = "interrupted"  # by a real alarm, or a lift that began
    NOT_DONE = "not_done"


class Link(StrEnum):
    """The links of the chain, in order."""

    ACCEPTED = "accepted"
    STORED = "stored"
    RAISED = "raised"
    DELIVERED = "delivered"
    RENDERED = "rendered"
    NOTIFIED = "notified"
    CONFIRMED = "confirmed"
    ACKNOWLEDGED = "acknowledged"


LINKS: Final[dict[Link, Words]] = {
    Link.ACCEPTED: Words(zh="设备接受", en="taken up by the device"),
    Link.STORED: Words(zh="读数入库", en="reading stored"),
    Link.RAISED: Words(zh="分析触发", en="raised by the analyzer"),
    Link.DELIVERED: Words(zh="送达终端", en="delivered to a terminal"),
    Link.RENDERED: Words(zh="终端显示", en="shown by a terminal"),
    Link.NOTIFIED: Words(zh="通知发出", en="message sent"),
    Link.CONFIRMED: Words(zh="司机确认看到听到", en="confirmed in the cab"),
    Link.ACKNOWLEDGED: Words(zh="值班确认", en="acknowledged at the desk"),
}
OUTCOMES: Final[dict[Outcome, Words]] = {
    Outcome.PASSED: Words(zh="通过", en="passed"),
    Outcome.FAILED: Words(zh="失败", en="failed"),
    Outcome.REFUSED: Words(zh="未允许", en="refused"),
    Outcome.INTERRUPTED: Words(zh="被中断", en="interrupted"),
    Outcome.NOT_DONE: Words(zh="未进行", en="not done"),
}
DETAILS: Final[dict[str, Words]] = {
    "alarm": Words(zh="有真实报警", en="a real alarm"),
    "unknown": Words(zh="吊重未知", en="the load is not known"),
    "loaded": Words(zh="吊钩有载", en="a load on the hook"),
    "rising": Words(zh="吊钩在上升", en="the hook rises"),
    "device": Words(zh="设备拒绝", en="the device would not"),
    "asked": Words(zh="期限内无人启动", en="nobody began it in time"),
    "broker": Words(zh="消息服务器不可用", en="the order did not reach the broker"),
    "missing": Words(zh="未到达", en="never came"),
    "late": Words(zh="超时", en="came too late"),
    "nobody": Words(zh="无人值班或无通道", en="nobody on duty, or no channel"),
    "dead": Words(zh="通道拒收", en="the channel would not take it"),
}


@dataclass(frozen=True, slots=True)
class Step:
    """A link that was passed: when, by our clock; by whom or what; `said_ms`: as its own clock said, Unix ms."""

    link: Link
    at: datetime
    seconds: float  # since the link that it is measured from
    who: str | None = None
    said_ms: int | None = None


@dataclass(frozen=True, slots=True)
class Moment:
    """Something that the record has: when it came, from whom, and what its own clock said (Unix ms)."""

    at: datetime
    who: str | None = None
    said_ms: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """
    What the record has of a test by `now`.

    declined: the device would not, and why. refused: the analyzer would not, or not any more; `why` is its word.
    dead: every message about it was given up. held: quiet hours hold all of them back. alarm: a real one was raised
    meanwhile.
    """

    now: datetime
    sent: datetime
    accepted: Moment | None = None
    declined: str | None = None
    stored: Moment | None = None
    raised: Moment | None = None
    refused: Moment | None = None
    why: str = ""
    delivered: Moment | None = None
    rendered: Moment | None = None
    confirmed: Moment | None = None
    notified: Moment | None = None
    dead: bool = False
    held: bool = False
    told: bool = False  # somebody was found who could be told
    acknowledged: Moment | None = None
    alarm: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Expected:
    """What of the chain applies to a device, and how long (seconds) what may take."""

    terminal: bool
    contacts: bool
    render_s: float
    acknowledge_s: float
    interval_s: float


@dataclass(frozen=True, slots=True)
class Verdict:
    """How far it came; `outcome` is None while it is under way. `detail` is a word of DETAILS."""

    steps: list[Step]
    outcome: Outcome | None = None
    failed: Link | None = None
    detail: str = ""
    left_out: list[Link] = field(default_factory=list)


def expected(plan: Plan, *, terminal: bool, contacts: bool, interval_s: float) -> Expected:
    """By the site's plan: the terminal's time, and that in which the ladder of life safety asks the next one."""
    due = plan.ladder(Urgency.LIFE_SAFETY).due_s(1)
    return Expected(
        terminal=terminal, contacts=contacts, render_s=plan.terminal_s, acknowledge_s=due or LADDER_S,
        interval_s=interval_s,
    )  # fmt: skip


def hold_s(interval_s: float) -> float:
    """How long the channel of a device with this interval is driven, in seconds."""
    return max(HOLD_S, HOLD_INTERVALS * interval_s)


def judge(found: Evidence, wanted: Expected) -> Verdict:
    """What a test comes to."""
    steps, left_out, broken = _follow(found, wanted)
    if found.declined is not None:
        return Verdict(steps, Outcome.REFUSED, detail="device", left_out=left_out)
    if found.refused is not None and found.raised is None:
        return Verdict(steps, Outcome.REFUSED, detail=found.why, left_out=left_out)
    if broken is None:
        waits = {one for one in Link if one not in left_out} - {one.link for one in steps}
        if not waits:
            return Verdict(steps, Outcome.PASSED, left_out=left_out)
        if found.refused is not None:
            return Verdict(steps, Outcome.INTERRUPTED, detail=found.why, left_out=left_out)
        return Verdict(steps, left_out=left_out)
    if found.refused is not None:
        return Verdict(steps, Outcome.INTERRUPTED, detail=found.why, left_out=left_out)
    if found.alarm:
        # Of another device whose alarm this cab shows: a screen that shows it instead of the test has not failed.
        return Verdict(steps, Outcome.INTERRUPTED, detail="alarm", left_out=left_out)
    return Verdict(steps, Outcome.FAILED, *broken, left_out=left_out)


def _follow(found: Evidence, wanted: Expected) -> tuple[list[Step], list[Link], tuple[Link, str] | None]:
    """The links that were passed, those that do not apply, and the first that is certainly broken, with how."""
    slow = HOLD_INTERVALS * wanted.interval_s
    raised = found.raised.at if found.raised is not None else None
    stored = found.stored.at if found.stored is not None else None
    chain: list[tuple[Link, Moment | None, datetime | None, float]] = [
        (Link.ACCEPTED, found.accepted, found.sent, ACCEPT_S + wanted.interval_s),
        (Link.STORED, found.stored, found.sent, STORE_S + slow),
        (Link.RAISED, found.raised, stored, RAISE_S + slow),
        # A terminal that shows it has it, whatever became of its first word.
        (Link.DELIVERED, found.delivered or found.rendered, raised, wanted.render_s),
        (Link.RENDERED, found.rendered, raised, wanted.render_s),
        (Link.NOTIFIED, found.notified, raised, NOTIFY_S),
        (Link.CONFIRMED, found.confirmed, raised, CONFIRM_S),
        (Link.ACKNOWLEDGED, found.acknowledged, raised, wanted.acknowledge_s),
    ]
    left_out = [] if wanted.terminal else [Link.DELIVERED, Link.RENDERED, Link.CONFIRMED]
    if not wanted.contacts or (found.held and found.notified is None):
        left_out.append(Link.NOTIFIED)
    steps: list[Step] = []
    broken: tuple[Link, str] | None = None
    for link, moment, base, bound in chain:
        if moment is not None and base is not None:
            seconds = max(0.0, (moment.at - base).total_seconds())
            steps.append(Step(link, moment.at, round(seconds, 3), moment.who, moment.said_ms))
            if broken is None and link not in left_out and seconds > bound:
                broken = (link, "late")
        elif broken is None and link not in left_out and base is not None:
            if link is Link.NOTIFIED and found.dead:
                broken = (link, "dead")
            elif found.now - base > timedelta(seconds=bound + SLACK_S):
                broken = (link, "nobody" if link is Link.NOTIFIED and not found.told else "missing")
    return steps, left_out, broken


def words(outcome: Outcome, failed: str | None, detail: str) -> Words:
    """An outcome in words: with the link that failed, and how or why."""
    found = OUTCOMES[outcome]
    zh, en = found.zh, found.en
    if failed is not None and failed in set(Link):
        link = LINKS[Link(failed)]
        zh, en = f"{zh} {link.zh}", f"{en}: {link.en}"
    if detail in DETAILS:
        zh, en = f"{zh} {DETAILS[detail].zh}", f"{en}, {DETAILS[detail].en}"
    return Words(zh=zh, en=en)


def latency_s(steps: Sequence[Step]) -> float | None:
    """From the reading's coming to a terminal's showing it, in seconds; to the raise where none is expected."""
    by_link = {one.link: one for one in steps}
    last = by_link.get(Link.RENDERED) or by_link.get(Link.RAISED)
    first = by_link.get(Link.STORED)
    return None if first is None or last is None else max(0.0, (last.at - first.at).total_seconds())
