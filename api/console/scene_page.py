"""
The site in three dimensions, live: masts, jibs, trolleys, hooks, posts.

What is not known is not drawn: a crane without a position is left out, one without a bearing has a mast and no jib, and
one that says nothing is grey.
"""

import math
from dataclasses import dataclass
from html import escape
from typing import Any, Final

from nicegui import ui

from api import present
from api.charts import value
from api.console import cards, frame
from api.console.places import Place
from api.console.plan import COUNTER_SHARE, Standing, standing
from api.console.status import Status
from api.console.visitor import Visitor
from api.deps import Parts
from telemetry.clock import now_ms

MAST_M: Final = 50.0  # drawn where nobody has given its height
COLOURS: Final = {0: "#4b5563", 1: "#4b5563", 2: "#e0a800", 3: "#b00000", 4: "#b00000"}
GREY: Final = "#b6bcc6"


@dataclass(frozen=True, slots=True)
class Pose:
    """How a crane stands: the jib's angle in radians from east towards north, trolley and hook in m; None: unknown."""

    angle: float | None
    radius_m: float | None
    hook_m: float | None
    colour: str


def pose(one: Standing, now: int, *, lost: bool) -> Pose:
    """It, from the latest sample. Pure."""
    view = one.view
    worst = max((int(a.severity) for a in present.alarms([view]) if a.active or a.hold), default=0)
    colour = GREY if lost or cards.silent(view, now) else COLOURS[worst]
    angle = None if one.bearing is None else math.radians(90 - one.bearing)
    return Pose(angle, value(view, "radius_m"), value(view, "hook_m"), colour)


class _Crane:
    """The shapes of one crane, and how they were last."""

    def __init__(self, scene: ui.scene, one: Standing) -> None:
        config = one.view.config
        height = (config.mast_m if config is not None else None) or MAST_M
        self._height = height
        self._drawn: Pose | None = None
        counter = (config.counter_jib_m if config is not None else None) or one.jib_m * COUNTER_SHARE
        self._mast = scene.box(2.4, 2.4, height).move(one.x, one.y, height / 2)
        scene.text(cards.name_of(one.view), style="color: #111; font-weight: 700; text-shadow: 0 0 3px #fff").move(
            one.x, one.y, height + 9
        )
        with scene.group().move(one.x, one.y, height) as self._jib:
            self._parts: list[Any] = [
                scene.box(one.jib_m, 1.6, 1.6).move(one.jib_m / 2, 0, 0.6),
                scene.box(counter, 1.4, 1.0).move(-counter / 2, 0, 0.5),
                scene.box(3.2, 2.0, 2.4).move(-counter + 1.6, 0, -1.0),
                scene.box(1.2, 1.2, 6).move(0, 0, 3),
            ]
            with scene.group() as self._trolley:
                self._parts.append(scene.box(1.8, 1.6, 0.8).move(0, 0, -0.4))
                self._rope = scene.box(0.3, 0.3, 1).material("#111827")
                self._hook = scene.box(2.2, 2.2, 2.2)

    def paint(self, now: Pose) -> None:
        """Only what has moved is sent."""
        last, self._drawn = self._drawn, now
        if last is None or last.colour != now.colour:
            for part in (self._mast, *self._parts, self._hook):
                part.material(now.colour)
        if last is None or last.angle != now.angle:
            self._jib.visible(now.angle is not None)
            self._jib.rotate(0, 0, now.angle or 0.0)
        if last is None or (last.radius_m, last.hook_m) != (now.radius_m, now.hook_m):
            known = now.radius_m is not None
            self._trolley.visible(known)
            self._trolley.move(now.radius_m or 0.0, 0, 0)
            drop = max(0.5, self._height - (now.hook_m if now.hook_m is not None else self._height))
            self._rope.visible(now.hook_m is not None).scale(1, 1, drop).move(0, 0, -drop / 2)
            self._hook.visible(now.hook_m is not None).move(0, 0, -drop)


async def build(parts: Parts, who: Visitor, place: Place) -> None:
    """The page."""
    t, site, picture = who.tongue, place.site, parts.feed.picture
    cranes = standing(picture.present(site, now_ms()))
    with frame.page(who, t.gettext("3-D view"), place=place, here="-"):
        status = Status(parts, place, who)
        with ui.element("div").classes("cw-wide"):
            if not cranes:
                frame.raw(t.markup("No plan: no crane of this site has a position yet."), "cw-empty")
                frame.repaint(status.paint)
                return
            middle = sum(one.x for one in cranes) / len(cranes), sum(one.y for one in cranes) / len(cranes)
            reach = max(math.hypot(one.x - middle[0], one.y - middle[1]) + one.jib_m for one in cranes)
            label = t.gettext("cranes in three dimensions; the plan of the site has the same in two")
            with ui.scene(width=1200, height=620, grid=(int(reach * 2.6), 26), background_color="#dfe5ec") as scene:
                scene.classes("cw-scene").props(f'role=img aria-label="{escape(label)}"')
                drawn = {one.view.device: _Crane(scene, one) for one in cranes}
                for view in picture.present(site, now_ms()):
                    if view.kind == "formwork" and view.config is not None and view.config.position_m is not None:
                        x, y = view.config.position_m
                        scene.box(0.4, 0.4, 8).move(x, y, 4).material("#94a3b8")
                scene.move_camera(
                    x=middle[0], y=middle[1] - reach * 1.05, z=reach * 0.7, look_at_x=middle[0], look_at_y=middle[1],
                    look_at_z=reach * 0.12, duration=0,
                )  # fmt: skip
            frame.raw(t.markup("drag to turn, wheel or two fingers to come nearer; north is away from you"), "cw-note")

        def paint() -> None:
            status.paint()
            now = now_ms()
            lost = picture.lost(site, now) is not None
            for one in standing(picture.present(site, now)):
                if one.view.device in drawn:
                    drawn[one.view.device].paint(pose(one, now, lost=lost))

        frame.repaint(paint)
