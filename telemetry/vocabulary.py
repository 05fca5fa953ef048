"""
What the analyzer of this version can watch, as data: so that whoever takes a profile can check it without the engine.

`vocabulary.json` is written from the analyzer's own tables by `python -m scripts.rule_docs`.
"""

import json
from functools import cache
from importlib import resources
from typing import Any, Final

from telemetry.profile_check import Known

FILE: Final = "vocabulary.json"


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


def written(vocabulary: Known) -> str:
    """A vocabulary as JSON, in one order."""
    found = {
        "channels": {kind: sorted(names) for kind, names in vocabulary.channels.items()},
        "steps": {kind: {rule: sorted(own) for rule, own in rules.items()} for kind, rules in vocabulary.steps.items()},
        "figures": {kind: list(names) for kind, names in vocabulary.figures.items()},
    }
    return json.dumps(found, indent=1, sort_keys=True) + "\n"
