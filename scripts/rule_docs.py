"""
The tables of docs/rules.md, from the profile that they hold by default and the rulebook that says what they mean; and
what the analyzer can watch, as data for those who may not import it (telemetry/vocabulary.json).

    python -m scripts.rule_docs            write the generated parts of docs/rules.md, and the vocabulary
    python -m scripts.rule_docs --check    fail when something would change
"""

import sys
from collections.abc import Iterable
from typing import Final

from analytics.channels import COLUMN, DERIVED
from analytics.rulebook import RULEBOOK, Entry
from analytics.rulebook.observed import OBSERVED
from analytics.texts import CONFIGURED
from analytics.vocabulary import KNOWN, NAMES
from scripts.wire_docs import DOCS, between
from telemetry import profiles, vocabulary
from telemetry.kinds import KINDS
from telemetry.limit_profile import Rule, Step
from telemetry.model import Mode, Severity

PAGE: Final = DOCS / "rules.md"
VOCABULARY: Final = DOCS.parent / "telemetry" / vocabulary.FILE
PROFILE: Final = "cn"
STEPS: Final = {
    "advisory": ("提示", "advisory"), "prewarning": ("预警", "pre-warning"), "alarm": ("报警", "alarm"),
    "critical": ("严重", "critical"), "peak": ("峰值", "peak"),
}  # fmt: skip
HEAD: Final = (
    "级别 step", "限值 set", "恢复 clear", "延时 on / off", "驾驶室 cab", "监管 desk", "来源 source of the limit",
    "怎么办 what to do",
)  # fmt: skip
CAB: Final = {"none": "–", "pulse": "短鸣 pulse", "continuous": "连续 continuous"}


def main() -> int:
    """Write, or with --check compare."""
    before = PAGE.read_text(encoding="utf-8")
    after = before
    for name, lines in (
        ("crane rules", kind_table("crane")),
        ("formwork rules", kind_table("formwork")),
        ("observed rules", observed_table()),
        ("figures", figure_table()),
    ):
        after = between(after, name, "\n".join(lines))
    words = vocabulary.written(KNOWN, NAMES)
    if "--check" in sys.argv:
        if before != after or VOCABULARY.read_text(encoding="utf-8") != words:
            sys.stderr.write("docs/rules.md or the vocabulary is not current: run `python -m scripts.rule_docs`\n")
            return 1
        return 0
    PAGE.write_text(after, encoding="utf-8")
    VOCABULARY.write_text(words, encoding="utf-8")
    return 0


def kind_table(kind: str) -> Iterable[str]:
    """One part for each rule of a kind, in the profile's order."""
    for name, rule in profiles.load(PROFILE).rules[kind].items():
        entry = RULEBOOK[kind].get(name)
        if entry is None:
            continue
        unit = DERIVED[kind][COLUMN[kind][rule.channel]].unit
        yield f"#### `{name}` {entry.zh} · {entry.en.lower()}"
        yield ""
        yield f"{entry.meaning.zh}。{entry.meaning.en}"
        yield ""
        yield f"*{_needs(kind, entry)}{_manner(rule)}*"
        yield ""
        yield f"| {' | '.join(HEAD)} |"
        yield "|---|--:|--:|--:|---|---|---|---|"
        for step, one in rule.steps.items():
            yield _row(step, one, unit, entry, one.set.value, one.clear.value, one.set.source, "")
            for mode in Mode:
                if step in rule.modes.get(mode, {}):
                    own = rule.modes[mode][step]
                    yield _row(step, one, unit, entry, own.set.value, own.clear.value, own.set.source, f" · {mode}")
        yield ""


def _row(step: str, one: Step, unit: str, entry: Entry, set_: float, clear: float, source: str, mode: str) -> str:
    zh, en = STEPS[step]
    say = entry.say(profiles.STEPS[step])
    listeners = "✓" if one.desk else "–"
    if one.hold:
        listeners += " 停用待检 hold"
    if one.latch:
        listeners += " 锁存 latch"
    samples = f", {one.samples.value:g} 个样本 samples" if one.samples else ""
    sound = f" ≤ {one.sound_s.value:g} s" if one.sound_s else ""
    return (
        f"| {zh} {en}{mode} | {set_:g} {unit} | {clear:g} {unit} | {one.on_s.value:g} / {one.off_s.value:g} s{samples} "
        f"| {CAB[one.cab]}{sound} | {listeners} | {source} | {say.do_zh} · {say.do_en} |"
    )


def _needs(kind: str, entry: Entry) -> str:
    needs, parts = entry.needs, []
    names = KINDS[kind]
    if needs.every:
        parts.append(", ".join(f"`{names.channel(name).name}`" for name in needs.every))
    if needs.either:
        parts.append("one of " + ", ".join(f"`{names.channel(name).name}`" for name in needs.either))
    if needs.slowest_ms:
        parts.append(f"a sample every {needs.slowest_ms / 1000:.2g} s")
    parts += [f"{CONFIGURED[name].en} (configured)" for name in needs.config if name in CONFIGURED]
    if needs.learned:
        parts.append("the mast's envelope (learned)")
    return f"需要 needs: {'; '.join(parts)}. " if parts else ""


def _manner(rule: Rule) -> str:
    found = "涉及生命安全 life-safety. " if rule.life_safety else ""
    if rule.suppressed_in:
        found += f"设计抑制 suppressed by design in {', '.join(rule.suppressed_in)}. "
    return found


def observed_table() -> Iterable[str]:
    """The rules that are observed."""
    yield "| 规则 rule | 含义 meaning | 怎么办 what to do |"
    yield "|---|---|---|"
    for name, entry in OBSERVED.items():
        say = entry.say(max(entry.says, default=Severity.ADVISORY))
        yield f"| `{name}` {entry.zh} | {entry.meaning.zh}。{entry.meaning.en} | {say.do_zh} · {say.do_en} |"


def figure_table() -> Iterable[str]:
    """What a profile has beside its rules."""
    yield "| 参数 figure | 值 value | 来源 source |"
    yield "|---|--:|---|"
    for kind, figures in profiles.load(PROFILE).figures.items():
        for name, figure in figures.items():
            yield f"| {kind}: `{name}` | {figure.value:g} | {figure.source} |"


if __name__ == "__main__":
    sys.exit(main())
