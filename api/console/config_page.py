"""
The file of a site: what it is configured with, as a text that is checked, compared and applied.

Rule: the same functions as the command and REST. Nothing is decided here, and what is dangerous is applied only after
the person has said that they have read it.
"""

from html import escape

import msgspec
from nicegui import ui

from api import sitefiles
from api.console import filetext, frame
from api.console.places import Place
from api.console.status import Status
from api.console.visitor import Visitor
from api.deps import Parts
from telemetry.clock import utc_now
from telemetry.errors import ConfigError, StorageError
from telemetry.roles import EVERYWHERE, Permission
from telemetry.sitefile import newcomer
from telemetry.sitefile.finding import errors
from telemetry.sitefile.words import File
from telemetry.storage import sitefile
from telemetry.storage.pool import Database
from telemetry.storage.sitefile import Contradicted


async def build(parts: Parts, who: Visitor, place: Place) -> None:
    """The page of a site."""
    t = who.tongue
    with frame.page(who, t.gettext("Configuration"), place=place, here="config"):
        status = Status(parts, place, who)
        frame.repaint(status.paint)
        with ui.element("div").classes("cw-wide narrow"):
            await _Editor(parts.database, who, place.site).load()


async def build_new(parts: Parts, who: Visitor) -> None:
    """The page of a site that is to be."""
    with frame.page(who, who.tongue.gettext("New site")), ui.element("div").classes("cw-wide narrow"):
        await _Editor(parts.database, who, None).load()


class _Editor:
    """The text, what was found in it, and what it changes. `site` is None for a new one."""

    def __init__(self, database: Database | None, who: Visitor, site: str | None) -> None:
        self._database, self._who, self._site, self._tongue = database, who, site, who.tongue
        self._tag = ""  # of what was taken: an import over something else is refused
        t = self._tongue
        ui.add_body_html(filetext.GO)
        with ui.element("section").classes("cw-panel"):
            frame.title(t.markup("the site's file"))
            frame.raw(
                t.markup(
                    "TOML; every key is explained in docs/site-file.md. Addresses are masked: masked ones are kept."
                ),
                "cw-note",
            )
            label = t.gettext("text of the site's file")
            self._text = ui.textarea(label).props(
                "outlined rows=22 spellcheck=false input-style='font-family: monospace; font-size: 13px'"
            )
            self._text.classes(f"w-full {filetext.EDITOR}")
            with ui.element("div").classes("cw-form"):
                frame.button(t.gettext("Check and compare"), self._check)
                if site is not None:
                    href = f"/api/v1/sites/{escape(site)}/file"
                    frame.raw(f'<a class="cw-link" href="{href}" download>{t.markup("download")}</a>')
        with ui.element("section").classes("cw-panel"):
            frame.title(t.markup("what it changes"))
            self._found = frame.raw(f"<p>{t.markup('check the text first')}</p>").props('aria-live="polite"')
            self._acts = ui.element("div").classes("cw-form")

    async def load(self) -> None:
        """The text as it stands in the record, or a first one."""
        t = self._tongue
        if self._database is None:
            self._found.set_content(f'<p class="cw-loud">{t.markup("the record does not answer")}</p>')
            return
        if self._site is None:
            self._text.value = newcomer.text()
            return
        try:
            held = await sitefile.held(self._database, self._site, utc_now())
        except StorageError as error:
            self._found.set_content(f'<p class="cw-loud">{t.markup("the record does not answer")}</p>')
            frame.note(t, error)
            return
        self._tag = held.tag if held is not None else ""
        people = self._who.may(Permission.READ_PEOPLE, self._site)
        self._text.value = held.written(people=people) if held is not None else newcomer.text(self._site)

    async def _check(self) -> None:
        t, text = self._tongue, self._text.value or ""
        self._acts.clear()
        try:
            file, found = await sitefiles.checked(text, self._database)
        except StorageError as error:
            frame.note(t, error)
            return
        if file is not None and self._site is not None and file.site.id != self._site:
            zh, en = f"文件是 {file.site.id} 的", f"the file is of {file.site.id}"
            self._found.set_content(f'<p class="cw-loud s3" role="alert">■ {t.show((zh, en))}</p>')
            return
        if file is None or self._database is None:
            self._found.set_content(filetext.findings(t, found, text))
            return
        if not self._who.may(Permission.READ_PEOPLE, file.site.id):
            # What differs would tell whom the record knows.
            file = msgspec.structs.replace(file, contacts=None, notify=None, roster=None)
        try:
            seen = await sitefile.put(self._database, file, self._who.actor, utc_now(), dry=True)
        except Contradicted as error:
            found = [*found, *sitefiles.contradicted(text, error)]
            self._found.set_content(filetext.findings(t, found, text))
            return
        except (ConfigError, StorageError) as error:
            frame.note(t, error)
            return
        self._found.set_content(filetext.findings(t, found, text) + filetext.changes(t, seen.changes))
        may = self._who.may(Permission.CONFIGURE, EVERYWHERE if seen.new else file.site.id)
        if seen.changes and may and not errors(found):
            self._offer(file, seen)

    def _offer(self, file: File, seen: sitefile.Imported) -> None:
        t = self._tongue
        with self._acts:
            read = None
            if seen.word:
                read = ui.checkbox(t.gettext("I have read the dangerous changes and answer for them"))

            async def apply() -> None:
                if read is not None and not read.value:
                    ui.notify(t.gettext("say first that you have read the dangerous changes"), type="warning")
                    return
                await self._apply(file, seen.word)

            frame.button(t.gettext("Apply"), apply)

    async def _apply(self, file: File, word: str) -> None:
        t = self._tongue
        if self._database is None:
            return
        try:
            await sitefile.put(
                self._database, file, self._who.actor, utc_now(), confirmed=word or False, expected=[self._tag]
            )
        except (ConfigError, StorageError) as error:
            frame.note(t, error)
            return
        ui.notify(t.gettext("done"), type="positive")
        self._acts.clear()
        self._found.set_content(f"<p><b>✓ {t.markup('applied; it reaches the devices within seconds')}</b></p>")
        if self._site is None:
            ui.navigate.to(f"/site/{file.site.id}/config")
            return
        await self.load()
