"""The limits that a device is judged by, for pages that draw them: the analyzer decides, this reads the same data."""

from functools import lru_cache
from typing import Final

from api.live.picture import DeviceView, SiteView
from telemetry import profiles
from telemetry.errors import ConfigError
from telemetry.limit_profile import Profile

ALARM: Final = "alarm"


def profile(site: SiteView | None, view: DeviceView) -> Profile | None:
    """The limit profile of a device: the one published to its site under that name, else one of the package."""
    named = view.config.profile if view.config is not None else "cn"
    sent = site.profile if site is not None else None
    # What was published to the site stands for all of its devices.
    try:
        return _published(sent.text) if sent is not None else profiles.load(named)
    except ConfigError:
        return None


def limit(site: SiteView | None, view: DeviceView, rule: str, step: str = ALARM) -> float | None:
    """The limit of a rule on a device: its own, else the profile's; None where nobody knows."""
    own = view.config.limits.get(rule, {}).get(step) if view.config is not None else None
    if own is not None:
        return own
    found = profile(site, view)
    declared = found.rules.get(view.kind, {}).get(rule) if found is not None else None
    return declared.steps[step].set.value if declared is not None and step in declared.steps else None


@lru_cache(maxsize=64)
def _published(text: str) -> Profile:
    return profiles.parse(text, "published")
