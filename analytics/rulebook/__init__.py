"""Every rule that looks at readings, by kind: `entry` says what is written down about one."""

from typing import Final

from analytics.rulebook.crane import CRANE
from analytics.rulebook.entry import Entry, Needs, Say
from analytics.rulebook.formwork import FORMWORK

__all__ = ["RULEBOOK", "Entry", "Needs", "Say"]

RULEBOOK: Final[dict[str, dict[str, Entry]]] = {"crane": CRANE, "formwork": FORMWORK}
