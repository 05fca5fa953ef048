"""Every rule that looks at readings, by kind: `entry` says what is written down about one."""

from typing import Final

from analytics.rulebook.bay import BAY
from analytics.rulebook.conduct import CONDUCT
from analytics.rulebook.crane import CRANE
from analytics.rulebook.entry import Entry, Needs, Say
from analytics.rulebook.formwork import FORMWORK
from analytics.rulebook.hook import HOOK
from analytics.rulebook.mast import MAST

__all__ = ["LONG", "RULEBOOK", "Entry", "Needs", "Say"]

RULEBOOK: Final[dict[str, dict[str, Entry]]] = {"crane": CRANE | HOOK | CONDUCT | MAST, "formwork": FORMWORK | BAY}

LONG: Final[dict[str, frozenset[str]]] = {
    kind: frozenset(rule for rule, entry in rules.items() if entry.long) for kind, rules in RULEBOOK.items()
}
