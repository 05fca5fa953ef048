"""
What the analyzer knows and says about itself: troubles, its own clock, and doubt about its own memory.

Rule: each site's desk is told under `cw/v1/{site}/analyzer/p{n}`; one whose first device comes later, at the next tick.
"""

from collections.abc import Callable, Sequence
from typing import Final

from analytics import findings, texts
from analytics.alarm_record import Facts
from analytics.annunciator import Annunciator
from analytics.identity import DeviceKey
from telemetry.model import Severity
from telemetry.wire.payloads import Cause, Words

DOUBT_MS: Final = 20 * 60_000  # the longest window, the trend's
OWN_KIND: Final = "analyzer"


class Ourselves:
    """The state of one partition's analyzer that is about no device."""

    def __init__(self, partition: int, annunciator: Annunciator, sites: Callable[[], Sequence[str]]) -> None:
        """
        Alarms go to `annunciator`; whoever calls takes them from there. `sites` looks at every device, and is asked
        only when there is something to say.
        """
        self._partition = partition
        self._annunciator = annunciator
        self._sites = sites
        self.lost: str | None = None  # which part of our memory, of `texts.REASONS`
        self.unjournalled = False  # said by the shell while the journal cannot be written
        self.troubles: dict[str, tuple[int, str]] = {}  # what is wrong with us: since when, and its words
        self.clock_off = False
        self.doubt_until: int | None = None
        self.doubt_at = 0
        self.clean: dict[str, int] = {}  # by site: up to when the record was reviewed

    def key(self, site: str) -> DeviceKey:
        """Under what a site hears of us."""
        return (site, OWN_KIND, f"p{self._partition}")

    # Doubt

    @property
    def doubt(self) -> str | None:
        """Why the analyzer doubts itself: all coverage is degraded."""
        return "journal" if self.unjournalled else self.lost

    def doubted(self, why: str, at: int) -> None:
        """State was lost, for a reason of `texts.REASONS`: a doubt until it is reviewed, and the windows are full."""
        # A lost session is the smaller of the two, and must not hide that the state is gone.
        self.lost = self.lost if self.lost == "warm_start" else why
        self.doubt_at = at
        self.doubt_until = max(self.doubt_until or 0, at + (DOUBT_MS if why == "warm_start" else 0))

    def reviewed(self, site: str, clean_to: int) -> None:
        """A site's record is reviewed up to there (Unix ms)."""
        self.clean[site] = max(self.clean.get(site, 0), clean_to)

    def trust_again(self, now: int) -> None:
        """A doubt ends when what it is about was reviewed, and the windows are full."""
        if self.doubt_until is None or now < self.doubt_until:
            return
        if all(self.clean.get(site, 0) >= self.doubt_at for site in self._sites()):
            self.lost = self.doubt_until = None

    # Troubles

    def trouble(self, rule: str, detail: str | None, at: int) -> None:
        """Something is wrong with ourselves (with words), or is over (None)."""
        if detail is not None:
            self.troubles.setdefault(rule, (at, detail))
            self.tell()
        elif self.troubles.pop(rule, None) is not None:
            for site in self._sites():
                self._over(site, rule, f"{rule}_over:{at}", at)

    def tell(self) -> None:
        """Every site that does not know yet what is wrong."""
        sites = self._sites() if self.troubles else ()
        for rule, (since, detail) in self.troubles.items():
            for site in sites:
                record = self._annunciator.record(self.key(site), rule)
                if record is None or record.level is Severity.NONE:
                    self._wrong(site, rule, f"{rule}:{since}", since, texts.trouble(rule, detail))

    # Our clock

    def clock(self, ours: float | None, now: int, *, heard: bool) -> None:
        """By how much (ms) most clocks differ from ours, None for not at all; nobody knows if none was `heard`."""
        if ours is not None and not self.clock_off:
            self.clock_off = True
            for site in self._sites():
                self._wrong(site, "clock", f"own_clock:{now}", now, texts.own_clock(ours / 1000))
        elif ours is None and self.clock_off and heard:
            self.clock_off = False
            for site in self._sites():
                self._over(site, "clock", f"own_clock_good:{now}", now)

    def _wrong(self, site: str, rule: str, key: str, at: int, words: tuple[Words, Words]) -> None:
        text, action = words
        facts = Facts(at=at, cause=Cause(tick=at), key=key, observed=True, text=text, action=action)
        self._annunciator.condition(self.key(site), rule, Severity.ALARM, facts)

    def _over(self, site: str, rule: str, key: str, at: int) -> None:
        facts = Facts(at=at, cause=Cause(tick=at), key=key, observed=True)
        findings.clear(self._annunciator, self.key(site), rule, facts)
