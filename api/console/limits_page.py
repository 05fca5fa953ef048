"""
The limit profiles of a site: what holds, what is proposed, what differs, what became of it when it was tried.

Rule: the same functions as the command (`telemetry/storage/profiles.py`): one person proposes, another approves, and
what was approved never changes. Nothing is decided here.
"""

import asyncio
from collections.abc import Callable
from html import escape
from typing import TypeVar

from nicegui import ui

from api.console import difference, frame
from api.console.places import Place
from api.console.status import Status
from api.console.visitor import Visitor
from api.deps import Parts
from telemetry import profiles, vocabulary
from telemetry.clock import now_ms
from telemetry.errors import ConfigError, StorageError
from telemetry.limit_profile import Profile
from telemetry.profile_diff import differences
from telemetry.roles import Permission
from telemetry.storage import backtests
from telemetry.storage.pool import Database
from telemetry.storage.profiles import ProfileStore, Publication, Stored, packaged_base

T = TypeVar("T")


async def build(parts: Parts, who: Visitor, place: Place) -> None:
    """The page."""
    t = who.tongue
    with frame.page(who, t.gettext("Limits"), place=place, here="limits"):
        status = Status(parts, place, who)
        frame.repaint(status.paint)
        with ui.element("div").classes("cw-wide narrow"):
            if parts.database is None:
                frame.raw(t.markup("the record does not answer"), "cw-empty")
                return
            page = _Page(parts.database, who, place)
            await page.load()


class _Page:
    """The lists, the text that is edited, and what it changes."""

    def __init__(self, database: Database, who: Visitor, place: Place) -> None:
        self._database, self._who, self._place, self._tongue = database, who, place, who.tongue
        t = self._tongue
        with ui.element("section").classes("cw-panel"):
            frame.title(t.markup("what holds here"))
            self._holds = frame.raw("")
        with ui.element("section").classes("cw-panel"):
            frame.title(t.markup("versions"))
            self._versions = ui.element("div").classes("cw-col")
        with ui.element("section").classes("cw-panel") as self._looked:
            frame.title(t.markup("what it changes"))
            self._shown = frame.raw(f"<p>{t.markup('look at a version, or check a text')}</p>")
            self._acts = ui.element("div").classes("cw-form")
        if who.may(Permission.PROPOSE, place.site):
            with ui.element("section").classes("cw-panel"):
                frame.title(t.markup("propose a version"))
                frame.raw(t.markup("TOML; say only what differs from its base, and where each number comes from"),
                          "cw-note")  # fmt: skip
                self._text = ui.textarea(t.gettext("text of the profile"), value=_example(place)).props(
                    "outlined rows=14 spellcheck=false input-style='font-family: monospace; font-size: 13px'"
                )
                self._text.classes("w-full")
                with ui.element("div").classes("cw-form"):
                    frame.button(t.gettext("Check and compare"), self._check, plain=True)
                    frame.button(t.gettext("Propose"), self._propose)

    async def load(self) -> None:
        """Ask the record for what there is."""
        t, site = self._tongue, self._place.site
        try:
            rows, published = await self._run(lambda store: (store.all(), store.publications()))
        except (ConfigError, StorageError) as error:
            self._holds.set_content(t.markup("the record does not answer") + f" {escape(str(error))}")
            return
        mine = [one for one in published if one.site == site]
        self._holds.set_content(self._said(mine))
        self._versions.clear()
        with self._versions:
            for row in reversed(rows):
                self._version(row, mine)

    def _said(self, mine: list[Publication]) -> str:
        t = self._tongue
        if not mine:
            return f"<p>{t.markup('nothing was published to this site: the profile of the package holds')}</p>"
        lines = []
        for one in mine[:5]:
            at = t.moment(one.published_at, self._place.zone, year=True)
            words = t.markup("published {at} by {who}", at=at, who=one.published_by)
            lines.append(f"<li><b>{escape(one.profile.label)}</b> · {words}</li>")
        return f'<ul class="cw-lines">{"".join(lines)}</ul>'

    def _version(self, row: Stored, mine: list[Publication]) -> None:
        t = self._tongue
        if row.packaged:
            state = t.markup("comes with cranewatch")
        elif row.approved_by is None:
            state = f'<span class="cw-tag s2">▲ {t.markup("waits for a second person")}</span>'
        else:
            state = t.markup("approved by {who}", who=row.approved_by)
        holds = mine and mine[0].profile.label == row.label
        here = f' <span class="cw-tag">● {t.markup("holds here")}</span>' if holds else ""
        by = t.markup("proposed by {who}", who=row.proposed_by)
        with ui.element("div").classes("cw-form cw-version"):
            frame.raw(f"<b>{escape(row.label)}</b> {state}{here} <span class='cw-note'>{by}</span>", "grow")
            frame.button(t.gettext("Look"), lambda: self._look(row), plain=True)

    async def _look(self, row: Stored) -> None:
        t, place = self._tongue, self._place
        try:
            old, tried = await self._run(lambda store: store.before(row)), await self._tried(row)
        except (ConfigError, StorageError) as error:
            frame.note(t, error)
            return
        new = profiles.parse(row.source, row.label, bases=profiles.packaged)
        title = t.markup("tried on the record")
        self._shown.set_content(
            f"<p><b>{escape(old.label)} → {escape(new.label)}</b></p>"
            f'{difference.table(t, differences(old, new))}<h3 class="cw-sub">{title}</h3>{tried}'
        )
        self._acts.clear()
        with self._acts:
            if row.packaged or not self._who.may(Permission.APPROVE, place.site):
                return
            signer, by = self._who.principal.name, self._who.actor
            if row.approved_by is None:
                why = ui.input(t.gettext("why, for the record")).props("outlined dense").classes("grow")

                def approve(store: ProfileStore) -> object:
                    return store.approve(row.name, row.version, signer, why.value or None, vocabulary.known(), by)

                frame.button(t.gettext("Approve"), lambda: self._act(approve))
            else:

                def publish(store: ProfileStore) -> object:
                    return store.publish(place.site, row.name, row.version, signer, now_ms(), by)

                frame.button(t.gettext("Publish to this site"), lambda: self._act(publish))

    async def _act(self, work: Callable[[ProfileStore], object]) -> None:
        t = self._tongue
        try:
            await self._run(work)
        except (ConfigError, StorageError) as error:
            frame.note(t, error)
            return
        ui.notify(t.gettext("done"), type="positive")
        self._acts.clear()
        await self.load()

    async def _check(self) -> None:
        t, text = self._tongue, self._text.value or ""

        def compare(store: ProfileStore) -> tuple[Profile, Profile]:
            new = profiles.parse(text, "text", bases=store.base, known=vocabulary.known())
            before = store.approved_before(new.name, new.version)
            return (profiles.parse(before.source, before.label) if before else packaged_base(text)), new

        try:
            old, new = await self._run(compare)
        except ConfigError as error:
            self._shown.set_content(f'<pre class="cw-wrong">{escape(str(error))}</pre>')
            return
        except StorageError as error:
            frame.note(t, error)
            return
        self._acts.clear()
        head = f"<p><b>{escape(old.label)} → {escape(new.label)}</b></p>"
        self._shown.set_content(head + difference.table(t, differences(old, new)))

    async def _propose(self) -> None:
        text = self._text.value or ""
        signer, by = self._who.principal.name, self._who.actor

        def propose(store: ProfileStore) -> object:
            return store.propose(text, "text", signer, vocabulary.known(), by)

        await self._act(propose)

    async def _tried(self, row: Stored) -> str:
        found = await backtests.listed(self._database, hash_=row.hash, limit=20)
        return difference.tried(self._tongue, self._place, found)

    async def _run(self, work: Callable[[ProfileStore], T]) -> T:
        """In a thread: the store is the command's, and blocks. Raises ConfigError and StorageError."""

        def inside() -> T:
            with ProfileStore(self._database.settings) as store:
                return work(store)

        return await asyncio.to_thread(inside)


def _example(place: Place) -> str:
    return f'name = "{place.site[:32]}"\nversion = 1\nbase = "cn"\nzh = "{place.name[:20]}"\nen = "{place.site}"\n'
