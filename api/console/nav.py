"""The console's header and the navigation of a site, as HTML. Pure."""

from html import escape
from typing import Final

from api.console.places import Place
from api.console.visitor import THEME_COOKIE, Visitor
from api.i18n import COOKIE, N_, NAMES, Tongue
from telemetry.roles import ROLE_WORDS, Permission

# In the order in which a safety officer's day needs them.
PAGES: Final[tuple[tuple[str, str, Permission], ...]] = (
    ("handover", N_("Handover"), Permission.READ),
    ("", N_("Site"), Permission.READ),
    ("alarms", N_("Alarms"), Permission.READ),
    ("history", N_("History"), Permission.READ),
    ("record", N_("Completeness"), Permission.READ),
    ("quality", N_("Alarm quality"), Permission.READ_PEOPLE),
    ("tests", N_("Proof tests"), Permission.READ),
    ("limits", N_("Limits"), Permission.READ),
    ("duty", N_("Duty"), Permission.READ_PEOPLE),
    ("config", N_("Configuration"), Permission.READ_DEVICES),
)
THEME_WORDS: Final = {"auto": N_("as the device"), "light": N_("light"), "dark": N_("dark")}


def header(who: Visitor, place: Place | None) -> str:
    """Brand, site, language, theme, and who is here."""
    t = who.tongue
    site = f'<a href="/site/{escape(place.site)}"><b>{escape(place.name)}</b></a>' if place is not None else ""
    languages = {str(language): name for language, name in NAMES.items()}
    themes = {theme: t.gettext(words) for theme, words in THEME_WORDS.items()}
    skip = f'<a class="cw-skip" href="#main">{t.markup("to the content")}</a>'
    return (
        f'{skip}<a href="/" class="brand">cranewatch</a><span class="crumb"><a href="/sites">{t.markup("Sites")}</a>'
        f'{" / " if site else ""}{site}</span><span class="grow"></span>'
        f"{_choice(COOKIE, t.gettext('language'), languages, str(t.language))}"
        f"{_choice(THEME_COOKIE, t.gettext('colours'), themes, who.theme)}{_person(who, t)}"
    )


def links(who: Visitor, place: Place, here: str) -> str:
    """Where one can go within a site; the pages that a role does not reach are not there."""
    t = who.tongue
    made = []
    for leaf, words, permission in PAGES:
        if who.may(permission, place.site):
            current = ' aria-current="page"' if leaf == here else ""
            made.append(
                f'<a href="/site/{escape(place.site)}{"/" if leaf else ""}{leaf}"{current}>{t.markup(words)}</a>'
            )
    return "".join(made)


def _choice(cookie: str, label: str, options: dict[str, str], chosen: str) -> str:
    made = "".join(
        f'<option value="{value}"{" selected" if value == chosen else ""}>{escape(words)}</option>'
        for value, words in options.items()
    )
    keep = f"document.cookie='{cookie}='+this.value+';path=/;max-age=31536000;samesite=lax';location.reload()"
    return f'<select aria-label="{escape(label)}" onchange="{keep}">{made}</select>'


def _person(who: Visitor, t: Tongue) -> str:
    roles = ", ".join(t.pick(ROLE_WORDS[role]) for role in who.principal.roles)
    leave = "fetch('/api/v1/auth/logout',{method:'POST'}).finally(()=>location.assign('/login'))"
    users = f'<a href="/users">{t.markup("Users")}</a>' if who.principal.anywhere(Permission.USERS) else ""
    return (
        f'{users}<span class="cw-who" title="{escape(roles)}">{escape(who.name)}</span>'
        f'<button class="cw-out" onclick="{leave}">{t.markup("sign out")}</button>'
    )
