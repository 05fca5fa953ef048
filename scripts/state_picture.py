"""
A state diagram as SVG: boxes where they read best, arrows from what is given.

Rule 1: only the places of the boxes are decided here; which boxes and arrows there are comes from the caller, and a box
without a place is an error.
Rule 2: what leads into a state from nearly everywhere, or back into the same one, is written beside its box: forty
arrows are no picture.
"""

import math
from collections.abc import Mapping, Sequence
from html import escape
from typing import Final, NamedTuple

WIDTH: Final = 1260
HEIGHT: Final = 880
BOX: Final = (196, 64)
BREAK: Final = 4  # names in a line
MANY: Final = 5  # states from which one signal leads here
PLACES: Final[dict[str, tuple[int, int]]] = {
    "normal": (210, 500),
    "unacknowledged": (450, 235),
    "acknowledged": (1110, 100),
    "returned_unacknowledged": (600, 650),
    "latched_unacknowledged": (860, 420),
    "latched_acknowledged": (1100, 560),
    "suppressed_by_design": (150, 90),
    "shelved": (170, 770),
    "disabled": (520, 780),
}
COLOURS: Final[dict[str, str]] = {
    "normal": "#e6f4ea", "unacknowledged": "#fdd9d7", "acknowledged": "#fde9c9", "returned_unacknowledged": "#fdf3d0",
    "latched_unacknowledged": "#fdd9d7", "latched_acknowledged": "#fde9c9",
}  # fmt: skip


class Arrow(NamedTuple):
    """From a state to another, by these signals in Chinese and English."""

    of: str
    to: str
    words: tuple[tuple[str, str], ...]


def picture(states: Mapping[str, tuple[str, str]], arrows: Sequence[Arrow]) -> str:
    """The whole file. Raises KeyError when a state has no place."""
    counts: dict[tuple[str, tuple[str, str]], list[str]] = {}
    for arrow in arrows:
        for words in arrow.words:
            counts.setdefault((arrow.to, words), []).append(arrow.of)
    drawn: list[Arrow] = []
    notes: dict[str, list[str]] = {name: [] for name in states}
    for arrow in arrows:
        left = tuple(w for w in arrow.words if arrow.of != arrow.to and len(counts[arrow.to, w]) < MANY)
        if left:
            drawn.append(Arrow(arrow.of, arrow.to, left))
    for (to, words), sources in counts.items():
        if to in sources:
            notes[to].append(f"↻ {' '.join(words)}")
        if len(sources) >= MANY:
            names = [states[name][0] for name in sources]
            notes[to].append(f"← {' '.join(words)}：{'、'.join(names[:BREAK])}")
            notes[to] += ["、".join(names[n : n + BREAK]) for n in range(BREAK, len(names), BREAK)]
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" font-family="system-ui, sans-serif">',
        '<defs><marker id="tip" viewBox="0 0 10 10" refX="9" refY="5" markerWidth="7" markerHeight="7" orient="auto">'
        '<path d="M0 0 10 5 0 10z" fill="#444"/></marker></defs>',
        f'<rect width="{WIDTH}" height="{HEIGHT}" fill="#fff"/>',
        *(line for arrow in drawn for line in _arrow(arrow)),
        *(line for name, words in states.items() for line in _box(name, words, notes[name])),
        "</svg>",
    ]
    return "\n".join(parts) + "\n"


def _box(name: str, words: tuple[str, str], notes: Sequence[str]) -> list[str]:
    x, y = PLACES[name]
    wide, high = BOX
    fill = COLOURS.get(name, "#eceff1")
    found = [
        f'<rect x="{x - wide // 2}" y="{y - high // 2}" width="{wide}" height="{high}" rx="12" fill="{fill}"'
        ' stroke="#444" stroke-width="1.5"/>',
        f'<text x="{x}" y="{y - 5}" text-anchor="middle" font-size="19" font-weight="700">{escape(words[0])}</text>',
        f'<text x="{x}" y="{y + 18}" text-anchor="middle" font-size="14">{escape(words[1])}</text>',
    ]
    # Beside the edge that is nearer: arrows come from the middle.
    below = y > HEIGHT / 2
    for n, note in enumerate(notes):
        line = y + high // 2 + 18 + 17 * n if below else y - high // 2 - 10 - 17 * (len(notes) - 1 - n)
        found.append(_label(x, line, note))
    return found


def _label(x: float, y: float, text: str) -> str:
    return (
        f'<text x="{x:.0f}" y="{y:.0f}" text-anchor="middle" font-size="12.5" fill="#222" stroke="#fff"'
        f' stroke-width="4" paint-order="stroke">{escape(text)}</text>'
    )


def _arrow(arrow: Arrow) -> list[str]:
    (x1, y1), (x2, y2) = PLACES[arrow.of], PLACES[arrow.to]
    length = math.hypot(x2 - x1, y2 - y1)
    # Bent to its right, so that there and back are two lines.
    bend = 50 + 0.05 * length
    mx, my = (x1 + x2) / 2 + bend * (y1 - y2) / length, (y1 + y2) / 2 + bend * (x2 - x1) / length
    (sx, sy), (ex, ey) = _edge(x1, y1, mx, my), _edge(x2, y2, mx, my)
    # The middle of the curve is half way between its ends' middle and its handle.
    lx, ly = (sx + ex) / 4 + mx / 2, (sy + ey) / 4 + my / 2
    found = [
        f'<path d="M{sx:.0f} {sy:.0f} Q{mx:.0f} {my:.0f} {ex:.0f} {ey:.0f}" fill="none" stroke="#444"'
        ' stroke-width="1.4" marker-end="url(#tip)"/>'
    ]
    for n, words in enumerate(arrow.words):
        found.append(_label(lx, ly + 5 + 16 * (n - (len(arrow.words) - 1) / 2), " ".join(words)))
    return found


def _edge(x: float, y: float, tox: float, toy: float) -> tuple[float, float]:
    """Where the line from a box's middle to there leaves the box."""
    wide, high = BOX[0] / 2 + 3, BOX[1] / 2 + 3
    dx, dy = tox - x, toy - y
    scale = min(wide / abs(dx) if dx else math.inf, high / abs(dy) if dy else math.inf)
    return x + dx * scale, y + dy * scale
