"""
Readings around an event, one small picture a channel, as SVG. Pure.

Rule: a line is not drawn across what was not measured, and what was marked invalid is no point of it.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from itertools import pairwise
from typing import Final
from zoneinfo import ZoneInfo

from api.console.wording import number
from api.i18n import Tongue, clock
from telemetry.kinds import Channel
from telemetry.model import Hazard

WIDTH: Final = 560
HEIGHT: Final = 96
LEFT: Final = 8
GAP_INTERVALS: Final = 5.0  # of the median distance between samples

# What to look at, by hazard; the alarm's own channel comes first.
LOOK_AT: Final[dict[str, tuple[str, ...]]] = {
    Hazard.LOAD: ("load_t", "rated_load_t", "hook_m", "radius_m"),
    Hazard.MOMENT: ("load_t", "rated_load_t", "radius_m", "hook_m"),
    Hazard.WIND: ("wind_mps", "slew_deg", "load_t"),
    Hazard.TILT: ("tilt_x_deg", "tilt_y_deg", "load_t", "slew_deg"),
    Hazard.LIMITS: ("hook_m", "radius_m", "slew_deg"),
    Hazard.ZONES: ("slew_deg", "radius_m", "hook_m", "load_t"),
    Hazard.FORCE: ("force_kn", "settle_mm"),
    Hazard.SETTLEMENT: ("settle_mm", "force_kn"),
    Hazard.SHIFT: ("shift_x_mm", "shift_y_mm"),
}
USUAL: Final[dict[str, tuple[str, ...]]] = {
    "crane": ("load_t", "radius_m", "wind_mps"),
    "formwork": ("force_kn", "settle_mm"),
}


@dataclass(frozen=True, slots=True)
class Trace:
    """One channel: (Unix ms, value), None where it was absent or invalid; a limit where the alarm has one for it."""

    channel: Channel
    points: Sequence[tuple[int, float | None]]
    limit: float | None = None


def channels(kind: str, hazard: str | None) -> tuple[str, ...]:
    """What to look at for an alarm of that hazard."""
    own = LOOK_AT.get(hazard or "", ())
    # Tilt is a hazard of both kinds, and not of the same channels.
    if kind == "formwork" and hazard == Hazard.TILT:
        return ("tilt_x_deg", "tilt_y_deg", "force_kn")
    return own or USUAL.get(kind, ())


def drawn(t: Tongue, traces: Sequence[Trace], begin: int, end: int, event: int, zone: ZoneInfo) -> str:
    """All of them, with the event marked; a sentence where nothing was stored."""
    shown = [one for one in traces if any(value is not None for _, value in one.points)]
    if not shown:
        return f'<p class="cw-note">{t.markup("no readings are stored of this time")}</p>'
    return "".join(_one(t, one, begin, end, event, zone) for one in shown)


def _one(t: Tongue, one: Trace, begin: int, end: int, event: int, zone: ZoneInfo) -> str:
    values = [value for _, value in one.points if value is not None]
    low, high = min(values), max(values)
    if one.limit is not None:
        low, high = min(low, one.limit), max(high, one.limit)
    room = (high - low) * 0.12 or max(abs(high) * 0.05, 0.05)
    low, high = low - room, high + room

    def x(at: int) -> float:
        return LEFT + (at - begin) / (end - begin) * (WIDTH - 2 * LEFT)

    def y(value: float) -> float:
        return 4 + (high - value) / (high - low) * (HEIGHT - 8)

    name = t.pick((one.channel.zh, one.channel.en))
    decimals, unit = one.channel.decimals, one.channel.unit
    span = t.gettext("{low} to {high} {unit}", low=number(min(values), decimals), high=number(max(values), decimals),
                     unit=unit)  # fmt: skip
    limit = ""
    if one.limit is not None:
        limit = f'<line class="limit" x1="{LEFT}" x2="{WIDTH - LEFT}" y1="{y(one.limit):.1f}" y2="{y(one.limit):.1f}"/>'
    path = "".join(
        f'<path class="line" d="M{" L".join(f"{x(at):.1f} {y(value):.1f}" for at, value in run)}"/>'
        for run in runs(one.points)
    )
    ends = f"<span>{clock(begin, zone, seconds=True)}</span><b>{clock(event, zone, seconds=True)}</b>"
    return (
        f'<figure class="cw-trace"><figcaption><b>{escape(name)}</b> {escape(span)}</figcaption>'
        f'<svg viewBox="0 0 {WIDTH} {HEIGHT}" preserveAspectRatio="none" role="img" aria-label="{escape(name)} '
        f'{escape(span)}"><line class="event" x1="{x(event):.1f}" x2="{x(event):.1f}" y1="0" y2="{HEIGHT}"/>'
        f'{limit}{path}</svg><div class="ends">{ends}<span>{clock(end, zone, seconds=True)}</span></div></figure>'
    )


def runs(points: Sequence[tuple[int, float | None]]) -> list[list[tuple[int, float]]]:
    """Stretches without a gap; a lone point is drawn as a short dash."""
    steps = sorted(b[0] - a[0] for a, b in pairwise(points))
    usual = steps[len(steps) // 2] if steps else 1000
    found: list[list[tuple[int, float]]] = []
    last: int | None = None
    for at, value in points:
        if value is None:
            last = None
            continue
        if last is None or at - last > GAP_INTERVALS * max(usual, 1):
            found.append([])
        found[-1].append((at, value))
        last = at
    return [run if len(run) > 1 else [run[0], (run[0][0] + max(usual, 1), run[0][1])] for run in found]
