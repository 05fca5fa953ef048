"""
What the analyzer of this version can watch, as data: so that whoever takes a profile can check it without the engine.

`vocabulary.json` is written from the analyzer's own tables by `python -m scripts.rule_docs`.
"""

import json
from collections.abc import Mapping
from functools import cache
from importlib import resources
from typing import Any, Final

from telemetry.profile_check import Known

FILE: Final = "vocabulary.json"
OBSERVED: Final = "observed"  # rules on more than one device's readings, whatever its kind


@cache
def known() -> Known:
    """It."""
    return read((resources.files("telemetry") / FILE).read_text("utf-8"))


def read(text: str) -> Known:
    """A vocabulary from its JSON."""
    found: dict[str, Any] = json.loads(text)
    return Known(
        channels={kind: frozenset(names) for kind, names in found["channels"].items()},
        steps={kind: {rule: frozenset(own) for rule, own in rules.items()} for kind, rules in found["steps"].items()},
        figures={kind: tuple(names) for kind, names in found["figures"].items()},
    )


@cache
def _names() -> dict[str, dict[str, tuple[str, str]]]:
    found = json.loads((resources.files("telemetry") / FILE).read_text("utf-8"))["names"]
    return {kind: {rule: (zh, en) for rule, (zh, en) in own.items()} for kind, own in found.items()}


def rule_name(rule: str, kind: str | None = None) -> tuple[str, str]:
    """What people call a rule, in Chinese and English; without a kind where they agree; its own name where none is."""
    names = _names()
    for own in (names.get(kind, {}), names[OBSERVED]) if kind else names.values():
        if rule in own:
            return own[rule]
    return rule, rule


def written(vocabulary: Known, names: Mapping[str, Mapping[str, tuple[str, str]]]) -> str:
    """A vocabulary as JSON, in one order, with what people call its rules."""
    found = {
        "channels": {kind: sorted(names) for kind, names in vocabulary.channels.items()},
        "steps": {kind: {rule: sorted(own) for rule, own in rules.items()} for kind, rules in vocabulary.steps.items()},
        "figures": {kind: list(figures) for kind, figures in vocabulary.figures.items()},
        "names": {kind: {rule: list(pair) for rule, pair in own.items()} for kind, own in names.items()},
    }
    return json.dumps(found, indent=1, sort_keys=True, ensure_ascii=False) + "\n"
