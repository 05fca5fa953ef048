"""
Which limit profile a device of a site file is judged by, as far as anybody here can know.

Rule: what was published to the site stands for every device that names the site's profile or that one, as the analyzer
has it (`analytics/profilebook`); everything else comes with the package, or is not known here.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from telemetry import profiles
from telemetry.limit_profile import Profile, Rule


@dataclass(frozen=True)
class Judge:
    """`named` is the profile that the site's table names; `published` holds at the site now, None when none does."""

    named: str
    published: Profile | None = None

    def profile(self, name: str) -> Profile | None:
        """What a device that names this profile is judged by; None where only the record may know."""
        if self.published is not None and name in (self.named, self.published.name):
            return self.published
        return profiles.load(name) if name in profiles.names() else None

    def rules(self, kind: str, name: str) -> Mapping[str, Rule] | None:
        """Its rules for that kind."""
        found = self.profile(name)
        return found.rules.get(kind, {}) if found is not None else None
