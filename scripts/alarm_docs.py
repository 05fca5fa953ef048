"""
The life of an alarm as a table and as pictures, from the one place where it is decided: `analytics/alarms.py`.

    python -m scripts.alarm_docs            write docs/alarm-states.md and docs/images/alarm-states.svg
    python -m scripts.alarm_docs --check    fail when something would change
"""

import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Final, NamedTuple

from analytics import alarms
from scripts.state_picture import Arrow, picture
from telemetry.model import Severity, Signal, State

DOCS: Final = Path(__file__).parents[1] / "docs"
PAGE: Final = DOCS / "alarm-states.md"
IMAGE: Final = DOCS / "images" / "alarm-states.svg"

STATES: Final[dict[State, tuple[str, str]]] = {
    State.NORMAL: ("正常", "normal"),
    State.UNACKNOWLEDGED: ("未确认", "unacknowledged"),
    State.ACKNOWLEDGED: ("已确认", "acknowledged"),
    State.RETURNED: ("已恢复未确认", "returned, unacknowledged"),
    State.LATCHED_UNACKNOWLEDGED: ("锁存未确认", "latched, unacknowledged"),
    State.LATCHED_ACKNOWLEDGED: ("锁存已确认", "latched, acknowledged"),
    State.SHELVED: ("搁置", "shelved"),
    State.SUPPRESSED: ("设计抑制", "suppressed by design"),
    State.DISABLED: ("停用", "disabled"),
}
SIGNALS: Final[dict[Signal, tuple[str, str]]] = {
    Signal.RAISE: ("触发", "raise"),
    Signal.ESCALATE: ("升级", "escalate"),
    Signal.CLEAR: ("恢复", "clear"),
    Signal.RE_ALARM: ("再报警", "re-alarm"),
    Signal.ACKNOWLEDGE: ("确认", "acknowledge"),
    Signal.RESET: ("复位", "reset"),
    Signal.SHELVE: ("搁置", "shelve"),
    Signal.UNSHELVE: ("取消搁置", "unshelve"),
    Signal.SUPPRESS: ("抑制", "suppress"),
    Signal.UNSUPPRESS: ("取消抑制", "unsuppress"),
    Signal.DISABLE: ("停用", "disable"),
    Signal.ENABLE: ("启用", "enable"),
}


class Variant(NamedTuple):
    """Who listens, and whether it latches."""

    attended: bool
    latch: bool
    zh: str
    en: str


USUAL: Final = Variant(True, False, "", "")
VARIANTS: Final = (
    USUAL,
    Variant(True, True, "锁存", "latching"),
    Variant(False, False, "仅驾驶室", "cab alone"),
    Variant(False, True, "仅驾驶室且锁存", "cab alone and latching"),
)


def follows(state: State, signal: Signal, variant: Variant) -> State | None:
    """What `alarms` says."""
    return alarms.after(state, signal, attended=variant.attended, latch=variant.latch)


def others(state: State, signal: Signal) -> list[tuple[Variant, State | None]]:
    """The variants that go elsewhere than the usual alarm, each said once."""
    found: list[tuple[Variant, State | None]] = []
    for variant in VARIANTS[1:]:
        to = follows(state, signal, variant)
        # What one property alone does is not said again for both together.
        if to is not follows(state, signal, USUAL) and to not in [told for _, told in found]:
            found.append((variant, to))
    return found


def cell(state: State, signal: Signal) -> str:
    """One cell of the table."""
    to = follows(state, signal, USUAL)
    parts = [" ".join(STATES[to]) if to is not None else "·"]
    for variant, other in others(state, signal):
        parts.append(f"{variant.zh} {variant.en}: {' '.join(STATES[other]) if other is not None else '·'}")
    return "<br>".join(parts)


def table() -> str:
    """State by signal, as Markdown."""
    head = ["信号 signal", *(f"{zh}<br>{en}" for zh, en in STATES.values())]
    rows = [f"| {' | '.join(head)} |", f"|{'---|' * len(head)}"]
    for signal, (zh, en) in SIGNALS.items():
        rows.append(f"| **{zh}** {en} | {' | '.join(cell(state, signal) for state in STATES)} |")
    return "\n".join(rows)


def arrows() -> list[Arrow]:
    """Every change of state, one arrow for each pair of states."""
    found: dict[tuple[State, State], list[tuple[str, str]]] = {}
    for state in STATES:
        for signal, (zh, en) in SIGNALS.items():
            to = follows(state, signal, USUAL)
            if to is not None:
                found.setdefault((state, to), []).append((zh, en))
            for variant, other in others(state, signal):
                if other is not None:
                    words = (f"{zh}（{variant.zh}）", f"{en} ({variant.en})")
                    found.setdefault((state, other), []).append(words)
    return [Arrow(str(pair[0]), str(pair[1]), tuple(words)) for pair, words in found.items()]


def mermaid(drawn: Iterable[Arrow]) -> str:
    """The same for whoever renders Mermaid."""
    lines = ["stateDiagram-v2", f"  [*] --> {State.NORMAL}"]
    lines += [f'  state "{zh} {en}" as {state}' for state, (zh, en) in STATES.items()]
    lines += [f"  {one.of} --> {one.to}: {', '.join(' '.join(words) for words in one.words)}" for one in drawn]
    return "\n".join(lines)


def desk() -> str:
    """What the desk sees in each state, as Markdown."""
    rows = ["| 状态 state | 值班台 the desk sees | 仅驾驶室 cab alone |", "|---|---|---|"]
    for state, (zh, en) in STATES.items():
        rows.append(f"| {zh} {en} | {alarms.desk(state, True)} | {alarms.desk(state, False)} |")
    return "\n".join(rows)


def page() -> str:
    """docs/alarm-states.md."""
    keeps = all(
        alarms.severity(before, level, state) == max(before, level)
        for before in Severity for level in Severity for state in State if state is not State.NORMAL
    )  # fmt: skip
    return f"""# 报警的一生 · The life of an alarm

Generated by `python -m scripts.alarm_docs` from `analytics/alarms.py`, the one place where a state changes; `make
check` fails when this page is out of date, and a test plays every cell. States after ANSI/ISA-18.2-2016; its *out of
service* is *disabled* here.

由 `analytics/alarms.py` 生成，状态只在该处改变；`make check` 核对本页，测试逐格执行。状态依 ANSI/ISA-18.2-2016。

![状态图 state diagram](images/alarm-states.svg)

## 状态 × 信号 · State by signal

`·`：该状态下忽略此信号。**锁存**：条件恢复后仍保持，直至复位。**仅驾驶室**：值班台无人值守此报警，进入时即为已确认。
只在与一般报警不同处注明。

`·`: the signal means nothing in that state, and nothing changes. **latching**: the alarm stays until it is reset,
although the condition went. **cab alone**: nobody at the desk listens to it, so that it enters as acknowledged. Both
are said only where they go elsewhere than the usual alarm.

{table()}

## 值班台 · The desk

Severity {"only rises until the alarm was acknowledged and has returned" if keeps else "can fall"}
（报警级别在确认并恢复之前{"只升不降" if keeps else "可能下降"}）.

{desk()}

## Mermaid

```mermaid
{mermaid(arrows())}
```
"""


def outputs() -> dict[Path, str]:
    """What each generated file should hold."""
    words = {str(state): both for state, both in STATES.items()}
    return {PAGE: page(), IMAGE: picture(words, arrows())}


def main() -> int:
    """Write, or check."""
    stale = [path for path, text in outputs().items() if not path.exists() or path.read_text("utf-8") != text]
    if "--check" in sys.argv:
        for path in stale:
            name = path.relative_to(DOCS.parent)
            sys.stderr.write(f"{name} is not current: run `python -m scripts.alarm_docs`\n")
        return 1 if stale else 0
    for path, text in outputs().items():
        path.write_text(text, "utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
