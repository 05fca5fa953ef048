"""A proof test on the text screen: what is shown of it, who may begin one, what the operator's key answers. Pure."""

import secrets
from typing import TYPE_CHECKING, Final

from rich.text import Text

from telemetry.model import PROOF_RULES, PROOF_TEST, Action
from telemetry.wire import payloads

if TYPE_CHECKING:  # the screen asks here
    from runtime.terminal.screen import Screen

EMPTY_T: Final = 0.3  # as on the page
BELL_S: Final = 0.8


def shown(screen: "Screen") -> payloads.Alarm | None:
    """The test that is on the screen; none while there is an alarm to show, or when it was confirmed."""
    alarm = screen.alarms.get(PROOF_TEST)
    if alarm is None or not alarm.active or alarm.transition == screen.confirmed or screen.shown():
        return None
    return alarm


def own(alarm: payloads.Alarm) -> bool:
    """Whether this is of a test, and so no alarm."""
    return alarm.rule in PROOF_RULES


def sounds(screen: "Screen") -> bool:
    """Whether the bell rings for it; never where the cab has a box that sounds all there is."""
    alarm = shown(screen)
    beside = screen.config.cab_sound if screen.config is not None else "all"
    return alarm is not None and alarm.cab == "test" and beside != "none"


def band(alarm: payloads.Alarm) -> Text:
    """Not an alarm's colours, and its first word says what it is."""
    words = alarm.text or payloads.Words(zh="测试", en="TEST")
    style = "bold white on blue"
    text = Text(f" ◇ {words.zh}  按 t 确认看到并听到 ", style=style)
    text.append(f"\n   {words.en}, press t: I see and hear it", style=style)
    return text


def key(screen: "Screen", now: float, linked: bool, at: int) -> payloads.Response | None:
    """The key `t` at `at` (Unix ms): confirms the test that is shown, or lets one begin with an empty hook."""
    alarm = shown(screen)
    if alarm is not None:
        screen.confirmed = alarm.transition
        return _answer(screen, Action.CONFIRM, at, alarm.transition)
    load = screen.values.get("load_t")
    empty = load is not None and "load_t" not in screen.bad and load <= EMPTY_T
    if empty and screen.watched(now, linked) and not screen.stale(now) and not screen.shown():
        return _answer(screen, Action.BEGIN_TEST, at, None)
    return None


def _answer(screen: "Screen", action: Action, at: int, transition: str | None) -> payloads.Response:
    return payloads.Response(
        id=secrets.token_hex(12), action=action, at=at, who=str(screen.values.get("operator") or screen.device),
        rule=PROOF_TEST, transition=transition,
    )  # fmt: skip
