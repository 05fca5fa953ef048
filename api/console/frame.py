"""What every page of the console has: landmarks, navigation, theme and language, a clock that repaints."""

import copy
import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from html import escape
from importlib import resources
from itertools import count

from nicegui import ui
from nicegui.context import context

from api.console import nav
from api.console.places import Place
from api.console.visitor import THEMES, Visitor, visitor
from api.i18n import Tongue

REPAINT_S = 0.5


class Live:
    """A piece of HTML that is sent again only when it has changed."""

    def __init__(self, make: Callable[[], str], classes: str = "") -> None:
        """`make` gives safe HTML: everything from outside is escaped in it."""
        self._make = make
        self._last = make()
        self._element = ui.html(self._last, sanitize=False).classes(classes)

    def paint(self) -> None:
        """Make it new."""
        made = self._make()
        if made != self._last:
            self._last = made
            self._element.set_content(made)


def raw(content: str, classes: str = "", tag: str = "div") -> ui.html:
    """HTML of ours, in which everything from outside has been escaped."""
    return ui.html(content, sanitize=False, tag=tag).classes(classes)


def title(words: str, level: int = 2) -> None:
    """A heading; `words` is HTML."""
    raw(words, "cw-title", f"h{level}")


def button(words: str, on_click: Callable[..., object], *, plain: bool = False) -> ui.button:
    """A button, large enough for a thumb."""
    made = ui.button(words, color=None, on_click=on_click).props("unelevated no-caps")
    return made.classes("cw-button plain" if plain else "cw-button")


def arrive() -> Visitor:
    """Whoever opens this page; from here on the page is in their language and theme."""
    client = context.client
    found = visitor(client.request)
    # The page is the route's and shared by all of its visitors: this one gets a copy with their own language.
    client.page = copy.copy(client.page)
    client.page.language = found.tongue.html_lang
    client.page.dark = THEMES[found.theme]
    return found


@contextmanager
def page(who: Visitor, title: str, *, place: Place | None = None, here: str = "", trail: str = "") -> Iterator[None]:
    """
    The shell of a page: header, navigation of the site, one h1, the main part.

    `title` is plain text; `here` the nav's entry that is current; `trail` HTML in front of the title.
    """
    t = who.tongue
    ui.add_css(_own("console.css"))
    ui.colors(primary="#1d4ed8")
    ui.page_title(f"{title} · cranewatch")
    words = {
        "stopped": t.gettext("NOT MONITORED: page data stopped {span} ago", span="%"),
        "old": t.gettext("≥ {span} ago", span="%"),
        "lost": t.gettext("NOT MONITORED"),
        "unknown": t.gettext("alarm state unknown"),
        "units": [t.gettext("{n} s", n="%"), t.gettext("{n} min", n="%"), t.gettext("{n} h", n="%")],
    }
    # Escaped once more for HTML: this text goes into a page.
    ui.add_head_html(f"<script>window.cwWords = {json.dumps(words).replace('<', chr(92) + 'u003c')}</script>")
    with context.client.layout:
        head = raw(nav.header(who, place), "cw-top", "header").props("role=banner")
        head.move(target_index=0)
        if place is not None:
            label = t.gettext("pages of the site")
            bar = raw(nav.links(who, place, here), "cw-nav", "nav").props(f'aria-label="{escape(label)}"')
            bar.move(target_index=1)
    with ui.element("div").classes("cw-page").props('id="main" tabindex="-1"'):
        raw(f"{trail}<h1>{escape(title)}</h1>", "cw-heading")
        yield


@contextmanager
def denied(who: Visitor) -> Iterator[None]:
    """The page for whoever may not see what they asked for."""
    t = who.tongue
    with page(who, t.gettext("not allowed")):
        raw(t.markup("Your account does not reach here. Whoever administers it can tell why."), "cw-empty")
        yield


def note(t: Tongue, error: object) -> None:
    """Tell at the foot of the page that something was not done."""
    ui.notify(t.gettext("not done: {why}", why=str(error)), type="negative", timeout=10_000, close_button=True)


def repaint(paint: Callable[[], None]) -> None:
    """
    Call `paint` twice a second for as long as the page is open.

    Each time the page gets a new number, though nothing else may have changed: when it stays away, the page's own
    watchdog says that what it shows has stopped. A paint that fails gives no number, so that it is noticed too.
    """
    ui.add_body_html(f"<script>{_own('watchdog.js')}</script>")
    pulse = ui.element("i").classes("cw-pulse").style("display: none")
    beats = count()

    def turn() -> None:
        paint()
        pulse.props(f"data-beat={next(beats)}")

    ui.timer(REPAINT_S, turn)


def _own(name: str) -> str:
    return (resources.files("api.console") / name).read_text("utf-8")
