"""
Whoever looks at a page: who they are, what they may, and how they want to read it.

Rule: a page asks `may` before it shows a button. Whether the act is allowed is decided again where it is carried out.
"""

from dataclasses import dataclass
from typing import Any, Final

from fastapi import Request

from api.i18n import COOKIE, Tongue, choose
from telemetry.roles import Permission, Principal

THEME_COOKIE: Final = "cw_theme"
THEMES: Final[dict[str, bool | None]] = {"auto": None, "light": False, "dark": True}


@dataclass(frozen=True, slots=True)
class Visitor:
    """One person, for as long as their page is open. `principal` is None where nobody has to sign in."""

    tongue: Tongue
    principal: Principal | None = None
    theme: str = "auto"

    @property
    def name(self) -> str:
        """Who answers, as the record will have it; empty where it has to be asked."""
        return self.principal.display_name or self.principal.name if self.principal is not None else ""

    def may(self, permission: Permission, site: str) -> bool:
        """Whether this is allowed at that site."""
        return self.principal is None or self.principal.may(permission, site)

    def sees(self, site: str) -> bool:
        """Whether they may look at that site at all."""
        return self.may(Permission.READ, site)


def visitor(request: Request) -> Visitor:
    """The visitor that a request comes from."""
    state: dict[str, Any] = request.scope.get("state") or {}
    principal = state.get("principal")
    own = principal.language if principal is not None else None
    language = choose(request.cookies.get(COOKIE), request.headers.get("accept-language"), own)
    theme = request.cookies.get(THEME_COOKIE, "auto")
    return Visitor(Tongue(language), principal, theme if theme in THEMES else "auto")
