"""What this version can watch: against it profiles are held that do not come with the package."""

from typing import Final

from analytics.channels import DERIVED
from analytics.crane import Cranes
from analytics.formwork import Formworks
from analytics.limits import COLUMNS
from analytics.rulebook import RULEBOOK
from analytics.rulebook.observed import OBSERVED
from analytics.rulebook.proof import TESTS
from telemetry.limit_profile import STEPS
from telemetry.profile_check import Known
from telemetry.vocabulary import OBSERVED as OBSERVED_RULES


def _steps(kind: str) -> dict[str, frozenset[str]]:
    rules = dict.fromkeys(rule for rule, _ in COLUMNS[kind])
    return {rule: frozenset(step for name, step in COLUMNS[kind] if name == rule and step in STEPS) for rule in rules}


KNOWN: Final = Known(
    channels={kind: frozenset(channel.name for channel in channels) for kind, channels in DERIVED.items()},
    steps={kind: _steps(kind) for kind in COLUMNS},
    figures={fleet.kind: fleet.figure_names for fleet in (Cranes, Formworks)},
)
NAMES: Final = {
    **{kind: {rule: (entry.zh, entry.en.lower()) for rule, entry in own.items()} for kind, own in RULEBOOK.items()},
    OBSERVED_RULES: {rule: (entry.zh, entry.en.lower()) for rule, entry in (OBSERVED | TESTS).items()},
}
