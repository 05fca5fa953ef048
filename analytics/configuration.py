"""
Configurations and limit profiles that come to a partition: taken, refused with an alarm to the desk, or waiting.

Rule 1: what is wrong, older or not let pass by two persons is refused; the last good one stays.
Rule 2: a profile holds from its effective time: at once when that is over, else from the first tick beyond it.
Rule 3: none of this ends, hides or quietens an alarm that is active (`holding`); it can end that one is suppressed.
"""

from collections.abc import Callable, Mapping
from typing import Final

import msgspec

from analytics import findings, texts
from analytics.alarm_record import Facts
from analytics.annunciator import Annunciator
from analytics.fleet import Fleet
from analytics.identity import DeviceKey
from analytics.profilebook import ProfileBook
from analytics.vocabulary import KNOWN
from telemetry import profiles
from telemetry.errors import ConfigError
from telemetry.limit_profile import Profile
from telemetry.model import Mode, Severity
from telemetry.persons import same_person
from telemetry.wire.payloads import Cause, DeviceConfig, SiteConfig, SiteProfile, Words

PROFILE: Final = "profile"
SITE: Final = "site"


class Configuration:
    """What a partition's devices and sites are judged by."""

    def __init__(
        self,
        fleets: Mapping[str, Fleet],
        annunciator: Annunciator,
        own: Callable[[str], DeviceKey],
    ) -> None:
        """`own` gives the key under which a site hears of the analyzer itself."""
        self._fleets = fleets
        self._annunciator = annunciator
        self._own = own
        self.book = ProfileBook()
        for fleet in fleets.values():
            fleet.book = self.book
        self.sites: dict[str, SiteConfig] = {}
        self.refused: dict[str, list[str]] = {}  # by site: which of PROFILE and SITE is not the last that came
        self.unfit: dict[DeviceKey, DeviceConfig] = {}  # refused, and tried again with the site's next profile

    # Devices and sites

    def device(self, key: DeviceKey, config: DeviceConfig, received: int) -> None:
        """A device's configuration; an older version is ignored."""
        fleet = self._fleets[key[1]]
        row = fleet.row(key[0], key[2])
        own = fleet.devices[row]
        if own.config is not None and config.version < own.config.version:
            return
        facts = Facts(at=received, cause=Cause(), key=f"config:{config.version}:{config.hash}", observed=True)
        try:
            fleet.check(config)
            for mode in Mode:
                fleet.resolve(own, config, mode)
        except ConfigError as error:
            self.unfit[key] = config
            facts.text, facts.action = texts.config_refused(str(error))
            facts.config = config.version
            self._annunciator.condition(key, "config", Severity.ADVISORY, facts)
            return
        self.unfit.pop(key, None)
        fleet.configure(row, config)
        self._apply(fleet, row, facts)
        fleet.declare(row)
        findings.clear(self._annunciator, key, "config", facts)

    def site(self, site: str, config: SiteConfig, received: int) -> None:
        """A site's configuration: the profile of devices that have no configuration of their own."""
        before = self.sites.get(site)
        if before is not None and config.version < before.version:
            return
        key = f"config:{config.version}:{config.hash}"
        facts = Facts(at=received, cause=Cause(), key=key, observed=True)
        shelf = self.book.shelf(site)
        was = shelf.name
        try:
            self.book.holds(site, config.profile)
            shelf.name = config.profile
            self._fits(site, None)
        except ConfigError as error:
            shelf.name = was
            self._refuse(site, SITE, facts, texts.config_refused(str(error)))
            return
        self.sites[site] = config
        self._accept(site, SITE, facts)
        for fleet in self._fleets.values():
            fleet.site_rules[site] = config.rules()
            for row, device in enumerate(fleet.devices):
                if device.key[0] == site:
                    device.site_profile = config.profile
                    if fleet.place(row, fleet.site_rules[site]):
                        fleet.unsaid.add(row)
        self._judge(site, facts)

    # Profiles

    def profile(self, site: str, sent: SiteProfile, received: int, now: int) -> None:
        """A profile that was published to a site."""
        at = max(now, received)
        if sent.before is not None and sent.before.effective <= at and not self._has(site, sent.before):
            self._take(site, sent.before, at)
        if not self._has(site, sent):
            self._take(site, sent, at)
            return
        self._accept(site, PROFILE, _facts(sent, at))

    def _has(self, site: str, sent: SiteProfile) -> bool:
        return self.book.shelf(site).versions.get(sent.name) == (sent.version, sent.hash)

    def _take(self, site: str, sent: SiteProfile, at: int) -> None:
        shelf, facts = self.book.shelf(site), _facts(sent, at)
        try:
            found = self._read(site, sent)
            self._fits(site, found)
        except ConfigError as error:
            self._refuse(site, PROFILE, facts, texts.profile_refused(f"{sent.name}/{sent.version}", str(error)))
            return
        self._accept(site, PROFILE, facts)
        shelf.versions[sent.name] = (sent.version, sent.hash)
        self.book.add([found])
        if sent.effective > at:
            shelf.waiting = found
            return
        shelf.current, shelf.waiting = found, None
        self._judge(site, facts)

    def _read(self, site: str, sent: SiteProfile) -> Profile:
        """Raises ConfigError when this is not a profile that two persons let pass, or an older one."""
        newest, known = self.book.shelf(site).versions.get(sent.name, (0, ""))
        if sent.version < newest:
            raise ConfigError(f"比已有的版本 {newest} 旧 older than version {newest}, which is here")
        if sent.version == newest:
            raise ConfigError(f"同一版本内容不同 version {newest} is here and says something else: {known[:12]}")
        if (
            not sent.proposed_by.strip()
            or not sent.approved_by.strip()
            or same_person(sent.proposed_by, sent.approved_by)
        ):
            raise ConfigError("未经两人批准 not let pass by a second person")
        found = profiles.parse(sent.text, f"{sent.name}/{sent.version}", known=KNOWN)
        if (found.name, found.version, found.effective) != (sent.name, sent.version, sent.effective):
            raise ConfigError("名称、版本或生效时间与正文不符 its text has another name, version or effective time")
        if found.hash != sent.hash:
            raise ConfigError(
                f"内容与批准的不符 {found.hash[:12]} here, {sent.hash[:12]} was let pass: its text was changed, or its"
                " base is of another version of cranewatch; propose and approve it again"
            )
        return found

    def _fits(self, site: str, profile: Profile | None) -> None:
        """Raises ConfigError when a device of the site could not be judged, in some mode, under this profile."""
        for fleet in self._fleets.values():
            for device in fleet.devices:
                if device.key[0] != site:
                    continue
                name = device.config.profile if device.config else self.book.named(site)
                try:
                    holds = self.book.holds(site, name, profile)
                    for mode in Mode:
                        fleet.resolve(device, None, mode, holds)
                except ConfigError as error:
                    raise ConfigError(f"{device.key[1]}/{device.key[2]}: {error}") from error

    def tick(self, now: int) -> None:
        """Profiles that have become effective."""
        for site, shelf in self.book.sites.items():
            found = shelf.waiting
            if found is None or found.effective > now:
                continue
            shelf.waiting = None
            facts = Facts(at=now, cause=Cause(tick=now), key=f"profile:{found.label}:effective", observed=True)
            try:
                self._fits(site, found)
            except ConfigError as error:
                self._refuse(site, PROFILE, facts, texts.profile_refused(f"{found.name}/{found.version}", str(error)))
                continue
            shelf.current = found
            self._judge(site, facts)

    # What changes

    def _judge(self, site: str, why: Facts) -> None:
        """Every device of the site by what holds now; then those whose configuration asked for it."""
        for fleet in self._fleets.values():
            for row, device in enumerate(fleet.devices):
                if device.key[0] == site and device.under is not None:
                    if fleet.profile(device).label != device.under.profile:
                        self._apply(fleet, row, why)
                    fleet.unsaid.add(row)
        for key, config in [one for one in self.unfit.items() if one[0][0] == site]:
            self.device(key, config, why.at)

    def _apply(self, fleet: Fleet, row: int, why: Facts) -> None:
        fleet.apply_limits(row)
        fleet.unsaid.add(row)
        key, suppressed = fleet.devices[row].key, fleet.limits[row].suppressed
        for rule, record in self._annunciator.records.get(key, {}).items():
            if record.suppressed and record.level > Severity.NONE and rule not in suppressed:
                again = msgspec.structs.replace(record.facts, at=why.at, cause=why.cause, key=why.key, observed=True)
                self._annunciator.condition(key, rule, record.level, again, suppressed=False)

    def _refuse(self, site: str, what: str, facts: Facts, words: tuple[Words, Words]) -> None:
        self.refused[site] = sorted({*self.refused.get(site, ()), what})
        facts.text, facts.action = words
        self._annunciator.condition(self._own(site), "config", Severity.ADVISORY, facts)

    def _accept(self, site: str, what: str, facts: Facts) -> None:
        left = [one for one in self.refused.pop(site, ()) if one != what]
        if left:
            self.refused[site] = left
        else:
            findings.clear(self._annunciator, self._own(site), "config", facts)


def _facts(sent: SiteProfile, at: int) -> Facts:
    return Facts(at=at, cause=Cause(), key=f"profile:{sent.name}:{sent.version}:{sent.hash}:{at}", observed=True)
