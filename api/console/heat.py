"""
A formwork bay from above: each post coloured and lettered by how near it is to its limit. Pure, SVG out.

Rule 1: to scale where all posts have a place, else in order of their names, and it says so.
Rule 2: an alarm of the post is always there too, whatever quantity is drawn.
Rule 3: the number is always there: colour alone says nothing to one man in twelve, nor in the sun.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from typing import Final

from api import present
from api.charts import value
from api.console.cards import alarm_sentence, name_of, path_of, silent
from api.console.wording import MARK, number
from api.i18n import Pair, Tongue
from api.limits import limit
from api.live.picture import DeviceView, SiteView
from telemetry.model import Severity

CELL: Final = 100.0
GRADES: Final = ((100.0, "h4"), (80.0, "h3"), (50.0, "h2"), (25.0, "h1"))  # per cent of the limit


@dataclass(frozen=True, slots=True)
class Quantity:
    """What is drawn: a channel, and the rule whose alarm is its limit."""

    channel: str
    rule: str
    unit: str
    words: Pair
    decimals: int = 1


QUANTITIES: Final[dict[str, Quantity]] = {
    "settle": Quantity("settle_mm", "settlement", "mm", ("沉降", "settlement")),
    "force": Quantity("force_kn", "force", "kN", ("轴力", "force")),
}


@dataclass(frozen=True, slots=True)
class Post:
    """One post: its value, its limit, how much of it is used in per cent; None is not known."""

    view: DeviceView
    value: float | None
    limit: float | None

    @property
    def share(self) -> float | None:
        """Per cent of the limit."""
        return abs(self.value) / self.limit * 100 if self.value is not None and self.limit else None


def posts(site: SiteView | None, views: Sequence[DeviceView], of: Quantity) -> list[Post]:
    """The posts with the quantity that is asked for."""
    found = []
    for view in views:
        bound = limit(site, view, of.rule)
        if of.rule == "force":
            # Its limit is in per cent of the design force.
            design = view.config.design_force_kn if view.config is not None else None
            bound = bound / 100 * design if bound is not None and design is not None else None
        found.append(Post(view, value(view, of.channel), bound))
    return found


def placed(views: Sequence[DeviceView]) -> tuple[list[tuple[float, float]], bool]:
    """A place for each post in cells, and whether that is to scale."""
    given = [view.config.position_m if view.config is not None else None for view in views]
    known = [place for place in given if place is not None]
    if len(known) == len(views) and len(set(known)) == len(views) and len(views) > 1:
        pairs = [(a, b) for k, a in enumerate(known) for b in known[k + 1 :]]
        step = min(math.dist(a, b) for a, b in pairs)
        west, north = min(x for x, _ in known), max(y for _, y in known)
        return [((x - west) / step, (north - y) / step) for x, y in known], True
    columns = max(1, math.ceil(math.sqrt(len(views))))
    return [(float(k % columns), float(k // columns)) for k in range(len(views))], False


def heat(t: Tongue, site: SiteView | None, views: Sequence[DeviceView], of: Quantity, now: int) -> str:
    """The map."""
    if not views:
        return f'<div class="cw-empty">{t.markup("nothing has been heard of this bay")}</div>'
    places, to_scale = placed(views)
    width = (max(x for x, _ in places) + 1) * CELL
    height = (max(y for _, y in places) + 1) * CELL
    cells = "".join(
        _cell(t, post, x * CELL, y * CELL, of, now) for post, (x, y) in zip(posts(site, views, of), places, strict=True)
    )
    note = t.markup("to scale, north up") if to_scale else t.markup("in order of names: not every post has a place")
    label = t.gettext("posts of the bay, {what}", what=of.words)
    return (
        f'<svg class="cw-heat" viewBox="-4 -4 {width + 8:.0f} {height + 8:.0f}" role="group"'
        f' aria-label="{escape(label)}">{cells}</svg><p class="cw-note">{note}</p>'
    )


def _cell(t: Tongue, post: Post, x: float, y: float, of: Quantity, now: int) -> str:
    view, share = post.view, post.share
    old = silent(view, now)
    grade = next((name for bound, name in GRADES if share is not None and share >= bound), "h0")
    figure = number(post.value, of.decimals)
    used = "?" if old or share is None else f"{share:.0f} %"
    label = f"{name_of(view)}: {figure} {of.unit}, {used}, {t.ago(view.age_ms(now))}"
    name = view.device.removeprefix("post-")
    kind = "old" if old else grade
    # Whatever quantity is drawn: a post with an alarm of another one is not the calmest of the map.
    worst = next((one for one in present.alarms([view]) if one.severity >= Severity.PREWARNING and one.active), None)
    if worst is not None:
        kind += f" s{worst.severity}"
        name = f"{MARK[worst.severity]} {name}"
        label = f"{label}, {t.pick(alarm_sentence(worst))}"
    return (
        f'<a href="{path_of(view)}" aria-label="{escape(label)}"><g class="{kind}">'
        f"<title>{escape(label)}</title>"
        f'<rect x="{x + 3:.0f}" y="{y + 3:.0f}" width="{CELL - 6:.0f}" height="{CELL - 6:.0f}" rx="8"/>'
        f'<text class="name" x="{x + CELL / 2:.0f}" y="{y + 24:.0f}">{escape(name)}</text>'
        f'<text class="share" x="{x + CELL / 2:.0f}" y="{y + 58:.0f}">{used}</text>'
        f'<text class="value" x="{x + CELL / 2:.0f}" y="{y + 82:.0f}">{figure} {of.unit}</text></g></a>'
    )
