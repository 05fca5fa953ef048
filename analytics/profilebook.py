"""
Which profile holds where: those that come with the package, and those that were published to sites.

Rule 1: a site's published profile holds for every device of the site, but for those whose own configuration names
another one than the site's.
Rule 2: a profile is found by its label, which is of all that it says; another one is never taken in its place.
"""

from collections.abc import Iterable

import msgspec

from telemetry import profiles
from telemetry.errors import ConfigError
from telemetry.limit_profile import Profile


class SiteShelf(msgspec.Struct, omit_defaults=True):
    """The profiles of a site. `versions`: the newest of each name that was ever taken."""

    name: str = "cn"  # as its configuration says
    current: Profile | None = None
    waiting: Profile | None = None  # until it is effective
    versions: dict[str, tuple[int, str]] = {}  # version and hash


class ProfileBook:
    """All profiles that a partition, or a replay, knows."""

    def __init__(self) -> None:
        self.sites: dict[str, SiteShelf] = {}
        self.known: dict[str, Profile] = {}  # by label: what is or was published

    def shelf(self, site: str) -> SiteShelf:
        """What there is for a site."""
        return self.sites.setdefault(site, SiteShelf())

    def named(self, site: str) -> str:
        """The name that a site's configuration gives."""
        return self.sites[site].name if site in self.sites else "cn"

    def holds(self, site: str, name: str, current: Profile | None = None) -> Profile:
        """
        The profile for a device of a site that names this one; `current` instead of what is published there now.

        Raises ConfigError when there is none.
        """
        shelf = self.sites.get(site)
        published = current or (shelf.current if shelf is not None else None)
        if published is not None and name in (self.named(site), published.name):
            return published
        return profiles.load(name)

    def find(self, label: str) -> Profile:
        """The profile of that label. Raises ConfigError when it is not known here."""
        found = self.known.get(label)
        for name in profiles.names() if found is None else ():
            if profiles.load(name).label == label:
                return profiles.load(name)
        if found is None:
            raise ConfigError(f"the limit profile {label} is not known here")
        return found

    def add(self, found: Iterable[Profile]) -> None:
        """Know these, too."""
        self.known |= {profile.label: profile for profile in found}

    def used(self, labels: set[str]) -> list[Profile]:
        """
        Those of these labels, the packaged ones, too: the next version of the program may come with others. What
        neither they nor a site names is forgotten.
        """
        found = {label: self.find(label) for label in sorted(labels)}
        for shelf in self.sites.values():
            found |= {profile.label: profile for profile in (shelf.current, shelf.waiting) if profile is not None}
        self.known = {label: profile for label, profile in self.known.items() if label in found}
        return list(found.values())
