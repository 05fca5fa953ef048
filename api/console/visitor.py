"""
Whoever looks at a page: who they are, what they may, and how they want to read it.

Rule: a page asks `may` before it shows a button. Whether the act is allowed is decided again where it is carried out.
"""

from dataclasses import dataclass
from typing import Final

from fastapi import Request

from api.access.gate import actor_of
from api.i18n import COOKIE, Tongue, choose
from telemetry.roles import Permission, Principal
from telemetry.storage.audit import Actor

THEME_COOKIE: Final = "cw_theme"
THEMES: Final[dict[str, bool | None]] = {"auto": None, "light": False, "dark": True}


@dataclass(frozen=True, slots=True)
class Visitor:
    """One person, for as long as their page is open. `actor` is who the audit log says did it."""

    tongue: Tongue
    principal: Principal
    actor: Actor
    theme: str = "auto"

    @property
    def name(self) -> str:
        """The name that others know them by."""
        return self.principal.display_name or self.principal.name

    def may(self, permission: Permission, site: str) -> bool:
        """Whether this is allowed at that site."""
        return self.principal.may(permission, site)

    def sees(self, site: str) -> bool:
        """Whether they may look at that site at all."""
        return self.may(Permission.READ, site)


def visitor(request: Request) -> Visitor:
    """The visitor that a request comes from; the gate has let them in."""
    principal: Principal = request.state.principal
    language = choose(request.cookies.get(COOKIE), request.headers.get("accept-language"), principal.language)
    theme = request.cookies.get(THEME_COOKIE, "auto")
    return Visitor(Tongue(language), principal, actor_of(request), theme if theme in THEMES else "auto")
