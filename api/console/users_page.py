"""Accounts: who may what where, invitations, and what was done lately."""

from html import escape

from nicegui import ui

from api.access.tokens import INVITATION
from api.console import frame
from api.console.visitor import Visitor
from api.deps import Parts
from api.i18n import NAMES, Language, Tongue, zone
from api.problems import Problem
from telemetry.errors import ConfigError, StorageError
from telemetry.roles import EVERYWHERE, ROLE_WORDS, Permission, Role
from telemetry.storage import accounts, audit
from telemetry.storage.accounts import Account, Person
from telemetry.storage.audit import AuditRow

LOG: int = 40


async def build(parts: Parts, who: Visitor) -> None:
    """The page."""
    t = who.tongue
    with frame.page(who, t.gettext("Users")), ui.element("div").classes("cw-wide narrow"):
        with ui.element("section").classes("cw-panel"):
            frame.title(t.markup("accounts"))
            rows = ui.element("div").classes("cw-col tight")
        with ui.element("section").classes("cw-panel"):
            frame.title(t.markup("new account"))
            words = t.markup("They set their own password, by a link that works once, for {days} days.",
                             days=INVITATION.days)  # fmt: skip
            frame.raw(words, "cw-note")
            form = ui.element("div").classes("cw-form")
        link = frame.raw("")
        if who.principal.anywhere(Permission.AUDIT):
            with ui.element("section").classes("cw-panel"):
                frame.title(t.markup("done lately"))
                log = frame.raw("")
        else:
            log = None
        page = _Page(parts, who, rows, link, log)
        with form:
            page.form()
        await page.show()


class _Page:
    """The list, the form, the log."""

    def __init__(self, parts: Parts, who: Visitor, rows: ui.element, link: ui.html, log: ui.html | None) -> None:
        self._parts, self._who, self._tongue = parts, who, who.tongue
        self._rows, self._link, self._log = rows, link, log

    async def show(self) -> None:
        """Ask the record."""
        t, who = self._tongue, self._who.principal
        try:
            found = await accounts.accounts(self._parts.record())
            held = who.sites(Permission.AUDIT)
            sites = None if held is None else sorted(held)
            lines = await audit.page(self._parts.record(), sites=sites, limit=LOG) if self._log is not None else []
        except (StorageError, Problem) as error:
            frame.note(t, error)
            return
        self._rows.clear()
        with self._rows:
            for one in found:
                if all(who.may(Permission.USERS, site) for _, site in one.grants):
                    self._row(one)
        if self._log is not None:
            self._log.set_content(done(t, lines))

    def _row(self, one: Account) -> None:
        t = self._tongue
        with ui.element("div").classes("cw-form cw-version"):
            frame.raw(account(t, one), "grow")
            if one.disabled_at is None:
                frame.button(t.gettext("new link"), lambda: self._invite(one), plain=True)
                frame.button(t.gettext("close the account"), lambda: self._switch(one, disabled=True), plain=True)
            else:
                frame.button(t.gettext("open again"), lambda: self._switch(one, disabled=False), plain=True)

    def form(self) -> None:
        """A new account."""
        t = self._tongue
        login = ui.input(t.gettext("login")).props("outlined dense maxlength=64 autocomplete=off")
        name = ui.input(t.gettext("name")).props("outlined dense maxlength=64")
        organisation = ui.input(t.gettext("organisation")).props("outlined dense maxlength=64")
        roles = {role: t.pick(ROLE_WORDS[role]) for role in Role}
        role = ui.select(roles, value=Role.SAFETY_OFFICER, label=t.gettext("role")).props("outlined dense")
        held = self._who.principal.sites(Permission.USERS)
        known = sorted(self._parts.feed.picture.sites) if held is None else sorted(held)
        sites = {**({EVERYWHERE: t.gettext("all sites")} if held is None else {}), **{site: site for site in known}}
        site = ui.select(sites, value=next(iter(sites), None), label=t.gettext("site")).props("outlined dense")
        tongue = ui.select({str(one): words for one, words in NAMES.items()}, value=str(Language.ZH),
                           label=t.gettext("language")).props("outlined dense")  # fmt: skip

        async def add() -> None:
            texts = [(one.value or "").strip() for one in (login, name, organisation)]
            if not all(texts) or site.value is None:
                frame.note(t, t.gettext("login, name, organisation and site are needed"))
                return
            person = Person(texts[1], texts[2], frozenset({(Role(role.value), str(site.value))}), str(tongue.value))
            if not self._who.may(Permission.USERS, str(site.value)):
                return
            try:
                made = await accounts.add(self._parts.record(), self._who.actor, texts[0], person)
            except (ConfigError, StorageError) as error:
                frame.note(t, error)
                return
            await self._invite(made)
            await self.show()

        frame.button(t.gettext("Make the account"), add)

    async def _invite(self, one: Account) -> None:
        t = self._tongue
        try:
            token = await self._parts.access.invite(one, self._who.actor)
        except StorageError as error:
            frame.note(t, error)
            return
        path = f"/login#invitation={token}"
        words = t.markup("Give this link to {name}, and to nobody else:", name=one.display_name)
        self._link.set_content(f'<p class="cw-loud">{words}<br><code>{escape(path)}</code></p>')

    async def _switch(self, one: Account, *, disabled: bool) -> None:
        try:
            await accounts.disable(self._parts.record(), self._who.actor, one.user_id, disabled=disabled)
        except (ConfigError, StorageError) as error:
            frame.note(self._tongue, error)
        await self._parts.access.look()
        await self.show()


def account(t: Tongue, one: Account) -> str:
    """One account. Pure."""
    roles = ", ".join(
        f"{t.show(ROLE_WORDS[role])} @ {t.markup('all sites') if site == EVERYWHERE else escape(site)}"
        for role, site in sorted(one.grants)
    )
    state = f' <span class="cw-bad">✗ {t.markup("closed")}</span>' if one.disabled_at is not None else ""
    if one.password_hash is None and one.disabled_at is None:
        state = f' <span class="cw-tag">{t.markup("no password yet")}</span>'
    return (
        f"<b>{escape(one.display_name)}</b> {escape(one.login)}{state}"
        f'<div class="cw-note">{escape(one.organisation)} · {roles}</div>'
    )


def done(t: Tongue, lines: list[AuditRow]) -> str:
    """The audit log's newest lines. Pure."""
    made = "".join(
        f"<li>{t.moment(one.at, zone('UTC'), seconds=True)} UTC <b>{escape(one.who)}</b> {escape(one.action)}"
        f" {escape(one.target)}</li>"
        for one in lines
    )
    return f'<ul class="cw-lines">{made}</ul>' if made else f"<p>{t.markup('nothing recorded yet')}</p>"
