"""What the posts of one bay look like together, as they were last known. Pure: time comes in, nothing is kept."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from analytics.channels import COLUMN
from analytics.formwork import Formworks
from analytics.table import Array
from telemetry.wire.payloads import Pour, SiteConfig, Words

_D: Final = COLUMN["formwork"]
Permit = Pour


@dataclass(frozen=True, slots=True)
class Site:
    """A site's configuration, asked for its pours."""

    config: SiteConfig

    def permit(self, bay: str, now: int) -> Permit | None:
        """The permit under which a bay is poured now (Unix ms): the one that began last; None without any."""
        valid = [pour for pour in self.config.pours if pour.bay == bay and pour.valid_from <= now < pour.valid_to]
        return max(valid, key=lambda pour: (pour.valid_from, pour.permit), default=None)


@dataclass(frozen=True, slots=True)
class Seen:
    """The value of a bay's rule, NaN where it cannot be said, and which posts it is about."""

    value: float
    detail: Words | None = None


class Posts:
    """The posts of a bay at one moment."""

    def __init__(self, fleet: Formworks, rows: Sequence[int], now: int) -> None:
        """`rows` are the posts', in the order of their ids; `now` in Unix ms."""
        self.fleet = fleet
        self.rows = np.array(rows)
        self.names = [fleet.devices[row].key[2] for row in rows]
        self.place = {name: k for k, name in enumerate(self.names)}
        table = fleet.table
        self.pouring = bool((table["pouring"][self.rows] & self._fresh(now, pour=True)).any())
        self.fresh = self._fresh(now, pour=self.pouring)
        self.settle_fresh = self.fresh & self._channel_fresh(now, "settle_mm")
        self.force_fresh = self.fresh & self._channel_fresh(now, "force_kn")
        self.settle = table["value"][self.rows, _D["settle_mm"]].astype(np.float64)

    def _age(self, *, pour: bool) -> Array:
        least = 1000.0 * self.fleet.figure(self.rows, "bay_age_s")
        return least if pour else np.maximum(least, 3.0 * self.fleet.every(self.rows))

    def _fresh(self, now: int, *, pour: bool) -> Array:
        fresh: Array = now - self.fleet.table["heard"][self.rows] <= self._age(pour=pour)
        return fresh

    def _channel_fresh(self, now: int, channel: str) -> Array:
        at = self.fleet.table["good_at"][self.rows, self.fleet.tracked.index(channel)]
        fresh: Array = now - at <= self._age(pour=self.pouring)
        return fresh

    def label(self, k: int) -> str:
        """What people call a post."""
        config = self.fleet.devices[int(self.rows[k])].config
        return (config.display_name if config else "") or self.names[k]

    def pairs(self) -> list[tuple[int, int, float]]:
        """Neighbouring posts and the distance between them in m, each pair once; NaN where none is configured."""
        spans: dict[tuple[int, int], float] = {}
        for k, row in enumerate(self.rows.tolist()):
            config = self.fleet.devices[row].config
            for name in config.neighbours if config else ():
                other = self.place.get(name)
                if config is not None and other is not None and other != k:
                    pair = (min(k, other), max(k, other))
                    spans[pair] = float(np.fmin(spans.get(pair, np.nan), config.span_m or np.nan))
        return [(a, b, span) for (a, b), span in sorted(spans.items())]

    def loaded(self) -> list[str]:
        """The posts that have taken load lately, by id."""
        least = self.fleet.figure(self.rows, "pour_rise_pct")
        taken = self.force_fresh & (self.fleet.table["gained"][self.rows] >= least)
        return [self.names[k] for k in np.flatnonzero(taken)]

    def lonely(self, *, pour: bool) -> None:
        """Note whose neighbours cannot be compared with, in a pour."""
        table = self.fleet.table
        lone = np.zeros(len(self.rows), np.bool_)
        for k, row in enumerate(self.rows.tolist()):
            config = self.fleet.devices[row].config
            others = [self.place.get(name) for name in config.neighbours] if config else []
            lone[k] = pour and any(other is None or not self.fresh[other] for other in others)
        changed = self.rows[lone != table["lonely"][self.rows]]
        table["lonely"][self.rows] = lone
        self.fleet.dirty.update(changed.tolist())


def look(posts: Posts, permit: Permit | None, loaded: frozenset[str]) -> dict[str, Seen]:
    """The value of each of the bay's rules; `loaded`: the posts that were loaded under the permit."""
    return {
        "differential": _differential(posts),
        "load_transfer": _transfer(posts),
        "pour_order": _order(posts, permit, loaded),
        "pour_rate": _rate(posts, permit),
    }


def _differential(posts: Posts) -> Seen:
    """Difference of settlement of neighbours in % of L/1000: L in m is the limit in mm."""
    worst, found = np.nan, Seen(np.nan)
    for a, b, span in posts.pairs():
        if posts.settle_fresh[a] and posts.settle_fresh[b]:
            apart = round(
                abs(posts.settle[a] - posts.settle[b]), 4
            )  # readings are singles: 4.2 - 1.0 is just below 3.2
            share = apart / span * 100.0
            if share > worst or (np.isnan(worst) and not np.isnan(share)):
                worst = share
                words = f"{posts.label(a)} – {posts.label(b)} {apart:.1f} mm"
                found = Seen(float(share), Words(zh=words, en=words))
    return found


def _transfer(posts: Posts) -> Seen:
    """How much a post has shed, % of its design, while one beside it took load; 0 where none does."""
    table, rows = posts.fleet.table, posts.rows
    shed, gained = table["shed"][rows].astype(np.float64), table["gained"][rows].astype(np.float64)
    least = posts.fleet.figure(rows, "neighbour_gain_pct")
    found = Seen(np.nan)
    for a, b, _ in posts.pairs():
        if not (posts.force_fresh[a] and posts.force_fresh[b]):
            continue
        for loser, winner in ((a, b), (b, a)):
            if np.isnan(shed[loser]) or np.isnan(gained[winner]):
                continue
            value = float(shed[loser]) if gained[winner] >= least[winner] else 0.0
            if np.isnan(found.value) or value > found.value:
                words = f"{posts.label(loser)} → {posts.label(winner)}"
                found = Seen(value, Words(zh=words, en=words))
    return found


def _order(posts: Posts, permit: Permit | None, loaded: frozenset[str]) -> Seen:
    """How many posts were left out before the one that is loaded furthest on; silent ones are not counted."""
    if permit is None or not permit.order:
        return Seen(0.0)
    taken = [k for k, name in enumerate(permit.order) if name in loaded]
    if not taken:
        return Seen(0.0)
    missing = [
        name for name in permit.order[: taken[-1]]
        if name not in loaded and name in posts.place and posts.force_fresh[posts.place[name]]
    ]  # fmt: skip
    if not missing:
        return Seen(0.0)
    last, first = permit.order[taken[-1]], missing[0]
    label = posts.label(posts.place[last]) if last in posts.place else last
    skipped = posts.label(posts.place[first])
    words = Words(zh=f"{label} 先于 {skipped}", en=f"{label} before {skipped}")
    return Seen(float(len(missing)), words)


def _rate(posts: Posts, permit: Permit | None) -> Seen:
    """The force that all posts take in a minute, in % of what the permit allows; unknown ones count as nothing."""
    if permit is None or permit.max_kn_per_min is None:
        return Seen(0.0)
    rate = posts.fleet.table["force_rate"][posts.rows].astype(np.float64)
    known = posts.force_fresh & ~np.isnan(rate)
    if not known.any():
        return Seen(np.nan)
    total = float(np.maximum(rate[known], 0.0).sum())
    words = f"{total:.1f} kN/min"
    return Seen(total / permit.max_kn_per_min * 100.0, Words(zh=words, en=words))
