"""The line that says whether a site is watched."""

from api.console import cards, frame
from api.console.places import Place
from api.console.visitor import Visitor
from api.deps import Parts
from telemetry.clock import now_ms


class Status:
    """It, repainted."""

    def __init__(self, parts: Parts, place: Place, who: Visitor) -> None:
        self._parts, self._place, self._tongue = parts, place, who.tongue
        self._element = frame.raw("")
        self._last = ""
        self.paint()

    def paint(self) -> None:
        """Make it new."""
        picture, place = self._parts.feed.picture, self._place
        line, lost = cards.status(self._tongue, picture, place.site, now_ms(), registered=place.known)
        if line != self._last:
            self._last = line
            self._element.set_content(line)
            self._element.classes(replace="cw-status lost" if lost else "cw-status")
