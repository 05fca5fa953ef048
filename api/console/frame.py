"""What every page of the console has: the header, the theme, the status line, a clock that repaints."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from html import escape
from importlib import resources
from itertools import count

from nicegui import ui

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


def _own(name: str) -> str:
    return (resources.files("api.console") / name).read_text("utf-8")


def style() -> None:
    """The console's style sheet, on this page."""
    ui.add_css(_own("console.css"))


@contextmanager
def page(crumbs: list[tuple[str, str]]) -> Iterator[None]:
    """Header and theme; `crumbs` are (words, link), the last one without a link."""
    style()
    dark = ui.dark_mode(None)
    with ui.element("div").classes("cw-top"):
        brand = 'cranewatch <span class="en">塔机与危大工程监测</span>'
        ui.html(f'<a href="/" class="brand">{brand}</a>', sanitize=False)
        trail = " / ".join(
            f'<a href="{escape(link)}">{escape(words)}</a>' if link else f"<b>{escape(words)}</b>"
            for words, link in crumbs
        )
        ui.html(f'<span class="crumb">{trail}</span>', sanitize=False)
        ui.element("div").classes("grow")

        def turn() -> None:
            dark.value = not dark.value

        ui.button("日/夜 day/night", on_click=turn).props("flat dense no-caps size=sm color=grey-7")
    yield


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
